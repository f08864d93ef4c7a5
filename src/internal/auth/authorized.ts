/**
 * Sends a request with the credentials of its origin. Sends it again if the server refuses it and
 * the scheme has another response (RFC 9110 section 11.4). Both APIs of this library share it.
 *
 * Rules:
 *
 * - A request that has an Authorization field keeps it.
 * - A refused response is released before the next request is sent.
 * - Only a body that can be sent again is sent again.
 *
 * The scheme limits how often.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { Interruptible } from "../effect/caller.ts"
import { uninterrupted } from "../effect/caller.ts"
import type { Asked, Attempts, Scheme, Unanswerable } from "./scheme.ts"

/** The parts of a response that a scheme may read. */
export interface Answer {
  readonly status: number
  /** True if a redirect has led from the request to another URL. */
  readonly isElsewhere: boolean
  /** Returns the lines of a field. */
  readonly lines: (name: string) => ReadonlyArray<string>
}

/** One request, as its API sends it. */
export interface Call<A, E, R> {
  readonly asked: Asked
  /** True if the request has credentials already. */
  readonly isAuthorized: boolean
  /**
   * True if the body can be sent again. Called after a refusal, because a body that was not begun
   * can still be sent.
   */
  readonly canRepeat: (isElsewhere: boolean) => boolean
  readonly send: (authorization: string | undefined) => Effect.Effect<A, E, R>
  /**
   * Returns the response of an outcome, or of the failure that a status check turned it into, if
   * the credentials are for its origin.
   */
  readonly answerOf: (outcome: Either.Either<A, E>) => Answer | undefined
  /** Releases the response, if there is one, and waits until its connection is free or closed. */
  readonly release: (outcome: Either.Either<A, E>) => Effect.Effect<void>
}

/** The status of a response whose request has no valid credentials (RFC 9110 section 15.5.2). */
export const unauthorized = 401

class Sending<A, E, E2, R> {
  readonly #attempts: Attempts<E>
  readonly #call: Call<A, E2, R>
  readonly #caller: Interruptible

  constructor(attempts: Attempts<E>, call: Call<A, E2, R>, caller: Interruptible) {
    this.#attempts = attempts
    this.#call = call
    this.#caller = caller
  }

  get sent(): Effect.Effect<A, E | Unanswerable | E2, R> {
    return Effect.flatMap(
      this.#caller.restore(this.#attempts.next),
      (value) =>
        Effect.flatMap(
          Effect.either(this.#caller.restore(this.#call.send(value))),
          (outcome) => this.#answered(outcome)
        )
    )
  }

  #answered(outcome: Either.Either<A, E2>): Effect.Effect<A, E | Unanswerable | E2, R> {
    const { answerOf, canRepeat, release } = this.#call
    const answer = answerOf(outcome)
    if (answer === undefined) return this.#deliver(outcome)
    const { isElsewhere, lines, status } = answer
    if (status !== unauthorized) {
      const warning = isElsewhere ? undefined : this.#attempts.accepted(lines("authentication-info"))
      return warning === undefined
        ? this.#deliver(outcome)
        : Effect.zipRight(Effect.logWarning(warning), Effect.suspend(() => this.#deliver(outcome)))
    }
    return this.#attempts.refused({
        challenges: lines("www-authenticate"),
        isElsewhere,
        canRepeat: canRepeat(isElsewhere)
      })
      ? Effect.zipRight(release(outcome), this.sent)
      : this.#deliver(outcome)
  }

  /** Returns the outcome, unless the caller was interrupted and would not receive the response. */
  #deliver(outcome: Either.Either<A, E2>): Effect.Effect<A, E2> {
    if (Either.isLeft(outcome)) return Effect.fail(outcome.left)
    const interrupted = this.#caller.interrupted()
    return Cause.isEmpty(interrupted)
      ? Effect.succeed(outcome.right)
      : Effect.zipRight(this.#call.release(outcome), Effect.failCause(interrupted))
  }
}

/**
 * Sends a request with the credentials of its origin. A request to any other origin is unchanged.
 */
export const authorized = <A, E, E2, R>(
  scheme: Scheme<E>,
  call: Call<A, E2, R>
): Effect.Effect<A, E | Unanswerable | E2, R> =>
  call.isAuthorized || !scheme.covers(call.asked.origin)
    ? call.send(undefined)
    : Effect.flatMap(scheme.begin(call.asked), (attempts) =>
      attempts === undefined
        ? call.send(undefined)
        : uninterrupted((caller) => new Sending(attempts, call, caller).sent))
