/**
 * The field list behind `HttpFields`: two parallel arrays and the functions over them.
 *
 * Lookup is linear and case-insensitive. Heads have some ten lines, so an index would cost more than it saves; and there is
 * no object keyed by names, because `__proto__` is a legal field name.
 */
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import * as Inspectable from "effect/Inspectable"
import * as Pipeable from "effect/Pipeable"
import { equalsIgnoreCase } from "./syntax/ascii.ts"
import type { MediaType } from "./syntax/mediaType.ts"
import * as mediaType from "./syntax/mediaType.ts"

export const TypeId: unique symbol = Symbol.for("effect-http-client/HttpFields") as never

export type TypeId = typeof TypeId

export type Entry = readonly [name: string, value: string]

export type Value = string | number

/** What the functions here need of a field list. */
export interface Lines {
  readonly names: ReadonlyArray<string>
  readonly values: ReadonlyArray<string>
}

export class Fields implements Pipeable.Pipeable, Inspectable.Inspectable, Equal.Equal {
  readonly [TypeId]: TypeId = TypeId
  readonly names: ReadonlyArray<string>
  readonly values: ReadonlyArray<string>

  constructor(names: ReadonlyArray<string>, values: ReadonlyArray<string>) {
    this.names = names
    this.values = values
  }

  *[Symbol.iterator](): IterableIterator<Entry> {
    for (let i = 0; i < this.names.length; i++) yield [name(this, i), value(this, i)]
  }

  [Equal.symbol](that: unknown): boolean {
    if (!(that instanceof Fields) || that.names.length !== this.names.length) return false
    for (let i = 0; i < this.names.length; i++) {
      if (value(this, i) !== value(that, i) || !equalsIgnoreCase(name(this, i), name(that, i))) return false
    }
    return true
  }

  [Hash.symbol](): number {
    let hash = Hash.string("HttpFields")
    for (let i = 0; i < this.names.length; i++) {
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

// Both arrays have the same length, and every index given to these two is below it.
const name = (self: Lines, index: number): string => self.names[index] as string
const value = (self: Lines, index: number): string => self.values[index] as string

export const redactedNames: ReadonlyArray<string> = Object.freeze([
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-api-key"
])

export const isFields = (u: unknown): u is Fields => typeof u === "object" && u !== null && TypeId in u

export const empty: Fields = new Fields(Object.freeze([]), Object.freeze([]))

/**
 * The text of a value. What the types forbid stays what it is and is refused when the list is sent: `String` of it would
 * send `null`, or whatever the value's own code says.
 */
const textOf = (value: Value): string => typeof value === "number" ? String(value) : value

export const fromEntries = (lines: Iterable<readonly [name: string, value: Value]>): Fields => {
  const names: Array<string> = []
  const values: Array<string> = []
  for (const [name, value] of lines) {
    names.push(name)
    values.push(textOf(value))
  }
  return new Fields(names, values)
}

export const fromRecord = (record: Readonly<Record<string, Value | ReadonlyArray<Value> | undefined>>): Fields => {
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
  const names = self.names
  for (let i = from; i < names.length; i++) if (equalsIgnoreCase(name(self, i), wanted)) return i
  return -1
}

export const has = (self: Lines, wanted: string): boolean => indexOf(self, wanted, 0) !== -1

/** The combined value; no allocation where the field has one line. */
export const get = (self: Lines, wanted: string): string | undefined => {
  const first = indexOf(self, wanted, 0)
  if (first === -1) return undefined
  let combined = value(self, first)
  let next = indexOf(self, wanted, first + 1)
  // A cookie's value may hold a comma, so lines of Set-Cookie cannot be joined (RFC 9110 section 5.3).
  if (next === -1 || equalsIgnoreCase(wanted, "set-cookie")) return combined
  for (; next !== -1; next = indexOf(self, wanted, next + 1)) combined += ", " + value(self, next)
  return combined
}

/** The value of the first line. */
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

export const set = (self: Lines, wanted: string, given: Value): Fields => {
  const names: Array<string> = []
  const values: Array<string> = []
  let placed = false
  for (let i = 0; i < self.names.length; i++) {
    const same = equalsIgnoreCase(name(self, i), wanted)
    if (same && placed) continue
    placed ||= same
    names.push(same ? wanted : name(self, i))
    values.push(same ? textOf(given) : value(self, i))
  }
  return placed ? new Fields(names, values) : append(self, wanted, given)
}

export const append = (self: Lines, name: string, value: Value): Fields =>
  new Fields([...self.names, name], [...self.values, textOf(value)])

const without = (self: Lines, dropped: (name: string) => boolean): Fields => {
  const names: Array<string> = []
  const values: Array<string> = []
  for (let i = 0; i < self.names.length; i++) {
    if (dropped(name(self, i))) continue
    names.push(name(self, i))
    values.push(value(self, i))
  }
  return new Fields(names, values)
}

export const remove = (self: Lines, wanted: string): Fields => without(self, (name) => equalsIgnoreCase(name, wanted))

export const merge = (self: Lines, that: Lines): Fields => {
  const kept = without(self, (name) => has(that, name))
  return new Fields([...kept.names, ...that.names], [...kept.values, ...that.values])
}

const matches = (name: string, pattern: string | RegExp): boolean =>
  // `search`, because `test` with a global expression remembers where it stopped the last time.
  typeof pattern === "string" ? equalsIgnoreCase(name, pattern) : name.toLowerCase().search(pattern) !== -1

export const redact = (self: Lines, patterns: ReadonlyArray<string | RegExp>): Fields =>
  new Fields(
    self.names,
    self.names.map((name, i) => patterns.some((pattern) => matches(name, pattern)) ? "<redacted>" : value(self, i))
  )

// Two lines of Content-Type contradict each other and their join is no media type: the first counts, as in `http.client`.
export const contentType = (self: Lines): MediaType | undefined => {
  const text = first(self, "content-type")
  return text === undefined ? undefined : mediaType.parse(text)
}

export const contentCharset = (self: Lines): string | undefined => {
  const charset = contentType(self)?.parameters.get("charset")?.toLowerCase()
  return charset === "" ? undefined : charset
}
