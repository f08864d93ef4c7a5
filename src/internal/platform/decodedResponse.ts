/**
 * A response with a decoded body: the fields and the body are replaced, the rest is the original's.
 *
 * Inspecting it does not read the body, unlike the platform's own `HttpIncomingMessage.inspect`.
 */
import type { Cookies } from "@effect/platform/Cookies"
import type { Headers } from "@effect/platform/Headers"
import type { ResponseError } from "@effect/platform/HttpClientError"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import type { DecodingFailure } from "../../HttpError.ts"
import { waitFor } from "../effect/wait.ts"
import type { Tagged } from "../error/base.ts"
import { TypeId } from "../error/base.ts"
import type { BodyTooLarge } from "../error/body.ts"
import { BodyDecodeError } from "../error/body.ts"
import { DecompressionBomb } from "../error/decoding.ts"
import { contentCharset } from "../model/fields.ts"
import { nodeEventLoop } from "../node/eventLoop.ts"
import type { TextFailure } from "../text.ts"
import { decodeText } from "../text.ts"
import { bufferOf, formOf, jsonOf, maxBodySize } from "./content.ts"
import { shownRequest } from "./errors.ts"
import { shownHeaders } from "./headers.ts"
import { located } from "./located.ts"
import type { Releasable } from "./release.ts"
import { release, ReleaseId } from "./release.ts"
import { sourceOf } from "./response.ts"

/** The property that marks a response with a decoded body. */
export const DecodedId: unique symbol = Symbol.for("effect-http-client/DecodedResponse") as never

/**
 * A response whose body is decoded on reading. Other properties of the original, such as trailers
 * or a reason phrase, are available unchanged.
 */
export interface Decoded extends HttpClientResponse.HttpClientResponse {
  readonly [DecodedId]: typeof DecodedId
  /**
   * The response unchanged: with Content-Encoding, Content-Length, and the encoded body. A body is
   * read from one of the two.
   */
  readonly original: HttpClientResponse.HttpClientResponse
}

/**
 * The decoded body. This library's failures become the platform's here; those of the original are
 * passed on.
 */
export interface Body {
  readonly headers: Headers
  /**
   * The body in memory, within `MaxBodySize`. Run once, and again only if that limit was too small.
   */
  readonly bytes: Effect.Effect<Uint8Array, BodyTooLarge | DecodingFailure | ResponseError>
  /** Returns the error for a body in memory of this size that exceeds `MaxBodySize`. */
  readonly tooLarge: (bytes: number, maximum: number) => DecodingFailure | undefined
  readonly stream: Stream.Stream<Uint8Array, BodyTooLarge | DecodingFailure | ResponseError>
}

/** Creates a response over another. */
export const makeDecoded = (original: HttpClientResponse.HttpClientResponse, body: Body): Decoded => {
  const decoded = new DecodedResponse(original, body)
  mirror(decoded, original)
  return decoded
}

class DecodedResponse extends Inspectable.Class implements Decoded, Releasable {
  readonly [DecodedId]: typeof DecodedId = DecodedId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly original: HttpClientResponse.HttpClientResponse
  readonly headers: Headers
  readonly #body: Body
  #bytes: Effect.Effect<Uint8Array, ResponseError> | undefined
  #text: Either.Either<string, TextFailure> | undefined
  #formData: Effect.Effect<FormData, ResponseError> | undefined

  constructor(original: HttpClientResponse.HttpClientResponse, body: Body) {
    super()
    this.original = original
    this.headers = body.headers
    this.#body = body
  }

  get request(): HttpClientRequest {
    return this.original.request
  }

  get status(): number {
    return this.original.status
  }

  get cookies(): Cookies {
    return this.original.cookies
  }

  get remoteAddress(): Option.Option<string> {
    return this.original.remoteAddress
  }

  get stream(): Stream.Stream<Uint8Array, ResponseError> {
    return Stream.mapError(this.#body.stream, (error) => this.#responseError(error))
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer, ResponseError> {
    return Effect.flatMap(this.#whole, (bytes) => this.#made(bufferOf(bytes)))
  }

  get text(): Effect.Effect<string, ResponseError> {
    return Effect.flatMap(this.#whole, (bytes) => this.#made(this.#text ??= decodeText(bytes, this.#charset)))
  }

  get json(): Effect.Effect<unknown, ResponseError> {
    return Effect.flatMap(this.#whole, (bytes) => this.#made(jsonOf(bytes, this.#charset)))
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, ResponseError> {
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text)))
  }

  get formData(): Effect.Effect<FormData, ResponseError> {
    return Effect.flatMap(this.#whole, (bytes) =>
      this.#formData ??= once(Effect.tryPromise({
        try: () => formOf(bytes, this.headers["content-type"]),
        catch: (cause) => {
          const reason = "it is no form of the kind that Content-Type says"
          return this.#responseError(new BodyDecodeError({ format: "form", reason, partial: bytes, cause }))
        }
      })))
  }

  /** Decodes nothing, because no reader will read the body. */
  get [ReleaseId](): Effect.Effect<void> {
    return release(this.original)
  }

  toJSON(): unknown {
    return {
      _id: "@effect/platform/HttpClientResponse",
      request: shownRequest(this.request),
      status: this.status,
      headers: shownHeaders(this.headers),
      remoteAddress: this.remoteAddress.toJSON(),
      original: { headers: shownHeaders(this.original.headers) }
    }
  }

  /** The body in memory. All forms of it share one reading, and each checks its own limit. */
  get #whole(): Effect.Effect<Uint8Array, ResponseError> {
    return Effect.withFiberRuntime<Uint8Array, ResponseError>((fiber) => {
      const maximum = maxBodySize(fiber.currentContext)
      this.#bytes ??= once(
        Effect.mapError(this.#body.bytes, (error) => this.#responseError(error)),
        ({ cause }) => !(cause instanceof DecompressionBomb && cause.limit === "MaxBodySize")
      )
      return Effect.flatMap(this.#bytes, (bytes) => {
        const error = bytes.length <= maximum ? undefined : this.#body.tooLarge(bytes.length, maximum)
        return error === undefined ? Effect.succeed(bytes) : Effect.fail(this.#responseError(error))
      })
    })
  }

  /**
   * This library's responses know the charset of Content-Type. The platform treats all other
   * responses as UTF-8, so this does too.
   */
  get #charset(): string | undefined {
    return Option.match(sourceOf(this.original), {
      onNone: () => undefined,
      onSome: ({ fields }) => contentCharset(fields)
    })
  }

  #made<A>(made: Either.Either<A, TextFailure>): Either.Either<A, ResponseError> {
    return Either.mapLeft(made, (error) => this.#responseError(error))
  }

  #responseError(error: DecodingFailure | TextFailure | ResponseError): ResponseError {
    if (!isOwnError(error)) return error
    return located(this, error)
  }
}

/**
 * True if the error is this library's. A client that violates its types may fail with any value,
 * which is passed on.
 */
const isOwnError = <E extends Tagged<string>>(error: E | ResponseError): error is E =>
  Predicate.hasProperty(error, TypeId)

/**
 * Returns an effect that runs once, in the first fiber that runs it; other fibers wait. Neither an
 * interruption nor a failure that is not `final` is cached. The next fiber then runs the original
 * effect again, which knows the state of its body.
 */
const once = <A, E>(effect: Effect.Effect<A, E>, final: (error: E) => boolean = () => true): Effect.Effect<A, E> => {
  const waiting = new Set<() => void>()
  let outcome: Exit.Exit<A, E> | undefined
  let runs = false
  const end = (exit: Exit.Exit<A, E>): void => {
    runs = false
    const failure = Exit.isSuccess(exit) ? Option.none() : Cause.failureOption(exit.cause)
    if (!Exit.isInterrupted(exit) && (Option.isNone(failure) || final(failure.value))) outcome = exit
    // Wakes all of them, and one runs the effect if there is no outcome. A single one might be
    // interrupted before it does.
    for (const wake of waiting) wake()
  }
  const woken = waitFor<void>(nodeEventLoop, (waiter) => {
    const wake = (): void => {
      waiting.delete(wake)
      waiter.resume(Effect.void)
    }
    waiting.add(wake)
    return Effect.sync(() => waiting.delete(wake))
  })
  const run: Effect.Effect<A, E> = Effect.uninterruptibleMask((restore) => {
    if (outcome !== undefined) return outcome
    if (runs) return Effect.zipRight(restore(woken), restore(run))
    runs = true
    return Effect.onExit(restore(effect), (exit) => Effect.sync(() => end(exit)))
  })
  return Effect.suspend(() => outcome ?? run)
}

/**
 * Adds the other properties of the original to a response, inherited ones included. Each is read
 * from the original on demand, because a getter may need its private state.
 */
const mirror = (self: object, original: object): void => {
  for (
    let from: object | null = original;
    from !== null && from !== Object.prototype;
    from = Object.getPrototypeOf(from)
  ) {
    for (const key of Reflect.ownKeys(from)) {
      if (key in self) continue
      Object.defineProperty(self, key, {
        configurable: true,
        get: () => {
          const value: unknown = Reflect.get(original, key)
          return Predicate.isFunction(value) ? value.bind(original) : value
        }
      })
    }
  }
}
