/**
 * Parses field lines (RFC 9112 section 5) of a scanned section.
 *
 * Strict: a name is a token, the colon follows at once, a value has no control character. Folded
 * lines are unfolded (RFC 9112 section 5.2), unless that would change framing. Knows nothing else
 * of heads, trailers or framing.
 */
import type { Relaxation } from "../error/relaxation.ts"
import { equalsIgnoreCase } from "./ascii.ts"
import { tokenTable, trimSpace } from "./token.ts"

/** A fault of a field line, and its offset in the section. */
export interface FieldFault {
  readonly offset: number
  readonly reason: string
  /** The name of the field, if it could be read. */
  readonly name: string
  /** The relaxations that accept the line, best first. */
  readonly relaxations: ReadonlyArray<Relaxation>
}

const skipped: ReadonlyArray<Relaxation> = ["skipInvalidFields"]
const skippedOrDropped: ReadonlyArray<Relaxation> = ["spaceBeforeColon", "skipInvalidFields"]

const faultAt = (offset: number, reason: string, name = "", relaxations = skipped): FieldFault => ({
  offset,
  reason,
  name,
  relaxations
})

/** The lines of a section, as `LineScanner` finds them. */
export interface Lines {
  readonly text: string
  /** The number of lines; later elements of `starts` and `ends` do not count. */
  readonly lines: number
  readonly starts: ReadonlyArray<number>
  readonly ends: ReadonlyArray<number>
  readonly flagged: ReadonlySet<number> | undefined
}

/** Relaxations that concern field lines. */
export interface FieldRules {
  readonly spaceBeforeColon: boolean
  readonly skipInvalidFields: boolean
  readonly controlCharacters: boolean
  /** The limit of a field's bytes, including all lines it is folded over. */
  readonly fieldLine: number
}

/** Names and values, in order, as parallel arrays. */
export interface FieldList {
  readonly names: Array<string>
  readonly values: Array<string>
  /** True if a relaxation was needed. */
  relaxed: boolean
}

const COLON = 0x3a
const SP = 0x20
const HTAB = 0x09

/** True if folding this field would let two recipients derive different framings. */
const isFraming = (name: string): boolean =>
  equalsIgnoreCase(name, "content-length") || equalsIgnoreCase(name, "transfer-encoding")
  || equalsIgnoreCase(name, "connection")

const isSpace = (code: number): boolean => code === SP || code === HTAB

/** Parses line `from` and all lines after it into `fields`. Returns the first fault. */
export const parseFieldLines = (
  lines: Lines,
  from: number,
  rules: FieldRules,
  fields: FieldList
): FieldFault | undefined => {
  let length = 0
  let skipping = false
  for (let line = from; line < lines.lines; line++) {
    const start = lines.starts[line] as number
    const end = lines.ends[line] as number
    const folded = isSpace(lines.text.charCodeAt(start))
    length = folded ? length + end - start : end - start
    if (folded && skipping) continue
    const flagged = lines.flagged?.has(line) === true
    const wrong = flagged && !rules.controlCharacters
      ? faultAt(start, "a control character")
      : length > rules.fieldLine
      ? faultAt(start, tooLong, "", [])
      : folded
      ? unfold(lines.text, start, end, flagged, fields)
      : parseLine(lines.text, start, end, rules, fields)
    const fault = wrong ?? (flagged ? keepControls(start, folded, fields) : undefined)
    skipping = fault !== undefined
    if (fault === undefined) continue
    if (!rules.skipInvalidFields || fault.reason === tooLong) return fault
    fields.relaxed = true
    // A field that cannot be read completely is dropped: half a value may have another meaning, and
    // half a length certainly has.
    if (folded || (flagged && wrong === undefined)) {
      fields.names.pop()
      fields.values.pop()
    }
  }
  return undefined
}

/** The reason for which callers create a separate error. */
export const tooLong = "a folded field longer than the limit"

/** Replaces NUL and CR by spaces (RFC 9110 section 5.5), and removes the spaces at both ends. */
// oxlint-disable-next-line no-control-regex
const cleaned = (text: string): string => trimSpace(text.replace(/[\0\r]/g, " "))

const unfold = (
  text: string,
  start: number,
  end: number,
  flagged: boolean,
  fields: FieldList
): FieldFault | undefined => {
  const last = fields.names.length - 1
  const name = fields.names[last]
  if (name === undefined) return faultAt(start, "white space before the first field")
  if (isFraming(name)) return faultAt(start, `the field ${name} is folded over several lines`, name)
  // Only the new part is cleaned. Cleaning the whole value for each of its lines would take
  // quadratic time.
  const more = flagged ? cleaned(text.slice(start, end)) : trimSpace(text, start, end)
  const value = fields.values[last] as string
  fields.values[last] = value === "" || more === "" ? value + more : `${value} ${more}`
  return undefined
}

/**
 * Checks the last field, which has control characters. NUL and CR become spaces and others stay
 * (RFC 9110 section 5.5), unless the field frames the message.
 */
const keepControls = (start: number, folded: boolean, fields: FieldList): FieldFault | undefined => {
  const last = fields.names.length - 1
  const name = fields.names[last] as string
  if (isFraming(name)) return faultAt(start, `the field ${name} has a control character`, name)
  fields.relaxed = true
  if (!folded) fields.values[last] = cleaned(fields.values[last] as string)
  return undefined
}

const parseLine = (
  text: string,
  start: number,
  end: number,
  rules: FieldRules,
  fields: FieldList
): FieldFault | undefined => {
  let colon = start
  while (colon < end && tokenTable[text.charCodeAt(colon)] === 1) colon++
  const name = text.slice(start, colon)
  if (colon === start) {
    return faultAt(start, text.charCodeAt(start) === COLON ? "an empty field name" : badName, name)
  }
  let behind = colon
  while (behind < end && isSpace(text.charCodeAt(behind))) behind++
  if (behind > colon && text.charCodeAt(behind) === COLON && behind < end) {
    if (!rules.spaceBeforeColon) return faultAt(colon, spaced, "", skippedOrDropped)
    fields.relaxed = true
    colon = behind
  }
  if (colon >= end) return faultAt(colon, "a line without a colon")
  const code = text.charCodeAt(colon)
  if (code !== COLON) return faultAt(colon, isSpace(code) ? spaced : badName)
  fields.names.push(name)
  fields.values.push(trimSpace(text, colon + 1, end))
  return undefined
}

const spaced = "white space before the colon"
const badName = "a character that a field name cannot have"
