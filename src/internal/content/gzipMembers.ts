/**
 * What stands around the data of a gzip body (RFC 1952 section 2): the header of each member, its
 * trailer, and what follows behind the last one.
 *
 * The data is for zlib's raw decoder. zlib's own decoder of gzip takes whatever follows a member
 * for the next one, so that junk behind the end fails as if the data were corrupt, and with it is
 * lost what came of the last bytes before it.
 */
import * as Zlib from "node:zlib"

/** What is wrong, in words as zlib has them. */
export type GzipFault =
  | "incorrect header check"
  | "unknown header flags set"
  | "header crc mismatch"
  | "incorrect data check"
  | "incorrect length check"

/** What comes next. */
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
  /** Of a part with a length, how much is left to come. */
  #need = 3
  /** The last bytes of a part with a length, as a little-endian number. */
  #seen: Array<number> = []
  /** Flags of the header that stand for what is still to come. */
  #flags = 0
  #headerSum = 0
  #members = 0
  #sum = 0
  #length = 0

  /** Whether data comes next, which is for the decoder. */
  get inData(): boolean {
    return this.#part === "data"
  }

  /** Whether the body may end here. */
  get complete(): boolean {
    return this.#part === "padding" || (this.#part === "magic" && this.#need === 3)
  }

  /** Whether all data is there, and no more than a trailer is missing. */
  get lacksTrailer(): boolean {
    return this.#part === "trailer"
  }

  /** Takes note of what the decoder gave. */
  decoded(bytes: Uint8Array): void {
    this.#sum = Zlib.crc32(bytes, this.#sum)
    this.#length = (this.#length + bytes.length) % 2 ** 32
  }

  /** The decoder has come to the end of the data. */
  endData(): void {
    this.#expect("trailer", 8)
  }

  /**
   * Takes bytes up to where data begins: how many it took, what is wrong with them, or that they
   * are no part of the body.
   */
  take(bytes: Uint8Array): number | GzipFault | "TrailingData" {
    let at = 0
    while (at < bytes.length && this.#part !== "data") {
      if (this.#part === "extra" || this.#part === "text") {
        at += this.#pass(bytes.subarray(at))
      } else {
        const fault = this.#look(bytes[at] as number)
        if (fault !== undefined) return fault
        at++
      }
    }
    return at
  }

  /** Passes over what nobody looks at, however long it is: how much that was. */
  #pass(bytes: Uint8Array): number {
    const zero = this.#part === "text" ? bytes.indexOf(0) : -1
    const length = this.#part === "extra" ? Math.min(this.#need, bytes.length) : zero < 0 ? bytes.length : zero + 1
    this.#addToHeader(bytes.subarray(0, length))
    this.#need -= length
    if (this.#part === "extra" ? this.#need === 0 : zero >= 0) this.#next()
    return length
  }

  /** One byte of a part that is looked at. */
  #look(byte: number): GzipFault | "TrailingData" | undefined {
    if (this.#part === "padding") return byte === 0 ? undefined : "TrailingData"
    if (this.#part === "magic") return this.#magic(byte)
    this.#seen.push(byte)
    this.#need--
    if (this.#part === "fixed" || this.#part === "extraLength") this.#addToHeader(Uint8Array.of(byte))
    return this.#need === 0 ? this.#whole() : undefined
  }

  /**
   * A byte of what a member begins with. Zeros behind the last one fill up a block; anything else
   * is no member.
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

  /** A part of a certain length is there. */
  #whole(): GzipFault | undefined {
    const seen = this.#seen
    const number = (from: number): number =>
      seen.slice(from, from + 4).reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0)
    switch (this.#part) {
      case "fixed":
        this.#flags = seen[0] as number
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

  /** The next part of the header that its flags announce, or the data. */
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
    this.#seen = []
  }

  /** Its checksum is seldom there, and known to be only after its flags. */
  #addToHeader(bytes: Uint8Array): void {
    if (this.#part === "magic" || this.#part === "fixed" || (this.#flags & flags.checksum) !== 0) {
      this.#headerSum = Zlib.crc32(bytes, this.#headerSum)
    }
  }
}

/** The first two bytes, and `deflate` for the method, which is the only one there is. */
const magic: ReadonlyArray<number> = [0x1f, 0x8b, 8]
