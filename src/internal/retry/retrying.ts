/**
 * Sends a request and retries it as its policy says. This library's API and the platform's share
 * this loop. Each of them decides by the rules of `repeat.ts` whether an outcome may be retried.
 *
 * Rules:
 *
 * - A response that is retried must be released before the wait.
 * - A wait must hold no resources.
 * - An outcome that is not retried is returned unchanged. The exception is whether the server may
 *   have processed the request: an error says that of all attempts together.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Decision from "effect/ScheduleDecision"
import * as Intervals from "effect/ScheduleIntervals"
import type { HttpError } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type { Interruptible } from "../effect/caller.ts"
import { uninterrupted } from "../effect/caller.ts"
import type { Repeatable } from "../repeat.ts"
import { mayRepeat, mayRepeatStatus } from "../repeat.ts"
import { retryAfterMillis } from "../syntax/httpDate.ts"
import type { Bucket } from "./budget.ts"
import type { FailedAttempt, Policy } from "./options.ts"

/** The result of an attempt. */
export interface Outcome {
  /** True if the request may be retried. */
  readonly repeatable: boolean
  readonly error: HttpError | undefined
  readonly status: number | undefined
  /** The values of Retry-After. */
  readonly retryAfter: ReadonlyArray<string>
  /** How often the pool itself has already retried this attempt. */
  readonly resends: number
  /** Releases the response, if there is one. */
  readonly release: Effect.Effect<void>
}

/** One request, as its API sends it. */
export interface Call<A, E, R> {
  /** The key of the budget for the request. */
  readonly origin: string
  readonly send: Effect.Effect<A, E, R>
  readonly outcomeOf: (result: Either.Either<A, E>) => Outcome
}

/**
 * Returns the outcome of a failure. If a status filter refused the response, the outcome has the
 * status and fields of that response, which is already closed.
 */
export const failedWith = (error: HttpError, request: Repeatable, policy: Policy): Outcome => {
  const { replayable, resends } = error.context
  const outcome = { error, resends, release: Effect.void }
  return error._tag === "StatusError"
    ? {
      ...outcome,
      repeatable: mayRepeatStatus(error.status, request, replayable, policy),
      status: error.status,
      retryAfter: HttpFields.getAll(error.fields, "retry-after")
    }
    : { ...outcome, repeatable: mayRepeat(error, request), status: undefined, retryAfter: [] }
}

/**
 * True for the statuses that Retry-After is defined for (RFC 9110 section 15.6.4, RFC 6585 section
 * 4).
 */
const asksToWait = (status: number | undefined): boolean => status === 429 || status === 503

type Processed = HttpError["context"]["processed"]

/** Returns what holds for two attempts together. */
const either = (first: Processed, second: Processed): Processed =>
  first === "Yes" || second === "Yes" ? "Yes" : first === "No" ? second : first

class Retrying<A, E, R> {
  readonly #policy: Policy
  readonly #call: Call<A, E, R>
  readonly #caller: Interruptible
  readonly #bucket: Bucket | undefined
  #state: unknown
  #sends = 0
  /** What the server may have done with the attempts that were retried. */
  #processed: Processed = "No"

  constructor(policy: Policy, call: Call<A, E, R>, caller: Interruptible, bucket: Bucket | undefined) {
    this.#policy = policy
    this.#call = call
    this.#caller = caller
    this.#bucket = bucket
    this.#state = policy.schedule.initial
  }

  get attempt(): Effect.Effect<A, E, R> {
    return Effect.flatMap(
      Effect.either(this.#caller.restore(this.#call.send)),
      (result) => Effect.flatMap(Clock.currentTimeMillis, (now) => this.#ended(result, now))
    )
  }

  #ended(result: Either.Either<A, E>, now: number): Effect.Effect<A, E, R> {
    const policy = this.#policy
    const outcome = this.#call.outcomeOf(result)
    const { error, release, repeatable, resends, retryAfter, status } = outcome
    // The pool's retries count towards the limit and the budget, although they were not requested
    // here.
    this.#sends += 1 + resends
    for (let i = 0; i < resends; i++) this.#bucket?.charge(now)
    const asked = asksToWait(status) ? retryAfterMillis(retryAfter, now) : undefined
    const wait = asked ?? 0
    // A number of some hundred digits becomes `Infinity`, which no limit allows.
    const isTooLong = wait > policy.retryAfterMillis || wait === Infinity
    if (!repeatable || isTooLong || this.#sends > policy.times) return this.#deliver(result, outcome)
    const failed: FailedAttempt = { error, status, retryAfterMillis: asked, sends: this.#sends }
    const step = Effect.suspend(() => policy.schedule.step(now, failed, this.#state))
    // The schedule is the caller's code, and may die.
    return Effect.flatMap(Effect.onError(step, () => release), ([state, , decision]) => {
      this.#state = state
      if (Decision.isDone(decision) || this.#bucket?.withdraw(now) === false) return this.#deliver(result, outcome)
      this.#processed = either(this.#processed, this.#processedBy(outcome))
      const millis = Math.max(wait, Intervals.start(decision.intervals) - now)
      return Effect.zipRight(
        Effect.zipRight(release, millis > 0 ? this.#caller.restore(Effect.sleep(millis)) : Effect.void),
        this.attempt
      )
    })
  }

  #processedBy({ error, status }: Outcome): Processed {
    if (status !== undefined) return this.#policy.unprocessed.has(status) ? "No" : "Yes"
    return error?.context.processed ?? "Unknown"
  }

  /**
   * Corrects the error of the last attempt. It must not say "No" if the server has seen an earlier
   * one.
   */
  #coverAll(error: HttpError): void {
    const processed = either(this.#processed, error.context.processed)
    if (processed === error.context.processed) return
    ;(error as { context: HttpError["context"] }).context = { ...error.context, processed }
  }

  /**
   * Returns the result to the caller. If the caller was interrupted in the meantime, releases the
   * response instead, because it would be lost.
   */
  #deliver(result: Either.Either<A, E>, { error, release }: Outcome): Effect.Effect<A, E> {
    if (Either.isLeft(result)) {
      if (error !== undefined) this.#coverAll(error)
      return Effect.fail(result.left)
    }
    const interrupted = this.#caller.interrupted()
    return Cause.isEmpty(interrupted)
      ? Effect.succeed(result.right)
      : Effect.zipRight(release, Effect.failCause(interrupted))
  }
}

/** Sends a request as often as its policy allows, and returns the result of the last attempt. */
export const retrying = <A, E, R>(policy: Policy, call: Call<A, E, R>): Effect.Effect<A, E, R> =>
  uninterrupted((caller) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const bucket = policy.budgets?.of(call.origin, now)
      bucket?.deposit(now)
      return new Retrying(policy, call, caller, bucket).attempt
    })
  )

/**
 * Returns `scheme://host:port` of a URL as the key of its budget, without credentials. Does not
 * validate the rest of the URL.
 */
export const budgetKey = (url: string): string => {
  const [, scheme = "", authority = ""] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)/i.exec(url) ?? []
  const key = `${scheme}://${authority.slice(authority.lastIndexOf("@") + 1)}`.toLowerCase()
  return /:\d+$/.test(key) ? key : `${key.replace(/:$/, "")}:${key.startsWith("https:") ? 443 : 80}`
}
