/**
 * What a client has written on one scripted connection, and how much of it the script has taken.
 *
 * Rule: cost is linear in the bytes however they were split, since tests send bodies of megabytes
 * in small pieces.
 */
import { toBytes } from "./steps.ts"

export class Written {
  private store = new Uint8Array(256)
  private length = 0
  private taken = 0
  private takesAll = false
  /** How far the bytes that are not taken were compared or searched already. */
  private looked = 0

  /** A copy: the writer may use its buffer again once the bytes are sent. */
  append(bytes: Uint8Array | string): void {
    const added = toBytes(bytes)
    const needed = this.length + added.length
    if (needed > this.store.length) {
      const larger = new Uint8Array(Math.max(needed, this.store.length * 2))
      larger.set(this.store.subarray(0, this.length))
      this.store = larger
    }
    this.store.set(added, this.length)
    this.length = needed
  }

  get all(): Uint8Array {
    return this.store.slice(0, this.length)
  }

  /** What no step has taken. */
  get rest(): Uint8Array {
    return this.takesAll ? new Uint8Array(0) : this.store.slice(this.taken, this.length)
  }

  get unread(): number {
    return this.takesAll ? 0 : this.length - this.taken
  }

  /** Takes this many bytes if they have come; `Infinity` takes all that will ever come. */
  discard(count: number): boolean {
    if (count === Infinity) this.takeAll()
    else if (this.unread < count) return false
    else this.take(count)
    return true
  }

  discardUntil(delimiter: Uint8Array): boolean {
    const end = this.endOf(delimiter)
    if (end >= 0) this.take(end)
    return end >= 0
  }

  /** From here on nothing that is written is unexpected. */
  takeAll(): void {
    this.takesAll = true
  }

  /**
   * Where what was written first differs from what was expected; -1 where it does not, as far as it
   * goes.
   */
  differsAt(expected: Uint8Array): number {
    const end = Math.min(expected.length, this.unread)
    while (this.looked < end) {
      if (this.store[this.taken + this.looked] !== expected[this.looked]) return this.looked
      this.looked++
    }
    return -1
  }

  private take(count: number): void {
    this.taken += count
    this.looked = 0
  }

  /** How many bytes there are up to and including these; -1 where they have not come. */
  private endOf(delimiter: Uint8Array): number {
    if (this.unread < delimiter.length) return -1
    const window = Buffer.from(this.store.buffer, 0, this.length)
    const at = window.indexOf(delimiter, this.taken + this.looked)
    if (at >= 0) return at - this.taken + delimiter.length
    this.looked = Math.max(0, this.unread - delimiter.length + 1)
    return -1
  }
}
