/**
 * Sends a request with the current bearer token, and once more with the next token if the server
 * refuses the first one (RFC 6750 section 3.1). The two faces of this library share it.
 *
 * Rules: a request that has an Authorization field keeps it; the refused response is released
 * before the next token is acquired; only a body that can be sent again is sent again.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Redacted from "effect/Redacted"
import type { Interruptible } from "../effect/caller.ts"
import { uninterrupted } from "../effect/caller.ts"
import type { InvalidOption } from "../error/request.ts"
import type { Held, Tokens } from "./tokens.ts"

/** One request, as its API sends it. */
export interface Call<A, E, R> {
  /** `scheme://host:port` of the request; `undefined` if it is not known. */
  readonly origin: string | undefined
  /** True if the request has credentials already. */
  readonly isAuthorized: boolean
  readonly isReplayable: boolean
  readonly send: (token: Redacted.Redacted | undefined) => Effect.Effect<A, E, R>
  /** True if the token was refused: by a response, or by what a status check made of it. */
  readonly isRefusal: (outcome: Either.Either<A, E>) => boolean
  /** Releases the response, if there is one, and waits until its connection is free or closed. */
  readonly release: (outcome: Either.Either<A, E>) => Effect.Effect<void>
}

/** The status of a response whose request has no valid credentials (RFC 9110 section 15.5.2). */
export const unauthorized = 401

class Sending<A, E, E2, R> {
  readonly #tokens: Tokens<E>
  readonly #call: Call<A, E2, R>
  readonly #caller: Interruptible

  constructor(tokens: Tokens<E>, call: Call<A, E2, R>, caller: Interruptible) {
    this.#tokens = tokens
    this.#call = call
    this.#caller = caller
  }

  get first(): Effect.Effect<A, E | InvalidOption | E2, R> {
    return this.#send(undefined, (outcome, held) => {
      const { isRefusal, isReplayable, release } = this.#call
      if (!isRefusal(outcome)) return this.#give(outcome)
      if (isReplayable) {
        return Effect.zipRight(
          release(outcome),
          this.#send(held, (outcome) => this.#give(outcome))
        )
      }
      this.#tokens.refused(held)
      return this.#give(outcome)
    })
  }

  #send(
    refused: Held | undefined,
    next: (outcome: Either.Either<A, E2>, held: Held) => Effect.Effect<A, E | InvalidOption | E2, R>
  ): Effect.Effect<A, E | InvalidOption | E2, R> {
    return Effect.flatMap(
      this.#caller.restore(this.#tokens.get(refused)),
      (held) =>
        Effect.flatMap(
          Effect.either(this.#caller.restore(this.#call.send(held.token))),
          (outcome) => next(outcome, held)
        )
    )
  }

  /** Returns the outcome, unless the caller was interrupted and would not receive the response. */
  #give(outcome: Either.Either<A, E2>): Effect.Effect<A, E2> {
    if (Either.isLeft(outcome)) return Effect.fail(outcome.left)
    const interrupted = this.#caller.interrupted()
    return Cause.isEmpty(interrupted)
      ? Effect.succeed(outcome.right)
      : Effect.zipRight(this.#call.release(outcome), Effect.failCause(interrupted))
  }
}

/** Sends a request with the token of its origin. A request to any other origin is unchanged. */
export const authorized = <A, E, E2, R>(
  tokens: Tokens<E>,
  call: Call<A, E2, R>
): Effect.Effect<A, E | InvalidOption | E2, R> =>
  call.isAuthorized || !tokens.covers(call.origin)
    ? call.send(undefined)
    : Effect.flatMap(tokens.isAcquiring, (isAcquiring) =>
      // Its token would be the one that this request is to acquire.
      isAcquiring
        ? call.send(undefined)
        : uninterrupted((caller) => new Sending(tokens, call, caller).first))
