/**
 * Opens a tunnel through a proxy: CONNECT over HTTP/1.1 (RFC 9110 section 9.3.6).
 *
 * Any 2xx opens it. Any other response is an error that keeps the proxy's fields and the beginning
 * of its body. The fields for the proxy are checked before it is connected (`setTunnel`), and again
 * by the encoder here.
 */
import type { TunnelFailure } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import { join } from "../bytes.ts"
import { ProxyAuthRequired, ProxyConnectError } from "../error/connect.ts"
import { FramingConflict, RemoteDisconnected } from "../error/head.ts"
import { hostPort } from "../model/origin.ts"
import type { Caller } from "../model/ports.ts"
import { encodeHead } from "../protocol/encode.ts"
import { saysClose } from "../protocol/framing.ts"
import type { ResponseHead } from "../protocol/head.ts"
import type { HeadEvent } from "../protocol/machine.ts"
import { Machine } from "../protocol/machine.ts"
import type { NegotiationOwner } from "./negotiation.ts"
import { Negotiation } from "./negotiation.ts"
import type { Settings, Tunnel } from "./settings.ts"
import { Timer } from "./timers.ts"
import { tapHead, tapResponse } from "./wireTap.ts"

/** How many bytes of a refusal's body are kept. */
export const prefixLength = 4096

/**
 * How long these bytes are awaited, in milliseconds. They help the reader of the error, but the
 * outcome is known without them.
 */
export const prefixMillis = 1000

/** Returns the text of the CONNECT request. */
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

/**
 * Sends CONNECT and reads the proxy's response: a head, and of a refusal the beginning of its body.
 */
export class TunnelRequest extends Negotiation {
  #head: ResponseHead | undefined
  readonly #machine = new Machine()
  /** Limits the wait for the body of a refusal. */
  readonly #prefixTimer: Timer
  readonly #prefix: Array<Uint8Array> = []
  #prefixed = 0
  /** True if the head does not say that the proxy will ever end the body of its refusal. */
  #endless = false
  readonly #onHead: (fields: HttpFields.HttpFields) => void

  /** `onHead` gets the fields of the final response. */
  constructor(
    settings: Settings,
    tunnel: Tunnel,
    millis: number,
    caller: Caller,
    owner: NegotiationOwner,
    onHead: (fields: HttpFields.HttpFields) => void
  ) {
    super(settings, tunnel, millis, caller, owner)
    this.#prefixTimer = new Timer({ onTimeout: () => this.onTimeout() }, caller.isBackground !== true)
    this.#onHead = onHead
  }

  protected override first(): string {
    const { leniency, limits, wireTap } = this.settings
    const head = encodeConnect(this.tunnel)
    // Checked when the tunnel was set, so nothing is left to fail.
    if ("_tag" in head) throw head
    if (wireTap) tapHead(this.caller, head.text)
    this.#machine.startRequest({ method: "CONNECT", close: false, limits, leniency })
    this.#machine.endRequest()
    return head.text
  }

  protected override received(bytes: Uint8Array): void {
    this.#machine.receive(bytes)
    this.#drain()
  }

  protected override ended(): void {
    this.#machine.eof()
    this.#drain()
  }

  protected override stopped(): void {
    this.settings.timers.cancel(this.#prefixTimer)
    if (this.#head !== undefined && this.settings.wireTap) tapResponse(this.caller, this.#head)
  }

  #drain(): void {
    while (!this.finished) {
      const event = this.#machine.next()
      switch (event._tag) {
        case "NeedMore":
          if (this.#endless) this.#completed()
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
          this.#completed()
          break
        case "Failure": {
          const error = event.error as TunnelFailure
          // A refusal with an invalid body is still a refusal.
          this.finish(
            this.refusal ?? (error._tag === "RemoteDisconnected" ? new RemoteDisconnected({ tls: this.tls }) : error)
          )
        }
      }
    }
  }

  #responded({ framing, head }: HeadEvent): void {
    this.#head = head
    this.#onHead(head.fields)
    if (this.refusal === undefined) return
    this.#endless = framing.kind === "close" && head.version === 11 && !saysClose(head)
    if (!this.#endless) this.settings.timers.start(this.#prefixTimer, prefixMillis)
  }

  #keep(view: Uint8Array): void {
    const piece = new Uint8Array(view.subarray(0, prefixLength - this.#prefixed))
    this.#prefix.push(piece)
    this.#prefixed += piece.length
    if (this.#prefixed === prefixLength) this.#completed()
  }

  #completed(): void {
    this.finish(this.refusal ?? this.#mistrust)
  }

  /** Returns why the next bytes may not be from the far end. */
  get #mistrust(): TunnelFailure | undefined {
    const { announced, excess } = this.#machine
    if (excess > 0) return this.early(excess)
    // The bytes that look like the 200 may be that body. The proxy's true response would then count
    // as that of the far end.
    return announced ? new FramingConflict({ reason: "an informational response announces a body" }) : undefined
  }

  /**
   * Returns the proxy's refusal, with as much of its body as has arrived; `undefined` if it has not
   * refused.
   */
  override get refusal(): ProxyAuthRequired | ProxyConnectError | undefined {
    if (this.#head === undefined || this.#head.status < 300) return undefined
    const { fields, reason, status } = this.#head
    const bodyPrefix = join(this.#prefix)
    return status === 407
      ? new ProxyAuthRequired({ challenges: HttpFields.getAll(fields, "proxy-authenticate"), fields, bodyPrefix })
      : new ProxyConnectError({ status, reason, fields, bodyPrefix })
  }
}
