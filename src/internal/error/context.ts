/**
 * The facts that every error has about its exchange: where it failed, its progress, and what the
 * server may have done.
 *
 * Plain data. The protocol and the transport create errors without knowing the connection. The
 * connection adds this record at a single boundary (`withContext` in `base.ts`), so no other place
 * fills it in.
 *
 * @since 0.1.0
 */

/**
 * The party at fault: this library (`Local`), the peer, the network between them, or the caller.
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
 * How much of the request the transport had received.
 *
 * @since 0.1.0
 * @category models
 */
export type RequestState = "NotSent" | "PartiallySent" | "Sent" | "ResponseStarted"

/**
 * Says whether the server may have acted on the request.
 *
 * @since 0.1.0
 * @category models
 */
export type Processed = "No" | "Unknown" | "Yes"

/**
 * The party at the other end of a connection.
 *
 * @since 0.2.0
 * @category models
 */
export type Peer = "Server" | "Proxy"

/**
 * The connection of an exchange.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectionInfo {
  /** Unique in the process, for logs. */
  readonly id: number
  /** True if the connection had already answered a request. */
  readonly reused: boolean
  /** The number of requests that the connection had answered before this one. */
  readonly requestsServed: number
  /**
   * Milliseconds that the connection had been idle before this exchange; 0 if it was opened for it.
   */
  readonly idleMillis: number
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
}

/**
 * Milliseconds spent in each phase; `undefined` if the phase did not happen (a reused connection
 * has no `dns`).
 *
 * `proxy` is everything with the proxy after the TCP connection to it: TLS with it, CONNECT or
 * SOCKS. It includes the lookup of a name for a SOCKS proxy that gets addresses. `tls` is that with
 * the server. `send` ends when the request has been written completely. `wait` ends when the final
 * head has been parsed, and `body` when the last byte of the body has arrived. A request that is
 * sent in one write has 0 for `send`. The clock is not read for it, and its encoding counts towards
 * `wait`.
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
  /** The method of the request; `undefined` if there is no request to send, as for `connect`. */
  readonly method: string | undefined
  /**
   * The requested path, without its query, or `*`; `undefined` before it is known, and for CONNECT.
   */
  readonly path: string | undefined
  /** `host:port` of the proxy of the connection; `undefined` without one. */
  readonly proxy: string | undefined
  /**
   * The party at the other end. It is the proxy during the connect to it and its tunnel request,
   * and while it forwards the request; otherwise the server.
   */
  readonly peer: Peer
  /** The status of the response, once its head has been received. */
  readonly status: number | undefined
  /** The Content-Type of the response, once its head has been received. */
  readonly contentType: string | undefined
  readonly connection: ConnectionInfo | undefined
  /** Bytes of this exchange written to the transport. */
  readonly bytesWritten: number
  /** Bytes of this exchange received from the transport. */
  readonly bytesRead: number
  readonly requestState: RequestState
  readonly processed: Processed
  /** True if the request's body can be sent again. */
  readonly replayable: boolean
  /**
   * How often the request had been sent before, at most 2. A pool retries once after a stale
   * connection or a 408 of an idle one. A request is also sent again once after a 417 that refused
   * `expectContinue`.
   */
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
 * Creates the context of an error without a connection. Nothing was sent, so nothing can have been
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
