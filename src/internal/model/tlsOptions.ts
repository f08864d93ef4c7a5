/**
 * Immutable copies of TLS options, and their part of a connection key.
 *
 * Pure. Checks only the kind of each value; `node/tls.ts` and OpenSSL interpret the options.
 */
import * as Either from "effect/Either"
import * as Inspectable from "effect/Inspectable"
import * as Predicate from "effect/Predicate"
import type { Input, Options } from "../../Tls.ts"
import { InvalidOption } from "../error/request.ts"
import { isSource, markOf } from "./source.ts"

type Field = keyof Options

/** The kinds of values, each with its rule for messages. */
const rules = {
  text: "it must be a string",
  base64: "it must be a string of base64; of a Buffer, `toString(\"base64\")` makes it",
  flag: "it must be true or false",
  list: "it must be a list of strings",
  pem: "it must be a string or a list of strings",
  pins: "it must be a list of at least one pin: `sha256/` and the base64 of 32 bytes",
  function: "it must be a function",
  count: "it must be a whole number of at least 1, or false"
}

type Kind = keyof typeof rules

/** The kind of value of each option. */
const kinds: { readonly [K in Field]-?: Kind } = {
  serverName: "text",
  ca: "pem",
  caSystem: "flag",
  cert: "text",
  key: "text",
  passphrase: "text",
  pfx: "base64",
  crl: "pem",
  minVersion: "text",
  maxVersion: "text",
  ciphers: "text",
  ecdhCurve: "text",
  sigalgs: "text",
  alpn: "list",
  verify: "flag",
  pins: "pins",
  keylog: "function",
  sessions: "count"
}

/**
 * Values that equal the default, as JSON. An empty `ca` is not one of them, because it trusts no
 * certificate.
 */
const defaults: { readonly [K in Field]?: string } = {
  caSystem: "false",
  minVersion: "\"TLSv1.2\"",
  maxVersion: "\"TLSv1.3\"",
  alpn: "[\"http/1.1\"]",
  verify: "true",
  sessions: "100"
}

const fields = Object.keys(kinds) as ReadonlyArray<Field>

const frozen = <A>(list: ReadonlyArray<A>): ReadonlyArray<A> => Object.freeze([...list])

/** An immutable copy that shows only which options are set. */
class Snapshot implements Readonly<Record<Field, unknown>> {
  readonly serverName: Options["serverName"]
  readonly ca: Options["ca"]
  readonly caSystem: Options["caSystem"]
  readonly cert: Options["cert"]
  readonly key: Options["key"]
  readonly passphrase: Options["passphrase"]
  readonly pfx: Options["pfx"]
  readonly crl: Options["crl"]
  readonly minVersion: Options["minVersion"]
  readonly maxVersion: Options["maxVersion"]
  readonly ciphers: Options["ciphers"]
  readonly ecdhCurve: Options["ecdhCurve"]
  readonly sigalgs: Options["sigalgs"]
  readonly alpn: Options["alpn"]
  readonly verify: Options["verify"]
  readonly pins: Options["pins"]
  readonly keylog: Options["keylog"]
  readonly sessions: Options["sessions"]

  constructor(given: Options) {
    const { alpn, ca, crl, pins } = given
    this.serverName = given.serverName
    this.ca = typeof ca === "object" ? frozen(ca) : ca
    this.caSystem = given.caSystem
    this.cert = given.cert
    this.key = given.key
    this.passphrase = given.passphrase
    this.pfx = given.pfx
    this.crl = typeof crl === "object" ? frozen(crl) : crl
    this.minVersion = given.minVersion
    this.maxVersion = given.maxVersion
    this.ciphers = given.ciphers
    this.ecdhCurve = given.ecdhCurve
    this.sigalgs = given.sigalgs
    this.alpn = typeof alpn === "object" ? frozen(alpn) : alpn
    this.verify = given.verify
    this.pins = typeof pins === "object" ? frozen(pins) : pins
    this.keylog = given.keylog
    this.sessions = given.sessions
    Object.freeze(this)
  }

  toJSON(): unknown {
    return { _id: "Tls.Options", set: fields.filter((field) => this[field] !== undefined) }
  }

  [Inspectable.NodeInspectSymbol](): unknown {
    return this.toJSON()
  }
}

const isList = (value: unknown): value is ReadonlyArray<string> =>
  Array.isArray(value) && value.every(Predicate.isString)

/** True for base64 in the alphabet of RFC 4648 section 4; line breaks are allowed, as in files. */
export const isBase64 = (value: unknown): value is string =>
  typeof value === "string" && /^[A-Za-z0-9+/=\s]+$/.test(value)

/** True for `sha256/` and 32 bytes in canonical base64. */
const isPin = (value: string): boolean =>
  /^sha256\/[A-Za-z0-9+/]{43}=$/.test(value)
  && Buffer.from(value.slice(7), "base64").toString("base64") === value.slice(7)

/** True for a list of pins that can match. */
export const isPins = (value: unknown): value is ReadonlyArray<string> =>
  isList(value) && value.length > 0 && value.every(isPin)

const isOf: { readonly [K in Kind]: (value: unknown) => boolean } = {
  text: Predicate.isString,
  base64: isBase64,
  flag: Predicate.isBoolean,
  list: isList,
  pem: (value) => typeof value === "string" || isList(value),
  pins: isPins,
  function: Predicate.isFunction,
  count: (value) => value === false || (Number.isSafeInteger(value) && (value as number) > 0)
}

/**
 * Immutable options, and their part of a connection key. Options with the same content have the
 * same key, and others a different one. The key is empty if all options equal the defaults.
 */
export interface Keyed {
  readonly options: Options
  readonly mark: string
}

// Functions are compared by identity. A number is never reused.
const numbers = new WeakMap<object, number>()
let functions = 0

const numberOf = (value: object): number => {
  const known = numbers.get(value)
  if (known !== undefined) return known
  numbers.set(value, ++functions)
  return functions
}

/** Returns a value as text. A single PEM text and a list of it mean the same. */
const asJson = (field: Field, value: unknown): string =>
  typeof value === "function"
    ? String(numberOf(value))
    : JSON.stringify(kinds[field] === "pem" && typeof value === "string" ? [value] : value)

/** Returns the complete content of the options as text. */
const textOf = (options: Snapshot): string | InvalidOption => {
  let text = ""
  for (const field of fields) {
    const value = options[field]
    if (value === undefined) continue
    const kind = kinds[field]
    if (!isOf[kind](value)) return new InvalidOption({ option: `tls.${field}`, reason: rules[kind] })
    const json = asJson(field, value)
    if (json !== defaults[field]) text += `"${field}":${json},`
  }
  return text
}

// A number represents the text in keys, because the text may have kilobytes to hash for each
// request, and holds secrets. It belongs to all records with the same content while one of them or
// an origin is alive, and is never reused.
const kept = new Map<string, WeakRef<Keyed>>()
const forgotten = new FinalizationRegistry<string>((text) => {
  if (kept.get(text)?.deref() === undefined) kept.delete(text)
})
let marks = 0

const keep = (options: Snapshot): Keyed | InvalidOption => {
  const text = textOf(options)
  if (text instanceof InvalidOption) return text
  const before = kept.get(text)?.deref()
  if (before !== undefined) return before
  const made = { options, mark: text === "" ? "" : String(++marks) }
  kept.set(text, new WeakRef(made))
  forgotten.register(made, text)
  return made
}

// By identity, so that a caller that passes the same record for every request pays once. Changing a
// record after its first use has no effect, so key and connection always agree.
const known = new WeakMap<Options, Keyed>()

/**
 * Stores options for an origin. Options with the same content become one record, so that they share
 * the TLS context. Unknown names in a record are dropped.
 */
export const keyed = (given: Options): Keyed | InvalidOption => {
  // An Effect is a record too, with none of the options.
  if (!Predicate.isRecord(given) || isSource(given)) {
    return new InvalidOption({ option: "tls", reason: "it must be a record of options" })
  }
  const before = known.get(given)
  if (before !== undefined) return before
  const made = Either.merge(Either.try({
    try: () => keep(new Snapshot(given)),
    catch: (error) =>
      new InvalidOption({
        option: "tls",
        reason: `reading it failed (${error instanceof Error ? error.name : typeof error})`
      })
  }))
  if (made instanceof InvalidOption) return made
  known.set(given, made)
  known.set(made.options, made)
  return made
}

/** The options of a connection that was given none. */
export const defaultOptions: Options = (keyed({}) as Keyed).options

/** Returns the same for a value that may be a source of options. */
export const keyedInput = (
  given: Input
): { readonly options: Input; readonly mark: string } | InvalidOption =>
  isSource(given) ? { options: given, mark: markOf(given) } : keyed(given as Options)
