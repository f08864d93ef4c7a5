/**
 * Opens a tunnel through a proxy: CONNECT over HTTP/1.1 (RFC 9110 section 9.3.6).
 *
 * Any 2xx opens it. Any other response is an error that keeps the proxy's fields and the beginning
 * of its body. What is sent to the proxy is checked before it is connected (`setTunnel`), and again
 * by the encoder here.
 */
import type { TunnelFailure } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type * as Transport from "../../Transport.ts"
import { join } from "../bytes.ts"
import type { Tagged } from "../error/base.ts"
import { ProxyAuthRequired, ProxyConnectError } from "../error/connect.ts"
import { FramingConflict, ReadError, UnexpectedMessage } from "../error/head.ts"
import { HttpTimeout } from "../error/timeout.ts"
import type { TlsError } from "../error/tls.ts"
import { earlyBytes } from "../error/tlsFailures.ts"
import { hostPort } from "../model/origin.ts"
import type { Caller } from "../model/ports.ts"
import { encodeHead } from "../protocol/encode.ts"
import { saysClose } from "../protocol/framing.ts"
import type { ResponseHead } from "../protocol/head.ts"
import type { HeadEvent } from "../protocol/machine.ts"
import { Machine } from "../protocol/machine.ts"
import { serverNameOf } from "./errorContext.ts"
import type { Settings, Tunnel } from "./settings.ts"
import type { TimerOwner } from "./timers.ts"
import { Timer } from "./timers.ts"
import { tapHead, tapResponse } from "./wireTap.ts"

/** How much of a refusal's body is kept, in bytes. */
export const prefixLength = 4096

/**
 * How long that much of it is awaited, in milliseconds. It helps the reader of the error, but the
 * answer is known without it.
 */
export const prefixMillis = 1000

/** The text of the CONNECT request. */
export const encodeConnect = (tunnel: Tunnel): ReturnType<typeof encodeHead> => {
  const target = hostPort(tunnel.origin)
  return encodeHead({
    method: "CONNECT",
    target: { target, authority: target },
    fields: tunnel.fields,
    trailers: HttpFields.empty,
    trailersLater: false,
    content: { kind: "none" },
    contentType: undefined,
    skipHost: false,
    acceptEncoding: undefined,
    expectContinue: false
  })
}

/** Receives the outcome of a tunnel. */
export interface TunnelOwner {
  /** Called once. The duplex leads to the far end if there is no error. */
  onTunnel(error: TunnelFailure | HttpTimeout | undefined): void
  /** Called once instead, if the library or the transport threw. */
  onDefect(thrown: unknown): void
}

/**
 * All failures of a tunnel happen in the phase `proxy`, except for that of the TLS inside it.
 */
const inProxyPhase = <E extends Tagged<string>>(error: E): E => {
  if (error._tag === "TlsError") return error
  ;(error as { context: E["context"] }).context = { ...error.context, phase: "proxy" }
  return error
}

/**
 * Sends CONNECT and reads the proxy's response: a head, and of a refusal the beginning of its body.
 */
export class TunnelRequest implements Transport.Receiver, TimerOwner {
  head: ResponseHead | undefined
  readonly #settings: Settings
  readonly #tunnel: Tunnel
  readonly #millis: number
  readonly #caller: Caller
  readonly #owner: TunnelOwner
  readonly #machine = new Machine()
  readonly #timer = new Timer(this)
  /** Limits the wait for the body of a refusal. */
  readonly #prefixTimer = new Timer(this)
  readonly #prefix: Array<Uint8Array> = []
  #prefixed = 0
  #finished = false
  /** True if nothing says that the proxy will ever end the body of its refusal. */
  #endless = false

  /** `millis` limits the wait for the proxy's response. */
  constructor(settings: Settings, tunnel: Tunnel, millis: number, caller: Caller, owner: TunnelOwner) {
    this.#settings = settings
    this.#tunnel = tunnel
    this.#millis = millis
    this.#caller = caller
    this.#owner = owner
  }

  /** Opens the tunnel inside the duplex. */
  start(duplex: Transport.Duplex): void {
    this.#guard(() => {
      const { leniency, limits, timers, wireTap } = this.#settings
      const head = encodeConnect(this.#tunnel)
      // Checked when the tunnel was set, so nothing is left to fail.
      if ("_tag" in head) throw head
      if (wireTap) tapHead(this.#caller, head.text)
      this.#machine.startRequest({ method: "CONNECT", close: false, limits, leniency })
      this.#machine.endRequest()
      timers.start(this.#timer, this.#millis)
      duplex.attach(this)
      if (!this.#finished) duplex.write(head.text)
    })
  }

  /** Forgets the tunnel. The owner is not called. */
  abort(): void {
    this.#finished = true
    this.#cancelTimers()
  }

  onTimeout(): void {
    // A refusal whose body does not end is still a refusal.
    this.#finish(this.refusal ?? new HttpTimeout({ kind: "proxy", millis: this.#millis }))
  }

  onData(bytes: Uint8Array): boolean {
    this.#guard(() => {
      this.#machine.receive(bytes)
      this.#drain()
    })
    return !this.#finished
  }

  onEnd(): void {
    this.#guard(() => {
      this.#machine.eof()
      if (!this.#finished) this.#drain()
    })
  }

  onError(fault: Transport.DuplexFault): void {
    this.#guard(() => this.#finish(this.refusal ?? new ReadError(fault)))
  }

  /**
   * What is thrown is a defect of the tunnel, because the transport, which calls, cannot handle it.
   */
  #guard(call: () => void): void {
    try {
      call()
    } catch (thrown) {
      if (!this.#end()) return
      this.#owner.onDefect(thrown)
    }
  }

  #finish(error: TunnelFailure | HttpTimeout | undefined): void {
    if (this.#end()) this.#owner.onTunnel(error && inProxyPhase(error))
  }

  /** True for the first end. */
  #end(): boolean {
    if (this.#finished) return false
    this.#finished = true
    this.#cancelTimers()
    if (this.head !== undefined && this.#settings.wireTap) tapResponse(this.#caller, this.head)
    return true
  }

  #cancelTimers(): void {
    this.#settings.timers.cancel(this.#timer)
    this.#settings.timers.cancel(this.#prefixTimer)
  }

  #drain(): void {
    while (!this.#finished) {
      const event = this.#machine.next()
      switch (event._tag) {
        case "NeedMore":
          if (this.#endless) this.#ended()
          return
        case "Informational":
          break
        case "Head":
          this.#responded(event)
          break
        case "Data":
          this.#keep(event.bytes)
          break
        case "End":
          this.#ended()
          break
        case "Failure":
          // A refusal whose body is broken is still a refusal.
          this.#finish(this.refusal ?? event.error as TunnelFailure)
      }
    }
  }

  #responded({ framing, head }: HeadEvent): void {
    this.head = head
    if (this.refusal === undefined) return
    this.#endless = framing.kind === "close" && head.version === 11 && !saysClose(head)
    if (!this.#endless) this.#settings.timers.start(this.#prefixTimer, prefixMillis)
  }

  #keep(view: Uint8Array): void {
    const piece = new Uint8Array(view.subarray(0, prefixLength - this.#prefixed))
    this.#prefix.push(piece)
    this.#prefixed += piece.length
    if (this.#prefixed === prefixLength) this.#ended()
  }

  #ended(): void {
    this.#finish(this.refusal ?? this.#mistrust)
  }

  /** Why what arrives next may not be from the far end. */
  get #mistrust(): TunnelFailure | undefined {
    const { announced, excess } = this.#machine
    if (excess > 0) return this.#early(excess)
    // That body may have been what looked like the 200, and the proxy's true response would count
    // as that of the far end.
    return announced ? new FramingConflict({ reason: "an informational response announces a body" }) : undefined
  }

  /** What arrives with the response is from the far end, which does not speak first in TLS. */
  #early(received: number): TlsError | UnexpectedMessage {
    return this.#settings.tls === undefined
      ? new UnexpectedMessage({ received })
      : earlyBytes(serverNameOf(this.#settings, this.#tunnel.origin))
  }

  /**
   * The proxy's refusal, with as much of its body as has arrived; `undefined` if it has not
   * refused.
   */
  get refusal(): ProxyAuthRequired | ProxyConnectError | undefined {
    if (this.head === undefined || this.head.status < 300) return undefined
    const { fields, reason, status } = this.head
    const bodyPrefix = join(this.#prefix)
    return status === 407
      ? new ProxyAuthRequired({ challenges: HttpFields.getAll(fields, "proxy-authenticate"), fields, bodyPrefix })
      : new ProxyConnectError({ status, reason, fields, bodyPrefix })
  }
}
