/**
 * The request target in its four forms (RFC 9112 section 3.2), and the authority for Host.
 *
 * A path can never change where a request goes: `//host` stays a path, and a URL of another origin
 * is refused.
 */
import * as Either from "effect/Either"
import * as Origin from "../../Origin.ts"
import type { UnsupportedScheme } from "../error/request.ts"
import { InvalidUrl } from "../error/request.ts"
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

type TargetResult = Either.Either<Target, InvalidUrl | UnsupportedScheme>

const invalid = (reason: string): TargetResult => Either.left(new InvalidUrl({ part: "target", reason }))

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
  const authority = Origin.authority(origin)
  if (bare === "*") {
    if (method !== "OPTIONS") return invalid(`"*" is the target of OPTIONS alone`)
    // A proxy turns an empty path into "*" (RFC 9112 section 3.2.4).
    return Either.right(new Target(form === "absolute" ? `${origin.scheme}://${authority}` : bare, authority))
  }
  if (bare !== "" && !bare.startsWith("/") && !bare.startsWith("?")) {
    return invalid("a path begins with a slash, and a URL with http:// or https://")
  }
  const path = bare.startsWith("/") ? bare : `/${bare}`
  return Either.right({
    target: form === "absolute" ? `${origin.scheme}://${authority}${path}` : path,
    authority
  })
}

/** Requires brackets around an IPv6 address, because its end would look like a port. */
const endsInPort = /^(?:\[[^\]]*\]|[^:]*):[0-9]+$/

const connectTarget = (target: string): TargetResult =>
  endsInPort.test(target)
    ? Either.map(Origin.make({ scheme: "http", host: target }), (origin) => {
      const hostPort = Origin.hostPort(origin)
      return { target: hostPort, authority: hostPort }
    })
    : invalid("CONNECT takes host:port, with the port written out and brackets around an IPv6 address")

const urlTarget = (method: string, url: string, origin: Origin.Origin, form: TargetForm): TargetResult =>
  Either.flatMap(Origin.fromUrl(url), (parsed) => {
    const authority = Origin.authority(parsed.origin)
    if (form === "absolute") {
      // OPTIONS for the whole server has an empty path if it is sent through a proxy (RFC 9112
      // section 3.2.4).
      const path = method === "OPTIONS" && /^[^/?#]*:\/\/[^/?#]*$/.test(withoutFragment(url)) ? "" : parsed.target
      return Either.right({ target: `${parsed.origin.scheme}://${authority}${path}`, authority })
    }
    // Host contains no zone id, so the URL may omit it. If it has one, the connection must have the
    // same.
    const { host } = parsed.origin
    const elsewhere = host.includes("%") && host !== origin.host
    if (
      elsewhere || parsed.origin.scheme !== origin.scheme
      || Origin.hostPort(parsed.origin) !== Origin.hostPort(origin)
    ) {
      return invalid(
        `it names ${Origin.format(parsed.origin)}, but the connection goes to ${Origin.format(origin)}`
      )
    }
    return Either.right({ target: parsed.target, authority })
  })
