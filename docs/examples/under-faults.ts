/**
 * A service under faults: connections break, responses stop, bytes arrive slowly. It loses no
 * request and no connection.
 *
 * `PooledHttpClient.retry` covers a request until its response has begun. The service itself
 * retries failures in a body.
 */
import { HttpClient } from "@effect/platform"
import { NodeTransport, PooledHttpClient, TestTransport, Transport } from "effect-http-client"
import * as Effect from "effect/Effect"

const policy: Omit<TestTransport.FaultPolicy, "seed"> = {
  splits: 0.5,
  resets: { probability: 0.2, within: 500 },
  stalls: { probability: 0.1, most: 1 },
  refusals: 0.2
}

/** The service under test: it requests a page, up to the given number of times. */
const service = (url: string, times: number) =>
  Effect.gen(function*() {
    const client = PooledHttpClient.retry(yield* HttpClient.HttpClient, { times: 5 })
    const page = Effect.flatMap(client.get(url), (response) => response.text)
    return yield* Effect.all(Array.from({ length: times }, () => Effect.retry(page, { times: 5 })), { concurrency: 5 })
  }).pipe(
    Effect.provide(PooledHttpClient.layerWithoutTransport({ timeouts: { head: "300 millis", bodyIdle: "300 millis" } }))
  )

export const program = (url: string, seed: number) =>
  Effect.gen(function*() {
    const transport = TestTransport.faults({ ...policy, seed })(yield* Transport.Transport)
    const pages = yield* Effect.provideService(service(url, 40), Transport.Transport, transport)
    return {
      answered: pages.length,
      pages: [...new Set(pages)],
      // After a failure print the seed and the report. `faults(injected)` repeats the same faults.
      wasDisturbed: transport.injected.length > 0,
      open: transport.openCount
    }
  }).pipe(Effect.provide(NodeTransport.layer))
