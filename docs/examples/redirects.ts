/**
 * Redirects, with `HttpClient` of `@effect/platform`: followed as RFC 9110 says. Credentials are
 * sent only to their origin.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { HttpError, PooledHttpClient } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const url = `http://${host}:${port}`
    // Closest to the client: combinators that check the status come after it.
    const client = (yield* HttpClient.HttpClient).pipe(
      PooledHttpClient.followRedirects({ limit: 5 }),
      HttpClient.filterStatusOk
    )
    const order = HttpClientRequest.post(`${url}/orders`).pipe(
      HttpClientRequest.bodyUnsafeJson({ spam: 2 }),
      HttpClientRequest.bearerToken("token for this origin alone")
    )
    // 303 sends a GET to the page of the order, 307 sends that to another origin.
    const response = yield* client.execute(order)
    const text = yield* response.text
    const history = PooledHttpClient.redirectHistory(response).map(({ method, status }) => `${method} ${status}`)

    const round = yield* client.get(`${url}/round`).pipe(
      Effect.as("ended"),
      Effect.catchTag("ResponseError", (error) =>
        Effect.succeed(Option.match(HttpError.fromPlatform(error), {
          onNone: () => error.message,
          onSome: ({ _tag }) => _tag
        })))
    )
    return { text, history, round }
  }).pipe(Effect.provide(PooledHttpClient.layer))
