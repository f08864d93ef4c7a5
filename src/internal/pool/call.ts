/**
 * A request through the pool: where it goes, a connection, the exchange, and once more where that is safe.
 *
 * What is wrong with the request is found before it waits for anything. If a connection is idle, it is taken in the first operation, and
 * all that is left is one wait in one mask: the request is sent by the callback that follows the poll of the connection.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import type {
  HeadFailure,
  HttpError,
  InvalidMethod,
  InvalidRequest,
  RequestBodyError,
  SendFailure
} from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import * as Origin from "../../Origin.ts"
import type * as Tls from "../../Tls.ts"
import { ofAsked, withContextAt } from "../connection/about.ts"
import type { Connection } from "../connection/connection.ts"
import type { Exchange } from "../connection/exchange.ts"
import type { Prepared, Unprepared } from "../connection/prepare.ts"
import { prepare } from "../connection/prepare.ts"
import { Timer } from "../connection/timers.ts"
import type { Caller, Restore } from "../effect/caller.ts"
import { uninterrupted } from "../effect/caller.ts"
import {
  abandon,
  failed,
  needsNoFiber,
  received,
  sendHead,
  untilHead,
  untilHeadOncePolled
} from "../effect/pipeline.ts"
import { waitFor } from "../effect/wait.ts"
import { UnsupportedBody } from "../error/request.ts"
import { ConnectionClosed } from "../error/state.ts"
import { HttpTimeout } from "../error/timeout.ts"
import type { ParsedUrl } from "../model/origin.ts"
import { fromUrl } from "../model/origin.ts"
import { checkMethod } from "../protocol/encode.ts"
import { notRequest } from "../untyped.ts"
import type { CheckoutFailure } from "./checkout.ts"
import { acquired, checkout, takeIdle } from "./checkout.ts"
import type { Pool } from "./pool.ts"
import type { InSpan, Place, PooledConnection } from "./pooledConnection.ts"
import { identity } from "./pooledConnection.ts"
import { mayRetry } from "./retry.ts"
import type { Route } from "./route.ts"
import { resolveRoute } from "./route.ts"

/** What `execute` can fail with. */
export type ExecuteFailure<E> =
  | InvalidRequest
  | CheckoutFailure
  | SendFailure
  | HeadFailure
  | ([E] extends [never] ? never : RequestBodyError<E>)

/** A request on its way, for the first or the second time. */
class Attempt<E> {
  readonly request: HttpRequest<E>
  readonly route: Route
  readonly startedAt: number
  readonly place: Place
  readonly caller: Caller
  readonly surround: InSpan
  /** How the first time ended. */
  readonly first: HttpError<E> | undefined
  /** Once it has a connection. */
  member: PooledConnection | undefined = undefined
  exchange: Exchange | undefined = undefined

  constructor(
    request: HttpRequest<E>,
    route: Route,
    startedAt: number,
    place: Place,
    caller: Caller,
    surround: InSpan,
    first: HttpError<E> | undefined
  ) {
    this.request = request
    this.route = route
    this.startedAt = startedAt
    this.place = place
    this.caller = caller
    this.surround = surround
    this.first = first
  }
}

type Sending<E> = Effect.Effect<HttpResponse, HttpError<E>>

/** Names the origin of a request that is wrong, where that can be known. */
const atItsOrigin = (error: InvalidMethod, { origin, target }: HttpRequest<unknown>): InvalidMethod => {
  if (Origin.isOrigin(origin)) return withContextAt(error, origin, undefined)
  const located = typeof target === "string" ? fromUrl<Tls.Options>(target, undefined) : undefined
  return located === undefined || "_tag" in located ? error : withContextAt(error, located.origin, undefined)
}

/** Encodes a request for its origin. */
const prepareFor = <E>(
  pool: Pool,
  request: HttpRequest<E>,
  { fields, key, origin, target }: Route,
  resends: number
): Prepared<E> | Unprepared => {
  const unknown = request.body._tag === "Streaming" && request.body.length === undefined
  const trailed = !HttpFields.isHttpFields(request.trailers) || HttpFields.size(request.trailers) > 0
  if ((unknown || trailed) && pool.legacyServers.has(key)) {
    const error = new UnsupportedBody({
      reason: unknown
        ? "its length is not known, and the server speaks HTTP/1.0, which has no chunks; give its `length`"
        : "it has trailers, and the server speaks HTTP/1.0, which has no chunks to put them behind; leave them out"
    })
    return withContextAt(error, origin, { method: request.method, target })
  }
  return prepare(pool.settings, origin, request, target, fields, resends)
}

/** Sends a request on a connection of the pool, and gives what comes of it. `now` is the time. */
const send = <E>(pool: Pool, attempt: Attempt<E>, prepared: Prepared<E>, now: number): Sending<E> => {
  const { first, place, route: { key } } = attempt
  const idle = first === undefined && needsNoFiber(pool.settings, prepared)
    ? takeIdle(pool, key, place, now)
    : undefined
  return settled(
    pool,
    attempt,
    prepared,
    idle === undefined ? sendOn(pool, attempt, prepared) : sendOnIdle(pool, attempt, prepared, idle)
  )
}

const settled = <E>(
  pool: Pool,
  attempt: Attempt<E>,
  prepared: Prepared<E>,
  sent: Effect.Effect<void, CheckoutFailure>
): Sending<E> =>
  Effect.matchCauseEffect(sent, {
    onFailure: (cause) => stopped(pool, attempt, cause),
    onSuccess: () =>
      attempt.exchange === undefined
        // The idle connection had closed. Nothing was written on it.
        ? settled(pool, attempt, prepared, sendOn(pool, attempt, prepared))
        : answered(pool, attempt)
  })

/** Begins an exchange on an idle connection when that has been polled, and waits for its head. No exchange if it has closed. */
const sendOnIdle = <E>(
  pool: Pool,
  attempt: Attempt<E>,
  prepared: Prepared<E>,
  idle: PooledConnection
): Effect.Effect<void> => {
  const { handle } = idle
  // An idle connection has a link.
  const connection = handle.connection as Connection
  attempt.member = idle
  const waiting = untilHeadOncePolled(pool.loop, connection, prepared, () => {
    if (connection.usable) acquired(pool, attempt.place, idle)
    // A listener of that event may have closed it.
    if (connection.usable) return start(pool, attempt, prepared, idle, connection)
    attempt.member = undefined
    // It has had its turn, and keeps its place.
    attempt.place.accepted = true
    return undefined
  })
  return attempt.caller.restore(waiting)
}

/** Begins an exchange on a link that is usable. */
const start = <E>(
  pool: Pool,
  attempt: Attempt<E>,
  prepared: Prepared<E>,
  pooled: PooledConnection,
  connection: Connection
): Exchange => {
  const { handle, openedHere } = pooled
  const exchange = sendHead(handle, connection, prepared, attempt.startedAt, pool.timers.now(), openedHere)
  attempt.member = pooled
  attempt.exchange = exchange
  return exchange
}

/** Begins an exchange, and waits for its head. */
const begin = <E>(
  pool: Pool,
  attempt: Attempt<E>,
  prepared: Prepared<E>,
  pooled: PooledConnection,
  connection: Connection
): Effect.Effect<void> => {
  const exchange = start(pool, attempt, prepared, pooled, connection)
  const waiting = untilHead(pooled.handle, exchange, prepared, attempt.caller)
  return pool.settings.wireTap || prepared.body._tag === "Streaming" ? attempt.surround(waiting) : waiting
}

/** Begins an exchange on a connection that is idle, or that it has to wait for. */
const sendOn = <E>(
  pool: Pool,
  attempt: Attempt<E>,
  prepared: Prepared<E>
): Effect.Effect<void, CheckoutFailure> => {
  const { caller, first, place, route: { key, origin }, startedAt, surround } = attempt
  const demand = {
    key,
    origin,
    timeouts: prepared.terms.timeouts,
    startedAt,
    fresh: first !== undefined,
    place,
    surround
  }
  return Effect.flatMap(checkout(pool, demand, caller.restore), (pooled) => {
    const { connection } = pooled.handle
    // It was usable when it was given, but the runtime may have let others run since. Nothing has been sent yet.
    return connection?.usable ? begin(pool, attempt, prepared, pooled, connection) : sendOn(pool, attempt, prepared)
  })
}

/** The head is there, or there will be none. */
const answered = <E>(pool: Pool, attempt: Attempt<E>): Sending<E> => {
  // Set when the head was sent.
  const exchange = attempt.exchange as Exchange
  const { ending, head } = exchange
  if (head === undefined) {
    return ending !== undefined && "error" in ending
      ? lost(pool, attempt, ending.error as HttpError<E>)
      : left(pool, failed(ending) as Sending<E>)
  }
  const pooled = attempt.member as PooledConnection
  const { handle } = pooled
  if (!exchange.body.settled) pool.unread.arrived(pooled, exchange)
  // An attempt that has waited long is old to V8: what it still held would not be collected young.
  attempt.exchange = undefined
  attempt.member = undefined
  pool.legacyServers.note(attempt.route.key, head.version)
  pool.requestFinished()
  return received(handle, exchange, head, attempt.caller, attempt.surround)
}

/** It got no connection, or the caller has gone, or something died. */
const stopped = <E>(pool: Pool, attempt: Attempt<E>, cause: Cause.Cause<CheckoutFailure>): Sending<E> => {
  const failure = Cause.failureOrCause(cause)
  if (failure._tag === "Left") return lost(pool, attempt, failure.left)
  if (attempt.exchange !== undefined) return left(pool, abandon(attempt.exchange, failure.right))
  // It was still to be polled.
  if (attempt.member !== undefined) pool.giveBack(attempt.member)
  if (Cause.isInterrupted(failure.right)) {
    const error = new ConnectionClosed({ reason: "the request was interrupted" })
    const { request, route: { origin, target } } = attempt
    emitRequestEnd(pool, attempt, withContextAt(error, origin, { method: request.method, target }, { phase: "pool" }))
  }
  return left(pool, Effect.failCause(failure.right))
}

/** It failed: once more, where that is safe and has not been tried. */
const lost = <E>(pool: Pool, attempt: Attempt<E>, error: HttpError<E>): Sending<E> => {
  const { first, request, route: { origin, target }, surround } = attempt
  if (first === undefined && mayRetry(request, error)) return repeat(pool, attempt, error)
  // What failed before there was an exchange may not know for which request it was.
  const own = ofAsked(error, origin, { method: request.method, target })
  const told = first === undefined ? own : ofBoth(first, own) as HttpError<E>
  emitRequestEnd(pool, attempt, told)
  // An error takes down the span that it failed in.
  return left(pool, surround(Effect.fail(told)))
}

/** A request that is not under way any more when this has ended. */
const left = <A, E>(pool: Pool, ending: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.ensuring(ending, Effect.sync(() => pool.requestFinished()))

/** Sends a request once more, on a new connection. What fails then is not sent again (RFC 9110 section 9.2.2). */
const repeat = <E>(pool: Pool, before: Attempt<E>, first: HttpError<E>): Sending<E> => {
  const { caller, place, request, route, startedAt, surround } = before
  const attempt = new Attempt(request, route, startedAt, place, caller, surround, first)
  // What is known of the server may have changed since.
  const prepared = prepareFor(pool, request, route, 1)
  if ("_tag" in prepared) return lost(pool, attempt, prepared)
  return Effect.matchCauseEffect(bodyReleased(pool, before, prepared.terms.timeouts.total, caller.restore), {
    onFailure: (cause) => stopped(pool, attempt, cause),
    onSuccess: () => {
      pool.counts.retried++
      pool.emit({
        _tag: "Retry",
        origin: Origin.format(route.origin),
        connection: first.context.connection?.id,
        error: first
      })
      return send(pool, attempt, prepared, pool.timers.now())
    }
  })
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
  { timers, loop }: Pool,
  { exchange, route: { origin }, startedAt }: Attempt<E>,
  millis: number,
  restore: Restore
): Effect.Effect<void, HttpTimeout> =>
  exchange === undefined ? Effect.void : Effect.flatMap(Effect.runtime<never>(), (runtime) => {
    const { writerDone } = exchange
    let fail = (_error: HttpTimeout): void => {}
    const total = new Timer({
      onTimeout: () => {
        const error = new HttpTimeout({ kind: "total", millis })
        fail(withContextAt(error, origin, undefined, { phase: "write" }))
      }
    })
    const waiting = waitFor<void, HttpTimeout>(loop, (waiter) => {
      fail = (error) => waiter.resume(Effect.fail(error))
      if (millis !== Infinity) timers.start(total, Math.max(0, millis - (timers.now() - startedAt)))
      Runtime.runFork(runtime)(writerDone).addObserver(() => waiter.resume(Effect.void))
    })
    return Effect.onExit(restore(waiting), (exit) => {
      timers.cancel(total)
      return Exit.isInterrupted(exit) ? writerDone : Effect.void
    })
  })

/** Tells of a request that ended without a connection; one with a connection tells it itself. */
const emitRequestEnd = (
  pool: Pool,
  { request, route: { origin }, startedAt }: Pick<Attempt<unknown>, "request" | "route" | "startedAt">,
  error: HttpError
): void => {
  if (!pool.events.active || error.context.connection !== undefined) return
  pool.events.emit({
    _tag: "RequestEnd",
    connection: undefined,
    origin: Origin.format(origin),
    method: request.method,
    status: undefined,
    error,
    millis: pool.timers.now() - startedAt
  })
}

/**
 * `execute` for a caller that has seen to it that nothing interrupts this, and may have read the URL of the request. Begins at once, so what it
 * gives must be run.
 */
export const startCall = <E>(
  pool: Pool,
  request: HttpRequest<E>,
  caller: Caller,
  surround = identity,
  parsed?: ParsedUrl<Tls.Options>
): Effect.Effect<HttpResponse, ExecuteFailure<E>> => {
  const startedAt = pool.timers.now()
  const none = notRequest(request)
  if (none !== undefined) return surround(Effect.fail(none))
  // First, because the method decides what the target may be.
  const wrong = checkMethod(request.method)
  if (wrong !== undefined) return surround(Effect.fail(atItsOrigin(wrong, request)))
  const found = resolveRoute(pool.settings, request, parsed)
  if ("_tag" in found) return surround(Effect.fail(found))
  const prepared = prepareFor(pool, request, found, 0)
  if ("_tag" in prepared) return surround(Effect.fail(prepared))
  const attempt = new Attempt(request, found, startedAt, pool.place(), caller, surround, undefined)
  const sending = send(pool, attempt, prepared, startedAt)
  // Only now, because nothing would count it off if what came before had thrown.
  pool.inFlight++
  return sending as Effect.Effect<HttpResponse, ExecuteFailure<E>>
}

/** Sends a request and gives its response as soon as its head is there. */
export const execute = <E>(
  pool: Pool,
  request: HttpRequest<E>
): Effect.Effect<HttpResponse, ExecuteFailure<E>> => uninterrupted((caller) => startCall(pool, request, caller))
