/**
 * Finds where the frames of a zstd body begin and end (RFC 8878 section 3.1). Reads only their
 * headers and decodes nothing.
 *
 * Node's zstd decoder needs this. Node 22.23 accepts a truncated body as a whole one
 * (nodejs/node#64592; 24.21 does not). Both drop what follows a frame in the same write, without an
 * error (nodejs/node#64741).
 */

const magic = 0xfd2fb528
const skippableMagic = 0x184d2a50
const reservedBlock = 3
const rleBlock = 1

/** The current part: a number of bytes that are read or skipped. */
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
  /** Bytes of the current part that have not arrived yet. */
  #need = 4
  /** The bytes of the current part, at most four, as a little-endian number. */
  #value = 0
  #shift = 0
  #hasChecksum = false
  #lastBlock = false
  #invalid = false
  #ended = false

  /** True if the bytes so far end at the end of a frame. Zero bytes do. */
  get complete(): boolean {
    return !this.#invalid && this.#expecting === "magic" && this.#need === 4
  }

  /**
   * True if the bytes after a frame are not a frame. Either this class or the decoder finds that.
   * Node 22's decoder refuses the first bytes that cannot begin a frame, before the four arrive
   * that this class needs.
   */
  isTrailing(code: string | undefined): boolean {
    return this.#ended && (code === "ZSTD_error_prefix_unknown" || (this.#invalid && this.#expecting === "magic"))
  }

  /**
   * Splits the bytes at the ends of frames, so that no piece has bytes of two. Bytes that are not a
   * frame are not split, because the decoder must refuse them.
   */
  split(bytes: Uint8Array): ReadonlyArray<Uint8Array> {
    const pieces: Array<Uint8Array> = []
    let start = 0
    let at = 0
    while (at < bytes.length && !this.#invalid) {
      if (this.#isSkipped()) {
        const length = Math.min(this.#need, bytes.length - at)
        at += length
        this.#need -= length
      } else {
        this.#value += (bytes[at++] ?? 0) * 2 ** this.#shift
        this.#shift += 8
        this.#need--
      }
      // A block, a checksum or the rest of a header may be empty, so one end may complete several
      // parts.
      while (this.#need === 0 && !this.#invalid) {
        if (this.#advance()) {
          pieces.push(bytes.subarray(start, at))
          start = at
        }
      }
    }
    if (start < bytes.length) pieces.push(bytes.subarray(start))
    return pieces
  }

  /** True if the current part is skipped. */
  #isSkipped(): boolean {
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
    this.#value = 0
    this.#shift = 0
  }

  /**
   * Continues with the part after the complete one. Returns true if that was the end of a frame.
   */
  #advance(): boolean {
    const value = this.#value
    switch (this.#expecting) {
      case "magic":
        if (value === magic) this.#expect("descriptor", 1)
        else if (value >= skippableMagic && value < skippableMagic + 16) this.#expect("skippableSize", 4)
        else this.#invalid = true
        return false
      case "descriptor":
        this.#hasChecksum = (value & 0b100) !== 0
        this.#expect("header", headerLength(value))
        return false
      case "header":
        this.#expect("blockHeader", 3)
        return false
      case "blockHeader": {
        const type = (value >> 1) & 0b11
        if (type === reservedBlock) this.#invalid = true
        this.#lastBlock = (value & 1) === 1
        this.#expect("block", type === rleBlock ? 1 : value >> 3)
        return false
      }
      case "block":
        if (!this.#lastBlock) this.#expect("blockHeader", 3)
        else if (this.#hasChecksum) this.#expect("checksum", 4)
        else return this.#endFrame()
        return false
      case "skippableSize":
        this.#expect("skippable", value)
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
 * Returns the length of the rest of a frame header: window descriptor, dictionary id, content size
 * (RFC 8878 section 3.1.1.1.1).
 */
const headerLength = (descriptor: number): number => {
  const single = (descriptor & 0b10_0000) !== 0
  const dictionary = [0, 1, 2, 4][descriptor & 0b11] ?? 0
  const contentSize = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
  return (single ? 0 : 1) + dictionary + contentSize
}
