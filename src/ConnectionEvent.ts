/**
 * The events of connections and requests, as data.
 *
 * Python raises the audit events `http.client.connect` and `http.client.send`, which correspond to
 * `Connect` and `Send`. Events have no content, because content may hold secrets. An `origin` is
 * `scheme://host:port` or `unix:path`, never a path or query.
 *
 * @since 0.1.0
 */
import type { HttpError } from "./HttpError.ts"

/**
 * A connection is about to be opened: `http.client.connect`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Connect {
  readonly _tag: "Connect"
  /** The origin of its requests. */
  readonly origin: string
  /**
   * The destination: a host name or address, or the path of a unix socket. With a proxy it is the
   * proxy.
   */
  readonly host: string
  readonly port: number
}

/**
 * A connection was opened, including its tunnel and TLS.
 *
 * @since 0.1.0
 * @category models
 */
export interface Connected {
  readonly _tag: "Connected"
  /** The id that errors and responses also have. */
  readonly connection: number
  readonly origin: string
}

/**
 * A connection could not be opened.
 *
 * @since 0.2.0
 * @category models
 */
export interface ConnectFailed {
  readonly _tag: "ConnectFailed"
  readonly origin: string
  /**
   * The failure; `undefined` if opening was cancelled because no request needed the connection any
   * longer.
   */
  readonly error: HttpError | undefined
}

/**
 * Bytes were written to the transport: `http.client.send`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Send {
  readonly _tag: "Send"
  readonly connection: number
  /** The number of bytes. */
  readonly bytes: number
}

/**
 * Bytes were received from the transport.
 *
 * @since 0.2.0
 * @category models
 */
export interface Receive {
  readonly _tag: "Receive"
  readonly connection: number
  /** The number of bytes. */
  readonly bytes: number
}

/**
 * A request was queued because no connection of the pool was available.
 *
 * @since 0.2.0
 * @category models
 */
export interface Wait {
  readonly _tag: "Wait"
  readonly origin: string
}

/**
 * A request left the queue.
 *
 * @since 0.2.0
 * @category models
 */
export interface WaitEnd {
  readonly _tag: "WaitEnd"
  readonly origin: string
  /** The time in the queue, including the opening of a connection. */
  readonly millis: number
  /**
   * What the wait ended with: a connection, a timeout, an interruption, or the failure of the
   * connection that was opened.
   */
  readonly outcome: "Connection" | "Timeout" | "Interrupted" | "Failed"
}

/**
 * A request or a lease acquired a connection of the pool.
 *
 * @since 0.2.0
 * @category models
 */
export interface Acquire {
  readonly _tag: "Acquire"
  readonly connection: number
  readonly origin: string
  /** True if the connection had been acquired before. */
  readonly reused: boolean
}

/**
 * A connection of the pool was released, and is available for the next request.
 *
 * @since 0.2.0
 * @category models
 */
export interface Release {
  readonly _tag: "Release"
  readonly connection: number
  readonly origin: string
}

/**
 * A request ended, with its whole response or with a failure. A request that is retried ends twice,
 * as OpenTelemetry counts resends: the first time with the failure that caused the retry.
 *
 * @since 0.2.0
 * @category models
 */
export interface RequestEnd {
  readonly _tag: "RequestEnd"
  /** The connection; `undefined` if the request never had one. */
  readonly connection: number | undefined
  readonly origin: string
  readonly method: string
  /** The status; `undefined` if no head was received. */
  readonly status: number | undefined
  /** The failure; `undefined` if the response is complete. */
  readonly error: HttpError | undefined
  /** The time from `execute` to the end. */
  readonly millis: number
}

/**
 * The request of a warm origin (`warm` of a pool) ended on a connection that was opened for it. The
 * connection is idle from now on, unless a `Close` follows. No program waits for this request, so
 * it is neither a `RequestEnd` nor an `Acquire`.
 *
 * @since 0.2.0
 * @category models
 */
export interface WarmEnd {
  readonly _tag: "WarmEnd"
  readonly connection: number
  readonly origin: string
  readonly method: string
  /** The status; `undefined` if no head was received. */
  readonly status: number | undefined
  /** The failure; `undefined` if the response is complete. */
  readonly error: HttpError | undefined
  /** The time from the opening of the connection to the end. */
  readonly millis: number
}

/**
 * A request is retried because its connection was stale, or because a 417 refused `expectContinue`.
 * A connection also counts as stale if the server ended it with a 408 that crossed the request. For
 * a 408 and a 417 the error is a `StatusError`, which no call fails with.
 *
 * @since 0.2.0
 * @category models
 */
export interface Retry {
  readonly _tag: "Retry"
  readonly origin: string
  /** The connection of the attempt before. */
  readonly connection: number | undefined
  readonly error: HttpError
}

/**
 * A response that no caller read was discarded, so that it does not hold its connection
 * indefinitely.
 *
 * @since 0.2.0
 * @category models
 */
export interface Reclaim {
  readonly _tag: "Reclaim"
  readonly connection: number
  readonly origin: string
  readonly method: string
  /** How long the response was unread. */
  readonly millis: number
  /**
   * `Time`: it was unread for `unreadTime`. `Room`: no caller had begun to read it, and another
   * request was queued while the pool could not open one more connection.
   */
  readonly why: "Time" | "Room"
}

/**
 * The reason why a connection was closed, and therefore cannot be reused.
 *
 * - `Peer`: the server closed it, or sent bytes, while it was idle.
 * - `NotPersistent`: one of the sides sent `close`, the body ended with the connection, or the
 *   request was not sent completely. Also if a proxy refused the credentials that its Effect had
 *   returned for this connection.
 * - `AnnouncedBody`: a response without a body announced one. This is a 1xx or 204 with
 *   Transfer-Encoding or a Content-Length above 0, or a 205 with content. It is also a 304 or a
 *   response to HEAD whose framing fields contradict each other or cannot be read. The response is
 *   valid, but bytes that follow it would count as the response to the next request.
 * - `Failure`: an exchange on it failed; see `error`.
 * - `Interrupted`: the caller was interrupted during an exchange.
 * - `Undrained`: the rest of a discarded response was too large, or too slow, to drain.
 * - `Unread`: no caller read the response for too long, or while another request was queued for the
 *   connection.
 * - `IdleTime`: it was idle for as long as the pool, or the server's Keep-Alive, allows.
 * - `Lifetime`: it is older than the pool allows.
 * - `Requests`: it served as many requests as the pool, or the server's Keep-Alive, allows.
 * - `IdleLimit`: more connections are idle than the pool allows.
 * - `Rotated`: it was opened with TLS options, or credentials for a proxy, that an Effect has
 *   replaced since.
 * - `Room`: its slot was needed for another origin, or for a retry to the same origin, which
 *   requires a new connection.
 * - `AddressGone`: the resolver no longer returns its address for the name, and the pool has the
 *   option `followDns: "drain"`.
 * - `Upgraded`: it had left HTTP, and both sides or its scope have ended it.
 * - `Closed`: the caller closed it, its lease or scope ended, or it was opened when no request
 *   needed it any longer.
 * - `Shutdown`: the pool was shut down.
 *
 * @since 0.2.0
 * @category models
 */
export type CloseReason =
  | "Peer"
  | "NotPersistent"
  | "AnnouncedBody"
  | "Failure"
  | "Interrupted"
  | "Undrained"
  | "Unread"
  | "IdleTime"
  | "Lifetime"
  | "Requests"
  | "IdleLimit"
  | "Rotated"
  | "Room"
  | "AddressGone"
  | "Upgraded"
  | "Closed"
  | "Shutdown"

/**
 * A connection was closed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Close {
  readonly _tag: "Close"
  readonly connection: number
  readonly origin: string
  /** The number of completed exchanges. */
  readonly requestsServed: number
  /** How long it was open. */
  readonly millis: number
  readonly reason: CloseReason
  /** The failure that closed it, if there was one. */
  readonly error: HttpError | undefined
}

/**
 * The events of connections and requests. A standalone connection emits `Connect`, `Connected`,
 * `ConnectFailed`, `Send`, `Receive` and `Close`; a pool emits all.
 *
 * @since 0.1.0
 * @category models
 */
export type ConnectionEvent =
  | Connect
  | Connected
  | ConnectFailed
  | Send
  | Receive
  | Wait
  | WaitEnd
  | Acquire
  | Release
  | RequestEnd
  | WarmEnd
  | Retry
  | Reclaim
  | Close
