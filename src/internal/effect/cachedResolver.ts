/**
 * A resolver that caches the answers of another one, with one lookup at a time for each name.
 *
 * A lookup runs in a separate fiber, because the first waiter may be interrupted before the others.
 * The fiber has the context of the first waiter. Interrupting the last waiter interrupts it.
 */
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import { DnsError } from "../error/connect.ts"
import { InvalidOption } from "../error/request.ts"
import { systemError } from "../error/systemCodes.ts"
import type { LookedUp } from "../model/answerCache.ts"
import { AnswerCache } from "../model/answerCache.ts"
import { isAddress, noAddress } from "../node/resolver.ts"
import { notRecord } from "../options.ts"
import { readDuration } from "./duration.ts"
import type { Answer, Service } from "./resolver.ts"
import { isResolver, ofDuration, system } from "./resolver.ts"

/** Documented in `Resolver`. */
export interface CachedOptions {
  /** The resolver to ask. Default: the system's. */
  readonly resolver?: Service | undefined
  /**
   * The number of names that are cached; the least recently used one is removed first. Default:
   * 256.
   */
  readonly capacity?: number | undefined
  /**
   * How long an answer is used. If the resolver reports how long it is valid, the shorter of the
   * two counts. With 0 only lookups at the same time are shared. Default: 30 seconds.
   */
  readonly ttl?: Duration.DurationInput | undefined
  /**
   * How long a failure is cached: a name that does not exist, or a failure of the resolver. The
   * lookup is not retried before. Default: 1 second.
   */
  readonly negativeTtl?: Duration.DurationInput | undefined
  /**
   * How much longer than `ttl` the last answer is used if the lookup that should replace it fails
   * (RFC 8767). That a name or its addresses do not exist is not such a failure: it replaces the
   * answer. 0 for not at all. Default: 5 minutes.
   */
  readonly staleOnError?: Duration.DurationInput | undefined
  /**
   * How long a lookup may take before it counts as failed, if there is a last answer to use
   * instead. Default: 1 second.
   */
  readonly staleAfter?: Duration.DurationInput | undefined
}

/** Documented in `Resolver`. */
export interface Cached extends Service {
  /** The number of cached names. */
  readonly size: Effect.Effect<number>
  /** Removes all answers and failures. Lookups in progress continue. */
  readonly clear: Effect.Effect<void>
}

/** A lookup in progress. */
interface Flight {
  readonly result: Deferred.Deferred<Answer, DnsError>
  waiters: number
  fiber: Fiber.RuntimeFiber<void> | undefined
}

const toAnswer = ({ addresses, ageMillis, stale, ttlMillis }: LookedUp): Answer => ({
  addresses,
  ttl: ttlMillis,
  age: ageMillis,
  stale
})

const toEffect = (known: LookedUp | DnsError): Effect.Effect<Answer, DnsError> =>
  known instanceof DnsError ? Effect.fail(known) : Effect.succeed(toAnswer(known))

const fromAnswer = ({ addresses, age, stale, ttl }: Answer): LookedUp => ({
  addresses,
  ttlMillis: ofDuration(ttl),
  ageMillis: ofDuration(age) ?? 0,
  stale: stale === true
})

const millisOf = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos()) / 1e6

/** Returns the failure of a lookup, if its cause contains nothing else. */
const failureOf = (cause: Cause.Cause<DnsError>): DnsError | undefined =>
  Chunk.isEmpty(Cause.defects(cause)) ? Option.getOrUndefined(Cause.failureOption(cause)) : undefined

class CachedResolver implements Cached {
  readonly #resolver: Service
  readonly #answers: AnswerCache
  readonly #staleAfter: number
  readonly #flights = new Map<string, Flight>()

  constructor(resolver: Service, answers: AnswerCache, staleAfter: number) {
    this.#resolver = resolver
    this.#answers = answers
    this.#staleAfter = staleAfter
  }

  get size(): Effect.Effect<number> {
    return Effect.sync(() => this.#answers.size)
  }

  get clear(): Effect.Effect<void> {
    return Effect.sync(() => this.#answers.clear())
  }

  readonly lookup = (name: string): Effect.Effect<Answer, DnsError> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.clock, (clock) => {
        const known = this.#answers.get(name, millisOf(clock))
        if (known !== undefined) return toEffect(known)
        const flight = this.#flights.get(name)
        if (flight === undefined) return this.#start(name, clock, restore)
        flight.waiters++
        return this.#wait(name, flight, restore)
      })
    )

  #start(name: string, clock: Clock.Clock, restore: Restore): Effect.Effect<Answer, DnsError> {
    const flight: Flight = { result: Deferred.unsafeMake(FiberId.none), waiters: 1, fiber: undefined }
    this.#flights.set(name, flight)
    const lookup = Effect.interruptible(Effect.suspend(() => this.#lookUp(name, clock)))
    const flying = Effect.flatMap(Effect.exit(lookup), (exit) =>
      Effect.sync(() => {
        // If all waiters were interrupted, another lookup may have started, and the cause is
        // theirs.
        if (this.#flights.get(name) !== flight) return
        this.#flights.delete(name)
        Deferred.unsafeDone(flight.result, this.#remember(name, exit, millisOf(clock)))
      }))
    return Effect.flatMap(Effect.forkDaemon(flying), (fiber) => {
      flight.fiber = fiber
      return this.#wait(name, flight, restore)
    })
  }

  /** Looks a name up. The time limit is short if there is an answer to use instead. */
  #lookUp(name: string, clock: Clock.Clock): Effect.Effect<Answer, DnsError> {
    const lookup = Effect.flatMap(
      Effect.suspend(() => this.#resolver.lookup(name)),
      (answer) => answer.addresses.some(isAddress) ? Effect.succeed(answer) : Effect.fail(noAddress(name))
    )
    if (!this.#answers.hasKept(name, millisOf(clock))) return lookup
    const millis = this.#staleAfter
    return Effect.timeoutFail(lookup, {
      duration: millis,
      onTimeout: () =>
        new DnsError({
          host: name,
          reason: "Temporary",
          code: "ETIMEOUT",
          cause: systemError("ETIMEOUT", `The lookup took longer than ${millis} ms`)
        })
    })
  }

  #remember(name: string, exit: Exit.Exit<Answer, DnsError>, now: number): Effect.Effect<Answer, DnsError> {
    if (Exit.isSuccess(exit)) return toEffect(this.#answers.succeeded(name, fromAnswer(exit.value), now))
    const error = failureOf(exit.cause)
    return error === undefined ? exit : toEffect(this.#answers.failed(name, error, now))
  }

  #wait(name: string, flight: Flight, restore: Restore): Effect.Effect<Answer, DnsError> {
    return Effect.onInterrupt(restore(Deferred.await(flight.result)), () =>
      Effect.suspend(() => {
        if (--flight.waiters > 0 || this.#flights.get(name) !== flight) return Effect.void
        this.#flights.delete(name)
        return flight.fiber === undefined ? Effect.void : Fiber.interrupt(flight.fiber)
      }))
  }
}

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

const invalid = (option: string, reason: string): Effect.Effect<never, InvalidOption> =>
  Effect.fail(new InvalidOption({ option, reason }))

const durationRule = `it must be a duration of at least 0, such as 500 or "5 seconds"`

/** The defaults, in milliseconds. */
const durations = { ttl: 30_000, negativeTtl: 1000, staleOnError: 300_000, staleAfter: 1000 } as const

export const cached = (options: CachedOptions): Effect.Effect<Cached, InvalidOption> =>
  Effect.gen(function*() {
    const wrong = notRecord("options", options)
    if (wrong !== undefined) return yield* wrong
    const { capacity = 256, resolver = system } = options ?? {}
    if (!isResolver(resolver)) return yield* invalid("resolver", "it must have a function `lookup`")
    if (!(typeof capacity === "number" && capacity >= 1 && (Number.isInteger(capacity) || capacity === Infinity))) {
      return yield* invalid("capacity", "it must be a whole number of at least 1, or Infinity")
    }
    const millis: { -readonly [K in keyof typeof durations]: number } = { ...durations }
    for (const option of ["ttl", "negativeTtl", "staleOnError", "staleAfter"] as const) {
      const value = options?.[option]
      if (value === undefined) continue
      const read = readDuration(value)
      if (read === undefined) return yield* invalid(option, durationRule)
      millis[option] = read
    }
    return new CachedResolver(
      resolver,
      new AnswerCache({
        capacity,
        ttlMillis: millis.ttl,
        negativeMillis: millis.negativeTtl,
        staleMillis: millis.staleOnError
      }),
      millis.staleAfter
    )
  })
