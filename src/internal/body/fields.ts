/**
 * The fields of a form or a query as `application/x-www-form-urlencoded` (WHATWG URL section 5.2),
 * byte for byte as `URLSearchParams` writes them, except that nothing is replaced by something
 * else: what cannot be written is told.
 */
import * as Predicate from "effect/Predicate"
import { InvalidUrl } from "../error/request.ts"
import { described, kindOf } from "../given.ts"

/** What of a form or query cannot be written, as the end of a sentence that begins with it. */
export class FieldFault {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

/**
 * What `encodeURIComponent` leaves as it is, and the form does not; and its spelling of a space.
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

/** A name or value. It has no half of a surrogate pair. */
export const encodeText = (text: string): string =>
  encodeURIComponent(text).replace(otherwise, (found) => escapes[found] ?? found)

/** The text of a value; `undefined` where it has none. */
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
 * Name and value of what is given, in order; `undefined` where it is neither pairs nor a record.
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

/** Fields as text of ASCII, or what of them cannot be written. */
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
 * A target with fields behind what it has of a query, and before its fragment. One that is no text
 * is told of when it is sent.
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
