/** Bearer tokens for a pool, and for anything else that sends requests of this library. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import { isHttpRequest, setHeader } from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import * as Origin from "../../Origin.ts"
import { isReplayable } from "../connection/prepare.ts"
import type { PoolLike } from "../effect/wrappedPool.ts"
import { release, WrappedPool } from "../effect/wrappedPool.ts"
import type { InvalidOption } from "../error/request.ts"
import type { ExecuteFailure } from "../pool/call.ts"
import { authorized, unauthorized } from "./authorized.ts"
import type { Tokens } from "./tokens.ts"
import { originOfUrl } from "./tokens.ts"

/**
 * Sends a request with the token. `origin` is the origin of a single connection, whose requests all
 * go there, whatever they name.
 */
export const executeWith = <E, B, F>(
  tokens: Tokens<E>,
  request: HttpRequest<B>,
  origin: Origin.Origin | undefined,
  execute: (request: HttpRequest<B>) => Effect.Effect<HttpResponse, F>
): Effect.Effect<HttpResponse, E | InvalidOption | F> => {
  // What sends the request reports what is wrong with it.
  if (!isHttpRequest(request)) return execute(request)
  const own = origin ?? request.origin
  return authorized(tokens, {
    origin: own === undefined ? originOfUrl(request.target) : Origin.isOrigin(own) ? Origin.format(own) : undefined,
    isAuthorized: HttpFields.has(request.fields, "authorization"),
    isReplayable: isReplayable(request),
    send: (token) =>
      execute(token === undefined ? request : setHeader(request, "Authorization", `Bearer ${Redacted.value(token)}`)),
    isRefusal: (outcome) => Either.isRight(outcome) && outcome.right.status === unauthorized,
    release: (outcome) => Either.isRight(outcome) ? release(outcome.right) : Effect.void
  })
}

/** A pool whose requests have the token. */
export class AuthorizedPool<L, E> extends WrappedPool<L> {
  readonly #tokens: Tokens<E>

  constructor(pool: PoolLike<L>, tokens: Tokens<E>) {
    super(pool)
    this.#tokens = tokens
  }

  execute<B>(request: HttpRequest<B>): Effect.Effect<HttpResponse, E | ExecuteFailure<B>> {
    return executeWith(this.#tokens, request, undefined, (request) => this.pool.execute(request))
  }
}
