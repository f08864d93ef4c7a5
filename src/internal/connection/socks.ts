/**
 * Opens a tunnel through a SOCKS proxy: sends the bytes of the machine in `protocol/socks.ts`, and
 * passes received bytes to it.
 */
import { RemoteDisconnected } from "../error/head.ts"
import type { Caller } from "../model/ports.ts"
import type { SocksRequest } from "../protocol/socks.ts"
import { SocksMachine } from "../protocol/socks.ts"
import type { NegotiationOwner } from "./negotiation.ts"
import { Negotiation } from "./negotiation.ts"
import type { Settings, Tunnel } from "./settings.ts"

export class SocksNegotiation extends Negotiation {
  readonly #machine: SocksMachine

  constructor(
    settings: Settings,
    tunnel: Tunnel,
    request: SocksRequest,
    millis: number,
    caller: Caller,
    owner: NegotiationOwner
  ) {
    super(settings, tunnel, millis, caller, owner)
    this.#machine = new SocksMachine(request)
  }

  protected override first(): Uint8Array {
    return this.#machine.start()
  }

  protected override received(bytes: Uint8Array): void {
    if (!this.asked) return this.finish(this.#machine.notAsked())
    this.#machine.receive(bytes)
    while (!this.finished) {
      const event = this.#machine.next()
      switch (event._tag) {
        case "NeedMore":
          return
        case "Send":
          this.send(event.bytes)
          break
        case "Connected":
          this.finish(event.excess > 0 ? this.early(event.excess) : undefined)
          break
        case "Failure":
          this.finish(event.error)
      }
    }
  }

  protected override ended(): void {
    this.finish(new RemoteDisconnected({ tls: this.tls }))
  }
}
