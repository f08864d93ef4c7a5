/**
 * How bytes reach a peer: a service that opens duplex byte channels.
 *
 * Knows no HTTP. `NodeTransport` implements it over sockets, and `TestTransport` over a script. Any
 * other carrier of bytes in both directions can implement it too.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { AddressRefused, ConnectError, DnsError, HttpTimeout, TlsError } from "./HttpError.ts"
import type * as Tls from "./Tls.ts"

/**
 * The destination of a connection, and how to reach it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Endpoint {
  /**
   * A name or an address; an IPv6 address has no brackets. With `socketPath` it only names the peer
   * for TLS.
   */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
  /** The path of a unix socket, instead of host and port. */
  readonly socketPath?: string | undefined
  /** The local address to connect from: `source_address` of `http.client`. */
  readonly localAddress?: string | undefined
  /**
   * The local port to connect from: the port of `source_address`. If 0 or `undefined`, the system
   * chooses.
   */
  readonly localPort?: number | undefined
  /** TLS from the first byte, if set. */
  readonly tls?: Tls.Options | undefined
  /** How the name becomes an address. Default: the system's resolver, in its order. */
  readonly addressing?: Addressing | undefined
}

/**
 * The addresses of a name.
 *
 * @since 0.2.0
 * @category models
 */
export interface Addresses {
  /** IPv4 and IPv6 addresses without brackets, in the order of the resolver; at least one. */
  readonly addresses: ReadonlyArray<string>
  /**
   * How long they may still be used for new connections, in milliseconds; `undefined` if unknown.
   */
  readonly ttlMillis: number | undefined
}

/**
 * Stops a lookup. May return how to wait until nothing of it is left. An opening that is aborted
 * waits for that; one that fails does not. `whenEnded` calls back once, perhaps at once.
 *
 * @since 0.2.0
 * @category models
 */
export type StopLookup = () => { readonly whenEnded: (callback: () => void) => void } | undefined

/**
 * How a name becomes the address that is dialled. A connection or a pool makes it for each opening.
 * All calls are synchronous. A transport that dials sockets must call them.
 *
 * @since 0.2.0
 * @category models
 */
export interface Addressing {
  /**
   * Resolves a name, which is never an address. Calls `done` once, or `died` with a defect, perhaps
   * within the call. Returns how to stop the lookup, after which neither is called.
   * `OpenTimeouts.dns` limits it. Default: the system's resolver.
   */
  readonly resolve?:
    | ((name: string, done: (answer: Addresses | DnsError) => void, died: (defect: unknown) => void) => StopLookup)
    | undefined
  /**
   * Returns the addresses in the order in which they are to be tried, at least one. Called once
   * with the answer of a lookup, which contains only addresses. Default: the two families alternate
   * (RFC 8305 section 4).
   */
  readonly order?: ((answer: Addresses) => ReadonlyArray<string>) | undefined
  /**
   * Called when an address could not be connected to: an attempt failed, or had no answer when
   * `OpenTimeouts.connect` ended. Not called for attempts that ended because another one succeeded.
   */
  readonly failed?: ((address: string) => void) | undefined
  /**
   * Returns why an address must not be connected to, or `undefined` if it may. Must be called right
   * before each attempt, with the very text that is connected to. That includes the host of the
   * endpoint if it is an address. A refused address is skipped; if all are refused, the opening
   * fails with the first refusal. Not called for a unix socket.
   */
  readonly check?: ((address: string, port: number) => AddressRefused | undefined) | undefined
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
 * Facts about an open channel.
 *
 * @since 0.1.0
 * @category models
 */
export interface DuplexInfo {
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  /** The result of the TLS handshake, if the channel uses TLS. */
  readonly tls: Tls.Info | undefined
  /** Milliseconds that each phase of opening took; `undefined` if it did not happen. */
  readonly timings: {
    readonly dns: number | undefined
    readonly connect: number | undefined
    readonly tls: number | undefined
  }
}

/**
 * Why a channel broke: the system's code, such as `ECONNRESET`, and its error.
 *
 * @since 0.1.0
 * @category models
 */
export interface DuplexFault {
  readonly code: string
  readonly cause: unknown
}

/**
 * Receives what arrives on a channel. All calls are synchronous. They never happen within a call of
 * the `Duplex`'s own methods, except `attach` and `resume`, which may deliver what was held back.
 *
 * @since 0.1.0
 * @category models
 */
export interface Receiver {
  /**
   * Receives bytes. The view is valid only during the call. Returning `false` pauses delivery until
   * `resume`.
   */
  onData(bytes: Uint8Array): boolean
  /** The peer has finished sending (FIN, close_notify). Nothing more arrives. */
  onEnd(): void
  /** The channel broke and is already destroyed. Called at most once, and never after `destroy`. */
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
   * True if the peer finished sending within TLS (close_notify), so that no intermediary can have
   * truncated its bytes. Set once the peer has finished sending over TLS. `undefined` if that is
   * unknown, and without TLS.
   */
  readonly endProven?: boolean | undefined
  /**
   * Sends bytes; a string is encoded as ISO-8859-1. `more` follows in the same system call if
   * possible. The bytes belong to the channel until they are sent. Returns `false` if the caller
   * should wait for `drained` before it sends more. Never throws: the receiver gets a failure.
   */
  write(bytes: Uint8Array | string, more?: Uint8Array): boolean
  /**
   * Calls back once, as soon as all written bytes have been handed to the system. Does not call
   * back if the channel breaks first.
   */
  drained(callback: () => void): void
  /** Sets the only receiver and starts delivery, beginning with what arrived earlier. */
  attach(receiver: Receiver): void
  /** Resumes delivery after `onData` returned `false`. */
  resume(): void
  /** Finishes the sending side (FIN); receiving continues. */
  end(): void
  /**
   * Closes both directions at once and drops unsent bytes. Idempotent. The receiver gets no further
   * calls.
   */
  destroy(): void
  /**
   * Makes the open channel keep the process alive, as it does initially. Idempotent. A channel has
   * both `ref` and `unref`, or neither.
   */
  ref?(): void
  /**
   * Lets the process exit although the channel is open, because no caller is waiting for it.
   * Idempotent.
   */
  unref?(): void
}

/**
 * The async context of a caller: the values that `AsyncLocalStorage` keeps for it.
 *
 * @since 0.1.0
 * @category models
 */
export interface AsyncContext {
  /** Runs a function in the context and returns its result. */
  run<A>(f: () => A): A
}

/**
 * The event loop that delivers what arrives on the channels of a transport.
 *
 * @since 0.1.0
 * @category models
 */
export interface EventLoop {
  /**
   * Calls back once, after every open channel has been polled following this call. Bytes, ends and
   * faults that had arrived by then have been delivered to the receivers. Never calls back within
   * the call. Keeps the process alive until then. The async context of the callback is not defined.
   */
  afterPoll(callback: () => void): void
  /** Captures the current async context. */
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
   * The event loop of all channels that this transport opens. Defaults to Node's, which is correct
   * for all Node streams.
   */
  readonly loop?: EventLoop | undefined
  /**
   * Opens a channel. Closing the scope destroys it. Interruption aborts the attempt and leaves no
   * socket, timer or listener.
   */
  readonly open: (
    endpoint: Endpoint,
    timeouts: OpenTimeouts
  ) => Effect.Effect<Duplex, DnsError | AddressRefused | ConnectError | TlsError | HttpTimeout, Scope.Scope>
  /**
   * Starts TLS inside an open channel, such as a proxy's tunnel. The given channel must not be used
   * afterwards and must have no pending bytes. `timeoutMillis` limits the handshake.
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
