/**
 * What happens to connections and requests, as data.
 *
 * Python raises the audit events `http.client.connect` and `http.client.send`; `Connect` and `Send`
 * are they. Events carry no content, because content holds secrets; an `origin` is
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
  /** Whom requests on it are for. */
  readonly origin: string
  /**
   * Where to: a host name or address, or the path of a unix socket. With a proxy it is the proxy.
   */
  readonly host: string
  readonly port: number
}

/**
 * A connection was opened, its tunnel and TLS included.
 *
 * @since 0.1.0
 * @category models
 */
export interface Connected {
  readonly _tag: "Connected"
  /** The id that errors and responses carry too. */
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
  /** Why; `undefined` where the opening was given up because nobody wanted it any longer. */
  readonly error: HttpError | undefined
}

/**
 * Bytes were given to the transport: `http.client.send`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Send {
  readonly _tag: "Send"
  readonly connection: number
  /** How many. */
  readonly bytes: number
}

/**
 * Bytes came from the transport.
 *
 * @since 0.2.0
 * @category models
 */
export interface Receive {
  readonly _tag: "Receive"
  readonly connection: number
  /** How many. */
  readonly bytes: number
}

/**
 * A request got no connection of the pool at once and waits for one.
 *
 * @since 0.2.0
 * @category models
 */
export interface Wait {
  readonly _tag: "Wait"
  readonly origin: string
}

/**
 * A request waits no longer.
 *
 * @since 0.2.0
 * @category models
 */
export interface WaitEnd {
  readonly _tag: "WaitEnd"
  readonly origin: string
  /** How long it waited, the opening of a connection included. */
  readonly millis: number
  /**
   * Whether it got a connection, gave up by a timeout or an interruption, or got the failure of its
   * connection.
   */
  readonly outcome: "Connection" | "Timeout" | "Interrupted" | "Failed"
}

/**
 * A connection of the pool was given to a request, or leased.
 *
 * @since 0.2.0
 * @category models
 */
export interface Acquire {
  readonly _tag: "Acquire"
  readonly connection: number
  readonly origin: string
  /** Whether it had been given out before. */
  readonly reused: boolean
}

/**
 * A connection of the pool is free again, and waits for the next request.
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
 * A request ended: with its whole response, or with a failure. One that is sent once more ends
 * twice, the first time with what it is sent again for, as OpenTelemetry counts resends.
 *
 * @since 0.2.0
 * @category models
 */
export interface RequestEnd {
  readonly _tag: "RequestEnd"
  /** `undefined` where it never got one. */
  readonly connection: number | undefined
  readonly origin: string
  readonly method: string
  /** `undefined` where no head came. */
  readonly status: number | undefined
  /** What failed; `undefined` where the response is whole. */
  readonly error: HttpError | undefined
  /** From `execute` to the end. */
  readonly millis: number
}

/**
 * A request is sent once more, on a new connection, because the one it was sent on had gone.
 *
 * @since 0.2.0
 * @category models
 */
export interface Retry {
  readonly _tag: "Retry"
  readonly origin: string
  /** The connection that had gone. */
  readonly connection: number | undefined
  readonly error: HttpError
}

/**
 * A response that nobody read was given up, so that its connection is not held for ever.
 *
 * @since 0.2.0
 * @category models
 */
export interface Reclaim {
  readonly _tag: "Reclaim"
  readonly connection: number
  readonly origin: string
  readonly method: string
  /** How long nobody read it. */
  readonly millis: number
  /**
   * `Time`: for as long as `unreadTime` allows. `Room`: no caller had begun to read it, and another
   * request waited when there was no room for one more connection.
   */
  readonly why: "Time" | "Room"
}

/**
 * Why a connection was closed, and with that why it is not used again.
 *
 * - `Peer`: the server closed it, or sent something, while it was idle.
 * - `NotPersistent`: one of both sides said `close`, the body ended with the connection, or the
 *   request was not sent to its end.
 * - `AnnouncedBody`: a response that has no body announced one: a 1xx or 204 with Transfer-Encoding
 *   or a Content-Length above 0, a 205 with content, a 304 or an answer to HEAD whose framing
 *   fields contradict each other or cannot be read. The response is good, but the bytes that may
 *   follow it would count as the answer to the next request.
 * - `Failure`: an exchange on it failed; see `error`.
 * - `Interrupted`: the caller went away in the middle of an exchange.
 * - `Undrained`: a response was let go whose rest was too large, or too slow, to be read to its
 *   end.
 * - `Unread`: no caller read the response for too long, or while another request waited for the
 *   connection.
 * - `IdleTime`: it was idle for as long as the pool, or the server's Keep-Alive, allows.
 * - `Lifetime`: it is older than the pool allows.
 * - `Requests`: it served as many requests as the pool, or the server's Keep-Alive, allows.
 * - `IdleLimit`: more connections are idle than the pool allows.
 * - `Room`: its place was wanted for another origin, or for a request of its own that is sent once
 *   more and needs a new one.
 * - `Closed`: the caller closed it, or the lease or the scope that it belonged to ended, or it was
 *   open only after nobody wanted it.
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
  | "Room"
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
  /** Exchanges that were completed on it. */
  readonly requestsServed: number
  /** How long it was open. */
  readonly millis: number
  readonly reason: CloseReason
  /** What ended it, where it was a failure. */
  readonly error: HttpError | undefined
}

/**
 * What happens to connections and requests. A connection on its own tells `Connect`, `Connected`,
 * `ConnectFailed`, `Send`, `Receive` and `Close`; a pool tells all.
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
  | Retry
  | Reclaim
  | Close
