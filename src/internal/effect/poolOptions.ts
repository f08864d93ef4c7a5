/** The options of a pool, as users give them. `poolSettings.ts` checks them. */
import type * as Duration from "effect/Duration"
import type { ConnectionEvent } from "../../ConnectionEvent.ts"
import type * as HttpLeniency from "../../HttpLeniency.ts"
import type * as HttpLimits from "../../HttpLimits.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import type * as HttpTimeouts from "../../HttpTimeouts.ts"
import type { Origin } from "../../Origin.ts"
import type * as Proxy from "../../Proxy.ts"
import type * as Tls from "../../Tls.ts"

/** An origin that must have idle connections at all times. */
export interface WarmOrigin {
  /**
   * The origin. A URL without a path has the options of the pool, as in a request to that URL. An
   * `Origin` has its own options.
   */
  readonly origin: string | Origin
  /**
   * The required number of connections that are idle or being opened; at least 1. Connections that
   * requests acquire are replaced after 10 ms at most, because most requests have released them by
   * then. The sum of all must not exceed `idle` and `connections`, and none may exceed
   * `idlePerOrigin` and `connectionsPerOrigin`. Default: 1.
   */
  readonly minIdle?: number | undefined
  /**
   * A GET, HEAD or OPTIONS request without a body, such as one for a health page. It is sent on
   * each connection that is opened for this option. The connection is idle when the response has
   * arrived completely, whatever its status; it is read and dropped within `drainBytes` and
   * `drainTime`. Until then it counts as being opened, and a request that needs its room closes it.
   * If the request fails, or the response ends the connection, opening it has failed. The target is
   * a path, or a URL of the origin. The request has its own fields and options, and those of the
   * pool. It takes 10 seconds at most, unless a `timeouts.total` says otherwise. Default: none.
   */
  readonly request?: HttpRequest | undefined
}

/** Documented as `ConnectionPool.Options`: one interface, so that none is forgotten. */
export interface PoolOptions {
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
   * This applies if nothing was sent and the failure may be temporary. Such failures are refused
   * and reset connections, an interrupted TLS handshake, no file descriptors, no socket file, and
   * no response from the resolver. Opening is retried after pauses (`connectBackoff`), within
   * `timeouts.pool` and `timeouts.total`. A server that restarts therefore causes no failed
   * request, whatever its method. Under `TestClock` the test must advance the clock. 0 turns it
   * off. Default: 2 seconds.
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
   * Which idle connection a request receives.
   *
   * - `"newest"`: the one that was used last, so that connections that are not needed reach
   *   `idleTime`.
   * - `"oldest"`: the one that has been idle for the longest, so that all are used in rotation.
   * - `"leastUsed"`: the one that has served the fewest requests, of two the older.
   *
   * With the last two, all addresses of a name are used evenly, even if there are more connections
   * than concurrent requests. No connection then reaches `idleTime` while there is traffic.
   * Default: `"newest"`.
   */
  readonly selection?: "newest" | "oldest" | "leastUsed" | undefined
  /**
   * Origins whose connections are opened when the pool is made, and kept. A connection is opened
   * for each that is closed, or in use while fewer than `minIdle` are left. `idleTime` does not
   * close the last `minIdle`; the server's `Keep-Alive` and `lifetime` do. They are opened in the
   * background, which neither delays `make` nor keeps the process alive. If that fails, it is tried
   * again after pauses of up to 10 seconds. They take no room that a request needs. Default: none.
   */
  readonly warm?: ReadonlyArray<WarmOrigin> | undefined
  /**
   * What happens to connections to an address that the resolver no longer returns for the name.
   * Such an address gets no new connection, because each opening asks the resolver.
   *
   * - `"lifetime"`: the open ones end by `lifetime`.
   * - `"drain"`: they are closed as soon as no request uses them (`AddressGone`). As long as the
   *   origin has connections, the name is looked up again. That happens when its TTL is over (at
   *   least a second), or every 30 seconds without a TTL. A lookup that fails changes nothing.
   *
   * Default: `"lifetime"`.
   */
  readonly followDns?: "lifetime" | "drain" | undefined
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
   * How long a response may be unread if another request is queued and the pool cannot open one
   * more connection. Then the oldest response that its caller has not begun to read loses its
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
  readonly tls?: Tls.Input | undefined
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
  /** Default: `HttpTimeouts.defaults`. Values of a request take precedence. */
  readonly timeouts?: HttpTimeouts.Options | undefined
  /** Default: `HttpLimits.defaults`. Values of a request take precedence. */
  readonly limits?: HttpLimits.Options | undefined
  /** Default: `HttpLeniency.strict`. That of a request takes precedence. */
  readonly leniency?: HttpLeniency.HttpLeniency | undefined
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

/** Options of which each part may be a `Config`. An Effect for `tls` hides those of its record. */
export interface ConfigurableOptions extends Omit<PoolOptions, "tls"> {
  readonly tls?: Tls.Options | undefined
}
