/** Credentials for a pool, and for other senders of this library's requests. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import { isHttpRequest, setBody, setHeader } from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import * as Origin from "../../Origin.ts"
import { isReplayable } from "../connection/prepare.ts"
import type { Upgraded } from "../effect/upgradedModel.ts"
import { UpgradeRefused } from "../effect/upgradeRefused.ts"
import type { PoolLike } from "../effect/wrappedPool.ts"
import { release, WrappedPool } from "../effect/wrappedPool.ts"
import { fromUrl } from "../model/origin.ts"
import type { ExecuteFailure } from "../pool/call.ts"
import { resolveServer, resolveTarget } from "../protocol/target.ts"
import { authorized } from "./authorized.ts"
import type { Asked, Scheme, Unanswerable } from "./scheme.ts"

const empty: Uint8Array = new Uint8Array(0)

/** Returns the origin that a request goes to, if that is known here. */
const originOf = (request: HttpRequest<unknown>, origin: Origin.Origin | undefined): Origin.Origin | undefined => {
  const own = origin ?? request.origin
  if (own !== undefined) return Origin.isOrigin(own) ? own : undefined
  if (typeof request.target !== "string") return undefined
  const parsed = fromUrl(request.target, undefined)
  return "_tag" in parsed ? undefined : parsed.origin as Origin.Origin
}

const askedOf = ({ body, method, target, targetForm }: HttpRequest<unknown>, origin: Origin.Origin): Asked => {
  // A proxy that forwards the request turns the URL into the path again.
  const resolved = targetForm === "asterisk"
    ? resolveServer(method, target, origin, "origin")
    : resolveTarget(method, target, origin, targetForm ?? "origin")
  return {
    origin: Origin.format(origin),
    method,
    target: "_tag" in resolved ? undefined : resolved.target,
    body: body._tag === "Bytes" ? body.bytes : body._tag === "Empty" ? empty : undefined
  }
}

/** A request, and whether its body can be sent after a response has arrived. */
interface Repeatable<B> {
  readonly request: HttpRequest<B>
  readonly canRepeat: () => boolean
}

const repeatable = <B>(given: HttpRequest<B>): Repeatable<B> => {
  const { body } = given
  if (body._tag !== "Streaming" || isReplayable(given)) return { request: given, canRepeat: () => true }
  if (!HttpFields.isHttpFields(given.trailers)) return { request: given, canRepeat: () => false }
  // A server that refuses the head (`expectContinue`) leaves the stream untouched.
  let begun = false
  const stream = Stream.suspend(() => {
    begun = true
    return body.stream
  })
  return { request: setBody(given, { ...body, stream }), canRepeat: () => !begun }
}

/** The head of a response that tells how the server took the credentials. */
type Head = Pick<HttpResponse, "status" | "fields">

/** How a request is sent, and its outcome. */
interface Sender<B, A, F, R> {
  readonly send: (request: HttpRequest<B>) => Effect.Effect<A, F, R>
  readonly headOf: (outcome: Either.Either<A, F>) => Head | undefined
  readonly release: (outcome: Either.Either<A, F>) => Effect.Effect<void>
}

/** Sends a request with credentials. */
const sendWith = <E, B, A, F, R>(
  scheme: Scheme<E>,
  given: HttpRequest<B>,
  origin: Origin.Origin | undefined,
  { headOf, release, send }: Sender<B, A, F, R>
): Effect.Effect<A, E | Unanswerable | F, R> =>
  Effect.suspend(() => {
    // The code that sends the request reports its fault.
    if (!isHttpRequest(given) || given.invalid !== undefined) return send(given)
    const own = originOf(given, origin)
    if (own === undefined || !scheme.covers(Origin.format(own))) return send(given)
    const { canRepeat, request } = repeatable(given)
    return authorized(scheme, {
      asked: askedOf(request, own),
      isAuthorized: HttpFields.has(request.fields, "authorization"),
      canRepeat,
      send: (value) => send(value === undefined ? request : setHeader(request, "Authorization", value)),
      answerOf: (outcome) => {
        const head = headOf(outcome)
        return head
          && { status: head.status, isElsewhere: false, lines: (name) => HttpFields.getAll(head.fields, name) }
      },
      release
    })
  })

/**
 * Sends a request with credentials. `origin` is the origin of a single connection, because all its
 * requests go there, whatever they name.
 */
export const executeWith = <E, B, F>(
  scheme: Scheme<E>,
  given: HttpRequest<B>,
  origin: Origin.Origin | undefined,
  execute: (request: HttpRequest<B>) => Effect.Effect<HttpResponse, F>
): Effect.Effect<HttpResponse, E | Unanswerable | F> =>
  sendWith(scheme, given, origin, {
    send: execute,
    headOf: Either.getOrUndefined,
    release: (outcome) => Either.isRight(outcome) ? release(outcome.right) : Effect.void
  })

/** Upgrades a connection with credentials. A response that refuses is in the error. */
const upgradeWith = <E, B, F>(
  scheme: Scheme<E>,
  given: HttpRequest<B>,
  upgrade: (request: HttpRequest<B>) => Effect.Effect<Upgraded, F | UpgradeRefused, Scope.Scope>
): Effect.Effect<Upgraded, E | Unanswerable | F | UpgradeRefused, Scope.Scope> => {
  const refusal = (outcome: Either.Either<Upgraded, F | UpgradeRefused>): HttpResponse | undefined =>
    Either.isLeft(outcome) && outcome.left instanceof UpgradeRefused ? outcome.left.response : undefined
  return sendWith(scheme, given, undefined, {
    send: upgrade,
    headOf: (outcome) => Either.isRight(outcome) ? outcome.right : refusal(outcome),
    release: (outcome) => {
      if (Either.isRight(outcome)) return outcome.right.close
      const response = refusal(outcome)
      return response === undefined ? Effect.void : release(response)
    }
  })
}

/** A pool whose requests have credentials. */
export class AuthorizedPool<L, E> extends WrappedPool<L, E | Unanswerable> {
  readonly #scheme: Scheme<E>

  constructor(pool: PoolLike<L>, scheme: Scheme<E>) {
    super(pool)
    this.#scheme = scheme
  }

  execute<B>(request: HttpRequest<B>): Effect.Effect<HttpResponse, E | ExecuteFailure<B>> {
    return executeWith(this.#scheme, request, undefined, (request) => this.pool.execute(request))
  }

  override upgrade<B>(
    request: HttpRequest<B>
  ): Effect.Effect<Upgraded, E | ExecuteFailure<B> | UpgradeRefused, Scope.Scope> {
    // A CONNECT may be for a proxy, which must not have the credentials of the origin.
    return isHttpRequest(request) && request.method === "CONNECT"
      ? this.pool.upgrade(request)
      : upgradeWith(this.#scheme, request, (request) => this.pool.upgrade(request))
  }
}
