/**
 * A request through the pool: where it goes, a connection, the exchange, and once more where that is safe.
 *
 * What is wrong with the request is found before it waits for anything.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { HeadFailure, HttpError, InvalidRequest, RequestBodyError, SendFailure } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import * as Origin from "../../Origin.ts"
import { exchangeOn } from "../connection/pipeline.ts"
import type { Prepared } from "../connection/prepare.ts"
import { prepare } from "../connection/prepare.ts"
import { locate } from "../error/base.ts"
import { UnsupportedBody } from "../error/request.ts"
import type { BodyLengthMismatch } from "../error/send.ts"
import { checkMethod } from "../protocol/encode.ts"
import type { CheckoutFailure } from "./checkout.ts"
import { checkout } from "./checkout.ts"
import type { Route } from "./destination.ts"
import { route } from "./destination.ts"
import type { Pool } from "./pool.ts"

/** What `execute` can fail with. */
export type ExecuteFailure<E> =
  | InvalidRequest
  | CheckoutFailure
  | SendFailure
  | HeadFailure
  | ([E] extends [never] ? never : RequestBodyError<E>)

type Restore = <B, F>(effect: Effect.Effect<B, F>) => Effect.Effect<B, F>

/** A request whose target is known. */
interface Routed<E> {
  readonly request: HttpRequest<E>
  readonly route: Route
  readonly startedAt: number
}

/** Idempotent methods (RFC 9110 section 9.2.2). */
const idempotent = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"])

/** How it shows that a connection had gone before the request came to it. */
const staleTags = new Set<HttpError["_tag"]>(["StaleConnection", "RemoteDisconnected", "ReadError", "WriteError"])

/**
 * Whether a request may be sent once more (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1): the connection had been used before, so that the server
 * may have closed it when the request was under way; no byte of an answer came; the body can be sent again; and it does no harm
 * if the server has seen the first one.
 */
const mayRepeat = ({ fields, method }: HttpRequest<unknown>, { _tag, context }: HttpError): boolean =>
  staleTags.has(_tag) && context.connection?.reused === true && context.bytesRead === 0 && context.replayable
  && (context.bytesWritten === 0 || idempotent.has(method) || HttpFields.has(fields, "idempotency-key"))

/** Encodes a request for its origin. */
const prepareFor = <E>(
  pool: Pool,
  { request, route: { fields, key, origin, target } }: Routed<E>,
  resends: number
): Either.Either<Prepared<E>, InvalidRequest | BodyLengthMismatch> => {
  if (request.body._tag === "Streaming" && request.body.length === undefined && pool.isLegacy(key)) {
    const error = new UnsupportedBody({
      reason: "its length is not known, and the server speaks HTTP/1.0, which has no chunks; give its `length`"
    })
    return Either.left(locate(error, { ...error.context, origin: Origin.format(origin) }))
  }
  return prepare(pool.settings, origin, request, target, fields, resends)
}

/** Sends a request on a connection of the pool. */
const send = <E>(
  pool: Pool,
  { route: { key, origin }, startedAt }: Routed<E>,
  prepared: Prepared<E>,
  restore: Restore
): Effect.Effect<HttpResponse, HttpError<E>> => {
  const fresh = prepared.resends > 0
  const { timeouts } = prepared
  return Effect.flatMap(
    checkout(pool, { key, origin, timeouts, startedAt, fresh }, restore),
    ({ connection, slot }): Effect.Effect<HttpResponse, HttpError<E>> => {
      const { link } = connection
      // `checkout` gives only what can be used.
      if (link === undefined) return Effect.dieMessage("a connection of the pool has no link")
      return Effect.map(
        exchangeOn(connection, link, prepared, startedAt, slot.served === 1, restore),
        (response) => {
          pool.noteVersion(key, response.version)
          return response
        }
      )
    }
  )
}

/** What is said of an error of the second attempt holds for both: the server may have seen the first. */
const ofBoth = (first: HttpError, second: HttpError): HttpError => {
  const { processed } = second.context
  ;(second as { context: HttpError["context"] }).context = {
    ...second.context,
    resends: 1,
    processed: processed === "Yes" ? "Yes" : first.context.bytesWritten > 0 ? "Unknown" : processed
  }
  return second
}

/** Sends a request once more, on a new connection. What fails then is not sent again (RFC 9110 section 9.2.2). */
const repeat = <E>(
  pool: Pool,
  routed: Routed<E>,
  first: HttpError<E>,
  restore: Restore
): Effect.Effect<HttpResponse, HttpError<E>> => {
  const prepared = prepareFor(pool, routed, 1)
  if (Either.isLeft(prepared)) return Effect.fail(prepared.left)
  pool.counts.retried++
  pool.tell({
    _tag: "Retry",
    origin: Origin.format(routed.route.origin),
    connection: first.context.connection?.id,
    error: first
  })
  return Effect.mapError(
    send(pool, routed, prepared.right, restore),
    (second) => ofBoth(first, second) as HttpError<E>
  )
}

/** Tells of a request that ended without a connection; one with a connection tells it itself. */
const tellUnsent = (pool: Pool, { request, route: { origin }, startedAt }: Routed<unknown>, error: HttpError): void => {
  if (!pool.events.active || error.context.connection !== undefined) return
  pool.events.emit({
    _tag: "RequestEnd",
    connection: undefined,
    origin: Origin.format(origin),
    method: request.method,
    status: undefined,
    error,
    millis: pool.deadlines.now() - startedAt
  })
}

/** Sends a request and gives its response as soon as its head is there. */
export const execute = <E>(pool: Pool, request: HttpRequest<E>): Effect.Effect<HttpResponse, ExecuteFailure<E>> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend((): Effect.Effect<HttpResponse, HttpError<E>> => {
      const startedAt = pool.deadlines.now()
      // First, because the method decides what the target may be.
      const wrong = checkMethod(request.method)
      if (wrong !== undefined) return Effect.fail(wrong)
      const found = route(pool.settings, request)
      if (Either.isLeft(found)) return Effect.fail(found.left)
      const routed: Routed<E> = { request, route: found.right, startedAt }
      const prepared = prepareFor(pool, routed, 0)
      if (Either.isLeft(prepared)) return Effect.fail(prepared.left)
      return Effect.catchAll(send(pool, routed, prepared.right, restore), (error) => {
        if (mayRepeat(request, error)) return repeat(pool, routed, error, restore)
        tellUnsent(pool, routed, error)
        return Effect.fail(error)
      })
    })
  ) as Effect.Effect<HttpResponse, ExecuteFailure<E>>
