/**
 * Credentials over any `HttpClient`. Each attempt, also a repeated one, is a request of the
 * underlying client, with a separate span.
 */
import * as PlatformBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import type { RequestError } from "@effect/platform/HttpClientError"
import { ResponseError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import { authorized } from "../auth/authorized.ts"
import { originOfUrl } from "../auth/origins.ts"
import type { Asked, Scheme } from "../auth/scheme.ts"
import { isForm } from "../body/formData.ts"
import { InvalidOption, UnsupportedBody } from "../error/request.ts"
import { fromUrl } from "../model/origin.ts"
import { isIdempotent } from "../repeat.ts"
import { requestError } from "./errors.ts"
import { partsOf } from "./parts.ts"
import { keepScope } from "./redirectRequest.ts"
import { bodyKind } from "./redirectRules.ts"
import { release } from "./release.ts"
import { bodyOf } from "./request.ts"
import { targetOf } from "./url.ts"

/** Returns the response of an outcome. A status check below may have turned it into a failure. */
const responseOf = (outcome: Either.Either<HttpClientResponse, unknown>): HttpClientResponse | undefined =>
  Either.isRight(outcome)
    ? outcome.right
    : outcome.left instanceof ResponseError && outcome.left.reason === "StatusCode"
    ? outcome.left.response
    : undefined

const withValue = (
  request: HttpClientRequest.HttpClientRequest,
  value: string | undefined
): HttpClientRequest.HttpClientRequest =>
  value === undefined ? request : keepScope(request, HttpClientRequest.setHeader(request, "Authorization", value))

const empty: Uint8Array = new Uint8Array(0)

/**
 * Returns the content of a body, if it is in memory. A form has another boundary each time it is
 * sent.
 */
const bytesOf = (body: PlatformBody.HttpBody): Uint8Array | undefined => {
  if (body._tag === "Stream" || body._tag === "FormData" || (body._tag === "Raw" && isForm(body.body))) return undefined
  const own = bodyOf(body)
  return own._tag === "Bytes" ? own.bytes : own._tag === "Empty" ? empty : undefined
}

const askedOf = (request: HttpClientRequest.HttpClientRequest, origin: string, url: string): Asked => {
  const parsed = fromUrl(url, undefined)
  return {
    origin,
    method: request.method,
    target: "_tag" in parsed ? undefined : parsed.target,
    get body() {
      return bytesOf(request.body)
    }
  }
}

/** Returns a request, and whether its body can be sent after a response has arrived. */
const repeatable = (given: HttpClientRequest.HttpClientRequest) => {
  const { body } = given
  const kind = bodyKind(body)
  if (body._tag !== "Stream") {
    return { request: given, canRepeat: () => kind === "Empty" || kind === "Replayable" }
  }
  // A server that refuses the head (`expectContinue`) leaves the stream untouched.
  let begun = false
  const stream = Stream.suspend(() => {
    begun = true
    return body.stream
  })
  const watched = HttpClientRequest.setBody(given, PlatformBody.stream(stream, body.contentType, body.contentLength))
  // The body first, because it sets fields, which those of the request replace.
  return { request: keepScope(given, HttpClientRequest.setHeaders(watched, given.headers)), canRepeat: () => !begun }
}

/** Adds the credentials to the requests of a client. */
export const withCredentials = <E, E2, R>(
  client: HttpClient.HttpClient.With<E2, R>,
  scheme: Scheme<E>
): HttpClient.HttpClient.With<E | E2 | RequestError, R> => {
  const { postprocess, preprocess } = partsOf(client)
  return HttpClient.makeWith<E | E2 | RequestError, R, E | E2 | RequestError, R>(
    Effect.flatMap((given: HttpClientRequest.HttpClientRequest) => {
      const url = targetOf(given)
      const origin = originOfUrl(url)
      if (origin === undefined || !scheme.covers(origin)) return postprocess(Effect.succeed(given))
      const { canRepeat, request } = repeatable(given)
      const sending = authorized<HttpClientResponse, E, E2, R>(scheme, {
        asked: askedOf(request, origin, url),
        isAuthorized: Object.hasOwn(request.headers, "authorization"),
        // The server that redirected it has processed it.
        canRepeat: (isElsewhere) => canRepeat() && (!isElsewhere || isIdempotent(request)),
        send: (value) => postprocess(Effect.succeed(withValue(request, value))),
        answerOf: (outcome) => {
          const response = responseOf(outcome)
          // If a redirect led to another origin, that origin has not seen the credentials, listed
          // or not.
          const answered = response && targetOf(response.request)
          return response === undefined || originOfUrl(answered) !== origin ? undefined : {
            status: response.status,
            isElsewhere: answered !== url,
            lines: (name) => {
              const line = response.headers[name]
              return line === undefined ? [] : [line]
            }
          }
        },
        release: (outcome) =>
          Effect.suspend(() => {
            const response = responseOf(outcome)
            return response === undefined ? Effect.void : release(response)
          })
      })
      return Effect.mapError(
        sending,
        (error) =>
          error instanceof InvalidOption || error instanceof UnsupportedBody ? requestError(request, error) : error
      )
    }),
    preprocess
  )
}
