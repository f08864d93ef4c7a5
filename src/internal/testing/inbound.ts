/**
 * The receiver's side of a scripted connection: the receiver, whether it has paused, and the
 * delivery of bytes to it.
 *
 * Does not decide what is delivered when. Rule: after the call a view is overwritten, and its
 * buffer is reused, so that a consumer that keeps a view fails its tests.
 */
import type { DuplexFault, Receiver } from "../../Transport.ts"

/** The value that overwrites a view after `onData`. */
const garbage = 0xa5

/**
 * The offset of a view in its buffer, so that tests catch a use of `view.buffer` without the
 * offset.
 */
const scratchOffset = 7

export class Inbound {
  paused = false
  private receiver: Receiver | undefined
  private busy = false
  private resumed = false
  private scratch = new Uint8Array(0)

  /** True if bytes or the end may be delivered. */
  get ready(): boolean {
    return this.receiver !== undefined && !this.paused && !this.busy
  }

  /** True if a fault of the script may be delivered: at once, even during a pause. */
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

  /** Returns true if this ended a pause. */
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
    // A `resume` within the call is newer than the return value. A receiver attached within it has
    // not asked for a pause.
    if (!goesOn && !this.resumed && this.receiver === receiver) this.paused = true
  }

  end(): void {
    this.receiver?.onEnd()
  }

  /** Detaches the receiver first, because it may call back and must receive nothing more. */
  error(fault: DuplexFault): void {
    const receiver = this.receiver
    this.detach()
    receiver?.onError(fault)
  }
}
