/**
 * A resolver that asks DNS servers. Both families are asked at once. If one fails or is slow, the
 * other is used.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import type { Addresses } from "../../Transport.ts"
import { DnsError } from "../error/connect.ts"
import { InvalidOption, InvalidUrl } from "../error/request.ts"
import type { DnsQueries } from "../node/dnsClient.ts"
import { bothFamilies, DnsClient, reserved } from "../node/dnsClient.ts"
import { isAddress } from "../node/resolver.ts"
import { notRecord } from "../options.ts"
import { bracketed, parseHostPort } from "../syntax/host.ts"
import { readDuration } from "./duration.ts"
import type { Answer, Service } from "./resolver.ts"

/** Documented in `Resolver`. */
export interface DnsOptions {
  /**
   * The servers to ask, in this order, as `address` or `address:port`; an IPv6 address with a port
   * has brackets. Default: those of the system, such as in `/etc/resolv.conf`, read at the first
   * lookup and kept.
   */
  readonly servers?: ReadonlyArray<string> | undefined
  /**
   * How long the first query waits for a server; each further try waits longer. This is real time
   * and not that of `Clock`. Default: 2 seconds, so that the tries end before `timeouts.dns` does.
   */
  readonly timeout?: Duration.DurationInput | undefined
  /** How many times each server is asked. Default: 2. */
  readonly tries?: number | undefined
}

type Outcome = Addresses | DnsError

/** How long an answer waits for that of the other family (RFC 8305 section 3). */
const resolutionDelay = 50

const query = (queries: DnsQueries, name: string, family: 4 | 6): Effect.Effect<Outcome> =>
  Effect.async((resume) => queries.query(name, family, (answer) => resume(Effect.succeed(answer))))

/** Waits for the other family: briefly if this one has addresses. */
const orBoth = (
  first: Outcome,
  other: Fiber.Fiber<Outcome>,
  join: (first: Outcome, second: Outcome) => Outcome
): Effect.Effect<Outcome> => {
  const both = Effect.map(Fiber.join(other), (second) => join(first, second))
  if (first instanceof DnsError) return both
  return Effect.onExit(
    Effect.timeoutTo(both, { duration: resolutionDelay, onSuccess: (answer) => answer, onTimeout: () => first }),
    () => Fiber.interruptFork(other)
  )
}

const lookUp = (queries: DnsQueries, name: string): Effect.Effect<Outcome> =>
  Effect.raceWith(query(queries, name, 6), query(queries, name, 4), {
    onSelfDone: (exit, other) => Effect.flatMap(exit, (six) => orBoth(six, other, bothFamilies)),
    onOtherDone: (exit, other) =>
      Effect.flatMap(exit, (four) => orBoth(four, other, (four, six) => bothFamilies(six, four)))
  })

const toEffect = (outcome: Outcome): Effect.Effect<Answer, DnsError> =>
  outcome instanceof DnsError
    ? Effect.fail(outcome)
    : Effect.succeed({ addresses: outcome.addresses, ttl: outcome.ttlMillis })

const invalid = (option: string, reason: string): Either.Either<never, InvalidOption> =>
  Either.left(new InvalidOption({ option, reason }))

/** Returns a server in the form that Node needs. Node itself aborts the process for the port 0. */
const toServer = (given: unknown): string | undefined => {
  if (typeof given !== "string") return undefined
  const parsed = parseHostPort(given, "option")
  if (parsed instanceof InvalidUrl || !isAddress(parsed.host)) return undefined
  return parsed.port === undefined ? parsed.host : `${bracketed(parsed.host)}:${parsed.port}`
}

/** The longest time that c-ares can wait, in milliseconds. */
const longest = 2 ** 31 - 1

export const fromDns = (options: DnsOptions = {}): Either.Either<Service, InvalidOption> => {
  const wrong = notRecord("options", options)
  if (wrong !== undefined) return Either.left(wrong)
  const { servers, timeout = 2000, tries = 2 } = options
  const millis = readDuration(timeout)
  if (millis === undefined || millis < 1 || millis > longest) {
    return invalid("timeout", `it must be a duration from 1 ms to ${longest} ms, such as 500 or "5 seconds"`)
  }
  if (!(Number.isInteger(tries) && tries >= 1 && tries <= 100)) {
    return invalid("tries", "it must be a whole number from 1 to 100")
  }
  if (servers !== undefined && !(Array.isArray(servers) && servers.length > 0)) {
    return invalid("servers", "it must be a list of at least one address")
  }
  const known = servers?.map(toServer)
  const bad = known?.indexOf(undefined) ?? -1
  if (bad >= 0) return invalid(`servers[${bad}]`, "it must be an IP address, with a port or without")
  const client = new DnsClient({
    servers: known?.filter((server) => server !== undefined),
    timeout: Math.ceil(millis),
    tries
  })
  return Either.right({
    lookup: (name) =>
      Effect.suspend(() => {
        const answer = reserved(name)
        return answer === undefined
          ? Effect.flatMap(
            Effect.acquireUseRelease(
              Effect.sync(() => client.begin()),
              (queries) => lookUp(queries, name),
              (queries) => Effect.sync(() => queries.end())
            ),
            toEffect
          )
          : toEffect(answer)
      })
  })
}
