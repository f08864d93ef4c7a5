/** What OpenTelemetry gets of the metrics, through the exporter of `@effect/opentelemetry`: their names, kinds and units. */
import * as Metrics from "@effect/opentelemetry/Metrics"
import * as Resource from "@effect/opentelemetry/Resource"
import { assert, it } from "@effect/vitest"
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  PeriodicExportingMetricReader
} from "@opentelemetry/sdk-metrics"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import * as ConnectionMetrics from "../src/ConnectionMetrics.ts"
import { contained, started } from "./connection/harness.ts"
import { get, poolOver, slow, textOf } from "./pool/harness.ts"

it.effect("metrics are exported with their units", () =>
  contained(Effect.gen(function*() {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1_000_000 })
    yield* Layer.build(Layer.provide(Metrics.layer(() => reader), Resource.layer({ serviceName: "test" })))
    const { pool } = yield* poolOver([slow("/1", "/2")], { connectionsPerOrigin: 1 })
    yield* ConnectionMetrics.observe(pool)
    const first = yield* started(textOf(pool, get("/1")))
    const second = yield* started(textOf(pool, get("/2")))
    yield* TestClock.adjust("1 second")
    yield* first
    yield* TestClock.adjust("1 second")
    yield* second
    yield* pool.closeIdle
    yield* Effect.promise(() => reader.forceFlush())
    const exported = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
    const ours = exported.filter(({ descriptor: { name } }) => name.startsWith("http.client."))
    assert.deepStrictEqual(
      Object.fromEntries(
        ours.map(({ dataPointType, descriptor: { name, unit } }) => [name, [DataPointType[dataPointType], unit]])
      ),
      {
        "http.client.request.duration": ["HISTOGRAM", "s"],
        "http.client.open_connections": ["SUM", "{connection}"],
        "http.client.connection.duration": ["HISTOGRAM", "s"],
        "http.client.connection.wait_time": ["HISTOGRAM", "s"],
        "http.client.connection.io": ["SUM", "By"]
      }
    )
  })))
