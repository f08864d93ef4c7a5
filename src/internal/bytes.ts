/**
 * Allocates memory for bytes, and copies bytes into it.
 *
 * Anything that may be as large as a body is allocated here. Node throws a `RangeError` if an array
 * of that size is impossible or memory is exhausted. It throws in any code that runs at that
 * moment, such as a socket callback. Here it becomes `NoRoom`. A body's reader can then distinguish
 * it from a programming error and fail with a typed error.
 */

/** An array of this length cannot be allocated. `cause` is Node's error. */
export class NoRoom extends Error {
  override readonly name = "NoRoom"
  /** The number of bytes requested. */
  readonly length: number

  constructor(length: number, cause: unknown) {
    super(`No array of ${length} bytes can be made`, { cause })
    this.length = length
  }
}

/**
 * The bytes that V8 keeps within the array object itself. A larger array needs a separate
 * allocation, which takes a microsecond.
 */
export const inPlace = 64

/** Allocates the memory. Tests replace it. */
export const allocator = {
  /** Returns memory that is not zeroed. It must be fully written before a caller sees it. */
  uncleared: (length: number): Uint8Array =>
    length <= inPlace ? new Uint8Array(length) : new Uint8Array(Buffer.allocUnsafeSlow(length).buffer),
  cleared: (length: number): Uint8Array => new Uint8Array(length)
}

const orNoRoom = (length: number, error: unknown): unknown =>
  error instanceof RangeError ? new NoRoom(length, error) : error

/** Throws `NoRoom`. The result must be fully written before a caller sees it. */
export const uncleared = (length: number): Uint8Array => {
  try {
    return allocator.uncleared(length)
  } catch (error) {
    throw orNoRoom(length, error)
  }
}

/** Throws `NoRoom`. */
export const cleared = (length: number): Uint8Array => {
  try {
    return allocator.cleared(length)
  } catch (error) {
    throw orNoRoom(length, error)
  }
}

/** Returns a copy in an array of exactly that size. Throws `NoRoom`. */
export const copy = (bytes: Uint8Array): Uint8Array => {
  const copied = uncleared(bytes.length)
  copied.set(bytes)
  return copied
}

const empty: Uint8Array = new Uint8Array(0)

/** Joins several pieces into one. Returns a single piece unchanged. Throws `NoRoom`. */
export const join = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => {
  const [first] = pieces
  if (first === undefined) return empty
  if (pieces.length === 1) return first
  let length = 0
  for (const piece of pieces) length += piece.length
  const whole = uncleared(length)
  let offset = 0
  for (const piece of pieces) {
    whole.set(piece, offset)
    offset += piece.length
  }
  return whole
}
