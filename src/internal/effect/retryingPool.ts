/**
 * A pool that retries requests according to a policy. Everything else is passed on to the pool
 * below.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
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
import type { PoolLike } from "./wrappedPool.ts"
import { release, WrappedPool } from "./wrappedPool.ts"

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

/** Adds an idempotency key to the request, if the policy asks for one and the request needs it. */
const withKey = <E>({ key }: Policy, request: HttpRequest<E>): Effect.Effect<HttpRequest<E>> =>
  key === undefined || isIdempotent(request)
    ? Effect.succeed(request)
    : Effect.map(key, (value) => setHeader(request, idempotencyKey, value))

class RetryingPool<L> extends WrappedPool<L> implements PoolLike<L> {
  readonly #policy: Policy | InvalidOption

  constructor(pool: PoolLike<L>, policy: Policy | InvalidOption) {
    super(pool)
    this.#policy = policy
  }

  execute<E>(request: HttpRequest<E>): Effect.Effect<HttpResponse, ExecuteFailure<E>> {
    const policy = this.#policy
    if (policy instanceof InvalidOption) return Effect.fail(policy)
    // The pool reports the fault of the request.
    if (!isHttpRequest(request)) return this.pool.execute(request)
    return Effect.flatMap(
      withKey(policy, request),
      (request) =>
        retrying<HttpResponse, ExecuteFailure<E>, never>(policy, {
          origin: Origin.isOrigin(request.origin) ? Origin.format(request.origin) : budgetKey(request.target),
          send: this.pool.execute(request),
          outcomeOf: outcomeOf(policy, request)
        })
    )
  }
}

/** Adds retries to a pool. If the options are invalid, its requests fail. */
export const retry = <L>(pool: PoolLike<L>, options: Options): PoolLike<L> => new RetryingPool(pool, policyOf(options))
