/**
 * Applies the options around a request: the options for the pool, and the origin if it is not the
 * URL's.
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type { InvalidOption, InvalidUrl, UnsupportedScheme } from "../../HttpError.ts"
import type * as HttpRequest from "../../HttpRequest.ts"
import * as Origin from "../../Origin.ts"
import * as Proxy from "../../Proxy.ts"
import { notRecord } from "../options.ts"
import type { RequestOptions } from "./references.ts"

/** The options of connections for requests that have none. */
export type ConnectionOptions = Pick<RequestOptions, "tls" | "proxy" | "localAddress">

/** A request's target, and its options for the pool. */
export interface Routed {
  readonly target: string
  readonly options: HttpRequest.Options
}

const none: HttpRequest.Options = {}

const connectionKeys = ["tls", "proxy", "localAddress", "socketPath"] as const

/**
 * True for settings. Untyped code may pass something that is neither settings nor a proxy; the
 * origin refuses it.
 */
const isSettings = (proxy: RequestOptions["proxy"]): proxy is Proxy.Settings => Predicate.hasProperty(proxy, "bypass")

/**
 * Returns a value, or `undefined` for `false`. An option that is `false` means none, because
 * `undefined` keeps the pool's value.
 */
const unlessFalse = <A>(option: A | false | undefined): A | undefined => option === false ? undefined : option

/**
 * Returns the origin with the connection options of a request. Options that the request lacks stay
 * as in the pool.
 */
const originWith = (
  origin: Origin.Origin,
  options: RequestOptions,
  defaults: ConnectionOptions | undefined
): Either.Either<Origin.Origin, InvalidUrl | InvalidOption> => {
  const tls = options.tls ?? defaults?.tls
  const localAddress = unlessFalse(options.localAddress ?? defaults?.localAddress)
  const proxy = unlessFalse(options.proxy ?? defaults?.proxy)
  const socketPath = unlessFalse(options.socketPath)
  if (socketPath !== undefined) {
    const { host, port, scheme } = origin
    return Origin.make({ scheme, host, port, socketPath, tls, localAddress })
  }
  return Origin.withOptions(origin, {
    tls,
    localAddress,
    proxy: isSettings(proxy) ? Proxy.forOrigin(proxy, origin) : proxy
  })
}

/**
 * Returns the target of a request and its options. Without connection options the pool parses the
 * URL.
 */
export const applyOptions = (
  target: string,
  options: RequestOptions | undefined,
  defaults: ConnectionOptions | undefined
): Either.Either<Routed, InvalidUrl | InvalidOption | UnsupportedScheme> => {
  if (Predicate.isNullable(options)) return Either.right({ target, options: none })
  const wrong = notRecord("options", options)
  if (wrong !== undefined) return Either.left(wrong)
  const { acceptTrailers, expectContinue, leniency, limits, onInformational, targetForm, timeouts } = options
  const own = { acceptTrailers, expectContinue, leniency, limits, onInformational, targetForm, timeouts }
  if (connectionKeys.every((key) => options[key] === undefined)) return Either.right({ target, options: own })
  return Either.flatMap(
    Origin.fromUrl(target),
    (parsed) =>
      Either.map(originWith(parsed.origin, options, defaults), (origin) => ({
        target: parsed.target,
        options: { ...own, origin }
      }))
  )
}
