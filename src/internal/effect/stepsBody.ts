/**
 * The second half of the step-by-step face: `send` and `getResponse`, and how a step that fails
 * ends its request.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as HttpBody from "../../HttpBody.ts"
import { isHttpError } from "../../HttpError.ts"
import type {
  CannotSendHeader,
  ConnectionClosed,
  HeadFailure,
  HttpError,
  InvalidRequest,
  NotConnected,
  RequestBodyError,
  SendFailure
} from "../../HttpError.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import { withContextAt } from "../connection/about.ts"
import type { Exchange } from "../connection/exchange.ts"
import type { ConnectionHandle, Started } from "../connection/handle.ts"
import type { OpenFailure } from "../connection/open.ts"
import * as state from "../error/state.ts"
import type { BodyEncoder } from "../protocol/bodyEncoder.ts"
import { uninterrupted } from "./caller.ts"
import { awaitHead, failed, orAbandon, received } from "./pipeline.ts"
import { forkStream, writeEnd, writePieces } from "./requestBody.ts"
import { waitFor } from "./wait.ts"

/** What sending by steps can fail with. */
export type StepFailure<E> =
  | InvalidRequest
  | CannotSendHeader
  | NotConnected
  | OpenFailure
  | SendFailure
  | HeadFailure
  | ([E] extends [never] ? never : RequestBodyError<E>)

/** What `getResponse` can fail with. */
export type ResponseFailure = state.ResponseNotReady | ConnectionClosed | SendFailure | InvalidRequest | HeadFailure

/** Waits until the request was sent, or will not be. Fails with what kept it from being sent. */
export const sent = (exchange: Exchange): Effect.Effect<void, HttpError> =>
  waitFor<void, HttpError>(exchange.settings.loop, (waiter) => {
    exchange.whenSent(() => waiter.resume(outcome(exchange)))
  })

/** Success unless the exchange has failed. */
const outcome = (exchange: Exchange): Effect.Effect<void, HttpError> =>
  Effect.suspend(() => {
    const { ending } = exchange
    if (ending === undefined) return Effect.void
    return "error" in ending ? Effect.fail(ending.error) : Effect.failCause(ending.defect)
  })

/** Ends what was started. After a `close` it may be another request that is there. */
export const forget = (handle: ConnectionHandle, started: Started | undefined): Effect.Effect<void> =>
  Effect.sync(() => {
    if (handle.started === started) handle.started = undefined
  })

/** Ends what was started and has failed, after its errors were told which request that is. */
export const forgetFailed = (
  handle: ConnectionHandle,
  started: Started | undefined,
  cause: Cause.Cause<unknown>
): Effect.Effect<void> => {
  for (const error of Cause.failures(cause)) if (isHttpError(error)) withContextAt(error, handle.origin, started)
  return forget(handle, started)
}

/** A step of a request, which no other step may join until it is done. */
export const alone = <A, E>(started: Started, effect: Effect.Effect<A, E>): Effect.Effect<A, E> => {
  started.busy = true
  return Effect.ensuring(
    effect,
    Effect.sync(() => {
      started.busy = false
    })
  )
}

/** A step that fails ends its request. */
export const failing = <A, E>(
  handle: ConnectionHandle,
  started: Started,
  exchange: Exchange,
  effect: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.tapErrorCause(orAbandon(exchange, effect), (cause) => forgetFailed(handle, started, cause))

/** Sends a piece of the body. */
export const send = <E>(
  handle: ConnectionHandle,
  input: HttpBody.Input<E>
): Effect.Effect<void, StepFailure<E | unknown>> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const { settings, started, state: now } = handle
      if (started?.exchange === undefined || started.outgoing === undefined || started.busy) {
        return Effect.fail(
          now === "Idle" && !settings.autoOpen && handle.connection?.open !== true
            ? new state.NotConnected({ state: now })
            : new state.CannotSendHeader({ state: now })
        )
      }
      const { exchange, outgoing: encoder } = started
      const body = HttpBody.fromInput(input)
      if (Either.isLeft(body)) return Effect.fail(body.left)
      return alone(started, failing(handle, started, exchange, restore(sendPiece(exchange, encoder, body.right))))
    })
  ) as Effect.Effect<void, StepFailure<E | unknown>>

const sendPiece = (
  exchange: Exchange,
  encoder: BodyEncoder,
  body: HttpBody.HttpBody<unknown>
): Effect.Effect<void, HttpError> => {
  if (exchange.ending !== undefined || exchange.stopped || body._tag === "Empty") return outcome(exchange)
  if (body._tag === "Bytes") return sendOne(exchange, encoder, body.bytes)
  return Effect.flatMap(
    forkStream(exchange, encoder, body.stream, Effect.void, false),
    (fiber) =>
      waitFor<void, HttpError>(exchange.settings.loop, (waiter) => {
        fiber.addObserver((exit) => waiter.resume(outcomeOfStream(exchange, Exit.flatten(exit))))
      })
  )
}

/**
 * A response that has begun does not fail by what cannot be sent any more, but whoever sends it is
 * told. A refusal wins.
 */
const outcomeOfStream = (exchange: Exchange, exit: Exit.Exit<void, HttpError>): Effect.Effect<void, HttpError> => {
  const failure = Exit.isFailure(exit) ? Cause.failureOrCause(exit.cause) : undefined
  return exchange.ending === undefined && failure?._tag === "Left"
      && (exchange.sent || exchange.body.failure !== undefined)
    ? Effect.fail(exchange.withContext(failure.left))
    : outcome(exchange)
}

const sendOne = (exchange: Exchange, encoder: BodyEncoder, bytes: Uint8Array): Effect.Effect<void, HttpError> =>
  Effect.matchEffect(Effect.suspend(() => writePieces(exchange, encoder, [bytes])), {
    onFailure: (error) => {
      exchange.fail(error)
      // Where the response is complete the exchange has not failed, but what the caller asks for
      // cannot be sent all the same.
      return Effect.fail(exchange.withContext(error))
    },
    onSuccess: () => {
      if (encoder.done) exchange.requestSent()
      return outcome(exchange)
    }
  })

/** Ends the request where that is left to do, and gives the response once its head is there. */
export const getResponse = (handle: ConnectionHandle): Effect.Effect<HttpResponse, ResponseFailure> =>
  uninterrupted((caller): Effect.Effect<HttpResponse, HttpError> => {
    const { started, state: now } = handle
    const exchange = started?.exchange
    if (started === undefined || exchange === undefined || started.busy) {
      return Effect.fail(new state.ResponseNotReady({ state: now }))
    }
    if (started.outgoing !== undefined && !exchange.sent && !exchange.stopped && !exchange.done) {
      const wait = writeEnd(exchange, started.outgoing)
      if (typeof wait === "object") exchange.fail(wait)
      else if (wait) exchange.whenDrained(() => exchange.requestSent())
      else exchange.requestSent()
    }
    const waiting = Effect.ensuring(
      orAbandon(exchange, caller.restore(awaitHead(exchange))),
      forget(handle, started)
    )
    return Effect.flatMap(
      alone(started, waiting),
      () =>
        exchange.head === undefined
          ? failed(exchange.ending)
          : received(handle, exchange, exchange.head, caller)
    )
  }) as Effect.Effect<HttpResponse, ResponseFailure>
