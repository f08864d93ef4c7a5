/**
 * Trailer sections (RFC 9112 section 7.1.2), and the fields that are forbidden in them (RFC 9110
 * section 6.5.1).
 */
import * as HttpFields from "../../HttpFields.ts"
import type * as HttpLeniency from "../../HttpLeniency.ts"
import type * as HttpLimits from "../../HttpLimits.ts"
import { TrailersTooLarge } from "../error/body.ts"
import { LineTooLong } from "../error/head.ts"
import { InvalidTrailer } from "../error/request.ts"
import type { FieldFault, FieldList } from "../syntax/fieldLines.ts"
import { parseFieldLines, tooLong } from "../syntax/fieldLines.ts"
import { fieldRules, flagFrom, relaxationsOf } from "../syntax/fieldSection.ts"
import type { LineFault, LineRules, LineScanner } from "../syntax/lineScanner.ts"
import { describeCharacter, invalidTokenAt, invalidValueAt, shownName } from "../syntax/token.ts"

/** The faults of a trailer section. */
export type TrailerError = InvalidTrailer | LineTooLong | TrailersTooLarge

/**
 * Fields for framing, routing, authentication, request modifiers, response control and content
 * handling. In a trailer section they arrive too late to be obeyed, and obeying them enables
 * message smuggling.
 */
const forbidden: ReadonlySet<string> = new Set([
  "age",
  "authorization",
  "cache-control",
  "connection",
  "content-encoding",
  "content-length",
  "content-location",
  "content-range",
  "content-type",
  "cookie",
  "date",
  "expect",
  "expires",
  "host",
  "keep-alive",
  "location",
  "max-forwards",
  "pragma",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "range",
  "retry-after",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "vary",
  "warning",
  "www-authenticate"
])

/** True if a field of this name is forbidden in a trailer section. */
export const isForbiddenTrailer = (name: string): boolean => {
  const lower = name.toLowerCase()
  return forbidden.has(lower) || lower.startsWith("if-")
}

/** Returns the rules for the lines of a trailer section. */
export const trailerRules = (limits: HttpLimits.HttpLimits, leniency: HttpLeniency.HttpLeniency): LineRules => ({
  firstLine: limits.fieldLine,
  line: limits.fieldLine,
  lines: limits.fields,
  section: limits.trailers,
  leadingEmptyLines: 0,
  bareLf: leniency.bareLf,
  flagFrom: flagFrom(0, leniency)
})

/** Returns the error for a fault of the line scanner. */
export const trailerLineError = (fault: LineFault, limits: HttpLimits.HttpLimits): TrailerError => {
  switch (fault.kind) {
    case "line too long":
      return new LineTooLong({ what: "trailer line", limit: limits.fieldLine })
    case "section too large":
      return new TrailersTooLarge({ limit: limits.trailers })
    case "too many lines":
      return new TrailersTooLarge({ limit: limits.fields })
    default:
      return new InvalidTrailer({ field: "", reason: `a ${fault.kind}`, relaxations: relaxationsOf(fault) })
  }
}

const fieldError = (fault: FieldFault, limits: HttpLimits.HttpLimits): TrailerError =>
  fault.reason === tooLong
    ? new LineTooLong({ what: "trailer line", limit: limits.fieldLine })
    : new InvalidTrailer({ field: fault.name, reason: fault.reason, relaxations: fault.relaxations })

/** A trailer section; `relaxed` is true if a relaxation was needed to read it. */
export interface Trailers {
  readonly trailers: HttpFields.HttpFields
  readonly relaxed: boolean
}

/** Parses a trailer section, and drops the fields that are forbidden in it. */
export const parseTrailers = (
  scanner: LineScanner,
  limits: HttpLimits.HttpLimits,
  leniency: HttpLeniency.HttpLeniency
): Trailers | TrailerError => {
  if (scanner.lines === 0) return { trailers: HttpFields.empty, relaxed: scanner.relaxed }
  const list: FieldList = { names: [], values: [], relaxed: scanner.relaxed }
  const fault = parseFieldLines(scanner, 0, fieldRules(limits, leniency), list)
  if (fault !== undefined) return fieldError(fault, limits)
  const names: Array<string> = []
  const values: Array<string> = []
  list.names.forEach((name, i) => {
    if (isForbiddenTrailer(name)) return
    names.push(name)
    values.push(list.values[i] as string)
  })
  return { trailers: HttpFields.unsafeMake(names, values), relaxed: list.relaxed }
}

/** Returns the first error of trailers that are to be sent. */
export const checkTrailers = (trailers: HttpFields.HttpFields): InvalidTrailer | undefined => {
  for (let i = 0; i < trailers.names.length; i++) {
    const name = trailers.names[i] as string
    const value = trailers.values[i] as string
    const offset = invalidValueAt(value)
    const reason = invalidTokenAt(name) >= 0
      ? "its name is not a token"
      : isForbiddenTrailer(name)
      ? "a field of this name may not stand in a trailer section"
      : offset >= 0
      ? `its value has ${describeCharacter(value, offset)} at offset ${offset}`
      : undefined
    if (reason !== undefined) return new InvalidTrailer({ field: shownName(name), reason })
  }
  return undefined
}
