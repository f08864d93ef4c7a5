/** The metrics of a pool: what each counts, under which names and attributes. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import type * as MetricState from "effect/MetricState"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as ConnectionMetrics from "../src/ConnectionMetrics.ts"
import * as ConnectionPool from "../src/ConnectionPool.ts"
import * as HttpRequest from "../src/HttpRequest.ts"
import * as T from "../src/TestTransport.ts"
import * as Transport from "../src/Transport.ts"
import { getHead, ok, settled } from "./connection/harness.ts"

/** All series of a metric whose server is this one, by their other attributes. */
const series = (name: string, host: string): Effect.Effect<Record<string, unknown>> =>
  Effect.map(Metric.snapshot, (all) => {
    const found: Record<string, unknown> = {}
    for (const { metricKey: { name: of, tags }, metricState } of all) {
      if (of !== name || !tags.some(({ key, value }) => key === "server.address" && value === host)) continue
      const rest = tags.filter(({ key }) => key !== "server.address" && key !== "unit").map(({ key, value }) =>
        `${key}=${value}`
      )
      const state = metricState as Partial<MetricState.MetricState.Histogram & { readonly count: number }>
      found[rest.toSorted().join(" ")] = "sum" in state ? { count: state.count, sum: state.sum } : state.count
    }
    return found
  })

/** A pool for the host of its own, so that no other test counts for it, over a script. */
const observed = (script: T.Script, options: ConnectionPool.Options = {}) =>
  Effect.gen(function*() {
    const transport = yield* T.make(script)
    const pool = yield* Effect.provideService(
      ConnectionPool.make({ connectRetryTime: 0, ...options }),
      Transport.Transport,
      transport
    )
    yield* ConnectionMetrics.observe(pool)
    return pool
  })

const head = (host: string): string => getHead().replace("a.test", host)

const get = (host: string): HttpRequest.HttpRequest => HttpRequest.get(`http://${host}/`)

describe("ConnectionMetrics", () => {
  it.scoped("count a request and its connection, from its opening to its end", () =>
    Effect.gen(function*() {
      const host = "one.test"
      const pool = yield* observed([T.connection(T.expect(head(host)), T.delay("2 seconds"), T.reply(ok("hello")))])
      const fiber = yield* Effect.fork(Effect.flatMap(pool.execute(get(host)), (response) => response.text))
      yield* settled
      assert.deepStrictEqual(yield* series("http.client.open_connections", host), {
        "http.connection.state=active server.port=80": 1,
        "http.connection.state=idle server.port=80": 0
      })
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* series("http.client.open_connections", host), {
        "http.connection.state=active server.port=80": 0,
        "http.connection.state=idle server.port=80": 1
      })
      assert.deepStrictEqual(yield* series("http.client.request.duration", host), {
        "http.request.method=GET http.response.status_code=200 server.port=80": { count: 1, sum: 2 }
      })
      assert.deepStrictEqual(yield* series("http.client.connection.wait_time", host), {
        "server.port=80": { count: 1, sum: 0 }
      })
      assert.deepStrictEqual(yield* series("http.client.connection.io", host), {
        "network.io.direction=receive server.port=80": ok("hello").length,
        "network.io.direction=transmit server.port=80": head(host).length
      })
      yield* TestClock.adjust("3 seconds")
      yield* pool.closeIdle
      assert.deepStrictEqual(yield* series("http.client.open_connections", host), {
        "http.connection.state=active server.port=80": 0,
        "http.connection.state=idle server.port=80": 0
      })
      assert.deepStrictEqual(yield* series("http.client.connection.duration", host), {
        "server.port=80": { count: 1, sum: 5 }
      })
    }))

  it.scoped("name the status of an answer that refuses, and the tag of a failure", () =>
    Effect.gen(function*() {
      const host = "two.test"
      const pool = yield* observed([
        T.connection(T.expect(head(host)), T.reply("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")),
        T.refuse()
      ])
      yield* pool.execute(get(host))
      yield* pool.closeIdle
      yield* Effect.flip(pool.execute(get(host)))
      assert.deepStrictEqual(yield* series("http.client.request.duration", host), {
        "error.type=404 http.request.method=GET http.response.status_code=404 server.port=80": { count: 1, sum: 0 },
        "error.type=ConnectError http.request.method=GET server.port=80": { count: 1, sum: 0 }
      })
    }))

  it.scoped("keep no connection as active that was closed while it was used", () =>
    Effect.gen(function*() {
      const host = "three.test"
      const pool = yield* observed([T.connection(T.expect(head(host)), T.reset)])
      const outcome = yield* Effect.option(pool.execute(get(host)))
      assert.isTrue(Option.isNone(outcome))
      assert.deepStrictEqual(yield* series("http.client.open_connections", host), {
        "http.connection.state=active server.port=80": 0,
        "http.connection.state=idle server.port=80": 0
      })
    }))

  it.effect("do not keep connections as open that outlive the observation, as those of a pool below the layer do", () =>
    Effect.gen(function*() {
      const host = "five.test"
      const below = Layer.provide(
        ConnectionPool.layer({ shutdownGrace: 0 }),
        T.layer([
          T.connection(T.expect(head(host)), T.reply(ok("1"))),
          T.connection(T.expect(head(host)), T.stall)
        ])
      )
      const use = Effect.gen(function*() {
        const pool = yield* ConnectionPool.ConnectionPool
        // One connection is idle when the end comes, and one is in use.
        const text = Effect.flatMap(pool.execute(get(host)), (response) => response.text)
        yield* Effect.fork(text)
        yield* text
        yield* settled
        assert.deepStrictEqual(yield* series("http.client.open_connections", host), {
          "http.connection.state=active server.port=80": 1,
          "http.connection.state=idle server.port=80": 1
        })
      })
      for (let i = 0; i < 3; i++) {
        yield* Effect.provide(use, ConnectionMetrics.layer.pipe(Layer.provideMerge(below)))
        assert.deepStrictEqual(yield* series("http.client.open_connections", host), {
          "http.connection.state=active server.port=80": 0,
          "http.connection.state=idle server.port=80": 0
        })
      }
    }))

  it.scoped("stop counting when the scope of the observation ends", () =>
    Effect.gen(function*() {
      const host = "four.test"
      const transport = yield* T.make([T.connection(T.expect(head(host)), T.reply(ok()))])
      const pool = yield* Effect.provideService(ConnectionPool.make(), Transport.Transport, transport)
      yield* Effect.scoped(ConnectionMetrics.observe(pool))
      yield* pool.execute(get(host))
      assert.deepStrictEqual(yield* series("http.client.request.duration", host), {})
    }))
})
