/**
 * The common part of all negotiations with a proxy. It is the only receiver of the channel until
 * that leads to the server, has the limit `proxy`, and ends once. CONNECT is in `tunnel.ts`, SOCKS
 * in `socks.ts`.
 */
import type { TunnelFailure } from "../../HttpError.ts"
import type * as Transport from "../../Transport.ts"
import type { Tagged } from "../error/base.ts"
import type { Peer } from "../error/context.ts"
import { ReadError, UnexpectedMessage } from "../error/head.ts"
import { HttpTimeout } from "../error/timeout.ts"
import { earlyBytes, refusal } from "../error/tlsFailures.ts"
import type { Caller } from "../model/ports.ts"
import { serverNameOf } from "./errorContext.ts"
import type { Settings, Tunnel } from "./settings.ts"
import type { TimerOwner } from "./timers.ts"
import { Timer } from "./timers.ts"

/** Receives the outcome of a negotiation. */
export interface NegotiationOwner {
  /** Called once. The duplex leads to the far end if there is no error. */
  onNegotiated(error: TunnelFailure | undefined): void
  /** Called once instead, if the library or the transport threw. */
  onDefect(thrown: unknown): void
}

/**
 * Sets the phase of a failure to `proxy`, except for one of TLS.
 */
const inProxyPhase = <E extends Tagged<string>>(error: E): E => {
  if (error._tag === "TlsError") return error
  ;(error as { context: E["context"] }).context = { ...error.context, phase: "proxy" }
  return error
}

export abstract class Negotiation implements Transport.Receiver, TimerOwner {
  /** The party that a failure of TLS is about. */
  peer: Peer = "Proxy"
  protected readonly settings: Settings
  protected readonly tunnel: Tunnel
  protected readonly caller: Caller
  /** The version of TLS with the proxy. */
  protected tls: string | undefined
  readonly #millis: number
  readonly #owner: NegotiationOwner
  readonly #timer: Timer
  #duplex: Transport.Duplex | undefined
  #finished = false
  /** True once the first message has been sent. */
  #asked = false

  /** `millis` limits the negotiation. */
  constructor(settings: Settings, tunnel: Tunnel, millis: number, caller: Caller, owner: NegotiationOwner) {
    this.settings = settings
    this.tunnel = tunnel
    this.caller = caller
    this.#millis = millis
    this.#owner = owner
    this.#timer = new Timer(this, caller.isBackground !== true)
  }

  /** Opens the tunnel to the far end inside the duplex. */
  start(duplex: Transport.Duplex): void {
    this.#guard(() => {
      this.#duplex = duplex
      this.tls = duplex.info.tls?.version
      const first = this.first()
      this.settings.timers.start(this.#timer, this.#millis)
      duplex.attach(this)
      this.#asked = true
      this.send(first)
    })
  }

  /** Forgets the negotiation. The owner is not called. */
  abort(): void {
    this.#finished = true
    this.settings.timers.cancel(this.#timer)
    this.stopped()
  }

  onTimeout(): void {
    this.finish(this.refusal ?? new HttpTimeout({ kind: "proxy", millis: this.#millis }))
  }

  onData(bytes: Uint8Array): boolean {
    this.#guard(() => this.received(bytes))
    return !this.#finished
  }

  onEnd(): void {
    this.#guard(() => {
      if (!this.#finished) this.ended()
    })
  }

  onError(fault: Transport.DuplexFault): void {
    this.#guard(() => {
      const { proxy } = this.settings
      // With TLS 1.3 a proxy refuses the client's certificate after the handshake.
      const tls = proxy?.scheme === "https" ? refusal(proxy.tls?.serverName ?? proxy.host, fault) : undefined
      this.finish(this.refusal ?? tls ?? new ReadError(fault))
    })
  }

  /** Sends the first message. */
  protected abstract first(): Uint8Array | string

  protected abstract received(bytes: Uint8Array): void

  /** The proxy has finished sending. */
  protected abstract ended(): void

  /** Called at the end, also of an aborted negotiation. */
  protected stopped(): void {}

  /** Returns the refusal of the proxy, if it has refused. Later failures are less important. */
  get refusal(): TunnelFailure | undefined {
    return undefined
  }

  protected get finished(): boolean {
    return this.#finished
  }

  protected get asked(): boolean {
    return this.#asked
  }

  protected send(bytes: Uint8Array | string): void {
    if (!this.#finished) this.#duplex?.write(bytes)
  }

  protected finish(error: TunnelFailure | undefined): void {
    if (this.#end()) this.#owner.onNegotiated(error && inProxyPhase(error))
  }

  /**
   * Returns the failure for bytes that arrived together with the proxy's consent. They are from the
   * far end, which does not speak first, neither in TLS nor in HTTP.
   */
  protected early(received: number): TunnelFailure {
    if (this.settings.tls === undefined) return new UnexpectedMessage({ received })
    this.peer = "Server"
    return earlyBytes(serverNameOf(this.settings, this.tunnel.origin))
  }

  /**
   * Treats an exception as a defect of the tunnel, because the calling transport cannot handle it.
   */
  #guard(call: () => void): void {
    try {
      call()
    } catch (thrown) {
      if (!this.#end()) return
      this.#owner.onDefect(thrown)
    }
  }

  /** True for the first end. */
  #end(): boolean {
    if (this.#finished) return false
    this.abort()
    return true
  }
}
