/**
 * Creates origins from parts and from URLs. Errors are values here; `Origin.ts` returns an
 * `Either`.
 *
 * The key of an origin contains secrets of its proxy. Only `keyOf` returns it, and no inspection
 * shows it. TLS options are opaque here: they arrive with their part of the key (`tlsOptions.ts`).
 */
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import * as Inspectable from "effect/Inspectable"
import { InvalidOption, InvalidUrl, UnsupportedScheme } from "../error/request.ts"
import { bracketed, checkPort, parseHost, parseHostPort, withoutZone } from "../syntax/host.ts"
import type { Proxy } from "./proxy.ts"
import { isProxy, keyOf as keyOfProxy } from "./proxy.ts"
import { parseSocketPath } from "./socketPath.ts"

export const TypeId: unique symbol = Symbol.for("effect-http-client/Origin") as never

export type TypeId = typeof TypeId

export type Scheme = "http" | "https"

/** TLS options and their part of a key, which is empty if they change nothing. */
export interface Keyed<T> {
  readonly options: T
  readonly mark: string
}

/** What distinguishes connections to one address. A plain origin has none. */
export interface Options<T> {
  readonly tls: Keyed<T> | undefined
  readonly proxy: Proxy | undefined
  readonly localAddress: string | undefined
}

/** The public view of an origin. */
export interface Origin<T> extends Equal.Equal, Inspectable.Inspectable {
  readonly [TypeId]: TypeId
  readonly scheme: Scheme
  readonly host: string
  readonly port: number
  readonly socketPath: string | undefined
  readonly tls: T | undefined
  readonly proxy: Proxy | undefined
  readonly localAddress: string | undefined
}

class Checked<T> implements Origin<T> {
  readonly scheme: Scheme
  readonly host: string
  readonly port: number
  readonly socketPath: string | undefined
  // Private, so that neither a spread nor an inspection without `toJSON` finds a secret.
  readonly #options: Options<T> | undefined
  #key: string | undefined
  #authority: string | undefined

  constructor(
    scheme: Scheme,
    host: string,
    port: number,
    socketPath: string | undefined,
    options: Options<T> | undefined
  ) {
    this.scheme = scheme
    this.host = host
    this.port = port
    this.socketPath = socketPath
    this.#options = options
    this.#key = undefined
    this.#authority = undefined
  }

  get [TypeId](): TypeId {
    return TypeId
  }

  get tls(): T | undefined {
    return this.#options?.tls?.options
  }

  get proxy(): Proxy | undefined {
    return this.#options?.proxy
  }

  get localAddress(): string | undefined {
    return this.#options?.localAddress
  }

  [Equal.symbol](that: unknown): boolean {
    return this === that || (isOrigin(that) && keyOf(this) === keyOf(that))
  }

  [Hash.symbol](): number {
    return Hash.cached(this, Hash.string(keyOf(this)))
  }

  toJSON(): unknown {
    const { host, localAddress, port, proxy, scheme, socketPath, tls } = this
    return {
      _id: "Origin",
      scheme,
      host,
      port,
      ...(socketPath === undefined ? undefined : { socketPath }),
      ...(tls === undefined ? undefined : { tls: true }),
      ...(proxy === undefined ? undefined : { proxy: `${bracketed(proxy.host)}:${proxy.port}` }),
      ...(localAddress === undefined ? undefined : { localAddress: true })
    }
  }

  toString(): string {
    return format(this)
  }

  [Inspectable.NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  static authority(origin: Checked<unknown>): string {
    return origin.#authority ??= authorityOf(origin)
  }

  static key(origin: Checked<unknown>): string {
    return origin.#key ??= Checked.#makeKey(origin)
  }

  /**
   * Builds an unambiguous key: a port has no colon and a host no space, and JSON delimits itself.
   */
  static #makeKey(origin: Checked<unknown>): string {
    const plain = `${origin.scheme}://${origin.host}:${origin.port}`
    const options = origin.#options
    if (options === undefined && origin.socketPath === undefined) return plain
    const { localAddress, proxy, tls } = options ?? none
    return `${plain} ${JSON.stringify([origin.socketPath ?? null, localAddress ?? null])} ${tls?.mark ?? "null"} ${
      proxy === undefined ? "null" : keyOfProxy(proxy)
    }`
  }
}

const none: Options<never> = { tls: undefined, proxy: undefined, localAddress: undefined }

export const isOrigin = (u: unknown): u is Checked<unknown> => u instanceof Checked

export const keyOf = (origin: Origin<unknown>): string => {
  if (origin instanceof Checked) return Checked.key(origin)
  // Excluded by the types.
  throw new TypeError(
    "This is no origin of this copy of effect-http-client: make it with Origin.make or Origin.fromUrl"
  )
}

/** Returns the value of the Host field of requests to an origin. */
export const authority = (origin: Origin<unknown>): string =>
  origin instanceof Checked ? Checked.authority(origin) : authorityOf(origin)

export const hostPort = ({ host, port }: Pick<Origin<unknown>, "host" | "port">): string =>
  `${bracketed(withoutZone(host))}:${port}`

const authorityOf = (origin: Origin<unknown>): string =>
  origin.port === defaultPort(origin.scheme) ? bracketed(withoutZone(origin.host)) : hostPort(origin)

export const format = (origin: Pick<Origin<unknown>, "scheme" | "host" | "port" | "socketPath">): string =>
  origin.socketPath === undefined
    ? `${origin.scheme}://${bracketed(origin.host)}:${origin.port}`
    : `unix:${origin.socketPath}`

/** An origin and the target of the request line. */
export class ParsedUrl<T> {
  readonly origin: Origin<T>
  readonly target: string

  constructor(origin: Origin<T>, target: string) {
    this.origin = origin
    this.target = target
  }
}

/**
 * The plain, checked origins of recent URLs, by the text before the path. A service asks for few
 * origins repeatedly, and parsing a host costs more than the rest of a URL.
 */
const known = new Map<string, Checked<never>>()

/** Some 300 bytes each. */
const knownOrigins = 1000

/** Parses and caches the origin of the text before the path. */
const parseAndCache = (start: string, schemeEnd: number): Checked<never> | InvalidUrl => {
  // A copy, because every slice of a URL retains all of it, with a query that may be long or
  // secret.
  const own = Buffer.from(start).toString()
  const scheme = schemeEnd === 7 ? "http" : "https"
  const parsed = parseHostPort(own.slice(schemeEnd), "url")
  if (parsed instanceof InvalidUrl) return parsed
  const origin = new Checked<never>(scheme, parsed.host, parsed.port ?? defaultPort(scheme), undefined, undefined)
  if (known.size >= knownOrigins) known.clear()
  known.set(own, origin)
  return origin
}

export interface Parts {
  readonly scheme: Scheme
  readonly host: string
  readonly port?: number | undefined
  readonly socketPath?: string | undefined
}

/** Returns the default port of a scheme (RFC 9110 sections 4.2.1 and 4.2.2). */
export const defaultPort = (scheme: Scheme): number => scheme === "https" ? 443 : 80

const invalid = (part: InvalidUrl["part"], reason: string): InvalidUrl => new InvalidUrl({ part, reason })

const invalidOption = (option: string, reason: string): InvalidOption => new InvalidOption({ option, reason })

/** Parses an address into canonical form. A name might resolve to several addresses. */
export const parseLocalAddress = (text: string): string | InvalidOption => {
  const wrong = invalidOption("localAddress", "it is not an IP address")
  if (typeof text !== "string") return wrong
  const host = parseHost(text)
  if (host instanceof InvalidUrl) return wrong
  return host.includes(":") || /^[0-9]+(?:\.[0-9]+){3}$/.test(host) ? host : wrong
}

const checkOptions = <T>(
  scheme: Scheme,
  socketPath: string | undefined,
  given: Options<T>
): Options<T> | InvalidOption | undefined => {
  const { proxy } = given
  if (proxy !== undefined && !isProxy(proxy)) {
    return invalidOption("proxy", "it must be made with `Proxy.make` or `Proxy.fromUrl`")
  }
  if (proxy !== undefined && socketPath !== undefined) {
    return invalidOption("proxy", "a unix socket is not reached through a proxy; leave out one of the two")
  }
  const localAddress = given.localAddress === undefined ? undefined : parseLocalAddress(given.localAddress)
  if (localAddress instanceof InvalidOption) return localAddress
  const tls = scheme === "http" || given.tls?.mark === "" ? undefined : given.tls
  return tls === undefined && proxy === undefined && localAddress === undefined
    ? undefined
    : { tls, proxy, localAddress }
}

/** Creates an origin from a checked host and port. */
export const build = <T>(
  scheme: Scheme,
  host: string,
  port: number,
  socketPath: string | undefined,
  given: Options<T> | undefined
): Origin<T> | InvalidUrl | InvalidOption => {
  const path = socketPath === undefined ? undefined : parseSocketPath(socketPath)
  if (path instanceof InvalidUrl) return path
  const options = given === undefined ? undefined : checkOptions(scheme, path, given)
  return options instanceof InvalidOption ? options : new Checked(scheme, host, port, path, options)
}

/** Returns the same origin with these options. */
export const replaceOptions = <T>(
  { host, port, scheme, socketPath }: Pick<Origin<T>, "scheme" | "host" | "port" | "socketPath">,
  given: Options<T> | undefined
): Origin<T> | InvalidOption => {
  const options = given === undefined ? undefined : checkOptions(scheme, socketPath, given)
  return options instanceof InvalidOption ? options : new Checked(scheme, host, port, socketPath, options)
}

export const make = <T>(parts: Parts, given: Options<T> | undefined): Origin<T> | InvalidUrl | InvalidOption => {
  const { host, port, scheme, socketPath } = parts
  if (typeof host !== "string") return invalid("host", "it is not a string")
  const parsed = parseHostPort(host, "option")
  if (parsed instanceof InvalidUrl) return parsed
  if (port === undefined) return build(scheme, parsed.host, parsed.port ?? defaultPort(scheme), socketPath, given)
  // Python leaves the colon in the host and fails in DNS.
  if (parsed.port !== undefined) return invalid("host", "it has a port, and the port is given on its own as well")
  const checked = checkPort(port)
  return typeof checked === "number" ? build(scheme, parsed.host, checked, socketPath, given) : checked
}

/** The parts of an origin that a URL does not contain; `undefined` for a plain one. */
export interface Extras<T> {
  readonly socketPath: string | undefined
  readonly options: Options<T> | undefined
}

type Failure = InvalidUrl | UnsupportedScheme | InvalidOption

const parseUrl = <T>(
  scheme: Scheme,
  authority: string,
  target: string,
  extras: Extras<T> | undefined
): ParsedUrl<T> | InvalidUrl | InvalidOption => {
  const parsed = parseHostPort(authority, "url")
  if (parsed instanceof InvalidUrl) return parsed
  const { host, port = defaultPort(scheme) } = parsed
  if (extras === undefined) return new ParsedUrl<T>(new Checked(scheme, host, port, undefined, undefined), target)
  const origin = build(scheme, host, port, extras.socketPath, extras.options)
  return origin instanceof InvalidUrl || origin instanceof InvalidOption ? origin : new ParsedUrl(origin, target)
}

const credentials = (): InvalidUrl =>
  invalid("userinfo", "credentials in a URL are not sent; use the Authorization field (RFC 9110 section 4.2.4)")

const encode = (text: string): string => text === "'" ? "%27" : encodeURIComponent(text)

// What `URL` encodes in paths and queries (WHATWG URL, percent-encode sets). The query of an http
// URL also encodes the apostrophe.
const unsafeInPath = /[^\x21-\x7e]+|["<>`{}]/gu
const unsafeInQuery = /[^\x21-\x7e]+|["<>']/gu

/** Encodes the characters of a target that must not be sent literally. */
const encodeTarget = (target: string): string | InvalidUrl => {
  if (/\p{Surrogate}/u.test(target)) return invalid("target", "it has half of a surrogate pair")
  const question = target.indexOf("?")
  const path = question === -1 ? target : target.slice(0, question)
  // `URL` reads it as a slash and RFC 3986 forbids it, so a check and the server could disagree.
  if (path.includes("\\")) return invalid("target", "it has a backslash, write / or %5C")
  const query = question === -1 ? "" : target.slice(question)
  return path.replace(unsafeInPath, encode) + query.replace(unsafeInQuery, encode)
}

/**
 * Characters that need attention: refused ones, and those that must be percent-encoded in a target.
 * One regular expression finds them faster than a loop.
 */
const unusual = /[^\x21-\x7e]|["<>`{}'\\]/

/**
 * Characters that no URL may contain. `URL` removes tab, CR, LF and outer spaces, so that a check
 * would see another text than the server.
 */
const refused = /[\0- \x7f]/

/** Returns the index after `http://` or `https://`, ignoring case; -1 if the URL has neither. */
const endOfScheme = (url: string): number =>
  url.startsWith("http://") ? 7 : url.startsWith("https://") ? 8 : /^https?:\/\//i.exec(url)?.[0].length ?? -1

/** Returns the index of the first `/`, `?` or `#` at or after `from`, or the length. */
const endOfAuthority = (url: string, from: number): number => {
  for (let i = from; i < url.length; i++) {
    const code = url.charCodeAt(i)
    if (code === 0x2f || code === 0x3f || code === 0x23) return i
  }
  return url.length
}

/** Explains why a text that begins with neither `http://` nor `https://` is not a supported URL. */
const schemeError = (url: string): InvalidUrl | UnsupportedScheme => {
  const scheme = /^([a-z][a-z0-9+.-]*):(?![0-9])/i.exec(url)?.[1]?.toLowerCase()
  // `localhost:8080` has the form of a URL with the scheme `localhost`, but is not one.
  if (scheme === undefined) return invalid("url", "it has no scheme, it must begin with http:// or https://")
  return scheme === "http" || scheme === "https"
    ? invalid("url", "its scheme is not followed by //")
    : new UnsupportedScheme({ scheme })
}

const fromText = <T>(url: string, extras: Extras<T> | undefined): ParsedUrl<T> | Failure => {
  const unsafe = unusual.test(url)
  const offset = unsafe ? url.search(refused) : -1
  if (offset >= 0) return invalid("url", `it has a space or control character at offset ${offset}`)
  const schemeEnd = endOfScheme(url)
  if (schemeEnd < 0) return schemeError(url)
  const end = endOfAuthority(url, schemeEnd)
  const start = url.slice(0, end)
  const origin = extras === undefined ? known.get(start) : undefined
  const authority = origin === undefined ? start.slice(schemeEnd) : ""
  if (authority.includes("@")) return credentials()
  const hash = url.indexOf("#", end)
  const rest = url.slice(end, hash === -1 ? url.length : hash)
  const written = rest.startsWith("/") ? rest : `/${rest}`
  const target = unsafe ? encodeTarget(written) : written
  if (typeof target !== "string") return target
  if (extras !== undefined) return parseUrl(schemeEnd === 7 ? "http" : "https", authority, target, extras)
  const found = origin ?? parseAndCache(start, schemeEnd)
  return found instanceof InvalidUrl ? found : new ParsedUrl<T>(found, target)
}

export const fromUrl = <T>(url: string | URL, extras: Extras<T> | undefined): ParsedUrl<T> | Failure => {
  if (typeof url === "string") return fromText(url, extras)
  // By its parts, because a `URL` may come from another realm or a library.
  if (typeof url !== "object" || url === null || typeof url.protocol !== "string" || typeof url.host !== "string") {
    return invalid("url", "it is neither a string nor a URL")
  }
  if (url.username !== "" || url.password !== "") return credentials()
  const protocol = url.protocol
  if (protocol !== "http:" && protocol !== "https:") return new UnsupportedScheme({ scheme: protocol.slice(0, -1) })
  return parseUrl(protocol === "http:" ? "http" : "https", url.host, url.pathname + url.search, extras)
}
