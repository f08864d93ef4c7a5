/**
 * Encodes the fields of a form or a query as `application/x-www-form-urlencoded` (WHATWG URL
 * section 5.2). The bytes are those of `URLSearchParams`, except that no character is replaced: a
 * text that cannot be encoded is an error.
 */
import * as Predicate from "effect/Predicate"
import { InvalidUrl } from "../error/request.ts"
import { described, kindOf } from "../given.ts"

/**
 * The reason why a form or query cannot be encoded, as the end of a sentence that begins with it.
 */
export class FieldFault {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

/**
 * The characters that `encodeURIComponent` keeps and a form does not, and its encoding of a space.
 */
const otherwise = /%20|[!'()~]/g

const escapes: Readonly<Record<string, string>> = {
  "%20": "+",
  "!": "%21",
  "'": "%27",
  "(": "%28",
  ")": "%29",
  "~": "%7E"
}

const halfPair = /\p{Surrogate}/u

/** Encodes a name or value. The text must not contain half of a surrogate pair. */
export const encodeText = (text: string): string =>
  encodeURIComponent(text).replace(otherwise, (found) => escapes[found] ?? found)

/** Returns the text of a value; `undefined` if it has none. */
const textOf = (value: unknown): string | undefined =>
  typeof value === "string" || typeof value === "bigint" || typeof value === "boolean"
    || (typeof value === "number" && Number.isFinite(value))
    ? String(value)
    : undefined

const encodePair = (name: unknown, value: unknown): string | FieldFault => {
  if (typeof name !== "string") return new FieldFault(`has a name that is ${described(name)}`)
  const shown = JSON.stringify(name.slice(0, 40))
  const text = textOf(value)
  if (text === undefined) {
    const what = typeof value === "number" ? String(value) : described(value)
    return new FieldFault(`has ${what} for ${shown}; a value is text, a finite number, a bigint or a boolean`)
  }
  return halfPair.test(name) || halfPair.test(text)
    ? new FieldFault(`has half a surrogate pair at ${shown}, which UTF-8 cannot carry`)
    : `${encodeText(name)}=${encodeText(text)}`
}

/**
 * Returns the names and values in order; `undefined` if the value is neither pairs nor a record.
 */
const pairsOf = (given: unknown): Iterable<unknown> | undefined => {
  if (!Predicate.isObject(given)) return undefined
  if (Symbol.iterator in given) return given as Iterable<unknown>
  return kindOf(given) === "Object" ? recordPairs(given) : undefined
}

function* recordPairs(record: object): Generator<unknown> {
  for (const [name, value] of Object.entries(record) as ReadonlyArray<[string, unknown]>) {
    for (const one of Array.isArray(value) ? value as ReadonlyArray<unknown> : [value]) {
      yield [name, one]
    }
  }
}

/** Encodes fields as ASCII text, or returns the part that cannot be encoded. */
export const encodeFields = (given: unknown): string | FieldFault => {
  const pairs = pairsOf(given)
  if (pairs === undefined) return new FieldFault(`is ${described(given)}, and neither a record nor pairs`)
  let encoded = ""
  for (const pair of pairs) {
    if (!Array.isArray(pair)) return new FieldFault(`has ${described(pair)} where a pair of name and value should be`)
    if (pair[1] === undefined) continue
    const text = encodePair(pair[0], pair[1])
    if (text instanceof FieldFault) return text
    encoded += encoded === "" ? text : `&${text}`
  }
  return encoded
}

/**
 * Appends fields to the query of a target, before its fragment. A target that is not text is
 * reported when it is sent.
 */
export const withQuery = (target: string, fields: unknown): string | InvalidUrl => {
  if (typeof target !== "string") return target
  const encoded = encodeFields(fields)
  if (encoded instanceof FieldFault) return new InvalidUrl({ part: "target", reason: `its query ${encoded.reason}` })
  if (encoded === "") return target
  const hash = target.indexOf("#")
  const bare = hash < 0 ? target : target.slice(0, hash)
  const joint = !bare.includes("?") ? "?" : /[?&]$/.test(bare) ? "" : "&"
  return `${bare}${joint}${encoded}${hash < 0 ? "" : target.slice(hash)}`
}
