/**
 * Parses the head of a response: status line and fields (RFC 9112 sections 2 to 5).
 *
 * Incremental and strict; what it accepts beyond the grammar is named in `HttpLeniency`. It does
 * not decide framing. Nearly every head arrives whole and is plain, and `WholeHead` reads such a
 * head in a quarter of the time.
 */
import * as HttpFields from "../../HttpFields.ts"
import type * as HttpLeniency from "../../HttpLeniency.ts"
import type * as HttpLimits from "../../HttpLimits.ts"
import { BadStatusLine, IncompleteHeaders, InvalidStatusCode, LineTooLong, UnknownProtocol } from "../error/head.ts"
import type { Relaxation } from "../error/relaxation.ts"
import type { FieldList, FieldRules } from "../syntax/fieldLines.ts"
import { parseFieldLines } from "../syntax/fieldLines.ts"
import type { SectionError } from "../syntax/fieldSection.ts"
import { fieldError, fieldRules, flagFrom, sectionError } from "../syntax/fieldSection.ts"
import { faulty, LineScanner, needMore } from "../syntax/lineScanner.ts"
import type { LineFault, LineRules } from "../syntax/lineScanner.ts"
import { trimSpace } from "../syntax/token.ts"
import { isWholeStatusLine, ResponseHead, WholeHead } from "./wholeHead.ts"

export type { ResponseHead } from "./wholeHead.ts"

/** The faults of a head. */
export type HeadError = BadStatusLine | InvalidStatusCode | SectionError | UnknownProtocol

/**
 * The empty lines that are skipped before a status line, because some servers send one CRLF too
 * many after a body.
 */
const leadingEmptyLines = 4

const lineRules = (limits: HttpLimits.HttpLimits, leniency: HttpLeniency.HttpLeniency): LineRules => ({
  firstLine: limits.statusLine,
  line: limits.fieldLine,
  lines: limits.fields + 1,
  section: limits.head,
  leadingEmptyLines,
  bareLf: leniency.bareLf,
  flagFrom: flagFrom(1, leniency)
})

/** How much of a bad status line is kept: enough to recognise another protocol. */
const quotedLength = 120

const badStatusLine = (line: string, relaxations?: ReadonlyArray<Relaxation>): BadStatusLine =>
  new BadStatusLine({ line: line.slice(0, quotedLength), relaxations })

/**
 * A valid status line. The rest of it completes an unfinished line, which is then parsed: if that
 * fails, the part was wrong already.
 */
const sample = "HTTP/1.1 200"

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

interface StatusLine {
  readonly version: 10 | 11
  readonly status: number
  readonly reason: string
  readonly relaxed: boolean
}

type StatusLineError = BadStatusLine | UnknownProtocol | InvalidStatusCode

/**
 * Parses `HTTP/1.x 3DIGIT [reason]` (RFC 9112 section 4); the space before an empty reason may be
 * missing. An error names `relaxations`.
 */
const parseStatusLine = (
  line: string,
  relaxed: boolean,
  relaxations?: ReadonlyArray<Relaxation>
): StatusLine | StatusLineError => {
  const space = line.indexOf(" ")
  if (space < 0 || !line.startsWith("HTTP/")) return badStatusLine(line, relaxations)
  const version = line.slice(0, space)
  const isVersion1 = space === 8 && version.startsWith("1.", 5) && isDigit(version.charCodeAt(7))
  if (!isVersion1) return version.includes("\t") ? badStatusLine(line, relaxations) : new UnknownProtocol({ version })
  if (isSpace(line.charCodeAt(9))) return badStatusLine(line, relaxations)
  const hundreds = line.charCodeAt(9) - 0x30
  const isStatus = hundreds >= 1 && hundreds <= 9 && isDigit(line.charCodeAt(10)) && isDigit(line.charCodeAt(11))
    && (line.length === 12 || line.charCodeAt(12) === 0x20)
  if (!isStatus) {
    const end = line.indexOf(" ", 9)
    return new InvalidStatusCode({ code: end < 0 ? line.slice(9) : line.slice(9, end), relaxations })
  }
  return {
    version: line.charCodeAt(7) === 0x30 ? 10 : 11,
    status: hundreds * 100 + (line.charCodeAt(10) - 0x30) * 10 + (line.charCodeAt(11) - 0x30),
    reason: trimSpace(line, 13),
    relaxed
  }
}

/**
 * Reduces the white space around the parts of a status line to one space. The reason is unchanged.
 */
const normalizeSpaces = (line: string): string => {
  const parts: Array<string> = []
  let at = 0
  while (parts.length < 2) {
    while (isSpace(line.charCodeAt(at))) at++
    const start = at
    while (at < line.length && !isSpace(line.charCodeAt(at))) at++
    parts.push(line.slice(start, at))
  }
  return `${parts.join(" ")} ${line.slice(at)}`
}

/** Reads one head after another. */
export class HeadParser {
  readonly #limits: HttpLimits.HttpLimits
  readonly #leniency: HttpLeniency.HttpLeniency
  readonly #rules: LineRules
  readonly #fieldRules: FieldRules
  readonly #scanner: LineScanner
  readonly #whole: WholeHead

  constructor(limits: HttpLimits.HttpLimits, leniency: HttpLeniency.HttpLeniency) {
    this.#limits = limits
    this.#leniency = leniency
    this.#rules = lineRules(limits, leniency)
    this.#fieldRules = fieldRules(limits, leniency)
    this.#scanner = new LineScanner(this.#rules)
    this.#whole = new WholeHead(limits)
  }

  /** True once the status line was checked before its head was complete. */
  #statusLineChecked = false
  /**
   * The head, once `scan` has reported that it is complete. The caller must clear it, so that no
   * idle connection retains its last head.
   */
  head: ResponseHead | undefined
  error: HeadError | undefined

  /** Bytes of the unfinished head. */
  get received(): number {
    return this.#scanner.length
  }

  /** True if anything but empty lines has arrived. */
  get started(): boolean {
    return this.#scanner.started
  }

  /**
   * Scans `bytes` from `from`. Returns the offset after the head, `needMore`, or `faulty` with
   * `error` set.
   */
  scan(bytes: Uint8Array, from: number): number {
    // Only at the first byte of a head. Another try for each piece of a head would read the same
    // bytes many times.
    if (this.#scanner.length === 0) {
      const whole = this.#whole
      const end = whole.read(bytes, from)
      if (end >= 0) {
        this.head = whole.head
        whole.head = undefined
        return end
      }
    }
    const end = this.#scanner.scan(bytes, from)
    if (end >= 0) return this.#parse() ? end : faulty
    // Checked as soon as the line is complete. A server of another protocol greets and then waits
    // for the client, and a faulty server may wait too, so no empty line ever arrives.
    if (!this.#statusLineChecked && !this.#checkStatusLine()) return faulty
    if (end === needMore) return end
    this.#refuse()
    return faulty
  }

  /**
   * Checks the status line of an incomplete head. Returns false with `error` set if it is invalid.
   */
  #checkStatusLine(): boolean {
    const line = this.#scanner.firstLineUnless(isWholeStatusLine)
    if (line === undefined) return true
    this.#statusLineChecked = true
    const status = line === "" ? undefined : this.#statusLine(line)
    if (status === undefined || !("_tag" in status)) return true
    this.error = status
    return false
  }

  #statusLine(line: string): StatusLine | StatusLineError {
    const status = parseStatusLine(line, false)
    if (!("_tag" in status)) return status
    const spaced = parseStatusLine(normalizeSpaces(line), true)
    if (this.#leniency.statusLineSpaces) return spaced
    return "_tag" in spaced ? status : parseStatusLine(line, false, ["statusLineSpaces"])
  }

  #refuse(): false {
    // Called only after the scanner has found a fault.
    this.error = this.#lineError(this.#scanner.fault as LineFault)
    return false
  }

  /** Returns the error for a fault of the line scanner; line 0 is the status line. */
  #lineError(fault: LineFault): HeadError {
    if (fault.line > 0 || fault.kind === "section too large") return sectionError(fault, this.#limits)
    if (fault.kind === "line too long") return new LineTooLong({ what: "status line", limit: this.#limits.statusLine })
    const seen = this.#scanner.seen()
    if (fault.kind !== "bare LF") return badStatusLine(seen)
    // A server of another protocol may end its lines with a bare LF. Then the protocol is the
    // error.
    const line = seen.slice(0, -1)
    const status = line === "" ? undefined : this.#statusLine(line)
    return status !== undefined && "_tag" in status ? status : badStatusLine(seen, ["bareLf"])
  }

  /**
   * Parses what arrived before the connection ended as a whole head. Returns false with `error` set
   * if it is invalid.
   */
  finish(): boolean {
    return this.#scanner.finish() ? this.#parse() : this.#refuse()
  }

  /** Returns the error for a connection that ended before the head was complete. */
  cut(): HeadError | IncompleteHeaders {
    const scanner = this.#scanner
    const line = scanner.firstLineUnless(() => false) ?? scanner.seen().replace(/\r$/, "")
    const status = this.#statusLine(line)
    const incomplete = (relaxations?: ReadonlyArray<Relaxation>) =>
      new IncompleteHeaders({ received: scanner.length, relaxations })
    if (!("_tag" in status)) return incomplete(["headEndsWithConnection"])
    return "_tag" in this.#statusLine(line + sample.slice(line.length)) ? status : incomplete()
  }

  #parse(): boolean {
    const scanner = this.#scanner
    const line = scanner.lines === 0 ? "" : scanner.text.slice(scanner.starts[0], scanner.ends[0])
    const status = this.#statusLine(line)
    if ("_tag" in status) {
      this.error = status
      return false
    }
    const fields: FieldList = { names: [], values: [], relaxed: status.relaxed || scanner.relaxed }
    const fault = parseFieldLines(scanner, 1, this.#fieldRules, fields)
    if (fault !== undefined) {
      this.error = fieldError(fault, this.#limits)
      return false
    }
    this.head = new ResponseHead(
      status.version,
      status.status,
      status.reason,
      HttpFields.unsafeMake(fields.names, fields.values),
      fields.relaxed,
      -1
    )
    this.#statusLineChecked = false
    scanner.reset(this.#rules)
    return true
  }

  /** True if this parser uses these limits and relaxations. */
  hasRules(limits: HttpLimits.HttpLimits, leniency: HttpLeniency.HttpLeniency): boolean {
    return this.#limits === limits && this.#leniency === leniency
  }
}

/**
 * A parser that no connection uses. A parser has no state between two heads, so connections share
 * this one and an idle connection has none.
 */
let spare: HeadParser | undefined

/** Acquires a parser for one head. The caller must release it after a complete head. */
export const acquireParser = (limits: HttpLimits.HttpLimits, leniency: HttpLeniency.HttpLeniency): HeadParser => {
  const parser = spare
  if (parser === undefined || !parser.hasRules(limits, leniency)) return new HeadParser(limits, leniency)
  spare = undefined
  return parser
}

/** Releases a parser. Its head must be complete and cleared. */
export const releaseParser = (parser: HeadParser): void => {
  spare = parser
}
