/**
 * The `HttpClient` of `@effect/platform`: a program for it needs only the layer of this library.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { HttpError, PooledHttpClient } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const Received = Schema.Struct({ contentType: Schema.String, bytes: Schema.NonNegativeInt })

const upload = (client: HttpClient.HttpClient, value: unknown) =>
  HttpClientRequest.post("/upload").pipe(
    HttpClientRequest.bodyJson(value),
    Effect.flatMap(client.execute),
    Effect.flatMap(HttpClientResponse.schemaBodyJson(Received))
  )

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const client = (yield* HttpClient.HttpClient).pipe(
      HttpClient.mapRequest(HttpClientRequest.prependUrl(`http://${host}:${port}`)),
      HttpClient.filterStatusOk
    )
    const received = yield* upload(client, { spam: "eggs" })

    const why = yield* client.get("/stall").pipe(
      // `with...` sets what the platform's client cannot express: here a timeout of one request.
      PooledHttpClient.withTimeouts({ head: "100 millis" }),
      Effect.as("answered"),
      // The platform's error says that the transport failed; its cause says how.
      Effect.catchTag("RequestError", (error) =>
        Effect.succeed(Option.match(HttpError.fromPlatform(error), {
          onNone: () => error.message,
          onSome: ({ _tag, context }) => `${error.reason}: ${_tag}, processed: ${context.processed}`
        })))
    )
    return { received, why }
  }).pipe(Effect.provide(PooledHttpClient.layerWith({ connectionsPerOrigin: 10 })))
