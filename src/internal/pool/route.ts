/**
 * Where a request of a pool goes: its origin, its target there, and how connections to that origin
 * are made.
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type { UnsupportedScheme } from "../../HttpError.ts"
import type * as HttpFields from "../../HttpFields.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import * as Origin from "../../Origin.ts"
import * as Proxy from "../../Proxy.ts"
import type * as Tls from "../../Tls.ts"
import { forwarded, withContextAt } from "../connection/about.ts"
import type { Settings, Tunnel } from "../connection/handle.ts"
import { withProxyFields } from "../connection/prepare.ts"
import { InvalidOption, InvalidUrl } from "../error/request.ts"
import type { ParsedUrl } from "../model/origin.ts"
import { fromUrl } from "../model/origin.ts"
import { resolveTarget, Target } from "../protocol/target.ts"
import type { PoolSettings } from "./settings.ts"

/** Where a request goes. */
export class Route {
  readonly origin: Origin.Origin
  readonly key: string
  readonly target: Target
  /** Those of the request, and those for a proxy that forwards it. */
  readonly fields: HttpFields.HttpFields

  constructor(origin: Origin.Origin, target: Target, fields: HttpFields.HttpFields) {
    this.origin = origin
    this.key = Origin.key(origin)
    this.target = target
    this.fields = withProxyFields(origin, fields)
  }
}

/** Why a request goes nowhere. */
export type Unroutable = InvalidUrl | InvalidOption | UnsupportedScheme

/** What the pool keeps of an origin. */
export interface Destination {
  /** For events and errors. */
  readonly name: string
  readonly settings: Settings
  /** Through the proxy, for https (RFC 9110 section 9.3.6). */
  readonly tunnel: Tunnel | undefined
}

/**
 * The proxy for an origin. `bypass` is the caller's code, whose error is named without its message.
 */
const proxyFor = (
  proxy: PoolSettings["proxy"],
  origin: Origin.Origin
): Either.Either<Proxy.Proxy | undefined, InvalidOption> =>
  Predicate.hasProperty(proxy, "bypass")
    ? Either.try({
      try: () => Proxy.forOrigin(proxy, origin),
      catch: (error) =>
        new InvalidOption({
          option: "proxy.bypass",
          reason: `it threw (${error instanceof Error ? error.name : typeof error}); it must give true or false`
        })
    })
    : Either.right(proxy)

/** The origin of a URL, with the options of the pool. */
const originOf = (
  settings: PoolSettings,
  located: ParsedUrl<Tls.Options> | Unroutable
): ParsedUrl<Tls.Options> | Unroutable => {
  const { localAddress, proxy, tls } = settings
  if ("_tag" in located || (proxy === undefined && tls === undefined && localAddress === undefined)) return located
  const { origin, target } = located
  const there = Either.flatMap(
    proxyFor(proxy, origin),
    (proxy) => Origin.withOptions(origin, { localAddress, proxy, tls: origin.scheme === "https" ? tls : undefined })
  )
  return Either.isLeft(there) ? withContextAt(there.left, origin, undefined) : { origin: there.right, target }
}

/** For callers whose types nobody has checked. */
export const notAnOrigin = (): InvalidOption =>
  new InvalidOption({ option: "origin", reason: "it must be made with `Origin.make` or `Origin.fromUrl`" })

/**
 * Where a request goes: to its own `origin`, else to that of its URL. `read` is its URL where it
 * has been read already.
 */
export const resolveRoute = <E>(
  settings: PoolSettings,
  request: HttpRequest<E>,
  read?: ParsedUrl<Tls.Options>
): Route | Unroutable => {
  const { fields, method } = request
  if (typeof request.target !== "string") return new InvalidUrl({ part: "target", reason: "it is not a string" })
  if (request.origin !== undefined && !Origin.isOrigin(request.origin)) return notAnOrigin()
  const located = request.origin === undefined
    ? originOf(settings, read ?? fromUrl(request.target, undefined))
    : undefined
  if (located !== undefined && "_tag" in located) return located
  const origin = located === undefined ? request.origin as Origin.Origin : located.origin
  if (located === undefined || method === "CONNECT" || request.targetForm === "absolute") {
    const form = forwarded(origin) ? "absolute" : request.targetForm ?? "origin"
    const target = resolveTarget(method, request.target, origin, form)
    return Either.isRight(target)
      ? new Route(origin, target.right, fields)
      : withContextAt<Unroutable>(target.left, origin, { method })
  }
  const { target } = located
  const authority = Origin.authority(origin)
  const whole = forwarded(origin) ? `${origin.scheme}://${authority}${target}` : target
  return new Route(origin, new Target(whole, authority), fields)
}

/** How connections to an origin are made. */
export const destination = (
  origin: Origin.Origin,
  shared: Omit<Settings, "localAddress" | "localPort" | "origin" | "proxy" | "tls">
): Destination => ({
  name: Origin.format(origin),
  settings: {
    ...shared,
    origin,
    tls: origin.scheme === "https" ? origin.tls ?? {} : undefined,
    localAddress: origin.localAddress,
    // Its connections would contend for one.
    localPort: undefined,
    proxy: origin.proxy
  },
  tunnel: origin.proxy === undefined || forwarded(origin)
    ? undefined
    : { origin, fields: Proxy.fields(origin.proxy) }
})
