/** Who gets which connection when there are not enough: the order, across origins too, and openings that others overtake. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { TlsError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { contained, failsWith, getHead, hasEnded, ok, started } from "../connection/harness.ts"
import {
  get,
  holds,
  holdsNothing,
  poolOver,
  reasons,
  serves,
  serving,
  slow,
  tags,
  textOf,
  watchedPool
} from "./harness.ts"

const getOf = (host: string, path: string): HttpRequest.HttpRequest => HttpRequest.get(`http://${host}${path}`)

/** A connection to this host that takes a second for each answer. */
const slowAt = (host: string, ...paths: ReadonlyArray<string>): T.Connection =>
  T.connection(...paths.flatMap((path) => [
    T.expect(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`),
    T.delay("1 second"),
    T.reply(ok(path))
  ]))

describe("first come, first served", () => {
  it.effect("in one origin", () =>
    contained(Effect.gen(function*() {
      const paths = ["/1", "/2", "/3", "/4", "/5"]
      // The script takes them in this order only.
      const kit = yield* poolOver([slow(...paths)], { connectionsPerOrigin: 1 })
      const { pool, transport } = kit
      const fibers = yield* Effect.forEach(paths, (path) => started(textOf(pool, get(path))))
      for (const [index, fiber] of fibers.entries()) {
        yield* holds(pool, { busy: 1, waiting: 4 - index })
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(fiber), paths[index])
      }
      yield* transport.verify
      yield* pool.closeIdle
      yield* holdsNothing(kit)
    })))

  it.effect("a request that gives up leaves the places of the others as they are", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([slow("/1", "/2", "/4")], { connectionsPerOrigin: 1 })
      const [first, second, third, fourth] = yield* Effect.forEach(
        ["/1", "/2", "/3", "/4"],
        (path) => started(textOf(pool, get(path)))
      )
      assert.isDefined(first)
      if (third === undefined || second === undefined || fourth === undefined) return
      yield* Fiber.interrupt(third)
      yield* holds(pool, { busy: 1, waiting: 2 })
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(second), "/2")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fourth), "/4")
      yield* transport.verify
    })))

  it.effect("across origins, where `connections` is the limit: nobody starves, however busy another origin is", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool([
        slow("/a1", "/a2"),
        slowAt("b.test", "/b1"),
        slow("/a3", "/a4"),
        slowAt("c.test", "/c1"),
        slowAt("b.test", "/b2")
      ], { connections: 1 })
      const { events, pool, transport } = kit
      const requests = [
        get("/a1"),
        get("/a2"),
        getOf("b.test", "/b1"),
        get("/a3"),
        get("/a4"),
        getOf("c.test", "/c1"),
        getOf("b.test", "/b2")
      ]
      const fibers = yield* Effect.forEach(requests, (request) => started(textOf(pool, request)))
      for (const [index, fiber] of fibers.entries()) {
        yield* holds(pool, { busy: 1, waiting: requests.length - 1 - index })
        yield* TestClock.adjust("1 second")
        assert.isTrue(hasEnded(fiber), `request ${index} was not served in its turn`)
        yield* Fiber.join(fiber)
      }
      assert.deepStrictEqual(reasons(events), ["Room", "Room", "Room", "Room"])
      yield* transport.verify
    })))

  it.effect("whoever finds an idle connection does not wait, though others of another origin do", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(...serves("/1"), T.expect(getHead("/3")), T.reply(ok("/3"))),
        slowAt("b.test", "/2", "/4")
      ], { connectionsPerOrigin: 1 })
      yield* textOf(pool, get("/1"))
      const others = yield* Effect.forEach(["/2", "/4"], (path) => started(textOf(pool, getOf("b.test", path))))
      yield* holds(pool, { idle: 1, busy: 1, waiting: 1 })
      assert.strictEqual(yield* textOf(pool, get("/3")), "/3")
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll(others)
      yield* transport.verify
    })))
})

describe("a request whose connection is being opened", () => {
  /** The first request is answered after one second, the second connection open half a second later. */
  const script = (second: T.Connection): T.Script => [slow("/1", "/2"), T.openAfter("1500 millis", second)]

  it.effect("takes one that comes free first, and the late one is kept for the next", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool(script(serving("/3")))
      const { events, pool, transport } = kit
      const first = yield* started(textOf(pool, get("/1")))
      const second = yield* started(textOf(pool, get("/2")))
      yield* holds(pool, { busy: 1, connecting: 1, waiting: 1 })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(first), "/1")
      yield* holds(pool, { busy: 1, connecting: 1 })
      yield* TestClock.adjust("500 millis")
      yield* holds(pool, { busy: 1, idle: 1 })
      assert.isFalse(hasEnded(second))
      const third = yield* pool.execute(get("/3"))
      assert.isFalse(third.connection.reused)
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* Fiber.join(second), "/2")
      yield* holds(pool, { idle: 2 })
      yield* transport.verify
      assert.deepStrictEqual(reasons(events), [])
      const { opened, reused } = yield* pool.stats
      assert.deepStrictEqual({ opened, reused }, { opened: 2, reused: 1 })
    })))

  it.effect("and the late one is closed where as many are idle as may be", () =>
    contained(Effect.gen(function*() {
      for (const options of [{ idle: 1 }, { idlePerOrigin: 1 }, { idle: 0 }]) {
        const { events, pool } = yield* watchedPool(script(T.connection(T.expectDestroy)), options)
        const fibers = yield* Effect.forEach(["/1", "/2"], (path) => started(textOf(pool, get(path))))
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.joinAll(fibers)
        yield* holds(pool, { idle: options.idle ?? 1 })
        assert.include(reasons(events), "IdleLimit")
      }
    })))

  it.effect("the late one goes to whoever comes meanwhile, and no third one is opened", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver(script(serving("/3")))
      const fibers = yield* Effect.forEach(["/1", "/2"], (path) => started(textOf(pool, get(path))))
      yield* TestClock.adjust("1 second")
      yield* holds(pool, { busy: 1, connecting: 1 })
      const third = yield* started(textOf(pool, get("/3")))
      yield* holds(pool, { busy: 1, connecting: 1, waiting: 1 })
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* Fiber.join(third), "/3")
      yield* TestClock.adjust("500 millis")
      yield* Fiber.joinAll(fibers)
      assert.strictEqual(transport.opened.length, 2)
      yield* transport.verify
    })))

  it.effect("the failure of the late one harms nobody, and is told", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool(script(T.refuse()))
      const { events, pool, transport } = kit
      const fibers = yield* Effect.forEach(["/1", "/2"], (path) => started(textOf(pool, get(path))))
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([...yield* Fiber.joinAll(fibers)], ["/1", "/2"])
      yield* holds(pool, { idle: 1 })
      const [failed] = events.filter((event) => event._tag === "ConnectFailed")
      assert.strictEqual(failed?.error?._tag, "ConnectError")
      yield* transport.verify
      yield* pool.closeIdle
      yield* holdsNothing(kit)
    })))

  it.effect("the late one is given up where another origin needs its place", () =>
    contained(Effect.gen(function*() {
      const { events, pool, transport } = yield* watchedPool(
        [slow("/1", "/2"), T.openAfter("1 hour", serving("/3")), slowAt("b.test", "/b")],
        { connections: 2 }
      )
      const fibers = yield* Effect.forEach(["/1", "/2"], (path) => started(textOf(pool, get(path))))
      yield* TestClock.adjust("1 second")
      yield* holds(pool, { busy: 1, connecting: 1 })
      const other = yield* started(textOf(pool, getOf("b.test", "/b")))
      yield* holds(pool, { busy: 2 })
      assert.isTrue(transport.state(1).destroyed)
      assert.include(tags(events), "ConnectFailed")
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll(fibers)
      assert.strictEqual(yield* Fiber.join(other), "/b")
    })))

  it.effect("fails with the failure of its connection, it alone, and the next one goes on", () =>
    contained(Effect.gen(function*() {
      const tls = new TlsError({
        reason: "Closed",
        code: "X",
        serverName: "a.test",
        names: undefined,
        cause: undefined
      })
      for (const [refusal, tag] of [[T.refuse(), "ConnectError"], [T.refuse(tls), "TlsError"]] as const) {
        const kit = yield* watchedPool([T.openAfter("1 second", refusal), slow("/2", "/3")], {
          connectionsPerOrigin: 1
        })
        const { events, pool, transport } = kit
        const first = yield* started(failsWith(pool.execute(get("/1")), tag))
        const others = yield* Effect.forEach(["/2", "/3"], (path) => started(textOf(pool, get(path))))
        yield* holds(pool, { connecting: 1, waiting: 3 })
        yield* TestClock.adjust("1 second")
        const { context } = yield* Fiber.join(first)
        assert.strictEqual(context.processed, "No")
        assert.strictEqual(context.origin, "http://a.test:80")
        yield* holds(pool, { busy: 1, waiting: 1 })
        yield* TestClock.adjust("1 second")
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual([...yield* Fiber.joinAll(others)], ["/2", "/3"])
        assert.strictEqual(tags(events).filter((name) => name === "ConnectFailed").length, 1)
        yield* transport.verify
        yield* pool.closeIdle
        yield* holdsNothing(kit)
      }
    })))

  it.effect("goes to whoever was first, though it was begun for the second, who gets the other one", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.openAfter("2 seconds", serving("/2")),
        T.openAfter("1 second", T.connection(T.expect(getHead("/1")), T.delay("1 hour"), T.reply(ok("/1"))))
      ])
      const first = yield* started(textOf(pool, get("/1")))
      const second = yield* started(textOf(pool, get("/2")))
      yield* TestClock.adjust("1 second")
      yield* holds(pool, { busy: 1, connecting: 1, waiting: 1 })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(second), "/2")
      yield* holds(pool, { busy: 1, idle: 1 })
      yield* Fiber.interrupt(first)
      assert.strictEqual(transport.opened.length, 2)
    })))
})

it.effect("tells of each wait and how it ended", () =>
  contained(Effect.gen(function*() {
    const { events, pool } = yield* watchedPool([slow("/1", "/2"), T.refuse()], { connectionsPerOrigin: 1 })
    const first = yield* started(textOf(pool, get("/1")))
    const second = yield* started(textOf(pool, get("/2")))
    const third = yield* started(failsWith(pool.execute(get("/3", { timeouts: { pool: 500 } })), "HttpTimeout"))
    const fourth = yield* started(pool.execute(get("/4")))
    yield* TestClock.adjust(500)
    yield* Fiber.join(third)
    yield* Fiber.interrupt(fourth)
    yield* TestClock.adjust(500)
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(first)
    yield* Fiber.join(second)
    yield* pool.closeIdle
    yield* failsWith(pool.execute(get("/5")), "ConnectError")
    assert.strictEqual(events.filter(({ _tag }) => _tag === "Wait").length, 5)
    assert.deepStrictEqual(
      events.flatMap((event) => event._tag === "WaitEnd" ? [[event.outcome, event.millis, event.origin]] : []),
      [
        ["Connection", 0, "http://a.test:80"],
        ["Timeout", 500, "http://a.test:80"],
        ["Interrupted", 500, "http://a.test:80"],
        ["Connection", 1000, "http://a.test:80"],
        ["Failed", 0, "http://a.test:80"]
      ]
    )
  })))
