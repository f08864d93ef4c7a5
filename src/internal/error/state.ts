/**
 * Calls in a state that does not allow them: `http.client.ImproperConnectionState` and its
 * subclasses.
 *
 * @since 0.1.0
 */
import { hasLeftHttp, tagged } from "./base.ts"

/**
 * The state of a connection's step-by-step API.
 *
 * `Idle`, `RequestStarted` and `RequestSent` are Python's `Idle`, `Request-started` and
 * `Request-sent`. `ResponseUnread` means that the body of the response has not been read to its
 * end. `Upgraded` means that the connection has left HTTP, until its channel is closed. `Closed`
 * means that the connection's scope has closed.
 *
 * @since 0.1.0
 * @category models
 */
export type ConnectionState = "Idle" | "RequestStarted" | "RequestSent" | "ResponseUnread" | "Upgraded" | "Closed"

/**
 * The connection is not open and `autoOpen` is off: `http.client.NotConnected`.
 *
 * @since 0.1.0
 * @category errors of state
 */
export class NotConnected extends tagged("NotConnected", "User", "state")<{
  readonly state: ConnectionState
  /** The failure that closed the last connection, if there was one. */
  readonly cause?: unknown
}> {
  override get description(): string {
    return `The connection is not open (state ${this.state}) and \`autoOpen\` is off. Call \`connect\` first.`
  }
}

/**
 * The connection was closed by its scope, or while this exchange was using it.
 *
 * @since 0.1.0
 * @category errors of state
 */
export class ConnectionClosed extends tagged("ConnectionClosed", "Local", "state")<{
  readonly reason: string
  /** The bytes of a body collected so far; see `IncompleteRead`. */
  readonly partial?: Uint8Array | undefined
  readonly cause?: unknown
}> {
  override get description(): string {
    return `The connection is closed: ${this.reason}.`
  }
}

/**
 * A request was started while another is in flight or its response is unread:
 * `http.client.CannotSendRequest`.
 *
 * @since 0.1.0
 * @category errors of state
 */
export class CannotSendRequest extends tagged("CannotSendRequest", "User", "state")<{
  readonly state: ConnectionState
}> {
  override get description(): string {
    return this.state === "ResponseUnread"
      ? "A request cannot be sent: the body of the last response is unread. Read it to its end, or `close` it."
      : this.state === "Upgraded"
      ? "A request cannot be sent: the connection has left HTTP. Close the scope of the upgrade, or `close` the connection, first."
      : `A request cannot be sent in the state ${this.state}. Finish the one under way with \`endHeaders\` and \`getResponse\`.`
  }
}

/**
 * `putHeader`, `endHeaders` or `send` in the wrong state: `http.client.CannotSendHeader`.
 *
 * @since 0.1.0
 * @category errors of state
 */
export class CannotSendHeader extends tagged("CannotSendHeader", "User", "state")<{
  readonly state: ConnectionState
}> {
  override get description(): string {
    return `Fields cannot be sent in the state ${this.state}. Start a request with \`putRequest\` first.`
  }
}

/**
 * `getResponse` before a request was sent: `http.client.ResponseNotReady`.
 *
 * @since 0.1.0
 * @category errors of state
 */
export class ResponseNotReady extends tagged("ResponseNotReady", "User", "state")<{
  readonly state: ConnectionState
}> {
  override get description(): string {
    return this.state === "ResponseUnread"
      ? "There is no response to get: the last one is unread. Read it to its end, or `close` it."
      : `There is no response to get in the state ${this.state}. Send a request first.`
  }
}

/**
 * The body was read before, or is being read in another way.
 *
 * @since 0.1.0
 * @category errors of state
 */
export class BodyAlreadyConsumed extends tagged("BodyAlreadyConsumed", "User", "body")<{
  /** How it was read the first time. */
  readonly by: "stream" | "collect" | "close" | "read" | "socket" | "duplex"
  /** The bytes collected so far; see `IncompleteRead`. */
  readonly partial?: Uint8Array | undefined
}> {
  override get description(): string {
    if (hasLeftHttp(this.context)) {
      return `The bytes of the upgraded connection are taken already (by \`${this.by}\`). They come over the wire once: use one of \`stream\`, \`toSocket\` and \`toDuplex\`.`
    }
    return this.by === "close"
      ? "The response was closed before its body was read."
      : `The body was already consumed (by \`${this.by}\`). A body comes over the wire once: read it in one way, and keep what you need.`
  }
}
