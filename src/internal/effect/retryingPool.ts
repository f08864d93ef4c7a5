/**
 * A pool that retries requests as a policy says. Everything else is passed on to the pool below.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Scope from "effect/Scope"
import type { HttpError } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import { isHttpRequest, setHeader } from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import * as Origin from "../../Origin.ts"
import { isReplayable } from "../connection/prepare.ts"
import { InvalidOption } from "../error/request.ts"
import type { ExecuteFailure } from "../pool/call.ts"
import { idempotencyKey, isIdempotent, mayRepeatStatus } from "../repeat.ts"
import type { Options, Policy } from "../retry/options.ts"
import { policyOf } from "../retry/options.ts"
import type { Outcome } from "../retry/retrying.ts"
import { budgetKey, failedWith, retrying } from "../retry/retrying.ts"
import type { ConnectionPoolImpl } from "./connectionPool.ts"
import type { LeaseFailure } from "./lease.ts"

/**
 * The interface of a pool, however it was made, so that a wrapped pool can be wrapped again. `L` is
 * the type of its leased connections.
 */
export interface PoolLike<L> extends Omit<ConnectionPoolImpl, "lease" | "toJSON"> {
  lease(origin: Origin.Origin): Effect.Effect<L, LeaseFailure, Scope.Scope>
}

/**
 * Discards a response, and waits until its connection is free or closed. Without the wait, the
 * retry would open another connection.
 */
const release = (response: HttpResponse): Effect.Effect<void> =>
  Effect.zipRight(response.close, Effect.ignore(response.trailers))

const outcomeOf =
  (policy: Policy, request: HttpRequest<unknown>) => (result: Either.Either<HttpResponse, HttpError>): Outcome => {
    if (Either.isLeft(result)) return failedWith(result.left, request, policy)
    const response = result.right
    const { fields, resends, status } = response
    return {
      repeatable: mayRepeatStatus(status, request, isReplayable(request), policy),
      error: undefined,
      status,
      retryAfter: HttpFields.getAll(fields, "retry-after"),
      resends,
      release: Effect.suspend(() => release(response))
    }
  }

/** Adds an idempotency key to the request, if the policy wants one and the request needs it. */
const withKey = <E>({ key }: Policy, request: HttpRequest<E>): Effect.Effect<HttpRequest<E>> =>
  key === undefined || isIdempotent(request)
    ? Effect.succeed(request)
    : Effect.map(key, (value) => setHeader(request, idempotencyKey, value))

class RetryingPool<L> implements PoolLike<L> {
  readonly #pool: PoolLike<L>
  readonly #policy: Policy | InvalidOption

  constructor(pool: PoolLike<L>, policy: Policy | InvalidOption) {
    this.#pool = pool
    this.#policy = policy
  }

  execute<E>(request: HttpRequest<E>): Effect.Effect<HttpResponse, ExecuteFailure<E>> {
    const policy = this.#policy
    if (policy instanceof InvalidOption) return Effect.fail(policy)
    // The pool reports what is wrong with the request.
    if (!isHttpRequest(request)) return this.#pool.execute(request)
    return Effect.flatMap(
      withKey(policy, request),
      (request) =>
        retrying<HttpResponse, ExecuteFailure<E>, never>(policy, {
          origin: Origin.isOrigin(request.origin) ? Origin.format(request.origin) : budgetKey(request.target),
          send: this.#pool.execute(request),
          outcomeOf: outcomeOf(policy, request)
        })
    )
  }

  lease(origin: Origin.Origin): Effect.Effect<L, LeaseFailure, Scope.Scope> {
    return this.#pool.lease(origin)
  }

  get connectionOptions(): PoolLike<L>["connectionOptions"] {
    return this.#pool.connectionOptions
  }

  get stats(): PoolLike<L>["stats"] {
    return this.#pool.stats
  }

  get events(): PoolLike<L>["events"] {
    return this.#pool.events
  }

  subscribe(...args: Parameters<PoolLike<L>["subscribe"]>): Effect.Effect<void, never, Scope.Scope> {
    return this.#pool.subscribe(...args)
  }

  get closeIdle(): Effect.Effect<void> {
    return this.#pool.closeIdle
  }

  shutdown(): Effect.Effect<void>
  shutdown(options: { readonly grace?: Duration.DurationInput | undefined }): Effect.Effect<void, InvalidOption>
  shutdown(options?: { readonly grace?: Duration.DurationInput | undefined }): Effect.Effect<void, InvalidOption> {
    return options === undefined ? this.#pool.shutdown() : this.#pool.shutdown(options)
  }
}

/** Adds retries to a pool. If the options are invalid, its requests fail. */
export const retry = <L>(pool: PoolLike<L>, options: Options): PoolLike<L> => new RetryingPool(pool, policyOf(options))
