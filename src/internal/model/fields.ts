/**
 * The field list behind `HttpFields`, and the functions over it. It has two forms: two parallel
 * arrays, or the text of a parsed head with the positions of its fields.
 *
 * Lookup is linear and case-insensitive. Heads have some ten lines, so an index would cost more
 * than it saves. No object is keyed by names, because `__proto__` is a legal field name.
 */
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import * as Inspectable from "effect/Inspectable"
import * as Pipeable from "effect/Pipeable"
import { isBytes } from "../given.ts"
import { equalsIgnoreCase, isAtIgnoreCase } from "../syntax/ascii.ts"
import type { MediaType } from "../syntax/mediaType.ts"
import * as mediaType from "../syntax/mediaType.ts"

export const TypeId: unique symbol = Symbol.for("effect-http-client/HttpFields") as never

export type TypeId = typeof TypeId

export type Entry = readonly [name: string, value: string]

/** The accepted forms of a value: text, a finite number, or bytes. */
export type Value = string | number | Uint8Array

/** The part of a field list that the functions here need. */
export interface Lines {
  readonly names: ReadonlyArray<string>
  readonly values: ReadonlyArray<string>
}

/** The common part of both forms. */
export abstract class AnyFields implements Pipeable.Pipeable, Inspectable.Inspectable, Equal.Equal {
  abstract readonly names: ReadonlyArray<string>
  abstract readonly values: ReadonlyArray<string>

  get [TypeId](): TypeId {
    return TypeId
  }

  *[Symbol.iterator](): IterableIterator<Entry> {
    for (let i = 0; i < size(this); i++) yield [name(this, i), value(this, i)]
  }

  [Equal.symbol](that: unknown): boolean {
    if (!(that instanceof AnyFields) || size(that) !== size(this)) return false
    for (let i = 0; i < size(this); i++) {
      if (value(this, i) !== value(that, i) || !equalsIgnoreCase(name(this, i), name(that, i))) return false
    }
    return true
  }

  [Hash.symbol](): number {
    let hash = Hash.string("HttpFields")
    for (let i = 0; i < size(this); i++) {
      hash = hash * 31 ^ Hash.string(name(this, i).toLowerCase())
      hash = hash * 31 ^ Hash.string(value(this, i))
    }
    return Hash.cached(this, Hash.optimize(hash))
  }

  toJSON(): unknown {
    return { _id: "HttpFields", fields: entries(redact(this, redactedNames)) }
  }

  toString(): string {
    return Inspectable.format(this.toJSON())
  }

  [Inspectable.NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  pipe() {
    return Pipeable.pipeArguments(this, arguments)
  }
}

/** A list of two arrays of the same length. */
export class Fields extends AnyFields {
  readonly names: ReadonlyArray<string>
  readonly values: ReadonlyArray<string>

  constructor(names: ReadonlyArray<string>, values: ReadonlyArray<string>) {
    super()
    this.names = names
    this.values = values
  }
}

/**
 * The bits of a `span` that are its length. The other 18 are its start, so that V8 stores a span in
 * arrays as a small integer.
 */
const lengthBits = 12

/** The bounds of offsets and lengths, exclusive. */
export const spanLimits = { offset: 1 << 18, length: 1 << lengthBits } as const

/**
 * Encodes a part of a text as one number. It takes half the memory of two, and every response has
 * many.
 */
export const span = (start: number, end: number): number => (start << lengthBits) | (end - start)

const spanStart = (span: number): number => span >> lengthBits

const spanLength = (span: number): number => span & (spanLimits.length - 1)

const cut = (text: string, span: number): string => text.slice(spanStart(span), spanStart(span) + spanLength(span))

/** Returns the strings of every second span. */
const everySecond = (text: string, spans: ReadonlyArray<number>, first: 0 | 1): ReadonlyArray<string> => {
  const strings: Array<string> = []
  for (let i = first; i < spans.length; i += 2) strings.push(cut(text, spans[i] as number))
  return strings
}

/**
 * The fields of a parsed head: its text, and a span for each name and each value in turn.
 *
 * Strings are created on demand. Most of a head is never read, and creating all strings costs as
 * much as finding their positions. Names are compared in place.
 */
export class ParsedFields extends AnyFields {
  // Not `#private`, because a comparison by properties would then treat any two lists of this form
  // as equal.
  readonly text: string
  readonly spans: ReadonlyArray<number>
  madeNames: ReadonlyArray<string> | undefined
  madeValues: ReadonlyArray<string> | undefined

  constructor(text: string, spans: ReadonlyArray<number>) {
    super()
    this.text = text
    this.spans = spans
    this.madeNames = undefined
    this.madeValues = undefined
  }

  get names(): ReadonlyArray<string> {
    return this.madeNames ??= everySecond(this.text, this.spans, 0)
  }

  get values(): ReadonlyArray<string> {
    return this.madeValues ??= everySecond(this.text, this.spans, 1)
  }

  get size(): number {
    return this.spans.length / 2
  }

  name(index: number): string {
    return this.madeNames?.[index] ?? cut(this.text, this.spans[index * 2] as number)
  }

  value(index: number): string {
    return this.madeValues?.[index] ?? cut(this.text, this.spans[index * 2 + 1] as number)
  }

  indexOf(wanted: string, from: number): number {
    const spans = this.spans
    const text = this.text
    for (let i = from * 2; i < spans.length; i += 2) {
      const span = spans[i] as number
      if (spanLength(span) === wanted.length && isAtIgnoreCase(text, spanStart(span), wanted)) return i / 2
    }
    return -1
  }
}

/** Returns the number of lines, without creating strings of them. */
export const size = (self: Lines): number => self instanceof ParsedFields ? self.size : self.names.length

/** Returns the name at an index, which must be below the size. Creates no other string. */
export const name = (self: Lines, index: number): string =>
  self instanceof ParsedFields ? self.name(index) : self.names[index] as string

/** Returns the value at an index, which must be below the size. Creates no other string. */
export const value = (self: Lines, index: number): string =>
  self instanceof ParsedFields ? self.value(index) : self.values[index] as string

export const redactedNames: ReadonlyArray<string> = Object.freeze([
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-api-key"
])

export const isFields = (u: unknown): u is AnyFields => typeof u === "object" && u !== null && TypeId in u

export const empty: AnyFields = new Fields(Object.freeze([]), Object.freeze([]))

/**
 * Returns the text of a value; bytes become ISO-8859-1, so that they are sent unchanged. A value
 * that the types forbid is returned unchanged, and is refused when the list is sent. `String` of it
 * would send `null`, or any text that the value's code returns. `NaN` and the infinities stay
 * numbers, because their text would be sent as an intended value.
 */
export const textOf = (value: Value): string =>
  isBytes(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("latin1")
    : typeof value === "number" && Number.isFinite(value)
    ? String(value)
    : value as string

export const fromEntries = (lines: Iterable<readonly [name: string, value: Value]>): AnyFields => {
  const names: Array<string> = []
  const values: Array<string> = []
  for (const line of lines) {
    // Untyped code may pass something that is not a pair. It becomes a name that is refused when
    // the list is sent.
    const [name, value] = Array.isArray(line) ? line as readonly [string, Value] : [line as unknown as string, ""]
    names.push(name)
    values.push(textOf(value))
  }
  return new Fields(names, values)
}

export const fromRecord = (record: Readonly<Record<string, Value | ReadonlyArray<Value> | undefined>>): AnyFields => {
  const names: Array<string> = []
  const values: Array<string> = []
  for (const name of Object.keys(record)) {
    const given = record[name]
    if (given === undefined) continue
    for (const value of Array.isArray(given) ? given as ReadonlyArray<Value> : [given as Value]) {
      names.push(name)
      values.push(textOf(value))
    }
  }
  return new Fields(names, values)
}

const indexOf = (self: Lines, wanted: string, from: number): number => {
  // Untyped code may pass any value; no field has such a name.
  if (typeof wanted !== "string") return -1
  if (self instanceof ParsedFields) return self.indexOf(wanted, from)
  const names = self.names
  for (let i = from; i < names.length; i++) if (equalsIgnoreCase(name(self, i), wanted)) return i
  return -1
}

export const has = (self: Lines, wanted: string): boolean => indexOf(self, wanted, 0) !== -1

/** Returns the combined value, without an allocation if the field has one line. */
export const get = (self: Lines, wanted: string): string | undefined => {
  const first = indexOf(self, wanted, 0)
  if (first === -1) return undefined
  let combined = value(self, first)
  let next = indexOf(self, wanted, first + 1)
  // A cookie's value may contain a comma, so lines of Set-Cookie cannot be joined (RFC 9110 section
  // 5.3).
  if (next === -1 || equalsIgnoreCase(wanted, "set-cookie")) return combined
  for (; next !== -1; next = indexOf(self, wanted, next + 1)) combined += ", " + value(self, next)
  return combined
}

/** Returns the value of the first line. */
const first = (self: Lines, wanted: string): string | undefined => {
  const index = indexOf(self, wanted, 0)
  return index === -1 ? undefined : value(self, index)
}

export const getAll = (self: Lines, wanted: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let i = indexOf(self, wanted, 0); i !== -1; i = indexOf(self, wanted, i + 1)) found.push(value(self, i))
  return found
}

export const entries = (self: Lines): ReadonlyArray<Entry> => self.names.map((name, i) => [name, value(self, i)])

export const set = (self: Lines, wanted: string, given: Value): AnyFields => {
  const names: Array<string> = []
  const values: Array<string> = []
  let placed = false
  for (let i = 0; i < self.names.length; i++) {
    const same = typeof wanted === "string" && equalsIgnoreCase(name(self, i), wanted)
    if (same && placed) continue
    placed ||= same
    names.push(same ? wanted : name(self, i))
    values.push(same ? textOf(given) : value(self, i))
  }
  return placed ? new Fields(names, values) : append(self, wanted, given)
}

export const append = (self: Lines, name: string, value: Value): AnyFields =>
  new Fields([...self.names, name], [...self.values, textOf(value)])

const without = (self: Lines, dropped: (name: string) => boolean): AnyFields => {
  const names: Array<string> = []
  const values: Array<string> = []
  for (let i = 0; i < self.names.length; i++) {
    if (dropped(name(self, i))) continue
    names.push(name(self, i))
    values.push(value(self, i))
  }
  return new Fields(names, values)
}

export const remove = (self: Lines, wanted: string): AnyFields =>
  without(self, (name) => typeof wanted === "string" && equalsIgnoreCase(name, wanted))

export const merge = (self: Lines, that: Lines): AnyFields => {
  const kept = without(self, (name) => has(that, name))
  return new Fields([...kept.names, ...that.names], [...kept.values, ...that.values])
}

const matches = (name: string, pattern: string | RegExp): boolean =>
  // `search`, because `test` with a global expression remembers its last position.
  typeof pattern === "string" ? equalsIgnoreCase(name, pattern) : name.toLowerCase().search(pattern) !== -1

export const redact = (self: Lines, patterns: ReadonlyArray<string | RegExp>): AnyFields =>
  new Fields(
    self.names,
    self.names.map((name, i) => patterns.some((pattern) => matches(name, pattern)) ? "<redacted>" : value(self, i))
  )

// Two lines of Content-Type contradict each other and their join is not a media type. The first
// counts, as in `http.client`.
export const contentType = (self: Lines): MediaType | undefined => {
  const text = first(self, "content-type")
  return text === undefined ? undefined : mediaType.parse(text)
}

/**
 * The last Content-Type whose charset was requested, because most responses of a server have the
 * same one.
 */
let lastType = ""
let lastCharset: string | undefined

export const contentCharset = (self: Lines): string | undefined => {
  const text = first(self, "content-type")
  if (text === undefined) return undefined
  if (text !== lastType) {
    // A copy, because a slice of a head retains the whole head.
    lastType = Buffer.from(text, "latin1").toString("latin1")
    const charset = mediaType.parse(lastType)?.parameters.get("charset")?.toLowerCase()
    lastCharset = charset === "" ? undefined : charset
  }
  return lastCharset
}
