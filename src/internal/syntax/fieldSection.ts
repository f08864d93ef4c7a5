/**
 * A separate field section: the errors for its faults, and `http.client`'s `parse_headers`.
 *
 * Shared by the head of a response and by `HttpFields.parse`, so that both refuse the same bytes
 * for the same reason.
 */
import type * as HttpLeniency from "../../HttpLeniency.ts"
import type * as HttpLimits from "../../HttpLimits.ts"
import { HeadersTooLarge, InvalidHeaderLine, LineTooLong, TooManyHeaders } from "../error/head.ts"
import type { Relaxation } from "../error/relaxation.ts"
import type { FieldFault, FieldList, FieldRules } from "./fieldLines.ts"
import { parseFieldLines, tooLong } from "./fieldLines.ts"
import type { LineFault } from "./lineScanner.ts"
import { faulty, LineScanner, needMore } from "./lineScanner.ts"

/** The faults of a field section. */
export type SectionError = HeadersTooLarge | InvalidHeaderLine | LineTooLong | TooManyHeaders

const bareLf: ReadonlyArray<Relaxation> = ["bareLf"]
const controls: ReadonlyArray<Relaxation> = ["controlCharacters", "skipInvalidFields"]

/**
 * Returns the first line in which the parser of fields handles forbidden bytes: `first`, or no
 * line.
 */
export const flagFrom = (first: number, leniency: HttpLeniency.HttpLeniency): number =>
  leniency.skipInvalidFields || leniency.controlCharacters ? first : Infinity

/** Returns the relaxations that accept a byte that is forbidden in a field line. */
export const relaxationsOf = (fault: LineFault): ReadonlyArray<Relaxation> =>
  fault.kind === "bare LF" ? bareLf : controls

/** Returns the error for a fault of the line scanner. */
export const sectionError = (fault: LineFault, limits: HttpLimits.HttpLimits): SectionError => {
  switch (fault.kind) {
    case "line too long":
      return new LineTooLong({ what: "field line", limit: limits.fieldLine })
    case "section too large":
      return new HeadersTooLarge({ limit: limits.head })
    case "too many lines":
      return new TooManyHeaders({ limit: limits.fields })
    default:
      return new InvalidHeaderLine({
        offset: fault.offset,
        reason: `a ${fault.kind}`,
        relaxations: relaxationsOf(fault)
      })
  }
}

/** Returns the error for a fault of the field parser. */
export const fieldError = (fault: FieldFault, limits: HttpLimits.HttpLimits): SectionError =>
  fault.reason === tooLong
    ? new LineTooLong({ what: "field line", limit: limits.fieldLine })
    : new InvalidHeaderLine({ offset: fault.offset, reason: fault.reason, relaxations: fault.relaxations })

/** Creates the rules for field lines, once for many sections. */
export const fieldRules = (limits: HttpLimits.HttpLimits, leniency: HttpLeniency.HttpLeniency): FieldRules => ({
  spaceBeforeColon: leniency.spaceBeforeColon,
  skipInvalidFields: leniency.skipInvalidFields,
  controlCharacters: leniency.controlCharacters,
  fieldLine: limits.fieldLine
})

/** The fields of a section, and its length. */
export interface Section extends FieldList {
  /** Bytes of the section, including its empty line. */
  readonly length: number
  /** True if the section ended with its empty line. */
  readonly complete: boolean
}

/** Parses the fields of a section, up to its empty line or the end of the bytes. */
export const parseSection = (
  bytes: Uint8Array,
  limits: HttpLimits.HttpLimits,
  leniency: HttpLeniency.HttpLeniency
): Section | SectionError => {
  const scanner = new LineScanner({
    firstLine: limits.fieldLine,
    line: limits.fieldLine,
    lines: limits.fields,
    section: limits.head,
    leadingEmptyLines: 0,
    bareLf: leniency.bareLf,
    flagFrom: flagFrom(0, leniency)
  })
  const end = scanner.scan(bytes, 0)
  const whole = end === needMore ? scanner.finish() : end !== faulty
  // Both the scanner and `finish` set `fault` if they fail.
  if (!whole) return sectionError(scanner.fault as LineFault, limits)
  const fields: FieldList = { names: [], values: [], relaxed: false }
  const fault = parseFieldLines(scanner, 0, fieldRules(limits, leniency), fields)
  if (fault !== undefined) return fieldError(fault, limits)
  const complete = end !== needMore
  return { ...fields, length: complete ? end : bytes.length, complete }
}
