/**
 * The fast way through a head: one that lies whole in the bytes at hand and has nothing about it
 * but what the grammar wants.
 *
 * One pass over the bytes finds where everything begins and ends; the head is decoded once, and no
 * field becomes a string. What is unfinished, wrong, folded or in need of a relaxation is left to
 * `LineScanner` and `parseFieldLines`, which then start at the head's first byte. So this names no
 * error, decides nothing that they do not decide, and must only never accept what they would read
 * in another way: the tests deliver each head whole and split, which is to say to both.
 */
import type * as HttpLimits from "../../HttpLimits.ts"
import { ParsedFields, span, spanLimits } from "../model/fields.ts"
import { latin1 } from "../syntax/lineScanner.ts"
import { tokenTable, trimSpace } from "../syntax/token.ts"
import { ResponseHead } from "./responseHead.ts"

const CR = 0x0d
const LF = 0x0a
const SP = 0x20
const HTAB = 0x09
const COLON = 0x3a

const isSpace = (code: number): boolean => code === SP || code === HTAB

/**
 * What `valueTable` says, of a byte: two comparisons that nearly always go one way are faster than
 * a look into a table.
 */
const isValue = (byte: number): boolean => (byte >= SP && byte !== 0x7f) || byte === HTAB

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

/** Bytes of a status line up to its code. */
const statusLength = 12

/**
 * Whether `HTTP/1.`, a digit, a space and a code from 100 stand at `at`. There are enough bytes.
 */
const isStatusLine = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === 0x48 && bytes[at + 1] === 0x54 && bytes[at + 2] === 0x54 && bytes[at + 3] === 0x50
  && bytes[at + 4] === 0x2f && bytes[at + 5] === 0x31 && bytes[at + 6] === 0x2e && isDigit(bytes[at + 7] as number)
  && bytes[at + 8] === SP && bytes[at + 9] !== 0x30 && isDigit(bytes[at + 9] as number)
  && isDigit(bytes[at + 10] as number) && isDigit(bytes[at + 11] as number)

/** Whether the line from `start` to `end` is a status line. */
export const isWholeStatusLine = (bytes: Uint8Array, start: number, end: number): boolean =>
  end - start >= statusLength && isStatusLine(bytes, start)
  && (end - start === statusLength || bytes[start + statusLength] === SP)

const statusOf = (bytes: Uint8Array, at: number): number =>
  (bytes[at + 9] as number) * 100 + (bytes[at + 10] as number) * 10 + (bytes[at + 11] as number) - 0x30 * 111

const codes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

const connection = codes("connection")
const contentLength = codes("content-length")
const keepAlive = codes("keep-alive")
const transferEncoding = codes("transfer-encoding")

/**
 * Whether this text, in lower case, stands at `at`, but for the case of letters. The bit 0x20 is
 * what tells the cases of a letter apart; a hyphen has it, and what would become one by it is a CR,
 * which is in no name and no value.
 */
const isText = (bytes: Uint8Array, at: number, lower: Uint8Array): boolean => {
  for (let i = 0; i < lower.length; i++) if (((bytes[at + i] as number) | 0x20) !== lower[i]) return false
  return true
}

/** More digits may be more than 2^53. */
const safeDigits = 15

/** The number that these bytes are, -1 where they are no digits or many. */
const numberAt = (bytes: Uint8Array, start: number, end: number): number => {
  if (end === start || end - start > safeDigits) return -1
  let value = 0
  for (let i = start; i < end; i++) {
    const digit = (bytes[i] as number) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

/** `length` of a head whose fields say nothing of its framing yet. */
const unsaid = -2

/**
 * A span for each name and value of the head at hand. One array for all connections, as no reading
 * is interrupted by another; it grows to the most fields that a head had, and so to 1 MiB at worst.
 */
const spans: Array<number> = []

/** Reads heads that are whole. */
export class WholeHead {
  readonly #limits: HttpLimits.HttpLimits
  /** `plainLength` of the head so far, or `unsaid`. */
  #length = unsaid
  /** The head read last. */
  head: ResponseHead | undefined

  constructor(limits: HttpLimits.HttpLimits) {
    this.#limits = limits
  }

  /**
   * Reads a head from `from`. Returns the offset behind it with `head` set, or -1 where the head is
   * not for this.
   */
  read(bytes: Uint8Array, from: number): number {
    // One that is longer has offsets too large for a span; see also the length of a line below.
    const available = Math.min(bytes.length, from + spanLimits.offset)
    // With the two line ends that the shortest has, so that the bytes looked at are there.
    if (available - from < statusLength + 4 || !isStatusLine(bytes, from)) return -1
    const limits = this.#limits
    const lineLimit = Math.min(limits.fieldLine, spanLimits.length - 1)
    const countLimit = limits.fields * 2
    let at = from + statusLength
    if (bytes[at] !== CR && bytes[at] !== SP) return -1
    while (at < available && isValue(bytes[at] as number)) at++
    const statusEnd = at
    let count = 0
    this.#length = unsaid
    for (;;) {
      // Behind every line comes another, be it the empty one.
      if (at + 3 >= available || bytes[at] !== CR || bytes[at + 1] !== LF) return -1
      at += 2
      const start = at
      while (at < available && tokenTable[bytes[at] as number] === 1) at++
      if (at === start || at === available) break
      if (bytes[at] !== COLON) return -1
      const nameEnd = at++
      while (at < available && isSpace(bytes[at] as number)) at++
      const valueStart = at
      while (at < available && isValue(bytes[at] as number)) at++
      // Asked in this way, because a limit that is no number must refuse.
      if (!(at - start <= lineLimit && count < countLimit)) return -1
      let valueEnd = at
      while (valueEnd > valueStart && isSpace(bytes[valueEnd - 1] as number)) valueEnd--
      spans[count] = span(start - from, nameEnd - from)
      spans[count + 1] = span(valueStart - from, valueEnd - from)
      count += 2
      const length = nameEnd - start
      if (length === 14 || length === 10 || length === 17) this.#weigh(bytes, start, length, valueStart, valueEnd)
    }
    if (at + 1 >= available || bytes[at] !== CR || bytes[at + 1] !== LF) return -1
    const end = at + 2
    if (!(statusEnd - from <= limits.statusLine && end - from <= limits.head)) return -1
    this.#take(bytes, from, end, statusEnd - from, count)
    return end
  }

  /** Takes note of a field by which framing and persistence are decided. */
  #weigh(bytes: Uint8Array, name: number, length: number, start: number, end: number): void {
    if (length === 14) {
      if (!isText(bytes, name, contentLength)) return
      this.#length = this.#length === unsaid ? numberAt(bytes, start, end) : -1
    } else if (length === 10) {
      if (!isText(bytes, name, connection)) return
      if (end - start !== keepAlive.length || !isText(bytes, start, keepAlive)) this.#length = -1
    } else if (isText(bytes, name, transferEncoding)) {
      this.#length = -1
    }
  }

  #take(bytes: Uint8Array, from: number, end: number, statusEnd: number, count: number): void {
    const text = latin1(bytes, from, end)
    const version = bytes[from + 7] === 0x30 ? 10 : 11
    this.head = new ResponseHead(
      version,
      statusOf(bytes, from),
      trimSpace(text, 13, statusEnd),
      new ParsedFields(text, spans.slice(0, count)),
      false,
      version === 11 ? Math.max(this.#length, -1) : -1
    )
  }
}
