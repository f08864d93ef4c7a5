/**
 * The request target in its four forms (RFC 9112 section 3.2), and the authority for Host.
 *
 * A path can never change where a request goes: `//host` stays a path, and a URL of another origin
 * is refused.
 */
import type * as Origin from "../../Origin.ts"
import type { UnsupportedScheme } from "../error/request.ts"
import { InvalidUrl } from "../error/request.ts"
import * as origins from "../model/origin.ts"
import { describeCharacter, invalidTargetAt } from "../syntax/token.ts"

/** A target as it is sent, and the value of Host. */
export class Target {
  readonly target: string
  readonly authority: string

  constructor(target: string, authority: string) {
    this.target = target
    this.authority = authority
  }
}

/** Returns the URL of a target. The URL of `*` has no path (RFC 9112 section 3.3). */
export const urlOf = ({ scheme }: Origin.Origin, { authority, target }: Target): string =>
  target.startsWith("/")
    ? `${scheme}://${authority}${target}`
    : target === "*"
    ? `${scheme}://${authority}`
    : target

/** The form of a target; `absolute` is for a forward proxy (RFC 9112 section 3.2.2). */
export type TargetForm = "origin" | "absolute"

/** The target, or why there is none. */
type TargetResult = Target | InvalidUrl | UnsupportedScheme

const invalid = (reason: string): InvalidUrl => new InvalidUrl({ part: "target", reason })

const absoluteUrl = /^[a-z][a-z0-9+.-]*:\/\//i

/** Removes the fragment of a target, which is never sent. */
const withoutFragment = (target: string): string => {
  const hash = target.indexOf("#")
  return hash < 0 ? target : target.slice(0, hash)
}

/** Returns the target of a request to `origin`. */
export const resolveTarget = (
  method: string,
  target: string,
  origin: Origin.Origin,
  form: TargetForm
): TargetResult => {
  if (typeof target !== "string") return invalid("it is not a string")
  if (method === "CONNECT") return connectTarget(target)
  if (absoluteUrl.test(target)) return urlTarget(method, target, origin, form)
  // Checks the fragment too, although it is not sent: a line feed in it is an attack or a mistake.
  const offset = invalidTargetAt(target)
  if (offset >= 0) {
    return invalid(
      `it has ${describeCharacter(target, offset)} at offset ${offset}; percent-encode what is not printable ASCII`
    )
  }
  const bare = withoutFragment(target)
  const authority = origins.authority(origin)
  if (bare === "*") {
    if (method !== "OPTIONS") return invalid(`"*" is the target of OPTIONS alone`)
    // A proxy turns an empty path into "*" (RFC 9112 section 3.2.4).
    return new Target(form === "absolute" ? `${origin.scheme}://${authority}` : bare, authority)
  }
  if (bare !== "" && !bare.startsWith("/") && !bare.startsWith("?")) {
    return invalid("a path begins with a slash, and a URL with http:// or https://")
  }
  const path = bare.startsWith("/") ? bare : `/${bare}`
  return new Target(form === "absolute" ? `${origin.scheme}://${authority}${path}` : path, authority)
}

/**
 * Returns the target of an OPTIONS request about the server as a whole. It is named by `*`, or by a
 * URL without a path, or by a path that is only a slash.
 */
export const resolveServer = (
  method: string,
  target: string,
  origin: Origin.Origin,
  form: TargetForm
): TargetResult => {
  const named = resolveTarget(method, target, origin, "origin")
  if ("_tag" in named) return named
  return named.target === "*" || named.target === "/"
    ? resolveTarget(method, "*", origin, form)
    : invalid("the form `asterisk` is for the server as a whole; leave the path and the query out")
}

/** Requires brackets around an IPv6 address, because its end would look like a port. */
const endsInPort = /^(?:\[[^\]]*\]|[^:]*):[0-9]+$/

const connectTarget = (target: string): TargetResult => {
  if (!endsInPort.test(target)) {
    return invalid("CONNECT takes host:port, with the port written out and brackets around an IPv6 address")
  }
  const origin = origins.make({ scheme: "http", host: target }, undefined)
  // Without options none can be invalid.
  if ("_tag" in origin) return origin as InvalidUrl
  const hostPort = origins.hostPort(origin)
  return new Target(hostPort, hostPort)
}

const urlTarget = (method: string, url: string, origin: Origin.Origin, form: TargetForm): TargetResult => {
  const parsed = origins.fromUrl(url, undefined)
  // Without options none can be invalid.
  if ("_tag" in parsed) return parsed as InvalidUrl | UnsupportedScheme
  const authority = origins.authority(parsed.origin)
  if (form === "absolute") {
    // OPTIONS for the server as a whole has an empty path when it goes through a proxy (RFC 9112
    // section 3.2.4).
    const path = method === "OPTIONS" && /^[^/?#]*:\/\/[^/?#]*$/.test(withoutFragment(url)) ? "" : parsed.target
    return new Target(`${parsed.origin.scheme}://${authority}${path}`, authority)
  }
  // Host carries no zone id, so the URL need not have one. If it has one, it must be that of the
  // connection.
  const { host } = parsed.origin
  const elsewhere = host.includes("%") && host !== origin.host
  if (
    elsewhere || parsed.origin.scheme !== origin.scheme
    || origins.hostPort(parsed.origin) !== origins.hostPort(origin)
  ) {
    return invalid(
      `it names ${origins.format(parsed.origin)}, but the connection goes to ${origins.format(origin)}`
    )
  }
  return new Target(parsed.target, authority)
}
