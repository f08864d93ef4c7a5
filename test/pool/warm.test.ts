/** Idle connections that a pool has at all times: opened when it is made, and replaced. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Origin from "../../src/Origin.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { contained, failsWith, ok, settled, started } from "../connection/harness.ts"
import { answering } from "./addressed.ts"
import { comesToHold, get, holds, holdsNothing, poolOver, reasons, tags, textOf, watchedPool } from "./harness.ts"

const url = "http://a.test"
const warm = (minIdle: number): ConnectionPool.Options => ({ warm: [{ origin: url, minIdle }] })

const many = (count: number, connection: T.Connection = answering(99)): T.Script =>
  Array.from({ length: count }, () => connection)

describe("warm", () => {
  it.effect("opens the connections when the pool is made, and the first requests use them", () =>
    contained(Effect.gen(function*() {
      const { events, pool, transport } = yield* watchedPool(many(3, answering(9, "1 second")), {
        ...warm(2),
        connectionsPerOrigin: 2
      })
      yield* comesToHold(pool, { idle: 2 })
      assert.deepStrictEqual(tags(events), ["Connect", "Connect", "Connected", "Connected"])
      const fiber = yield* started(Effect.all([textOf(pool, get()), textOf(pool, get())], { concurrency: 2 }))
      yield* holds(pool, { busy: 2 })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.notInclude(tags(events), "Wait")
      assert.strictEqual(transport.opened.length, 2)
    })))

  it.effect("neither waits for the openings nor fails with them", () =>
    contained(Effect.gen(function*() {
      const stalled = yield* poolOver([T.openStalls], warm(1))
      yield* comesToHold(stalled.pool, { connecting: 1 })
      const refused = yield* poolOver([T.refuse(), answering(1)], warm(1))
      yield* comesToHold(refused.pool, {})
      // A request does not wait for the pause of the reserve.
      yield* textOf(refused.pool, get())
    })))

  it.effect("keeps as many idle while others are in use, as the limits allow", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver(many(9, answering(9, "1 second")), { ...warm(1), connectionsPerOrigin: 3 })
      yield* comesToHold(pool, { idle: 1 })
      const fibers: Array<Fiber.RuntimeFiber<string, unknown>> = []
      for (const [busy, idle] of [[1, 1], [2, 1], [3, 0]] as const) {
        fibers.push(yield* started(textOf(pool, get())))
        yield* holds(pool, { busy, idle: 0 })
        // A request that is done by then needs no other connection in its place.
        yield* TestClock.adjust("10 millis")
        yield* comesToHold(pool, { busy, idle })
      }
      yield* TestClock.adjust("1 second")
      yield* Effect.forEach(fibers, Fiber.join)
      yield* comesToHold(pool, { idle: 3 })
    })))

  it.effect("replaces what the server closes, and what has served its requests", () =>
    contained(Effect.gen(function*() {
      const ended = T.connection(T.discardUntil("\r\n\r\n"), T.reply(ok("x")), T.eof)
      const { pool, transport } = yield* poolOver([ended, ...many(5)], { ...warm(1), requestsPerConnection: 1 })
      for (const opened of [1, 2, 3, 4]) {
        yield* comesToHold(pool, { idle: 1 })
        assert.isAtLeast(transport.opened.length, opened)
        yield* textOf(pool, get())
      }
    })))

  it.effect("is not closed by idleTime, and closed and replaced at the end of its lifetime", () =>
    contained(Effect.gen(function*() {
      const { events, pool } = yield* watchedPool(many(9, answering(9, "1 second")), {
        ...warm(1),
        idleTime: "10 seconds",
        lifetime: "1 minute",
        lifetimeJitter: 0
      })
      const fiber = yield* started(Effect.all([textOf(pool, get()), textOf(pool, get())], { concurrency: 2 }))
      yield* comesToHold(pool, { busy: 2, idle: 1 })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      yield* holds(pool, { idle: 3 })
      yield* TestClock.adjust("20 seconds")
      yield* holds(pool, { idle: 1 })
      assert.deepStrictEqual(reasons(events), ["IdleTime", "IdleTime"])
      yield* TestClock.adjust("1 minute")
      yield* holds(pool, { idle: 1 })
      assert.deepStrictEqual(reasons(events).slice(2), ["Lifetime"])
    })))

  it.effect("is replaced without a pause at the end of each lifetime, although no request has come", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver(many(50), { ...warm(1), lifetime: "2 seconds", lifetimeJitter: 0 })
      yield* comesToHold(pool, { idle: 1 })
      for (let count = 1; count < 20; count++) {
        assert.strictEqual(transport.opened.length, count)
        yield* TestClock.adjust("2 seconds")
        yield* comesToHold(pool, { idle: 1 })
      }
    })))

  it.effect("is used although it has been idle for longer than idleTime", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver(many(2), { ...warm(1), idleTime: "1 second" })
      yield* TestClock.adjust("1 minute")
      yield* textOf(pool, get())
      yield* textOf(pool, get())
      assert.strictEqual((yield* pool.stats).reused, 1)
      assert.isAtMost(transport.opened.length, 2)
    })))

  it.effect("is closed and replaced before the server closes it", () =>
    contained(Effect.gen(function*() {
      const hinting = T.connection(T.discardUntil("\r\n\r\n"), T.reply(ok("x", "Keep-Alive: timeout=5")), T.stall)
      const { events, pool } = yield* watchedPool([hinting, ...many(2)], { ...warm(1), connectionsPerOrigin: 1 })
      yield* settled
      yield* textOf(pool, get())
      yield* TestClock.adjust("3900 millis")
      assert.deepStrictEqual(reasons(events), [])
      yield* TestClock.adjust("200 millis")
      assert.deepStrictEqual(reasons(events), ["IdleTime"])
      yield* comesToHold(pool, { idle: 1 })
    })))

  it.effect("tries a dead server again after pauses that grow, up to ten seconds", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([...many(40, T.refuse()), answering(1)], {
        ...warm(2),
        connectBackoff: "160 millis"
      })
      const attempts: Array<number> = []
      for (const millis of [1, 1000, 10_000, 100_000]) {
        yield* TestClock.adjust(millis)
        attempts.push(transport.opened.length)
      }
      // Two at first, then one at a time: after 10, 20, 40 ... milliseconds or half of that.
      assert.strictEqual(attempts[0], 2)
      assert.isAtLeast(attempts[1] ?? 0, 7)
      assert.isAtMost(attempts[1] ?? 0, 11)
      assert.isAtMost(attempts[2] ?? 0, 17)
      assert.isAtLeast(attempts[3] ?? 0, 20)
      assert.isAtMost(attempts[3] ?? 0, 37)
      yield* holds(pool, {})
    })))

  it.effect("does not open in a circle if the server closes each connection at once", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver(many(99, T.connection(T.eof)), warm(1))
      yield* TestClock.adjust("10 seconds")
      assert.isAtMost(transport.opened.length, 25)
      yield* holds(pool, {})
    })))

  it.effect("leaves room to the requests of another origin", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver(many(9, answering(9, "1 second")), {
        ...warm(2),
        connections: 2,
        idle: 2
      })
      yield* comesToHold(pool, { idle: 2 })
      const two = Effect.all([1, 2].map(() => textOf(pool, HttpRequest.get("http://b.test/"))), { concurrency: 2 })
      const fiber = yield* started(two)
      yield* comesToHold(pool, { busy: 2 })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      // Their connections are closed by their idle time, and then there is room.
      yield* TestClock.adjust("1 minute")
      yield* comesToHold(pool, { idle: 2 })
      assert.deepStrictEqual(transport.opened.map(({ host }) => host), [
        "a.test",
        "a.test",
        "b.test",
        "b.test",
        "a.test",
        "a.test"
      ])
    })))

  it.effect("is not what makes room for the idle connections of others", () =>
    contained(Effect.gen(function*() {
      const { events, pool } = yield* watchedPool(many(9), { ...warm(1), idle: 2 })
      yield* settled
      for (const host of ["b.test", "c.test", "d.test"]) yield* textOf(pool, HttpRequest.get(`http://${host}/`))
      assert.deepStrictEqual((yield* pool.stats).origins.map(({ origin }) => origin), [
        "http://a.test:80",
        "http://d.test:80"
      ])
      assert.deepStrictEqual(reasons(events), ["IdleLimit", "IdleLimit"])
    })))

  it.effect("takes an origin with its own options, and a URL with those of the pool", () =>
    contained(Effect.gen(function*() {
      const proxy = Either.getOrThrow(Proxy.make({ host: "proxy.test", port: 3128 }))
      const origin = Either.getOrThrow(Origin.make({ scheme: "http", host: "b.test", localAddress: "127.0.0.9" }))
      const { events, pool, transport } = yield* watchedPool(many(4), { proxy, warm: [{ origin: url }, { origin }] })
      yield* comesToHold(pool, { idle: 2 })
      assert.deepStrictEqual(transport.opened.map(({ host, localAddress }) => [host, localAddress]), [
        ["proxy.test", undefined],
        ["b.test", "127.0.0.9"]
      ])
      yield* textOf(pool, get())
      yield* textOf(pool, HttpRequest.get("/", { origin }))
      assert.strictEqual((yield* pool.stats).requests, 2)
      assert.notInclude(tags(events), "Wait")
    })))

  it.effect("ends with the pool, whatever state the openings are in, and leaves nothing", () =>
    contained(Effect.gen(function*() {
      for (const script of [many(2, T.openStalls), many(2), many(9, T.refuse())]) {
        for (const close of ["shutdown", "scope"] as const) {
          const transport = yield* T.make(script)
          const scope = yield* Scope.make()
          const pool = yield* ConnectionPool.make({ ...warm(2), shutdownGrace: 0 }).pipe(
            Effect.provideService(Transport.Transport, transport),
            Scope.extend(scope)
          )
          if (close === "shutdown") {
            yield* settled
            yield* pool.shutdown()
            yield* TestClock.adjust("1 minute")
            yield* holdsNothing({ pool, transport })
          }
          yield* Scope.close(scope, Exit.void)
          yield* holdsNothing({ pool, transport })
        }
      }
    })))

  it.effect("goes on after closeIdle", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver(many(9), warm(1))
      yield* settled
      yield* pool.closeIdle
      yield* TestClock.adjust("1 second")
      yield* comesToHold(pool, { idle: 1 })
    })))
})

describe("a wrong `warm` is InvalidOption", () => {
  const cases: ReadonlyArray<readonly [option: string, options: object]> = [
    ["warm", { warm: url }],
    ["warm", { warm: {} }],
    ["warm[0]", { warm: [url] }],
    ["warm[0].origin", { warm: [{}] }],
    ["warm[0].origin", { warm: [{ origin: "a.test" }] }],
    ["warm[0].origin", { warm: [{ origin: `${url}/path` }] }],
    ["warm[0].origin", { warm: [{ origin: `${url}/?query` }] }],
    ["warm[0].origin", { warm: [{ origin: "ftp://a.test" }] }],
    ["warm[1].minIdle", { warm: [{ origin: url }, { origin: "http://b.test", minIdle: 0 }] }],
    ["warm[0].minIdle", { warm: [{ origin: url, minIdle: 1.5 }] }],
    ["warm[0].minIdle", { warm: [{ origin: url, minIdle: Infinity }] }],
    ["warm[0].minIdle", { warm: [{ origin: url, minIdle: "2" }] }],
    ["warm[0].minIdle", { warm: [{ origin: url, minIdle: 3 }], connectionsPerOrigin: 2 }],
    ["warm[0].minIdle", { warm: [{ origin: url, minIdle: 3 }], idlePerOrigin: 2 }],
    ["warm", { warm: [{ origin: url, minIdle: 2 }, { origin: "http://b.test", minIdle: 2 }], idle: 3 }],
    ["warm", { warm: [{ origin: url, minIdle: 2 }, { origin: "http://b.test", minIdle: 2 }], connections: 3 }],
    ["warm[1]", { warm: [{ origin: url }, { origin: "http://A.test:80/" }] }]
  ]
  for (const [option, options] of cases) {
    it.effect(`${option}: ${JSON.stringify(options)}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.scoped(failsWith(poolOver([], options as ConnectionPool.Options), "InvalidOption"))
        assert.strictEqual(error.option, option)
        assert.notInclude(error.message, "ftp:")
      }))
  }
})
