/** Making origins, from parts and from URLs. Errors are values here; `Origin.ts` puts them into an `Either`. */
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import { InvalidUrl, UnsupportedScheme } from "./error/request.ts"
import { checkPort, parseHostPort } from "./syntax/host.ts"

export type Scheme = "http" | "https"

export class Origin implements Equal.Equal {
  readonly scheme: Scheme
  readonly host: string
  readonly port: number
  readonly socketPath: string | undefined

  constructor(scheme: Scheme, host: string, port: number, socketPath: string | undefined) {
    this.scheme = scheme
    this.host = host
    this.port = port
    this.socketPath = socketPath
  }

  [Equal.symbol](that: unknown): boolean {
    return that instanceof Origin && that.host === this.host && that.port === this.port && that.scheme === this.scheme
      && that.socketPath === this.socketPath
  }

  [Hash.symbol](): number {
    const text = `${this.scheme}://${this.host}:${this.port}${
      this.socketPath === undefined ? "" : ` ${this.socketPath}`
    }`
    return Hash.cached(this, Hash.string(text))
  }
}

/** An origin, and what the request line asks it for. */
export interface Located {
  readonly origin: Origin
  readonly target: string
}

export interface Parts {
  readonly scheme: Scheme
  readonly host: string
  readonly port?: number | undefined
  readonly socketPath?: string | undefined
}

/** RFC 9110 sections 4.2.1 and 4.2.2. */
export const defaultPort = (scheme: Scheme): number => scheme === "https" ? 443 : 80

const invalid = (part: InvalidUrl["part"], reason: string): InvalidUrl => new InvalidUrl({ part, reason })

export const make = (parts: Parts): Origin | InvalidUrl => {
  const { port, scheme, socketPath } = parts
  if (socketPath === "") return invalid("socketPath", "it is empty")
  if (socketPath?.includes("\0")) return invalid("socketPath", "it has a NUL")
  const parsed = parseHostPort(parts.host, "option")
  if (parsed instanceof InvalidUrl) return parsed
  if (port === undefined) return new Origin(scheme, parsed.host, parsed.port ?? defaultPort(scheme), socketPath)
  // Python leaves the colon in the host and fails in DNS.
  if (parsed.port !== undefined) return invalid("host", "it has a port, and the port is given on its own as well")
  const checked = checkPort(port)
  return typeof checked === "number" ? new Origin(scheme, parsed.host, checked, socketPath) : checked
}

const locate = (scheme: Scheme, authority: string, target: string): Located | InvalidUrl => {
  const parsed = parseHostPort(authority, "url")
  if (parsed instanceof InvalidUrl) return parsed
  return { origin: new Origin(scheme, parsed.host, parsed.port ?? defaultPort(scheme), undefined), target }
}

const credentials = (): InvalidUrl =>
  invalid("userinfo", "credentials in a URL are not sent; use the Authorization field (RFC 9110 section 4.2.4)")

const encode = (text: string): string => text === "'" ? "%27" : encodeURIComponent(text)

// What `URL` encodes in paths and queries (WHATWG URL, percent-encode sets); the query of an http URL encodes the apostrophe.
const unsafeInPath = /[^\x21-\x7e]+|["<>`{}]/gu
const unsafeInQuery = /[^\x21-\x7e]+|["<>']/gu

/** A target with characters that cannot be sent as they are. */
const encodeTarget = (target: string): string | InvalidUrl => {
  if (/\p{Surrogate}/u.test(target)) return invalid("target", "it has half of a surrogate pair")
  const question = target.indexOf("?")
  const path = question === -1 ? target : target.slice(0, question)
  // `URL` takes it for a slash, RFC 3986 does not allow it: what a check saw and what the server sees could differ.
  if (path.includes("\\")) return invalid("target", "it has a backslash, write / or %5C")
  const query = question === -1 ? "" : target.slice(question)
  return path.replace(unsafeInPath, encode) + query.replace(unsafeInQuery, encode)
}

const Plain = 0
const Unsafe = 1
const Refused = 2

/** What a character means for a URL. */
const kindTable = Uint8Array.from(
  { length: 128 },
  (_, code) =>
    code <= 0x20 || code === 0x7f ? Refused : "\"<>`{}'\\".includes(String.fromCharCode(code)) ? Unsafe : Plain
)

/** Index of the first `/`, `?` or `#` at or after `from`, or the length. */
const endOfAuthority = (url: string, from: number): number => {
  for (let i = from; i < url.length; i++) {
    const code = url.charCodeAt(i)
    if (code === 0x2f || code === 0x3f || code === 0x23) return i
  }
  return url.length
}

/** Why a text that begins with neither `http://` nor `https://` is no URL of ours. */
const judgeScheme = (url: string): InvalidUrl | UnsupportedScheme => {
  const scheme = /^([a-z][a-z0-9+.-]*):(?![0-9])/i.exec(url)?.[1]?.toLowerCase()
  // `localhost:8080` has the form of a URL with the scheme `localhost`, and is none.
  if (scheme === undefined) return invalid("url", "it has no scheme, it must begin with http:// or https://")
  return scheme === "http" || scheme === "https"
    ? invalid("url", "its scheme is not followed by //")
    : new UnsupportedScheme({ scheme })
}

const fromText = (url: string): Located | InvalidUrl | UnsupportedScheme => {
  let unsafe = false
  for (let i = 0; i < url.length; i++) {
    const kind = kindTable[url.charCodeAt(i)]
    if (kind === Plain) continue
    // `URL` removes tab, CR and LF wherever they are, and spaces around: what was checked would not be what is sent.
    if (kind === Refused) return invalid("url", `it has a space or control character at offset ${i}`)
    unsafe = true
  }
  const scheme = /^https?:\/\//i.exec(url)?.[0]
  if (scheme === undefined) return judgeScheme(url)
  const end = endOfAuthority(url, scheme.length)
  const authority = url.slice(scheme.length, end)
  if (authority.includes("@")) return credentials()
  const hash = url.indexOf("#", end)
  const rest = url.slice(end, hash === -1 ? url.length : hash)
  const written = rest.startsWith("/") ? rest : `/${rest}`
  const target = unsafe ? encodeTarget(written) : written
  return typeof target === "string" ? locate(scheme.length === 7 ? "http" : "https", authority, target) : target
}

export const fromUrl = (url: string | URL): Located | InvalidUrl | UnsupportedScheme => {
  if (typeof url === "string") return fromText(url)
  if (url.username !== "" || url.password !== "") return credentials()
  const protocol = url.protocol
  if (protocol !== "http:" && protocol !== "https:") return new UnsupportedScheme({ scheme: protocol.slice(0, -1) })
  return locate(protocol === "http:" ? "http" : "https", url.host, url.pathname + url.search)
}
