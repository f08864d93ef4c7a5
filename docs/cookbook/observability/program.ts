/** A service whose requests, connections and logs appear in OpenTelemetry. */
import * as Otlp from "@effect/opentelemetry/Otlp"
import { HttpClient } from "@effect/platform"
import { Effect, FiberSet, Layer } from "effect"
import { ConnectionMetrics, ConnectionPool, NodeTransport, PooledHttpClient } from "effect-http-client"
import type { ConnectionEvent } from "effect-http-client"

/** Logs what happened to a connection if a person may have to look into it. */
const log = (event: ConnectionEvent.ConnectionEvent): Effect.Effect<void> => {
  switch (event._tag) {
    case "ConnectFailed":
      // Several a second while a server is down. The requests that fail because of it say the same.
      return event.error === undefined ? Effect.void : Effect.logDebug(event.error.message)
    case "Retry":
      return Effect.logInfo(`retried: ${event.error.message}`)
    case "Close":
      return event.error === undefined
        ? Effect.logDebug(`closed (${event.reason}) after ${event.requestsServed} requests`)
        : Effect.logWarning(`closed (${event.reason}): ${event.error.message}`)
    default:
      return Effect.void
  }
}

/** Every event is logged in the moment in which it happens, and none is lost. */
const connectionLog = Layer.scopedDiscard(Effect.gen(function*() {
  const pool = yield* ConnectionPool.ConnectionPool
  const fork = yield* FiberSet.makeRuntime<never>()
  yield* pool.subscribe((event) => {
    const annotations = "connection" in event ? { connection: event.connection } : {}
    fork(Effect.annotateLogs(log(event), { event: event._tag, ...annotations }))
  })
}))

const pool = ConnectionPool.layer({ connectionsPerOrigin: 10, timeouts: { head: "500 millis" } }).pipe(
  Layer.provide(NodeTransport.layer)
)

/** The client of the service. Metrics and logs listen to its pool. */
const client = PooledHttpClient.layerWithoutPool.pipe(
  Layer.merge(ConnectionMetrics.layer),
  Layer.merge(connectionLog),
  Layer.provideMerge(pool)
)

/** Exports spans, metrics and logs as OTLP, over a client with a separate pool. */
const telemetry = (collector: string) =>
  Otlp.layerJson({
    baseUrl: collector,
    resource: { serviceName: "shop", serviceVersion: "1.0.0" },
    metricsExportInterval: "30 seconds"
  }).pipe(
    Layer.provide(PooledHttpClient.layerWith({ connectionsPerOrigin: 3, timeouts: { total: "10 seconds" } }))
  )

/** What the service does for its caller: one request that it needs, and one that it can do without. */
const order = (api: string, item: number) =>
  Effect.gen(function*() {
    const client = HttpClient.filterStatusOk(yield* HttpClient.HttpClient)
    const stock = yield* Effect.flatMap(client.get(`${api}/stock/${item}`), (response) => response.text)
    const advert = yield* Effect.flatMap(client.get(`${api}/advert`), (response) => response.text).pipe(
      Effect.catchTag("RequestError", (error) => Effect.as(Effect.logWarning(`no advert: ${error.message}`), "none"))
    )
    yield* Effect.log(`order of ${item}`)
    return { stock, advert }
  }).pipe(Effect.withSpan("order", { attributes: { item } }))

/** The client ends before the telemetry, so that the end of its connections is exported too. */
export const program = (api: string, collector: string) =>
  Effect.provide(order(api, 42), Layer.provideMerge(client, telemetry(collector)))
