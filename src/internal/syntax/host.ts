/**
 * Hosts and ports (RFC 3986 section 3.2): the one parser for the connected address, the Host field
 * and the TLS server name.
 *
 * If two parsers disagree about the end of a host, a request can reach a server that a check did
 * not see. Therefore every host is parsed here, once. Some hosts are not plainly a name or an
 * address (`127.1`, `faß.de`, `0:0::1`). The platform's `URL` converts those to canonical form, and
 * they are checked again. Errors are values, and no reason repeats the input, which may contain a
 * password.
 */
import { InvalidUrl } from "../error/request.ts"

/** A host in lower case without brackets, and its port. */
export interface HostPort {
  readonly host: string
  readonly port: number | undefined
}

/** The origin of the text: an option (`::1` is an address) or a URL (RFC 3986, RFC 6874). */
export type Source = "option" | "url"

const invalid = (part: InvalidUrl["part"], reason: string): InvalidUrl => new InvalidUrl({ part, reason })

/** 1 for the characters of a reg-name (RFC 3986 section 3.2.2), except `%`. */
const nameTable = Uint8Array.from(
  { length: 128 },
  (_, code) => /[A-Za-z0-9\-._~!$&'()*+,;=]/.test(String.fromCharCode(code)) ? 1 : 0
)

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

export const checkPort = (port: number): number | InvalidUrl =>
  Number.isInteger(port) && port >= 1 && port <= 65_535 ? port : invalid("port", "it is not between 1 and 65535")

const parsePort = (text: string): number | InvalidUrl => {
  let port = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (!isDigit(code)) return invalid("port", "it is not a decimal number")
    // Stays above the maximum once it has exceeded it, however many digits follow.
    port = Math.min(port * 10 + code - 0x30, 65_536)
  }
  return checkPort(port)
}

/**
 * Returns the host as `URL` normalizes it. The caller has checked its characters, so none of them
 * can end the host early.
 */
const canonical = (host: string): string | undefined => {
  const url = `http://${host}/`
  return URL.canParse(url) ? new URL(url).hostname : undefined
}

/**
 * Four decimal numbers below 256 without leading zeros: the canonical spelling of an IPv4 address.
 */
const ipv4 = /^(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(?:\.(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])){3}$/

/**
 * True if the last label begins with a digit. Such a host is an IPv4 address in some spelling, or
 * rare enough for the slow check.
 */
const endsInNumber = (text: string): boolean =>
  isDigit(text.charCodeAt(text.lastIndexOf(".", text.endsWith(".") ? text.length - 2 : text.length) + 1))

/**
 * Checks the labels of a name (RFC 1035 section 2.3.4); a name may end in a dot. A loop and not
 * `split`, because this runs for every request.
 */
const checkLabels = (name: string): string | InvalidUrl => {
  let start = 0
  for (let i = 0; i <= name.length; i++) {
    if (i < name.length && name.charCodeAt(i) !== 0x2e) continue
    // The empty text after a final dot is not a label.
    if (i === start && i === name.length && i > 0) break
    if (i === start || i - start > 63) {
      return invalid("host", "a part between its dots is empty or longer than 63 characters")
    }
    start = i + 1
  }
  return name.length > (name.endsWith(".") ? 254 : 253) ? invalid("host", "it is longer than 253 characters") : name
}

/**
 * Checks a name that `URL` has returned, because `URL` accepts some characters that no reg-name
 * has.
 */
const checkCanonical = (name: string): string | InvalidUrl => {
  for (let i = 0; i < name.length; i++) {
    if (nameTable[name.charCodeAt(i)] !== 1) {
      return invalid("host", "its ASCII form has a character that a host cannot have")
    }
  }
  return checkLabels(name)
}

const parseName = (text: string): string | InvalidUrl => {
  if (text === "") return invalid("host", "it is empty")
  let ascii = true
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 0x80) ascii = false
    else if (nameTable[code] !== 1) return invalid("host", `it has a character at offset ${i} that a host cannot have`)
  }
  if (ascii) {
    const lower = text.toLowerCase()
    if (endsInNumber(lower) ? ipv4.test(lower) : !lower.includes("xn--")) return checkLabels(lower)
  }
  const name = canonical(text)
  return name === undefined ? invalid("host", "it is neither a host name nor an IP address") : checkCanonical(name)
}

/**
 * Parses an IPv6 address into the form of RFC 5952, with its zone id (RFC 4007 section 11), if any.
 */
const parseIpv6 = (text: string, source: Source): string | InvalidUrl => {
  const percent = text.indexOf("%")
  const address = percent === -1 ? text : text.slice(0, percent)
  // Checks the characters first, because only these may reach `URL`.
  const canonicalAddress = /^[0-9A-Fa-f:.]{2,45}$/.test(address) ? canonical(`[${address}]`) : undefined
  if (canonicalAddress === undefined) return invalid("host", "it is not an IPv6 address")
  const host = canonicalAddress.slice(1, -1)
  if (percent === -1) return host
  const encoded = source === "url" && text.startsWith("25", percent + 1) ? 3 : 1
  const zone = text.slice(percent + encoded)
  return /^[A-Za-z0-9\-._~]{1,64}$/.test(zone)
    ? `${host}%${zone}`
    : invalid("host", "its zone id is empty or has a character that a zone id cannot have")
}

const withPort = (host: string | InvalidUrl, text: string | undefined): HostPort | InvalidUrl => {
  if (typeof host !== "string") return host
  // An empty port means the default one (RFC 3986 section 3.2.3, RFC 9110 section 4.2.1).
  if (text === undefined || text === "") return { host, port: undefined }
  const port = parsePort(text)
  return typeof port === "number" ? { host, port } : port
}

/**
 * Parses `name`, `name:80`, `[::1]`, `[::1]:80` and, in an option, `::1`. An empty port is the
 * default port.
 */
export const parseHostPort = (text: string, source: Source): HostPort | InvalidUrl => {
  if (text.startsWith("[")) {
    const close = text.indexOf("]")
    if (close === -1) return invalid("host", "its bracket is not closed")
    const host = parseIpv6(text.slice(1, close), source)
    if (close === text.length - 1) return withPort(host, undefined)
    return text.charAt(close + 1) === ":"
      ? withPort(host, text.slice(close + 2))
      : invalid("host", "something other than a port follows its bracket")
  }
  const colon = text.indexOf(":")
  if (colon === -1) return withPort(parseName(text), undefined)
  return source === "option" && text.includes(":", colon + 1)
    ? withPort(parseIpv6(text, source), undefined)
    : withPort(parseName(text.slice(0, colon)), text.slice(colon + 1))
}

/** Parses a host that must not have a port, so that a colon after it is an error too. */
export const parseHost = (text: string): string | InvalidUrl => {
  const parsed = parseHostPort(text, "option")
  if (parsed instanceof InvalidUrl) return parsed
  return parsed.port === undefined && !/^[^:]*:$|\]:$/.test(text) ? parsed.host : invalid("port", "it has a port")
}

/** Removes the zone id of a host, which has a meaning on this machine only (RFC 6874 section 4). */
export const withoutZone = (host: string): string => {
  const percent = host.indexOf("%")
  return percent === -1 ? host : host.slice(0, percent)
}

/** Returns the host in the form of an authority: an IPv6 address in brackets. */
export const bracketed = (host: string): string => host.includes(":") ? `[${host}]` : host
