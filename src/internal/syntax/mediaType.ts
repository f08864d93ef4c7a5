/**
 * Parses Content-Type values (RFC 9110 section 8.3.1): `type/subtype` and parameters, including
 * quoted strings.
 *
 * One pass over the characters and no regular expression, because the peer chooses the value. A
 * value without a media type is `undefined`. A parameter that breaks the grammar is dropped and the
 * rest is kept, as browsers do (WHATWG MIME Sniffing section 4.4).
 */
import { invalidTokenAt, trimSpace } from "./token.ts"

/**
 * A media type and its parameters, in order. The type and the parameters' names are in lower case.
 */
export interface MediaType {
  readonly type: string
  readonly parameters: ReadonlyMap<string, string>
}

const isToken = (text: string): boolean => invalidTokenAt(text) === -1

/** Returns the index of the first `;` at or after `from`, or the length. */
const endOfPart = (value: string, from: number): number => {
  const end = value.indexOf(";", from)
  return end === -1 ? value.length : end
}

/**
 * Returns the index after the closing quote of the quoted string that opens at `from`, or the
 * length if the string is not closed.
 */
const endOfQuoted = (value: string, from: number): number => {
  for (let i = from + 1; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code === 0x5c) i++ // backslash: the next character is literal
    else if (code === 0x22) return i + 1
  }
  return value.length
}

/** Returns the content of a quoted string that ends before `end`. */
const unquote = (value: string, from: number, end: number): string => {
  let text = ""
  for (let i = from + 1; i < end; i++) {
    const char = value.charAt(i)
    if (char === "\"") break
    text += char === "\\" ? value.charAt(++i) : char
  }
  return text
}

export const parse = (value: string): MediaType | undefined => {
  let at = endOfPart(value, 0)
  const type = trimSpace(value, 0, at)
  const slash = type.indexOf("/")
  if (slash === -1 || !isToken(type.slice(0, slash)) || !isToken(type.slice(slash + 1))) return undefined
  const parameters = new Map<string, string>()
  while (at < value.length) {
    // `at` is the index of a `;`. The search for the name ends at the next one, which keeps the
    // total linear.
    let end = endOfPart(value, at + 1)
    const part = value.slice(at + 1, end)
    const equals = part.indexOf("=")
    if (equals !== -1) {
      const name = trimSpace(part, 0, equals).toLowerCase()
      let text = trimSpace(part, equals + 1)
      const quoted = text.startsWith("\"")
      if (quoted) {
        const open = value.indexOf("\"", at + equals + 2)
        const close = endOfQuoted(value, open)
        text = unquote(value, open, close)
        end = endOfPart(value, close)
      }
      // The first of two wins, so that an appended value cannot change an earlier one.
      if (isToken(name) && (quoted || isToken(text)) && !parameters.has(name)) parameters.set(name, text)
    }
    at = end
  }
  return { type: type.toLowerCase(), parameters }
}
