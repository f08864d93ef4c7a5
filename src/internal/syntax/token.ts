/**
 * The characters that are allowed in tokens, field values and request targets (RFC 9110 section
 * 5.6.2 and 5.5, RFC 9112 section 3).
 *
 * Tables indexed by character code. No parsing here.
 */

const table = (allowed: (code: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, code) => allowed(code) ? 1 : 0)

const tokenPunctuation = "!#$%&'*+-.^_`|~"

const isAlphanumeric = (code: number): boolean =>
  (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)

/** 1 for a character that is allowed in a token. */
export const tokenTable: Uint8Array = table((code) =>
  isAlphanumeric(code) || tokenPunctuation.includes(String.fromCharCode(code))
)

/** 1 for a character that is allowed in a field value: VCHAR, obs-text, SP and HTAB. */
export const valueTable: Uint8Array = table((code) => code === 0x09 || (code >= 0x20 && code !== 0x7f))

/**
 * 1 for a character that is allowed in a request target: printable ASCII. Other characters must be
 * percent-encoded.
 */
const targetTable: Uint8Array = table((code) => code > 0x20 && code < 0x7f)

/**
 * Creates a pattern that finds a character that is not in a table. It takes half of the time of a
 * loop over the table.
 */
const refusing = (allowed: Uint8Array): RegExp => {
  const codes = Array.from(allowed, (allows, code) => allows === 1 ? `\\x${code.toString(16).padStart(2, "0")}` : "")
  return new RegExp(`[^${codes.join("")}]`)
}

const refusedInToken = refusing(tokenTable)
const refusedInValue = refusing(valueTable)
const refusedInTarget = refusing(targetTable)

/**
 * Returns the offset of the first refused character, or -1. A value that is not a string is refused
 * too, because its text could change when it is written into a head.
 */
const firstRefused = (text: string, refused: RegExp): number => typeof text === "string" ? text.search(refused) : 0

/**
 * Returns the offset of the first character that is not allowed in a token. 0 if the text is empty,
 * -1 if it is a token.
 */
export const invalidTokenAt = (text: string): number => text === "" ? 0 : firstRefused(text, refusedInToken)

/** Returns the offset of the first character that is not allowed in a field value, or -1. */
export const invalidValueAt = (text: string): number => firstRefused(text, refusedInValue)

/** Returns the offset of the first character that is not allowed in a request target, or -1. */
export const invalidTargetAt = (text: string): number => firstRefused(text, refusedInTarget)

/**
 * Returns the part of an invalid name that is a token. The rest may be a value that was meant for
 * another place.
 */
export const shownName = (name: string): string => {
  if (typeof name !== "string") return "(not a string)"
  const refused = firstRefused(name, refusedInToken)
  const end = Math.min(refused < 0 ? name.length : refused, 80)
  return end < name.length ? `${name.slice(0, end)}…` : name
}

/** Describes the character at an offset, in words that repeat nothing secret. */
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
 * Removes optional white space (SP, HTAB) from both ends, because it is not part of a field value
 * (RFC 9110 section 5.5).
 */
export const trimSpace = (text: string, from = 0, to = text.length): string => {
  let start = from
  let end = to
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return start === 0 && end === text.length ? text : text.slice(start, end)
}

/**
 * Returns the elements of a comma-separated list without the empty ones, which a recipient must
 * ignore (RFC 9110 section 5.6.1.2). Every list from a peer is parsed here. A comma in a quoted
 * string separates too, because no list that is parsed here may contain one.
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

/** True if a comma-separated list has this token, ignoring case; `token` is in lower case. */
export const listHas = (value: string, token: string): boolean =>
  // Nearly all of these lists have at most one element.
  value.includes(",")
    ? listElements(value).some((element) => element.toLowerCase() === token)
    : trimSpace(value).toLowerCase() === token
