/**
 * The receiver's side of a scripted connection: who listens, whether it has paused, and how bytes
 * are handed to it.
 *
 * Decides nothing of what is delivered when. Rule: a view handed over is worthless after the call,
 * in its bytes and in its place within its buffer, so that a consumer that keeps one fails its
 * tests.
 */
import type { DuplexFault, Receiver } from "../../Transport.ts"

/** What a view's bytes become after `onData`. */
const garbage = 0xa5

/**
 * The view does not begin at its buffer's first byte, so that `view.buffer` read without the offset
 * shows, too.
 */
const scratchOffset = 7

export class Inbound {
  paused = false
  private receiver: Receiver | undefined
  private busy = false
  private resumed = false
  private scratch = new Uint8Array(0)

  /** Whether the end or bytes may come. */
  get ready(): boolean {
    return this.receiver !== undefined && !this.paused && !this.busy
  }

  /** Whether a fault of the script itself may come: at once, in a pause, too. */
  get listens(): boolean {
    return this.receiver !== undefined && !this.busy
  }

  attach(receiver: Receiver): void {
    this.receiver = receiver
    this.paused = false
  }

  detach(): void {
    this.receiver = undefined
    this.paused = false
  }

  /** Whether this ended a pause. */
  resume(): boolean {
    const ended = this.paused
    this.paused = false
    this.resumed = true
    return ended
  }

  data(bytes: Uint8Array): void {
    const receiver = this.receiver
    if (receiver === undefined) return
    if (this.scratch.length < bytes.length + scratchOffset) {
      this.scratch = new Uint8Array(bytes.length + scratchOffset).fill(garbage)
    }
    const view = this.scratch.subarray(scratchOffset, scratchOffset + bytes.length)
    view.set(bytes)
    this.busy = true
    this.resumed = false
    const goesOn = receiver.onData(view)
    this.busy = false
    view.fill(garbage)
    // A `resume` within the call is newer than the answer, and a receiver attached within it has
    // not asked for a pause.
    if (!goesOn && !this.resumed && this.receiver === receiver) this.paused = true
  }

  end(): void {
    this.receiver?.onEnd()
  }

  /** The receiver is let go first: it may call back, and hears nothing more. */
  error(fault: DuplexFault): void {
    const receiver = this.receiver
    this.detach()
    receiver?.onError(fault)
  }
}
