/** Checks the option `warm` of a pool: the origins that must have idle connections at all times. */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Origin from "../../Origin.ts"
import { InvalidOption } from "../error/request.ts"
import { fromUrl } from "../model/origin.ts"
import { originOfUrl } from "../pool/route.ts"
import type { PoolSettings, WarmOrigin } from "../pool/settings.ts"

const originOf = (origin: unknown, option: string, settings: PoolSettings): Origin.Origin | InvalidOption => {
  const invalid = (reason: string): InvalidOption => new InvalidOption({ option: `${option}.origin`, reason })
  if (Origin.isOrigin(origin)) return origin
  if (typeof origin !== "string") return invalid("it must be a URL or made with `Origin.make` or `Origin.fromUrl`")
  const located = originOfUrl(settings, fromUrl(origin, undefined))
  if ("_tag" in located) return located instanceof InvalidOption ? located : invalid(located.message)
  return located.target === "/" ? located.origin : invalid("its URL must have no path and no query")
}

const one = (value: unknown, option: string, settings: PoolSettings): WarmOrigin | InvalidOption => {
  if (!Predicate.isRecord(value)) return new InvalidOption({ option, reason: "it must be a record with an `origin`" })
  const origin = originOf(value["origin"], option, settings)
  if (origin instanceof InvalidOption) return origin
  const { minIdle = 1 } = value
  const { connectionsPerOrigin, idlePerOrigin } = settings.places
  const most = Math.min(connectionsPerOrigin, idlePerOrigin)
  return typeof minIdle === "number" && Number.isInteger(minIdle) && minIdle >= 1 && minIdle <= most
    ? { key: Origin.key(origin), origin, minIdle }
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
