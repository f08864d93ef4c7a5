/**
 * One open connection: a duplex, the machine that reads it, and the exchange in progress.
 *
 * The receiver stays attached while the connection is idle. Any byte, FIN or fault of an idle
 * connection therefore closes it as soon as it is read. While no exchange is in progress the
 * connection lets the process end. All methods are synchronous and none fails; a closed connection
 * stays closed. The methods that the duplex calls throw neither into it nor into the event loop.
 * Whatever is thrown here ends the exchange and closes the connection.
 */
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

/** Receives the events that the codec produces during an exchange. */
export interface ExchangeHandler {
  /**
   * `count` bytes have arrived, perhaps none before the end. The other calls report their content.
   */
  onReceive(count: number): void
  onInformational(head: ResponseHead): void
  onHead(head: ResponseHead, framing: Framing): void
  /**
   * Receives a piece of the body: `input` from `start` to `end`, valid during the call. Returns
   * true if more is wanted.
   */
  onData(input: Uint8Array, start: number, end: number): boolean
  onEnd(trailers: HttpFields.HttpFields): void
  /** The received bytes break the protocol, or ended too early. */
  onFailure(error: MachineError): void
  /** The duplex broke. */
  onFault(fault: Transport.DuplexFault): void
  /** The peer has finished sending, after its response was complete. */
  onPeerFinished(): void
  /** One of these calls threw. The connection is closed afterwards. */
  crash(thrown: unknown): void
}

/**
 * The owner of the connection. It is notified when the connection becomes idle and when it closes.
 * This is an interface rather than callbacks because closures would cost memory for every idle
 * connection.
 */
export interface ConnectionOwner {
  readonly events: EventHub
  /** An exchange is complete, and the connection can be used again. */
  onIdle(): void
  /** The connection broke while it was idle. Returns the resulting failure. */
  onFault(connection: Connection, fault: Transport.DuplexFault): HttpError
  /** Called once, after the duplex was destroyed. */
  onClosed(connection: Connection, reason: CloseReason, error: HttpError | undefined): void
}

/** The request that a connection is reserved for. */
export interface Reserver {
  /** Called once: the connection was polled, or closed before. Must not throw. */
  onPolled(): void
}

let lastId = 0

export class Connection implements Transport.Receiver {
  readonly id: number = ++lastId
  readonly duplex: Transport.Duplex
  readonly machine = new Machine()
  open = true
  /** The failure that closed it, if a failure did. */
  closedBy: HttpError | undefined
  /** True if the caller closed it. */
  closedByCaller = false
  /**
   * True once the pool has parked this connection. The server may then close it at the moment the
   * next request is written. Such a failure therefore counts as a stale connection, even on its
   * first request.
   */
  wasParked = false
  /** When it was opened, and when it became idle, in milliseconds. */
  readonly openedAt: number
  idleSince: number
  /** Ends what the opening holds beside the duplex. */
  readonly release: (() => void) | undefined
  /** Milliseconds that the tunnel took; `undefined` without one. */
  readonly proxyMillis: number | undefined
  #handler: ExchangeHandler | undefined
  /** The request that waits until the connection has been polled. */
  #reserver: Reserver | undefined
  #paused = false
  readonly #owner: ConnectionOwner

  constructor(
    duplex: Transport.Duplex,
    now: number,
    owner: ConnectionOwner,
    release: (() => void) | undefined,
    proxyMillis: number | undefined
  ) {
    this.duplex = duplex
    this.openedAt = now
    this.idleSince = now
    this.#owner = owner
    this.release = release
    this.proxyMillis = proxyMillis
  }

  /** Why it is not reused, if both messages are complete and nothing failed. */
  get endReason(): CloseReason {
    return this.machine.announced ? "AnnouncedBody" : "NotPersistent"
  }

  /** Starts to listen. Earlier bytes are delivered at once, and may close it. */
  attach(): void {
    this.duplex.unref?.()
    this.duplex.attach(this)
  }

  /** The version of TLS; `undefined` without TLS. */
  get tls(): string | undefined {
    return this.duplex.info.tls?.version
  }

  /** True if a request can be sent on it now. */
  get usable(): boolean {
    return this.open && this.#handler === undefined && this.#reserver === undefined && this.machine.reusable
  }

  /**
   * Reserves the connection, which must be `usable`, for one request until the event loop has
   * polled it. The reserver is called then, or at once if the connection closes.
   *
   * A connection that was used before, or was idle while the event loop was busy, may hold
   * something that arrived in the meantime. That can be a response that no request asked for, a
   * FIN, a reset, or a TLS alert. If the next request were written before that is read, a stray
   * response would count as its response, and a close as its failure. After the poll the connection
   * is either closed or has nothing unread, except for packets that are still on their way.
   */
  reserve(loop: Transport.EventLoop, reserver: Reserver): void {
    this.#reserver = reserver
    loop.afterPoll(() => {
      if (this.#reserver === reserver) this.#endReservation()
    })
  }

  /** True while a request waits until the connection has been polled. */
  get polling(): boolean {
    return this.#reserver !== undefined
  }

  /** Cancels the reservation. The reserver is not called. */
  free(): void {
    this.#reserver = undefined
  }

  #endReservation(): void {
    const reserver = this.#reserver
    this.#reserver = undefined
    reserver?.onPolled()
  }

  /** Begins an exchange. The connection must be `usable`. */
  begin(request: RequestFacts, handler: ExchangeHandler): void {
    this.duplex.ref?.()
    this.machine.startRequest(request)
    this.#handler = handler
  }

  /** Keeps the process alive, because a caller waits for the end of the exchange. */
  ref(): void {
    this.duplex.ref?.()
  }

  /** Lets the process end although an exchange is in progress, because no caller waits for it. */
  unref(): void {
    this.duplex.unref?.()
  }

  /** Ends an exchange: the connection becomes idle if it can be reused, otherwise it is closed. */
  finish(now: number): void {
    this.#handler = undefined
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

  /** Makes the exchange of this handler the last one, if it is still in progress. */
  spoil(handler: ExchangeHandler): void {
    if (this.#handler === handler) this.machine.abandonRequest()
  }

  /** Sends bytes; see `Duplex.write`. */
  write(bytes: Uint8Array | string, more?: Uint8Array): boolean {
    if (!this.open) return true
    const { events } = this.#owner
    if (events.active) events.emit({ _tag: "Send", connection: this.id, bytes: bytes.length + (more?.length ?? 0) })
    return this.duplex.write(bytes, more)
  }

  /** Resumes reading, after `onData` of the handler returned false. */
  resume(): void {
    if (!this.#paused || !this.open) return
    this.#paused = false
    this.duplex.resume()
  }

  /** Closes at once, because the caller asked for it. */
  closeForCaller(): void {
    this.closedByCaller = true
    this.close("Closed")
  }

  /** Closes at once. Idempotent. */
  close(reason: CloseReason, error?: HttpError): void {
    if (!this.open) return
    this.open = false
    this.closedBy = error
    this.#handler = undefined
    this.duplex.destroy()
    // Before its slot is freed, because the request that waited for it takes precedence over all
    // others.
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
      this.#handler?.crash(thrown)
    } finally {
      this.close("Failure", new ConnectionClosed({ reason: "the library threw, see `cause`", cause: thrown }))
    }
  }

  #receive(bytes: Uint8Array): boolean {
    const { events } = this.#owner
    if (events.active) events.emit({ _tag: "Receive", connection: this.id, bytes: bytes.length })
    this.#handler?.onReceive(bytes.length)
    this.machine.receive(bytes)
    const more = this.#drain()
    this.#paused = !more
    return more
  }

  #ended(): void {
    this.machine.eof(this.duplex.endProven === false)
    if (this.#handler === undefined) {
      this.close("Peer")
      return
    }
    this.#handler.onReceive(0)
    this.#drain()
    this.#handler?.onPeerFinished()
  }

  #broken(fault: Transport.DuplexFault): void {
    const handler = this.#handler
    if (handler === undefined) this.close("Peer", this.#owner.onFault(this, fault))
    else handler.onFault(fault)
  }

  /** Handles every event of the bytes received. */
  #drain(): boolean {
    let more = true
    while (this.open) {
      const event = this.machine.next()
      switch (event._tag) {
        case "NeedMore":
          return more
        case "Informational":
          this.#handler?.onInformational(event.head)
          break
        case "Head":
          this.#handler?.onHead(event.head, event.framing)
          break
        case "Data":
          more = this.#handler?.onData(event.input, event.start, event.end) ?? true
          break
        case "End":
          this.#handler?.onEnd(event.trailers)
          // The buffer may be full, but an idle connection must read what arrives, and so must the
          // next response.
          more = true
          break
        case "Failure":
          if (this.#handler === undefined) this.close("Peer", event.error)
          else this.#handler.onFailure(event.error)
          return true
      }
    }
    return true
  }
}
