/**
 * One request and its response on a connection: what was sent, what has arrived, and which timer
 * runs.
 *
 * State and callbacks only, all synchronous. `sendRequest.ts` starts it; the Effects that read its
 * body are in `effect/`. This is the border at which errors get their context. An exchange that
 * ends early closes its connection.
 */
import type { CloseReason } from "../../ConnectionEvent.ts"
import type { ConnectionInfo, HttpError, Timings } from "../../HttpError.ts"
import type * as HttpFields from "../../HttpFields.ts"
import type { Informational } from "../../HttpResponse.ts"
import type * as Origin from "../../Origin.ts"
import type { DuplexFault } from "../../Transport.ts"
import { NoRoom } from "../bytes.ts"
import type { Tagged } from "../error/base.ts"
import { withContext } from "../error/base.ts"
import { ConnectionClosed } from "../error/state.ts"
import type { TimeoutKind } from "../error/timeout.ts"
import { HttpTimeout } from "../error/timeout.ts"
import { asksForCredentials } from "../model/proxy.ts"
import type { Framing } from "../protocol/framing.ts"
import type { ResponseHead } from "../protocol/head.ts"
import type { MachineError } from "../protocol/machine.ts"
import { tooLargeForMemory } from "../tooLarge.ts"
import { forwarded } from "./about.ts"
import { BodyTimers } from "./bodyTimers.ts"
import type { Connection, ExchangeHandler } from "./connection.ts"
import type { ExchangeSettings, Terms } from "./errorContext.ts"
import { asBodyFailure, connectionOf, contextOf, faultError, machineError, timingsOf } from "./errorContext.ts"
import type { InterimListener } from "./interim.ts"
import type { Ending } from "./requestWriter.ts"
import { RequestWriter } from "./requestWriter.ts"
import type { Millis } from "./timeouts.ts"
import type { TimerOwner } from "./timers.ts"
import { Timer } from "./timers.ts"

/** Waits for the head of an exchange. */
export interface HeadObserver {
  /** Called once: the final head has arrived, or never will. Must not throw. */
  onHead(): void
}

const noInformational: ReadonlyArray<Informational> = []

export class Exchange extends RequestWriter implements ExchangeHandler, TimerOwner {
  readonly origin: Origin.Origin
  readonly startedAt: number
  readonly openedHere: boolean
  framing: Framing | undefined = undefined
  read = 0
  #headObserver: HeadObserver | undefined = undefined
  readonly #begunAt: number
  #headAt: number | undefined = undefined
  #endAt: number | undefined = undefined
  /** The time at which the current bytes arrived: the clock is read once for all of them. */
  #readAt = 0
  #total: Timer | undefined = undefined
  #bodyTimers: BodyTimers | undefined = undefined
  #informational: Array<Informational> | undefined = undefined
  /** Receives the interim responses as they arrive, until the head. */
  interim: InterimListener | undefined = undefined
  readonly #served: number
  readonly #idleMillis: number
  #connectionInfo: ConnectionInfo | undefined = undefined

  /** `begunAt` is the time now. */
  constructor(
    connection: Connection,
    settings: ExchangeSettings,
    origin: Origin.Origin,
    terms: Terms,
    startedAt: number,
    begunAt: number,
    openedHere: boolean
  ) {
    super(connection, settings, terms)
    this.origin = origin
    this.startedAt = startedAt
    this.openedHere = openedHere
    this.#begunAt = begunAt
    this.#served = connection.machine.served
    this.#idleMillis = openedHere ? 0 : Math.max(0, begunAt - connection.idleSince)
    connection.begin(terms, this)
    if (terms.timeouts.total !== Infinity) {
      this.#total = new Timer(this)
      settings.timers.start(this.#total, Math.max(0, terms.timeouts.total - (begunAt - startedAt)), begunAt)
    }
  }

  /** The connection as it was when the exchange began. */
  get connectionInfo(): ConnectionInfo {
    return this.#connectionInfo ??= connectionOf(this.connection, this.#served, this.#idleMillis)
  }

  get informational(): ReadonlyArray<Informational> {
    return this.#informational ?? noInformational
  }

  /** True if the connection has left HTTP, and its bytes are delivered. */
  get isChannel(): boolean {
    return false
  }

  /** No caller waits for it, so it does not keep the process alive. Must precede the request. */
  letProcessEnd(): void {
    const { timers } = this.settings
    timers.setAwaited(this, false)
    if (this.#total !== undefined) timers.setAwaited(this.#total, false)
    this.connection.unref()
  }

  // --- receiving

  /** Notifies the observer when the final head arrives or never will, perhaps at once. */
  whenHead(observer: HeadObserver): void {
    if (this.head !== undefined || this.ending !== undefined) observer.onHead()
    else this.#headObserver = observer
  }

  /**
   * Calls back once, when the body has bytes, an end or a failure to deliver; `timeouts.bodyIdle`
   * runs until then.
   */
  whenBody(callback: () => void): void {
    this.awaitBody()
    this.body.wait(() => {
      this.#bodyTimers?.stop()
      callback()
      this.startUnreadTimer()
    })
    if (this.body.awaited) this.connection.resume()
  }

  /** No reader is waiting for the body. Starts the unread timer. */
  startUnreadTimer(): void {
    if (!this.body.settled) this.bodyTimers.startUnread()
  }

  /** A stream reads the body from now on, at its own pace. */
  stream(): void {
    this.body.streaming = true
    this.#bodyTimers?.stop()
  }

  /**
   * Discards the rest of the response body. If the response is already complete, the rest of the
   * request is not sent either.
   */
  discardBody(reason: string): void {
    if (this.done) return
    this.bodyTimers.discard(reason)
    if (this.#total !== undefined) this.settings.timers.setAwaited(this.#total, false)
  }

  /** The caller receives the response of another attempt instead. */
  dismiss(reason: string): void {
    this.body.discarding = true
    this.body.finished = true
    this.body.clear()
    this.discardBody(reason)
  }

  onReceive(count: number): void {
    this.#readAt = this.settings.timers.now()
    this.read += count
    if (this.body.awaited) this.awaitBody()
  }

  onInformational(head: ResponseHead): void {
    const informational: Informational = { status: head.status, reason: head.reason, fields: head.fields }
    this.#informational ??= []
    this.#informational.push(informational)
    if (head.status === 100 && this.holding) {
      this.cancelStep()
      this.releaseBody()
    }
    // Last, because it may close the connection.
    this.interim?.report(informational)
  }

  onHead(head: ResponseHead, framing: Framing): void {
    this.head = head
    this.framing = framing
    this.interim = undefined
    if (framing.kind === "length") this.body.announced = framing.length
    this.#headAt = this.#readAt
    if (this.sent || this.stepKind === "head") this.cancelStep()
    if (!this.sent && this.#refuses(head)) this.stopSending()
    // The credentials of the connection were refused. They are asked for again with the next
    // connection.
    if (head.status === 407 && forwarded(this.origin) && asksForCredentials(this.origin.proxy)) {
      this.connection.spoil(this)
    }
    this.#notifyHead()
  }

  onData(input: Uint8Array, start: number, end: number): boolean {
    const more = this.body.push(input, start, end)
    this.#bodyTimers?.received()
    return more
  }

  onEnd(trailers: HttpFields.HttpFields): void {
    this.#endAt = this.#readAt
    this.body.end(trailers)
    // No reader is needed any longer, but the request may still be in flight, and `timeouts.total`
    // limits it too.
    this.#bodyTimers?.stop()
    if (!this.sent && !this.stopped) this.awaitRest()
    this.settle(this.#readAt)
  }

  onFailure(error: MachineError): void {
    this.fail(machineError(this, error))
  }

  onFault(fault: DuplexFault): void {
    this.fail(faultError(this, fault))
  }

  onPeerFinished(): void {
    if (this.body.ended) this.stopSending()
  }

  /**
   * True if this head refuses the body. A server that does so responds before the end of the body,
   * and sending the rest is unnecessary (RFC 9112 section 9.5).
   */
  #refuses(head: ResponseHead): boolean {
    return this.holding || head.status >= 400 || (head.status >= 300 && !this.connection.machine.persistent)
  }

  #notifyHead(): void {
    const observer = this.#headObserver
    this.#headObserver = undefined
    observer?.onHead()
  }

  protected settle(now?: number): void {
    if (!this.body.ended || !(this.sent || this.stopped)) return
    this.#cancelTimers()
    this.settings.policy?.onEnd(this, undefined)
    this.connection.finish(now ?? this.settings.timers.now())
  }

  /** A reader waits for the body. */
  protected awaitBody(): void {
    this.bodyTimers.wait()
  }

  protected awaitRest(): void {
    this.bodyTimers.awaitRest()
  }

  // --- failing

  /**
   * Ends the exchange with a failure and closes the connection. A message that is complete stays
   * complete.
   */
  fail(error: HttpError, reason: CloseReason = "Failure"): void {
    if (this.done) return
    const located = this.withContext(error)
    if (this.head === undefined) {
      this.#end({ error: located }, located, reason)
    } else if (this.body.ended) {
      // The response is complete, so it takes precedence over a failure of the rest of the request.
      this.stopSending()
    } else {
      this.#close(located, reason)
      this.body.fail(asBodyFailure(this, located))
    }
  }

  /**
   * Ends the exchange with a defect, by default of the caller. `cause` is the form in which errors
   * show it.
   */
  die(defect: unknown, cause = defect, reason = "the stream of the request's body died"): void {
    if (this.done) return
    const error = new ConnectionClosed({ reason, cause })
    if (this.head === undefined) this.#end({ defect }, this.withContext(error), "Failure")
    else this.fail(error)
  }

  /**
   * Handles an exception of the exchange's code. No memory for the body is a failure of the body,
   * anything else a defect of this library.
   */
  crash(thrown: unknown): void {
    this.connection.spoil(this)
    if (thrown instanceof NoRoom && this.head !== undefined) this.fail(tooLargeForMemory(thrown, []))
    else this.die(thrown, thrown, "the library threw while it handled the exchange, see `cause`")
  }

  /** The caller was interrupted. The connection cannot be reused, because bytes would be lost. */
  abandon(reason: string, closed: CloseReason = "Interrupted"): void {
    this.fail(new ConnectionClosed({ reason }), closed)
  }

  /**
   * Ends an exchange whose response the caller will not receive, even if the response is complete.
   * Otherwise it would prevent the next request from starting.
   */
  discardResponse(): void {
    this.body.finished = true
    this.abandon("the request was interrupted")
  }

  #end(ending: Ending, error: HttpError | undefined, reason: CloseReason): void {
    this.ending = ending
    this.#close(error, reason)
    this.#notifyHead()
  }

  #close(error: HttpError | undefined, reason: CloseReason): void {
    this.#cancelTimers()
    this.interim = undefined
    this.settings.policy?.onEnd(this, error)
    this.connection.close(reason, error)
    this.stopped = !this.sent
    this.stopWriter()
  }

  timeOut(kind: TimeoutKind): void {
    if (kind === "continue") return this.releaseBody()
    this.fail(new HttpTimeout({ kind, millis: this.terms.timeouts[kind as keyof Millis] }))
  }

  /** Handles the expiry of a timer; by default of the exchange itself. */
  onTimeout(timer?: Timer): void {
    this.timeOut(timer === undefined ? this.stepKind : "total")
  }

  #cancelTimers(): void {
    this.cancelStep()
    this.#bodyTimers?.end()
    this.endTotal()
  }

  /** Ends the limit `total`. */
  protected endTotal(): void {
    if (this.#total !== undefined) this.settings.timers.cancel(this.#total)
  }

  private get bodyTimers(): BodyTimers {
    return this.#bodyTimers ??= new BodyTimers(this)
  }

  // --- reporting

  /** Returns the time that each phase took so far. */
  get timings(): Timings {
    return timingsOf(this, { begun: this.#begunAt, sent: this.sentAt, head: this.#headAt, end: this.#endAt })
  }

  /** Adds the context of this exchange to an error. */
  withContext<E extends Tagged<string>>(error: E): E {
    return withContext(error, contextOf(this, error))
  }
}
