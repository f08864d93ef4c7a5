/** A small service: exchange rates from another server. It is written for production, and knows nothing of tests. */
import { HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { Config, Data, Effect, flow, Layer, Redacted, Schema } from "effect"
import { HttpError, PooledHttpClient } from "effect-http-client"

const Rate = Schema.Struct({ currency: Schema.String, rate: Schema.Number })

export class NoRate extends Data.TaggedError("NoRate")<{ readonly currency: string; readonly cause: unknown }> {}

export class Rates extends Effect.Service<Rates>()("Rates", {
  effect: Effect.gen(function*() {
    const url = yield* Config.string("RATES_URL")
    const key = yield* Config.redacted("RATES_KEY")
    const client = (yield* HttpClient.HttpClient).pipe(
      HttpClient.mapRequest(flow(
        HttpClientRequest.prependUrl(url),
        HttpClientRequest.setHeader("x-api-key", Redacted.value(key))
      )),
      PooledHttpClient.retry({ times: 2 }),
      HttpClient.filterStatusOk
    )
    const rate = (currency: string) =>
      client.get("/rates", { urlParams: { currency } }).pipe(
        Effect.flatMap(HttpClientResponse.schemaBodyJson(Rate)),
        // A body that breaks off, which `PooledHttpClient.retry` does not see.
        Effect.retry({ times: 5, while: (error) => HttpError.mayRepeat(error, { method: "GET" }) }),
        Effect.mapBoth({
          onFailure: (cause) => new NoRate({ currency, cause }),
          onSuccess: ({ rate }) => rate
        })
      )
    return { rate }
  })
}) {}

/** The service with its pool, over a `Transport`: `NodeTransport.layer` in production, another one in tests. */
export const layer = Layer.provide(
  Rates.Default,
  PooledHttpClient.layerWithoutTransport({ timeouts: { head: "2 seconds", bodyIdle: "2 seconds" } })
)
