/**
 * Where a request of a pool goes: its origin, its target there, and how connections to that origin
 * are made.
 */
import type { UnsupportedScheme } from "../../HttpError.ts"
import type * as HttpFields from "../../HttpFields.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import * as Origin from "../../Origin.ts"
import * as Proxy from "../../Proxy.ts"
import type * as Tls from "../../Tls.ts"
import { forwarded, withContextAt } from "../connection/about.ts"
import { askedFields, targetFor, withProxyFields } from "../connection/prepare.ts"
import { withSources } from "../connection/rotation.ts"
import type { Settings, Way } from "../connection/settings.ts"
import { tunnelled } from "../connection/tunnelled.ts"
import { InvalidOption, InvalidUrl } from "../error/request.ts"
import { isAddress } from "../model/addressPolicy.ts"
import type { ParsedUrl } from "../model/origin.ts"
import { fromUrl } from "../model/origin.ts"
import { resolvesHere } from "../model/proxy.ts"
import { defaultOptions } from "../model/tlsOptions.ts"
import { Target } from "../protocol/target.ts"
import type { PoolSettings } from "./settings.ts"

/** The route of a request. */
export class Route {
  readonly origin: Origin.Origin
  readonly key: string
  readonly target: Target
  /** The fields of the request, and those for a proxy that forwards it. */
  readonly fields: HttpFields.HttpFields
  /** True if the connection is to leave HTTP. */
  readonly upgrade: boolean

  constructor(origin: Origin.Origin, target: Target, fields: HttpFields.HttpFields, upgrade: boolean) {
    this.origin = origin
    this.key = Origin.key(origin)
    this.target = target
    this.fields = withProxyFields(origin, fields)
    this.upgrade = upgrade
  }
}

/** The reason why a request has no route. */
export type Unroutable = InvalidUrl | InvalidOption | UnsupportedScheme

/**
 * The data that the pool keeps of an origin: how its connections reach it, https through a proxy's
 * tunnel.
 */
export interface Destination extends Way {
  /** For events and errors. */
  readonly name: string
  /**
   * The host name over whose addresses connections are spread. It is the one that is dialled, or
   * that of the origin if this process resolves it for a proxy. `undefined` if that is an address,
   * or a unix socket.
   */
  readonly hostName: string | undefined
}

/**
 * Returns the options of the pool for an origin. `bypass` is code of the caller, which may throw.
 */
const optionsFor = (
  { localAddress, proxy, tls }: PoolSettings,
  origin: Origin.Origin
): Origin.Options | InvalidOption => {
  const options = { localAddress, tls: origin.scheme === "https" ? tls : undefined }
  if (proxy === undefined || !("bypass" in proxy)) return { ...options, proxy }
  try {
    return { ...options, proxy: Proxy.forOrigin(proxy, origin) }
  } catch (error) {
    // Named without its message, which may hold a secret.
    return new InvalidOption({
      option: "proxy.bypass",
      reason: `it threw (${error instanceof Error ? error.name : typeof error}); it must give true or false`
    })
  }
}

/**
 * Returns the origin of a URL, with the options of the pool. It is kept for the next URL of that
 * origin, because origins of URLs are cached (`model/origin.ts`). Checking the options and building
 * the key cost 3 µs for each request. A `bypass` is called each time, because it is code of the
 * caller.
 */
export const originOfUrl = (
  settings: PoolSettings,
  parsed: ParsedUrl<Tls.Input> | Unroutable
): ParsedUrl<Tls.Input> | Unroutable => {
  const { localAddress, origins, proxy, tls } = settings
  if ("_tag" in parsed || (proxy === undefined && tls === undefined && localAddress === undefined)) return parsed
  const { origin, target } = parsed
  const known = origins.get(origin)
  if (known !== undefined) return { origin: known, target }
  const options = optionsFor(settings, origin)
  if (options instanceof InvalidOption) return withContextAt(options, origin, undefined)
  const there = Origin.withOptions(origin, options)
  if (there._tag === "Left") return withContextAt(there.left, origin, undefined)
  if (proxy === undefined || !("bypass" in proxy)) origins.set(origin, there.right)
  return { origin: there.right, target }
}

/** Returns the error for a value that is not an origin, which untyped callers may pass. */
export const notAnOrigin = (): InvalidOption =>
  new InvalidOption({ option: "origin", reason: "it must be made with `Origin.make` or `Origin.fromUrl`" })

/**
 * Returns the route of a request: to its `origin`, or to the origin of its URL, which may be parsed
 * already.
 */
export const resolveRoute = (
  settings: PoolSettings,
  request: HttpRequest<unknown>,
  parsed?: ParsedUrl<Tls.Input>,
  upgrade = false
): Route | Unroutable => {
  const { method } = request
  const fields = askedFields(request)
  if (typeof request.target !== "string") return new InvalidUrl({ part: "target", reason: "it is not a string" })
  if (request.origin !== undefined && !Origin.isOrigin(request.origin)) return notAnOrigin()
  const located = request.origin === undefined
    ? originOfUrl(settings, parsed ?? fromUrl(request.target, undefined))
    : undefined
  if (located !== undefined && "_tag" in located) return located
  const asked = located === undefined ? request.origin as Origin.Origin : located.origin
  const origin = upgrade ? tunnelled(asked, method) : asked
  if (located === undefined || method === "CONNECT" || (request.targetForm ?? "origin") !== "origin") {
    const target = targetFor(origin, request)
    return "_tag" in target
      ? withContextAt<Unroutable>(target, origin, { method })
      : new Route(origin, target, fields, upgrade)
  }
  const { target } = located
  const authority = Origin.authority(origin)
  const whole = forwarded(origin) ? `${origin.scheme}://${authority}${target}` : target
  return new Route(origin, new Target(whole, authority), fields, upgrade)
}

const nameOf = ({ host }: { readonly host: string }): string | undefined => isAddress(host) ? undefined : host

/** Returns the host whose address this process finally needs. */
const resolved = (origin: Origin.Origin): Origin.Origin | Proxy.Proxy =>
  origin.proxy === undefined || resolvesHere(origin.proxy) ? origin : origin.proxy

/** Returns how connections to an origin are opened. */
export const destination = (
  origin: Origin.Origin,
  shared: Omit<Settings, "localAddress" | "localPort" | "origin" | "proxy" | "rotation" | "tls">
): Destination => ({
  name: Origin.format(origin),
  hostName: origin.socketPath === undefined ? nameOf(resolved(origin)) : undefined,
  settings: {
    ...shared,
    origin,
    ...withSources(origin.scheme === "https" ? origin.tls ?? defaultOptions : undefined, origin.proxy),
    localAddress: origin.localAddress,
    // Its connections would compete for one port.
    localPort: undefined
  },
  tunnel: origin.proxy === undefined || forwarded(origin)
    ? undefined
    : { origin, fields: Proxy.fields(origin.proxy) }
})
