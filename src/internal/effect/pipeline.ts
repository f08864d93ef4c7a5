/**
 * A request's way over a connection: encode the head, send the head, send the body, await the head
 * of the response.
 *
 * Driven by the fiber that asked for it. Interruption or failure at any step after the first byte
 * closes the connection. Steps that have nothing to wait for are no operations of the runtime: a
 * request without a body to stream costs one wait in one mask.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type {
  CannotSendRequest,
  ConnectionClosed,
  HeadFailure,
  HttpError,
  InvalidRequest,
  NotConnected,
  ProxyAuthRequired,
  RequestBodyError,
  SendFailure
} from "../../HttpError.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import type { EventLoop } from "../../Transport.ts"
import { withContextAt } from "../connection/about.ts"
import type { Connection } from "../connection/connection.ts"
import type { Ending } from "../connection/exchange.ts"
import { Exchange } from "../connection/exchange.ts"
import type { ConnectionHandle } from "../connection/handle.ts"
import type { OpenFailure } from "../connection/open.ts"
import { closedByCaller, withLink } from "../connection/open.ts"
import type { Prepared } from "../connection/prepare.ts"
import { askedOf, prepareFor } from "../connection/prepare.ts"
import { whenPolled } from "../connection/reuse.ts"
import type { ResponseHead } from "../protocol/head.ts"
import { notRequest } from "../untyped.ts"
import type { Caller } from "./caller.ts"
import { uninterrupted } from "./caller.ts"
import { isProxyRefusal, refuse } from "./proxyRefusal.ts"
import { continued, forkStream, sendBytes } from "./requestBody.ts"
import { makeResponse } from "./response.ts"
import { waitFor } from "./wait.ts"
import { tapHead, tapResponse } from "./wireTap.ts"

/** What `execute` can fail with. */
export type ExecuteFailure<E> =
  | InvalidRequest
  | CannotSendRequest
  | ConnectionClosed
  | NotConnected
  | OpenFailure
  | SendFailure
  | HeadFailure
  | ([E] extends [never] ? never : RequestBodyError<E>)

/**
 * A body that leaves in one call with the head, whatever the block size; of a larger one the first
 * block does.
 */
const smallBody = 65_536

const nothing: Uint8Array = new Uint8Array(0)

/** Begins an exchange and sends its head, with what is at hand of the body. `now` is the time. */
export const sendHead = <E>(
  handle: ConnectionHandle,
  connection: Connection,
  prepared: Prepared<E>,
  startedAt: number,
  now: number,
  fresh: boolean
): Exchange => {
  const { terms } = prepared
  const { settings } = handle
  const exchange = new Exchange(connection, settings, handle.origin, terms, startedAt, now, fresh)
  handle.exchange = exchange
  try {
    writeHead(exchange, prepared, settings.blockSize, now)
  } catch (defect) {
    // A transport that throws breaks its word; nothing may be left open by that.
    exchange.die(Cause.die(defect), defect)
  }
  return exchange
}

const writeHead = <E>(exchange: Exchange, prepared: Prepared<E>, blockSize: number, now: number): void => {
  const { body, head, outgoing: encoder } = prepared
  const first = firstPiece(prepared, blockSize)
  const framed = encoder.encode(first)
  if ("_tag" in framed) return exchange.fail(framed)
  exchange.offered = first.length
  exchange.full = !(framed.length > 0 ? exchange.write(head.text, framed) : exchange.write(head.text))
  if (!encoder.done || body._tag === "Streaming") return
  if (exchange.full) exchange.whenDrained(() => exchange.requestSent())
  else exchange.requestSent(now)
}

/** What of a body in memory leaves in the same call as the head. */
const firstPiece = <E>({ body, head }: Prepared<E>, blockSize: number): Uint8Array => {
  if (body._tag !== "Bytes" || head.expectContinue) return nothing
  return body.bytes.length <= smallBody ? body.bytes : body.bytes.subarray(0, blockSize)
}

/**
 * True if all of a request can be sent without its fiber: no stream is to be run, no 100 waited
 * for, nothing shown to the log.
 */
export const needsNoFiber = <E>(
  { wireTap }: { readonly wireTap: boolean },
  { body, head }: Prepared<E>
): boolean => !wireTap && body._tag !== "Streaming" && !head.expectContinue

/**
 * Begins a request on a link that was used or idle before when that has been polled, and waits for
 * the head of its response. `begin` gives `undefined` where the link cannot be used; that ends the
 * waiting. Only for what needs no fiber.
 */
export const untilHeadOncePolled = <E>(
  loop: EventLoop,
  connection: Connection,
  { body, outgoing: encoder }: Prepared<E>,
  begin: () => Exchange | undefined
): Effect.Effect<void> =>
  whenPolled<void>(loop, connection, (waiter) => {
    const exchange = begin()
    if (exchange === undefined) return waiter.resume(Effect.void)
    if (!encoder.done && exchange.ending === undefined) {
      sendBytes(exchange, encoder, body._tag === "Bytes" ? body.bytes : nothing)
    }
    exchange.whenHead(waiter)
  })

/**
 * Sends what of the body did not go with the head. A stream is sent by a fiber of its own, which
 * this does not wait for.
 */
export const sendBody = <E>(exchange: Exchange, prepared: Prepared<E>): Effect.Effect<void> => {
  const { body, head, outgoing: encoder, trailers } = prepared
  if ((encoder.done && body._tag !== "Streaming") || exchange.ending !== undefined) return Effect.void
  if (head.expectContinue) exchange.holdBody()
  const hold = head.expectContinue ? continued(exchange) : Effect.void
  if (body._tag === "Streaming") return Effect.asVoid(forkStream(exchange, encoder, body.stream, hold, true, trailers))
  const bytes = body._tag === "Bytes" ? body.bytes : nothing
  const send = (): void => sendBytes(exchange, encoder, bytes)
  return Effect.sync(() => head.expectContinue ? exchange.await100Continue(send) : send())
}

/** Waits for the final head, or until there will be none. */
export const awaitHead = (exchange: Exchange): Effect.Effect<void> =>
  exchange.head !== undefined || exchange.ending !== undefined
    ? Effect.void
    : waitFor<void>(exchange.settings.loop, (waiter) => exchange.whenHead(waiter))

/**
 * One after the other. Where there is nothing to do first, nothing is run for it: most requests
 * have no body to send.
 */
const after = (first: Effect.Effect<void>, second: Effect.Effect<void>): Effect.Effect<void> =>
  first === Effect.void ? second : Effect.zipRight(first, second)

/**
 * Sends the rest of a request whose head has been sent, and waits for the head of the response. To
 * be called uninterruptible.
 */
export const untilHead = <E>(
  handle: ConnectionHandle,
  exchange: Exchange,
  prepared: Prepared<E>,
  { restore }: Caller
): Effect.Effect<void> =>
  after(
    tapHead(handle, prepared.head.text),
    after(sendBody(exchange, prepared), restore(awaitHead(exchange)))
  )

/**
 * What keeps the caller from having the response closes the connection. An interruption waits for
 * the finalizers of the body's stream; a failure does not, because a timeout must not wait for what
 * is slow.
 */
export const abandon = (exchange: Exchange, cause: Cause.Cause<never>): Effect.Effect<never> => {
  giveUp(exchange)
  return Cause.isInterrupted(cause)
    ? Effect.zipRight(exchange.writerDone, Effect.failCause(cause))
    : Effect.failCause(cause)
}

const interruption = "the request was interrupted"

/**
 * Ends an exchange whose response no caller gets, even if all of it has come: so it stands against
 * no other request.
 */
const giveUp = (exchange: Exchange): void => {
  exchange.body.finished = true
  exchange.abandon(interruption)
}

/** `abandon`, where an effect does not succeed. */
export const orAbandon = <A, E>(exchange: Exchange, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.onExit(effect, (exit) => {
    if (Exit.isSuccess(exit)) return Effect.void
    giveUp(exchange)
    return Exit.isInterrupted(exit) ? exchange.writerDone : Effect.void
  })

/** Fails as an exchange has ended that has no head. */
export const failed = (ending: Ending | undefined): Effect.Effect<never, HttpError> =>
  ending === undefined
    // Nobody is woken before there is one of the two.
    ? Effect.dieMessage("an exchange ended with neither a head nor a failure")
    : "error" in ending
    ? Effect.fail(ending.error)
    : Effect.failCause(ending.defect)

/**
 * Hands the response over, unless the caller was interrupted while it was on its way: nobody would
 * have it then. To be the last step, because an interruption after it is no longer seen.
 */
const deliver = (
  exchange: Exchange,
  head: ResponseHead,
  caller: Caller
): Effect.Effect<HttpResponse, ProxyAuthRequired> => {
  const cause = caller.interrupted()
  if (!Cause.isEmpty(cause)) return abandon(exchange, cause)
  exchange.startUnreadTimer()
  const response = makeResponse(exchange, head)
  return isProxyRefusal(exchange, head) ? refuse(exchange, head, response, caller) : Effect.succeed(response)
}

/**
 * Shows a head that has come to the wire tap, and hands the response over. To be the last step.
 * Showing it runs the caller's logger: `surround` is put around that alone.
 */
export const received = (
  handle: ConnectionHandle,
  exchange: Exchange,
  head: ResponseHead,
  caller: Caller,
  surround: (effect: Effect.Effect<void>) => Effect.Effect<void> = (effect) => effect
): Effect.Effect<HttpResponse, ProxyAuthRequired> =>
  handle.settings.wireTap
    ? Effect.flatMap(
      orAbandon(exchange, surround(tapResponse(handle, head))),
      () => deliver(exchange, head, caller)
    )
    : deliver(exchange, head, caller)

/** Sends a request on a usable link and receives its response. To be called uninterruptible. */
const exchangeOn = <E>(
  handle: ConnectionHandle,
  connection: Connection,
  prepared: Prepared<E>,
  startedAt: number,
  fresh: boolean,
  caller: Caller
): Effect.Effect<HttpResponse, HttpError<E>> => {
  const exchange = sendHead(handle, connection, prepared, startedAt, handle.settings.timers.now(), fresh)
  return Effect.matchCauseEffect(untilHead(handle, exchange, prepared, caller), {
    onFailure: (cause) => abandon(exchange, cause),
    onSuccess: () => answered<E>(handle, exchange, caller)
  })
}

/** The response, or why there is none. */
const answered = <E>(
  handle: ConnectionHandle,
  exchange: Exchange,
  caller: Caller
): Effect.Effect<HttpResponse, HttpError<E>> =>
  exchange.head === undefined
    ? failed(exchange.ending) as Effect.Effect<never, HttpError<E>>
    : received(handle, exchange, exchange.head, caller)

/** The same on a link that was used or idle before. Must run in an uninterruptible region. */
const exchangeOncePolled = <E>(
  handle: ConnectionHandle,
  connection: Connection,
  prepared: Prepared<E>,
  startedAt: number,
  caller: Caller,
  otherwise: () => Effect.Effect<HttpResponse, HttpError<E>>
): Effect.Effect<HttpResponse, HttpError<E>> => {
  const { closeGeneration } = handle
  let exchange: Exchange | undefined
  const release = handle.reserve()
  const waiting = untilHeadOncePolled(handle.settings.loop, connection, prepared, () => {
    if (!connection.usable) return undefined
    release()
    exchange = sendHead(handle, connection, prepared, startedAt, handle.settings.timers.now(), false)
    return exchange
  })
  return Effect.matchCauseEffect(caller.restore(waiting), {
    onFailure: (cause) => {
      if (exchange !== undefined) return abandon(exchange, cause)
      connection.free()
      release()
      return Effect.failCause(cause)
    },
    onSuccess: () => {
      if (exchange !== undefined) return answered<E>(handle, exchange, caller)
      release()
      return handle.closeGeneration === closeGeneration ? otherwise() : closedByCaller(handle, prepared.terms)
    }
  })
}

/** Sends a request and gives its response as soon as its head is there. */
export const execute = <E>(
  handle: ConnectionHandle,
  request: HttpRequest<E>
): Effect.Effect<HttpResponse, ExecuteFailure<E>> =>
  uninterrupted((caller): Effect.Effect<HttpResponse, HttpError<E>> => {
    const none = notRequest(request)
    if (none !== undefined) return Effect.fail(withContextAt(none, handle.origin, undefined))
    const { startError } = handle
    if (startError !== undefined) {
      return Effect.fail(withContextAt(startError, handle.origin, askedOf(handle, request)))
    }
    const startedAt = handle.settings.timers.now()
    const prepared = prepareFor(handle, request)
    if ("_tag" in prepared) return Effect.fail(prepared)
    const { connection } = handle
    const onSome = (): Effect.Effect<HttpResponse, HttpError<E>> =>
      withLink(
        handle,
        prepared.terms,
        prepared.terms.timeouts,
        caller.restore,
        (connection, fresh) => exchangeOn(handle, connection, prepared, startedAt, fresh, caller)
      )
    return connection?.usable && needsNoFiber(handle.settings, prepared)
      ? exchangeOncePolled(handle, connection, prepared, startedAt, caller, onSome)
      : onSome()
  }) as Effect.Effect<HttpResponse, ExecuteFailure<E>>
