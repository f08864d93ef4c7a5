/**
 * The context of errors that no exchange has seen: where the request goes, and what it asks for
 * there.
 *
 * Nothing here runs without an error, because only errors need the texts.
 */
import * as Origin from "../../Origin.ts"
import type { Tagged } from "../error/base.ts"
import { ofRequest, withContext } from "../error/base.ts"
import type { ErrorContext } from "../error/context.ts"
import { forwards } from "../model/proxy.ts"
import type { Target } from "../protocol/target.ts"

/** The request that an error is about. The parts that are present have been checked. */
export interface Asked {
  readonly method: string
  readonly target?: Target | undefined
}

type Place = Pick<ErrorContext, "origin" | "peer" | "proxy">
type Request = Pick<ErrorContext, "method" | "path">

/**
 * True if a proxy forwards the requests to this origin, because they are not encrypted. The proxy
 * sees them, so they name their origin and carry the fields for the proxy.
 */
export const forwarded = ({ proxy, scheme }: Origin.Origin): boolean =>
  proxy !== undefined && scheme === "http" && forwards(proxy)

/** Returns `host:port` of a proxy. */
export const proxyName = (proxy: { readonly host: string; readonly port: number } | undefined): string | undefined =>
  proxy === undefined ? undefined : Origin.hostPort(proxy)

/** Returns where requests to an origin go. */
export const placeOf = (origin: Origin.Origin): Place => ({
  origin: Origin.format(origin),
  proxy: proxyName(origin.proxy),
  peer: forwarded(origin) ? "Proxy" : "Server"
})

/**
 * Returns the path of a target that is a path or a URL, without the query, which may contain a
 * secret.
 */
const pathOf = ({ target }: Target): string | undefined => {
  // There is always a first piece, although it may be empty.
  const bare = target.split("?", 1)[0] as string
  return bare.startsWith("/") || bare === "*" ? bare : /^[a-z]+:\/\/[^/]*(\/.*)$/.exec(bare)?.[1]
}

/** Returns the method and the path for a context. */
export const requestOf = (asked: Asked | undefined): Request => ({
  method: asked?.method,
  path: asked?.target === undefined ? undefined : pathOf(asked.target)
})

/**
 * Adds the origin and, if it is known, the request to an error that no exchange has seen. `also`
 * has further known facts.
 */
export const withContextAt = <E extends Tagged<string>>(
  error: E,
  origin: Origin.Origin,
  asked: Asked | undefined,
  also?: Partial<ErrorContext>
): E => withContext(error, { ...error.context, ...placeOf(origin), ...requestOf(asked), ...also })

/**
 * Returns the error as the error of one request. The error may name no request yet, or be shared by
 * several requests.
 */
export const ofAsked = <E extends Tagged<string>>(error: E, origin: Origin.Origin, asked: Asked): E =>
  ofRequest(error, { ...error.context, ...placeOf(origin), ...requestOf(asked) })
