/**
 * A request's way over a connection: encode the head, send the head, send the body, await the head of the response.
 *
 * Driven by the fiber that asked for it. Interruption or failure at any step after the first byte closes the connection.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type {
  CannotSendRequest,
  ConnectionClosed,
  HeadFailure,
  HttpError,
  InvalidRequest,
  NotConnected,
  RequestBodyError,
  SendFailure
} from "../../HttpError.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import * as Origin from "../../Origin.ts"
import { locate } from "../error/base.ts"
import type { Connection } from "./connection.ts"
import { Exchange } from "./exchange.ts"
import type { Link } from "./link.ts"
import type { OpenFailure } from "./open.ts"
import { withLink } from "./open.ts"
import type { Prepared } from "./prepare.ts"
import { prepareFor } from "./prepare.ts"
import { makeResponse } from "./response.ts"
import { continued, forkStream, sendBytes } from "./sendBody.ts"
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

/** A body that leaves in one call with the head, whatever the block size; of a larger one the first block does. */
const smallBody = 65_536

const nothing: Uint8Array = new Uint8Array(0)

/** Begins an exchange and sends its head, with what is at hand of the body. */
export const sendHead = <E>(
  connection: Connection,
  link: Link,
  prepared: Prepared<E>,
  startedAt: number,
  fresh: boolean
): Exchange => {
  const { body, facts, head, outgoing, timeouts, url } = prepared
  const exchange = new Exchange({
    link,
    deadlines: connection.settings.deadlines,
    timeouts,
    facts,
    origin: Origin.format(connection.origin),
    url,
    replayable: body._tag !== "Streaming" || body.replayable,
    blockSize: connection.settings.blockSize,
    fresh,
    startedAt,
    resends: prepared.resends,
    care: connection.settings.care
  })
  connection.exchange = exchange
  const first = firstPiece(prepared, connection.settings.blockSize)
  const framed = outgoing.encode(first)
  if ("_tag" in framed) {
    exchange.fail(framed)
    return exchange
  }
  exchange.offered = first.length
  exchange.full = !(framed.length > 0 ? exchange.write(head.text, framed) : exchange.write(head.text))
  if (outgoing.done && body._tag !== "Streaming") {
    if (exchange.full) exchange.whenDrained(() => exchange.requestSent())
    else exchange.requestSent()
  }
  return exchange
}

/** What of a body in memory leaves in the same call as the head. */
const firstPiece = <E>({ body, head }: Prepared<E>, blockSize: number): Uint8Array => {
  if (body._tag !== "Bytes" || head.expectContinue) return nothing
  return body.bytes.length <= smallBody ? body.bytes : body.bytes.subarray(0, blockSize)
}

/** Sends what of the body did not go with the head. A stream is sent by a fiber of its own, which this does not wait for. */
export const sendBody = <E>(exchange: Exchange, prepared: Prepared<E>): Effect.Effect<void> => {
  const { body, head, outgoing } = prepared
  if ((outgoing.done && body._tag !== "Streaming") || exchange.ending !== undefined) return Effect.void
  if (head.expectContinue) exchange.hold()
  const hold = head.expectContinue ? continued(exchange) : Effect.void
  if (body._tag === "Streaming") return Effect.asVoid(forkStream(exchange, outgoing, body.stream, hold, true))
  const bytes = body._tag === "Bytes" ? body.bytes : nothing
  const send = (): void => sendBytes(exchange, outgoing, bytes)
  return Effect.sync(() => head.expectContinue ? exchange.whenContinued(send) : send())
}

/** Waits for the final head. */
const awaitHead = <E>(exchange: Exchange): Effect.Effect<HttpResponse, HttpError<E>> =>
  Effect.suspend(() => {
    if (exchange.head !== undefined) return Effect.succeed(makeResponse(exchange, exchange.head))
    const { ending } = exchange
    if (ending === undefined) {
      return Effect.async<HttpResponse, HttpError<E>>((resume) => {
        exchange.whenHead(() => resume(awaitHead<E>(exchange)))
      })
    }
    return "error" in ending ? Effect.fail(ending.error as HttpError<E>) : Effect.failCause(ending.defect)
  })

/**
 * Whatever keeps the caller from having the response closes the connection. An interruption waits for the finalizers of the
 * body's stream; a failure does not, because a timeout must not wait for what is slow.
 */
export const orAbandon = <A, E>(exchange: Exchange, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.onExit(effect, (exit) => {
    if (Exit.isSuccess(exit)) return Effect.void
    exchange.abandon("the request was interrupted")
    return Exit.isInterrupted(exit) ? exchange.senderEnded : Effect.void
  })

/** Waits for the final head, and shows it to the wire tap. */
export const receive = <E>(
  connection: Connection,
  exchange: Exchange,
  restore: <B, F>(effect: Effect.Effect<B, F>) => Effect.Effect<B, F>
): Effect.Effect<HttpResponse, HttpError<E>> => {
  const response = restore(awaitHead<E>(exchange))
  return connection.settings.wireTap
    ? Effect.tap(response, (received) => tapResponse(connection, received))
    : response
}

/**
 * Hands the response over, unless the caller was interrupted while it was on its way: nobody would have it then. To be the last
 * step, because an interruption after it is no longer seen.
 */
export const deliver = (
  exchange: Exchange,
  restore: <B, F>(effect: Effect.Effect<B, F>) => Effect.Effect<B, F>,
  response: HttpResponse
): Effect.Effect<HttpResponse> =>
  Effect.matchCauseEffect(restore(Effect.void), {
    onFailure: (cause) => {
      exchange.abandon("the request was interrupted")
      return Effect.zipRight(exchange.senderEnded, Effect.failCause(cause))
    },
    onSuccess: () => {
      exchange.leave()
      return Effect.succeed(response)
    }
  })

/** A response that is there, and has not been handed over: `deliver` is to be called with it, as the last step. */
export interface Received {
  readonly exchange: Exchange
  readonly response: HttpResponse
}

/** Sends a request on a usable link and receives its response, to be delivered. To be called uninterruptible. */
export const exchangeOn = <E>(
  connection: Connection,
  link: Link,
  prepared: Prepared<E>,
  startedAt: number,
  fresh: boolean,
  restore: <B, F>(effect: Effect.Effect<B, F>) => Effect.Effect<B, F>
): Effect.Effect<Received, HttpError<E>> => {
  const exchange = sendHead(connection, link, prepared, startedAt, fresh)
  const sent = Effect.zipRight(tapHead(connection, prepared.head.text), sendBody(exchange, prepared))
  return Effect.map(
    orAbandon(exchange, Effect.zipRight(sent, receive<E>(connection, exchange, restore))),
    (response) => ({ exchange, response })
  )
}

/** Sends a request and gives its response as soon as its head is there. */
export const execute = <E>(
  connection: Connection,
  request: HttpRequest<E>
): Effect.Effect<HttpResponse, ExecuteFailure<E>> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const { hindrance } = connection
      if (hindrance !== undefined) {
        return Effect.fail(locate(hindrance, { ...hindrance.context, origin: Origin.format(connection.origin) }))
      }
      const startedAt = connection.settings.deadlines.now()
      const ready = prepareFor(connection, request)
      if (Either.isLeft(ready)) return Effect.fail(ready.left)
      const prepared = ready.right
      return withLink(
        connection,
        prepared.timeouts,
        restore,
        (link, fresh) =>
          Effect.flatMap(
            exchangeOn(connection, link, prepared, startedAt, fresh, restore),
            ({ exchange, response }) => deliver(exchange, restore, response)
          )
      )
    })
  ) as Effect.Effect<HttpResponse, ExecuteFailure<E>>
