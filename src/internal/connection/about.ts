/**
 * What an error is about: where the request goes, and what it asks for there.
 *
 * Nothing here runs while all is well: the texts are made when an error is.
 */
import * as Origin from "../../Origin.ts"
import type { Tagged } from "../error/base.ts"
import { ofRequest, withContext } from "../error/base.ts"
import type { ErrorContext } from "../error/context.ts"
import type { Target } from "../protocol/target.ts"

/** The request that an error is about. What is here of it has been checked. */
export interface Asked {
  readonly method: string
  readonly target?: Target | undefined
}

type Place = Pick<ErrorContext, "origin" | "peer" | "proxy">
type Request = Pick<ErrorContext, "method" | "path">

/**
 * A proxy forwards requests that are not encrypted, so it sees them: they name their origin, and
 * carry the fields for it.
 */
export const forwarded = ({ proxy, scheme }: Origin.Origin): boolean => proxy !== undefined && scheme === "http"

/** `host:port` of a proxy. */
export const proxyName = (proxy: { readonly host: string; readonly port: number } | undefined): string | undefined =>
  proxy === undefined ? undefined : Origin.hostPort(proxy)

/** Where requests to an origin go. */
export const placeOf = (origin: Origin.Origin): Place => ({
  origin: Origin.format(origin),
  proxy: proxyName(origin.proxy),
  peer: forwarded(origin) ? "Proxy" : "Server"
})

/** The path of a target as a path or as a URL, without the query, which may hold a secret. */
const pathOf = ({ target }: Target): string | undefined => {
  // There is a first piece, if need be an empty one.
  const bare = target.split("?", 1)[0] as string
  return bare.startsWith("/") || bare === "*" ? bare : /^[a-z]+:\/\/[^/]*(\/.*)$/.exec(bare)?.[1]
}

/** Method and path, as they stand in a context. */
export const requestOf = (asked: Asked | undefined): Request => ({
  method: asked?.method,
  path: asked?.target === undefined ? undefined : pathOf(asked.target)
})

/**
 * Gives an error that no exchange has seen its origin and, where it is known, its request; `also`
 * is what else is known.
 */
export const withContextAt = <E extends Tagged<string>>(
  error: E,
  origin: Origin.Origin,
  asked: Asked | undefined,
  also?: Partial<ErrorContext>
): E => withContext(error, { ...error.context, ...placeOf(origin), ...requestOf(asked), ...also })

/**
 * The error as that of a request, which it may know nothing of, or which it may share with others.
 */
export const ofAsked = <E extends Tagged<string>>(error: E, origin: Origin.Origin, asked: Asked): E =>
  ofRequest(error, { ...error.context, ...placeOf(origin), ...requestOf(asked) })
