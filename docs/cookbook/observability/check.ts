/** Runs the program against a server and a collector of this process, and reads what the collector received. */
import { Effect, Logger } from "effect"
import * as http from "node:http"
import { host, listen } from "../../demo/servers/listen.ts"
import { holds, same } from "../expect.ts"
import { program } from "./program.ts"

interface Attribute {
  readonly key: string
  readonly value: { readonly stringValue?: string; readonly intValue?: number }
}

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly attributes: ReadonlyArray<Attribute>
}

interface DataPoint {
  readonly attributes: ReadonlyArray<Attribute>
  readonly count?: number
  readonly asDouble?: number
}

interface MetricData {
  readonly name: string
  readonly unit: string
  readonly sum?: { readonly dataPoints: ReadonlyArray<DataPoint> }
  readonly histogram?: { readonly dataPoints: ReadonlyArray<DataPoint> }
}

interface LogRecord {
  readonly severityText: string
  readonly attributes: ReadonlyArray<Attribute>
  readonly traceId?: string
  readonly body: { readonly stringValue: string }
}

/** As much of the three documents of OTLP as is checked here. */
interface Export {
  readonly resourceSpans?: ReadonlyArray<
    { readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<Span> }> }
  >
  readonly resourceMetrics?: ReadonlyArray<
    { readonly scopeMetrics: ReadonlyArray<{ readonly metrics: ReadonlyArray<MetricData> }> }
  >
  readonly resourceLogs?: ReadonlyArray<
    { readonly scopeLogs: ReadonlyArray<{ readonly logRecords: ReadonlyArray<LogRecord> }> }
  >
}

const valueOf = (attributes: ReadonlyArray<Attribute>, key: string) => {
  const value = attributes.find((attribute) => attribute.key === key)?.value
  return value?.stringValue ?? value?.intValue
}

/** Points of a metric as `value label`, for those of one server. */
const pointsOf = (metrics: ReadonlyArray<MetricData>, name: string, port: number, label: string) => {
  // Metrics are cumulative: the last snapshot has all.
  const metric = metrics.findLast((metric) => metric.name === name)
  const points = metric?.histogram?.dataPoints ?? metric?.sum?.dataPoints ?? []
  return points
    .filter(({ attributes }) => valueOf(attributes, "server.port") === String(port))
    .map(({ asDouble, attributes, count }) => `${count ?? asDouble} ${valueOf(attributes, label)}`)
    .toSorted()
}

export const check = Effect.gen(function*() {
  const traceparents = new Map<string, unknown>()
  const api = yield* listen(http.createServer((request, response) => {
    traceparents.set(request.url ?? "", request.headers["traceparent"])
    // /advert is never answered.
    if (request.url !== "/advert") response.end("7 pieces")
  }))
  const exported: Array<Export> = []
  const collector = yield* listen(http.createServer((request, response) => {
    let text = ""
    request.setEncoding("utf8").on("data", (piece: string) => (text += piece)).on("end", () => {
      exported.push(JSON.parse(text) as Export)
      response.setHeader("Content-Type", "application/json")
      response.end("{}")
    })
  }))

  // The console is not what is checked.
  const found = yield* program(`http://${host}:${api}`, `http://${host}:${collector}`).pipe(
    Effect.provide(Logger.remove(Logger.defaultLogger))
  )
  yield* same("the result", found, { stock: "7 pieces", advert: "none" })

  // Spans: one trace, and the server knows the span that asked it.
  const spans = exported.flatMap(({ resourceSpans = [] }) =>
    resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans))
  )
  const order = spans.find(({ name }) => name === "order")
  yield* same("the spans, without any of the exporter", spans.map(({ name }) => name).toSorted(), [
    "http.client GET",
    "http.client GET",
    "order"
  ])
  for (const span of spans.filter(({ name }) => name === "http.client GET")) {
    const path = String(valueOf(span.attributes, "url.path"))
    yield* same("the parent of a span", [span.traceId, span.parentSpanId], [order?.traceId, order?.spanId])
    yield* same("traceparent", traceparents.get(path), `00-${span.traceId}-${span.spanId}-01`)
    yield* same("error.type", valueOf(span.attributes, "error.type"), path === "/advert" ? "HttpTimeout" : undefined)
  }

  // Metrics: those of the service's pool, and none of the exporter's.
  const metrics = exported.flatMap(({ resourceMetrics = [] }) =>
    resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
  ).filter(({ name }) => name.startsWith("http.client."))
  yield* same("the units", Object.fromEntries(metrics.map(({ name, unit }) => [name, unit])), {
    "http.client.request.duration": "s",
    "http.client.open_connections": "{connection}",
    "http.client.connection.duration": "s",
    "http.client.connection.wait_time": "s",
    "http.client.connection.io": "By"
  })
  const durations = pointsOf(metrics, "http.client.request.duration", api, "error.type")
  yield* same("request.duration", durations, ["1 HttpTimeout", "1 undefined"])
  yield* same("the exporter's", pointsOf(metrics, "http.client.request.duration", collector, "error.type"), [])
  yield* same("wait_time", pointsOf(metrics, "http.client.connection.wait_time", api, "unit"), ["1 s"])
  yield* same("connection.duration", pointsOf(metrics, "http.client.connection.duration", api, "unit"), ["1 s"])
  // The pool was closed before the last export.
  const open = pointsOf(metrics, "http.client.open_connections", api, "http.connection.state")
  yield* same("open_connections", open, ["0 active", "0 idle"])
  const io = pointsOf(metrics, "http.client.connection.io", api, "network.io.direction")
  yield* holds("io", io.length === 2 && io.every((point) => Number.parseInt(point) > 0), io)

  // Logs: what the service says belongs to its span, and what happened to a connection has the name of its event.
  const logs = exported.flatMap(({ resourceLogs = [] }) =>
    resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap((scope) => scope.logRecords))
  )
  const said = logs.map(({ attributes, body, severityText, traceId }) => ({
    text: `${severityText} ${body.stringValue.replace(/:.*/s, "")}`,
    event: valueOf(attributes, "event"),
    isOfOrder: traceId === order?.traceId
  }))
  yield* same("the logs", said, [
    { text: "WARN closed (Failure)", event: "Close", isOfOrder: false },
    { text: "WARN no advert", event: undefined, isOfOrder: true },
    { text: "INFO order of 42", event: undefined, isOfOrder: true }
  ])
})
