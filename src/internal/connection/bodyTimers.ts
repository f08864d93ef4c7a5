/**
 * The timers of a response's body.
 *
 * They limit how long a reader may wait for a piece, and how long the body may be left unread. They
 * also limit how long the rest of a discarded body is read. One timer serves all three, because
 * only one of them runs at a time. A second timer limits the rest of a request whose response is
 * complete. An expired timer only calls a method of the exchange, which ends itself.
 */
import type { CloseReason } from "../../ConnectionEvent.ts"
import { contentType } from "../model/fields.ts"
import type { BodyBuffer } from "./bodyBuffer.ts"
import type { ExchangeView } from "./errorContext.ts"
import type { TimerOwner } from "./timers.ts"
import { Timer } from "./timers.ts"

/** The part of an exchange that is used here. */
interface Exchange extends ExchangeView {
  readonly body: BodyBuffer
  abandon(reason: string, closed: CloseReason): void
  timeOut(kind: "bodyIdle"): void
  readonly isBlocked: boolean
  stopSending(): void
}

/**
 * True if the rest is, or may be, longer than the limit for draining. Chunks that a reader began to
 * read and then left may continue indefinitely, and the events of a server (`text/event-stream`)
 * always do. Chunks that no reader has looked at are mostly a page that is on its way.
 */
const mayBeLong = ({ body, framing, head }: Exchange, drainBytes: number): boolean =>
  framing?.kind === "length"
    ? framing.length - body.received > drainBytes
    : body.begun || head === undefined || contentType(head.fields)?.type === "text/event-stream"

export class BodyTimers implements TimerOwner {
  readonly #exchange: Exchange
  readonly #timer = new Timer(this)
  #kind: "bodyIdle" | "unread" | "drain" = "bodyIdle"
  /** True if the rest is being read in order to be dropped. */
  #draining = false
  /** The bytes of the body after which draining stops. */
  #drainUntil = Infinity
  /** The timer for the rest of the request. It is created when it is needed, which is rare. */
  #rest: Timer | undefined

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  /** A reader waits for a piece, or continues to wait after bytes have arrived. */
  wait(): void {
    this.#start("bodyIdle", this.#exchange.terms.timeouts.bodyIdle)
  }

  /**
   * No reader is waiting for the body. A pool closes a response that is left unread for long,
   * unless it is being streamed.
   */
  startUnread(): void {
    const { body, settings: { policy } } = this.#exchange
    if (policy === undefined || body.settled || body.awaited || body.streaming) return
    this.#start("unread", policy.unreadMillis)
  }

  /**
   * Discards the rest, which no reader will read. A pool reads a little of it itself, so that the
   * connection can be used again.
   */
  discard(reason: string): void {
    const { body, connection, sent, settings: { policy } } = this.#exchange
    if (this.#draining) return
    if (body.ended) return this.#exchange.stopSending()
    // If the connection ends with this body or after it, draining would not save it.
    if (!connection.machine.persistent) return this.#exchange.abandon(reason, connection.endReason)
    // A body that a reader waits for must not be dropped silently.
    if (!sent || body.awaited) return this.#exchange.abandon(reason, "Interrupted")
    if (policy === undefined || mayBeLong(this.#exchange, policy.drainBytes)) {
      return this.#exchange.abandon(reason, "Undrained")
    }
    this.#draining = true
    if (!body.endAwaited) connection.unref()
    this.#drainUntil = body.received + policy.drainBytes
    this.#start("drain", policy.drainMillis)
    connection.resume()
  }

  /** A piece has arrived. */
  received(): void {
    if (this.#exchange.body.received <= this.#drainUntil) return
    this.#exchange.abandon("the rest of the response was too long to be dropped (`drainBytes`)", "Undrained")
  }

  /**
   * The response is complete, but the request is not. A pool waits for each further piece as long
   * as it waits for a reader. Otherwise a stream without an end would hold the slot indefinitely.
   * `timeouts.write` applies to a piece that the transport does not accept.
   */
  awaitRest(): void {
    const exchange = this.#exchange
    const { policy, timers } = exchange.settings
    if (policy === undefined) return
    this.#rest ??= new Timer(this, false)
    timers.start(this.#rest, policy.unreadMillis)
  }

  stop(): void {
    this.#exchange.settings.timers.cancel(this.#timer)
  }

  /** The exchange is over. */
  end(): void {
    this.stop()
    if (this.#rest !== undefined) this.#exchange.settings.timers.cancel(this.#rest)
  }

  #start(kind: "bodyIdle" | "unread" | "drain", millis: number): void {
    const { timers } = this.#exchange.settings
    this.#kind = kind
    timers.setAwaited(this.#timer, kind === "bodyIdle")
    timers.start(this.#timer, millis)
  }

  onTimeout(timer: Timer): void {
    const exchange = this.#exchange
    const { policy } = exchange.settings
    if (timer === this.#rest) return exchange.isBlocked ? this.awaitRest() : exchange.stopSending()
    switch (this.#kind) {
      case "bodyIdle":
        return exchange.timeOut("bodyIdle")
      case "drain":
        return exchange.abandon(
          "the rest of the response did not come in time to be dropped (`drainTime`)",
          "Undrained"
        )
      case "unread":
        policy?.onUnread(exchange)
        return exchange.abandon(
          `the response was left unread for ${policy?.unreadMillis} ms (\`unreadTime\`)`,
          "Unread"
        )
    }
  }
}
