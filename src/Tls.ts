/**
 * TLS options, and what a handshake negotiated.
 *
 * By default the certificate is checked, and SNI and ALPN (`http/1.1`) are sent.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Inspectable from "effect/Inspectable"
import * as Predicate from "effect/Predicate"
import { InvalidOption } from "./internal/error/request.ts"

/**
 * Options of TLS, named as in OpenSSL and Node: `ssl.SSLContext` in `http.client`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * The name sent in SNI and checked against the certificate. Default: the host (no SNI if that is
   * an address).
   */
  readonly serverName?: string | undefined
  /** PEM certificates to trust instead of the system's. */
  readonly ca?: string | ReadonlyArray<string> | undefined
  /** PEM certificate chain of the client. */
  readonly cert?: string | undefined
  /** PEM private key of the client. Never shown in errors or logs. */
  readonly key?: string | undefined
  /** Passphrase of `key`. Never shown in errors or logs. */
  readonly passphrase?: string | undefined
  /** PEM revocation lists. */
  readonly crl?: string | ReadonlyArray<string> | undefined
  /** Lowest version. Default: `TLSv1.2`. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3" | undefined
  /** Highest version. Default: `TLSv1.3`. */
  readonly maxVersion?: "TLSv1.2" | "TLSv1.3" | undefined
  /** OpenSSL cipher list. Default: Node's. */
  readonly ciphers?: string | undefined
  /** Protocols offered in ALPN; an empty list sends none. Default: `["http/1.1"]`. */
  readonly alpn?: ReadonlyArray<"http/1.1" | "http/1.0"> | undefined
  /**
   * True if the certificate must be valid and match the host. Default: `true`. With `false` any
   * intermediary can read and change everything, so use it only in tests.
   */
  readonly verify?: boolean | undefined
}

/**
 * The result of a handshake.
 *
 * @since 0.1.0
 * @category models
 */
export interface Info {
  /** The TLS version, such as `TLSv1.3`. */
  readonly version: string
  readonly cipher: string
  /** The protocol that the server chose in ALPN, if any. */
  readonly alpn: string | undefined
  /** True if the certificate was checked and is valid. */
  readonly verified: boolean
}

type Field = keyof Options

/** The kind of value of each option. */
const kinds: { readonly [K in Field]-?: "text" | "flag" | "list" | "pem" } = {
  serverName: "text",
  ca: "pem",
  cert: "text",
  key: "text",
  passphrase: "text",
  crl: "pem",
  minVersion: "text",
  maxVersion: "text",
  ciphers: "text",
  alpn: "list",
  verify: "flag"
}

const rules = {
  text: "it must be a string",
  flag: "it must be true or false",
  list: "it must be a list of strings",
  pem: "it must be a string or a list of strings"
}

/**
 * Values that equal the default, as JSON. An empty `ca` is not one of them, because it trusts no
 * certificate.
 */
const defaults: { readonly [K in Field]?: string } = {
  minVersion: "\"TLSv1.2\"",
  maxVersion: "\"TLSv1.3\"",
  alpn: "[\"http/1.1\"]",
  verify: "true"
}

const fields = Object.keys(kinds) as ReadonlyArray<Field>

const frozen = <A>(list: ReadonlyArray<A>): ReadonlyArray<A> => Object.freeze([...list])

/** An immutable copy that shows only which options are set. */
class Snapshot implements Readonly<Record<Field, unknown>> {
  readonly serverName: Options["serverName"]
  readonly ca: Options["ca"]
  readonly cert: Options["cert"]
  readonly key: Options["key"]
  readonly passphrase: Options["passphrase"]
  readonly crl: Options["crl"]
  readonly minVersion: Options["minVersion"]
  readonly maxVersion: Options["maxVersion"]
  readonly ciphers: Options["ciphers"]
  readonly alpn: Options["alpn"]
  readonly verify: Options["verify"]

  constructor(given: Options) {
    const { alpn, ca, crl } = given
    this.serverName = given.serverName
    this.ca = typeof ca === "object" ? frozen(ca) : ca
    this.cert = given.cert
    this.key = given.key
    this.passphrase = given.passphrase
    this.crl = typeof crl === "object" ? frozen(crl) : crl
    this.minVersion = given.minVersion
    this.maxVersion = given.maxVersion
    this.ciphers = given.ciphers
    this.alpn = typeof alpn === "object" ? frozen(alpn) : alpn
    this.verify = given.verify
    Object.freeze(this)
  }

  toJSON(): unknown {
    return { _id: "Tls.Options", set: fields.filter((field) => this[field] !== undefined) }
  }

  [Inspectable.NodeInspectSymbol](): unknown {
    return this.toJSON()
  }
}

const isList = (value: unknown): boolean => Array.isArray(value) && value.every(Predicate.isString)

const isOfKind = (field: Field, value: unknown): boolean => {
  switch (kinds[field]) {
    case "text":
      return typeof value === "string"
    case "flag":
      return typeof value === "boolean"
    case "list":
      return isList(value)
    case "pem":
      return typeof value === "string" || isList(value)
  }
}

/**
 * Immutable options, and their part of a connection key. Options with the same content have the
 * same key, and others a different one. The key is empty if all options equal the defaults.
 *
 * @internal
 */
export interface Keyed {
  readonly options: Options
  readonly mark: string
}

/** Returns the complete content of the options as text. */
const textOf = (options: Snapshot): string | InvalidOption => {
  let text = ""
  for (const field of fields) {
    const value = options[field]
    if (value === undefined) continue
    if (!isOfKind(field, value)) return new InvalidOption({ option: `tls.${field}`, reason: rules[kinds[field]] })
    // A single PEM text and a list of it mean the same.
    const json = JSON.stringify(kinds[field] === "pem" && typeof value === "string" ? [value] : value)
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
 *
 * @internal
 */
export const keyed = (given: Options): Keyed | InvalidOption => {
  if (!Predicate.isRecord(given)) {
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
