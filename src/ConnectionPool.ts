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
import type { HttpLeniency } from "./HttpLeniency.ts"
import type * as HttpLimits from "./HttpLimits.ts"
import type { HttpRequest } from "./HttpRequest.ts"
import type { HttpResponse } from "./HttpResponse.ts"
import type * as HttpRetry from "./HttpRetry.ts"
import type * as HttpTimeouts from "./HttpTimeouts.ts"
import * as internal from "./internal/effect/connectionPool.ts"
import * as retries from "./internal/effect/retryingPool.ts"
import { trace } from "./internal/platform/trace.ts"
import type * as Origin from "./Origin.ts"
import type * as Proxy from "./Proxy.ts"
import type * as Tls from "./Tls.ts"
import type { Transport } from "./Transport.ts"

/**
 * The options of a pool. A limit is a whole number or `Infinity`; `Duration.infinity` turns a time
 * off.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options {
  /** The most connections to one origin, including those being opened; at least 1. Default: 64. */
  readonly connectionsPerOrigin?: number | undefined
  /** The most connections in total; at least 1. Default: 1024. */
  readonly connections?: number | undefined
  /** The most idle connections to one origin; beyond it the oldest is closed. Default: 64. */
  readonly idlePerOrigin?: number | undefined
  /** The most idle connections in total; beyond it the oldest is closed. Default: 256. */
  readonly idle?: number | undefined
  /** The most queued requests in total; the next one fails with `PoolQueueFull`. Default: 65536. */
  readonly waiters?: number | undefined
  /**
   * The number of requests after which a connection is closed; at least 1. A lease counts as one.
   * Default: no limit.
   */
  readonly requestsPerConnection?: number | undefined
  /**
   * How long requests stay queued if no connection can be opened, counted from the first failure.
   * This applies if nothing was sent and the failure may be temporary: refused, reset, a TLS
   * handshake cut off, no file descriptors, no socket file, a resolver that does not answer.
   * Opening is retried after pauses (`connectBackoff`), within `timeouts.pool` and
   * `timeouts.total`. A server that restarts therefore costs no request, whatever its method. Under
   * `TestClock` the test must advance the clock. 0 turns it off. Default: 2 seconds.
   */
  readonly connectRetryTime?: Duration.DurationInput | undefined
  /**
   * The longest pause after such a failure, during which nothing is opened to the origin. It must
   * be finite. The first pause is a sixteenth of it, and pauses vary at random by half. While
   * requests wait for `connectRetryTime`, no pause is longer than a quarter of that.
   *
   * After a pause one connection is tried for all queued requests. Once `connectRetryTime` is over,
   * they share its failure, and so does each request that arrives in the next pause. If this and
   * `connectRetryTime` are 0, each request tries separately. Default: 250 milliseconds.
   */
  readonly connectBackoff?: Duration.DurationInput | undefined
  /**
   * The age at which a connection is closed as soon as it is idle, so that DNS changes take effect.
   * Default: 15 minutes.
   */
  readonly lifetime?: Duration.DurationInput | undefined
  /**
   * The share of `lifetime`, from 0 to 1, by which it varies at random, so that connections do not
   * all end at once. Default: 0.1.
   */
  readonly lifetimeJitter?: number | undefined
  /**
   * How long an idle connection is kept. The server's `Keep-Alive: timeout` is honoured if it is
   * shorter. Default: 30 seconds.
   */
  readonly idleTime?: Duration.DurationInput | undefined
  /**
   * How long before the server's `Keep-Alive: timeout` expires a connection is closed; at most half
   * of that time. A request may otherwise be in flight when the server closes. Default: 1 second.
   */
  readonly keepAliveMargin?: Duration.DurationInput | undefined
  /**
   * How many bytes of a discarded response are drained so that its connection can be kept. Default:
   * 65536.
   */
  readonly drainBytes?: number | undefined
  /** How long a discarded response is drained. Default: 1 second. */
  readonly drainTime?: Duration.DurationInput | undefined
  /**
   * How long a response may be unread before its connection is closed, with a warning in the log.
   * The time runs while no reader is waiting: not during a `stream`, and again after each piece. It
   * is less than `timeouts.pool`, so that a queued request can still get the slot. It also limits
   * the wait for the next piece of a streamed request whose response is already complete. Default:
   * 10 seconds.
   */
  readonly unreadTime?: Duration.DurationInput | undefined
  /**
   * How long a response may be left before its caller begins to read it, if another request is
   * queued and the pool cannot open one more connection. Then the oldest such response loses its
   * connection, and reading it fails with `ConnectionClosed`. An error response (status 400 and
   * above) whose `Content-Length` leaves more than `drainBytes` has no grace. `Infinity` leaves it
   * to `unreadTime`. Default: 100 milliseconds.
   */
  readonly unreadGrace?: Duration.DurationInput | undefined
  /**
   * How long closing the scope waits for requests in flight, including unread responses. Under
   * `TestClock` set it to 0, or read or close every response, because no test then advances the
   * clock. Default: 1 second.
   */
  readonly shutdownGrace?: Duration.DurationInput | undefined
  /**
   * The TLS options of requests whose target is an `https` URL. Default: none, see `Tls.Options`.
   */
  readonly tls?: Tls.Options | undefined
  /**
   * The proxy of requests whose target is a URL, or the settings that choose it (`Proxy.fromEnv`).
   * Default: none.
   */
  readonly proxy?: Proxy.Proxy | Proxy.Settings | undefined
  /**
   * The local address to connect from, for requests whose target is a URL. Default: chosen by the
   * system.
   */
  readonly localAddress?: string | undefined
  /** The number of bytes of a body in memory in one write to the transport. Default: 65536. */
  readonly blockSize?: number | undefined
  /** Default: `HttpTimeouts.defaults`; those of a request win. */
  readonly timeouts?: HttpTimeouts.Options | undefined
  /** Default: `HttpLimits.defaults`; those of a request win. */
  readonly limits?: HttpLimits.Options | undefined
  /** Default: `HttpLeniency.strict`; that of a request wins. */
  readonly leniency?: HttpLeniency | undefined
  /** True if every head is logged at level Info with secrets redacted. Default: `false`. */
  readonly wireTap?: boolean | undefined
  /**
   * True if `execute` creates a client span with the name and attributes of the platform's
   * `HttpClient`, and sends `traceparent` and `b3`. See `HttpClient.withTracerDisabledWhen`,
   * `withTracerPropagation` and `withSpanNameGenerator`. A `PooledHttpClient` over the pool creates
   * only its own span. Default: `false`.
   */
  readonly tracing?: boolean | undefined
  /** Called synchronously with every event. What it throws is logged. Default: none. */
  readonly onEvent?: ((event: ConnectionEvent) => void) | undefined
}

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
  /** Connections being opened. */
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
   * Acquires a connection for the caller alone until the scope closes, for the step-by-step calls
   * or several requests in a row. It returns to the pool if it is then idle; otherwise it is
   * closed. It does not open again. Once it was closed, by the server or by `close` of a response
   * whose body has not arrived, its calls fail with `ConnectionClosed`; lease another one then.
   *
   * The options of the connection are those of the `origin`. The pool's own options
   * (`connectionOptions`) apply only to requests with a URL; add them with `Origin.withOptions` if
   * a lease needs them. A request for an origin with scheme `http` and a proxy is sent in the
   * proxy's form: an absolute target, and the fields for the proxy.
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
 * A pool as a layer, over a `Transport`.
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
