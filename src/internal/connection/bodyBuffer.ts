/**
 * The bytes of a response's body between the receiver that brings them and the one reader that
 * takes them.
 *
 * Copies what it keeps, because the receiver's view ends with its call. Above the high-water mark
 * it asks the receiver to pause, unless the whole body is being collected. Bytes that came before a
 * failure are given out before it. Takes never more than `growth` times as much memory as bytes
 * have come, whatever length the server has announced. What gives or takes bytes throws `NoRoom` if
 * there is no memory for it, and has then changed nothing.
 */
import type { BodyFailure } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import { cleared, copy, inPlace, join, NoRoom, uncleared } from "../bytes.ts"

// As it is now: a test that puts another in its place, and back, must not leave a stream that waits
// for ever.
const { setImmediate } = globalThis

/** Bytes kept for a reader that is slow. What one read of the socket brings may come on top. */
const highWaterMark = 65_536

/**
 * A piece so large seldom comes alone: TLS gives its records one by one, and the system a full
 * buffer where there is more.
 */
const largePiece = 16_384

/**
 * What a stream waits for, where large pieces come: to give each of them alone costs as much as to
 * copy it.
 */
const together = 262_144

/**
 * Room for a block that follows small ones, so that a body in tiny pieces does not become as many
 * objects, or for a small body.
 */
const largestBlock = 65_536

/**
 * How much larger than what has come the array may be that a whole body is collected in. One byte
 * in so many is then copied twice, and the memory for a length that is a lie is not used: the
 * system gives a page when it is written to.
 */
const growth = 8

/**
 * A longer body is not collected in one array before all of it is there, because there may be no
 * room for such an array.
 */
const largestWhole = 1_073_741_824

const empty: Uint8Array = new Uint8Array(0)

/**
 * Bytes in one array, from `start` to `end`; behind `end` there may be room for more. A list, and
 * not in an array: see `Terms`.
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
  /** Bytes that are there. */
  size = 0
  /** Bytes that came in all. */
  received = 0
  ended = false
  failure: BodyFailure | undefined
  trailers: HttpFields.HttpFields = HttpFields.empty
  /** Whether everything is kept, because all of it is wanted at once. */
  collecting = false
  /** How long the server says the body is, where it does. */
  announced = 0
  /** Whether a stream gives it out, which ends with whoever runs it. */
  streaming = false
  /** Whether a reading has begun. */
  begun = false
  /**
   * True once a reader has seen the end or the failure of the body, or will read no more: what has
   * merely arrived says nothing of that.
   */
  finished = false
  /** Whether nothing is kept, because nobody will read. */
  discarding = false

  #first: Block | undefined
  #last: Block | undefined
  #waiter: (() => void) | undefined
  /** Whether who waits will be woken at the end of this turn of the event loop. */
  #postponed = false
  /** Those who wait for the end, where there are any. */
  #settlers: Set<() => void> | undefined

  /**
   * Takes a copy of `input` from `start` to `end`. Returns whether more is wanted. Throws `NoRoom`.
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
    // Who waited takes it before more can come, and would only have to resume what was paused.
    return this.#wake() || this.wantsMore
  }

  get wantsMore(): boolean {
    return this.collecting || this.size < highWaterMark
  }

  /** Whether there is something to give: bytes, the end, or a failure. */
  get ready(): boolean {
    return this.collecting ? this.settled : this.size > 0 || this.settled
  }

  /** Whether nothing more will come. */
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

  /** Calls back once, when `ready`. One at a time. */
  wait(callback: () => void): void {
    this.#waiter = callback
    this.#wake()
  }

  /** Whether somebody waits. */
  get awaited(): boolean {
    return this.#waiter !== undefined
  }

  /** Calls back once nothing more will come; any number may wait. */
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

  /** Wakes who waits when all that is there now has been read, or earlier where enough has come. */
  #postpone(): void {
    if (this.#postponed) return
    this.#postponed = true
    setImmediate(BodyBuffer.#late, this)
  }

  static #late(this: void, buffer: BodyBuffer): void {
    buffer.#postponed = false
    buffer.#wake()
  }

  /** Returns whether somebody waited. */
  #wake(): boolean {
    if (this.#waiter === undefined || !this.ready) return false
    const waiter = this.#waiter
    this.#waiter = undefined
    waiter()
    return true
  }

  /** Takes all pieces that are available. */
  takeChunk(): Array<Uint8Array> {
    const pieces = this.#pieces(given)
    this.clear()
    return pieces
  }

  #pieces(of: (block: Block) => Uint8Array): Array<Uint8Array> {
    const pieces: Array<Uint8Array> = []
    for (let block = this.#first; block !== undefined; block = block.next) pieces.push(of(block))
    return pieces
  }

  /** All bytes that are there, in one piece. */
  takeAll(): Uint8Array {
    const first = this.#first
    if (first === undefined || first !== this.#last) {
      const whole = join(this.#pieces(content))
      this.clear()
      return whole
    }
    // Behind what has come of a body that was cut short there is memory that was not cleared.
    const whole = this.collecting ? exact(first) : given(first)
    this.clear()
    return whole
  }

  /** All bytes that are there, in the pieces in which they lie. Allocates nothing for them. */
  takePieces(): Array<Uint8Array> {
    const pieces = this.#pieces(content)
    // Whoever gets a view of the last one may look behind its end.
    this.#last?.bytes.fill(0, this.#last.end)
    this.clear()
    return pieces
  }

  /** The first `n` bytes that are there, fewer where there are fewer. */
  take(n: number): Uint8Array {
    const bytes = this.peek(n)
    this.#drop(bytes.length)
    return bytes
  }

  /** The first `n` bytes that are there, which stay. */
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

  /** How many bytes come up to and with the first LF; 0 where there is none. */
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
    if (this.collecting && this.#gather(input, start, end)) return
    const room = last === undefined ? this.#firstRoom(length) : Math.min(largestBlock, last.bytes.length * 2)
    // Who is given a part of it may look at all of it.
    const bytes = room > length ? cleared(room) : uncleared(length)
    fill(bytes, 0, input, start, end)
    const block = new Block(bytes, length)
    if (last === undefined) this.#first = block
    else last.next = block
    this.#last = block
  }

  /**
   * For the block that a body begins with: all of it, where it is small and enough of it has come.
   * Later ones are exact where nothing is before them, or a body that is read as it trickles in
   * would take room for its rest with each piece.
   */
  #firstRoom(length: number): number {
    const { announced } = this
    return this.received === length && announced <= Math.min(largestBlock, length * growth) && !this.streaming
      ? announced
      : 0
  }

  /**
   * Puts all in one array that has room for more of what was announced. False where there is no use
   * in that.
   */
  #gather(input: Uint8Array, start: number, end: number): boolean {
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

/** `undefined` where there is no room for so much at once: in many pieces there may be. */
const unclearedIfRoom = (length: number): Uint8Array | undefined => {
  try {
    return uncleared(length)
  } catch (error) {
    if (error instanceof NoRoom) return undefined
    throw error
  }
}

/** Copies `input` from `start` to `end`. Byte by byte where making a view would cost more. */
const fill = (bytes: Uint8Array, at: number, input: Uint8Array, start: number, end: number): void => {
  if (end - start > inPlace) {
    return bytes.set(start === 0 && end === input.length ? input : input.subarray(start, end), at)
  }
  for (let i = start; i < end; i++) bytes[at + i - start] = input[i] as number
}

const LF = 0x0a

const content = (block: Block): Uint8Array =>
  block.start === 0 && block.end === block.bytes.length ? block.bytes : block.bytes.subarray(block.start, block.end)

/** The same to be kept by somebody: what he keeps does not hold on to more than twice as much. */
const given = (block: Block): Uint8Array =>
  (block.end - block.start) * 2 < block.bytes.length ? exact(block) : content(block)

const exact = (block: Block): Uint8Array =>
  block.start === 0 && block.end === block.bytes.length ? block.bytes : copy(content(block))
