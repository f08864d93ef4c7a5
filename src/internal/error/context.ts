/**
 * What every error says about the exchange it ended: where, how far, and what the server may have
 * done.
 *
 * Plain data. The protocol and the transport make errors without knowing the connection; the
 * connection adds this record at its one border (`locate` in `base.ts`), so no other place fills it
 * in.
 *
 * @since 0.1.0
 */

/**
 * Who is to blame: our library, the peer, the network between, or the caller.
 *
 * @since 0.1.0
 * @category models
 */
export type Fault = "Local" | "Remote" | "Network" | "User"

/**
 * The step of an exchange in which a failure happened.
 *
 * @since 0.1.0
 * @category models
 */
export type Phase =
  | "build"
  | "state"
  | "dns"
  | "connect"
  | "tls"
  | "proxy"
  | "write"
  | "head"
  | "body"
  | "idle"
  | "pool"
  | "redirect"
  | "decode"

/**
 * How much of the request had been given to the transport.
 *
 * @since 0.1.0
 * @category models
 */
export type RequestState = "NotSent" | "PartiallySent" | "Sent" | "ResponseStarted"

/**
 * Whether the server may have acted on the request.
 *
 * @since 0.1.0
 * @category models
 */
export type Processed = "No" | "Unknown" | "Yes"

/**
 * Who is at the other end of a connection.
 *
 * @since 0.2.0
 * @category models
 */
export type Peer = "Server" | "Proxy"

/**
 * The connection an exchange ran on.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectionInfo {
  /** Unique in the process, for logs. */
  readonly id: number
  /** Whether an earlier request had been answered on it. */
  readonly reused: boolean
  /** How many requests it had answered before this one. */
  readonly requestsServed: number
  /** Milliseconds it had been idle before this exchange; 0 where it was opened for it. */
  readonly idleMillis: number
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
}

/**
 * Milliseconds spent in each phase; `undefined` where the phase did not happen (a reused connection
 * has no `dns`).
 *
 * `send` ends when the request was handed over whole, `wait` when the final head was parsed, `body`
 * when the last byte of the body had arrived. A request that leaves in one write has 0 for `send`:
 * the clock is not read for it, and encoding it is part of `wait`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Timings {
  readonly dns: number | undefined
  readonly connect: number | undefined
  readonly tls: number | undefined
  readonly proxy: number | undefined
  readonly send: number | undefined
  readonly wait: number | undefined
  readonly body: number | undefined
  readonly total: number | undefined
}

/**
 * The record on every error.
 *
 * @since 0.1.0
 * @category models
 */
export interface ErrorContext {
  readonly phase: Phase
  readonly fault: Fault
  /** `scheme://host:port` or `unix:path`; `undefined` before an origin is known. */
  readonly origin: string | undefined
  /**
   * The method of the request; `undefined` where there is no request that could be sent, as for
   * `connect`.
   */
  readonly method: string | undefined
  /**
   * The path that was asked for, without its query, or `*`; `undefined` before it is known, and for
   * CONNECT.
   */
  readonly path: string | undefined
  /** `host:port` of the proxy that the connection goes through; `undefined` without one. */
  readonly proxy: string | undefined
  /**
   * Who was at the other end: the proxy while it is connected to, asked for a tunnel, or forwards
   * the request; else the server.
   */
  readonly peer: Peer
  /** The status of the response, once its head had come. */
  readonly status: number | undefined
  /** The Content-Type of the response, once its head had come. */
  readonly contentType: string | undefined
  readonly connection: ConnectionInfo | undefined
  /** Bytes of this exchange given to the transport. */
  readonly bytesWritten: number
  /** Bytes of this exchange that came from the transport. */
  readonly bytesRead: number
  readonly requestState: RequestState
  readonly processed: Processed
  /** Whether the request's body can be sent again. */
  readonly replayable: boolean
  /** How often a pool had sent the request before, on a connection that had gone: 0 or 1. */
  readonly resends: number
  readonly timings: Timings
}

/** @internal */
export const noTimings: Timings = Object.freeze({
  dns: undefined,
  connect: undefined,
  tls: undefined,
  proxy: undefined,
  send: undefined,
  wait: undefined,
  body: undefined,
  total: undefined
})

/**
 * The context of an error that no connection has seen: nothing was sent, so nothing can have been
 * processed.
 *
 * @internal
 */
export const unlocated = (phase: Phase, fault: Fault): ErrorContext =>
  Object.freeze({
    phase,
    fault,
    origin: undefined,
    method: undefined,
    path: undefined,
    proxy: undefined,
    peer: "Server",
    status: undefined,
    contentType: undefined,
    connection: undefined,
    bytesWritten: 0,
    bytesRead: 0,
    requestState: "NotSent",
    processed: "No",
    replayable: true,
    resends: 0,
    timings: noTimings
  })
