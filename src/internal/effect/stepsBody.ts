/**
 * The second half of the step-by-step methods: `send` and `getResponse`, and how a step that fails
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
import { headOf, outcomeOf, tapHeadOf } from "../connection/call.ts"
import type { Exchange } from "../connection/exchange.ts"
import type { ConnectionHandle, Started } from "../connection/handle.ts"
import type { OpenFailure } from "../connection/open.ts"
import { endRequest, StreamSink } from "../connection/sendRequest.ts"
import * as state from "../error/state.ts"
import type { BodyEncoder } from "../protocol/bodyEncoder.ts"
import type { FiberCaller, RedactedNames } from "./caller.ts"
import { uninterruptedStep } from "./caller.ts"
import { failed } from "./execute.ts"
import { isProxyRefusal, refuse } from "./proxyRefusal.ts"
import { StreamSource, untilTaken } from "./requestBody.ts"
import { makeResponse } from "./response.ts"
import { causeOf } from "./transport.ts"
import { awaitEnd, Gate, waitFor } from "./wait.ts"

/** The failures of sending by steps. */
export type StepFailure<E> =
  | InvalidRequest
  | CannotSendHeader
  | NotConnected
  | OpenFailure
  | SendFailure
  | HeadFailure
  | ([E] extends [never] ? never : RequestBodyError<E>)

/** The failures of `getResponse`. */
export type ResponseFailure = state.ResponseNotReady | ConnectionClosed | SendFailure | InvalidRequest | HeadFailure

/**
 * Waits until the request was sent, or will not be. Fails with the error that prevented it. If all
 * of it was sent, `getResponse` reports a failure, because the failing step must not depend on how
 * soon the server closes the connection.
 */
export const sent = (exchange: Exchange): Effect.Effect<void, HttpError> =>
  waitFor<void, HttpError>(exchange.settings.loop, (waiter) => {
    exchange.whenSent(() => waiter.resume(exchange.sent ? Effect.void : outcome(exchange)))
  })

/** Success unless the exchange has failed. */
const outcome = (exchange: Exchange): Effect.Effect<void, HttpError> =>
  Effect.suspend(() => {
    const { ending } = exchange
    if (ending === undefined) return Effect.void
    return "error" in ending ? Effect.fail(ending.error) : Effect.failCause(causeOf(ending.defect))
  })

/** Ends the started request. After a `close` another request may have been started. */
export const forget = (handle: ConnectionHandle, started: Started | undefined): Effect.Effect<void> =>
  Effect.sync(() => {
    if (handle.started === started) handle.started = undefined
  })

/** Ends the started request, which has failed. Its errors get the request that they are about. */
export const forgetFailed = (
  handle: ConnectionHandle,
  started: Started | undefined,
  cause: Cause.Cause<unknown>
): Effect.Effect<void> => {
  for (const error of Cause.failures(cause)) if (isHttpError(error)) withContextAt(error, handle.origin, started)
  return forget(handle, started)
}

/** Runs a step of a request, which no other step may join until it is done. */
export const alone = <A, E>(started: Started, effect: Effect.Effect<A, E>): Effect.Effect<A, E> => {
  started.busy = true
  return Effect.ensuring(
    effect,
    Effect.sync(() => {
      started.busy = false
    })
  )
}

/** Closes the connection of the exchange unless the effect succeeds. */
const orClose = <A, E>(exchange: Exchange, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.onExit(effect, (exit) => {
    if (Exit.isSuccess(exit)) return Effect.void
    exchange.discardResponse()
    return Exit.isInterrupted(exit) ? writerEnded(exchange) : Effect.void
  })

/** Waits for the end of the body's source, its finalizers included. */
export const writerEnded = ({ run, settings: { loop } }: Exchange): Effect.Effect<void> =>
  run === undefined ? Effect.void : awaitEnd(loop, run)

/** Ends the request of a step that fails. */
export const failing = <A, E>(
  handle: ConnectionHandle,
  started: Started,
  exchange: Exchange,
  effect: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.tapErrorCause(orClose(exchange, effect), (cause) => forgetFailed(handle, started, cause))

/** Sends a piece of the body. */
export const send = <E>(
  handle: ConnectionHandle,
  input: HttpBody.Input<E>,
  redactedNames: RedactedNames
): Effect.Effect<void, StepFailure<E | unknown>> =>
  uninterruptedStep(redactedNames, (caller): Effect.Effect<void, HttpError<E | unknown>> => {
    const { settings, started, state: now } = handle
    if (started?.exchange === undefined || started.encoder === undefined || started.busy) {
      return Effect.fail(
        now === "Idle" && !settings.autoOpen && handle.connection?.open !== true
          ? new state.NotConnected({ state: now })
          : new state.CannotSendHeader({ state: now })
      )
    }
    const { encoder, exchange } = started
    const body = HttpBody.fromInput(input)
    if (Either.isLeft(body)) return Effect.fail(body.left)
    const piece = sendPiece(exchange, encoder, body.right, caller)
    return alone(started, failing(handle, started, exchange, caller.restore(piece)))
  }) as Effect.Effect<void, StepFailure<E | unknown>>

const sendPiece = (
  exchange: Exchange,
  encoder: BodyEncoder,
  body: HttpBody.HttpBody<unknown>,
  caller: FiberCaller
): Effect.Effect<void, HttpError> => {
  if (exchange.ending !== undefined || exchange.stopped || body._tag === "Empty") return outcome(exchange)
  if (body._tag === "Bytes") return sendBytes(exchange, encoder, body.bytes)
  return waitFor<void, HttpError>(exchange.settings.loop, (waiter) => {
    caller.wait(exchange.settings.loop, () => {})
    const run = new StreamSource(body.stream, undefined, false).start(new StreamSink(exchange, encoder), caller)
    exchange.run = run
    run.fiber.addObserver((exit) => waiter.resume(outcomeOfStream(exchange, Exit.flatten(exit))))
  })
}

/**
 * A response that has begun does not fail because something can no longer be sent, but the step
 * that sends it does. A refusal takes precedence.
 */
const outcomeOfStream = (
  exchange: Exchange,
  exit: Exit.Exit<void, HttpError<unknown>>
): Effect.Effect<void, HttpError> => {
  const failure = Exit.isFailure(exit) ? Cause.failureOrCause(exit.cause) : undefined
  return exchange.ending === undefined && failure?._tag === "Left"
      && (exchange.sent || exchange.body.failure !== undefined)
    ? Effect.fail(exchange.withContext(failure.left as HttpError))
    : outcome(exchange)
}

const sendBytes = (exchange: Exchange, encoder: BodyEncoder, bytes: Uint8Array): Effect.Effect<void, HttpError> => {
  const written = Effect.suspend(() => {
    const sink = new StreamSink(exchange, encoder)
    const gate = new Gate()
    return untilTaken(sink.write([bytes], gate.open), gate, () => sink.flush(gate.open))
  })
  return Effect.matchEffect(written, {
    onFailure: (error) => {
      exchange.fail(error)
      // If the response is complete the exchange has not failed, but these bytes cannot be sent.
      return Effect.fail(exchange.withContext(error))
    },
    onSuccess: () => {
      if (encoder.done) exchange.requestSent()
      return outcome(exchange)
    }
  })
}

/**
 * Ends the request, if that is still to be done, and returns the response once its head has
 * arrived.
 */
export const getResponse = (
  handle: ConnectionHandle,
  redactedNames: RedactedNames
): Effect.Effect<HttpResponse, ResponseFailure> =>
  uninterruptedStep(redactedNames, (caller): Effect.Effect<HttpResponse, HttpError> => {
    const { started, state: now } = handle
    const exchange = started?.exchange
    if (started === undefined || exchange === undefined || started.busy) {
      return Effect.fail(new state.ResponseNotReady({ state: now }))
    }
    if (started.encoder !== undefined && !exchange.sent && !exchange.stopped && !exchange.done) {
      endRequest(exchange, started.encoder)
    }
    const waiting = Effect.ensuring(
      orClose(exchange, caller.restore(head(exchange, caller))),
      forget(handle, started)
    )
    return Effect.flatMap(alone(started, waiting), () => {
      const outcome = outcomeOf(exchange)
      return "_tag" in outcome ? failed(outcome, caller) : deliver(exchange, caller)
    })
  }) as Effect.Effect<HttpResponse, ResponseFailure>

/** Waits for the head of the response, or until there will be none. */
const head = (exchange: Exchange, caller: FiberCaller): Effect.Effect<void> =>
  waitFor<void>(exchange.settings.loop, (waiter) => {
    caller.wait(exchange.settings.loop, () => {})
    exchange.whenHead({
      onHead: () => {
        tapHeadOf(exchange, caller)
        waiter.resume(Effect.void)
      }
    })
  })

const deliver = (exchange: Exchange, caller: FiberCaller): Effect.Effect<HttpResponse, HttpError> => {
  const cause = caller.interrupted()
  if (!Cause.isEmpty(cause)) {
    exchange.discardResponse()
    return Effect.zipRight(writerEnded(exchange), Effect.failCause(cause))
  }
  exchange.startUnreadTimer()
  const head = headOf(exchange)
  const response = makeResponse(exchange, head)
  return isProxyRefusal(exchange, head) ? refuse(exchange, head, response, caller) : Effect.succeed(response)
}
