/** A response of any client of the platform as a source of events. */
import type { HttpClientError, ResponseError } from "@effect/platform/HttpClientError"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import { TypeId } from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import { isHttpResponse } from "../../HttpResponse.ts"
import { prefixLength, statusError } from "../body/statusCheck.ts"
import { join } from "../bytes.ts"
import type { EventTooLarge, NotEventStream } from "../error/eventStream.ts"
import { InvalidOption } from "../error/request.ts"
import { HttpTimeout } from "../error/timeout.ts"
import type { Source } from "../sse/decode.ts"
import { events } from "../sse/decode.ts"
import type { DecodeOptions } from "../sse/options.ts"
import { decodeSettings } from "../sse/options.ts"
import type { OwnFailure } from "../sse/response.ts"
import { OwnSource, refusalTime } from "../sse/response.ts"
import type { Event } from "../syntax/eventStream.ts"
import { requestError } from "./errors.ts"
import { located } from "./located.ts"
import { release } from "./release.ts"
import { sourceOf } from "./response.ts"

export class PlatformSource implements Source<ResponseError> {
  readonly #response: HttpClientResponse
  readonly #idleMillis: number

  /** `idleMillis` limits the silences of a response whose client has no such limit. */
  constructor(response: HttpClientResponse, idleMillis = Infinity) {
    this.#response = response
    this.#idleMillis = idleMillis
  }

  get status(): number {
    return this.#response.status
  }

  get contentType(): string | undefined {
    return this.#response.headers["content-type"]
  }

  get stream(): Stream.Stream<Uint8Array, ResponseError> {
    const { stream } = this.#response
    const millis = this.#idleMillis
    return millis === Infinity || Option.isSome(sourceOf(this.#response))
      ? stream
      : Stream.timeoutFail(stream, () => located(this.#response, new HttpTimeout({ kind: "bodyIdle", millis })), millis)
  }

  error(error: NotEventStream | EventTooLarge): ResponseError {
    return located(this.#response, error)
  }

  /** Reads the start of the body, for a bounded time, and releases the response. */
  get refused(): Effect.Effect<never, ResponseError> {
    return Effect.suspend(() => {
      const response = this.#response
      const pieces: Array<Uint8Array> = []
      let length = 0
      const read = Stream.runForEachWhile(response.stream, (bytes) =>
        Effect.sync(() => {
          pieces.push(bytes.subarray(0, prefixLength - length))
          length = Math.min(prefixLength, length + bytes.length)
          return length < prefixLength
        }))
      const cause = Effect.match(Effect.timeoutOption(read, refusalTime), {
        onFailure: ({ cause }): unknown => cause,
        onSuccess: () => undefined
      })
      const source = Option.getOrUndefined(sourceOf(response))
      // Ending the stream of another client's response has cancelled it, and it has no other
      // stream.
      const closed = source === undefined ? Effect.void : this.close
      return Effect.flatMap(Effect.zipLeft(cause, closed), (cause) => {
        const { fields, reason } = source ?? { fields: HttpFields.fromInput(response.headers), reason: "" }
        const error = statusError({ status: response.status, reason, fields }, join(pieces), cause)
        return Effect.fail(located(response, error))
      })
    })
  }

  get close(): Effect.Effect<void> {
    return release(this.#response)
  }

  /** Another client cancels the request of an interrupted fiber, or has cancelled the stream. */
  get abandoned(): Effect.Effect<void> {
    return Option.match(sourceOf(this.#response), { onNone: () => Effect.void, onSome: ({ close }) => close })
  }

  /** The response of another client was ended by the end of its stream. */
  get released(): Effect.Effect<void> {
    return Option.isSome(sourceOf(this.#response)) ? release(this.#response) : Effect.void
  }
}

/** The failures of the events of a response; see `Sse.DecodeFailure`. */
type DecodeFailure<Response> = Response extends HttpResponse ? OwnFailure | InvalidOption : HttpClientError

/** Returns the events of a response of either API. */
export const decode = <Response extends HttpResponse | HttpClientResponse>(
  response: Response,
  options?: DecodeOptions
): Stream.Stream<Event, DecodeFailure<Response>> => decodeEither(response, options) as never

const isPlatformResponse = (u: unknown): u is HttpClientResponse => Predicate.hasProperty(u, TypeId)

/** Closes a response that cannot be read as requested. */
const failing = <E>(close: Effect.Effect<void>, error: E): Stream.Stream<never, E> =>
  Stream.execute(Effect.zipRight(close, Effect.fail(error)))

const decodeEither = (
  response: HttpResponse | HttpClientResponse,
  options: DecodeOptions | undefined
): Stream.Stream<Event, OwnFailure | InvalidOption | HttpClientError> => {
  const settings = decodeSettings(options)
  if (isHttpResponse(response)) {
    const source = new OwnSource(response)
    return settings instanceof InvalidOption ? failing(source.close, settings) : events(source, settings)
  }
  if (!isPlatformResponse(response)) {
    const reason = "it must be an `HttpResponse`, or an `HttpClientResponse` of the platform"
    return Stream.fail(new InvalidOption({ option: "response", reason }))
  }
  const source = new PlatformSource(response)
  return settings instanceof InvalidOption
    ? failing(source.close, requestError(response.request, settings))
    : events(source, settings)
}
