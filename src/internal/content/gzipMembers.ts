/**
 * Parses a gzip body except its data (RFC 1952 section 2): the header and trailer of each member,
 * and the bytes after the last one.
 *
 * zlib's raw decoder decodes the data. zlib's gzip decoder is not used, because it reads any bytes
 * after a member as the next one. Junk after the end then fails like corrupt data, and the output
 * of the last bytes before it is lost.
 */
import * as Zlib from "node:zlib"

/** The fault, in zlib's words. */
export type GzipFault =
  | "incorrect header check"
  | "unknown header flags set"
  | "header crc mismatch"
  | "incorrect data check"
  | "incorrect length check"

/** The part that comes next. */
type Part =
  | "magic"
  | "fixed"
  | "extraLength"
  | "extra"
  | "text"
  | "checksum"
  | "data"
  | "trailer"
  | "padding"

const flags = { checksum: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 }

/** Reads a body piece by piece. */
export class GzipMembers {
  #part: Part = "magic"
  /** For a part with a length: the bytes that have not arrived yet. */
  #need = 3
  /** For a part with a length: its bytes so far, the least significant first. */
  #bytes: Array<number> = []
  /** The header flags of parts that have not been read yet. */
  #flags = 0
  #headerSum = 0
  #members = 0
  #sum = 0
  #length = 0

  /** True if data comes next, which the decoder must read. */
  get inData(): boolean {
    return this.#part === "data"
  }

  /** True if the body may end here. */
  get complete(): boolean {
    return this.#part === "padding" || (this.#part === "magic" && this.#need === 3)
  }

  /** True if all data has been read and only a trailer is missing. */
  get lacksTrailer(): boolean {
    return this.#part === "trailer"
  }

  /** Records the output of the decoder. */
  decoded(bytes: Uint8Array): void {
    this.#sum = Zlib.crc32(bytes, this.#sum)
    this.#length = (this.#length + bytes.length) % 2 ** 32
  }

  /** Records that the decoder has reached the end of the data. */
  endData(): void {
    this.#expect("trailer", 8)
  }

  /**
   * Reads bytes up to the start of data. Returns how many it read, their fault, or that they do not
   * belong to the body.
   */
  read(bytes: Uint8Array): number | GzipFault | "TrailingData" {
    let at = 0
    while (at < bytes.length && this.#part !== "data") {
      if (this.#part === "extra" || this.#part === "text") {
        at += this.#skip(bytes.subarray(at))
      } else {
        const fault = this.#readByte(bytes[at] as number)
        if (fault !== undefined) return fault
        at++
      }
    }
    return at
  }

  /**
   * Skips a part whose content does not matter, however long it is. Returns the number of bytes.
   */
  #skip(bytes: Uint8Array): number {
    const zero = this.#part === "text" ? bytes.indexOf(0) : -1
    const length = this.#part === "extra" ? Math.min(this.#need, bytes.length) : zero < 0 ? bytes.length : zero + 1
    this.#addToHeader(bytes.subarray(0, length))
    this.#need -= length
    if (this.#part === "extra" ? this.#need === 0 : zero >= 0) this.#next()
    return length
  }

  /** Reads one byte of a part whose content matters. */
  #readByte(byte: number): GzipFault | "TrailingData" | undefined {
    if (this.#part === "padding") return byte === 0 ? undefined : "TrailingData"
    if (this.#part === "magic") return this.#magic(byte)
    this.#bytes.push(byte)
    this.#need--
    if (this.#part === "fixed" || this.#part === "extraLength") this.#addToHeader(Uint8Array.of(byte))
    return this.#need === 0 ? this.#endPart() : undefined
  }

  /**
   * Reads one byte of the start of a member. Zeros after the last member are padding; other bytes
   * are trailing data.
   */
  #magic(byte: number): GzipFault | "TrailingData" | undefined {
    const index = 3 - this.#need
    if (index === 0 && byte === 0 && this.#members > 0) {
      this.#part = "padding"
      return undefined
    }
    if (byte !== magic[index]) return this.#members === 0 ? "incorrect header check" : "TrailingData"
    this.#addToHeader(Uint8Array.of(byte))
    if (--this.#need === 0) this.#expect("fixed", 7)
    return undefined
  }

  /** Called when a part with a length is complete. */
  #endPart(): GzipFault | undefined {
    const read = this.#bytes
    const number = (from: number): number =>
      read.slice(from, from + 4).reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0)
    switch (this.#part) {
      case "fixed":
        this.#flags = read[0] as number
        if ((this.#flags & flags.reserved) !== 0) return "unknown header flags set"
        break
      case "extraLength":
        this.#expect("extra", number(0))
        if (this.#need > 0) return undefined
        break
      case "checksum":
        if (number(0) !== this.#headerSum % 65_536) return "header crc mismatch"
        break
      default:
        if (number(0) !== this.#sum) return "incorrect data check"
        if (number(4) !== this.#length) return "incorrect length check"
        this.#members++
        this.#headerSum = 0
        this.#expect("magic", 3)
        return undefined
    }
    this.#next()
    return undefined
  }

  /** Expects the next part of the header that the flags announce, or the data. */
  #next(): void {
    if (this.#has(flags.extra)) return this.#expect("extraLength", 2)
    if (this.#has(flags.name) || this.#has(flags.comment)) return this.#expect("text", 0)
    if (this.#has(flags.checksum)) return this.#expect("checksum", 2)
    this.#sum = 0
    this.#length = 0
    this.#expect("data", 0)
  }

  #has(flag: number): boolean {
    const has = (this.#flags & flag) !== 0
    this.#flags &= ~flag
    return has
  }

  #expect(part: Part, need: number): void {
    this.#part = part
    this.#need = need
    this.#bytes = []
  }

  /**
   * Adds bytes to the checksum of a header. Few headers have one, and only the flags announce it.
   * So the fixed part is always added, and the rest only if there is a checksum.
   */
  #addToHeader(bytes: Uint8Array): void {
    if (this.#part === "magic" || this.#part === "fixed" || (this.#flags & flags.checksum) !== 0) {
      this.#headerSum = Zlib.crc32(bytes, this.#headerSum)
    }
  }
}

/** The first two bytes, and `deflate` for the method, which is the only one. */
const magic: ReadonlyArray<number> = [0x1f, 0x8b, 8]
