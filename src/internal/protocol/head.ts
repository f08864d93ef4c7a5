/**
 * Parses the head of a response: status line and fields (RFC 9112 sections 2 to 5).
 *
 * Incremental and strict; what it accepts beyond the grammar is named in `HttpLeniency`. Does not
 * decide framing. Nearly every head arrives whole and is plain: that one goes through `WholeHead`,
 * in a quarter of the time.
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
import { ResponseHead } from "./responseHead.ts"
import { isWholeStatusLine, WholeHead } from "./wholeHead.ts"

export type { ResponseHead } from "./responseHead.ts"

/** What can be wrong with a head. */
export type HeadError = BadStatusLine | InvalidStatusCode | SectionError | UnknownProtocol

/**
 * Empty lines before a status line that are skipped: a server that sent one CRLF too many after the
 * last body.
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

/** How much of a bad status line is kept: enough to recognise another protocol by. */
const quotedLength = 120

const badStatusLine = (line: string, relaxations?: ReadonlyArray<Relaxation>): BadStatusLine =>
  new BadStatusLine({ line: line.slice(0, quotedLength), relaxations })

/**
 * What a status line may begin with; whatever has come of one is part of such a line, or is wrong
 * already.
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
 * One space between the parts of a status line that has them wherever they please; the reason stays
 * as it is.
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

  /** Whether the status line was looked at before its head was complete. */
  #judged = false
  /**
   * The head, once `scan` has said that it is complete. To be taken away, so that no idle
   * connection holds its last one.
   */
  head: ResponseHead | undefined
  error: HeadError | undefined

  /** Bytes of the unfinished head so far. */
  get received(): number {
    return this.#scanner.length
  }

  /** Whether anything but empty lines has come. */
  get started(): boolean {
    return this.#scanner.started
  }

  /**
   * Scans `bytes` from `from`. Returns the offset behind the head, `needMore`, or `faulty` with
   * `error` set.
   */
  scan(bytes: Uint8Array, from: number): number {
    // Only at a head's first byte: tried again for each piece of one, it would read the same bytes
    // many times.
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
    // As soon as it is there: a server of another protocol greets and then waits for us, and one
    // that is wrong may wait too. No empty line ever comes.
    if (!this.#judged && !this.#judge()) return faulty
    if (end === needMore) return end
    this.#refuse()
    return faulty
  }

  /**
   * Looks at the status line of a head that is not complete. False with `error` set where it is
   * none.
   */
  #judge(): boolean {
    const line = this.#scanner.firstLineUnless(isWholeStatusLine)
    if (line === undefined) return true
    this.#judged = true
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
    // Called only where the scanner has found a fault.
    this.error = this.#lineError(this.#scanner.fault as LineFault)
    return false
  }

  /** The error that names a fault of the line scanner: line 0 is the status line. */
  #lineError(fault: LineFault): HeadError {
    if (fault.line > 0 || fault.kind === "section too large") return sectionError(fault, this.#limits)
    if (fault.kind === "line too long") return new LineTooLong({ what: "status line", limit: this.#limits.statusLine })
    const seen = this.#scanner.seen()
    if (fault.kind !== "bare LF") return badStatusLine(seen)
    // A server of another protocol may end its lines in this way, and then that is the least of it.
    const line = seen.slice(0, -1)
    const status = line === "" ? undefined : this.#statusLine(line)
    return status !== undefined && "_tag" in status ? status : badStatusLine(seen, ["bareLf"])
  }

  /**
   * Takes what came before the connection ended as a whole head. False with `error` set where it is
   * none.
   */
  finish(): boolean {
    return this.#scanner.finish() ? this.#parse() : this.#refuse()
  }

  /** The connection ended before the head was complete: what is wrong with that. */
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
    this.#judged = false
    scanner.reset(this.#rules)
    return true
  }

  /** Whether it reads by these rules. */
  heeds(limits: HttpLimits.HttpLimits, leniency: HttpLeniency.HttpLeniency): boolean {
    return this.#limits === limits && this.#leniency === leniency
  }
}

/**
 * Between two heads a parser has no state. So whoever needs one for a head borrows it, and an idle
 * connection has none.
 */
let spare: HeadParser | undefined

/** A parser for one head, which is the caller's until it is given back. */
export const borrowParser = (limits: HttpLimits.HttpLimits, leniency: HttpLeniency.HttpLeniency): HeadParser => {
  const parser = spare
  if (parser === undefined || !parser.heeds(limits, leniency)) return new HeadParser(limits, leniency)
  spare = undefined
  return parser
}

/** Only after a head that is complete, and has been taken away. */
export const giveBack = (parser: HeadParser): void => {
  spare = parser
}
