/**
 * One request and its response on a link: who waits for what, what was sent, what came, which time runs.
 *
 * State and callbacks only, all synchronous; the Effects over it are in `pipeline.ts`, `sendBody.ts` and `bodyReader.ts`. This
 * is the border at which errors get their context. Whatever ends an exchange early closes its link.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { CloseReason } from "../../ConnectionEvent.ts"
import type { ConnectionInfo, HttpError, Timings } from "../../HttpError.ts"
import type * as HttpFields from "../../HttpFields.ts"
import type { Informational } from "../../HttpResponse.ts"
import type * as Origin from "../../Origin.ts"
import type { DuplexFault } from "../../Transport.ts"
import { NoRoom } from "../bytes.ts"
import type { Waiter } from "../effect/wait.ts"
import type { Tagged } from "../error/base.ts"
import { withContext } from "../error/base.ts"
import { ConnectionClosed } from "../error/state.ts"
import type { TimeoutKind } from "../error/timeout.ts"
import { HttpTimeout } from "../error/timeout.ts"
import type { Framing } from "../protocol/framing.ts"
import type { ResponseHead } from "../protocol/head.ts"
import type { MachineError } from "../protocol/machine.ts"
import { tooLargeForMemory } from "../tooLarge.ts"
import { BodyBuffer } from "./bodyBuffer.ts"
import { BodyTimers } from "./bodyTimers.ts"
import type { Connection, ExchangeHandler } from "./connection.ts"
import type { ExchangeSettings, Terms } from "./errorContext.ts"
import { asBodyFailure, connectionOf, contextOf, faultError, machineError, timingsOf } from "./errorContext.ts"
import { RequestWriter } from "./requestWriter.ts"
import type { Millis } from "./timeouts.ts"
import type { TimerOwner } from "./timers.ts"
import { Timer } from "./timers.ts"

/** How an exchange ended before its head: a failure of ours, or a defect of the caller's body. */
export type Ending = { readonly error: HttpError } | { readonly defect: Cause.Cause<never> }

const noInformational: ReadonlyArray<Informational> = []

export class Exchange extends RequestWriter implements ExchangeHandler, TimerOwner {
  readonly connection: Connection
  readonly settings: ExchangeSettings
  readonly origin: Origin.Origin
  readonly terms: Terms
  readonly startedAt: number
  readonly openedHere: boolean
  readonly body = new BodyBuffer()
  head: ResponseHead | undefined
  framing: Framing | undefined
  /** How it failed, if it failed before its head came. */
  ending: Ending | undefined
  /** The whole request has been given to the transport. */
  sent = false
  /** The request will not be sent to its end. */
  stopped = false
  /** Bytes of a body in memory that have been framed and written. */
  offered = 0
  /** Whether the transport wanted to be waited for when the head was written. */
  full = false
  written = 0
  read = 0
  #headWaiter: Waiter<void> | undefined
  readonly #begunAt: number
  #sentAt: number | undefined
  #headAt: number | undefined
  #endAt: number | undefined
  /** When the bytes came that are being looked at: the clock is read once for all that is in them. */
  #readAt = 0
  #step: Timer | undefined
  #total: Timer | undefined
  #times: BodyTimers | undefined
  #stepKind: TimeoutKind = "head"
  /** Whether the body is held back until the server says 100. */
  #holding = false
  #informational: Array<Informational> | undefined
  readonly #served: number
  readonly #idleMillis: number
  #connectionInfo: ConnectionInfo | undefined

  /** `begunAt` is the time now. */
  constructor(
    connection: Connection,
    settings: ExchangeSettings,
    origin: Origin.Origin,
    terms: Terms,
    startedAt: number,
    begunAt: number,
    fresh: boolean
  ) {
    super()
    this.connection = connection
    this.settings = settings
    this.origin = origin
    this.terms = terms
    this.startedAt = startedAt
    this.openedHere = fresh
    this.#begunAt = begunAt
    this.#served = connection.machine.served
    this.#idleMillis = fresh ? 0 : Math.max(0, begunAt - connection.idleSince)
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

  /** Whether nothing more is to be sent or received. */
  get done(): boolean {
    return this.ending !== undefined || ((this.sent || this.stopped) && this.body.settled)
  }

  // --- sending

  /** Gives bytes to the transport; see `Duplex.write`. */
  write(bytes: Uint8Array | string, more?: Uint8Array): boolean {
    this.written += bytes.length + (more?.length ?? 0)
    if (this.body.ended) this.#bodyTimers.awaitRest()
    return this.connection.write(bytes, more)
  }

  /** The whole request has been given to the transport: from here, which is `now`, the server's time runs. */
  requestSent(now = this.settings.timers.now()): void {
    if (this.sent || this.stopped || this.ending !== undefined) return
    this.sent = true
    this.#sentAt = now
    this.connection.machine.endRequest()
    if (this.head === undefined) this.#arm("head", now)
    else this.#disarmStep()
    this.wakeSent()
    this.#settle()
  }

  /** All of the request is on its way, though whoever sends it has not said so yet: from here the server's time runs. */
  expectAnswer(): void {
    if (this.head === undefined && this.ending === undefined && !this.stopped) this.#arm("head")
  }

  /** Calls back once, when the transport has taken what was written, or there is no use in sending more. */
  whenDrained(callback: () => void): void {
    if (this.stopped || !this.connection.open) return callback()
    this.writeWaiter = callback
    this.#arm("write")
    this.connection.duplex.drained(() => {
      if (this.writeWaiter !== callback) return
      this.#disarmStep()
      this.wakeWriter()
    })
  }

  /**
   * Holds the body back until the server says 100 or `timeouts.continue` has passed. Called with the head, because a fiber that
   * is to send a stream begins after the server may have answered.
   */
  holdBody(): void {
    this.#holding = true
    this.#arm("continue")
  }

  /** Calls back once, when the body may be sent, or must not be. */
  await100Continue(callback: () => void): void {
    if (!this.#holding || this.stopped || !this.connection.open) return callback()
    this.writeWaiter = callback
  }

  /** Calls back once, when the request was sent whole, or will not be. */
  whenSent(callback: () => void): void {
    if (this.sent || this.stopped || this.ending !== undefined) callback()
    else this.sentWaiter = callback
  }

  /** Nothing more of the request will be sent. The link cannot be used again after the response. */
  stopSending(): void {
    if (this.sent || this.stopped) return
    this.stopped = true
    this.connection.machine.abandonRequest()
    this.#disarmStep()
    this.dismissWriter()
    this.#settle()
  }

  /** The body need not be held back any longer. */
  #release(): void {
    this.#holding = false
    this.wakeWriter()
  }

  // --- receiving

  /** Resumes a fiber when the head is there or will never be. */
  whenHead(waiter: Waiter<void>): void {
    if (this.head !== undefined || this.ending !== undefined) waiter.resume(Effect.void)
    else this.#headWaiter = waiter
  }

  /** Calls back once, when the body has something to give; `timeouts.bodyIdle` runs until then. */
  whenBody(callback: () => void): void {
    const times = this.#bodyTimers
    times.wait()
    this.body.wait(() => {
      times.stop()
      callback()
      this.startUnreadTimer()
    })
    if (this.body.awaited) this.connection.resume()
  }

  /** Nobody waits for the body now. */
  startUnreadTimer(): void {
    if (!this.body.settled) this.#bodyTimers.startUnread()
  }

  /** A stream takes the body from now on, in its own time. */
  stream(): void {
    this.body.streaming = true
    this.#times?.stop()
  }

  /** Nobody will read the rest. Where all has come there is no use in sending what is left of the request either. */
  discardBody(reason: string): void {
    if (this.done) return
    this.#bodyTimers.discard(reason)
    if (this.#total !== undefined) this.settings.timers.setAwaited(this.#total, false)
  }

  onReceive(count: number): void {
    this.#readAt = this.settings.timers.now()
    this.read += count
    if (this.body.awaited) this.#bodyTimers.wait()
  }

  onInformational(head: ResponseHead): void {
    this.#informational ??= []
    this.#informational.push({ status: head.status, reason: head.reason, fields: head.fields })
    if (head.status === 100 && this.#holding) {
      this.#disarmStep()
      this.#release()
    }
  }

  onHead(head: ResponseHead, framing: Framing): void {
    this.head = head
    this.framing = framing
    if (framing.kind === "length") this.body.announced = framing.length
    this.#headAt = this.#readAt
    if (this.sent || this.#stepKind === "head") this.#disarmStep()
    if (!this.sent && this.#refuses(head)) this.stopSending()
    this.#wakeHead()
  }

  onData(input: Uint8Array, start: number, end: number): boolean {
    const more = this.body.push(input, start, end)
    this.#times?.received()
    return more
  }

  onEnd(trailers: HttpFields.HttpFields): void {
    this.#endAt = this.#readAt
    this.body.end(trailers)
    // Nobody need read any longer, but the rest of the request may still be on its way, and `timeouts.total` is for that too.
    this.#times?.stop()
    if (!this.sent && !this.stopped) this.#bodyTimers.awaitRest()
    this.#settle(this.#readAt)
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

  /** A server that refuses the body answers before its end; sending the rest is of no use (RFC 9112 section 9.5). */
  #refuses(head: ResponseHead): boolean {
    return this.#holding || head.status >= 400 || (head.status >= 300 && !this.connection.machine.persistent)
  }

  #wakeHead(): void {
    const waiter = this.#headWaiter
    this.#headWaiter = undefined
    waiter?.resume(Effect.void)
  }

  /** Lets go of the link once both messages are complete. */
  #settle(now?: number): void {
    if (!this.body.ended || !(this.sent || this.stopped)) return
    this.#disarmAll()
    this.settings.policy?.onEnd(this, undefined)
    this.connection.finish(now ?? this.settings.timers.now())
  }

  // --- failing

  /** Ends the exchange with a failure and closes the link. What is complete stays complete. */
  fail(error: HttpError, reason: CloseReason = "Failure"): void {
    if (this.done) return
    const located = this.withContext(error)
    if (this.head === undefined) {
      this.#end({ error: located }, located, reason)
    } else if (this.body.ended) {
      // The response is whole: it wins over whatever happens to the rest of the request.
      this.stopSending()
    } else {
      this.#close(located, reason)
      this.body.fail(asBodyFailure(this, located))
    }
  }

  /** Ends the exchange with a defect, by default of the caller's. */
  die(defect: Cause.Cause<never>, squashed: unknown, reason = "the stream of the request's body died"): void {
    if (this.done) return
    const error = new ConnectionClosed({ reason, cause: squashed })
    if (this.head === undefined) this.#end({ defect }, this.withContext(error), "Failure")
    else this.fail(error)
  }

  /** What ran for the exchange threw. No memory for its body is a failure of the body, anything else a defect of this library. */
  crash(thrown: unknown): void {
    this.connection.spoil(this)
    if (thrown instanceof NoRoom && this.head !== undefined) this.fail(tooLargeForMemory(thrown, []))
    else this.die(Cause.die(thrown), thrown, "the library threw while it handled the exchange, see `cause`")
  }

  /** The caller has gone away: the link cannot be used again, because bytes would be lost. */
  abandon(reason: string, closed: CloseReason = "Interrupted"): void {
    this.fail(new ConnectionClosed({ reason }), closed)
  }

  #end(ending: Ending, error: HttpError | undefined, reason: CloseReason): void {
    this.ending = ending
    this.#close(error, reason)
    this.#wakeHead()
  }

  #close(error: HttpError | undefined, reason: CloseReason): void {
    this.#disarmAll()
    this.settings.policy?.onEnd(this, error)
    this.connection.close(reason, error)
    this.stopped = !this.sent
    this.dismissWriter()
  }

  timeOut(kind: TimeoutKind): void {
    if (kind === "continue") return this.#release()
    this.fail(new HttpTimeout({ kind, millis: this.terms.timeouts[kind as keyof Millis] }))
  }

  onTimeout(timer: Timer): void {
    this.timeOut(timer === this.#total ? "total" : this.#stepKind)
  }

  #arm(kind: TimeoutKind, now?: number): void {
    this.#stepKind = kind
    const millis = this.terms.timeouts[kind as keyof Millis]
    if (millis === Infinity) return this.#disarmStep()
    this.#step ??= new Timer(this)
    this.settings.timers.start(this.#step, millis, now)
  }

  #disarmStep(): void {
    if (this.#step !== undefined) this.settings.timers.cancel(this.#step)
  }

  #disarmAll(): void {
    this.#disarmStep()
    this.#times?.end()
    if (this.#total !== undefined) this.settings.timers.cancel(this.#total)
  }

  get #bodyTimers(): BodyTimers {
    return this.#times ??= new BodyTimers(this)
  }

  // --- telling

  /** The time that each phase took, so far. */
  get timings(): Timings {
    return timingsOf(this, { begun: this.#begunAt, sent: this.#sentAt, head: this.#headAt, end: this.#endAt })
  }

  /** Gives an error the context of this exchange. */
  withContext<E extends Tagged<string>>(error: E): E {
    return withContext(error, contextOf(this, error))
  }
}
