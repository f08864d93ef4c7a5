/**
 * Metrics of a pool, named after OpenTelemetry's semantic conventions if those have a name.
 *
 * The pool's events feed them, so a pool without an observer pays nothing. Each event is counted
 * when it happens, and none is lost.
 *
 * All metrics have the attributes `server.address` and `server.port`.
 *
 * - `http.client.request.duration`: a histogram in `s`, with `http.request.method`,
 *   `http.response.status_code` and `error.type`
 * - `http.client.open_connections`: a counter in `{connection}`, with `http.connection.state`
 *   (`active`, `idle`)
 * - `http.client.connection.duration`: a histogram in `s`
 * - `http.client.connection.wait_time`: a histogram in `s`
 * - `http.client.connection.io`: a counter in `By`, with `network.io.direction` (`transmit`,
 *   `receive`)
 *
 * The last two have no name in the conventions. Their names follow the conventions for database
 * clients and for processes.
 *
 * Effect's metrics have no units. Each metric therefore has its unit as a tag `unit`, from which
 * the exporter of `@effect/opentelemetry` takes it. So each series also has an attribute `unit`.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricLabel from "effect/MetricLabel"
import type * as Scope from "effect/Scope"
import type { ConnectionEvent } from "./ConnectionEvent.ts"
import { ConnectionPool } from "./ConnectionPool.ts"

/** Seconds: the boundaries that the conventions advise for the duration of requests. */
const requestSeconds = MetricBoundaries.fromIterable([
  0.005,
  0.01,
  0.025,
  0.05,
  0.075,
  0.1,
  0.25,
  0.5,
  0.75,
  1,
  2.5,
  5,
  7.5,
  10
])

/** Seconds: the boundaries that the conventions advise for the duration of connections. */
const connectionSeconds = MetricBoundaries.fromIterable([
  0.01,
  0.02,
  0.05,
  0.1,
  0.2,
  0.5,
  1,
  2,
  5,
  10,
  30,
  60,
  120,
  300
])

/**
 * The duration of requests, to the end of their response or to their failure, in seconds:
 * `http.client.request.duration`. A request that was sent twice counts twice.
 *
 * @since 0.2.0
 * @category metrics
 */
export const requestDuration: Metric.Metric.Histogram<number> = Metric.histogram(
  "http.client.request.duration",
  requestSeconds,
  "Duration of HTTP client requests."
).pipe(Metric.tagged("unit", "s"))

/**
 * The number of open connections, by state: `http.client.open_connections`.
 *
 * @since 0.2.0
 * @category metrics
 */
export const openConnections: Metric.Metric.Counter<number> = Metric.counter("http.client.open_connections", {
  description: "Number of outbound HTTP connections that are currently active or idle on the client."
}).pipe(Metric.tagged("unit", "{connection}"))

/**
 * How long connections were open, in seconds: `http.client.connection.duration`.
 *
 * @since 0.2.0
 * @category metrics
 */
export const connectionDuration: Metric.Metric.Histogram<number> = Metric.histogram(
  "http.client.connection.duration",
  connectionSeconds,
  "The duration of the successfully established outbound HTTP connections."
).pipe(Metric.tagged("unit", "s"))

/**
 * How long requests waited for a connection, including the opening of one, in seconds:
 * `http.client.connection.wait_time`. Requests that found an idle one do not count.
 *
 * @since 0.2.0
 * @category metrics
 */
export const waitTime: Metric.Metric.Histogram<number> = Metric.histogram(
  "http.client.connection.wait_time",
  requestSeconds,
  "How long requests waited for a connection of the pool."
).pipe(Metric.tagged("unit", "s"))

/**
 * The number of bytes sent and received, including heads, before TLS: `http.client.connection.io`.
 *
 * @since 0.2.0
 * @category metrics
 */
export const io: Metric.Metric.Counter<number> = Metric.counter("http.client.connection.io", {
  description: "Bytes that were sent and received on HTTP connections.",
  incremental: true
}).pipe(Metric.tagged("unit", "By"))

type Labels = ReadonlyArray<MetricLabel.MetricLabel>

/** The labels of one origin, created once. */
interface OriginLabels {
  readonly server: Labels
  readonly active: Labels
  readonly idle: Labels
  readonly transmit: Labels
  readonly receive: Labels
}

/**
 * Returns the labels for the address and port of an origin as events name it: `scheme://host:port`
 * or `unix:path`.
 */
const serverOf = (origin: string): Labels => {
  if (origin.startsWith("unix:")) return [MetricLabel.make("server.address", origin.slice("unix:".length))]
  const [, host = origin, port = ""] = /^[a-z]+:\/\/\[?(.*?)\]?:([0-9]+)$/.exec(origin) ?? []
  return [MetricLabel.make("server.address", host), MetricLabel.make("server.port", port)]
}

const labelsOf = (origin: string): OriginLabels => {
  const server = serverOf(origin)
  const and = (key: string, value: string): Labels => [...server, MetricLabel.make(key, value)]
  return {
    server,
    active: and("http.connection.state", "active"),
    idle: and("http.connection.state", "idle"),
    transmit: and("network.io.direction", "transmit"),
    receive: and("network.io.direction", "receive")
  }
}

/** An open connection. */
interface Open {
  readonly labels: OriginLabels
  active: boolean
}

type RequestEnd = Extract<ConnectionEvent, { readonly _tag: "RequestEnd" }>

const requestLabels = ({ error, method, status }: RequestEnd, { server }: OriginLabels): Labels => {
  const labels = [...server, MetricLabel.make("http.request.method", method)]
  if (status !== undefined) labels.push(MetricLabel.make("http.response.status_code", String(status)))
  const failure = error?._tag ?? (status !== undefined && status >= 400 ? String(status) : undefined)
  if (failure !== undefined) labels.push(MetricLabel.make("error.type", failure))
  return labels
}

/** Counts the events of one pool until it is ended. */
interface Counter {
  readonly count: (event: ConnectionEvent) => void
  /**
   * Subtracts the connections that are still open. The counts belong to the process, and the
   * closing of these connections would not be counted.
   */
  readonly end: () => void
}

const makeCounter = (): Counter => {
  const open = new Map<number, Open>()
  // Labels are kept for origins with a connection; those of other origins are created on demand.
  const known = new Map<string, { readonly labels: OriginLabels; users: number }>()
  const labelsFor = (origin: string): OriginLabels => known.get(origin)?.labels ?? labelsOf(origin)
  const move = (id: number, active: boolean): void => {
    const connection = open.get(id)
    if (connection === undefined || connection.active === active) return
    openConnections.unsafeUpdate(-1, connection.active ? connection.labels.active : connection.labels.idle)
    openConnections.unsafeUpdate(1, active ? connection.labels.active : connection.labels.idle)
    connection.active = active
  }
  const end = (): void => {
    for (const { active, labels } of open.values()) {
      openConnections.unsafeUpdate(-1, active ? labels.active : labels.idle)
    }
    open.clear()
  }
  const count = (event: ConnectionEvent): void => {
    switch (event._tag) {
      case "Connected": {
        const entry = known.get(event.origin) ?? { labels: labelsOf(event.origin), users: 0 }
        entry.users++
        known.set(event.origin, entry)
        open.set(event.connection, { labels: entry.labels, active: false })
        return openConnections.unsafeUpdate(1, entry.labels.idle)
      }
      case "Acquire":
        return move(event.connection, true)
      case "Release":
        return move(event.connection, false)
      case "Close": {
        const connection = open.get(event.connection)
        if (connection === undefined) return
        open.delete(event.connection)
        const entry = known.get(event.origin)
        if (entry !== undefined && --entry.users === 0) known.delete(event.origin)
        openConnections.unsafeUpdate(-1, connection.active ? connection.labels.active : connection.labels.idle)
        return connectionDuration.unsafeUpdate(event.millis / 1000, connection.labels.server)
      }
      case "Send":
        return io.unsafeUpdate(event.bytes, open.get(event.connection)?.labels.transmit ?? [])
      case "Receive":
        return io.unsafeUpdate(event.bytes, open.get(event.connection)?.labels.receive ?? [])
      case "WaitEnd":
        return waitTime.unsafeUpdate(event.millis / 1000, labelsFor(event.origin).server)
      case "RequestEnd":
        return requestDuration.unsafeUpdate(event.millis / 1000, requestLabels(event, labelsFor(event.origin)))
    }
  }
  return { count, end }
}

/**
 * Counts the events of a pool from now on, until the scope closes. Connections that are already
 * open are not counted, so start before the first request. Connections that are open when the scope
 * closes no longer count as open, and their duration is not counted.
 *
 * @since 0.2.0
 * @category constructors
 */
export const observe = (pool: ConnectionPool): Effect.Effect<void, never, Scope.Scope> =>
  Effect.suspend(() => {
    const { count, end } = makeCounter()
    // This finalizer runs last, so nothing is counted after it.
    return Effect.zipRight(Effect.addFinalizer(() => Effect.sync(end)), pool.subscribe(count))
  })

/**
 * Counts the events of the pool in the context. The layer closes before the pool that it depends
 * on. To count everything until the last connection closes, end the program with `pool.shutdown()`.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { ConnectionMetrics, ConnectionPool, NodeTransport, PooledHttpClient } from "effect-http-client"
 *
 * const pool = Layer.provide(ConnectionPool.layer({ connectionsPerOrigin: 10 }), NodeTransport.layer)
 *
 * export const client = PooledHttpClient.layerWithoutPool.pipe(
 *   Layer.merge(ConnectionMetrics.layer),
 *   Layer.provideMerge(pool)
 * )
 * ```
 *
 * @since 0.2.0
 * @category layers
 */
export const layer: Layer.Layer<never, never, ConnectionPool> = Layer.scopedDiscard(
  Effect.flatMap(ConnectionPool, observe)
)
