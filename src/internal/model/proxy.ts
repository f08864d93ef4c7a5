/**
 * Proxies: checks and stores their parts, and derives the fields that are sent to them. Errors are
 * values here.
 *
 * Opens nothing and reads no environment. Credentials and fields of a proxy are for the proxy
 * alone. No inspection shows their values, and no error repeats them.
 */
import * as Either from "effect/Either"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import * as Inspectable from "effect/Inspectable"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as HttpFields from "../../HttpFields.ts"
import { InvalidOption, InvalidUrl } from "../error/request.ts"
import { bracketed, checkPort, parseHostPort } from "../syntax/host.ts"
import { describeCharacter, invalidTokenAt, invalidValueAt, shownName } from "../syntax/token.ts"

export const TypeId: unique symbol = Symbol.for("effect-http-client/Proxy") as never

export type TypeId = typeof TypeId

export interface Credentials {
  readonly username: Redacted.Redacted
  readonly password: Redacted.Redacted
}

export interface Parts {
  readonly host: string
  readonly port?: number | undefined
  readonly credentials?: {
    readonly username: string | Redacted.Redacted
    readonly password: string | Redacted.Redacted
  } | undefined
  readonly headers?: HttpFields.Input | undefined
}

const base64 = (text: string): string =>
  btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""))

/** The public view of a proxy. */
export interface Proxy extends Equal.Equal, Inspectable.Inspectable {
  readonly [TypeId]: TypeId
  readonly host: string
  readonly port: number
  readonly credentials: Credentials | undefined
  readonly headers: HttpFields.HttpFields
}

class Checked implements Proxy {
  readonly host: string
  readonly port: number
  // Private, like the options of an origin.
  readonly #credentials: Credentials | undefined
  readonly #headers: HttpFields.HttpFields
  #fields: HttpFields.HttpFields | undefined
  #key: string | undefined

  constructor(host: string, port: number, credentials: Credentials | undefined, headers: HttpFields.HttpFields) {
    this.host = host
    this.port = port
    this.#credentials = credentials
    this.#headers = headers
    this.#fields = undefined
    this.#key = undefined
  }

  get [TypeId](): TypeId {
    return TypeId
  }

  get credentials(): Credentials | undefined {
    return this.#credentials
  }

  get headers(): HttpFields.HttpFields {
    return this.#headers
  }

  [Equal.symbol](that: unknown): boolean {
    return this === that || (isProxy(that) && keyOf(this) === keyOf(that))
  }

  [Hash.symbol](): number {
    return Hash.cached(this, Hash.string(keyOf(this)))
  }

  toJSON(): unknown {
    const { credentials, headers, host, port } = this
    return {
      _id: "Proxy",
      host,
      port,
      ...(credentials === undefined ? undefined : { credentials: "<redacted>" }),
      ...(headers.names.length === 0 ? undefined : { headers: headers.names })
    }
  }

  toString(): string {
    return `http://${bracketed(this.host)}:${this.port}`
  }

  [Inspectable.NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  static key(proxy: Checked): string {
    return proxy.#key ??= JSON.stringify([
      proxy.host,
      proxy.port,
      proxy.#credentials === undefined ? null : Redacted.value(proxy.#credentials.username),
      proxy.#credentials === undefined ? null : Redacted.value(proxy.#credentials.password),
      proxy.#headers.names,
      proxy.#headers.values
    ])
  }

  /** Basic authentication (RFC 7617), with the charset that its section 2.1 recommends. */
  static fields(proxy: Checked): HttpFields.HttpFields {
    const { credentials, headers } = proxy
    return proxy.#fields ??= credentials === undefined ? headers : HttpFields.append(
      headers,
      "Proxy-Authorization",
      `Basic ${base64(`${Redacted.value(credentials.username)}:${Redacted.value(credentials.password)}`)}`
    )
  }
}

export const isProxy = (u: unknown): u is Proxy => u instanceof Checked

/** Throws for a proxy of another copy of this library, which the types exclude. */
const checked = (proxy: Proxy): Checked => {
  if (proxy instanceof Checked) return proxy
  throw new TypeError("This is no proxy of this copy of effect-http-client: make it with Proxy.make or Proxy.fromUrl")
}

export const keyOf = (proxy: Proxy): string => Checked.key(checked(proxy))

export const fieldsOf = (proxy: Proxy): HttpFields.HttpFields => Checked.fields(checked(proxy))

const invalidUrl = (part: InvalidUrl["part"], reason: string): InvalidUrl => new InvalidUrl({ part, reason })

const invalidOption = (option: string, reason: string): InvalidOption => new InvalidOption({ option, reason })

/**
 * True if a proxy can read the text correctly: RFC 7617 section 2 allows no control characters, and
 * UTF-8 has no half pairs.
 */
const isReadable = (text: string): boolean => !/[\p{Cc}\p{Surrogate}]/u.test(text)

const textOf = (given: unknown): string | undefined => {
  const text = Redacted.isRedacted(given) ? Redacted.value(given) : given
  return typeof text === "string" && isReadable(text) ? text : undefined
}

const checkCredentials = (given: NonNullable<Parts["credentials"]>): Credentials | InvalidOption => {
  if (!Predicate.isRecord(given)) {
    return invalidOption("proxy.credentials", "it must be a record with username and password")
  }
  const username = textOf(given.username)
  const password = textOf(given.password)
  if (username === undefined || password === undefined) {
    const which = username === undefined ? "username" : "password"
    return invalidOption(`proxy.credentials.${which}`, "it must be a string without control characters")
  }
  // A proxy would read the rest as the beginning of the password (RFC 7617 section 2).
  if (username.includes(":")) return invalidOption("proxy.credentials.username", "it has a colon")
  return { username: Redacted.make(username), password: Redacted.make(password) }
}

/** Fields for the framing or routing of a message. The caller must not set them for a proxy. */
const managedNames: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade"
])

const checkHeaders = (headers: HttpFields.HttpFields, credentials: boolean): InvalidOption | undefined => {
  for (const [name, value] of headers) {
    if (invalidTokenAt(name) >= 0) {
      return invalidOption("proxy.headers", `the field name ${JSON.stringify(shownName(name))} is not a token`)
    }
    const offset = invalidValueAt(value)
    if (offset >= 0) {
      const what = describeCharacter(value, offset)
      return invalidOption("proxy.headers", `the value of ${JSON.stringify(name)} has ${what} at offset ${offset}`)
    }
    if (managedNames.has(name.toLowerCase())) {
      return invalidOption("proxy.headers", `the field ${JSON.stringify(name)} is set by the library`)
    }
    if (credentials && name.toLowerCase() === "proxy-authorization") {
      return invalidOption("proxy.headers", "it has Proxy-Authorization, and there are credentials as well")
    }
  }
  return undefined
}

const readHeaders = (given: HttpFields.Input | undefined): HttpFields.HttpFields | InvalidOption =>
  given === undefined ? HttpFields.empty : Either.merge(Either.try({
    try: () => HttpFields.fromInput(given),
    catch: (error) =>
      invalidOption("proxy.headers", `reading it failed (${error instanceof Error ? error.name : typeof error})`)
  }))

const build = (host: string, port: number, parts: Omit<Parts, "host" | "port">): Proxy | InvalidOption => {
  const credentials = parts.credentials === undefined ? undefined : checkCredentials(parts.credentials)
  if (credentials instanceof InvalidOption) return credentials
  const headers = readHeaders(parts.headers)
  if (headers instanceof InvalidOption) return headers
  return checkHeaders(headers, credentials !== undefined) ?? new Checked(host, port, credentials, headers)
}

export const make = (parts: Parts): Proxy | InvalidUrl | InvalidOption => {
  if (!Predicate.isRecord(parts)) return invalidOption("proxy", "it must be a record with a host")
  const { host, port } = parts
  if (typeof host !== "string") return invalidUrl("host", "it is not a string")
  const parsed = parseHostPort(host, "option")
  if (parsed instanceof InvalidUrl) return parsed
  if (port !== undefined && parsed.port !== undefined) {
    return invalidUrl("host", "it has a port, and the port is given on its own as well")
  }
  const number = port === undefined ? parsed.port ?? 80 : checkPort(port)
  return typeof number === "number" ? build(parsed.host, number, parts) : number
}

const schemeError = (scheme: string): InvalidOption | undefined => {
  if (scheme === "http") return undefined
  return invalidOption(
    "proxy",
    /^socks[0-9a-z]*$/.test(scheme)
      ? "SOCKS proxies are not supported; use an HTTP proxy, whose URL begins with http://"
      : scheme === "https"
      ? "proxies over TLS are not supported; the URL of a proxy begins with http://"
      : "the URL of a proxy begins with http://"
  )
}

const decode = (text: string): string | InvalidUrl =>
  Either.merge(Either.try({
    try: () => decodeURIComponent(text),
    catch: () => invalidUrl("userinfo", "its percent-encoding is broken; write a percent sign as %25")
  }))

const parseUserinfo = (userinfo: string): { readonly username: string; readonly password: string } | InvalidUrl => {
  const colon = userinfo.indexOf(":")
  const username = decode(colon === -1 ? userinfo : userinfo.slice(0, colon))
  if (typeof username !== "string") return username
  const password = colon === -1 ? "" : decode(userinfo.slice(colon + 1))
  return typeof password === "string" ? { username, password } : password
}

/** Parses `http://user:password@proxy:3128`. As in curl, the default scheme is `http`. */
export const fromUrl = (
  url: string | URL,
  headers: HttpFields.Input | undefined
): Proxy | InvalidUrl | InvalidOption => {
  const text = url instanceof URL ? url.href : url
  if (typeof text !== "string") return invalidUrl("url", "it is not a string")
  const refused = /[\0-\x20\x7f]/.exec(text)
  if (refused !== null) return invalidUrl("url", `it has a space or control character at offset ${refused.index}`)
  const prefix = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)
  const wrong = schemeError(prefix?.[1]?.toLowerCase() ?? "http")
  if (wrong !== undefined) return wrong
  const rest = text.slice(prefix?.[0].length ?? 0)
  const end = rest.search(/[/?#]/)
  if (end !== -1 && rest.slice(end) !== "/") {
    return invalidUrl("url", "a proxy has no path, query or fragment; percent-encode what belongs to the password")
  }
  const authority = end === -1 ? rest : rest.slice(0, end)
  // The last one, as in `URL`: a password may contain an unencoded @.
  const at = authority.lastIndexOf("@")
  const parsed = parseHostPort(authority.slice(at + 1), "url")
  if (parsed instanceof InvalidUrl) return parsed
  const credentials = at <= 0 || authority.slice(0, at) === ":" ? undefined : parseUserinfo(authority.slice(0, at))
  if (credentials instanceof InvalidUrl) return credentials
  return build(parsed.host, parsed.port ?? 80, { credentials, headers })
}
