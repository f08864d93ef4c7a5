/**
 * Which characters may stand where: tokens, field values, request targets (RFC 9110 section 5.6.2
 * and 5.5, RFC 9112 section 3).
 *
 * Tables indexed by character code. No parsing here.
 */

const table = (allowed: (code: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, code) => allowed(code) ? 1 : 0)

const tokenPunctuation = "!#$%&'*+-.^_`|~"

const isAlphanumeric = (code: number): boolean =>
  (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)

/** 1 for a character that a token may have. */
export const tokenTable: Uint8Array = table((code) =>
  isAlphanumeric(code) || tokenPunctuation.includes(String.fromCharCode(code))
)

/** 1 for a character that a field value may have: VCHAR, obs-text, SP and HTAB. */
export const valueTable: Uint8Array = table((code) => code === 0x09 || (code >= 0x20 && code !== 0x7f))

/**
 * 1 for a character that a request target may have: printable ASCII. What is not ASCII must come
 * percent-encoded.
 */
const targetTable: Uint8Array = table((code) => code > 0x20 && code < 0x7f)

/**
 * Finds a character that a table refuses, or that is beyond it: in half of the time that a loop
 * over the table takes.
 */
const refusing = (allowed: Uint8Array): RegExp => {
  const codes = Array.from(allowed, (allows, code) => allows === 1 ? `\\x${code.toString(16).padStart(2, "0")}` : "")
  return new RegExp(`[^${codes.join("")}]`)
}

const refusedInToken = refusing(tokenTable)
const refusedInValue = refusing(valueTable)
const refusedInTarget = refusing(targetTable)

/**
 * Offset of the first character that is refused, or -1. What is no string is refused too: it would
 * have no length here and a text of its own choice once it is put into a head.
 */
const firstRefused = (text: string, refused: RegExp): number => typeof text === "string" ? text.search(refused) : 0

/**
 * Offset of the first character that makes this no token, 0 where it is empty, -1 where it is a
 * token.
 */
export const invalidTokenAt = (text: string): number => text === "" ? 0 : firstRefused(text, refusedInToken)

/** Offset of the first character that a field value cannot have, or -1. */
export const invalidValueAt = (text: string): number => firstRefused(text, refusedInValue)

/** Offset of the first character that a request target cannot have, or -1. */
export const invalidTargetAt = (text: string): number => firstRefused(text, refusedInTarget)

/**
 * A name that cannot be sent, as far as it is a token: behind that may stand a value that was meant
 * for another place.
 */
export const shownName = (name: string): string => {
  if (typeof name !== "string") return "(not a string)"
  const refused = firstRefused(name, refusedInToken)
  const end = Math.min(refused < 0 ? name.length : refused, 80)
  return end < name.length ? `${name.slice(0, end)}…` : name
}

/** What stands at an offset, in words that repeat nothing secret. */
export const describeCharacter = (text: string, offset: number): string => {
  if (typeof text === "number") return "a number that is not finite"
  if (typeof text !== "string") return "something that is not a string"
  const code = text.charCodeAt(offset)
  switch (code) {
    case 0x00:
      return "a NUL"
    case 0x0a:
      return "a line feed"
    case 0x0d:
      return "a carriage return"
    case 0x20:
      return "a space"
    default:
      return code > 0xff
        ? "a character beyond ISO-8859-1"
        : code > 0x7f
        ? "a character beyond ASCII"
        : "a control character"
  }
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09

/**
 * Without the optional white space (SP, HTAB) around it, which is no part of a field value (RFC
 * 9110 section 5.5).
 */
export const trimSpace = (text: string, from = 0, to = text.length): string => {
  let start = from
  let end = to
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return start === 0 && end === text.length ? text : text.slice(start, end)
}

/**
 * The elements of a comma-separated list, without the empty ones, which a recipient must ignore
 * (RFC 9110 section 5.6.1.2). Every list that a peer sends is read by this. A comma in a quoted
 * string separates too: no list that is read here may have one.
 */
export const listElements = (value: string): ReadonlyArray<string> => {
  const elements: Array<string> = []
  let start = 0
  while (start <= value.length) {
    const comma = value.indexOf(",", start)
    const end = comma < 0 ? value.length : comma
    const element = trimSpace(value, start, end)
    if (element !== "") elements.push(element)
    start = end + 1
  }
  return elements
}

/** Whether a comma-separated list has this token, in lower case, but for case. */
export const listHas = (value: string, token: string): boolean =>
  // Nearly all lists that are asked have one element, or none.
  value.includes(",")
    ? listElements(value).some((element) => element.toLowerCase() === token)
    : trimSpace(value).toLowerCase() === token
