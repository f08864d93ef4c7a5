/**
 * The step-by-step methods of a connection: `putRequest`, `putHeader`, `endHeaders`, `send`,
 * `getResponse`.
 *
 * The fields are collected until `endHeaders` sends the head. The encoder is the same as for a
 * whole request. The bytes that are sent afterwards must match the framing that the fields
 * announce.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as HttpBody from "../../HttpBody.ts"
import type { CannotSendHeader, HttpError, InvalidRequest } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type * as Origin from "../../Origin.ts"
import { forwarded } from "../connection/about.ts"
import { refusedTarget } from "../connection/addressing.ts"
import { beginExchange } from "../connection/call.ts"
import { Terms } from "../connection/errorContext.ts"
import type { ConnectionHandle, Started } from "../connection/handle.ts"
import type { Unprepared } from "../connection/prepare.ts"
import { Prepared, sourceOf, withProxyFields } from "../connection/prepare.ts"
import { sendRequest } from "../connection/sendRequest.ts"
import * as state from "../error/state.ts"
import { textOf } from "../model/fields.ts"
import type { OnInformational } from "../model/requestOptions.ts"
import { notListener } from "../options.ts"
import { encoderFor } from "../protocol/bodyEncoder.ts"
import { checkField, checkMethod, encodeHead } from "../protocol/encode.ts"
import { resolveTarget } from "../protocol/target.ts"
import { trimSpace } from "../syntax/token.ts"
import { acquired } from "./acquired.ts"
import type { RedactedNames } from "./caller.ts"
import { uninterruptedStep } from "./caller.ts"
import type { StepFailure } from "./stepsBody.ts"
import { alone, failing, forgetFailed, sent, writerEnded } from "./stepsBody.ts"

/** The options of `putRequest`, as in `http.client`. */
export interface PutRequestOptions {
  readonly skipHost?: boolean | undefined
  readonly skipAcceptEncoding?: boolean | undefined
  readonly onInformational?: OnInformational | undefined
}

type Failing<A, E> = Effect.Effect<A, E>

/** Starts a request. */
export const putRequest = (
  handle: ConnectionHandle,
  method: string,
  target: string,
  options: PutRequestOptions
): Failing<void, InvalidRequest | state.CannotSendRequest | state.ConnectionClosed> =>
  Effect.suspend((): Either.Either<void, InvalidRequest | state.CannotSendRequest | state.ConnectionClosed> => {
    const error = handle.startError ?? checkMethod(method) ?? notListener(options.onInformational)
    if (error !== undefined) return Either.left(error)
    const { origin } = handle
    const named = handle.tunnel === undefined && typeof target === "string" && /^[a-z]+:\/\//i.test(target)
    const form = named || forwarded(origin) ? "absolute" : "origin"
    const resolved = resolveTarget(method, target, origin, form)
    if ("_tag" in resolved) return Either.left(resolved)
    handle.started = {
      method,
      target: resolved,
      names: [],
      values: [],
      skipHost: options.skipHost ?? false,
      skipAcceptEncoding: options.skipAcceptEncoding ?? false,
      onInformational: options.onInformational,
      exchange: undefined,
      encoder: undefined,
      busy: false
    }
    return Either.void
  })

/** Returns the started request, if fields can still be added to it. */
const openRequest = (handle: ConnectionHandle): Either.Either<Started, CannotSendHeader> => {
  const { started, state: now } = handle
  return started === undefined || now !== "RequestStarted"
    ? Either.left(new state.CannotSendHeader({ state: now }))
    : Either.right(started)
}

/**
 * Returns the one value that several values stand for. Python folds them over as many lines. RFC
 * 9112 section 5.2 forbids sending such folds, and replaces each by spaces when it is read. So the
 * result is one field value and not a list. The first value that cannot be sent is returned alone,
 * so that the check refuses it. `join` would run the value's code to get its text.
 */
const unfolded = (values: ReadonlyArray<HttpFields.Value>): string => {
  const texts = values.map(textOf)
  const odd = texts.findIndex((text) => typeof text !== "string")
  if (odd >= 0) return texts[odd] as string
  return texts.map((text) => trimSpace(text)).filter((text) => text !== "").join(" ")
}

/** Adds a field to the started request. */
export const putHeader = (
  handle: ConnectionHandle,
  name: string,
  values: ReadonlyArray<HttpFields.Value>
): Failing<void, InvalidRequest | CannotSendHeader> =>
  Effect.suspend(() =>
    Either.flatMap(openRequest(handle), (started) => {
      const value = unfolded(values)
      const error = checkField(name, value)
      if (error !== undefined) return Either.left(error)
      started.names.push(name)
      started.values.push(value)
      return Either.void
    })
  )

/** Encodes the head of the started request. `whole` is true if nothing but `body` will be sent. */
const encodeStarted = (
  origin: Origin.Origin,
  started: Started,
  body: HttpBody.HttpBody<unknown>,
  whole: boolean
): ReturnType<typeof encodeHead> =>
  encodeHead({
    method: started.method,
    target: started.target,
    fields: withProxyFields(origin, HttpFields.unsafeMake(started.names, started.values)),
    trailers: HttpFields.empty,
    trailersLater: false,
    content: body._tag === "Bytes"
      ? { kind: "known", length: body.bytes.length }
      : body._tag === "Empty"
      ? { kind: whole ? "none" : "manual" }
      : body.length === undefined
      ? { kind: "unknown" }
      : { kind: "known", length: body.length },
    contentType: body.contentType,
    skipHost: started.skipHost,
    acceptEncoding: started.skipAcceptEncoding ? undefined : "identity",
    expectContinue: false
  })

/** Returns the bytes of `endHeaders`, or the error if they cannot be sent. */
const prepareStarted = (
  handle: ConnectionHandle,
  started: Started,
  body: HttpBody.HttpBody<unknown>,
  encodeChunked: boolean,
  whole: boolean
): Either.Either<Prepared, Unprepared> => {
  const refused = refusedTarget(handle.settings.addresses, started.target)
  if (refused !== undefined) return Either.left(refused)
  const head = encodeStarted(handle.origin, started, body, whole)
  if ("_tag" in head) return Either.left(head)
  const { host, leniency, limits, timeouts } = handle.settings
  const { method, names, target, values } = started
  const bytes = body._tag === "Bytes" ? body.bytes : undefined
  const inMemory = body._tag === "Streaming" || (body._tag === "Empty" && !whole)
    ? undefined
    : bytes ?? new Uint8Array(0)
  const fields = HttpFields.unsafeMake(names, values)
  const encoder = encoderFor(head, fields, HttpFields.empty, false, inMemory, encodeChunked)
  if ("_tag" in encoder) return Either.left(encoder)
  const replayable = body._tag !== "Streaming" || body.replayable
  const terms = new Terms(method, head.close, limits, leniency, timeouts, target, replayable, 0, undefined)
  return Either.right(
    new Prepared(head, bytes, sourceOf(host, body, undefined), encoder, terms, started.onInformational)
  )
}

/** Sends the head, and the body if there is one. */
export const endHeaders = <E>(
  handle: ConnectionHandle,
  input: HttpBody.Input<E> | undefined,
  encodeChunked: boolean,
  whole: boolean,
  redactedNames: RedactedNames
): Failing<void, StepFailure<E | unknown>> =>
  uninterruptedStep(redactedNames, (caller): Failing<void, HttpError<E | unknown>> => {
    const ready = Either.gen(function*() {
      const started = yield* openRequest(handle)
      const body = yield* HttpBody.fromInput(input)
      const prepared = yield* prepareStarted(handle, started, body, encodeChunked, whole)
      return { started, prepared, more: body._tag === "Empty" && !whole }
    })
    if (Either.isLeft(ready)) return Effect.fail(ready.left)
    const { more, prepared, started } = ready.right
    const startedAt = handle.settings.timers.now()
    return Effect.tapErrorCause(
      Effect.flatMap(
        acquired(handle, started, caller, (connection, openedHere) => {
          const exchange = beginExchange(handle, connection, prepared, startedAt, openedHere)
          started.exchange = exchange
          started.encoder = prepared.encoder
          sendRequest(exchange, prepared, caller, handle.settings.timers.now(), more)
          return exchange
        }),
        (exchange) =>
          alone(
            started,
            failing(handle, started, exchange, more ? Effect.void : caller.restore(sent(exchange)))
          )
      ),
      (cause) => {
        const { exchange } = started
        exchange?.discardResponse()
        const forgotten = forgetFailed(handle, started, cause)
        return exchange !== undefined && Cause.isInterrupted(cause)
          ? Effect.zipRight(writerEnded(exchange), forgotten)
          : forgotten
      }
    )
  }) as Failing<void, StepFailure<E | unknown>>
