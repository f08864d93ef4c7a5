/**
 * A request through the pool: where it goes, a connection, the exchange, and once more where that is safe.
 *
 * What is wrong with the request is found before it waits for anything.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import type { HeadFailure, HttpError, InvalidRequest, RequestBodyError, SendFailure } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import * as Origin from "../../Origin.ts"
import type { Deadline } from "../connection/deadlines.ts"
import type { Received } from "../connection/pipeline.ts"
import { deliver, exchangeOn } from "../connection/pipeline.ts"
import type { Prepared } from "../connection/prepare.ts"
import { prepare } from "../connection/prepare.ts"
import { locate } from "../error/base.ts"
import { UnsupportedBody } from "../error/request.ts"
import type { BodyLengthMismatch } from "../error/send.ts"
import { ConnectionClosed } from "../error/state.ts"
import { HttpTimeout } from "../error/timeout.ts"
import { checkMethod } from "../protocol/encode.ts"
import type { CheckoutFailure } from "./checkout.ts"
import { checkout } from "./checkout.ts"
import type { Route } from "./destination.ts"
import { route } from "./destination.ts"
import type { Place } from "./member.ts"
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
  /** What tells when the stream of its body has ended, its finalizers included. */
  exchange: { readonly senderEnded: Effect.Effect<void> } | undefined
  readonly place: Place
}

/** Idempotent methods (RFC 9110 section 9.2.2). */
const idempotent = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"])

/** How it shows that a connection had gone before the request came to it. */
const staleTags = new Set<HttpError["_tag"]>(["StaleConnection", "RemoteDisconnected", "ReadError", "WriteError"])

/**
 * Whether a request may be sent once more (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1): the connection had been used before, or
 * kept idle, so that the server may have closed it when the request was under way; no byte of an answer came; the body can be sent
 * again; and it does no harm if the server has seen the first one.
 */
const mayRepeat = ({ fields, method }: HttpRequest<unknown>, { _tag, context }: HttpError): boolean =>
  staleTags.has(_tag) && (context.connection?.reused === true || _tag === "StaleConnection")
  && context.bytesRead === 0 && context.replayable
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
  routed: Routed<E>,
  prepared: Prepared<E>,
  restore: Restore
): Effect.Effect<Received, HttpError<E>> => {
  const { place, route: { key, origin }, startedAt } = routed
  const fresh = prepared.resends > 0
  const { timeouts } = prepared
  const found = checkout(pool, { key, origin, timeouts, startedAt, fresh, place }, restore)
  return Effect.flatMap(
    pool.events.active ? tellingInterruption(pool, routed, found) : found,
    ({ connection, slot }): Effect.Effect<Received, HttpError<E>> => {
      const { link } = connection
      // It was usable when it was given, but the runtime may have let others run since. Nothing has been sent yet.
      if (!link?.usable) return send(pool, routed, prepared, restore)
      const exchange = exchangeOn(connection, link, prepared, startedAt, slot.served === 1 && !link.kept, restore)
      if (connection.exchange !== undefined) routed.exchange = connection.exchange
      return Effect.map(exchange, (received) => {
        pool.noteVersion(key, received.response.version)
        return received
      })
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

/**
 * Waits for the finalizers of the stream that was being sent: what it holds, such as a file, may not be there twice. A timeout
 * does not wait for them, as it does not in an exchange; an interruption does.
 */
const bodyReleased = <E>(
  { deadlines }: Pool,
  { exchange, route: { origin }, startedAt }: Routed<E>,
  millis: number,
  restore: Restore
): Effect.Effect<void, HttpTimeout> =>
  exchange === undefined ? Effect.void : Effect.flatMap(Effect.runtime<never>(), (runtime) => {
    const { senderEnded } = exchange
    let fail = (_error: HttpTimeout): void => {}
    const total: Deadline = {
      at: Infinity,
      expired: () => {
        const error = new HttpTimeout({ kind: "total", millis })
        fail(locate(error, { ...error.context, phase: "write", origin: Origin.format(origin) }))
      }
    }
    const waiting = Effect.async<void, HttpTimeout>((resume) => {
      fail = (error) => resume(Effect.fail(error))
      if (millis !== Infinity) deadlines.arm(total, Math.max(0, millis - (deadlines.now() - startedAt)))
      Runtime.runFork(runtime)(senderEnded).addObserver(() => resume(Effect.void))
    })
    return Effect.onExit(restore(waiting), (exit) => {
      deadlines.disarm(total)
      return Exit.isInterrupted(exit) ? senderEnded : Effect.void
    })
  })

/** Sends a request once more, on a new connection. What fails then is not sent again (RFC 9110 section 9.2.2). */
const repeat = <E>(
  pool: Pool,
  routed: Routed<E>,
  first: HttpError<E>,
  restore: Restore
): Effect.Effect<Received, HttpError<E>> => {
  // What is known of the server may have changed since.
  const again = Effect.flatMap(prepareFor(pool, routed, 1), (prepared) =>
    Effect.zipRight(
      tellingInterruption(pool, routed, bodyReleased(pool, routed, prepared.timeouts.total, restore)),
      Effect.suspend(() => {
        pool.counts.retried++
        pool.tell({
          _tag: "Retry",
          origin: Origin.format(routed.route.origin),
          connection: first.context.connection?.id,
          error: first
        })
        return send(pool, routed, prepared, restore)
      })
    ))
  return Effect.catchAll(again, (second) => {
    const error = ofBoth(first, second) as HttpError<E>
    tellUnsent(pool, routed, error)
    return Effect.fail(error)
  })
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

/** Tells of a request that was interrupted while it waited for a connection. */
const tellingInterruption = <A, E>(
  pool: Pool,
  routed: Routed<unknown>,
  waiting: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.onInterrupt(waiting, () =>
    Effect.sync(() => {
      const error = new ConnectionClosed({ reason: "the request was interrupted" })
      const origin = Origin.format(routed.route.origin)
      tellUnsent(pool, routed, locate(error, { ...error.context, phase: "pool", origin }))
    }))

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
      const routed: Routed<E> = { request, route: found.right, startedAt, exchange: undefined, place: pool.place() }
      const prepared = prepareFor(pool, routed, 0)
      if (Either.isLeft(prepared)) return Effect.fail(prepared.left)
      const received = Effect.catchAll(send(pool, routed, prepared.right, restore), (error) => {
        if (mayRepeat(request, error)) return repeat(pool, routed, error, restore)
        tellUnsent(pool, routed, error)
        return Effect.fail(error)
      })
      // Only now, because nothing would count it off if what came before had thrown.
      pool.underWay++
      return Effect.matchCauseEffect(received, {
        onFailure: (cause) => {
          pool.leave()
          return Effect.failCause(cause)
        },
        // `deliver` last of all: an interruption behind it would leave a response that nobody has.
        onSuccess: ({ exchange, response }) => {
          pool.leave()
          return deliver(exchange, restore, response)
        }
      })
    })
  ) as Effect.Effect<HttpResponse, ExecuteFailure<E>>
