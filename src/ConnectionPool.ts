/**
 * A pool of connections: requests to any number of origins over connections that are kept open and
 * reused.
 *
 * - A connection belongs to one `Origin`: one scheme, host, port (or unix path) and set of TLS,
 *   proxy and address options.
 * - Idle connections are reused newest first. If none is idle, the request is queued, first in,
 *   first out, and within the limits a new connection is opened. It uses whichever is available
 *   first. At the limit `connections`, the queue is fair across origins.
 * - A connection is reused if its request and response were transferred completely, both sides keep
 *   it alive and no unread bytes remain. The event loop must also have polled it since. If the
 *   server closes an idle connection or sends bytes on it, the pool closes it at once.
 * - A request is retried once, on a new connection. The first connection must have been used before
 *   or kept idle, and no byte of a response may have arrived. The body must be replayable, and the
 *   method idempotent (or there is an Idempotency-Key) or nothing was written.
 * - If no connection can be opened for the moment and nothing was sent, opening is retried for a
 *   while (`connectRetryTime`), once for all queued requests.
 * - Interruption releases everything the request held: its place in the queue, the connect for it,
 *   or the connection in use.
 * - Closing the scope lets requests in flight finish for a while (`shutdownGrace`), then closes
 *   everything.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { ConnectionPool, HttpRequest, NodeTransport } from "effect-http-client"
 *
 * export const program = Effect.gen(function*() {
 *   const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 10 })
 *   const response = yield* pool.execute(HttpRequest.get("http://localhost:8080/"))
 *   return yield* response.text
 * }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
 * ```
 *
 * @since 0.2.0
 */
import * as PlatformHeaders from "@effect/platform/Headers"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { ConnectionEvent } from "./ConnectionEvent.ts"
import type { HttpConnection } from "./HttpConnection.ts"
import type {
  ConnectFailure,
  ConnectionClosed,
  HeadFailure,
  InvalidOption,
  InvalidRequest,
  PoolFailure,
  RequestBodyError,
  SendFailure,
  TunnelFailure
} from "./HttpError.ts"
import * as HttpFields from "./HttpFields.ts"
import type { HttpRequest } from "./HttpRequest.ts"
import type { HttpResponse } from "./HttpResponse.ts"
import type * as HttpRetry from "./HttpRetry.ts"
import * as internal from "./internal/effect/connectionPool.ts"
import type { PoolOptions } from "./internal/effect/poolOptions.ts"
import * as retries from "./internal/effect/retryingPool.ts"
import type { Upgraded } from "./internal/effect/upgradedModel.ts"
import type { UpgradeRefused } from "./internal/effect/upgradeRefused.ts"
import { trace } from "./internal/platform/trace.ts"
import type * as Origin from "./Origin.ts"
import type { Transport } from "./Transport.ts"

/**
 * The options of a pool. A limit is a whole number or `Infinity`; `Duration.infinity` turns a time
 * off.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options extends PoolOptions {}

/**
 * The failures of `execute`. `E` is the error of the request's own body stream.
 *
 * @since 0.2.0
 * @category errors
 */
export type ExecuteFailure<E = never> =
  | InvalidRequest
  | PoolFailure
  | ConnectFailure
  | TunnelFailure
  | SendFailure
  | HeadFailure
  | ([E] extends [never] ? never : RequestBodyError<E>)

/**
 * The failures of `lease`.
 *
 * @since 0.2.0
 * @category errors
 */
export type LeaseFailure = PoolFailure | ConnectFailure | TunnelFailure | ConnectionClosed | InvalidOption

/**
 * The numbers of connections and queued requests.
 *
 * @since 0.2.0
 * @category models
 */
export interface Counts {
  /** Idle connections. */
  readonly idle: number
  /** Connections in use, including leased ones. */
  readonly busy: number
  /** Connections being opened, or on which the request of a warm origin (`warm`) is in progress. */
  readonly connecting: number
  /** Queued requests, including those for which a connection is being opened. */
  readonly waiting: number
}

/**
 * The counts of one origin.
 *
 * @since 0.2.0
 * @category models
 */
export interface OriginStats extends Counts {
  /**
   * `scheme://host:port` or `unix:path`; origins that differ in other options have separate
   * entries.
   */
  readonly origin: string
}

/**
 * The state of a pool at one moment, and its totals so far.
 *
 * @since 0.2.0
 * @category models
 */
export interface Stats extends Counts {
  /** The origins that have a connection or a queued request. */
  readonly origins: ReadonlyArray<OriginStats>
  /** Connections opened so far. */
  readonly opened: number
  /** Connections closed so far. */
  readonly closed: number
  /** Requests that acquired a connection so far, including retries. */
  readonly requests: number
  /** Those of them on a connection that had already served a request. */
  readonly reused: number
  /** Requests that were retried. */
  readonly retried: number
  /**
   * Unread responses that were discarded, after too long or while another request was queued for
   * their connection.
   */
  readonly reclaimed: number
}

/**
 * A pool of connections.
 *
 * @since 0.2.0
 * @category models
 */
export interface ConnectionPool {
  /** The options for connections of requests without an `origin`, as given to the pool. */
  readonly connectionOptions: Pick<Options, "localAddress" | "proxy" | "tls">
  /**
   * Sends a request on a pooled connection and returns its response as soon as its head has
   * arrived. The target must be an absolute URL, unless the request has an `origin`. The connection
   * is released automatically: at once if the whole body arrived with the head, otherwise when the
   * body was read or the response closed. Interruption closes the exchange in flight.
   */
  execute<E = never>(request: HttpRequest<E>): Effect.Effect<HttpResponse, ExecuteFailure<E>>
  /**
   * Sends a request whose connection is to leave HTTP: one with an Upgrade field, or a CONNECT. See
   * `Upgrade`. Everything up to the head is as in `execute`. The connection counts as busy until
   * the scope closes, or both sides have finished, and never returns to the pool. Through a proxy
   * that forwards requests an upgrade is sent in a tunnel.
   */
  upgrade<E = never>(
    request: HttpRequest<E>
  ): Effect.Effect<Upgraded, ExecuteFailure<E> | UpgradeRefused, Scope.Scope>
  /**
   * Acquires a connection for the caller alone until the scope closes, for the step-by-step calls
   * or several requests in a row. It returns to the pool if it is then idle; otherwise it is
   * closed. It does not open again. Once the server has closed it, its calls fail with
   * `ConnectionClosed`; lease another one then. The same holds after `close` of a response whose
   * body has not arrived.
   *
   * The options of the connection are those of the `origin`. The pool's own options
   * (`connectionOptions`) apply only to requests with a URL; add them with `Origin.withOptions` if
   * a lease needs them. A request for an http origin with a proxy is sent in the proxy's form: an
   * absolute target, and the fields for the proxy.
   */
  lease(origin: Origin.Origin): Effect.Effect<HttpConnection, LeaseFailure, Scope.Scope>
  /** The current counts. */
  readonly stats: Effect.Effect<Stats>
  /**
   * The events from now on. A slow reader loses the oldest of 4096 events, so that memory is
   * bounded. For exact counts use `subscribe`.
   */
  readonly events: Stream.Stream<ConnectionEvent>
  /**
   * Calls a function synchronously with every event until the scope closes. What it throws is
   * logged.
   */
  subscribe(listener: (event: ConnectionEvent) => void): Effect.Effect<void, never, Scope.Scope>
  /** Closes the connections that are idle now. */
  readonly closeIdle: Effect.Effect<void>
  /**
   * Shuts the pool down: new requests fail with `PoolClosed`, and idle connections are closed.
   * Requests in flight or queued may finish within `grace` (default: `shutdownGrace`); the rest is
   * then closed and fails. Returns when nothing is left, including the finalizers of bodies that
   * were being sent. Idempotent. If `grace` is not a duration of at least 0, it fails with
   * `InvalidOption` and the pool continues.
   */
  shutdown(): Effect.Effect<void>
  shutdown(options: { readonly grace?: Duration.DurationInput | undefined }): Effect.Effect<void, InvalidOption>
}

/**
 * The tag of the service.
 *
 * @since 0.2.0
 * @category tags
 */
export const ConnectionPool: Context.Tag<ConnectionPool, ConnectionPool> = Context.GenericTag<ConnectionPool>(
  "effect-http-client/ConnectionPool"
)

const redactedNames: Effect.Effect<ReadonlyArray<string | RegExp>> = Effect.map(
  FiberRef.get(PlatformHeaders.currentRedactedNames),
  (names) => [...HttpFields.redactedNames, ...names]
)

/**
 * Creates a pool, which opens no connections yet. Closing the scope shuts it down. Fails with
 * `InvalidOption` for an invalid option.
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<ConnectionPool, InvalidOption, Scope.Scope | Transport> => internal.make(options, redactedNames, trace)

/**
 * Creates a pool as a layer, over a `Transport`.
 *
 * @since 0.2.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<ConnectionPool, InvalidOption, Transport> =>
  Layer.scoped(ConnectionPool, make(options))

/**
 * Returns a pool whose `execute` retries requests that failed, or received a status such as 503, if
 * that does no harm: see `HttpRetry`. Everything else, including `lease`, is unchanged. The failure
 * of a body that is being read is not retried.
 *
 * Each pool that this returns has a separate budget for each origin. Invalid options fail every
 * request with `InvalidOption`. Interruption ends the wait between two attempts, which holds no
 * resources.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { ConnectionPool, HttpRequest } from "effect-http-client"
 *
 * export const program = Effect.gen(function*() {
 *   const pool = yield* Effect.map(ConnectionPool.ConnectionPool, ConnectionPool.retry({ times: 3 }))
 *   const response = yield* pool.execute(HttpRequest.get("http://localhost:8080/"))
 *   return yield* response.text
 * })
 * ```
 *
 * @since 0.2.0
 * @category combinators
 */
export const retry: {
  (options?: HttpRetry.Options): (pool: ConnectionPool) => ConnectionPool
  (pool: ConnectionPool, options?: HttpRetry.Options): ConnectionPool
} = dual(
  (args) => typeof args[0] === "object" && args[0] !== null && "execute" in args[0],
  (pool: ConnectionPool, options: HttpRetry.Options = {}): ConnectionPool => retries.retry(pool, options)
)
