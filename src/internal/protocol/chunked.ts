/**
 * The chunked transfer coding, both ways (RFC 9112 section 7.1).
 *
 * Decoding is strict: a size is `1*HEXDIG`, and every line and every chunk ends with CRLF.
 * Extensions are ignored, and their total size is limited. Each byte outside chunk data costs one
 * step of a small state machine; chunk data is skipped in one step. Size lines without an extension
 * and chunk ends take a fast path to the same states if all of their bytes are available.
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
import type { Relaxation } from "../error/relaxation.ts"
import type { LineFault } from "../syntax/lineScanner.ts"
import { faulty, LineScanner, needMore } from "../syntax/lineScanner.ts"
import { trimSpace, valueTable } from "../syntax/token.ts"
import type { BodyDecoder, BodyError } from "./body.ts"
import { parseTrailers, trailerLineError, trailerRules } from "./trailers.ts"

const CR = 0x0d
const LF = 0x0a
const SEMICOLON = 0x3b

/**
 * How much of a size line is kept to be quoted in an error. A longer line is not a chunk size, and
 * its end would add nothing.
 */
const quotedLength = 120

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x09

type State = "Size" | "Space" | "Extension" | "SizeEnd" | "Data" | "DataEnd" | "DataEndLf" | "Trailers"

/** This many digits fit into 31 bits, which V8 counts fastest: a chunk of less than 256 MiB. */
const shortDigits = 7

/** Returns the value of a hexadecimal digit, or -1. */
const hexValue = (byte: number): number => {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** True if CRLF is at `at`; false if its LF has not arrived yet. */
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
  /** Bytes of the current size line, without its end. */
  #line = 0
  /** True once the size line has a digit. */
  #sized = false
  /** Bytes of white space after the size that may be padding. */
  #padding = 0
  /** The beginning of a size line that does not take the fast path. */
  #seen = ""
  /** Bytes of the current chunk's data that have not arrived yet. */
  #remaining = 0
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
      const short = this.#fastPath(bytes, i)
      if (short === i) this.#step(bytes[i++] as number)
      else i = short
    }
    return i
  }

  eof(): void {
    const behindLast = this.#state === "Trailers"
    if (behindLast && this.#leniency.missingFinalCrlf) {
      this.relaxed = true
      this.done = true
      return
    }
    this.error = new IncompleteRead({
      received: this.received,
      expected: undefined,
      partial: undefined,
      relaxations: behindLast ? ["missingFinalCrlf"] : undefined
    })
  }

  #data(bytes: Uint8Array, from: number): number {
    const allowed = Math.min(this.#remaining, this.#limits.body - this.received)
    this.dataStart = from
    this.dataEnd = Math.min(bytes.length, from + allowed)
    const taken = this.dataEnd - from
    this.received += taken
    this.#remaining -= taken
    if (this.#remaining === 0) {
      this.#state = "DataEnd"
    } else if (this.dataEnd < bytes.length) {
      this.error = new BodyTooLarge({ limit: this.#limits.body })
    }
    return this.dataEnd
  }

  /**
   * Skips a complete plain size line or chunk end and returns the offset after it. Returns `from`
   * if `#step` must read it byte by byte.
   */
  #fastPath(bytes: Uint8Array, from: number): number {
    if (this.#state === "DataEnd") {
      if (!isLineEnd(bytes, from)) return from
      this.#state = "Size"
      return from + 2
    }
    // A size line whose beginning was read by `#step` continues there.
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
    this.#remaining = size
    this.#sizeComplete()
    return from + digits + 2
  }

  #trailerSection(bytes: Uint8Array, from: number): number {
    // Nearly all bodies have no trailers. They are recognised here without a scanner.
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

  /** Reads one byte outside chunk data and trailers. */
  #step(byte: number): void {
    switch (this.#state) {
      case "DataEnd":
        if (byte === CR) this.#state = "DataEndLf"
        else if (this.#isLineFeed(byte)) this.#state = "Size"
        else this.#badEnd(byte === LF ? ["bareLf"] : undefined)
        return
      case "DataEndLf":
        if (byte === LF) this.#state = "Size"
        else this.#badEnd()
        return
      default:
        return this.#lineByte(byte)
    }
  }

  /** Reads one byte of a size line. */
  #lineByte(byte: number): void {
    if (this.#seen.length < quotedLength) this.#seen += String.fromCharCode(byte)
    switch (this.#state) {
      case "Size":
        return this.#sizeByte(byte)
      case "Space":
        return this.#spaceByte(byte)
      case "Extension":
        return this.#extensionByte(byte)
      default:
        return byte === LF ? this.#sizeComplete() : this.#badSize()
    }
  }

  #sizeByte(byte: number): void {
    const value = hexValue(byte)
    if (value >= 0) {
      this.#sized = true
      this.#remaining = this.#remaining * 16 + value
      this.#countLine()
      if (this.#remaining > Number.MAX_SAFE_INTEGER) this.error = new ChunkTooLarge({ size: this.#seen })
      return
    }
    if (isSpace(byte)) {
      if (this.#sized) {
        this.#state = "Space"
        return this.#spaceByte(byte)
      }
      return this.#isPadded() ? this.#countLine() : this.#badSize(["chunkSizeSpaces"])
    }
    if (!this.#sized) return this.#badSize()
    return byte === SEMICOLON ? this.#extensionByte(byte) : this.#lineEnd(byte)
  }

  /**
   * Handles white space. "Bad" white space is allowed between the size and an extension, and
   * nowhere else (RFC 9112 section 7.1.1). Before an extension it counts towards the limit of
   * extensions. Padding is limited by the line limit only, because a server that pads does so in
   * each of its chunks.
   */
  #spaceByte(byte: number): void {
    if (isSpace(byte)) {
      if (!this.#leniency.chunkSizeSpaces) return this.#countExtension()
      this.#padding++
      return this.#countLine()
    }
    if (byte === SEMICOLON) {
      this.#extensions += this.#padding
      return this.#extensionByte(byte)
    }
    if (byte !== CR && byte !== LF) return this.#badSize()
    if (byte === LF && !this.#isLineFeed(byte)) return this.#badSize(["bareLf"])
    return this.#isPadded() ? this.#lineEnd(byte) : this.#badSize(["chunkSizeSpaces"])
  }

  /** True if white space around a size is allowed. */
  #isPadded(): boolean {
    this.relaxed ||= this.#leniency.chunkSizeSpaces
    return this.#leniency.chunkSizeSpaces
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
      this.#badSize(byte === LF ? ["bareLf"] : undefined)
    }
  }

  /** True if this is an LF that may replace CRLF. */
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
    this.#line = 0
    this.#sized = false
    this.#padding = 0
    this.#seen = ""
    this.#state = this.#remaining === 0 ? "Trailers" : "Data"
  }

  #badSize(relaxations?: ReadonlyArray<Relaxation>): void {
    // If only the padding is wrong, the end of the line is right and is not quoted.
    const line = relaxations?.[0] === "chunkSizeSpaces" ? this.#seen.replace(/[\r\n]$/, "") : this.#seen
    this.error = new InvalidChunkSize({ line, relaxations })
  }

  #badEnd(relaxations?: ReadonlyArray<Relaxation>): void {
    this.error = new InvalidChunkEnd({ offset: this.received, relaxations })
  }
}

/** The last chunk. The trailer section follows it. */
const lastChunk = "0\r\n"

/**
 * Encodes one chunk into new bytes. The data must not be empty, because an empty chunk would end
 * the body.
 */
export const encodeChunk = (data: Uint8Array): Uint8Array => {
  const size = `${data.length.toString(16)}\r\n`
  const chunk = Buffer.allocUnsafe(size.length + data.length + 2)
  chunk.write(size, "latin1")
  chunk.set(data, size.length)
  chunk[chunk.length - 2] = CR
  chunk[chunk.length - 1] = LF
  return chunk
}

/** Encodes the last chunk and the trailer section. */
export const encodeLastChunk = (trailers: HttpFields.HttpFields): string => {
  let text = lastChunk
  for (const [name, value] of trailers) text += `${name}: ${trimSpace(value)}\r\n`
  return `${text}\r\n`
}
