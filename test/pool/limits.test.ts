/** The limits of a pool, one by one, and its counts at the same time. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Inspectable from "effect/Inspectable"
import * as TestClock from "effect/TestClock"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { contained, failsWith, getHead, hasEnded, ok, settled, started } from "../connection/harness.ts"
import { get, holds, holdsNothing, poolOver, reasons, serves, serving, slow, textOf, watchedPool } from "./harness.ts"

/** A GET of a path of another origin. */
const getOf = (host: string, path: string): HttpRequest.HttpRequest => HttpRequest.get(`http://${host}${path}`)

const headOf = (host: string, path: string): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`

/** A connection to this host that takes a second for each answer. */
const slowAt = (host: string, ...paths: ReadonlyArray<string>): T.Connection =>
  T.connection(...paths.flatMap((path) => [T.expect(headOf(host, path)), T.delay("1 second"), T.reply(ok(path))]))

/** A connection that takes a second for each of so many answers, to whatever. */
const slowAnswers = (count: number): T.Connection =>
  T.connection(
    ...Array.from({ length: count }, () => [T.discardUntil("\r\n\r\n"), T.delay("1 second"), T.reply(ok("slow"))])
      .flat()
  )

const all = (pool: Parameters<typeof textOf>[0], requests: ReadonlyArray<HttpRequest.HttpRequest>) =>
  Effect.all(requests.map((request) => textOf(pool, request)), { concurrency: "unbounded" })

describe("connectionsPerOrigin", () => {
  it.effect("holds for each origin on its own, those being opened included", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.openAfter("1 second", slowAnswers(2)),
        T.openAfter("1 second", slowAnswers(2)),
        T.openAfter("1 second", slowAnswers(1))
      ], { connectionsPerOrigin: 2 })
      const fiber = yield* started(all(pool, [get("/1"), get("/2"), get("/3"), get("/4"), getOf("b.test", "/5")]))
      yield* holds(pool, { connecting: 3, waiting: 5 })
      assert.deepStrictEqual((yield* pool.stats).origins, [
        { origin: "http://a.test:80", idle: 0, busy: 0, connecting: 2, waiting: 4 },
        { origin: "http://b.test:80", idle: 0, busy: 0, connecting: 1, waiting: 1 }
      ])
      yield* TestClock.adjust("1 second")
      yield* holds(pool, { busy: 3, waiting: 2 })
      yield* TestClock.adjust("1 second")
      yield* holds(pool, { busy: 2, idle: 1 })
      yield* TestClock.adjust("1 second")
      yield* holds(pool, { idle: 3 })
      assert.strictEqual((yield* Fiber.join(fiber)).length, 5)
      assert.strictEqual(transport.opened.length, 3)
      yield* transport.verify
    })))

  it.effect("is 64 by default, and there is none where it is Infinity", () =>
    contained(Effect.gen(function*() {
      for (const [limit, connections] of [[undefined, 64], [Infinity, 100]] as const) {
        const { pool } = yield* poolOver(Array.from({ length: 100 }, () => T.openStalls), {
          connectionsPerOrigin: limit
        })
        const fiber = yield* started(all(pool, Array.from({ length: 100 }, () => get())))
        yield* holds(pool, { connecting: connections, waiting: 100 })
        yield* Fiber.interrupt(fiber)
        yield* holds(pool, {})
      }
    })))
})

describe("connections", () => {
  it.effect("holds for all origins together; an idle connection makes room for another origin", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool(
        [
          T.connection(...serves("/1"), T.expectDestroy),
          T.connection(...serves("/2"), T.expectDestroy),
          slowAt("b.test", "/3"),
          slowAt("c.test", "/4")
        ],
        { connections: 2 }
      )
      const { events, pool, transport } = kit
      yield* all(pool, [get("/1"), get("/2")])
      yield* holds(pool, { idle: 2 })
      const third = yield* started(textOf(pool, getOf("b.test", "/3")))
      yield* holds(pool, { idle: 1, busy: 1 })
      const fourth = yield* started(textOf(pool, getOf("c.test", "/4")))
      yield* holds(pool, { busy: 2 })
      assert.deepStrictEqual(reasons(events), ["Room", "Room"])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(third), "/3")
      assert.strictEqual(yield* Fiber.join(fourth), "/4")
      yield* transport.verify
    })))

  it.effect("closes the connection that was idle for the longest to make room", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(T.expect(getHead("/1")), T.reply(ok("1"))),
        T.connection(T.expect(headOf("b.test", "/2")), T.reply(ok("2"))),
        T.connection(T.expect(headOf("c.test", "/3")), T.reply(ok("3")))
      ], { connections: 2 })
      yield* textOf(pool, get("/1"))
      yield* textOf(pool, getOf("b.test", "/2"))
      yield* textOf(pool, getOf("c.test", "/3"))
      assert.isTrue(transport.state(0).destroyed)
      assert.isFalse(transport.state(1).destroyed)
      assert.deepStrictEqual((yield* pool.stats).origins.map(({ origin }) => origin), [
        "http://b.test:80",
        "http://c.test:80"
      ])
    })))
})

describe("idlePerOrigin and idle", () => {
  it.effect("close the connection that was idle for the longest", () =>
    contained(Effect.gen(function*() {
      for (const options of [{ idlePerOrigin: 2 }, { idle: 2 }]) {
        const { events, pool, transport } = yield* watchedPool([serving("/1"), slow("/2"), slow("/3")], options)
        const fiber = yield* started(all(pool, [get("/1"), get("/2"), get("/3")]))
        yield* holds(pool, { idle: 1, busy: 2 })
        assert.isFalse(transport.state(0).destroyed)
        yield* TestClock.adjust("1 second")
        yield* holds(pool, { idle: 2 })
        assert.isTrue(transport.state(0).destroyed)
        assert.deepStrictEqual(reasons(events), ["IdleLimit"])
        yield* Fiber.join(fiber)
      }
    })))

  it.effect("do not count another origin's for idlePerOrigin, and do for idle", () =>
    contained(Effect.gen(function*() {
      for (const [options, idle] of [[{ idlePerOrigin: 1 }, 2], [{ idle: 1 }, 1]] as const) {
        const { pool } = yield* poolOver([serving("/1"), slowAt("b.test", "/2")], options)
        const fiber = yield* started(all(pool, [get("/1"), getOf("b.test", "/2")]))
        yield* TestClock.adjust("1 second")
        yield* holds(pool, { idle })
        yield* Fiber.join(fiber)
      }
    })))

  it.effect("of 0 keep none, but the connection still goes to whoever waits", () =>
    contained(Effect.gen(function*() {
      for (const options of [{ idlePerOrigin: 0 }, { idle: 0 }]) {
        const kit = yield* watchedPool([serving("/1", "/2")], { ...options, connectionsPerOrigin: 1 })
        const { events, pool } = kit
        assert.deepStrictEqual(yield* all(pool, [get("/1"), get("/2")]), ["/1", "/2"])
        yield* holdsNothing(kit)
        assert.deepStrictEqual(reasons(events), ["IdleLimit"])
      }
    })))
})

describe("waiters", () => {
  it.effect("is how many may wait; the next one fails, and nothing of it was sent", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([slow("/1", "/2")], { connectionsPerOrigin: 1, waiters: 1 })
      const { pool, transport } = kit
      const first = yield* started(textOf(pool, get("/1")))
      const second = yield* started(textOf(pool, get("/2")))
      yield* holds(pool, { busy: 1, waiting: 1 })
      const error = yield* failsWith(pool.execute(get("/3?secret")), "PoolQueueFull")
      assert.strictEqual(error.limit, 1)
      assert.include(error.message, "`waiters`")
      const { bytesWritten, connection, origin, phase, processed, requestState } = error.context
      assert.deepStrictEqual({ bytesWritten, connection, origin, phase, processed, requestState }, {
        bytesWritten: 0,
        connection: undefined,
        origin: "http://a.test:80",
        phase: "pool",
        processed: "No",
        requestState: "NotSent"
      })
      assert.notInclude(`${error.message}${JSON.stringify(error)}`, "secret")
      yield* holds(pool, { busy: 1, waiting: 1 })
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(second)], ["/1", "/2"])
      yield* transport.verify
      yield* pool.closeIdle
      yield* holdsNothing(kit)
    })))

  it.effect("does not count those for whom a connection is being opened, in any origin", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([T.openStalls, T.openStalls, T.openStalls], { connectionsPerOrigin: 2, waiters: 0 })
      const { pool } = kit
      const opening = yield* started(all(pool, [get(), get(), getOf("b.test", "/")]))
      yield* holds(pool, { connecting: 3, waiting: 3 })
      yield* failsWith(pool.execute(get()), "PoolQueueFull")
      yield* holds(pool, { connecting: 3, waiting: 3 })
      yield* Fiber.interrupt(opening)
      yield* holdsNothing(kit)
    })))

  it.effect("is for all origins together", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([T.connection(T.stall), T.connection(T.stall)], {
        connectionsPerOrigin: 1,
        waiters: 1
      })
      const fibers = yield* started(all(pool, [get(), getOf("b.test", "/"), get()]))
      yield* holds(pool, { busy: 2, waiting: 1 })
      yield* failsWith(pool.execute(getOf("b.test", "/")), "PoolQueueFull")
      yield* Fiber.interrupt(fibers)
    })))
})

it.effect("requestsPerConnection closes a connection after so many requests", () =>
  contained(Effect.gen(function*() {
    const kit = yield* watchedPool([
      T.connection(...serves("/1", "/2"), T.expectDestroy),
      T.connection(...serves("/3", "/4"), T.expectDestroy)
    ], { requestsPerConnection: 2 })
    const { events, pool, transport } = kit
    for (const [path, idle] of [["/1", 1], ["/2", 0], ["/3", 1], ["/4", 0]] as const) {
      assert.strictEqual(yield* textOf(pool, get(path)), path)
      yield* holds(pool, { idle })
    }
    yield* holdsNothing(kit)
    assert.deepStrictEqual(reasons(events), ["Requests", "Requests"])
    yield* transport.verify
  })))

describe("stats and toJSON", () => {
  it.effect("tell of each stage of a request", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([
        T.openAfter(
          "1 second",
          T.connection(
            T.expect(getHead("/1")),
            T.delay("1 second"),
            T.reply(ok("one").slice(0, -1)),
            T.delay("1 second"),
            T.reply("e"),
            ...serves("/2")
          )
        )
      ], { connectionsPerOrigin: 1 })
      const { pool } = kit
      const json = (connections: number, idle: number, waiting: number) =>
        assert.deepStrictEqual(Inspectable.toJSON(pool), { _tag: "ConnectionPool", connections, idle, waiting })
      json(0, 0, 0)
      const first = yield* started(pool.execute(get("/1")))
      const second = yield* started(textOf(pool, get("/2")))
      yield* holds(pool, { connecting: 1, waiting: 2 })
      json(1, 0, 2)
      yield* TestClock.adjust("1 second")
      yield* holds(pool, { busy: 1, waiting: 1 })
      json(1, 0, 1)
      yield* TestClock.adjust("1 second")
      const response = yield* Fiber.join(first)
      assert.isFalse(hasEnded(second))
      yield* holds(pool, { busy: 1, waiting: 1 })
      const text = yield* started(response.text)
      yield* holds(pool, { busy: 1, waiting: 1 })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(text), "one")
      assert.strictEqual(yield* Fiber.join(second), "/2")
      yield* holds(pool, { idle: 1 })
      json(1, 1, 0)
      yield* pool.closeIdle
      json(0, 0, 0)
      yield* settled
      assert.deepStrictEqual(yield* pool.stats, {
        idle: 0,
        busy: 0,
        connecting: 0,
        waiting: 0,
        origins: [],
        opened: 1,
        closed: 1,
        requests: 2,
        reused: 1,
        retried: 0,
        reclaimed: 0
      })
      yield* holdsNothing(kit)
    })))
})
