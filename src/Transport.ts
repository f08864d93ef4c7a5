/**
 * How bytes reach a peer: a service that opens duplex byte channels.
 *
 * Knows no HTTP. `NodeTransport` implements it over sockets, `TestTransport` over a script, and
 * anything else that carries bytes both ways can implement it too.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ConnectError, DnsError, HttpTimeout, TlsError } from "./HttpError.ts"
import type * as Tls from "./Tls.ts"

/**
 * Where to connect to, and how.
 *
 * @since 0.1.0
 * @category models
 */
export interface Endpoint {
  /**
   * A name or an address, an IPv6 address without brackets. With `socketPath` it only names the
   * peer for TLS.
   */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
  /** The path of a unix socket, in place of host and port. */
  readonly socketPath?: string | undefined
  /** The local address to connect from: `source_address` of `http.client`. */
  readonly localAddress?: string | undefined
  /**
   * The local port to connect from, 0 or `undefined` for the system's choice: the port of
   * `source_address`.
   */
  readonly localPort?: number | undefined
  /** TLS from the first byte, where it is set. */
  readonly tls?: Tls.Options | undefined
}

/**
 * Limits in milliseconds for the phases of opening; `Infinity` for none.
 *
 * @since 0.1.0
 * @category models
 */
export interface OpenTimeouts {
  readonly dns: number
  readonly connect: number
  readonly tls: number
}

/**
 * What is known of an open channel.
 *
 * @since 0.1.0
 * @category models
 */
export interface DuplexInfo {
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  /** What TLS negotiated, where there is TLS. */
  readonly tls: Tls.Info | undefined
  /** Milliseconds that each phase of opening took; `undefined` where it did not happen. */
  readonly timings: {
    readonly dns: number | undefined
    readonly connect: number | undefined
    readonly tls: number | undefined
  }
}

/**
 * Why a channel broke: the system's code, such as `ECONNRESET`, and the error it came with.
 *
 * @since 0.1.0
 * @category models
 */
export interface DuplexFault {
  readonly code: string
  readonly cause: unknown
}

/**
 * Who is told of what comes in. All calls are synchronous and never happen within a call of the
 * `Duplex`'s own methods, except `attach` and `resume`, which may deliver what was held back.
 *
 * @since 0.1.0
 * @category models
 */
export interface Receiver {
  /**
   * Bytes came. The view is valid during the call only. Returning `false` pauses until `resume`.
   */
  onData(bytes: Uint8Array): boolean
  /** The peer has finished sending (FIN, close_notify). Nothing more comes. */
  onEnd(): void
  /** The channel broke. It is already destroyed. Called at most once, and never after `destroy`. */
  onError(fault: DuplexFault): void
}

/**
 * An open byte channel in both directions.
 *
 * @since 0.1.0
 * @category models
 */
export interface Duplex {
  readonly info: DuplexInfo
  /**
   * Once the peer has finished sending over TLS: whether it said so within TLS (close_notify), so
   * that nothing on the way can have cut what it sent. `undefined` where that cannot be told, and
   * without TLS.
   */
  readonly endProven?: boolean | undefined
  /**
   * Sends bytes, a string as ISO-8859-1; `more` follows in the same system call where there is one.
   * The bytes belong to the channel until they are sent. Returns `false` where the caller should
   * wait for `drained` before it sends more. Never throws: a failure is told to the receiver.
   */
  write(bytes: Uint8Array | string, more?: Uint8Array): boolean
  /**
   * Calls back once, as soon as all that was written has been handed to the system; not at all if
   * the channel breaks first.
   */
  drained(callback: () => void): void
  /** Sets the one receiver and starts delivery, first of what came before. */
  attach(receiver: Receiver): void
  /** Goes on after `onData` returned `false`. */
  resume(): void
  /** Finishes the sending side (FIN); receiving goes on. */
  end(): void
  /**
   * Closes both sides at once and drops what was not sent. Idempotent; the receiver hears nothing
   * more.
   */
  destroy(): void
  /**
   * Makes the channel keep the process alive while it is open, as it does from the start.
   * Idempotent. A channel has `ref` and `unref`, or neither.
   */
  ref?(): void
  /**
   * Lets the process end although the channel is open, because no caller waits for anything on it.
   * Idempotent.
   */
  unref?(): void
}

/**
 * The async context of a caller: what `AsyncLocalStorage` keeps for it.
 *
 * @since 0.1.0
 * @category models
 */
export interface AsyncContext {
  /** Runs a function in the context and returns its result. */
  run<A>(f: () => A): A
}

/**
 * The event loop that brings what arrives on the channels of a transport.
 *
 * @since 0.1.0
 * @category models
 */
export interface EventLoop {
  /**
   * Calls back once, when every open channel has been polled after this call: bytes, ends and
   * faults that had arrived by then have been delivered to the receivers. Never calls back within
   * the call. Keeps the process alive until then. The async context in which it calls back is not
   * defined.
   */
  afterPoll(callback: () => void): void
  /** Captures the async context that is current now. */
  captureContext(): AsyncContext
}

/**
 * The service.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * The event loop of all channels that this transport opens. Node's by default, which is right for
   * all of Node's streams.
   */
  readonly loop?: EventLoop | undefined
  /**
   * Opens a channel; the scope's end destroys it. Interruption aborts the attempt and leaves no
   * socket, timer or listener.
   */
  readonly open: (
    endpoint: Endpoint,
    timeouts: OpenTimeouts
  ) => Effect.Effect<Duplex, DnsError | ConnectError | TlsError | HttpTimeout, Scope.Scope>
  /**
   * Starts TLS inside a channel that is open already, as in a proxy's tunnel. The channel given may
   * not be used afterwards and must have no bytes waiting. `timeoutMillis` limits the handshake.
   */
  readonly secure: (
    duplex: Duplex,
    serverName: string,
    tls: Tls.Options,
    timeoutMillis: number
  ) => Effect.Effect<Duplex, TlsError | HttpTimeout, Scope.Scope>
}

/**
 * The tag of the service.
 *
 * @since 0.1.0
 * @category tags
 */
export class Transport extends Context.Tag("effect-http-client/Transport")<Transport, Service>() {}
