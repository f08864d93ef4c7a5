/**
 * What the options around a request make of it: the options that the pool reads, and where else
 * than its URL says it goes.
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type { InvalidOption, InvalidUrl, UnsupportedScheme } from "../../HttpError.ts"
import type * as HttpRequest from "../../HttpRequest.ts"
import * as Origin from "../../Origin.ts"
import * as Proxy from "../../Proxy.ts"
import type { RequestOptions } from "./references.ts"

/** How a pool makes connections where a request does not say. */
export type ConnectionOptions = Pick<RequestOptions, "tls" | "proxy" | "localAddress">

/** A request's target, and its options for the pool. */
export interface Routed {
  readonly target: string
  readonly options: HttpRequest.Options
}

const none: HttpRequest.Options = {}

const connectionKeys = ["tls", "proxy", "localAddress", "socketPath"] as const

/**
 * Types do not hold for everybody: what is neither settings nor a proxy is refused with the origin.
 */
const isSettings = (proxy: RequestOptions["proxy"]): proxy is Proxy.Settings => Predicate.hasProperty(proxy, "bypass")

/** `false` says none, where `undefined` would leave what the pool has. */
const unlessFalse = <A>(option: A | false | undefined): A | undefined => option === false ? undefined : option

/**
 * The origin with other connection options than those of the pool. What a request does not say
 * stays as the pool has it.
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
 * Where a request goes, and its options. Without options it is left to the pool to read the URL.
 */
export const applyOptions = (
  target: string,
  options: RequestOptions | undefined,
  defaults: ConnectionOptions | undefined
): Either.Either<Routed, InvalidUrl | InvalidOption | UnsupportedScheme> => {
  if (!Predicate.isObject(options)) return Either.right({ target, options: none })
  const { expectContinue, leniency, limits, timeouts } = options
  const own = { expectContinue, leniency, limits, timeouts }
  if (connectionKeys.every((key) => options[key] === undefined)) return Either.right({ target, options: own })
  return Either.flatMap(
    Origin.fromUrl(target),
    (located) =>
      Either.map(originWith(located.origin, options, defaults), (origin) => ({
        target: located.target,
        options: { ...own, origin }
      }))
  )
}
