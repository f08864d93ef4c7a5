/**
 * This library's response as the platform's. Everything is created on demand. A whole body is
 * cached, so that it can be returned again, also in another form.
 *
 * Holds no resource: the body is released by reading it to the end, by `ReleaseId`, or by the pool.
 * Nothing long-lived may hold a response, and nothing here does. Inspecting it does not read the
 * body, unlike the platform's own responses.
 */
import * as Cookies from "@effect/platform/Cookies"
import * as Headers from "@effect/platform/Headers"
import type { ResponseError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import type { Timings } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpResponse, Informational } from "../../HttpResponse.ts"
import { takeWhole } from "../effect/response.ts"
import { BodyDecodeError, BodyTooLarge } from "../error/body.ts"
import { BodyAlreadyConsumed } from "../error/state.ts"
import { locateIn } from "../locateIn.ts"
import { contentCharset } from "../model/fields.ts"
import type { ProxyStatus } from "../model/proxyStatus.ts"
import type { TextFailure } from "../text.ts"
import { decodeText } from "../text.ts"
import { bufferOf, formOf, jsonOf, limitNames, maxBodySize } from "./content.ts"
import type { ResponseFailure } from "./errors.ts"
import { responseError, shownRequest } from "./errors.ts"
import { headersOf, shownHeaders } from "./headers.ts"
import type { Releasable } from "./release.ts"
import { ReleaseId } from "./release.ts"
import { WholeBody } from "./wholeBody.ts"

/**
 * The property of a response for this library's response. A combinator that wraps a response may
 * forward it.
 */
export const SourceId: unique symbol = Symbol.for("effect-http-client/source") as never

/**
 * A response of this client: the platform's properties, and the further data of this library.
 *
 * @since 0.2.0
 * @category models
 */
export interface PooledResponse extends HttpClientResponse.HttpClientResponse {
  /** 10 for HTTP/1.0, 11 for HTTP/1.1. */
  readonly version: 10 | 11
  /** The reason phrase, for display only; often empty. */
  readonly reason: string
  /** All fields, in order and as sent. */
  readonly fields: HttpFields.HttpFields
  /** The trailer fields. Reads the body to its end first if it has not been read. */
  readonly trailers: Effect.Effect<HttpFields.HttpFields, ResponseError>
  /** The time that each phase has taken. */
  readonly timings: Timings
  /** The informational (1xx) responses that arrived before it, in order. */
  readonly informational: ReadonlyArray<Informational>
  /**
   * The reports of the proxies and gateways on the way (RFC 9209), the one nearest to the origin
   * server first. Empty without a Proxy-Status field, and if the field breaks its grammar. Parsed
   * each time.
   */
  readonly proxyStatus: ReadonlyArray<ProxyStatus>
}

export class PlatformResponse extends Inspectable.Class implements PooledResponse, Releasable {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly [SourceId]: HttpResponse
  readonly #trace: Headers.Headers | undefined
  #reading: WholeBody | undefined
  /** True if the body was complete when it was requested. */
  #wasComplete = false
  #request: HttpClientRequest.HttpClientRequest
  #traced: boolean
  #headers: Headers.Headers | undefined
  #cookies: Cookies.Cookies | undefined
  #text: Either.Either<string, TextFailure> | undefined
  #form: FormData | undefined
  #whenRead: (() => void) | undefined

  constructor(
    request: HttpClientRequest.HttpClientRequest,
    source: HttpResponse,
    trace: Headers.Headers | undefined
  ) {
    super()
    this.#request = request
    this.#trace = trace
    this.#traced = trace === undefined
    this[SourceId] = source
  }

  get #body(): WholeBody {
    return this.#reading ??= new WholeBody(this[SourceId], this.#wasComplete)
  }

  /** The request as it was sent, with the fields of the trace. */
  get request(): HttpClientRequest.HttpClientRequest {
    if (!this.#traced) {
      this.#traced = true
      this.#request = HttpClientRequest.setHeaders(this.#request, this.#trace ?? Headers.empty)
    }
    return this.#request
  }

  get status(): number {
    return this[SourceId].status
  }

  get version(): 10 | 11 {
    return this[SourceId].version
  }

  get reason(): string {
    return this[SourceId].reason
  }

  get fields(): HttpFields.HttpFields {
    return this[SourceId].fields
  }

  get timings(): Timings {
    return this[SourceId].timings
  }

  get informational(): ReadonlyArray<Informational> {
    return this[SourceId].informational
  }

  get proxyStatus(): ReadonlyArray<ProxyStatus> {
    return this[SourceId].proxyStatus
  }

  get headers(): Headers.Headers {
    return this.#headers ??= headersOf(this.fields)
  }

  get cookies(): Cookies.Cookies {
    return this.#cookies ??= HttpFields.has(this.fields, "set-cookie")
      ? Cookies.fromSetCookie(HttpFields.getAll(this.fields, "set-cookie"))
      : Cookies.empty
  }

  get remoteAddress(): Option.Option<string> {
    return Option.fromNullable(this[SourceId].connection.remoteAddress)
  }

  /** Sets a callback for the end of a reading of the body, successful or not. */
  whenRead(callback: () => void): void {
    this.#whenRead = callback
  }

  get [ReleaseId](): Effect.Effect<void> {
    return this[SourceId].close
  }

  get stream(): Stream.Stream<Uint8Array, ResponseError> {
    return Stream.suspend(() => {
      if (this.#body.busy) return Stream.fail(this.#error(new BodyAlreadyConsumed({ by: "collect" })))
      const stream = Stream.mapError(this[SourceId].stream, (error) => this.#error(error))
      const read = this.#whenRead
      return read === undefined ? stream : Stream.ensuring(stream, Effect.sync(read))
    })
  }

  get text(): Effect.Effect<string, ResponseError> {
    return this.#whole((bytes) => this.#text ??= decodeText(bytes, contentCharset(this.fields)))
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer, ResponseError> {
    return this.#whole(bufferOf)
  }

  get json(): Effect.Effect<unknown, ResponseError> {
    return this.#whole((bytes) => jsonOf(bytes, contentCharset(this.fields)))
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, ResponseError> {
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text)))
  }

  get formData(): Effect.Effect<FormData, ResponseError> {
    return Effect.flatMap(
      this.#whole((bytes) => Either.right(bytes)),
      (bytes) =>
        this.#form !== undefined ? Effect.succeed(this.#form) : Effect.matchEffect(
          Effect.tryPromise(() => formOf(bytes, HttpFields.getUnsafe(this.fields, "content-type"))),
          {
            onSuccess: (form) => Effect.succeed(this.#form ??= form),
            onFailure: ({ error: cause }) =>
              this.#made(Either.left(
                new BodyDecodeError({
                  format: "form",
                  reason: "it is no form of the kind that Content-Type says",
                  partial: bytes,
                  cause
                })
              ))
          }
        )
    )
  }

  get trailers(): Effect.Effect<HttpFields.HttpFields, ResponseError> {
    return Effect.withFiberRuntime<HttpFields.HttpFields, ResponseError>((fiber) => {
      const { trailers } = this[SourceId]
      const limit = maxBodySize(fiber.currentContext)
      // If no reader has read the body, this reads it, and others share that reading. If another
      // reader is reading it, there is nothing to limit.
      const read = Effect.catchAll(
        Effect.zipRight(this.#body.read(limit), trailers),
        (error) => error._tag === "BodyAlreadyConsumed" ? trailers : Effect.fail(error)
      )
      return Effect.mapBoth(read, {
        onFailure: (error) => {
          this.#whenRead?.()
          return this.#error(error)
        },
        onSuccess: (fields) => {
          this.#whenRead?.()
          return fields
        }
      })
    })
  }

  toJSON(): unknown {
    return {
      _id: "@effect/platform/HttpClientResponse",
      request: shownRequest(this.#request),
      status: this.status,
      reason: this.reason,
      version: this.version,
      headers: shownHeaders(this.headers),
      remoteAddress: this.remoteAddress.toJSON()
    }
  }

  /** Reads the whole body and converts it. */
  #whole<A>(f: (bytes: Uint8Array) => Either.Either<A, TextFailure>): Effect.Effect<A, ResponseError> {
    return Effect.withFiberRuntime<A, ResponseError>((fiber) => {
      const limit = maxBodySize(fiber.currentContext)
      // Most bodies have arrived with their head and are complete.
      const whole = limit === Infinity && this.#reading === undefined ? takeWhole(this[SourceId]) : undefined
      if (whole !== undefined) {
        this.#wasComplete = true
        this.#whenRead?.()
        return this.#made(f(whole))
      }
      return Effect.matchEffect(this.#body.read(limit), {
        onFailure: (error) => {
          this.#whenRead?.()
          return Effect.fail(this.#error(error))
        },
        onSuccess: (bytes) => {
          this.#whenRead?.()
          return this.#made(f(bytes))
        }
      })
    })
  }

  #made<A>(made: Either.Either<A, TextFailure>): Effect.Effect<A, ResponseError> {
    return Either.isRight(made)
      ? Effect.succeed(made.right)
      : Effect.fail(this.#error(locateIn(this[SourceId], made.left)))
  }

  #error(cause: ResponseFailure): ResponseError {
    return cause instanceof BodyTooLarge && cause.reason === undefined
      ? responseError(this, cause, `The body is larger than ${cause.limit} bytes (${limitNames}).`)
      : responseError(this, cause)
  }
}

/** Returns this library's response behind one of the platform's, if there is one. */
export const sourceOf = (response: HttpClientResponse.HttpClientResponse): Option.Option<HttpResponse> =>
  Predicate.hasProperty(response, SourceId) ? Option.some(response[SourceId] as HttpResponse) : Option.none()
