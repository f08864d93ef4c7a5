/** Checks the options of a pool and adds the defaults. */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import { strict } from "../../HttpLeniency.ts"
import * as HttpLimits from "../../HttpLimits.ts"
import * as HttpTimeouts from "../../HttpTimeouts.ts"
import * as Origin from "../../Origin.ts"
import * as Proxy from "../../Proxy.ts"
import { toLimits, toMillis } from "../connection/settings.ts"
import { noTimeouts } from "../connection/timeouts.ts"
import { InvalidOption } from "../error/request.ts"
import { checked, notRecord } from "../options.ts"
import type { PoolSettings } from "../pool/settings.ts"
import { readDuration } from "./duration.ts"
import type { PoolOptions } from "./poolOptions.ts"
import { toWarm } from "./warmSettings.ts"

const invalid = (option: string, reason: string): Either.Either<never, InvalidOption> =>
  Either.left(new InvalidOption({ option, reason }))

/** Reads a count, which must be at least `least`. */
const count = (
  option: keyof PoolOptions & string,
  value: unknown,
  least: number,
  orElse: number
): Either.Either<number, InvalidOption> =>
  value === undefined
    ? Either.right(orElse)
    : typeof value === "number" && value >= least && (Number.isInteger(value) || value === Infinity)
    ? Either.right(value)
    : invalid(option, `it must be a whole number of at least ${least}, or Infinity`)

const millis = (option: string, value: unknown, orElse: number): Either.Either<number, InvalidOption> => {
  if (value === undefined) return Either.right(orElse)
  const read = readDuration(value)
  return read === undefined
    ? invalid(option, `it must be a duration of at least 0, such as 500 or "5 seconds"`)
    : Either.right(read)
}

const isSettings = (proxy: unknown): proxy is Proxy.Settings => Predicate.hasProperty(proxy, "bypass")

const proxyRule = "it must be made with `Proxy.make` or `Proxy.fromUrl`, or settings of such proxies"

/**
 * Finds connection options that would make every origin invalid, by making an arbitrary origin with
 * them.
 */
const checkOrigin = ({ localAddress, proxy, tls }: PoolOptions): Either.Either<void, InvalidOption> => {
  const proxies = isSettings(proxy) ? [proxy.http, proxy.https] : [proxy]
  if (!proxies.every((one) => one === undefined || Proxy.isProxy(one))) return invalid("proxy", proxyRule)
  if (isSettings(proxy) && typeof proxy.bypass !== "function") {
    return invalid("proxy.bypass", "it must be a function")
  }
  const origin = Origin.make({ scheme: "https", host: "localhost", tls, localAddress })
  return Either.mapBoth(origin, {
    onLeft: (error) =>
      error instanceof InvalidOption ? error : new InvalidOption({ option: "tls", reason: error.reason }),
    onRight: () => undefined
  })
}

/** Checks the kinds of values, for callers whose types no compiler has checked. */
const checkKinds = (options: PoolOptions): Either.Either<void, InvalidOption> => {
  for (const option of ["timeouts", "limits", "leniency"] as const) {
    const wrong = notRecord(option, options[option])
    if (wrong !== undefined) return Either.left(wrong)
  }
  // An Effect is iterable, so `notRecord` would refuse it.
  if (options.tls !== undefined && !Predicate.isRecord(options.tls)) {
    return invalid("tls", "it must be a record of options")
  }
  if (options.tracing !== undefined && typeof options.tracing !== "boolean") {
    return invalid("tracing", "it must be true or false")
  }
  if (options.wireTap !== undefined && typeof options.wireTap !== "boolean") {
    return invalid("wireTap", "it must be true or false")
  }
  return options.onEvent === undefined || typeof options.onEvent === "function"
    ? Either.void
    : invalid("onEvent", "it must be a function")
}

const selections = ["newest", "oldest", "leastUsed"] as const

/** Reads a word, of which the first is the default. */
const oneOf = <const Words extends ReadonlyArray<string>>(
  option: string,
  value: unknown,
  words: Words
): Either.Either<Words[number], InvalidOption> => {
  const word = value === undefined ? words[0] : words.find((word) => word === value)
  return word === undefined ? invalid(option, `it must be one of ${words.join(", ")}`) : Either.right(word)
}

/** Checks the options and adds the defaults. */
export const toSettings = (options: PoolOptions): Either.Either<PoolSettings, InvalidOption> =>
  Either.gen(function*() {
    const wrong = notRecord("options", options)
    if (wrong !== undefined) return yield* Either.left(wrong)
    const { blockSize = 65_536, lifetimeJitter = 0.1 } = options
    if (!Number.isSafeInteger(blockSize) || blockSize < 1) {
      return yield* invalid("blockSize", "it must be a whole number of at least 1")
    }
    if (!(typeof lifetimeJitter === "number" && lifetimeJitter >= 0 && lifetimeJitter <= 1)) {
      return yield* invalid("lifetimeJitter", "it must be a number from 0 to 1")
    }
    yield* checkKinds(options)
    yield* checkOrigin(options)
    const retryMillis = yield* millis("connectRetryTime", options.connectRetryTime, 2000)
    const backoffMillis = yield* millis("connectBackoff", options.connectBackoff, 250)
    // With an infinite pause, nothing would be opened again after one failure.
    if (backoffMillis === Infinity) return yield* invalid("connectBackoff", "it must be finite, 0 is for no pauses")
    const settings: PoolSettings = {
      places: {
        connectionsPerOrigin: yield* count("connectionsPerOrigin", options.connectionsPerOrigin, 1, 64),
        connections: yield* count("connections", options.connections, 1, 1024),
        idlePerOrigin: yield* count("idlePerOrigin", options.idlePerOrigin, 0, 64),
        idle: yield* count("idle", options.idle, 0, 256),
        waiters: yield* count("waiters", options.waiters, 0, 65_536),
        requestsPerConnection: yield* count("requestsPerConnection", options.requestsPerConnection, 1, Infinity),
        idleMillis: yield* millis("idleTime", options.idleTime, 30_000),
        retryMillis,
        // Retries without a pause would leave no time for anything else until the retry time is
        // over.
        backoffMillis: Math.max(backoffMillis, retryMillis > 0 ? 1 : 0),
        selection: yield* oneOf("selection", options.selection, selections)
      },
      warm: [],
      drainsGone: (yield* oneOf("followDns", options.followDns, ["lifetime", "drain"])) === "drain",
      lifetimeMillis: yield* millis("lifetime", options.lifetime, 900_000),
      lifetimeJitter,
      keepAliveMargin: yield* millis("keepAliveMargin", options.keepAliveMargin, 1000),
      drainBytes: yield* count("drainBytes", options.drainBytes, 0, 65_536),
      drainMillis: yield* millis("drainTime", options.drainTime, 1000),
      unreadMillis: yield* millis("unreadTime", options.unreadTime, 10_000),
      unreadGrace: yield* millis("unreadGrace", options.unreadGrace, 100),
      graceMillis: yield* millis("shutdownGrace", options.shutdownGrace, 1000),
      tls: options.tls,
      proxy: options.proxy,
      localAddress: options.localAddress,
      origins: new WeakMap(),
      blockSize,
      timeouts: yield* checked(
        toMillis(HttpTimeouts.make(options.timeouts ?? {}), noTimeouts, { millisOf: readDuration })
      ),
      limits: yield* checked(toLimits(options.limits ?? {}, HttpLimits.defaults)),
      leniency: options.leniency ?? strict,
      wireTap: options.wireTap ?? false,
      onEvent: options.onEvent
    }
    return options.warm === undefined ? settings : { ...settings, warm: yield* toWarm(options.warm, settings) }
  })
