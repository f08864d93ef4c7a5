/**
 * What comes in on a channel, told to its one receiver in order: bytes, then the end, then the
 * fault.
 *
 * Knows no socket, so that the order can be tested without one. Rules: bytes are copied only when
 * they must be held back (nobody is attached yet, or the receiver paused); nothing overtakes bytes
 * that are held back; nothing is told after `close`; a receiver is never called while a call of it
 * is still running.
 */
import type { DuplexFault, Receiver } from "../../Transport.ts"
import { copy } from "../bytes.ts"

export class Inbound {
  #receiver: Receiver | undefined
  /** Bytes that are held back, where there are any. */
  #held: Array<Uint8Array> | undefined
  /** Whether bytes must wait: true until a receiver is attached. */
  #paused = true
  #ended = false
  #fault: DuplexFault | undefined
  #closed = false
  /**
   * Whether bytes were lost, because there was no memory to hold them back: what comes after them
   * is not told.
   */
  #lost = false
  #endTold = false
  #faultTold = false
  /** Whether `onData` is running, and whether `resume` was called in it. */
  #delivering = false
  #resumed = false

  get ended(): boolean {
    return this.#ended
  }

  /** Whether bytes wait for a receiver. */
  get holding(): boolean {
    return this.#held !== undefined
  }

  /** Whether there is nothing more to do with the channel. */
  get over(): boolean {
    return this.#closed || this.#fault !== undefined
  }

  /** Takes bytes; the view may be reused afterwards. Returns whether to go on reading. */
  data(bytes: Uint8Array): boolean {
    if (this.#closed || this.#lost) return false
    if (this.#paused || this.#delivering || this.holding) {
      this.#hold(bytes)
      return false
    }
    return this.#deliver(bytes)
  }

  /** Keeps a copy. A channel that loses bytes is broken. */
  #hold(bytes: Uint8Array): void {
    try {
      const held = copy(bytes)
      ;(this.#held ??= []).push(held)
    } catch (cause) {
      this.#lost = true
      this.#fault ??= { code: "ENOMEM", cause }
      // A call of the receiver that is running is followed by this one.
      if (!this.#delivering) this.#tellLast()
    }
  }

  /** The peer has finished sending. */
  end(): void {
    this.#ended = true
    this.#tellLast()
  }

  /** The channel broke; the first report counts. */
  fault(fault: DuplexFault): void {
    if (this.#fault !== undefined) return
    this.#fault = fault
    this.#tellLast()
  }

  /** Sets the receiver and tells it what came before. Returns whether to go on reading. */
  attach(receiver: Receiver): boolean {
    this.#receiver = receiver
    this.#endTold = false
    this.#faultTold = false
    return this.resume()
  }

  /** Tells what was held back. Returns whether to go on reading. */
  resume(): boolean {
    if (this.#receiver === undefined || this.#closed) return false
    this.#paused = false
    if (this.#delivering) {
      this.#resumed = true
      return false
    }
    while (!this.#paused && !this.#closed) {
      const bytes = this.#held?.shift()
      if (this.#held?.length === 0) this.#held = undefined
      if (bytes === undefined) break
      this.#deliver(bytes)
    }
    this.#tellLast()
    return !this.#paused && !this.over
  }

  /** The owner let go: nothing is told any more. */
  close(): void {
    this.#closed = true
    this.#receiver = undefined
    this.#held = undefined
  }

  #deliver(bytes: Uint8Array): boolean {
    this.#delivering = true
    this.#resumed = false
    let goOn = true
    try {
      goOn = this.#receiver?.onData(bytes) !== false
    } finally {
      this.#delivering = false
    }
    // A `resume` that came from within the call is newer than the answer.
    if (!goOn && !this.#resumed) this.#paused = true
    if (this.#lost) this.#tellLast()
    return !this.#paused && !this.#closed
  }

  /**
   * The end and the fault wait for held bytes only: a pause does not keep a receiver from hearing
   * of them.
   */
  #tellLast(): void {
    if (this.holding) return
    if (this.#ended && !this.#endTold && this.#receiver !== undefined) {
      this.#endTold = true
      this.#receiver.onEnd()
    }
    // `onEnd` may have closed the channel, so the receiver is looked at anew.
    if (this.#fault !== undefined && !this.#faultTold && this.#receiver !== undefined) {
      this.#faultTold = true
      this.#receiver.onError(this.#fault)
    }
  }
}
