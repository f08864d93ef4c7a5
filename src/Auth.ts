/**
 * Credentials for servers: Basic (RFC 7617), Digest (RFC 7616), and bearer tokens (RFC 6750). A
 * token is fixed, or acquired when it is needed and replaced when it expires or is refused.
 *
 * - They are sent only to the origins that are listed. Neither a redirect nor the URL of a request
 *   can send them elsewhere, and no challenge of another origin is answered.
 * - A token is acquired once for all requests that need it, and a nonce of Digest serves all later
 *   requests.
 * - After a 401 that another token or another digest may change, the request is sent again if its
 *   body can be sent again. Otherwise the response is returned.
 * - They are never shown: Authorization is redacted in logs, spans and output.
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
import type * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import { dual } from "effect/Function"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as ConnectionPool from "./ConnectionPool.ts"
import type * as HttpConnection from "./HttpConnection.ts"
import type { InvalidOption } from "./HttpError.ts"
import type { HttpRequest } from "./HttpRequest.ts"
import type { HttpResponse } from "./HttpResponse.ts"
import * as credentials from "./internal/auth/credentials.ts"
import { schemeOf } from "./internal/auth/credentials.ts"
import * as digests from "./internal/auth/digest.ts"
import * as fixed from "./internal/auth/fixed.ts"
import { AuthorizedPool, executeWith } from "./internal/auth/pool.ts"
import * as internal from "./internal/auth/refreshing.ts"
import { withCredentials } from "./internal/platform/auth.ts"
import type * as Origin from "./Origin.ts"
import type { Upgraded, UpgradeRefused } from "./Upgrade.ts"

/**
 * The type id of credentials.
 *
 * @since 0.2.0
 * @category type ids
 */
export const TypeId: typeof credentials.TypeId = credentials.TypeId

/**
 * The type of the type id of credentials.
 *
 * @since 0.2.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * Credentials for some origins: made by `basic`, `bearer`, `digest` or `refreshing`. Their output
 * has no secrets. `E` is the error of acquiring them.
 *
 * @since 0.2.0
 * @category models
 */
export interface Credentials<out E = never> extends credentials.Credentials<E> {}

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
export interface Refreshing<out E = never> extends Credentials<E> {
  /**
   * Returns the current token, or acquires one. Fails as `acquire` fails. Fails with
   * `InvalidOption` if the result is not a token that can be sent, or if `acquire` itself needs it,
   * directly or through other tokens.
   */
  readonly token: Effect.Effect<Redacted.Redacted, E | InvalidOption>
  /**
   * Forgets the current token, so that the next request acquires another one. A token that is being
   * acquired is used only by the requests that already wait for it.
   */
  readonly forget: Effect.Effect<void>
}

/**
 * A pool whose requests have credentials, upgrades too. Everything else is that of the pool below,
 * so the requests of a lease have none. A CONNECT has none either, because it may be for a proxy.
 *
 * @since 0.2.0
 * @category models
 */
export interface Pool<out E = never> extends Omit<ConnectionPool.ConnectionPool, "execute" | "upgrade"> {
  /** As in a pool. It also fails if the credentials cannot be acquired, with that error. */
  execute<B = never>(request: HttpRequest<B>): Effect.Effect<HttpResponse, E | ConnectionPool.ExecuteFailure<B>>
  /** As in a pool. It also fails if the credentials cannot be acquired, with that error. */
  upgrade<B = never>(
    request: HttpRequest<B>
  ): Effect.Effect<Upgraded, E | ConnectionPool.ExecuteFailure<B> | UpgradeRefused, Scope.Scope>
}

/**
 * A user with a password, and where they are sent.
 *
 * @since 0.2.0
 * @category models
 */
export interface BasicOptions extends fixed.BasicOptions {}

/**
 * A bearer token, and where it is sent.
 *
 * @since 0.2.0
 * @category models
 */
export interface BearerOptions extends fixed.BearerOptions {}

/**
 * A user with a password, where digests of them are sent, and how.
 *
 * @since 0.2.0
 * @category models
 */
export interface DigestOptions extends digests.Options {}

/**
 * True if a value is credentials made by this module.
 *
 * @since 0.2.0
 * @category guards
 */
export const isCredentials: (u: unknown) => u is Credentials<unknown> = credentials.isCredentials

/**
 * True if a value was made by `refreshing`.
 *
 * @since 0.2.0
 * @category guards
 */
export const isRefreshing: (u: unknown) => u is Refreshing<unknown> = internal.isRefreshing

/**
 * Creates credentials for Basic (RFC 7617), which are sent with each request.
 *
 * User and password are sent as UTF-8 in the normal form NFC. They are readable like plain text, so
 * use https. Fails with `InvalidOption` for a user with a colon, for control characters, and if no
 * origin is given. A 401 is returned.
 *
 * @example
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { Auth, ConnectionPool, HttpRequest } from "effect-http-client"
 *
 * export const program = Effect.gen(function*() {
 *   const auth = yield* Auth.basic({
 *     username: "ann",
 *     password: Redacted.make("secret"),
 *     origins: ["https://api.example.com"]
 *   })
 *   const pool = Auth.pool(yield* ConnectionPool.ConnectionPool, auth)
 *   return yield* pool.execute(HttpRequest.get("https://api.example.com/items"))
 * })
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const basic: (options: BasicOptions) => Either.Either<Credentials, InvalidOption> = fixed.basic

/**
 * Creates credentials of a bearer token that does not change (RFC 6750). `refreshing` is for one
 * that expires.
 *
 * Fails with `InvalidOption` if the token is not printable ASCII without spaces, or if no origin is
 * given. A 401 is returned.
 *
 * @since 0.2.0
 * @category constructors
 */
export const bearer: (options: BearerOptions) => Either.Either<Credentials, InvalidOption> = fixed.bearer

/**
 * Creates credentials for Digest (RFC 7616), which prove that the password is known without sending
 * it.
 *
 * The first request to an origin is refused with a challenge, and sent again with the response to
 * it. Later requests have a response from the start. The strongest of the offered algorithms is
 * used: SHA-512-256, SHA-256 or MD5, also with `-sess`, and digests without `qop` (RFC 2069). If a
 * nonce is too old, the request is sent again, at most 8 times. A 401 for a wrong password is
 * returned after one attempt.
 *
 * If a body cannot be sent again, the 401 is returned, and only the next request has a digest. With
 * `expectContinue` the server refuses the request before the body is sent, so that the body can be
 * sent later.
 *
 * Fails with `InvalidOption` if an option is invalid. Requests fail with `UnsupportedBody` if the
 * server requires a digest of a body that is a stream or a multipart form (`auth-int`).
 * Interruption ends the request; other requests continue to use the nonce.
 *
 * @since 0.2.0
 * @category constructors
 */
export const digest = (options: DigestOptions): Effect.Effect<Credentials, InvalidOption> => digests.makeDigest(options)

/**
 * Returns the request with Basic credentials (RFC 7617), whatever its origin. Sending it fails with
 * `InvalidOption` if they cannot be sent.
 *
 * `PooledHttpClient.followRedirects` removes them at the first change of origin. Prefer `basic`,
 * which knows its origins.
 *
 * @since 0.2.0
 * @category combinators
 */
export const setBasic: {
  (user: Omit<BasicOptions, "origins">): <E>(self: HttpRequest<E>) => HttpRequest<E>
  <E>(self: HttpRequest<E>, user: Omit<BasicOptions, "origins">): HttpRequest<E>
} = dual(2, fixed.setBasic)

/**
 * Returns the request with a bearer token (RFC 6750), whatever its origin. Sending it fails with
 * `InvalidOption` if it cannot be sent. Prefer `bearer`, which knows its origins.
 *
 * @since 0.2.0
 * @category combinators
 */
export const setBearer: {
  (token: Redacted.Redacted): <E>(self: HttpRequest<E>) => HttpRequest<E>
  <E>(self: HttpRequest<E>, token: Redacted.Redacted): HttpRequest<E>
} = dual(2, fixed.setBearer)

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
 * Returns a client whose requests to the listed origins have the credentials.
 *
 * It may be applied below or above `PooledHttpClient.followRedirects`. Below it, which is before it
 * in a `pipe`, each hop to a listed origin has the credentials. Above it, the redirects drop them
 * for every other origin. Apply digests below, because each is for one URL. Apply all credentials
 * below the `followRedirects` of the platform, which sends fields to other origins.
 *
 * A request that already has an Authorization field keeps it. If a body cannot be sent again, such
 * as a stream that has started, the 401 is returned. The next request then has another token or
 * digest.
 *
 * Its requests also fail if the credentials cannot be acquired. Interruption ends the request;
 * other requests continue to use the credentials.
 *
 * @since 0.2.0
 * @category combinators
 */
export const client: {
  <E>(
    auth: Credentials<E>
  ): <E2, R>(
    client: HttpClient.HttpClient.With<E2, R>
  ) => HttpClient.HttpClient.With<E | E2 | RequestError, R>
  <E, E2, R>(
    client: HttpClient.HttpClient.With<E2, R>,
    auth: Credentials<E>
  ): HttpClient.HttpClient.With<E | E2 | RequestError, R>
} = dual(
  2,
  <E, E2, R>(
    client: HttpClient.HttpClient.With<E2, R>,
    auth: Credentials<E>
  ): HttpClient.HttpClient.With<E | E2 | RequestError, R> => withCredentials(client, schemeOf(auth))
)

/**
 * Returns a pool whose requests to the listed origins have the credentials. The rules are those of
 * `client`. If acquiring them cannot fail, the result can be used wherever a `ConnectionPool` is
 * needed.
 *
 * @since 0.2.0
 * @category combinators
 */
export const pool: {
  <E>(auth: Credentials<E>): (pool: ConnectionPool.ConnectionPool) => Pool<E>
  <E>(pool: ConnectionPool.ConnectionPool, auth: Credentials<E>): Pool<E>
} = dual(
  2,
  <E>(pool: ConnectionPool.ConnectionPool, auth: Credentials<E>): Pool<E> => new AuthorizedPool(pool, schemeOf(auth))
)

/**
 * Sends a request on a single connection, with the credentials if its origin is listed.
 * The rules are those of `client`.
 *
 * @since 0.2.0
 * @category combinators
 */
export const execute = <E, B = never>(
  connection: HttpConnection.HttpConnection,
  auth: Credentials<E>,
  request: HttpRequest<B>
): Effect.Effect<HttpResponse, E | HttpConnection.ExecuteFailure<B>> =>
  executeWith(schemeOf(auth), request, connection.origin, (request) => connection.execute(request))
