/**
 * The time between two pieces of a body: how long one may be awaited, how long nobody may read, and
 * for how long the rest of a body that was let go is read. One deadline, because only one of these
 * runs at a time; another for the rest of a request whose response is whole. It ends no exchange
 * itself.
 */
import type { CloseReason } from "../../ConnectionEvent.ts"
import { contentType } from "../model/fields.ts"
import type { BodyBuffer } from "./bodyBuffer.ts"
import type { ExchangeView } from "./errorContext.ts"
import type { TimerOwner } from "./timers.ts"
import { Timer } from "./timers.ts"

/** What is done here with an exchange. */
interface Exchange extends ExchangeView {
  readonly body: BodyBuffer
  abandon(reason: string, closed: CloseReason): void
  timeOut(kind: "bodyIdle"): void
  readonly isBlocked: boolean
  stopSending(): void
}

/**
 * Whether the rest is longer than may be dropped, or may well be: chunks that somebody has begun to
 * read and left go on, as far as anybody knows, and events of a server (`text/event-stream`) always
 * do. Of chunks at which nobody has looked, most are a page that is on its way.
 */
const mayBeLong = ({ body, framing, head }: Exchange, drainBytes: number): boolean =>
  framing?.kind === "length"
    ? framing.length - body.received > drainBytes
    : body.begun || head === undefined || contentType(head.fields)?.type === "text/event-stream"

export class BodyTimers implements TimerOwner {
  readonly #exchange: Exchange
  readonly #deadline = new Timer(this)
  #kind: "bodyIdle" | "unread" | "drain" = "bodyIdle"
  /**
   * Whether the rest is being read, to be dropped; and the bytes of the body after which that is
   * given up.
   */
  #draining = false
  #drainUntil = Infinity
  /** Made where it is needed, which is seldom. */
  #rest: Timer | undefined

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  /** Somebody waits for a piece, or waits on after bytes came. */
  wait(): void {
    this.#arm("bodyIdle", this.#exchange.terms.timeouts.bodyIdle)
  }

  /**
   * Nobody waits for the body now. A pool gives up a response that is left so for long, unless it
   * is being streamed.
   */
  startUnread(): void {
    const { body, settings: { policy } } = this.#exchange
    if (policy === undefined || body.settled || body.awaited || body.streaming) return
    this.#arm("unread", policy.unreadMillis)
  }

  /**
   * Nobody will read the rest, of which a pool reads a little itself, so that the link can be used
   * again.
   */
  discard(reason: string): void {
    const { body, connection, sent, settings: { policy } } = this.#exchange
    if (this.#draining) return
    if (body.ended) return this.#exchange.stopSending()
    // What ends with the connection, or is followed by its end, would not save it.
    if (!connection.machine.persistent) return this.#exchange.abandon(reason, connection.endReason)
    // What somebody waits for is not to be dropped unheard.
    if (!sent || body.awaited) return this.#exchange.abandon(reason, "Interrupted")
    if (policy === undefined || mayBeLong(this.#exchange, policy.drainBytes)) {
      return this.#exchange.abandon(reason, "Undrained")
    }
    this.#draining = true
    if (!body.endAwaited) connection.unref()
    this.#drainUntil = body.received + policy.drainBytes
    this.#arm("drain", policy.drainMillis)
    connection.resume()
  }

  /** A piece has come. */
  received(): void {
    if (this.#exchange.body.received <= this.#drainUntil) return
    this.#exchange.abandon("the rest of the response was too long to be dropped (`drainBytes`)", "Undrained")
  }

  /**
   * The response is whole, the request is not. A pool waits for each further piece as long as it
   * waits for a reader: a stream that has no end would hold the place for ever. A piece that the
   * transport does not take is a matter of `timeouts.write`.
   */
  awaitRest(): void {
    const exchange = this.#exchange
    const { policy, timers } = exchange.settings
    if (policy === undefined) return
    this.#rest ??= new Timer(this, false)
    timers.start(this.#rest, policy.unreadMillis)
  }

  stop(): void {
    this.#exchange.settings.timers.cancel(this.#deadline)
  }

  /** The exchange is over. */
  end(): void {
    this.stop()
    if (this.#rest !== undefined) this.#exchange.settings.timers.cancel(this.#rest)
  }

  #arm(kind: "bodyIdle" | "unread" | "drain", millis: number): void {
    const { timers } = this.#exchange.settings
    this.#kind = kind
    timers.setAwaited(this.#deadline, kind === "bodyIdle")
    timers.start(this.#deadline, millis)
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
