/**
 * The bytes that a client has written on one scripted connection, and how many of them the script
 * has read.
 *
 * Rule: the cost is linear in the bytes however they are split, because tests send bodies of
 * megabytes in small pieces.
 */
import { toBytes } from "./steps.ts"

export class Written {
  private store = new Uint8Array(256)
  private length = 0
  private taken = 0
  private takesAll = false
  /** The number of unread bytes that were compared or searched already. */
  private looked = 0

  /** Copies the bytes, because the writer may reuse its buffer once they are sent. */
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

  /** The bytes that no step has read. */
  get rest(): Uint8Array {
    return this.takesAll ? new Uint8Array(0) : this.store.slice(this.taken, this.length)
  }

  get unread(): number {
    return this.takesAll ? 0 : this.length - this.taken
  }

  /**
   * Reads this many bytes if they have arrived; `Infinity` reads everything that will ever arrive.
   */
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

  /** Accepts everything that is written from now on. */
  takeAll(): void {
    this.takesAll = true
  }

  /** Returns the offset of the first unexpected byte; -1 if all bytes so far are expected. */
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

  /** Returns the number of bytes up to the end of the delimiter; -1 if it has not arrived. */
  private endOf(delimiter: Uint8Array): number {
    if (this.unread < delimiter.length) return -1
    const window = Buffer.from(this.store.buffer, 0, this.length)
    const at = window.indexOf(delimiter, this.taken + this.looked)
    if (at >= 0) return at - this.taken + delimiter.length
    this.looked = Math.max(0, this.unread - delimiter.length + 1)
    return -1
  }
}
