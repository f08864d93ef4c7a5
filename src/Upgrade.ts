/**
 * Connections that leave HTTP. Either by Upgrade (RFC 9110 section 7.8), as WebSocket and
 * `docker attach` do, or by CONNECT (section 9.3.6), which opens a tunnel through a proxy.
 *
 * - `upgrade` of a connection or a pool, and `Upgrade.execute` for requests of the platform, send
 *   the request. The result is the head of the response, and the connection in both directions,
 *   beginning with bytes that arrived together with the head. It lasts as long as its scope.
 * - The bytes are a `Stream` and a `Sink`, a `Socket` of the platform (`toSocket`), or a `Duplex`
 *   of Node (`toDuplex`).
 * - A server that refuses answers with an ordinary response: `UpgradeRefused` has it.
 * - `Connection: Upgrade` is added. The 101 must choose a protocol that was offered
 *   (`UnexpectedUpgrade` otherwise), and is delivered when the request has been sent completely.
 * - The connection never returns to the pool. After the head no timeout runs.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { ConnectionPool, HttpRequest } from "effect-http-client"
 *
 * export const program = Effect.gen(function*() {
 *   const pool = yield* ConnectionPool.ConnectionPool
 *   const upgraded = yield* pool.upgrade(
 *     HttpRequest.get("http://localhost:8080/echo", { headers: { Upgrade: "echo" } })
 *   )
 *   yield* upgraded.write(new TextEncoder().encode("hello"))
 *   yield* upgraded.end
 *   return yield* Stream.runFold(Stream.decodeText(upgraded.stream), "", (all, text) => all + text)
 * }).pipe(
 *   Effect.scoped,
 *   Effect.catchTag("UpgradeRefused", ({ response }) => response.text)
 * )
 * ```
 *
 * @since 0.2.0
 */
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import type { Socket } from "@effect/platform/Socket"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type { Duplex } from "node:stream"
import { ConnectionPool } from "./ConnectionPool.ts"
import type { ExecuteFailure } from "./ConnectionPool.ts"
import type { BodyAlreadyConsumed } from "./HttpError.ts"
import * as duplex from "./internal/effect/upgradedDuplex.ts"
import type { ChannelFailure, Upgraded } from "./internal/effect/upgradedModel.ts"
import { TypeId as upgradedId } from "./internal/effect/upgradedModel.ts"
import { UpgradeRefused } from "./internal/effect/upgradeRefused.ts"
import { upgradeWith } from "./internal/platform/upgrade.ts"
import * as socket from "./internal/platform/upgradedSocket.ts"

/**
 * The type id of upgraded connections.
 *
 * @since 0.2.0
 * @category type ids
 */
export const TypeId: typeof upgradedId = upgradedId

/**
 * The type of the type id of upgraded connections.
 *
 * @since 0.2.0
 * @category type ids
 */
export type TypeId = typeof TypeId

export type {
  /**
   * A connection that has left HTTP.
   *
   * @since 0.2.0
   * @category models
   */
  Upgraded
} from "./internal/effect/upgradedModel.ts"

export {
  /**
   * The server answered with an ordinary response.
   *
   * @since 0.2.0
   * @category errors
   */
  UpgradeRefused
} from "./internal/effect/upgradeRefused.ts"

/**
 * The failures of reading and writing an upgraded connection:
 *
 * - `ConnectionReset`: it broke.
 * - `ConnectionClosed`: this process closed it, by its scope or that of the pool, or had already
 *   finished sending.
 * - `IncompleteRead`: a TLS connection ended without close_notify, so the received bytes may be
 *   truncated (`HttpLeniency.missingCloseNotify` accepts it).
 * - `BodyAlreadyConsumed`: another API has taken the bytes (stream, `Socket` or `Duplex`).
 * - `BodyTooLarge`: there is not enough memory for the received bytes.
 *
 * @since 0.2.0
 * @category errors
 */
export type Failure = ChannelFailure

/**
 * True if a value is an upgraded connection.
 *
 * @since 0.2.0
 * @category guards
 */
export const isUpgraded = (u: unknown): u is Upgraded => Predicate.hasProperty(u, TypeId)

/**
 * Sends a request of the platform over the `ConnectionPool` of the context, and upgrades its
 * connection. The options of `PooledHttpClient.withOptions` apply. Retries, redirects and other
 * combinators of an `HttpClient` do not apply, and no span is made unless the pool has `tracing`.
 * Fails as `upgrade` of the pool does.
 *
 * @example
 * ```ts
 * import { HttpClientRequest } from "@effect/platform"
 * import { Effect } from "effect"
 * import { Upgrade } from "effect-http-client"
 *
 * export const socket = HttpClientRequest.get("http://localhost:8080/echo").pipe(
 *   HttpClientRequest.setHeader("upgrade", "echo"),
 *   Upgrade.execute,
 *   Effect.flatMap(Upgrade.toSocket)
 * )
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const execute = (
  request: HttpClientRequest
): Effect.Effect<Upgraded, ExecuteFailure<unknown> | UpgradeRefused, ConnectionPool | Scope.Scope> =>
  Effect.flatMap(
    ConnectionPool,
    (pool) => upgradeWith(request, pool.connectionOptions, (request) => pool.upgrade(request))
  )

/**
 * Returns the connection as a `Socket` of `@effect/platform`. It takes the bytes, so it fails with
 * `BodyAlreadyConsumed` if another API has taken them.
 *
 * `run` can be called once. It ends when the server finishes sending and the effects of its handler
 * have ended, and fails with a `SocketError` if the connection breaks. Handlers run as in the
 * platform's own sockets: each in a separate fiber, so that they do not slow the server down. The
 * end of a writer's scope finishes sending. A `CloseEvent` closes the connection once everything
 * has been sent. `run` then ends, unless the code is neither 1000 nor 1006.
 *
 * @since 0.2.0
 * @category conversions
 */
export const toSocket: (upgraded: Upgraded) => Effect.Effect<Socket, BodyAlreadyConsumed> = socket.toSocket

/**
 * Returns the connection as a `Duplex` of `node:stream`, for libraries that need one. It takes the
 * bytes, so it fails with `BodyAlreadyConsumed` if another API has taken them.
 *
 * It has back-pressure in both directions and can be half-closed. `destroy` closes the connection.
 * If the connection breaks, it emits `error` with the system's `code` and this library's error as
 * `cause`. If this process closes it, for example by closing the scope, it emits only `close`. It
 * is not a socket: there are no timeouts and no addresses.
 *
 * @since 0.2.0
 * @category conversions
 */
export const toDuplex: (upgraded: Upgraded) => Effect.Effect<Duplex, BodyAlreadyConsumed> = duplex.toDuplex
