/** Checks the option `warm` of a pool: the origins that must have idle connections at all times. */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as HttpFields from "../../HttpFields.ts"
import * as HttpRequest from "../../HttpRequest.ts"
import * as Origin from "../../Origin.ts"
import { firstAttempt, prepare } from "../connection/prepare.ts"
import { InvalidOption } from "../error/request.ts"
import { fromUrl } from "../model/origin.ts"
import { notRecord, notRequest } from "../options.ts"
import { originOfUrl, resolveRoute } from "../pool/route.ts"
import type { Greeting, PoolSettings, WarmOrigin } from "../pool/settings.ts"
import { readDuration } from "./duration.ts"
import { bodySource } from "./requestBody.ts"

/** How long a request may take in all if nothing else limits it, in milliseconds. */
const greetingMillis = 10_000

/** The methods that change nothing and need no body (RFC 9110 section 9.2.1). */
const safe: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"])

const originOf = (origin: unknown, option: string, settings: PoolSettings): Origin.Origin | InvalidOption => {
  const invalid = (reason: string): InvalidOption => new InvalidOption({ option: `${option}.origin`, reason })
  if (Origin.isOrigin(origin)) return origin
  if (typeof origin !== "string") return invalid("it must be a URL or made with `Origin.make` or `Origin.fromUrl`")
  const located = originOfUrl(settings, fromUrl(origin, undefined))
  if ("_tag" in located) return located instanceof InvalidOption ? located : invalid(located.message)
  return located.target === "/" ? located.origin : invalid("its URL must have no path and no query")
}

/** Returns the request to send: to the origin, if it does not name it, and with a time limit. */
const completed = (
  request: HttpRequest.HttpRequest,
  origin: Origin.Origin,
  { timeouts: { total } }: PoolSettings
): HttpRequest.HttpRequest => {
  const { target, targetForm, timeouts } = request
  const isRelative = target.startsWith("/") || target === "*" || targetForm === "asterisk"
  return HttpRequest.setOptions(request, {
    ...(isRelative && request.origin === undefined ? { origin } : undefined),
    ...(timeouts?.total === undefined && total === Infinity
      ? { timeouts: { ...timeouts, total: greetingMillis } }
      : undefined)
  })
}

/** Checks a request as sending it does, so that it does not fail each time that it is sent. */
const greetingOf = (
  value: unknown,
  option: string,
  origin: Origin.Origin,
  settings: PoolSettings
): Greeting | InvalidOption => {
  const invalid = (reason: string): InvalidOption => new InvalidOption({ option: `${option}.request`, reason })
  if (!HttpRequest.isHttpRequest(value)) return invalid("it must be made with `HttpRequest.head` or `get`")
  const { body, invalid: wrong, method, trailers } = value
  // A group that is no record would become one in `completed`.
  const none = notRequest(value) ?? wrong ?? notRecord("timeouts", value.timeouts ?? undefined)
  if (none !== undefined) return invalid(none.description)
  if (!safe.has(method)) return invalid("its method must be GET, HEAD or OPTIONS, because it is sent at any time")
  if (body._tag !== "Empty" || !HttpFields.isHttpFields(trailers) || HttpFields.size(trailers) > 0) {
    return invalid("it must have no body and no trailers")
  }
  if (typeof value.target !== "string") return invalid("its target must be a path, or a URL of the origin")
  const request = completed(value as HttpRequest.HttpRequest, origin, settings)
  const route = resolveRoute(settings, request)
  if ("_tag" in route) return invalid(route.description)
  if (route.key !== Origin.key(origin)) return invalid("its target must be a path, or a URL of the origin")
  const { leniency, limits, timeouts } = settings
  const prepared = prepare(
    { addresses: undefined, host: { bodySource, millisOf: readDuration }, leniency, limits, timeouts },
    route.origin,
    request,
    route.target,
    route.fields,
    firstAttempt(request),
    false
  )
  return "_tag" in prepared ? invalid(prepared.description) : { request, route }
}

const one = (value: unknown, option: string, settings: PoolSettings): WarmOrigin | InvalidOption => {
  if (!Predicate.isRecord(value)) return new InvalidOption({ option, reason: "it must be a record with an `origin`" })
  const origin = originOf(value["origin"], option, settings)
  if (origin instanceof InvalidOption) return origin
  const { minIdle = 1, request } = value
  const greeting = request === undefined ? undefined : greetingOf(request, option, origin, settings)
  if (greeting instanceof InvalidOption) return greeting
  const { connectionsPerOrigin, idlePerOrigin } = settings.places
  const most = Math.min(connectionsPerOrigin, idlePerOrigin)
  return typeof minIdle === "number" && Number.isInteger(minIdle) && minIdle >= 1 && minIdle <= most
    ? { key: Origin.key(origin), origin, minIdle, greeting }
    : new InvalidOption({
      option: `${option}.minIdle`,
      reason:
        `it must be a whole number of at least 1, and not more than \`connectionsPerOrigin\` and \`idlePerOrigin\``
    })
}

export const toWarm = (
  warm: unknown,
  settings: PoolSettings
): Either.Either<ReadonlyArray<WarmOrigin>, InvalidOption> => {
  const invalid = (option: string, reason: string): Either.Either<never, InvalidOption> =>
    Either.left(new InvalidOption({ option, reason }))
  if (!Array.isArray(warm)) return invalid("warm", "it must be an array of records with an `origin`")
  const origins: Array<WarmOrigin> = []
  const { connections, idle } = settings.places
  let sum = 0
  for (const [index, value] of warm.entries()) {
    const option = `warm[${index}]`
    const read = one(value, option, settings)
    if (read instanceof InvalidOption) return Either.left(read)
    if (origins.some(({ key }) => key === read.key)) return invalid(option, "its origin is there twice")
    sum += read.minIdle
    origins.push(read)
  }
  return sum > Math.min(connections, idle)
    ? invalid("warm", "the sum of all `minIdle` must not be more than `connections` and `idle`")
    : Either.right(origins)
}
