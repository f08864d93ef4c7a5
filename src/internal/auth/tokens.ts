/**
 * Keeps one bearer token until it expires, and acquires the next one once for all requests that
 * need it.
 *
 * Rules:
 *
 * - There is at most one acquisition at a time, unless its token is forgotten.
 * - Interrupting a request does not end the acquisition for the others. Interrupting the last one
 *   interrupts it and waits for its end.
 * - A failure reaches all requests that wait, and the next request tries again.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Runtime from "effect/Runtime"
import type { Origin } from "../../Origin.ts"
import { uninterrupted } from "../effect/caller.ts"
import { readDuration } from "../effect/duration.ts"
import { awaitFiber, interruptFiber } from "../effect/wait.ts"
import { InvalidOption } from "../error/request.ts"
import { nodeEventLoop } from "../node/eventLoop.ts"
import { notRecord } from "../options.ts"
import { originsOf } from "./origins.ts"
import type { Asked, Attempts, Refusal, Scheme } from "./scheme.ts"
import { isSendable, revealed } from "./sendable.ts"

/** The result of the caller's Effect. Documented in `Auth`. */
export interface Token {
  readonly token: Redacted.Redacted
  readonly expiresIn?: Duration.DurationInput | undefined
  readonly expiresAt?: Date | number | undefined
}

/** The options of `Auth.refreshing`, where they are documented. */
export interface Options {
  readonly origins: ReadonlyArray<string | Origin>
  readonly margin?: Duration.DurationInput | undefined
}

/** An acquired token. Its identity decides whether a refused token is still the current one. */
export interface Held {
  readonly token: Redacted.Redacted
  /** The first millisecond in which it is not used any more. */
  readonly until: number
}

/** One run of `acquire`. */
class Acquisition<out E> {
  readonly keeper: object
  waiters = 0
  hasEnded = false
  /** The acquisitions that this one waits for, one entry for each wait. */
  readonly awaits: Array<Acquisition<unknown>> = []
  #fiber: Fiber.RuntimeFiber<Exit.Exit<Held, E | InvalidOption>> | undefined

  constructor(keeper: object) {
    this.keeper = keeper
  }

  start(fiber: Fiber.RuntimeFiber<Exit.Exit<Held, E | InvalidOption>>): void {
    this.#fiber = fiber
  }

  get fiber(): Fiber.RuntimeFiber<Exit.Exit<Held, E | InvalidOption>> {
    return this.#fiber as Fiber.RuntimeFiber<Exit.Exit<Held, E | InvalidOption>>
  }

  /** True if it cannot end before the other one does. */
  needs(other: Acquisition<unknown>): boolean {
    return this === other || this.awaits.some((awaited) => awaited.needs(other))
  }
}

const wrong = (reason: string): InvalidOption => new InvalidOption({ option: "acquire", reason })

/** Returns when the caller's token expires, in milliseconds of the clock. */
const expiryOf = ({ expiresAt, expiresIn }: Token, began: number): number | InvalidOption => {
  const lasts = expiresIn === undefined ? Infinity : readDuration(expiresIn)
  if (lasts === undefined) return wrong("its `expiresIn` is no duration of at least 0")
  const at = expiresAt === undefined ? Infinity : Number(expiresAt)
  return Number.isNaN(at) ? wrong("its `expiresAt` is no date") : Math.min(at, began + lasts)
}

/** Ends a wait of some acquisitions for another one. */
const notAwaited = (joined: Acquisition<unknown>, waiting: ReadonlyArray<Acquisition<unknown>>): void => {
  for (const { awaits } of waiting) awaits.splice(awaits.indexOf(joined), 1)
}

const heldOf = (given: Token, began: number, now: number, margin: number): Held | InvalidOption => {
  if (!Predicate.isRecord(given) || !Redacted.isRedacted(given.token)) {
    return wrong("its result must be a record with a `token`, which is a `Redacted` text")
  }
  if (!isSendable(revealed(given.token))) {
    return wrong("its token must be one or more printable ASCII characters without spaces")
  }
  const expiry = expiryOf(given, began)
  if (typeof expiry !== "number") return expiry
  // A margin as long as the token's validity would cause an acquisition for every request.
  return { token: given.token, until: expiry - Math.min(margin, Math.max(0, expiry - now) / 2) }
}

/**
 * The acquisitions that this fiber runs in. A fiber that is forked there inherits them, because a
 * time limit or a race forks. They count until they have ended, so that a fiber that outlives its
 * acquisition receives tokens like every other fiber.
 */
const acquiring = globalValue(
  Symbol.for("effect-http-client/Auth/acquiring"),
  () => FiberRef.unsafeMake<ReadonlyArray<Acquisition<unknown>>>([])
)

const running: Effect.Effect<ReadonlyArray<Acquisition<unknown>>> = Effect.map(
  FiberRef.get(acquiring),
  (acquisitions) => acquisitions.filter(({ hasEnded }) => !hasEnded)
)

export class Tokens<E> implements Scheme<E> {
  readonly #acquire: Effect.Effect<Token, E>
  readonly #runtime: Runtime.Runtime<never>
  readonly #origins: ReadonlySet<string>
  readonly #margin: number
  #held: Held | undefined
  #running: Acquisition<E> | undefined

  constructor(
    acquire: Effect.Effect<Token, E>,
    runtime: Runtime.Runtime<never>,
    origins: ReadonlySet<string>,
    margin: number
  ) {
    this.#acquire = acquire
    this.#runtime = runtime
    this.#origins = origins
    this.#margin = margin
  }

  /** True if requests to this origin get the token. `undefined` for an origin that is not known. */
  covers(origin: string | undefined): boolean {
    return origin !== undefined && this.#origins.has(origin)
  }

  /** True if the fiber acquires the token itself, so that it must not wait for one. */
  readonly isAcquiring: Effect.Effect<boolean> = Effect.map(
    running,
    (acquisitions) => acquisitions.some(({ keeper }) => keeper === this)
  )

  /** Its token would be the one that a request of `acquire` must get. */
  begin(_asked: Asked): Effect.Effect<Attempts<E> | undefined> {
    return Effect.map(this.isAcquiring, (isAcquiring) => isAcquiring ? undefined : new TokenAttempts(this))
  }

  /** Returns the current token, or the next one if it has expired or is the refused one. */
  get(refused?: Held): Effect.Effect<Held, E | InvalidOption> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (this.#held !== undefined && (this.#held === refused || this.#held.until <= now)) this.#held = undefined
      return this.#held === undefined ? this.#next : Effect.succeed(this.#held)
    })
  }

  /**
   * Does the same as `get` for the caller's code, which may ask in the middle of the acquisition.
   */
  readonly current: Effect.Effect<Held, E | InvalidOption> = Effect.flatMap(
    Effect.suspend(() => this.isAcquiring),
    (isAcquiring) => isAcquiring ? Effect.fail(wrong("it asks for `token`, which waits for its result")) : this.get()
  )

  /**
   * Makes the next request acquire another token, even if one is being acquired. That one serves
   * the requests that already wait for it.
   */
  forget(): void {
    this.#held = undefined
    this.#running = undefined
  }

  /** Makes the next request acquire another token, unless that was done after this one was sent. */
  refused(held: Held): void {
    if (this.#held === held) this.#held = undefined
  }

  /** Joins the acquisition in progress, or starts one. */
  readonly #next: Effect.Effect<Held, E | InvalidOption> = uninterrupted((caller) =>
    Effect.flatMap(running, (own) => {
      const joined = this.#running ??= this.#start()
      if (own.some((acquisition) => joined.needs(acquisition))) {
        return Effect.fail(wrong("it needs a token whose own acquisition waits for its result"))
      }
      joined.waiters++
      for (const { awaits } of own) awaits.push(joined)
      return Effect.matchCauseEffect(caller.restore(awaitFiber(nodeEventLoop, joined.fiber)), {
        onFailure: (cause) => Effect.zipRight(this.#stopWaiting(joined, own), Effect.failCause(cause)),
        onSuccess: (exit) => Effect.zipRight(Effect.sync(() => notAwaited(joined, own)), Effect.flatten(exit))
      })
    })
  )

  #stopWaiting(joined: Acquisition<E>, own: ReadonlyArray<Acquisition<unknown>>): Effect.Effect<void> {
    return Effect.suspend(() => {
      notAwaited(joined, own)
      joined.waiters--
      if (joined.waiters > 0) return Effect.void
      if (this.#running === joined) this.#running = undefined
      return Effect.asVoid(interruptFiber(nodeEventLoop, joined.fiber))
    })
  }

  /** Runs in the runtime of the keeper, because the token belongs to no single request. */
  #start(): Acquisition<E> {
    const started = new Acquisition<E>(this)
    const acquired = Effect.flatMap(
      Clock.currentTimeMillis,
      (began) =>
        Effect.flatMap(
          Effect.suspend(() => this.#acquire),
          (given) =>
            Effect.flatMap(Clock.currentTimeMillis, (now): Either.Either<Held, InvalidOption> => {
              const held = heldOf(given, began, now, this.#margin)
              return held instanceof InvalidOption ? Either.left(held) : Either.right(held)
            })
        )
    )
    const work = Effect.map(Effect.exit(Effect.interruptible(acquired)), (exit) => {
      started.hasEnded = true
      // Forgotten, by the caller or because all requests were interrupted.
      if (this.#running !== started) return exit
      this.#running = undefined
      if (Exit.isSuccess(exit)) this.#held = exit.value
      return exit
    })
    const named = Effect.uninterruptible(Effect.locallyWith(work, acquiring, (outer) => [...outer, started]))
    started.start(Runtime.runFork(this.#runtime)(named, { immediate: false }))
    return started
  }
}

/** A request with the current token, and once more with the next one after a 401. */
class TokenAttempts<E> implements Attempts<E> {
  readonly #tokens: Tokens<E>
  #held: Held | undefined
  #refused: Held | undefined

  constructor(tokens: Tokens<E>) {
    this.#tokens = tokens
  }

  get next(): Effect.Effect<string, E | InvalidOption> {
    return Effect.map(Effect.suspend(() => this.#tokens.get(this.#refused)), (held) => {
      this.#held = held
      return `Bearer ${Redacted.value(held.token)}`
    })
  }

  refused({ canRepeat }: Refusal): boolean {
    // A second refusal is returned.
    if (this.#held === undefined || this.#refused !== undefined) return false
    if (!canRepeat) this.#tokens.refused(this.#held)
    this.#refused = this.#held
    return canRepeat
  }

  accepted(): undefined {
    return undefined
  }
}

const invalid = (option: string, reason: string): InvalidOption => new InvalidOption({ option, reason })

/** Creates a keeper of tokens. It holds nothing that must be released. */
export const makeTokens = <E, R>(
  acquire: Effect.Effect<Token, E, R>,
  options: Options
): Effect.Effect<Tokens<E>, InvalidOption, R> =>
  Effect.flatMap(Effect.runtime<R>(), (runtime): Effect.Effect<Tokens<E>, InvalidOption> => {
    const unusable = notRecord("options", options ?? null)
    if (unusable !== undefined) return Effect.fail(unusable)
    if (!Effect.isEffect(acquire)) return Effect.fail(wrong("it must be an Effect that returns a token"))
    const margin = options.margin === undefined ? 5000 : readDuration(options.margin)
    if (margin === undefined) return Effect.fail(invalid("margin", "it must be a duration of at least 0"))
    const origins = originsOf(options.origins)
    if (origins instanceof InvalidOption) return Effect.fail(origins)
    return Effect.succeed(new Tokens(Effect.provide(acquire, runtime.context), runtime as never, origins, margin))
  })
