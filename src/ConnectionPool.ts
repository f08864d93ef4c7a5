/**
 * A pool of connections: requests to any number of origins over connections that are kept open and used again.
 *
 * - A connection belongs to one `Origin`, that is to one scheme, host, port (or unix path) and set of TLS, proxy and address options.
 * - The newest idle connection is used first. Whoever finds none waits, first come first served, while a new one is opened as
 *   long as the limits allow; whichever is free first is taken. Where `connections` is the limit, turns are fair across origins.
 * - A connection is reused only on proof: the request sent completely, the response read completely, both sides persistent, nothing unread, and
 *   the event loop has polled it since. An idle one is watched, and closed as soon as the server closes it or sends anything.
 * - A request is sent once more, on a new connection, only if the connection had been used before or kept idle, no byte of an answer came, the
 *   body can be sent again, and the method is idempotent (or has an Idempotency-Key) or nothing had been written.
 * - Where no connection can be opened for the moment, and nothing was sent, it is tried again for a while (`connectRetryTime`), once for all who wait.
 * - Interruption takes back whatever the request held: its place in the queue, the connect that was for it, the connection
 *   that it was using.
 * - The end of the scope lets what is under way finish for a while (`shutdownGrace`), then closes everything.
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
 * What a pool is set to. A limit is a whole number or `Infinity`; `Duration.infinity` turns a time off.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options {
  /** Connections to one origin, those being opened included; at least 1. Default: 64. */
  readonly connectionsPerOrigin?: number | undefined
  /** Connections in all; at least 1. Default: 1024. */
  readonly connections?: number | undefined
  /** Idle connections to one origin that are kept; the oldest is closed. Default: 64. */
  readonly idlePerOrigin?: number | undefined
  /** Idle connections in all that are kept; the oldest is closed. Default: 256. */
  readonly idle?: number | undefined
  /** Requests that may wait for a connection at once, in all; the next one fails with `PoolQueueFull`. Default: 65536. */
  readonly waiters?: number | undefined
  /** Requests after which a connection is closed; at least 1. A lease counts as one. Default: no limit. */
  readonly requestsPerConnection?: number | undefined
  /**
   * For how long requests go on waiting when no connection can be opened, counted from the first failure, where nothing was sent and the failure may be
   * over in a moment: refused, reset, a TLS handshake cut off, no file descriptors, no socket file, a resolver that does not answer. It is tried again
   * after pauses (`connectBackoff`), within `timeouts.pool` and `timeouts.total`. So a server that restarts costs no request, whatever its
   * method. Under `TestClock` the test has to move the clock. 0 turns it off. Default: 2 seconds.
   */
  readonly connectRetryTime?: Duration.DurationInput | undefined
  /**
   * The longest pause after such a failure, in which nothing is opened to the origin; the first is a sixteenth of it, and they vary by half of themselves.
   * While requests wait for `connectRetryTime`, none is longer than a quarter of that. It must be finite.
   * After a pause one connection is tried for all who wait, and once `connectRetryTime` is over they share its failure, with each request that comes in the pause
   * after it. 0, with a `connectRetryTime` of 0, has each request try for itself. Default: 250 milliseconds.
   */
  readonly connectBackoff?: Duration.DurationInput | undefined
  /** Age at which a connection is closed as soon as it is idle, so that changes of DNS are followed. Default: 15 minutes. */
  readonly lifetime?: Duration.DurationInput | undefined
  /** Share of `lifetime`, from 0 to 1, by which it varies at random, so that not all connections end at once. Default: 0.1. */
  readonly lifetimeJitter?: number | undefined
  /** How long an idle connection is kept. What the server's `Keep-Alive: timeout` says is honoured if it is shorter. Default: 30 seconds. */
  readonly idleTime?: Duration.DurationInput | undefined
  /**
   * How long before the end of the server's `Keep-Alive: timeout` a connection is given up, because a request may be under way when
   * the server closes; at most half of that time. Default: 1 second.
   */
  readonly keepAliveMargin?: Duration.DurationInput | undefined
  /** How many bytes of a response that is let go are read, so that its connection can be kept. Default: 65536. */
  readonly drainBytes?: number | undefined
  /** For how long a response that is let go is read. Default: 1 second. */
  readonly drainTime?: Duration.DurationInput | undefined
  /**
   * How long a response may be left unread before its connection is taken from it, with a warning in the log. The time runs while nobody reads: not
   * during a `stream`, and anew after each piece. Less than
   * `timeouts.pool`, so that whoever waits for its place still gets it. It also limits the wait for the next piece of a streamed request whose
   * response is whole already. Default: 10 seconds.
   */
  readonly unreadTime?: Duration.DurationInput | undefined
  /**
   * How long a response may be left before its caller begins to read it when another request waits and there is no room for one more connection. Then
   * the oldest such response gives its connection up: reading it fails with `ConnectionClosed`. The page of an error (status 400 and above) whose
   * `Content-Length` leaves more than `drainBytes` does so without grace. `Infinity` leaves it to `unreadTime`. Default: 100 milliseconds.
   */
  readonly unreadGrace?: Duration.DurationInput | undefined
  /**
   * How long the end of the scope waits for requests that are under way, unread responses among them. Under `TestClock` set it to 0, or read or
   * close every response: nobody moves the clock then. Default: 1 second.
   */
  readonly shutdownGrace?: Duration.DurationInput | undefined
  /** TLS options of requests whose target is an `https` URL. Default: none, see `Tls.Options`. */
  readonly tls?: Tls.Options | undefined
  /** Proxy of requests whose target is a URL, or the settings that choose one for each (`Proxy.fromEnv`). Default: none. */
  readonly proxy?: Proxy.Proxy | Proxy.Settings | undefined
  /** Local address to connect from of requests whose target is a URL. Default: the system's choice. */
  readonly localAddress?: string | undefined
  /** Bytes of a body in memory that are given to the transport at once. Default: 65536. */
  readonly blockSize?: number | undefined
  /** Default: `HttpTimeouts.defaults`; those of a request win. */
  readonly timeouts?: HttpTimeouts.Options | undefined
  /** Default: `HttpLimits.defaults`; those of a request win. */
  readonly limits?: HttpLimits.Options | undefined
  /** Default: `HttpLeniency.strict`; that of a request wins. */
  readonly leniency?: HttpLeniency | undefined
  /** Whether every head is logged at level Info, secrets redacted. Default: `false`. */
  readonly wireTap?: boolean | undefined
  /**
   * Whether `execute` makes a client span with the name and attributes of the platform's `HttpClient`, and sends `traceparent` and `b3`; see
   * `HttpClient.withTracerDisabledWhen`, `withTracerPropagation` and `withSpanNameGenerator`. The client of `PooledHttpClient` over the pool makes its own, and no second one. Default: `false`.
   */
  readonly tracing?: boolean | undefined
  /** Called at once with everything that happens. What it throws goes to the log. Default: nothing is called. */
  readonly onEvent?: ((event: ConnectionEvent) => void) | undefined
}

/**
 * What `execute` can fail with. `E` is the error of the request's own body stream.
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
 * What `lease` can fail with.
 *
 * @since 0.2.0
 * @category errors
 */
export type LeaseFailure = PoolFailure | ConnectFailure | TunnelFailure | ConnectionClosed | InvalidOption

/**
 * How many connections and waiting requests there are.
 *
 * @since 0.2.0
 * @category models
 */
export interface Counts {
  /** Connections that wait for a request. */
  readonly idle: number
  /** Connections in use, the leased ones included. */
  readonly busy: number
  /** Connections that are being opened. */
  readonly connecting: number
  /** Requests that wait for a connection, also while one is being opened for them. */
  readonly waiting: number
}

/**
 * The counts of one origin.
 *
 * @since 0.2.0
 * @category models
 */
export interface OriginStats extends Counts {
  /** `scheme://host:port` or `unix:path`; origins that differ in other options have a line each. */
  readonly origin: string
}

/**
 * The state of a pool at one moment, and what it has done so far.
 *
 * @since 0.2.0
 * @category models
 */
export interface Stats extends Counts {
  /** The origins that have a connection or a waiting request. */
  readonly origins: ReadonlyArray<OriginStats>
  /** Connections opened so far. */
  readonly opened: number
  /** Connections closed so far. */
  readonly closed: number
  /** Requests that were given a connection so far, repeated ones included. */
  readonly requests: number
  /** Of these, those on a connection that had served a request before. */
  readonly reused: number
  /** Requests that were sent once more. */
  readonly retried: number
  /** Responses that were given up because they were not read, for too long or while another request waited for their connection. */
  readonly reclaimed: number
}

/**
 * A pool of connections.
 *
 * @since 0.2.0
 * @category models
 */
export interface ConnectionPool {
  /** How connections are made for requests that bring no `origin` of their own: what the pool was made with. */
  readonly connectionOptions: Pick<Options, "localAddress" | "proxy" | "tls">
  /**
   * Sends a request on a pooled connection and gives its response as soon as its head is there. The target is an absolute URL,
   * unless the request has an `origin`. The connection comes back by itself: at once if all of the body came with the head, else when
   * the body was read or the response closed. Interruption closes what was under way.
   */
  execute<E = never>(request: HttpRequest<E>): Effect.Effect<HttpResponse, ExecuteFailure<E>>
  /**
   * A connection for the caller alone until the scope ends, for the step-by-step calls or several requests in a row. It comes back to the pool
   * if it is idle then, else it is closed. It does not open anew: once closed, by the server or by `close` of a response whose body has
   * not arrived, its calls fail with `ConnectionClosed`; lease another one then.
   *
   * The options of connections are those of the `origin`. What the pool was made with (`connectionOptions`) is for requests with a URL
   * alone; put it on with `Origin.withOptions` where a lease is to have it. A request for an origin of scheme `http` with a proxy is sent
   * as the proxy takes it: its target in the absolute form, with the fields for the proxy.
   */
  lease(origin: Origin.Origin): Effect.Effect<HttpConnection, LeaseFailure, Scope.Scope>
  /** The counts now. */
  readonly stats: Effect.Effect<Stats>
  /**
   * What happens from now on. A reader that is too slow loses the oldest of 4096 events, rather than memory growing; for exact
   * counts use `subscribe`.
   */
  readonly events: Stream.Stream<ConnectionEvent>
  /** Calls a function at once with everything that happens, until the scope ends. What it throws goes to the log. */
  subscribe(listener: (event: ConnectionEvent) => void): Effect.Effect<void, never, Scope.Scope>
  /** Closes the connections that are idle now. */
  readonly closeIdle: Effect.Effect<void>
  /**
   * Ends the pool: new requests fail with `PoolClosed`, idle connections are closed, what is under way or waiting may finish within
   * `grace` (default: `shutdownGrace`); what is left then is closed and fails. Returns when nothing is left, the finalizers of
   * bodies that were being sent included. Idempotent. With a `grace` that is no duration of at least 0 it fails with `InvalidOption`, and
   * the pool goes on.
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
 * Makes a pool, which opens nothing by itself. The end of the scope shuts it down. Fails with `InvalidOption` for an option that cannot be.
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
 * A pool whose `execute` sends requests again if they failed, or were answered with a status such as 503, and if that does no harm: see
 * `HttpRetry`. All else is that of the pool, `lease` included. The failure of a body that is being read is not retried.
 *
 * Each pool that this makes has a budget of its own for each origin. Options that make no sense fail every request with `InvalidOption`.
 * Interruption ends the wait between two attempts, during which nothing is held.
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
