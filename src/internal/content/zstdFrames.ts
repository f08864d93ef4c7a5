/**
 * Where the frames of a zstd body begin and end (RFC 8878 section 3.1). Looks at no more than their
 * headers and decodes nothing.
 *
 * Node's zstd decoder needs this: that of Node 22.23 takes a body that was cut off for a whole one
 * (nodejs/node#64592; 24.21 does not), and both drop, without an error, what follows a frame in the
 * same write (nodejs/node#64741).
 */

const magic = 0xfd2fb528
const skippableMagic = 0x184d2a50
const reservedBlock = 3
const rleBlock = 1

/** A state of reading: so many bytes are needed next, to be looked at or to be passed over. */
type Expecting =
  | "magic"
  | "descriptor"
  | "header"
  | "blockHeader"
  | "block"
  | "checksum"
  | "skippableSize"
  | "skippable"

/** Reads a body piece by piece. */
export class ZstdFrames {
  #expecting: Expecting = "magic"
  /** What is left to come of what is expected. */
  #need = 4
  /** The last four bytes at most of what is looked at, as a little-endian number. */
  #seen = 0
  #shift = 0
  #hasChecksum = false
  #lastBlock = false
  #lost = false
  #ended = false

  /** Whether what has come so far ends where a frame ends. Nothing at all does. */
  get complete(): boolean {
    return !this.#lost && this.#expecting === "magic" && this.#need === 4
  }

  /**
   * Whether what came behind a frame is none: that is seen here, or the decoder says so. Node 22's
   * refuses the first bytes that cannot begin a frame, before there are the four that tell it here.
   */
  isTrailing(code: string | undefined): boolean {
    return this.#ended && (code === "ZSTD_error_prefix_unknown" || (this.#lost && this.#expecting === "magic"))
  }

  /**
   * The bytes, cut where frames end, so that no piece has bytes of two. What is no frame is not
   * cut: it is for the decoder to refuse it.
   */
  split(bytes: Uint8Array): ReadonlyArray<Uint8Array> {
    const pieces: Array<Uint8Array> = []
    let start = 0
    let at = 0
    while (at < bytes.length && !this.#lost) {
      if (this.#passes()) {
        const length = Math.min(this.#need, bytes.length - at)
        at += length
        this.#need -= length
      } else {
        this.#seen += (bytes[at++] ?? 0) * 2 ** this.#shift
        this.#shift += 8
        this.#need--
      }
      // A block, a checksum or the rest of a header can have no bytes at all, so one end may be
      // several.
      while (this.#need === 0 && !this.#lost) {
        if (this.#advance()) {
          pieces.push(bytes.subarray(start, at))
          start = at
        }
      }
    }
    if (start < bytes.length) pieces.push(bytes.subarray(start))
    return pieces
  }

  /** Whether what is expected is passed over without looking. */
  #passes(): boolean {
    switch (this.#expecting) {
      case "header":
      case "block":
      case "checksum":
      case "skippable":
        return true
      default:
        return false
    }
  }

  #expect(expecting: Expecting, need: number): void {
    this.#expecting = expecting
    this.#need = need
    this.#seen = 0
    this.#shift = 0
  }

  /** Goes on to what comes after what is now complete; says whether that was a frame's end. */
  #advance(): boolean {
    const seen = this.#seen
    switch (this.#expecting) {
      case "magic":
        if (seen === magic) this.#expect("descriptor", 1)
        else if (seen >= skippableMagic && seen < skippableMagic + 16) this.#expect("skippableSize", 4)
        else this.#lost = true
        return false
      case "descriptor":
        this.#hasChecksum = (seen & 0b100) !== 0
        this.#expect("header", headerLength(seen))
        return false
      case "header":
        this.#expect("blockHeader", 3)
        return false
      case "blockHeader": {
        const type = (seen >> 1) & 0b11
        if (type === reservedBlock) this.#lost = true
        this.#lastBlock = (seen & 1) === 1
        this.#expect("block", type === rleBlock ? 1 : seen >> 3)
        return false
      }
      case "block":
        if (!this.#lastBlock) this.#expect("blockHeader", 3)
        else if (this.#hasChecksum) this.#expect("checksum", 4)
        else return this.#endFrame()
        return false
      case "skippableSize":
        this.#expect("skippable", seen)
        return false
      case "checksum":
      case "skippable":
        return this.#endFrame()
    }
  }

  #endFrame(): true {
    this.#ended = true
    this.#expect("magic", 4)
    return true
  }
}

/**
 * The length of the rest of a frame header: window descriptor, dictionary id, content size (RFC
 * 8878 section 3.1.1.1.1).
 */
const headerLength = (descriptor: number): number => {
  const single = (descriptor & 0b10_0000) !== 0
  const dictionary = [0, 1, 2, 4][descriptor & 0b11] ?? 0
  const contentSize = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
  return (single ? 0 : 1) + dictionary + contentSize
}
