/**
 * The service `Resolver`, and the port through which openings reach it.
 *
 * A lookup runs in a fiber of the caller that opens the connection. The system's resolver needs
 * none: the dialer asks it directly, unless the program provides another one.
 */
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import { globalValue } from "effect/GlobalValue"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type { Addresses } from "../../Transport.ts"
import { copyOf } from "../error/base.ts"
import { DnsError } from "../error/connect.ts"
import { unlocated } from "../error/context.ts"
import type { NameLookup } from "../model/ports.ts"
import { resolveBy, systemLookup } from "../node/resolver.ts"
import { readDuration } from "./duration.ts"
import { isFiberCaller } from "./transport.ts"

/** Documented in `Resolver`. */
export interface Answer {
  /**
   * IPv4 and IPv6 addresses without brackets, in the order in which the resolver prefers them.
   * Other texts are ignored; without any address the opening fails with `DnsError` (`NoData`).
   */
  readonly addresses: ReadonlyArray<string>
  /** How much longer they may be used for new connections. `undefined` if that is unknown. */
  readonly ttl?: Duration.DurationInput | undefined
  /** How long ago the name was looked up. `undefined` if that was just now, or is unknown. */
  readonly age?: Duration.DurationInput | undefined
  /**
   * True if the answer has expired, and is only used because the lookup that should have replaced
   * it failed.
   */
  readonly stale?: boolean | undefined
}

/** Documented in `Resolver`. */
export interface Service {
  /**
   * Looks up a host name, which is never an IP address. It has the form of `Origin`: in lower case,
   * in ASCII, with its trailing dot if it has one.
   */
  readonly lookup: (name: string) => Effect.Effect<Answer, DnsError>
}

/** The system's resolver, by callbacks. */
const lookUpBySystem = resolveBy(systemLookup)

/** Asks the system on behalf of a caller. It needs no fiber. */
export const systemLookUp: NameLookup = (name, caller, done, died) =>
  caller.context.run(() => lookUpBySystem(name, done, died))

/**
 * The system's resolvers of all copies of this library in the process. Two copies share the default
 * of the reference, because Effect keeps it once a process, by its key. Without this set, a second
 * copy would take the first one's default for a resolver of the program.
 */
const systems = globalValue(Symbol.for("effect-http-client/Resolver/systems"), () => new WeakSet<Service>())

export const system: Service = Object.freeze<Service>({
  lookup: (name) =>
    Effect.async<Answer, DnsError>((resume) => {
      const stop = lookUpBySystem(
        name,
        (answer) =>
          resume(answer instanceof DnsError ? Effect.fail(answer) : Effect.succeed({ addresses: answer.addresses })),
        (defect) => resume(Effect.die(defect))
      )
      return Effect.sync(stop)
    })
})

systems.add(system)

/**
 * The resolver of the connections and pools that an effect makes. By default the system's.
 *
 * @since 0.2.0
 * @category references
 */
export class Resolver extends Context.Reference<Resolver>()("effect-http-client/Resolver", {
  defaultValue: (): Service => system
}) {}

/** True for a value that can be asked. */
export const isResolver = (value: unknown): value is Service =>
  Predicate.hasProperty(value, "lookup") && typeof value.lookup === "function"

/** Returns the milliseconds of a time in an answer; `undefined` if it is not a usable time. */
export const ofDuration = (duration: unknown): number | undefined =>
  duration === undefined ? undefined : readDuration(duration)

const toAddresses = ({ addresses, ttl }: Answer): Addresses => ({ addresses, ttlMillis: ofDuration(ttl) })

/**
 * Copies an error without its context. Several openings may get the same error, and each adds its
 * own context in place.
 */
export const fresh = (error: DnsError): DnsError => copyOf(error, {}, unlocated("dns", "Network"))

/**
 * Delivers the outcome of a lookup to callbacks. Everything except a single failure is a defect.
 */
const report = (
  exit: Exit.Exit<Answer, DnsError>,
  done: (answer: Addresses | DnsError) => void,
  died: (defect: unknown) => void
): void => {
  if (Exit.isSuccess(exit)) return done(toAddresses(exit.value))
  const failure = Cause.failureOption(exit.cause)
  return Option.isSome(failure) && failure.value instanceof DnsError && Chunk.isEmpty(Cause.defects(exit.cause))
    ? done(fresh(failure.value))
    : died(exit.cause)
}

const lookUpBy = ({ lookup }: Service): NameLookup => (name, caller, done, died) => {
  if (!isFiberCaller(caller)) {
    died(new TypeError("A resolver made of effects needs a caller of Effect's."))
    return () => undefined
  }
  let stopped = false
  const work = Effect.interruptible(Effect.suspend(() => lookup(name)))
  // Its exit is its value, because a fiber that fails is reported to the log as unhandled. It does
  // not start within this call, because it may use the pool that this call belongs to.
  const fiber = caller.fork(Effect.exit(work), { immediate: false })
  fiber.addObserver((exit) => {
    // The fiber may have been resumed by that of another caller.
    if (!stopped) caller.context.run(() => report(Exit.flatten(exit), done, died))
  })
  return () => {
    stopped = true
    // The lookup may then run code of the caller.
    caller.context.run(() => fiber.unsafeInterruptAsFork(FiberId.none))
    return { whenEnded: (callback) => fiber.addObserver(() => caller.context.run(callback)) }
  }
}

/** Returns the port for a resolver; `undefined` for the system's, so that it costs nothing. */
export const nameLookup = (resolver: Service): NameLookup | undefined =>
  systems.has(resolver) ? undefined : lookUpBy(resolver)
