/**
 * The step-by-step face of a connection: `putRequest`, `putHeader`, `endHeaders`, `send`,
 * `getResponse`.
 *
 * The fields are gathered and the head is encoded by the same encoder as a whole request, when
 * `endHeaders` sends it. What is sent afterwards is held to the framing that the fields announce.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as HttpBody from "../../HttpBody.ts"
import type { CannotSendHeader, InvalidRequest } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type * as Origin from "../../Origin.ts"
import { forwarded } from "../connection/about.ts"
import { outgoingFor } from "../connection/callerChunks.ts"
import { Terms } from "../connection/errorContext.ts"
import type { ConnectionHandle, Started } from "../connection/handle.ts"
import { withLink } from "../connection/open.ts"
import { Prepared, withProxyFields } from "../connection/prepare.ts"
import * as state from "../error/state.ts"
import { textOf } from "../model/fields.ts"
import { checkField, checkMethod, encodeHead } from "../protocol/encode.ts"
import { resolveTarget } from "../protocol/target.ts"
import { trimSpace } from "../syntax/token.ts"
import { sendBody, sendHead } from "./pipeline.ts"
import type { StepFailure } from "./stepsBody.ts"
import { alone, failing, forgetFailed, sent } from "./stepsBody.ts"
import { tapHead } from "./wireTap.ts"

/** Options of `putRequest`, as in `http.client`. */
export interface PutRequestOptions {
  readonly skipHost?: boolean | undefined
  readonly skipAcceptEncoding?: boolean | undefined
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
    const error = handle.startError ?? checkMethod(method)
    if (error !== undefined) return Either.left(error)
    const { origin } = handle
    const named = handle.tunnel === undefined && typeof target === "string" && /^[a-z]+:\/\//i.test(target)
    const form = named || forwarded(origin) ? "absolute" : "origin"
    return Either.map(resolveTarget(method, target, origin, form), (target) => {
      handle.started = {
        method,
        target,
        names: [],
        values: [],
        skipHost: options.skipHost ?? false,
        skipAcceptEncoding: options.skipAcceptEncoding ?? false,
        exchange: undefined,
        outgoing: undefined,
        busy: false
      }
    })
  })

/** The request that fields can still be put on. */
const openRequest = (handle: ConnectionHandle): Either.Either<Started, CannotSendHeader> => {
  const { started, state: now } = handle
  return started === undefined || now !== "RequestStarted"
    ? Either.left(new state.CannotSendHeader({ state: now }))
    : Either.right(started)
}

/**
 * The value that several stand for. Python folds them over as many lines, which RFC 9112 section
 * 5.2 forbids to send and has read as one line with spaces in the place of the folds: so it is one
 * field value and no list. The first that cannot be sent is given back alone for the check to
 * refuse, because `join` would run its own code for its text.
 */
const unfolded = (values: ReadonlyArray<HttpFields.Value>): string => {
  const texts = values.map(textOf)
  const odd = texts.findIndex((text) => typeof text !== "string")
  if (odd >= 0) return texts[odd] as string
  return texts.map((text) => trimSpace(text)).filter((text) => text !== "").join(" ")
}

/** Puts a field on the request. */
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

/** Encodes the head of what was started. `whole`: nothing will be sent but `body`. */
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

/** Sends the head, and the body where there is one. */
export const endHeaders = <E>(
  handle: ConnectionHandle,
  input: HttpBody.Input<E> | undefined,
  encodeChunked: boolean,
  whole: boolean
): Failing<void, StepFailure<E | unknown>> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const ready = Either.gen(function*() {
        const started = yield* openRequest(handle)
        const body = yield* HttpBody.fromInput(input)
        const encoded = encodeStarted(handle.origin, started, body, whole)
        const head = "_tag" in encoded ? yield* Either.left(encoded) : encoded
        const fields = HttpFields.unsafeMake(started.names, started.values)
        const more = body._tag === "Empty" && !whole
        const outgoing = outgoingFor(head, fields, HttpFields.empty, false, body, encodeChunked, more)
        return "_tag" in outgoing ? yield* Either.left(outgoing) : { started, body, head, outgoing, more }
      })
      if (Either.isLeft(ready)) return Effect.fail(ready.left)
      const { body, head, more, outgoing: encoder, started } = ready.right
      const startedAt = handle.settings.timers.now()
      const { leniency, limits, timeouts } = handle.settings
      return Effect.tapErrorCause(
        withLink(handle, started, timeouts, restore, (connection, fresh) => {
          const { method, target } = started
          const replayable = body._tag !== "Streaming" || body.replayable
          const terms = new Terms(method, head.close, limits, leniency, timeouts, target, replayable, 0)
          const prepared = new Prepared(head, body, encoder, terms, undefined)
          const now = handle.settings.timers.now()
          const exchange = sendHead(handle, connection, prepared, startedAt, now, fresh)
          started.exchange = exchange
          started.outgoing = encoder
          return alone(
            started,
            failing(
              handle,
              started,
              exchange,
              Effect.zipRight(
                tapHead(handle, head.text),
                more ? Effect.void : Effect.zipRight(
                  sendBody(exchange, prepared),
                  restore(sent(exchange))
                )
              )
            )
          )
        }),
        (cause) => forgetFailed(handle, started, cause)
      )
    })
  ) as Failing<void, StepFailure<E | unknown>>
