/**
 * Buffers the bytes of a response's body between the receiver and the one reader.
 *
 * It copies the bytes that it keeps, because the receiver's view is valid only during the call.
 * Above the high-water mark it asks the receiver to pause, unless the whole body is being
 * collected. Bytes that arrived before a failure are delivered before it. It never takes more than
 * `growth` times as much memory as bytes have arrived, whatever length the server has announced. A
 * method that stores or delivers bytes throws `NoRoom` if there is no memory for it, and has then
 * changed nothing.
 */
import type { BodyFailure } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import { cleared, copy, inPlace, join, NoRoom, uncleared } from "../bytes.ts"

// Captured on import, because a test may replace it and restore it later. A stream would then wait
// indefinitely.
const { setImmediate } = globalThis

/**
 * The bytes that are kept for a slow reader. The bytes of one more read of the socket may be added.
 */
const highWaterMark = 65_536

/**
 * The size from which a piece rarely arrives alone. TLS delivers its records one by one, and the
 * system delivers a full buffer if there is more.
 */
const largePiece = 16_384

/**
 * The bytes that a stream waits for if large pieces arrive, because delivering each of them alone
 * costs as much as copying it.
 */
const together = 262_144

/**
 * The most room that a block reserves: for a small body, or after small blocks. Without it, a body
 * in tiny pieces would become as many objects.
 */
const largestBlock = 65_536

/**
 * How many times larger than the bytes received the array of a whole body may be. One byte in so
 * many is then copied twice. If the announced length is false, the memory for it is not used,
 * because the system allocates a page only when it is written to.
 */
const growth = 8

/**
 * The longest body that is collected in one array before it has arrived completely. For a longer
 * array there may be no memory.
 */
const largestWhole = 1_073_741_824

const empty: Uint8Array = new Uint8Array(0)

/**
 * Bytes in one array, from `start` to `end`; after `end` there may be free space. The blocks are a
 * linked list and not an array: `Terms` explains why.
 */
class Block {
  readonly bytes: Uint8Array
  start = 0
  end: number
  next: Block | undefined = undefined

  constructor(bytes: Uint8Array, end: number) {
    this.bytes = bytes
    this.end = end
  }
}

export class BodyBuffer {
  /** The bytes that are available. */
  size = 0
  /** The bytes that have arrived in total. */
  received = 0
  ended = false
  failure: BodyFailure | undefined
  trailers: HttpFields.HttpFields = HttpFields.empty
  /** True if everything is kept, because the reader wants the whole body at once. */
  collecting = false
  /** The length that the server has announced; 0 if none. */
  announced = 0
  /** True if a stream delivers the body. The stream ends with the fiber that runs it. */
  streaming = false
  /** True once a read has started. */
  begun = false
  /**
   * True once a reader has seen the end or the failure of the body, or will read no more. The mere
   * arrival of the end does not count.
   */
  finished = false
  /** True if nothing is kept, because no reader will read it. */
  discarding = false

  #first: Block | undefined
  #last: Block | undefined
  #waiter: (() => void) | undefined
  /** True if the waiter will be woken at the end of this event-loop iteration. */
  #postponed = false
  /** The callbacks that wait for the end, if there are any. */
  #settlers: Set<() => void> | undefined

  /**
   * Stores a copy of `input` from `start` to `end`. Returns true if more is wanted. Throws
   * `NoRoom`.
   */
  push(input: Uint8Array, start = 0, end = input.length): boolean {
    const length = end - start
    this.received += length
    if (!this.discarding) {
      this.size += length
      try {
        this.#keep(input, start, end)
      } catch (error) {
        this.size -= length
        this.received -= length
        throw error
      }
    }
    if (this.streaming && this.#waiter !== undefined && end - start >= largePiece && this.size < together) {
      this.#postpone()
      return true
    }
    // The waiting reader consumes these bytes before more can arrive, so pausing the socket here
    // would only force it to resume at once.
    return this.#wake() || this.wantsMore
  }

  get wantsMore(): boolean {
    return this.collecting || this.size < highWaterMark
  }

  /** True if there is something to deliver: bytes, the end, or a failure. */
  get ready(): boolean {
    return this.collecting ? this.settled : this.size > 0 || this.settled
  }

  /** True if nothing more will arrive. */
  get settled(): boolean {
    return this.ended || this.failure !== undefined
  }

  end(trailers: HttpFields.HttpFields): void {
    this.trailers = trailers
    this.ended = true
    this.#wake()
    this.#settle()
  }

  fail(failure: BodyFailure): void {
    if (this.settled) return
    this.failure = failure
    this.#wake()
    this.#settle()
  }

  /** Calls back once, when `ready` is true. Only one reader may wait at a time. */
  wait(callback: () => void): void {
    this.#waiter = callback
    this.#wake()
  }

  /** True if a reader waits. */
  get awaited(): boolean {
    return this.#waiter !== undefined
  }

  /** Calls back once nothing more will arrive; any number of callers may wait. */
  onSettled(callback: () => void): void {
    if (this.settled) return callback()
    this.#settlers ??= new Set()
    this.#settlers.add(callback)
  }

  /** True if a caller waits for the end. */
  get endAwaited(): boolean {
    return this.#settlers !== undefined && this.#settlers.size > 0
  }

  offSettled(callback: () => void): void {
    this.#settlers?.delete(callback)
  }

  #settle(): void {
    const settlers = this.#settlers
    if (settlers === undefined) return
    this.#settlers = undefined
    for (const callback of settlers) callback()
  }

  /**
   * Wakes the waiter when all bytes that are available now have been read, or earlier if enough
   * have arrived.
   */
  #postpone(): void {
    if (this.#postponed) return
    this.#postponed = true
    setImmediate(BodyBuffer.#wakePostponed, this)
  }

  static #wakePostponed(this: void, buffer: BodyBuffer): void {
    buffer.#postponed = false
    buffer.#wake()
  }

  /** Returns true if a reader waited. */
  #wake(): boolean {
    if (this.#waiter === undefined || !this.ready) return false
    const waiter = this.#waiter
    this.#waiter = undefined
    waiter()
    return true
  }

  /** Takes all pieces that are available. */
  takeChunk(): Array<Uint8Array> {
    const pieces = this.#pieces(retainable)
    this.clear()
    return pieces
  }

  #pieces(of: (block: Block) => Uint8Array): Array<Uint8Array> {
    const pieces: Array<Uint8Array> = []
    for (let block = this.#first; block !== undefined; block = block.next) pieces.push(of(block))
    return pieces
  }

  /** Takes all available bytes in one piece. */
  takeAll(): Uint8Array {
    const first = this.#first
    if (first === undefined || first !== this.#last) {
      const whole = join(this.#pieces(content))
      this.clear()
      return whole
    }
    // After the bytes of a truncated body there is memory that was not cleared.
    const whole = this.collecting ? exact(first) : retainable(first)
    this.clear()
    return whole
  }

  /**
   * Takes all available bytes, in the pieces in which they are stored. Allocates nothing for them.
   */
  takePieces(): Array<Uint8Array> {
    const pieces = this.#pieces(content)
    // A reader that receives a view of the last block can look past its end.
    this.#last?.bytes.fill(0, this.#last.end)
    this.clear()
    return pieces
  }

  /** Takes the first `n` available bytes, or fewer if fewer are available. */
  take(n: number): Uint8Array {
    const bytes = this.peek(n)
    this.#drop(bytes.length)
    return bytes
  }

  /** Returns the first `n` available bytes, which stay in the buffer. */
  peek(n: number): Uint8Array {
    const first = this.#first
    if (first === undefined || n <= 0) return empty
    if (first.end - first.start >= n) return first.bytes.subarray(first.start, first.start + n)
    const pieces: Array<Uint8Array> = []
    let left = n
    for (let block: Block | undefined = first; block !== undefined && left > 0; block = block.next) {
      const piece = content(block).subarray(0, left)
      pieces.push(piece)
      left -= piece.length
    }
    return join(pieces)
  }

  /** Returns the number of bytes up to and including the first LF; 0 if there is none. */
  lineLength(): number {
    let before = 0
    for (let block = this.#first; block !== undefined; block = block.next) {
      const at = content(block).indexOf(LF)
      if (at >= 0) return before + at + 1
      before += block.end - block.start
    }
    return 0
  }

  clear(): void {
    this.#first = undefined
    this.#last = undefined
    this.size = 0
  }

  #keep(input: Uint8Array, start: number, end: number): void {
    const length = end - start
    const last = this.#last
    if (last !== undefined && last.bytes.length - last.end >= length) {
      fill(last.bytes, last.end, input, start, end)
      last.end += length
      return
    }
    if (this.collecting && this.#consolidate(input, start, end)) return
    const room = last === undefined ? this.#firstRoom(length) : Math.min(largestBlock, last.bytes.length * 2)
    // A reader that receives a part of the array can look at all of it.
    const bytes = room > length ? cleared(room) : uncleared(length)
    fill(bytes, 0, input, start, end)
    const block = new Block(bytes, length)
    if (last === undefined) this.#first = block
    else last.next = block
    this.#last = block
  }

  /**
   * Returns the size of the first block of a body: the whole body if it is small and enough of it
   * has arrived. A later block that follows no other is exact. Otherwise a body that is read as it
   * trickles in would reserve memory for its rest with each piece.
   */
  #firstRoom(length: number): number {
    const { announced } = this
    return this.received === length && announced <= Math.min(largestBlock, length * growth) && !this.streaming
      ? announced
      : 0
  }

  /**
   * Copies everything into one array that has space for the rest of the announced length. Returns
   * false if that is not worthwhile.
   */
  #consolidate(input: Uint8Array, start: number, end: number): boolean {
    // `size` and `received` count the bytes that are being kept here.
    const whole = this.size + this.announced - this.received
    if (this.announced === 0 || whole > largestWhole || whole > this.size * growth) return false
    const bytes = unclearedIfRoom(whole)
    if (bytes === undefined) return false
    let at = 0
    for (let block = this.#first; block !== undefined; block = block.next) {
      fill(bytes, at, block.bytes, block.start, block.end)
      at += block.end - block.start
    }
    fill(bytes, at, input, start, end)
    this.#first = this.#last = new Block(bytes, this.size)
    return true
  }

  #drop(n: number): void {
    let left = n
    this.size -= n
    for (let block = this.#first; block !== undefined; block = this.#first) {
      const length = block.end - block.start
      if (length > left) {
        block.start += left
        return
      }
      left -= length
      this.#first = block.next
    }
    this.#last = undefined
  }
}

/**
 * Returns `undefined` if there is not enough memory for so many bytes at once. In several pieces
 * there may be enough.
 */
const unclearedIfRoom = (length: number): Uint8Array | undefined => {
  try {
    return uncleared(length)
  } catch (error) {
    if (error instanceof NoRoom) return undefined
    throw error
  }
}

/** Copies `input` from `start` to `end`, byte by byte if creating a view would cost more. */
const fill = (bytes: Uint8Array, at: number, input: Uint8Array, start: number, end: number): void => {
  if (end - start > inPlace) {
    return bytes.set(start === 0 && end === input.length ? input : input.subarray(start, end), at)
  }
  for (let i = start; i < end; i++) bytes[at + i - start] = input[i] as number
}

const LF = 0x0a

const content = (block: Block): Uint8Array =>
  block.start === 0 && block.end === block.bytes.length ? block.bytes : block.bytes.subarray(block.start, block.end)

/**
 * Returns the content for a reader that may keep it: the array that it retains is at most twice as
 * long.
 */
const retainable = (block: Block): Uint8Array =>
  (block.end - block.start) * 2 < block.bytes.length ? exact(block) : content(block)

const exact = (block: Block): Uint8Array =>
  block.start === 0 && block.end === block.bytes.length ? block.bytes : copy(content(block))
