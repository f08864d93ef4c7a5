/**
 * Bearer tokens over any `HttpClient`. Each request that is sent, the repeated one included, is a
 * request of the underlying client, with a separate span.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type { RequestError } from "@effect/platform/HttpClientError"
import { ResponseError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import { authorized, unauthorized } from "../auth/authorized.ts"
import type { Tokens } from "../auth/tokens.ts"
import { originOfUrl } from "../auth/tokens.ts"
import { InvalidOption } from "../error/request.ts"
import { requestError } from "./errors.ts"
import { partsOf } from "./parts.ts"
import { keepScope } from "./redirectRequest.ts"
import { bodyKind } from "./redirectRules.ts"
import { release } from "./release.ts"

/** The response of an outcome. A status check below has made a failure of it. */
const responseOf = (outcome: Either.Either<HttpClientResponse, unknown>): HttpClientResponse | undefined =>
  Either.isRight(outcome)
    ? outcome.right
    : outcome.left instanceof ResponseError && outcome.left.reason === "StatusCode"
    ? outcome.left.response
    : undefined

const withToken = (
  request: HttpClientRequest.HttpClientRequest,
  token: Redacted.Redacted | undefined
): HttpClientRequest.HttpClientRequest =>
  token === undefined
    ? request
    : keepScope(request, HttpClientRequest.setHeader(request, "Authorization", `Bearer ${Redacted.value(token)}`))

/** Adds the token to the requests of a client. */
export const withTokens = <E, E2, R>(
  client: HttpClient.HttpClient.With<E2, R>,
  tokens: Tokens<E>
): HttpClient.HttpClient.With<E | E2 | RequestError, R> => {
  const { postprocess, preprocess } = partsOf(client)
  return HttpClient.makeWith<E | E2 | RequestError, R, E | E2 | RequestError, R>(
    Effect.flatMap((request: HttpClientRequest.HttpClientRequest) => {
      const kind = bodyKind(request.body)
      const sending = authorized<HttpClientResponse, E, E2, R>(tokens, {
        origin: originOfUrl(request.url),
        isAuthorized: Object.hasOwn(request.headers, "authorization"),
        isReplayable: kind === "Empty" || kind === "Replayable",
        send: (token) => postprocess(Effect.succeed(withToken(request, token))),
        isRefusal: (outcome) => {
          const response = responseOf(outcome)
          // The origin that a redirect led to has not seen the token.
          return response?.status === unauthorized && tokens.covers(originOfUrl(response.request.url))
        },
        release: (outcome) =>
          Effect.suspend(() => {
            const response = responseOf(outcome)
            return response === undefined ? Effect.void : release(response)
          })
      })
      return Effect.mapError(
        sending,
        (error) => error instanceof InvalidOption ? requestError(request, error) : error
      )
    }),
    preprocess
  )
}
