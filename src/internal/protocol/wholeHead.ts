/**
 * The fast path for a head that is complete in the available bytes and is plain by the grammar.
 *
 * One pass over the bytes finds where each part begins and ends. The head is decoded once, and no
 * field becomes a string. All other heads are read by `LineScanner` and `parseFieldLines` from
 * their first byte: those that are unfinished, invalid, folded or need a relaxation.
 *
 * This path therefore reports no error and makes no decision of a different kind. It must never
 * accept a head that the slow path would read differently. The tests deliver each head both whole
 * and split, and so to both paths.
 */
import type * as HttpFields from "../../HttpFields.ts"
import type * as HttpLimits from "../../HttpLimits.ts"
import { ParsedFields, span, spanLimits } from "../model/fields.ts"
import { latin1 } from "../syntax/lineScanner.ts"
import { tokenTable, trimSpace } from "../syntax/token.ts"

/** A parsed head. A class and not a literal: see decision 1 in `docs/architecture.md`. */
export class ResponseHead {
  /** 10 or 11, as in `http.client`; a higher minor version counts as 1.1 (RFC 9110 section 2.5). */
  readonly version: 10 | 11
  readonly status: number
  readonly reason: string
  readonly fields: HttpFields.HttpFields
  /** True if a relaxation of `HttpLeniency` was needed. */
  readonly relaxed: boolean
  /**
   * The body's length if the fields are plain: HTTP/1.1, one Content-Length of few digits, no
   * Transfer-Encoding, and no Connection but `keep-alive`. -1 if `decideFraming` must read the
   * fields. A head without such fields has -1 too.
   */
  readonly plainLength: number

  constructor(
    version: 10 | 11,
    status: number,
    reason: string,
    fields: HttpFields.HttpFields,
    relaxed: boolean,
    plainLength: number
  ) {
    this.version = version
    this.status = status
    this.reason = reason
    this.fields = fields
    this.relaxed = relaxed
    this.plainLength = plainLength
  }
}

const CR = 0x0d
const LF = 0x0a
const SP = 0x20
const HTAB = 0x09
const COLON = 0x3a

const isSpace = (code: number): boolean => code === SP || code === HTAB

/**
 * Agrees with `valueTable`. Two comparisons with a predictable result are faster than a table
 * lookup.
 */
const isValue = (byte: number): boolean => (byte >= SP && byte !== 0x7f) || byte === HTAB

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

/** Bytes of a status line up to the end of its code. */
const statusLength = 12

/**
 * True if `HTTP/1.`, a digit, a space and a code from 100 are at `at`. There must be enough bytes.
 */
const isStatusLine = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === 0x48 && bytes[at + 1] === 0x54 && bytes[at + 2] === 0x54 && bytes[at + 3] === 0x50
  && bytes[at + 4] === 0x2f && bytes[at + 5] === 0x31 && bytes[at + 6] === 0x2e && isDigit(bytes[at + 7] as number)
  && bytes[at + 8] === SP && bytes[at + 9] !== 0x30 && isDigit(bytes[at + 9] as number)
  && isDigit(bytes[at + 10] as number) && isDigit(bytes[at + 11] as number)

/** True if the line from `start` to `end` is a status line. */
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
 * True if this lower-case text is at `at`, ignoring case. The bit 0x20 distinguishes the cases of a
 * letter. A hyphen has that bit; the byte that becomes a hyphen with it is CR, which is in no name
 * and no value.
 */
const isText = (bytes: Uint8Array, at: number, lower: Uint8Array): boolean => {
  for (let i = 0; i < lower.length; i++) if (((bytes[at + i] as number) | 0x20) !== lower[i]) return false
  return true
}

/** More digits may exceed 2^53. */
const safeDigits = 15

/** Returns the number that these bytes represent; -1 if they are not digits or too many. */
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

/** `#length` of a head that has no field about framing so far. */
const unset = -2

/**
 * A span for each name and value of the current head. All connections share one array, because no
 * reading is interrupted by another. It grows to the highest number of fields in a head, and so to
 * 1 MiB at most.
 */
const spans: Array<number> = []

/** Reads complete heads. */
export class WholeHead {
  readonly #limits: HttpLimits.HttpLimits
  /** `plainLength` of the current head, or `unset`. */
  #length = unset
  /** The last head. */
  head: ResponseHead | undefined

  constructor(limits: HttpLimits.HttpLimits) {
    this.#limits = limits
  }

  /**
   * Reads a head from `from`. Returns the offset after it with `head` set, or -1 if the head needs
   * the slow path.
   */
  read(bytes: Uint8Array, from: number): number {
    // The offsets of a longer head are too large for a span; the length of a line is limited below.
    const available = Math.min(bytes.length, from + spanLimits.offset)
    // Includes the two line ends of the shortest head, so that every byte read below exists.
    if (available - from < statusLength + 4 || !isStatusLine(bytes, from)) return -1
    const limits = this.#limits
    const lineLimit = Math.min(limits.fieldLine, spanLimits.length - 1)
    const countLimit = limits.fields * 2
    let at = from + statusLength
    if (bytes[at] !== CR && bytes[at] !== SP) return -1
    while (at < available && isValue(bytes[at] as number)) at++
    const statusEnd = at
    let count = 0
    this.#length = unset
    for (;;) {
      // Every line is followed by another line, even if that is the empty one.
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
      // Phrased so that a limit that is not a number refuses.
      if (!(at - start <= lineLimit && count < countLimit)) return -1
      let valueEnd = at
      while (valueEnd > valueStart && isSpace(bytes[valueEnd - 1] as number)) valueEnd--
      spans[count] = span(start - from, nameEnd - from)
      spans[count + 1] = span(valueStart - from, valueEnd - from)
      count += 2
      const length = nameEnd - start
      if (length === 14 || length === 10 || length === 17) {
        this.#recordFraming(bytes, start, length, valueStart, valueEnd)
      }
    }
    if (at + 1 >= available || bytes[at] !== CR || bytes[at + 1] !== LF) return -1
    const end = at + 2
    if (!(statusEnd - from <= limits.statusLine && end - from <= limits.head)) return -1
    this.#complete(bytes, from, end, statusEnd - from, count)
    return end
  }

  /** Records a field that decides framing or persistence. */
  #recordFraming(bytes: Uint8Array, name: number, length: number, start: number, end: number): void {
    if (length === 14) {
      if (!isText(bytes, name, contentLength)) return
      this.#length = this.#length === unset ? numberAt(bytes, start, end) : -1
    } else if (length === 10) {
      if (!isText(bytes, name, connection)) return
      if (end - start !== keepAlive.length || !isText(bytes, start, keepAlive)) this.#length = -1
    } else if (isText(bytes, name, transferEncoding)) {
      this.#length = -1
    }
  }

  #complete(bytes: Uint8Array, from: number, end: number, statusEnd: number, count: number): void {
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
