/**
 * What happens to a connection, as data.
 *
 * Python raises the audit events `http.client.connect` and `http.client.send`; these are they, and the end of the connection
 * besides. They carry no content, because content holds secrets.
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
  /** Where to: a host name or address, or the path of a unix socket. With a tunnel it is the proxy. */
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
 * A connection was closed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Close {
  readonly _tag: "Close"
  readonly connection: number
  /** Exchanges that were completed on it. */
  readonly requestsServed: number
  /** What ended it, where it was a failure. */
  readonly error: HttpError | undefined
}

/**
 * What happens to a connection.
 *
 * @since 0.1.0
 * @category models
 */
export type ConnectionEvent = Connect | Connected | Send | Close
