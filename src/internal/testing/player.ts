/**
 * Plays the steps of one scripted connection: a synchronous state machine, driven by the client's
 * calls and by microtasks.
 *
 * Opening and other connections are handled by `scriptedTransport.ts`. The player is not a fiber,
 * so that tests can count the runtime operations of the code under test. Only a `delay` runs a
 * fiber, which ends with the connection. Rules:
 * - A step begins when the previous one is done. A reply is done when the client has received its
 *   last byte.
 * - Nothing is delivered within a call of the client, except `attach` and `resume`. Everything else
 *   is delivered in microtasks, one piece each. The fibers woken by one piece thus run before the
 *   next.
 * - Written bytes that no step expects are a failure, until a step stops reading.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import type { DuplexFault, Receiver } from "../../Transport.ts"
import { type Handshake, handshakeOutcome, systemError, tlsClosed } from "./fault.ts"
import { Inbound } from "./inbound.ts"
import { describe, difference, ScriptError, stopped, writtenOnly } from "./report.ts"
import { endsWithTheChannel, type Step } from "./steps.ts"
import { Written } from "./written.ts"

export class Player {
  readonly inbound = new Inbound()
  readonly written = new Written()
  failure: ScriptError | undefined
  closed = false
  ended = false
  /** True while the client would let the channel keep the process alive. */
  referenced = true
  private readonly index: number
  private readonly steps: ReadonlyArray<Step>
  private readonly runtime: Runtime.Runtime<never>
  private position = 0
  /** The next piece of the reply that is being delivered. */
  private piece = 0
  /** Delivered before all remaining steps. */
  private fault: DuplexFault | undefined
  private handshake: Handshake | undefined
  private delay: { cancel: () => void } | undefined
  private blocked = false
  private drainers: Array<() => void> = []
  /** True if TLS announced the end; `undefined` until the end has been delivered. */
  endProven: boolean | undefined = undefined
  private scheduled = false

  constructor(index: number, steps: ReadonlyArray<Step>, runtime: Runtime.Runtime<never>) {
    this.index = index
    this.steps = steps
    this.runtime = runtime
    this.advance()
  }

  /** True while a delivery is scheduled that needs no further call of the client. */
  get delivering(): boolean {
    return this.scheduled && !this.closed
  }

  get remaining(): ReadonlyArray<Step> {
    return this.steps.slice(this.position)
  }

  /** What `verify` reports of this connection. */
  get problem(): string | undefined {
    if (this.failure !== undefined) return this.failure.message
    const [step, ...later] = this.remaining
    if (step === undefined || (step._tag === "Stall" && later.length === 0)) return undefined
    return `Connection ${this.index} ${stopped(this.here, later.length + 1, this.closed, step, this.written.rest)}`
  }

  private get here(): string {
    const step = this.steps[this.position]
    if (step === undefined) return "the end of its script"
    return `step ${this.position + 1} of ${this.steps.length}, ${describe(step)}`
  }

  // The client's calls

  write(bytes: Uint8Array | string, more: Uint8Array | undefined): boolean {
    if (this.closed || this.fault !== undefined) return false
    if (this.ended) {
      this.misuse("wrote after it had called end()")
      return false
    }
    const step = this.steps[this.position]
    if (step?._tag === "WriteFails") {
      this.next()
      this.breakWith({ code: step.code, cause: systemError("write", step.code) })
      return false
    }
    this.written.append(bytes)
    if (more !== undefined) this.written.append(more)
    this.advance()
    return !this.blocked && this.fault === undefined
  }

  drained(callback: () => void): void {
    if (this.closed || this.fault !== undefined) return
    if (this.blocked) this.drainers.push(callback)
    else callback()
  }

  attach(receiver: Receiver): void {
    if (this.closed) return
    this.inbound.attach(receiver)
    this.deliverHeld()
  }

  resume(): void {
    if (!this.closed && this.inbound.resume()) this.deliverHeld()
  }

  end(): void {
    if (this.closed || this.ended) return
    this.ended = true
    this.advance()
  }

  destroy(): void {
    if (this.closed) return
    this.close()
    this.inbound.detach()
  }

  /** Detaches the receiver: the new channel receives what follows. */
  startTls(handshake: Handshake): void {
    this.inbound.detach()
    this.handshake = handshake
    if (this.closed) this.abortHandshake()
    else this.advance()
  }

  /** Fails for calls that break the rules of `Duplex`. */
  misuse(what: string): void {
    this.failWith(this.failed(`the client ${what}.`))
  }

  // The script

  /** Plays all steps that can be played without a microtask. */
  private advance(): void {
    while (!this.closed && this.fault === undefined) {
      const step = this.steps[this.position]
      if (this.handshake !== undefined) {
        this.answerHandshake(this.handshake, step)
        if (this.handshake !== undefined) return
      } else if (step === undefined) return this.expectNothing()
      else if (this.isPlayed(step)) this.next()
      else return
    }
  }

  private next(): void {
    this.position++
    this.piece = 0
  }

  /** Plays a step; returns `false` if it has to wait. */
  private isPlayed(step: Step): boolean {
    switch (step._tag) {
      case "Expect":
        return this.isWritten(step.bytes)
      case "Discard":
        return this.written.discard(step.count)
      case "DiscardUntil":
        return this.written.discardUntil(step.bytes)
      case "ExpectEnd":
        this.expectNothing()
        return this.ended && this.fault === undefined
      case "RefuseTls":
        this.expectNothing()
        return false
      case "ExpectDestroy":
      case "WriteFails":
        return false
      case "BlockWrites":
        this.blocked = true
        return true
      case "Delay":
        this.startDelay(step.duration)
        return false
      case "Stall":
        this.written.takeAll()
        return false
      case "Reply":
        if (step.pieces.length === 0) return true
        this.schedule()
        return false
      case "Eof":
      case "Fail":
      case "UnblockWrites":
        this.schedule()
        return false
    }
  }

  private isWritten(expected: Uint8Array): boolean {
    const at = this.written.differsAt(expected)
    if (at < 0) return this.written.unread >= expected.length && this.written.discard(expected.length)
    const texts = difference(expected, this.written.rest, at)
    this.failWith(this.failed(`the client wrote other bytes, from byte ${at} on.\n${texts}`))
    return false
  }

  private expectNothing(): void {
    if (this.written.unread > 0) this.failWith(this.untaken())
  }

  private startDelay(duration: Duration.Duration): void {
    if (this.delay !== undefined) return
    const delay = { cancel: () => {} }
    this.delay = delay
    // The runtime may come from an uninterruptible region, as opening often does. The sleep must
    // still be interruptible.
    delay.cancel = Runtime.runCallback(this.runtime)(Effect.interruptible(Effect.sleep(duration)), {
      onExit: () => {
        // `close` has cancelled and cleared it.
        if (this.delay !== delay) return
        this.delay = undefined
        this.next()
        this.advance()
      }
    })
  }

  private answerHandshake(handshake: Handshake, step: Step | undefined): void {
    const outcome = handshakeOutcome(step, handshake.serverName)
    if (outcome === "Wait") {
      if (step !== undefined) this.isPlayed(step)
      return
    }
    this.handshake = undefined
    if (outcome === "Done") return handshake.settle(Exit.void)
    this.next()
    this.close()
    handshake.settle(Exit.fail(outcome))
  }

  private abortHandshake(): void {
    const handshake = this.handshake
    this.handshake = undefined
    handshake?.settle(Exit.fail(tlsClosed(handshake.serverName, "ERR_STREAM_DESTROYED")))
  }

  // Deliveries

  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    queueMicrotask(() => {
      this.scheduled = false
      this.deliverNext()
    })
  }

  /**
   * Delivers within `attach` and `resume` what may be delivered there, which excludes the callbacks
   * of `drained`.
   */
  private deliverHeld(): void {
    if (this.fault !== undefined || this.steps[this.position]?._tag !== "UnblockWrites") this.deliverNext()
  }

  /** Delivers one item to the client. */
  private deliverNext(): void {
    if (this.closed) return
    if (this.fault !== undefined) {
      if (this.inbound.listens) this.deliverFault(this.fault)
      return
    }
    const step = this.steps[this.position]
    if (step?._tag === "UnblockWrites") {
      this.blocked = false
      this.next()
      for (const callback of this.drainers.splice(0)) {
        // The previous callback may have destroyed the channel.
        if (!this.closed) callback()
      }
    } else if (!this.inbound.ready) return
    else if (step?._tag === "Reply") this.deliverPiece(step.pieces)
    else if (step?._tag === "Eof") {
      this.endProven = step.proven
      this.next()
      this.inbound.end()
    } else if (step?._tag === "Fail") {
      this.next()
      return this.deliverFault({ code: step.code, cause: systemError("read", step.code) })
    }
    this.advance()
  }

  private deliverPiece(pieces: ReadonlyArray<Uint8Array>): void {
    const piece = pieces[this.piece++]
    if (this.piece >= pieces.length) this.next()
    if (piece !== undefined) this.inbound.data(piece)
  }

  private deliverFault(fault: DuplexFault): void {
    this.written.takeAll()
    this.close()
    this.inbound.error(fault)
  }

  // Ends

  private failed(what: string): ScriptError {
    return new ScriptError({ problems: [`Connection ${this.index} failed at ${this.here}: ${what}`] })
  }

  private untaken(): ScriptError {
    return this.failed(`the client wrote bytes that no step takes.\n${writtenOnly(this.written.rest)}`)
  }

  private failWith(error: ScriptError): void {
    this.failure ??= error
    this.breakWith({ code: "ECONNRESET", cause: error })
  }

  private breakWith(fault: DuplexFault): void {
    if (this.closed || this.fault !== undefined) return
    this.fault = fault
    this.written.takeAll()
    this.schedule()
  }

  private close(): void {
    this.closed = true
    this.drainers = []
    const delay = this.delay
    this.delay = undefined
    delay?.cancel()
    this.abortHandshake()
    for (let step = this.steps[this.position]; step !== undefined && endsWithTheChannel(step);) {
      if (step._tag === "Discard") this.written.takeAll()
      step = this.steps[++this.position]
    }
    if (this.position === this.steps.length && this.written.unread > 0) this.failure ??= this.untaken()
  }
}
