/** Where a request of a pool goes: its origin, its target there, and how connections to that origin are made. */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type { UnsupportedScheme } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import * as Origin from "../../Origin.ts"
import * as Proxy from "../../Proxy.ts"
import type { Settings, Tunnel } from "../connection/connection.ts"
import { locate } from "../error/base.ts"
import { InvalidOption, InvalidUrl } from "../error/request.ts"
import type { Target } from "../protocol/target.ts"
import { resolveTarget } from "../protocol/target.ts"
import type { PoolSettings } from "./settings.ts"

/** Where a request goes. */
export interface Route {
  readonly origin: Origin.Origin
  readonly key: string
  readonly target: Target
  /** Those of the request, and those for a proxy that forwards it. */
  readonly fields: HttpFields.HttpFields
}

/** What the pool keeps of an origin. */
export interface Destination {
  /** For events and errors. */
  readonly name: string
  readonly settings: Settings
  /** Through the proxy, for https (RFC 9110 section 9.3.6). */
  readonly tunnel: Tunnel | undefined
}

/** A proxy forwards requests that are not encrypted, so it sees them: they name their origin, and carry the fields for it. */
const forwarded = ({ proxy, scheme }: Origin.Origin): boolean => proxy !== undefined && scheme === "http"

const routeTo = (origin: Origin.Origin, target: Target, fields: HttpFields.HttpFields): Route => {
  const key = Origin.key(origin)
  if (!forwarded(origin) || origin.proxy === undefined) return { origin, key, target, fields }
  let all = fields
  for (const [name, value] of Proxy.fields(origin.proxy)) {
    if (!HttpFields.has(fields, name)) all = HttpFields.append(all, name, value)
  }
  return { origin, key, target, fields: all }
}

/** The origin of a URL, with the options of the pool. */
const originOf = (
  settings: PoolSettings,
  url: string
): Either.Either<
  { readonly origin: Origin.Origin; readonly target: string },
  InvalidUrl | InvalidOption | UnsupportedScheme
> => {
  const { localAddress, proxy, tls } = settings
  if (proxy === undefined && tls === undefined && localAddress === undefined) return Origin.fromUrl(url)
  return Either.flatMap(Origin.fromUrl(url), ({ origin, target }) =>
    Either.map(
      Origin.withOptions(origin, {
        localAddress,
        proxy: Predicate.hasProperty(proxy, "bypass") ? Proxy.forOrigin(proxy, origin) : proxy,
        tls: origin.scheme === "https" ? tls : undefined
      }),
      (origin) => ({ origin, target })
    ))
}

/** Where a request goes: to its own `origin`, else to that of its URL. */
export const route = <E>(
  settings: PoolSettings,
  request: HttpRequest<E>
): Either.Either<Route, InvalidUrl | InvalidOption | UnsupportedScheme> => {
  const { fields, method } = request
  if (typeof request.target !== "string") {
    return Either.left(new InvalidUrl({ part: "target", reason: "it is not a string" }))
  }
  if (request.origin !== undefined && !Origin.isOrigin(request.origin)) {
    return Either.left(
      new InvalidOption({ option: "origin", reason: "it must be made with `Origin.make` or `Origin.fromUrl`" })
    )
  }
  if (request.origin !== undefined || method === "CONNECT" || request.targetForm === "absolute") {
    const found = request.origin === undefined
      ? Either.map(originOf(settings, request.target), ({ origin }) => origin)
      : Either.right(request.origin)
    return Either.flatMap(found, (origin) => {
      const form = forwarded(origin) ? "absolute" : request.targetForm ?? "origin"
      const target = resolveTarget(method, request.target, origin, form)
      return Either.mapBoth(target, {
        onLeft: (error) => locate(error, { ...error.context, origin: Origin.format(origin) }),
        onRight: (target) => routeTo(origin, target, fields)
      })
    })
  }
  return Either.map(originOf(settings, request.target), ({ origin, target }) => {
    const authority = Origin.authority(origin)
    const whole = forwarded(origin) ? `${origin.scheme}://${authority}${target}` : target
    return routeTo(origin, { target: whole, authority }, fields)
  })
}

/** How connections to an origin are made. */
export const destination = (
  origin: Origin.Origin,
  shared: Omit<Settings, "localAddress" | "origin" | "proxy" | "tls">
): Destination => ({
  name: Origin.format(origin),
  settings: {
    ...shared,
    origin,
    tls: origin.scheme === "https" ? origin.tls ?? {} : undefined,
    localAddress: origin.localAddress,
    proxy: origin.proxy
  },
  tunnel: origin.proxy === undefined || forwarded(origin)
    ? undefined
    : { origin, fields: Proxy.fields(origin.proxy) }
})
