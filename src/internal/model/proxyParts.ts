/**
 * Creates proxies from parts and URLs. Everything is checked here, so that all fields of a proxy
 * can be sent. Errors are values, and none repeats a credential or a value of a field.
 *
 * Opens nothing and reads no environment.
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as HttpFields from "../../HttpFields.ts"
import type * as Tls from "../../Tls.ts"
import { InvalidOption, InvalidUrl } from "../error/request.ts"
import { checkPort, parseHostPort } from "../syntax/host.ts"
import { describeCharacter, invalidTokenAt, invalidValueAt, shownName } from "../syntax/token.ts"
import type { Credentials, GivenCredentials, Parts, Proxy, Scheme } from "./proxy.ts"
import { isSocks, make as unsafeMake } from "./proxy.ts"
import { isSource } from "./source.ts"
import type { Keyed } from "./tlsOptions.ts"
import { keyed as keyedOptions } from "./tlsOptions.ts"

/** Every scheme, with its default port. */
const ports: { readonly [S in Scheme]: number } = {
  http: 80,
  https: 443,
  socks4: 1080,
  socks4a: 1080,
  socks5: 1080,
  socks5h: 1080
}

/** The schemes of URLs. As in curl, `socks` is SOCKS4. */
const schemes: ReadonlyMap<string, Scheme> = new Map([
  ...Object.keys(ports).map((scheme) => [scheme, scheme as Scheme] as const),
  ["socks", "socks4"]
])

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

const byteLength = (text: string): number => new TextEncoder().encode(text).length

/** Returns the fault of the credentials for this kind of proxy: the part, and why. */
const unsuitable = (
  scheme: Scheme,
  username: string,
  password: string
): readonly ["username" | "password", string] | undefined => {
  switch (scheme) {
    case "http":
    case "https":
      // A proxy would read the rest as the beginning of the password (RFC 7617 section 2).
      return username.includes(":") ? ["username", "it has a colon"] : undefined
    case "socks4":
    case "socks4a":
      return password !== ""
        ? ["password", "SOCKS4 has none; use socks5 or socks5h, or leave it empty"]
        : byteLength(username) > 255
        ? ["username", "it is longer than 255 bytes"]
        : undefined
    case "socks5":
    case "socks5h": {
      const part = ([["username", username], ["password", password]] as const)
        .find(([, text]) => text === "" || byteLength(text) > 255)
      return part && [part[0], "it must have 1 to 255 bytes for SOCKS5 (RFC 1929)"]
    }
  }
}

const noCredentials = (): InvalidOption =>
  invalidOption("proxy.credentials", "it must be a record with username and password")

const checkCredentials = (scheme: Scheme, given: GivenCredentials): Credentials | InvalidOption => {
  if (!Predicate.isRecord(given)) return noCredentials()
  const username = textOf(given.username)
  const password = textOf(given.password)
  if (username === undefined || password === undefined) {
    const which = username === undefined ? "username" : "password"
    return invalidOption(`proxy.credentials.${which}`, "it must be a string without control characters")
  }
  const wrong = unsuitable(scheme, username, password)
  if (wrong !== undefined) return invalidOption(`proxy.credentials.${wrong[0]}`, wrong[1])
  return { username: Redacted.make(username), password: Redacted.make(password) }
}

/** Reads the credentials, which may throw, for example if a redacted value was wiped. */
const readCredentials = (scheme: Scheme, given: GivenCredentials): Credentials | InvalidOption =>
  Either.merge(Either.try({
    try: () => checkCredentials(scheme, given),
    catch: (error) =>
      invalidOption("proxy.credentials", `reading it failed (${error instanceof Error ? error.name : typeof error})`)
  }))

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

/** Checks the options of the TLS with the proxy. */
const checkTls = (scheme: Scheme, given: Tls.Options): Keyed | undefined | InvalidOption => {
  if (scheme !== "https") {
    return invalidOption("proxy.tls", "it is for a proxy with the scheme https; TLS with an origin has its own options")
  }
  const keyed = keyedOptions(given)
  if (keyed instanceof InvalidOption) return invalidOption(`proxy.${keyed.option}`, keyed.reason)
  return keyed.mark === "" ? undefined : keyed
}

const build = (
  scheme: Scheme,
  host: string,
  port: number,
  parts: Pick<Parts, "credentials" | "headers" | "tls">
): Proxy | InvalidOption => {
  const source = isSource(parts.credentials) ? parts.credentials : undefined
  const credentials = parts.credentials === undefined || source !== undefined
    ? undefined
    : readCredentials(scheme, parts.credentials as GivenCredentials)
  if (credentials instanceof InvalidOption) return credentials
  const headers = readHeaders(parts.headers)
  if (headers instanceof InvalidOption) return headers
  if (isSocks({ scheme }) && headers.names.length > 0) {
    return invalidOption("proxy.headers", "a SOCKS proxy takes no fields")
  }
  const tls = parts.tls === undefined ? undefined : checkTls(scheme, parts.tls)
  if (tls instanceof InvalidOption) return tls
  return checkHeaders(headers, parts.credentials !== undefined)
    ?? unsafeMake({ scheme, host, port, credentials, source, headers, tls })
}

const readScheme = (given: unknown): Scheme | InvalidOption => {
  if (given === undefined) return "http"
  return typeof given === "string" && Object.hasOwn(ports, given)
    ? given as Scheme
    : invalidOption("proxy.scheme", `it must be one of ${Object.keys(ports).join(", ")}`)
}

export const make = (parts: Parts): Proxy | InvalidUrl | InvalidOption => {
  if (!Predicate.isRecord(parts)) return invalidOption("proxy", "it must be a record with a host")
  const { host, port } = parts
  const scheme = readScheme(parts.scheme)
  if (scheme instanceof InvalidOption) return scheme
  if (typeof host !== "string") return invalidUrl("host", "it is not a string")
  const parsed = parseHostPort(host, "option")
  if (parsed instanceof InvalidUrl) return parsed
  if (port !== undefined && parsed.port !== undefined) {
    return invalidUrl("host", "it has a port, and the port is given on its own as well")
  }
  const number = port === undefined ? parsed.port ?? ports[scheme] : checkPort(port)
  return typeof number === "number" ? build(scheme, parsed.host, number, parts) : number
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
  options: Pick<Parts, "headers" | "tls">
): Proxy | InvalidUrl | InvalidOption => {
  const text = url instanceof URL ? url.href : url
  if (typeof text !== "string") return invalidUrl("url", "it is not a string")
  const refused = /[\0-\x20\x7f]/.exec(text)
  if (refused !== null) return invalidUrl("url", `it has a space or control character at offset ${refused.index}`)
  const prefix = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)
  const scheme = schemes.get(prefix?.[1]?.toLowerCase() ?? "http")
  if (scheme === undefined) {
    return invalidOption("proxy", `its URL must begin with ${[...schemes.keys()].join("://, ")}://`)
  }
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
  return build(scheme, parsed.host, parsed.port ?? ports[scheme], { ...options, credentials })
}

/**
 * Returns the same proxy with the credentials that its Effect has returned. Without any, or with
 * another Effect, the proxy would be asked without credentials.
 */
export const withCredentials = (
  { headers, host, port, scheme, tls }: Proxy,
  credentials: GivenCredentials | undefined
): Proxy | InvalidOption =>
  credentials === undefined || isSource(credentials)
    ? noCredentials()
    : build(scheme, host, port, { credentials, headers, tls })
