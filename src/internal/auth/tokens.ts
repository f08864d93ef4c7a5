/**
 * Keeps one bearer token until it expires, and acquires the next one once for all requests that
 * need it.
 *
 * Rules: there is at most one acquisition at a time, unless its token is forgotten; a request that
 * leaves does not end it for the others; the last request that leaves interrupts it and waits for
 * its end; a failure reaches all requests that wait, and the next request tries again.
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
import { isOrigin } from "../../Origin.ts"
import { uninterrupted } from "../effect/caller.ts"
import { readDuration } from "../effect/duration.ts"
import { awaitFiber, interruptFiber } from "../effect/wait.ts"
import { InvalidOption } from "../error/request.ts"
import { format, fromUrl } from "../model/origin.ts"
import { nodeEventLoop } from "../node/eventLoop.ts"
import { notRecord } from "../options.ts"

/** What the caller's Effect returns. Documented in `Auth`. */
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

/** An acquired token. Its identity says whether a refused token is still the current one. */
export interface Held {
  readonly token: Redacted.Redacted
  /** The first millisecond in which it is not used any more. */
  readonly until: number
}

interface Acquisition<E> {
  readonly fiber: Fiber.RuntimeFiber<Exit.Exit<Held, E | InvalidOption>>
  waiters: number
}

const wrong = (reason: string): InvalidOption => new InvalidOption({ option: "acquire", reason })

/** Returns when the caller's token expires, in milliseconds of the clock. */
const expiryOf = ({ expiresAt, expiresIn }: Token, began: number): number | InvalidOption => {
  const lasts = expiresIn === undefined ? Infinity : readDuration(expiresIn)
  if (lasts === undefined) return wrong("its `expiresIn` is no duration of at least 0")
  const at = expiresAt === undefined ? Infinity : Number(expiresAt)
  return Number.isNaN(at) ? wrong("its `expiresAt` is no date") : Math.min(at, began + lasts)
}

/** What a field value can hold without a break (RFC 6750 section 2.1 allows less of it). */
const isSendable = (token: unknown): boolean => typeof token === "string" && /^[!-~]+$/.test(token)

const heldOf = (given: Token, began: number, now: number, margin: number): Held | InvalidOption => {
  if (!Predicate.isRecord(given) || !Redacted.isRedacted(given.token)) {
    return wrong("its result must be a record with a `token`, which is a `Redacted` text")
  }
  if (!isSendable(Redacted.value(given.token))) {
    return wrong("its token must be one or more printable ASCII characters without spaces")
  }
  const expiry = expiryOf(given, began)
  if (typeof expiry !== "number") return expiry
  // A margin as long as the token lasts would ask for another one with every request.
  return { token: given.token, until: expiry - Math.min(margin, Math.max(0, expiry - now) / 2) }
}

/** The keepers whose acquisition runs this fiber. */
const acquiring = globalValue(
  Symbol.for("effect-http-client/Auth/acquiring"),
  () => FiberRef.unsafeMake<ReadonlyArray<object>>([])
)

export class Tokens<E> {
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
    FiberRef.get(acquiring),
    (keepers) => keepers.includes(this)
  )

  /** The current token, or the next one if it has expired or is the one that was refused. */
  get(refused?: Held): Effect.Effect<Held, E | InvalidOption> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (this.#held !== undefined && (this.#held === refused || this.#held.until <= now)) this.#held = undefined
      return this.#held === undefined ? this.#next : Effect.succeed(this.#held)
    })
  }

  /** As `get`, for the caller's code, which may ask in the middle of the acquisition. */
  readonly current: Effect.Effect<Held, E | InvalidOption> = Effect.flatMap(
    Effect.suspend(() => this.isAcquiring),
    (isAcquiring) => isAcquiring ? Effect.fail(wrong("it asks for `token`, which waits for its result")) : this.get()
  )

  /**
   * The next request acquires another token, also if one is being acquired: that serves the
   * requests that wait for it already.
   */
  forget(): void {
    this.#held = undefined
    this.#running = undefined
  }

  /** The next request acquires another token, unless that was done since this one was sent. */
  refused(held: Held): void {
    if (this.#held === held) this.#held = undefined
  }

  /** Joins the acquisition in progress, or starts one. */
  readonly #next: Effect.Effect<Held, E | InvalidOption> = uninterrupted((caller) =>
    Effect.suspend(() => {
      const running = this.#running ??= this.#start()
      running.waiters++
      return Effect.matchCauseEffect(caller.restore(awaitFiber(nodeEventLoop, running.fiber)), {
        onFailure: (cause) => Effect.zipRight(this.#leave(running), Effect.failCause(cause)),
        onSuccess: (exit) => Effect.flatten(exit)
      })
    })
  )

  #leave(running: Acquisition<E>): Effect.Effect<void> {
    return Effect.suspend(() => {
      running.waiters--
      if (running.waiters > 0) return Effect.void
      if (this.#running === running) this.#running = undefined
      return Effect.asVoid(interruptFiber(nodeEventLoop, running.fiber))
    })
  }

  /** In the runtime of the keeper, because what it acquires belongs to no single request. */
  #start(): Acquisition<E> {
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
      // Forgotten, by the caller or because all requests have left.
      if (this.#running?.fiber !== fiber) return exit
      this.#running = undefined
      if (Exit.isSuccess(exit)) this.#held = exit.value
      return exit
    })
    const named = Effect.locallyWith(work, acquiring, (keepers) => [...keepers, this])
    const fiber = Runtime.runFork(this.#runtime)(named, { immediate: false })
    return { fiber, waiters: 0 }
  }
}

const invalid = (option: string, reason: string): InvalidOption => new InvalidOption({ option, reason })

/** Returns the origin of a request's URL as text; `undefined` if it has none. */
export const originOfUrl = (url: unknown): string | undefined => {
  if (typeof url !== "string") return undefined
  const parsed = fromUrl(url, undefined)
  return "_tag" in parsed ? undefined : format(parsed.origin)
}

const originsOf = (given: unknown): ReadonlySet<string> | InvalidOption => {
  if (!Array.isArray(given) || given.length === 0) {
    return invalid("origins", `it must be a list of at least one origin, such as ["https://api.example.com"]`)
  }
  const origins = new Set<string>()
  for (const origin of given) {
    if (isOrigin(origin)) {
      origins.add(format(origin))
      continue
    }
    const parsed = typeof origin === "string" ? fromUrl(origin, undefined) : undefined
    if (parsed === undefined || "_tag" in parsed) {
      return invalid("origins", "one of them is neither an origin nor a URL such as https://api.example.com")
    }
    if (parsed.target !== "/") {
      return invalid("origins", "one of them has a path, and the token is for the whole origin")
    }
    origins.add(format(parsed.origin))
  }
  return origins
}

/** Makes a keeper of tokens. It holds nothing that must be released. */
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
