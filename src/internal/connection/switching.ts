/**
 * An exchange that may leave HTTP: an upgrade, or a CONNECT whose tunnel is delivered.
 *
 * The response is a head like any other. If it opens the channel (101, or 2xx to CONNECT), the
 * bytes after it are the body of this exchange. That body ends with the connection, and bytes can
 * be sent until then. The receiver of the connection stays the same, so no byte, end or fault can
 * be lost in a handover. No timeout of HTTP runs on a channel.
 *
 * A channel is not opened before the request was sent completely. The protocol must not change
 * inside a message (RFC 9110 section 7.8).
 */
import type { CloseReason } from "../../ConnectionEvent.ts"
import type { BodyFailure, HttpError } from "../../HttpError.ts"
import type * as Origin from "../../Origin.ts"
import type { Framing } from "../protocol/framing.ts"
import type { ResponseHead } from "../protocol/head.ts"
import type { Connection } from "./connection.ts"
import type { ExchangeSettings, Terms } from "./errorContext.ts"
import { asBodyFailure } from "./errorContext.ts"
import { Exchange } from "./exchange.ts"

export class Switching extends Exchange {
  /** The head that opens the channel, until the request has been sent. */
  #opening: { readonly head: ResponseHead; readonly framing: Framing } | undefined
  #isOpen = false
  #isClosed = false
  /** True once nothing more may be sent; and once all of it has been sent. */
  #isFinishing = false
  #isFinished = false
  /** Callbacks that wait for the transport, or for the end of the channel. */
  readonly #waiting = new Set<() => void>()
  /** Why the open channel was closed, unless both sides had finished. */
  failure: BodyFailure | undefined

  override get isChannel(): boolean {
    return this.#isOpen
  }

  override get done(): boolean {
    return this.#isOpen ? this.#isClosed : super.done
  }

  /** True if nothing can be sent any more. */
  get isFinishing(): boolean {
    return this.#isFinishing || this.#isClosed
  }

  /** Sends bytes on the open channel. Returns false if the caller should wait for `whenWritten`. */
  send(bytes: Uint8Array): boolean {
    return this.isFinishing || this.write(bytes)
  }

  /**
   * Calls back once, perhaps at once: all bytes have been handed to the system, or the channel is
   * closed. Returns how to cancel.
   */
  whenWritten(callback: () => void): () => void {
    if (this.#isClosed) {
      callback()
      return () => {}
    }
    // Separate for each call, because a callback may wait twice.
    const writer = (): void => callback()
    this.#waiting.add(writer)
    this.connection.duplex.drained(() => {
      if (this.#waiting.delete(writer)) writer()
    })
    return () => this.#waiting.delete(writer)
  }

  /** Calls back once, when the channel is closed. Returns how to cancel. */
  whenClosed(callback: () => void): () => void {
    if (this.#isClosed) callback()
    else this.#waiting.add(callback)
    return () => this.#waiting.delete(callback)
  }

  /** Finishes sending (FIN). Received bytes can still be read. Idempotent. */
  finishSending(): void {
    if (this.isFinishing) return
    this.#isFinishing = true
    this.connection.duplex.end()
    this.whenWritten(() => {
      // One poll more, for the close_notify of TLS that `end` sends.
      this.settings.loop.afterPoll(() => {
        this.#isFinished = true
        this.settle()
      })
    })
  }

  override onHead(head: ResponseHead, framing: Framing): void {
    if (framing.kind !== "tunnel") return super.onHead(head, framing)
    this.#opening = { head, framing }
    if (this.holding) {
      // The server has not waited for the body, which must follow nevertheless. It may be sent at
      // once, which opens the channel.
      this.cancelStep()
      this.releaseBody()
    }
    this.settle()
  }

  /** The server may finish sending before the request has been sent. */
  override onPeerFinished(): void {
    if (this.#opening === undefined && !this.#isOpen) super.onPeerFinished()
  }

  override startUnreadTimer(): void {
    if (!this.#isOpen) super.startUnreadTimer()
  }

  override discardBody(reason: string): void {
    if (this.#isOpen) this.abandon(reason, "Upgraded")
    else super.discardBody(reason)
  }

  override fail(error: HttpError, reason: CloseReason = "Failure"): void {
    if (!this.#isOpen) return super.fail(error, reason)
    if (this.#isClosed) return
    const located = this.withContext(error)
    this.failure = asBodyFailure(this, located)
    this.#close(reason, located)
    this.body.fail(this.failure)
  }

  override crash(thrown: unknown): void {
    if (this.#isOpen) this.die(thrown, thrown, "the library threw while it delivered bytes, see `cause`")
    else super.crash(thrown)
  }

  protected override settle(now?: number): void {
    if (this.#opening !== undefined) {
      if (this.sent) this.#open()
    } else if (!this.#isOpen) super.settle(now)
    else if (this.body.ended && this.#isFinished && !this.#isClosed) this.#close("Upgraded")
  }

  protected override awaitRest(): void {
    if (this.#opening === undefined && !this.#isOpen) super.awaitRest()
  }

  protected override awaitBody(): void {
    if (!this.#isOpen) super.awaitBody()
  }

  #open(): void {
    const { framing, head } = this.#opening as { readonly head: ResponseHead; readonly framing: Framing }
    this.#opening = undefined
    this.#isOpen = true
    this.endTotal()
    super.onHead(head, framing)
    // The request has ended, although its connection is still in use.
    this.settings.policy?.onEnd(this, undefined)
  }

  #close(reason: CloseReason, error?: HttpError): void {
    this.#isClosed = true
    this.connection.close(reason, error)
    for (const callback of this.#waiting) {
      this.#waiting.delete(callback)
      callback()
    }
  }
}

/** Creates the exchange of a request. */
export const makeExchange = (
  connection: Connection,
  settings: ExchangeSettings,
  origin: Origin.Origin,
  terms: Terms,
  startedAt: number,
  begunAt: number,
  openedHere: boolean
): Exchange =>
  terms.offered === undefined
    ? new Exchange(connection, settings, origin, terms, startedAt, begunAt, openedHere)
    : new Switching(connection, settings, origin, terms, startedAt, begunAt, openedHere)
