/**
 * The chunked transfer coding, both ways (RFC 9112 section 7.1).
 *
 * Decoding is strict: a size is `1*HEXDIG`, every line and every chunk ends with CRLF, extensions are ignored and bounded
 * in sum. Each byte outside chunk data costs one step of a small state machine; data is passed over in one. Size lines without an
 * extension and the ends of chunks, where all of their bytes are there, take a shorter way to the same states.
 */
import * as HttpFields from "../../HttpFields.ts"
import type * as HttpLeniency from "../../HttpLeniency.ts"
import type * as HttpLimits from "../../HttpLimits.ts"
import {
  BodyTooLarge,
  ChunkExtensionsTooLong,
  ChunkTooLarge,
  IncompleteRead,
  InvalidChunkEnd,
  InvalidChunkSize
} from "../error/body.ts"
import { LineTooLong } from "../error/head.ts"
import type { LineFault } from "../syntax/lineScanner.ts"
import { faulty, LineScanner, needMore } from "../syntax/lineScanner.ts"
import { trimSpace, valueTable } from "../syntax/token.ts"
import type { BodyDecoder, BodyError } from "./body.ts"
import { parseTrailers, trailerLineError, trailerRules } from "./trailers.ts"

const CR = 0x0d
const LF = 0x0a
const SEMICOLON = 0x3b

/** More digits than any size below 2^53 needs, leading zeros included. */
const maxDigits = 16

type State = "Size" | "Space" | "Extension" | "SizeEnd" | "Data" | "DataEnd" | "DataEndLf" | "Trailers"

/** So many digits fit into 31 bits, which V8 counts with fastest: a chunk of less than 256 MiB. */
const shortDigits = 7

/** The value of a hexadecimal digit, or -1. */
const hexValue = (byte: number): number => {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** Whether CRLF stands at `at`; not where its LF is still to come. */
const isLineEnd = (bytes: Uint8Array, at: number): boolean =>
  at + 1 < bytes.length && bytes[at] === CR && bytes[at + 1] === LF

export class ChunkedDecoder implements BodyDecoder {
  dataStart = 0
  dataEnd = 0
  received = 0
  done = false
  error: BodyError | undefined
  trailers: HttpFields.HttpFields = HttpFields.empty
  relaxed = false

  readonly #limits: HttpLimits.HttpLimits
  readonly #leniency: HttpLeniency.HttpLeniency
  #state: State = "Size"
  /** The size line so far, for the error that quotes it. */
  #digits = ""
  /** Bytes of the size line so far. */
  #line = 0
  /** Bytes of the current chunk's data still to come. */
  #left = 0
  #extensions = 0
  #scanner: LineScanner | undefined

  constructor(limits: HttpLimits.HttpLimits, leniency: HttpLeniency.HttpLeniency) {
    this.#limits = limits
    this.#leniency = leniency
  }

  decode(bytes: Uint8Array, from: number): number {
    let i = from
    this.dataStart = this.dataEnd = i
    while (i < bytes.length && !this.done && this.error === undefined) {
      if (this.#state === "Data") return this.#data(bytes, i)
      if (this.#state === "Trailers") return this.#trailerSection(bytes, i)
      const short = this.#shortWay(bytes, i)
      if (short === i) this.#step(bytes[i++] as number)
      else i = short
    }
    return i
  }

  eof(): void {
    if (this.#state === "Trailers" && this.#leniency.missingFinalCrlf) {
      this.relaxed = true
      this.done = true
      return
    }
    this.error = new IncompleteRead({ received: this.received, expected: undefined, partial: undefined })
  }

  #data(bytes: Uint8Array, from: number): number {
    const allowed = Math.min(this.#left, this.#limits.body - this.received)
    this.dataStart = from
    this.dataEnd = Math.min(bytes.length, from + allowed)
    const taken = this.dataEnd - from
    this.received += taken
    this.#left -= taken
    if (this.#left === 0) {
      this.#state = "DataEnd"
    } else if (this.dataEnd < bytes.length) {
      this.error = new BodyTooLarge({ limit: this.#limits.body })
    }
    return this.dataEnd
  }

  /** A plain size line or the end of a chunk, whole. The offset behind it, `from` where `#step` has to take it byte by byte. */
  #shortWay(bytes: Uint8Array, from: number): number {
    if (this.#state === "DataEnd") {
      if (!isLineEnd(bytes, from)) return from
      this.#state = "Size"
      return from + 2
    }
    // In the midst of a size line there is something to go on with.
    if (this.#state !== "Size" || this.#line > 0) return from
    const most = Math.min(shortDigits, this.#limits.chunkLine, bytes.length - from)
    let size = 0
    let digits = 0
    while (digits < most) {
      const value = hexValue(bytes[from + digits] as number)
      if (value < 0) break
      size = size * 16 + value
      digits++
    }
    if (digits === 0 || !isLineEnd(bytes, from + digits)) return from
    this.#left = size
    this.#sizeComplete()
    return from + digits + 2
  }

  #trailerSection(bytes: Uint8Array, from: number): number {
    // Nearly all bodies have no trailers, and need no scanner to find none.
    if (this.#scanner === undefined && this.#limits.trailers >= 2 && isLineEnd(bytes, from)) {
      this.dataStart = this.dataEnd = from
      this.done = true
      return from + 2
    }
    this.#scanner ??= new LineScanner(trailerRules(this.#limits, this.#leniency))
    const end = this.#scanner.scan(bytes, from)
    this.dataStart = this.dataEnd = bytes.length
    if (end === needMore) return bytes.length
    if (end === faulty) {
      // `faulty` is returned only with `fault` set.
      this.error = trailerLineError(this.#scanner.fault as LineFault, this.#limits)
      return bytes.length
    }
    const parsed = parseTrailers(this.#scanner, this.#limits, this.#leniency)
    if ("_tag" in parsed) {
      this.error = parsed
    } else {
      this.trailers = parsed.trailers
      this.relaxed ||= parsed.relaxed
      this.done = true
    }
    return end
  }

  /** One byte outside chunk data and trailers. */
  #step(byte: number): void {
    switch (this.#state) {
      case "Size":
        return this.#sizeByte(byte)
      case "Space":
        // "bad" white space is allowed before an extension, and nowhere else (RFC 9112 section 7.1.1).
        if (byte === SEMICOLON) return this.#extensionByte(byte)
        return byte === 0x20 || byte === 0x09 ? this.#countExtension() : this.#badSize(byte)
      case "Extension":
        return this.#extensionByte(byte)
      case "SizeEnd":
        return byte === LF ? this.#sizeComplete() : this.#badSize(byte)
      case "DataEnd":
        if (byte === CR) this.#state = "DataEndLf"
        else if (this.#isLineFeed(byte)) this.#state = "Size"
        else this.#badEnd()
        return
      default:
        if (byte === LF) this.#state = "Size"
        else this.#badEnd()
    }
  }

  #sizeByte(byte: number): void {
    const value = hexValue(byte)
    if (value >= 0) {
      this.#digits += String.fromCharCode(byte)
      this.#left = this.#left * 16 + value
      this.#countLine()
      if (this.#digits.length > maxDigits || this.#left > Number.MAX_SAFE_INTEGER) {
        this.error = new ChunkTooLarge({ size: this.#digits })
      }
      return
    }
    if (this.#digits === "") return this.#badSize(byte)
    if (byte === SEMICOLON) return this.#extensionByte(byte)
    if (byte === 0x20 || byte === 0x09) {
      this.#state = "Space"
      return this.#countExtension()
    }
    return this.#lineEnd(byte)
  }

  #extensionByte(byte: number): void {
    this.#state = "Extension"
    return valueTable[byte] === 1 ? this.#countExtension() : this.#lineEnd(byte)
  }

  #countExtension(): void {
    this.#countLine()
    this.#extensions++
    if (this.#extensions > this.#limits.chunkExtensions) {
      this.error = new ChunkExtensionsTooLong({ limit: this.#limits.chunkExtensions })
    }
  }

  #lineEnd(byte: number): void {
    if (byte === CR) {
      this.#state = "SizeEnd"
    } else if (this.#isLineFeed(byte)) {
      this.#sizeComplete()
    } else {
      this.#badSize(byte)
    }
  }

  /** Whether this is a LF that may stand for CRLF. */
  #isLineFeed(byte: number): boolean {
    if (byte !== LF || !this.#leniency.bareLf) return false
    this.relaxed = true
    return true
  }

  #countLine(): void {
    this.#line++
    if (this.#line > this.#limits.chunkLine) {
      this.error = new LineTooLong({ what: "chunk size line", limit: this.#limits.chunkLine })
    }
  }

  #sizeComplete(): void {
    this.#digits = ""
    this.#line = 0
    this.#state = this.#left === 0 ? "Trailers" : "Data"
  }

  #badSize(byte: number): void {
    this.error = new InvalidChunkSize({ line: this.#digits + String.fromCharCode(byte) })
  }

  #badEnd(): void {
    this.error = new InvalidChunkEnd({ offset: this.received })
  }
}

/** The last chunk and an empty trailer section. */
const lastChunk = "0\r\n"

/** One chunk, whole, in bytes of its own. The data must not be empty: an empty chunk would end the body. */
export const encodeChunk = (data: Uint8Array): Uint8Array => {
  const size = `${data.length.toString(16)}\r\n`
  const chunk = Buffer.allocUnsafe(size.length + data.length + 2)
  chunk.write(size, "latin1")
  chunk.set(data, size.length)
  chunk[chunk.length - 2] = CR
  chunk[chunk.length - 1] = LF
  return chunk
}

/** The last chunk with a trailer section. */
export const encodeLastChunk = (trailers: HttpFields.HttpFields): string => {
  let text = lastChunk
  for (const [name, value] of trailers) text += `${name}: ${trimSpace(value)}\r\n`
  return `${text}\r\n`
}
