/**
 * Delivers what arrives on a channel to its one receiver, in order: bytes, then the end, then the
 * fault.
 *
 * Knows no socket, so that the order can be tested without one. Bytes are copied only if they must
 * be held back, because no receiver is attached or it has paused. Nothing overtakes bytes that are
 * held back. Nothing is delivered after `close`. A receiver is never called within a call of
 * itself.
 */
import type { DuplexFault, Receiver } from "../../Transport.ts"
import { copy } from "../bytes.ts"

export class Inbound {
  #receiver: Receiver | undefined
  /** The bytes that are held back, if any. */
  #held: Array<Uint8Array> | undefined
  /** True if bytes must be held back. True until a receiver is attached. */
  #paused = true
  #ended = false
  #fault: DuplexFault | undefined
  #closed = false
  /**
   * True if bytes were lost, because there was not enough memory to hold them back. Later bytes are
   * not delivered.
   */
  #lost = false
  #endDelivered = false
  #faultDelivered = false
  /** True while `onData` runs, and true if `resume` was called in it. */
  #delivering = false
  #resumed = false

  get ended(): boolean {
    return this.#ended
  }

  /** True if bytes are held back. */
  get holding(): boolean {
    return this.#held !== undefined
  }

  /** True if the channel is closed or broken. */
  get over(): boolean {
    return this.#closed || this.#fault !== undefined
  }

  /** Takes bytes, whose view may be reused afterwards. Returns true if reading may continue. */
  data(bytes: Uint8Array): boolean {
    if (this.#closed || this.#lost) return false
    if (this.#paused || this.#delivering || this.holding) {
      this.#hold(bytes)
      return false
    }
    return this.#deliver(bytes)
  }

  /** Holds a copy back. A channel that loses bytes is broken. */
  #hold(bytes: Uint8Array): void {
    try {
      const held = copy(bytes)
      ;(this.#held ??= []).push(held)
    } catch (cause) {
      this.#lost = true
      this.#fault ??= { code: "ENOMEM", cause }
      // `#deliver` does this after the call of the receiver that is running.
      if (!this.#delivering) this.#deliverLast()
    }
  }

  /** The peer has finished sending. */
  end(): void {
    this.#ended = true
    this.#deliverLast()
  }

  /** The channel broke. The first report counts. */
  fault(fault: DuplexFault): void {
    if (this.#fault !== undefined) return
    this.#fault = fault
    this.#deliverLast()
  }

  /** Sets the receiver and delivers what was held back. Returns true if reading may continue. */
  attach(receiver: Receiver): boolean {
    this.#receiver = receiver
    this.#endDelivered = false
    this.#faultDelivered = false
    return this.resume()
  }

  /** Delivers what was held back. Returns true if reading may continue. */
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
    this.#deliverLast()
    return !this.#paused && !this.over
  }

  /** Delivers nothing more. */
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
    // A `resume` within the call takes precedence over what the call returned.
    if (!goOn && !this.#resumed) this.#paused = true
    if (this.#lost) this.#deliverLast()
    return !this.#paused && !this.#closed
  }

  /**
   * Delivers the end and the fault. They wait for bytes that are held back, but not for a receiver
   * that has paused.
   */
  #deliverLast(): void {
    if (this.holding) return
    if (this.#ended && !this.#endDelivered && this.#receiver !== undefined) {
      this.#endDelivered = true
      this.#receiver.onEnd()
    }
    // Reads the receiver again, because `onEnd` may have closed the channel.
    if (this.#fault !== undefined && !this.#faultDelivered && this.#receiver !== undefined) {
      this.#faultDelivered = true
      this.#receiver.onError(this.#fault)
    }
  }
}
