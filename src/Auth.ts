/**
 * Credentials for servers: bearer tokens (RFC 6750) that are acquired, kept, and replaced when they
 * expire or are refused.
 *
 * - A token is acquired once for all requests that need it, and kept until shortly before it
 *   expires.
 * - After a 401 the token is replaced and the request is repeated once, if its body can be. The
 *   response of a second 401 is returned.
 * - The token is sent only to the origins that are listed. Neither a redirect nor the URL of a
 *   request can send it elsewhere.
 * - It is never shown: Authorization is redacted in logs, spans and output.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { Effect, Redacted } from "effect"
 * import { Auth, PooledHttpClient } from "effect-http-client"
 *
 * // In a service this asks a token endpoint.
 * const acquire = Effect.succeed({ token: Redacted.make("secret"), expiresIn: "1 hour" } as const)
 *
 * export const program = Effect.gen(function*() {
 *   const auth = yield* Auth.refreshing(acquire, { origins: ["https://api.example.com"] })
 *   const client = Auth.client(yield* HttpClient.HttpClient, auth)
 *   return yield* client.get("https://api.example.com/items")
 * }).pipe(Effect.provide(PooledHttpClient.layer))
 * ```
 *
 * @since 0.2.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type { RequestError } from "@effect/platform/HttpClientError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Redacted from "effect/Redacted"
import type * as ConnectionPool from "./ConnectionPool.ts"
import type * as HttpConnection from "./HttpConnection.ts"
import type { InvalidOption } from "./HttpError.ts"
import type { HttpRequest } from "./HttpRequest.ts"
import type { HttpResponse } from "./HttpResponse.ts"
import { AuthorizedPool, executeWith } from "./internal/auth/pool.ts"
import * as internal from "./internal/auth/refreshing.ts"
import { withTokens } from "./internal/platform/auth.ts"
import type * as Origin from "./Origin.ts"

/**
 * The type id of credentials.
 *
 * @since 0.2.0
 * @category type ids
 */
export const TypeId: typeof internal.TypeId = internal.TypeId

/**
 * The type of the type id of credentials.
 *
 * @since 0.2.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * A bearer token, and how long it may be used. If both times are given, the earlier one counts.
 *
 * @since 0.2.0
 * @category models
 */
export interface Token {
  /** Printable ASCII characters without spaces. */
  readonly token: Redacted.Redacted
  /**
   * How long it is valid, counted from the start of the acquisition: `expires_in` of OAuth.
   * Default: until a server refuses it.
   */
  readonly expiresIn?: Duration.DurationInput | undefined
  /** When it expires; a number is milliseconds since 1970. Default: as for `expiresIn`. */
  readonly expiresAt?: Date | number | undefined
}

/**
 * Where tokens are sent, and when they are replaced.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options {
  /**
   * The origins whose requests get the token: URLs without a path, or origins. Scheme, host and
   * port must match. At least one.
   */
  readonly origins: ReadonlyArray<string | Origin.Origin>
  /**
   * How long before a token expires it is replaced, so that it does not expire on its way. At most
   * half of the time that it is valid. Default: 5 seconds.
   */
  readonly margin?: Duration.DurationInput | undefined
}

/**
 * Bearer tokens that are acquired when they are needed. Create it with `refreshing`. Its output has
 * no token.
 *
 * @since 0.2.0
 * @category models
 */
export interface Refreshing<out E = never> {
  readonly [TypeId]: TypeId
  /**
   * Returns the current token, acquired if there is none. Fails as `acquire` fails, and with
   * `InvalidOption` if its result is no token that can be sent, or if `acquire` itself asks for it.
   */
  readonly token: Effect.Effect<Redacted.Redacted, E | InvalidOption>
  /**
   * Forgets the current token, so that the next request acquires another one. A token that is being
   * acquired serves the requests that wait for it, and no other.
   */
  readonly forget: Effect.Effect<void>
}

/**
 * A pool whose requests have a token. Everything but `execute` is that of the pool below, so the
 * requests of a lease have none.
 *
 * @since 0.2.0
 * @category models
 */
export interface Pool<out E = never> extends Omit<ConnectionPool.ConnectionPool, "execute"> {
  /** As in a pool. It also fails as `acquire` fails. */
  execute<B = never>(request: HttpRequest<B>): Effect.Effect<HttpResponse, E | ConnectionPool.ExecuteFailure<B>>
}

/**
 * True if a value was made by `refreshing`.
 *
 * @since 0.2.0
 * @category guards
 */
export const isRefreshing: (u: unknown) => u is Refreshing<unknown> = internal.isRefreshing

/**
 * Keeps a bearer token for requests to some origins, and acquires the next one when it is needed.
 * Nothing is acquired before the first request.
 *
 * There is one acquisition at a time, for all requests that wait for it. If `acquire` fails, they
 * fail with its error, and the next request tries again. Interrupting one of them does not affect
 * the others; when the last one is interrupted, so is `acquire`. It runs with the context in which
 * `refreshing` ran. A request that `acquire` itself sends gets no token.
 *
 * Fails with `InvalidOption` if an option is invalid.
 *
 * @example
 * ```ts
 * import { Effect, Redacted, Schema } from "effect"
 * import { Auth, ConnectionPool, HttpBody, HttpRequest } from "effect-http-client"
 *
 * const Granted = Schema.Struct({ access_token: Schema.String, expires_in: Schema.Number })
 *
 * // The client credentials grant of OAuth 2.0 (RFC 6749 section 4.4).
 * export const program = Effect.gen(function*() {
 *   const pool = yield* ConnectionPool.ConnectionPool
 *   const acquire = Effect.gen(function*() {
 *     const response = yield* pool.execute(HttpRequest.post("https://login.example.com/token", {
 *       body: HttpBody.form({ grant_type: "client_credentials" })
 *     }))
 *     const granted = yield* response.schemaJson(Granted)
 *     return { token: Redacted.make(granted.access_token), expiresIn: granted.expires_in * 1000 }
 *   })
 *   const auth = yield* Auth.refreshing(acquire, { origins: ["https://api.example.com"] })
 *   return yield* Auth.pool(pool, auth).execute(HttpRequest.get("https://api.example.com/items"))
 * })
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const refreshing: <E, R>(
  acquire: Effect.Effect<Token, E, R>,
  options: Options
) => Effect.Effect<Refreshing<E>, InvalidOption, R> = internal.refreshing

/**
 * Returns a client whose requests to the listed origins have the token.
 *
 * It may be applied below or above `PooledHttpClient.followRedirects`. Below, so before it in a
 * `pipe`, each hop to a listed origin has the token. Above, the redirects drop it for every other
 * origin. Apply it below the `followRedirects` of the platform, which sends fields to other
 * origins.
 *
 * A request that has an Authorization field keeps it. A body that cannot be sent again, such as a
 * stream, is not: the 401 is returned, and the next request acquires another token.
 *
 * Its requests also fail as `acquire` fails. Interruption ends the request, and leaves the token to
 * the others.
 *
 * @since 0.2.0
 * @category combinators
 */
export const client: {
  <E>(
    auth: Refreshing<E>
  ): <E2, R>(
    client: HttpClient.HttpClient.With<E2, R>
  ) => HttpClient.HttpClient.With<E | E2 | RequestError, R>
  <E, E2, R>(
    client: HttpClient.HttpClient.With<E2, R>,
    auth: Refreshing<E>
  ): HttpClient.HttpClient.With<E | E2 | RequestError, R>
} = dual(
  2,
  <E, E2, R>(
    client: HttpClient.HttpClient.With<E2, R>,
    auth: Refreshing<E>
  ): HttpClient.HttpClient.With<E | E2 | RequestError, R> => withTokens(client, internal.tokensOf(auth))
)

/**
 * Returns a pool whose requests to the listed origins have the token. The rules are those of
 * `client`. If `acquire` cannot fail, the result is a `ConnectionPool` for everything that needs
 * one.
 *
 * @since 0.2.0
 * @category combinators
 */
export const pool: {
  <E>(auth: Refreshing<E>): (pool: ConnectionPool.ConnectionPool) => Pool<E>
  <E>(pool: ConnectionPool.ConnectionPool, auth: Refreshing<E>): Pool<E>
} = dual(
  2,
  <E>(pool: ConnectionPool.ConnectionPool, auth: Refreshing<E>): Pool<E> =>
    new AuthorizedPool(pool, internal.tokensOf(auth))
)

/**
 * Sends a request on a single connection, with the token if the origin of the connection is listed.
 * The rules are those of `client`.
 *
 * @since 0.2.0
 * @category combinators
 */
export const execute = <E, B = never>(
  connection: HttpConnection.HttpConnection,
  auth: Refreshing<E>,
  request: HttpRequest<B>
): Effect.Effect<HttpResponse, E | HttpConnection.ExecuteFailure<B>> =>
  executeWith(internal.tokensOf(auth), request, connection.origin, (request) => connection.execute(request))
