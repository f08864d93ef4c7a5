/**
 * Memory for bytes, and copies of bytes in it.
 *
 * Whatever may be as large as a body is allocated here. There may be no array of that size, or no
 * memory for it, and Node then throws a `RangeError` in whatever happens to run, such as a callback
 * of a socket. Here it is `NoRoom`, so that a body's reader can tell it from a fault of the program
 * and make a failure of it.
 */

/** There is no array of this length. `cause` is what Node says. */
export class NoRoom extends Error {
  override readonly name = "NoRoom"
  /** Bytes that were asked for. */
  readonly length: number

  constructor(length: number, cause: unknown) {
    super(`No array of ${length} bytes can be made`, { cause })
    this.length = length
  }
}

/**
 * Bytes that V8 keeps within the array itself; a larger array has memory of its own, which costs a
 * microsecond.
 */
export const inPlace = 64

/** What allocates. A test puts another one in its place. */
export const allocator = {
  /** Memory that is not cleared, for bytes that are all written before a caller sees them. */
  uncleared: (length: number): Uint8Array =>
    length <= inPlace ? new Uint8Array(length) : new Uint8Array(Buffer.allocUnsafeSlow(length).buffer),
  cleared: (length: number): Uint8Array => new Uint8Array(length)
}

const orNoRoom = (length: number, error: unknown): unknown =>
  error instanceof RangeError ? new NoRoom(length, error) : error

/** Throws `NoRoom`. All of it must be written before a caller sees it. */
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

/** A copy in an array of exactly that size. Throws `NoRoom`. */
export const copy = (bytes: Uint8Array): Uint8Array => {
  const copied = uncleared(bytes.length)
  copied.set(bytes)
  return copied
}

const empty: Uint8Array = new Uint8Array(0)

/** Several pieces in one. Of one piece it is the piece itself. Throws `NoRoom`. */
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
