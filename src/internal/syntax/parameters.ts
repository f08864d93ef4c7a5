/**
 * Reads and writes the parameters that follow a value: `; name=value; name="quoted"`, as in Link
 * (RFC 8288 appendix B.3) and Content-Disposition (RFC 6266).
 *
 * Reading never fails, because senders break this grammar in many ways. Every step consumes the
 * characters that it examined, so the time is linear in the length.
 */
import * as extendedValue from "./extendedValue.ts"
import { invalidTokenAt, trimSpace } from "./token.ts"

/** A parameter as written, with its name in lower case and its value without quotes. */
export type Parameter = readonly [name: string, value: string]

/** Parameters, and the index after them. */
export interface Parameters {
  readonly parameters: ReadonlyArray<Parameter>
  readonly end: number
}

/** Skips spaces and tabs. */
export const skipSpace = (text: string, from: number): number => {
  let at = from
  for (let code = text.charCodeAt(at); code === 0x20 || code === 0x09; code = text.charCodeAt(at)) at++
  return at
}

/** Returns the index of the first of these characters at or after `from`, or the length. */
const indexOfAny = (text: string, stops: string, from: number): number => {
  let at = from
  while (at < text.length && !stops.includes(text.charAt(at))) at++
  return at
}

/**
 * Reads the quoted string that opens at `from`. Without an end quote it ends with the text. A
 * backslash stands for the character after it.
 */
export const quotedString = (text: string, from: number): { readonly value: string; readonly end: number } => {
  let value = ""
  let start = from + 1
  let at = start
  for (; at < text.length && text.charCodeAt(at) !== 0x22; at++) {
    if (text.charCodeAt(at) !== 0x5c) continue
    value += text.slice(start, at)
    start = ++at
  }
  return { value: value + text.slice(start, at), end: Math.min(at + 1, text.length) }
}

/**
 * Reads parameters up to the end of the text, or to a comma if commas separate values. A parameter
 * whose name is not a token is dropped. One without a value has an empty value. A value without
 * quotes may contain anything but a separator.
 */
export const readParameters = (text: string, from: number, comma: boolean): Parameters => {
  const separators = comma ? ";," : ";"
  const nameEnds = `=${separators}`
  const parameters: Array<Parameter> = []
  let at = indexOfAny(text, separators, from)
  while (at < text.length && text.charCodeAt(at) === 0x3b) {
    const nameEnd = indexOfAny(text, nameEnds, at + 1)
    const name = trimSpace(text, at + 1, nameEnd).toLowerCase()
    let value = ""
    at = nameEnd
    if (text.charCodeAt(at) === 0x3d) {
      const start = skipSpace(text, at + 1)
      if (text.charCodeAt(start) === 0x22) {
        const quoted = quotedString(text, start)
        value = quoted.value
        at = indexOfAny(text, separators, quoted.end)
      } else {
        at = indexOfAny(text, separators, start)
        value = trimSpace(text, start, at)
      }
    }
    if (invalidTokenAt(name) < 0) parameters.push([name, value])
  }
  return { parameters, end: at }
}

/** Parameters by their names, with extended ones apart under their names without the star. */
export interface ByName {
  readonly plain: ReadonlyMap<string, string>
  readonly extended: ReadonlyMap<string, string>
}

/**
 * Collects parameters by their names. Extended values are decoded (RFC 8187), and invalid ones
 * dropped. Of several with one name the first counts.
 */
export const byName = (parameters: ReadonlyArray<Parameter>): ByName => {
  const plain = new Map<string, string>()
  const extended = new Map<string, string>()
  for (const [name, value] of parameters) {
    const isExtended = name.endsWith("*")
    const key = isExtended ? name.slice(0, -1) : name
    const decoded = isExtended ? extendedValue.decode(value) : value
    const found = isExtended ? extended : plain
    if (decoded !== undefined && key !== "" && !found.has(key)) found.set(key, decoded)
  }
  return { plain, extended }
}

/** Returns all parameters but these. An extended value replaces the other one of its name. */
export const without = ({ extended, plain }: ByName, names: ReadonlyArray<string>): ReadonlyMap<string, string> => {
  const rest = new Map<string, string>()
  for (const [name, value] of plain) if (!names.includes(name)) rest.set(name, extended.get(name) ?? value)
  for (const [name, value] of extended) if (!names.includes(name)) rest.set(name, value)
  return rest
}

/** True for a text of visible ASCII, spaces and tabs, which can be written in a quoted string. */
const isQuotable = (text: string): boolean => !/[^\t\x20-\x7e]/.test(text)

/** Writes a quoted string. */
export const quote = (text: string): string => `"${text.replace(/["\\]/g, "\\$&")}"`

/** Writes a parameter in quotes, or as an extended value if it has non-ASCII characters. */
export const written = ([name, value]: Parameter): string =>
  isQuotable(value) ? `; ${name}=${quote(value)}` : `; ${name}*=${extendedValue.encode(value)}`

/** True if a name can be written: a token without a star at its end. */
export const isName = (name: string): boolean => invalidTokenAt(name) < 0 && !name.endsWith("*")
