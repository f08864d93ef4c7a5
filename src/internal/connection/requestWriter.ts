/**
 * The request's half of an exchange: what was written, what the writer waits for, and how to stop
 * it. `exchange.ts` adds the response's half, `sendRequest.ts` decides what is written.
 *
 * The exchange itself is the timer for the phase that it is in (`write`, `continue`, `head`). Only
 * one of these runs at a time, and a separate timer would be one more object for each request.
 */
import type { HttpError } from "../../HttpError.ts"
import type { TimeoutKind } from "../error/timeout.ts"
import type { BodyRun } from "../model/ports.ts"
import type { ResponseHead } from "../protocol/head.ts"
import { BodyBuffer } from "./bodyBuffer.ts"
import type { Connection } from "./connection.ts"
import type { ExchangeSettings, Terms } from "./errorContext.ts"
import type { Millis } from "./timeouts.ts"
import type { Timed } from "./timers.ts"

/** How an exchange ended before its head arrived: a failure, or a defect of the caller's body. */
export type Ending = { readonly error: HttpError } | { readonly defect: unknown }

export abstract class RequestWriter implements Timed {
  readonly connection: Connection
  readonly settings: ExchangeSettings
  readonly terms: Terms
  readonly body = new BodyBuffer()
  head: ResponseHead | undefined = undefined
  /** How it failed, if it failed before its head arrived. */
  ending: Ending | undefined = undefined
  /** True once the whole request has been passed to the transport. */
  sent = false
  /** True if the request will not be sent to its end. */
  stopped = false
  /** Bytes of a body in memory that have been framed and written. */
  offered = 0
  /** True if the transport asked to wait when the head was written. */
  full = false
  written = 0
  /** The body in progress, if it arrives in pieces. */
  run: BodyRun | undefined = undefined
  at = Infinity
  awaited = true
  previousTimed: Timed | undefined = undefined
  nextTimed: Timed | undefined = undefined
  protected stepKind: TimeoutKind = "head"
  protected sentAt: number | undefined = undefined
  /** True while the body is held back until the server sends 100. */
  protected holding = false
  /** Called once: when the transport has taken all written bytes, or when the server sends 100. */
  #writeWaiter: (() => void) | undefined = undefined
  /** Called once, when the request was sent completely, or will not be. */
  #sentWaiter: (() => void) | undefined = undefined

  constructor(connection: Connection, settings: ExchangeSettings, terms: Terms) {
    this.connection = connection
    this.settings = settings
    this.terms = terms
  }

  /** True if nothing more is to be sent or received. */
  get done(): boolean {
    return this.ending !== undefined || ((this.sent || this.stopped) && this.body.settled)
  }

  /** True while nothing of the body has been sent, because the server has not asked for it. */
  get isHeld(): boolean {
    return this.holding
  }

  /** True if the writer waits for the transport, which `timeouts.write` limits, or for a 100. */
  get isBlocked(): boolean {
    return this.#writeWaiter !== undefined
  }

  /** Passes bytes to the transport; see `Duplex.write`. */
  write(bytes: Uint8Array | string, more?: Uint8Array): boolean {
    this.written += bytes.length + (more?.length ?? 0)
    if (this.body.ended) this.awaitRest()
    return this.connection.write(bytes, more)
  }

  /**
   * The whole request has been passed to the transport at `now`. Starts the head timeout, because
   * the server can respond from now on.
   */
  requestSent(now = this.settings.timers.now()): void {
    if (this.sent || this.stopped || this.ending !== undefined) return
    this.sent = true
    this.sentAt = now
    this.connection.machine.endRequest()
    if (this.head === undefined) this.startStep("head", now)
    else this.cancelStep()
    this.#wakeSent()
    this.settle()
  }

  /**
   * The last byte of the request has been written, although the writer has not reported completion
   * yet. Starts the head timeout.
   */
  expectResponse(): void {
    if (this.head === undefined && this.ending === undefined && !this.stopped) this.startStep("head")
  }

  /**
   * Calls back once, when the transport has taken all written bytes, or sending more is
   * unnecessary.
   */
  whenDrained(callback: () => void): void {
    if (this.stopped || !this.connection.open) return callback()
    this.#writeWaiter = callback
    this.startStep("write")
    this.connection.duplex.drained(() => {
      if (this.#writeWaiter !== callback) return
      this.cancelStep()
      this.#wakeWriter()
    })
  }

  /**
   * Holds the body back until the server sends 100 or `timeouts.continue` has passed. Called with
   * the head, because a source may begin after the server has answered.
   */
  holdBody(): void {
    this.holding = true
    this.startStep("continue")
  }

  /** Calls back once, when the body may be sent, or must not be. */
  await100Continue(callback: () => void): void {
    if (!this.holding || this.stopped || !this.connection.open) return callback()
    this.#writeWaiter = callback
  }

  /** Calls back once, when the request was sent completely, or will not be. */
  whenSent(callback: () => void): void {
    if (this.sent || this.stopped || this.ending !== undefined) callback()
    else this.#sentWaiter = callback
  }

  /** Stops sending. The connection cannot be reused after the response. */
  stopSending(): void {
    if (this.sent || this.stopped) return
    this.stopped = true
    this.connection.machine.abandonRequest()
    this.cancelStep()
    this.stopWriter()
    this.settle()
  }

  /** Ends the exchange once both messages are complete. */
  protected abstract settle(now?: number): void

  /** The response is complete and the request is not: limits the wait for the rest. */
  protected abstract awaitRest(): void

  abstract onTimeout(): void

  /** Releases the body, which need not be held back any longer. */
  protected releaseBody(): void {
    this.holding = false
    this.#wakeWriter()
  }

  /** Stops the source first, because a resumed source takes one more piece from the caller. */
  protected stopWriter(): void {
    this.run?.stop()
    this.#wakeWriter()
    this.#wakeSent()
  }

  #wakeWriter(): void {
    const waiter = this.#writeWaiter
    this.#writeWaiter = undefined
    waiter?.()
  }

  #wakeSent(): void {
    const waiter = this.#sentWaiter
    this.#sentWaiter = undefined
    waiter?.()
  }

  protected startStep(kind: TimeoutKind, now?: number): void {
    this.stepKind = kind
    this.settings.timers.start(this, this.terms.timeouts[kind as keyof Millis], now)
  }

  protected cancelStep(): void {
    this.settings.timers.cancel(this)
  }
}
