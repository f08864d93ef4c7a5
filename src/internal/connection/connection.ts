/**
 * One open connection: a duplex, the machine that reads it, and whoever listens at the moment.
 *
 * The receiver stays attached while the link is idle, so any byte, FIN or fault of an idle
 * connection closes it as soon as it is read. A request that uses the link again waits until the
 * event loop has polled it (`reserve`), so that none of these can answer the request. While no
 * exchange is under way the link lets the process end. All methods are synchronous and none fails;
 * a closed link stays closed. What the duplex calls does not throw into it, and so not into the
 * event loop: whatever is thrown here ends the exchange and closes the link.
 */
import type * as Scope from "effect/Scope"
import type { CloseReason } from "../../ConnectionEvent.ts"
import type { HttpError } from "../../HttpError.ts"
import type * as HttpFields from "../../HttpFields.ts"
import type * as Transport from "../../Transport.ts"
import { UnexpectedMessage } from "../error/head.ts"
import { ConnectionClosed } from "../error/state.ts"
import type { Framing } from "../protocol/framing.ts"
import type { ResponseHead } from "../protocol/head.ts"
import type { MachineError, RequestFacts } from "../protocol/machine.ts"
import { Machine } from "../protocol/machine.ts"
import type { EventHub } from "./events.ts"

/** Who is told what comes in while an exchange is under way. */
export interface ExchangeHandler {
  /**
   * So many bytes have come, perhaps none before the end, of which the other calls are told now.
   */
  onReceive(count: number): void
  onInformational(head: ResponseHead): void
  onHead(head: ResponseHead, framing: Framing): void
  /**
   * A piece of the body: `input` from `start` to `end`, valid during the call. Returns whether more
   * is wanted.
   */
  onData(input: Uint8Array, start: number, end: number): boolean
  onEnd(trailers: HttpFields.HttpFields): void
  /** What came breaks the protocol, or ended too early. */
  onFailure(error: MachineError): void
  /** The duplex broke. */
  onFault(fault: Transport.DuplexFault): void
  /** The peer has finished sending, after its response was complete. */
  onPeerFinished(): void
  /** One of these calls threw. The link is closed then. */
  crash(thrown: unknown): void
}

/**
 * Whose link it is, and who is told about it. One object with methods, because functions for each
 * link would be memory of each.
 */
export interface ConnectionOwner {
  readonly events: EventHub
  /** An exchange is complete, and the link can be used again. */
  onIdle(): void
  /** It broke while nobody used it. Gives the failure that this is. */
  onFault(connection: Connection, fault: Transport.DuplexFault): HttpError
  /** To free what opening it took, and to tell. */
  onClosed(connection: Connection, reason: CloseReason, error: HttpError | undefined): void
}

let lastId = 0

export class Connection implements Transport.Receiver {
  readonly id: number = ++lastId
  readonly duplex: Transport.Duplex
  readonly machine = new Machine()
  open = true
  /** What closed it, where that was a failure. */
  closedBy: HttpError | undefined
  /** Whether it was closed by the caller. */
  closedByCaller = false
  /**
   * Whether a pool has kept it idle, so that the server may close it just as the next request is
   * sent, even the first one.
   */
  wasParked = false
  /** When it was opened, and when it became idle, in milliseconds. */
  readonly openedAt: number
  idleSince: number
  /** What opening it took; `undefined` where the duplex was all. */
  readonly scope: Scope.CloseableScope | undefined
  /** Milliseconds that the tunnel took; `undefined` without one. */
  readonly proxyMillis: number | undefined
  #listener: ExchangeHandler | undefined
  /** What is to be called when the link has been polled for the request that has reserved it. */
  #reservation: (() => void) | undefined
  #paused = false
  readonly #owner: ConnectionOwner

  constructor(
    duplex: Transport.Duplex,
    now: number,
    owner: ConnectionOwner,
    scope: Scope.CloseableScope | undefined,
    proxyMillis: number | undefined
  ) {
    this.duplex = duplex
    this.openedAt = now
    this.idleSince = now
    this.#owner = owner
    this.scope = scope
    this.proxyMillis = proxyMillis
  }

  /** Why it is not used again, if both messages are complete and nothing failed. */
  get endReason(): CloseReason {
    return this.machine.announced ? "AnnouncedBody" : "NotPersistent"
  }

  /** Starts to listen. What has come already is told at once, and may close the link. */
  attach(): void {
    this.duplex.unref?.()
    this.duplex.attach(this)
  }

  /** The version of TLS, where there is TLS. */
  get tls(): string | undefined {
    return this.duplex.info.tls?.version
  }

  /** Whether a request can be sent on it now. */
  get usable(): boolean {
    return this.open && this.#listener === undefined && this.#reservation === undefined && this.machine.reusable
  }

  /**
   * Keeps the link for one request, and calls back when the event loop has polled it, or at once
   * when it closes. Only where `usable`.
   */
  reserve(loop: Transport.EventLoop, callback: () => void): void {
    this.#reservation = callback
    loop.afterPoll(() => {
      if (this.#reservation === callback) this.#endReservation()
    })
  }

  /** True while a request waits until the link has been polled. */
  get polling(): boolean {
    return this.#reservation !== undefined
  }

  /** Gives the reservation up: nothing is called. */
  free(): void {
    this.#reservation = undefined
  }

  #endReservation(): void {
    const callback = this.#reservation
    this.#reservation = undefined
    callback?.()
  }

  /** Begins an exchange. Only where `usable`. */
  begin(request: RequestFacts, listener: ExchangeHandler): void {
    this.duplex.ref?.()
    this.machine.startRequest(request)
    this.#listener = listener
  }

  /**
   * Keeps the process alive, because a caller waits for the end of the exchange that is under way.
   */
  ref(): void {
    this.duplex.ref?.()
  }

  /**
   * Lets the process end although an exchange is under way, because no caller waits for the rest of
   * it.
   */
  unref(): void {
    this.duplex.unref?.()
  }

  /**
   * Ends an exchange: the link is idle if the machine says that it can be used again, else it is
   * closed.
   */
  finish(now: number): void {
    this.#listener = undefined
    if (this.machine.reusable) {
      this.duplex.unref?.()
      this.idleSince = now
      this.#owner.onIdle()
    } else {
      const { excess } = this.machine
      if (excess > 0) this.close("Failure", new UnexpectedMessage({ received: excess }))
      else this.close(this.endReason)
    }
  }

  /** The exchange of this listener, if it is still under way, is the last one. */
  spoil(listener: ExchangeHandler): void {
    if (this.#listener === listener) this.machine.abandonRequest()
  }

  /** Sends bytes; see `Duplex.write`. */
  write(bytes: Uint8Array | string, more?: Uint8Array): boolean {
    if (!this.open) return true
    const { events } = this.#owner
    if (events.active) events.emit({ _tag: "Send", connection: this.id, bytes: bytes.length + (more?.length ?? 0) })
    return this.duplex.write(bytes, more)
  }

  /** Goes on reading, after `onData` of the listener returned false. */
  resume(): void {
    if (!this.#paused || !this.open) return
    this.#paused = false
    this.duplex.resume()
  }

  /** Closes at once, because the caller wants it. */
  closeForCaller(): void {
    this.closedByCaller = true
    this.close("Closed")
  }

  /** Closes at once. Idempotent. */
  close(reason: CloseReason, error?: HttpError): void {
    if (!this.open) return
    this.open = false
    this.closedBy = error
    this.#listener = undefined
    this.duplex.destroy()
    // Before its place is another's: the request that has waited for it goes elsewhere, and was
    // there first.
    this.#endReservation()
    this.#owner.onClosed(this, reason, error)
  }

  onData(bytes: Uint8Array): boolean {
    try {
      return this.#receive(bytes)
    } catch (thrown) {
      this.#crash(thrown)
      return true
    }
  }

  onEnd(): void {
    try {
      this.#ended()
    } catch (thrown) {
      this.#crash(thrown)
    }
  }

  onError(fault: Transport.DuplexFault): void {
    try {
      this.#broken(fault)
    } catch (thrown) {
      this.#crash(thrown)
    }
  }

  #crash(thrown: unknown): void {
    try {
      this.#listener?.crash(thrown)
    } finally {
      this.close("Failure", new ConnectionClosed({ reason: "the library threw, see `cause`", cause: thrown }))
    }
  }

  #receive(bytes: Uint8Array): boolean {
    const { events } = this.#owner
    if (events.active) events.emit({ _tag: "Receive", connection: this.id, bytes: bytes.length })
    this.#listener?.onReceive(bytes.length)
    this.machine.receive(bytes)
    const more = this.#drain()
    this.#paused = !more
    return more
  }

  #ended(): void {
    this.machine.eof(this.duplex.endProven === false)
    if (this.#listener === undefined) {
      this.close("Peer")
      return
    }
    this.#listener.onReceive(0)
    this.#drain()
    this.#listener?.onPeerFinished()
  }

  #broken(fault: Transport.DuplexFault): void {
    const listener = this.#listener
    if (listener === undefined) this.close("Peer", this.#owner.onFault(this, fault))
    else listener.onFault(fault)
  }

  /** Takes every event of the bytes received. */
  #drain(): boolean {
    let more = true
    while (this.open) {
      const event = this.machine.next()
      switch (event._tag) {
        case "NeedMore":
          return more
        case "Informational":
          this.#listener?.onInformational(event.head)
          break
        case "Head":
          this.#listener?.onHead(event.head, event.framing)
          break
        case "Data":
          more = this.#listener?.onData(event.input, event.start, event.end) ?? true
          break
        case "End":
          this.#listener?.onEnd(event.trailers)
          // The buffer may be full, but an idle connection must hear of what comes, and the next
          // response too.
          more = true
          break
        case "Failure":
          if (this.#listener === undefined) this.close("Peer", event.error)
          else this.#listener.onFailure(event.error)
          return true
      }
    }
    return true
  }
}
