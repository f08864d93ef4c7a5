/** The time that a request may wait: for the pool, for the opening of its connection, and in all. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import { HttpTimeout } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpTimeouts } from "../../src/HttpTimeouts.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { contained, failsWith, getHead, hasEnded, ok, settled, started } from "../connection/harness.ts"
import { get, holds, holdsNothing, poolOver, serving, slow, tags, textOf, watchedPool } from "./harness.ts"

const limited = (path: string, timeouts: Partial<HttpTimeouts>): HttpRequest.HttpRequest => get(path, { timeouts })

const one: ConnectionPool.Options = { connectionsPerOrigin: 1 }

/** Asserts that the request fails after this time, not before, with a timeout of this kind; gives the error. */
const timesOut = (
  pool: ConnectionPool.ConnectionPool,
  request: HttpRequest.HttpRequest,
  kind: HttpTimeout["kind"],
  millis: number
) =>
  Effect.gen(function*() {
    const fiber = yield* started(failsWith(pool.execute(request), "HttpTimeout"))
    yield* TestClock.adjust(millis - 1)
    yield* settled
    assert.isFalse(hasEnded(fiber), "it failed too early")
    yield* TestClock.adjust(1)
    const error = yield* Fiber.join(fiber)
    assert.strictEqual(error.kind, kind)
    assert.strictEqual(error.millis, millis)
    assert.strictEqual(error.context.processed, "No")
    assert.strictEqual(error.context.requestState, "NotSent")
    assert.strictEqual(error.context.origin, "http://a.test:80")
    return error
  })

describe("timeouts.pool", () => {
  const cases: ReadonlyArray<
    readonly [name: string, pool: Partial<HttpTimeouts>, request: Partial<HttpTimeouts>, millis: number]
  > = [
    ["is 30 seconds by default", {}, {}, 30_000],
    ["is that of the pool", { pool: "1 second" }, {}, 1000],
    ["is that of the request, if it has one", { pool: "1 second" }, { pool: "1500 millis" }, 1500]
  ]
  for (const [name, ofPool, ofRequest, millis] of cases) {
    it.effect(`${name}; who waits for so long fails, and leaves no place`, () =>
      contained(Effect.gen(function*() {
        const kit = yield* poolOver([T.connection(T.stall)], { ...one, timeouts: ofPool })
        const { pool } = kit
        const first = yield* started(pool.execute(get("/1")))
        const error = yield* timesOut(pool, limited("/2", ofRequest), "pool", millis)
        assert.strictEqual(error.context.phase, "pool")
        yield* holds(pool, { busy: 1 })
        yield* Fiber.interrupt(first)
        yield* holdsNothing(kit)
      })))
  }

  it.effect("of Infinity is none, and of 0 lets nobody wait", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([
        T.connection(T.discardUntil("\r\n\r\n"), T.delay("1 day"), T.reply(ok("/1")), T.stall)
      ], {
        ...one,
        lifetime: Infinity,
        timeouts: { head: Infinity }
      })
      const first = yield* started(textOf(pool, get("/1")))
      const second = yield* started(pool.execute(limited("/2", { pool: Infinity })))
      const third = yield* started(failsWith(pool.execute(limited("/3", { pool: 0 })), "HttpTimeout"))
      yield* TestClock.adjust(0)
      assert.strictEqual((yield* Fiber.join(third)).kind, "pool")
      yield* TestClock.adjust("1 day")
      assert.strictEqual(yield* Fiber.join(first), "/1")
      yield* holds(pool, { busy: 1 })
      yield* Fiber.interrupt(second)
    })))

  it.effect("does not run while a connection is being opened for the request", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([T.openAfter("1 hour", serving("/1"))], {
        timeouts: { pool: "1 second", connect: Infinity }
      })
      const fiber = yield* started(textOf(pool, get("/1")))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* Fiber.join(fiber), "/1")
    })))

  for (const [pool, served] of [[2500, true], [1500, false]] as const) {
    it.effect(`goes on where that connection goes to another, and what has passed meanwhile does not count: ${pool} ms`, () =>
      contained(Effect.gen(function*() {
        const answers = T.connection(
          T.expect(getHead("/2")),
          T.delay("1 second"),
          T.reply(ok("/2")),
          T.discardUntil("\r\n\r\n"),
          T.reply(ok("/3"))
        )
        const kit = yield* poolOver([T.openStalls, T.openAfter("3 seconds", answers)], one)
        const first = yield* started(kit.pool.execute(limited("/1", { connect: "1 second" })))
        const second = yield* started(textOf(kit.pool, get("/2")))
        const third = yield* started(Effect.either(textOf(kit.pool, limited("/3", { pool }))))
        // The second takes over what was begun for the first, with its limit. When that is over, one is opened for the third, but the
        // second was there before it. So the third waits from 0 to 1, has one being opened from 1 to 4, and waits from 4 to 5.
        yield* Fiber.interrupt(first)
        yield* TestClock.adjust("4 seconds")
        yield* holds(kit.pool, { busy: 1, waiting: 1 })
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(second), "/2")
        const result = yield* Fiber.join(third)
        assert.strictEqual(result._tag === "Right" ? result.right : result.left._tag, served ? "/3" : "HttpTimeout")
        yield* kit.pool.closeIdle
        yield* holdsNothing(kit)
      })))
  }
})

describe("timeouts.total", () => {
  it.effect("ends the waiting for the pool", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([T.connection(T.stall)], one)
      const { pool } = kit
      const first = yield* started(pool.execute(get("/1")))
      const error = yield* timesOut(pool, limited("/2", { total: "2 seconds" }), "total", 2000)
      assert.strictEqual(error.context.phase, "pool")
      yield* holds(pool, { busy: 1 })
      yield* Fiber.interrupt(first)
      yield* holdsNothing(kit)
    })))

  it.effect("ends the opening of the connection, which is aborted", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool([T.openStalls])
      const { events, pool } = kit
      const error = yield* timesOut(pool, limited("/1", { total: "2 seconds" }), "total", 2000)
      assert.strictEqual(error.context.phase, "connect")
      yield* holdsNothing(kit)
      assert.deepStrictEqual(tags(events), ["Wait", "Connect", "ConnectFailed", "WaitEnd", "RequestEnd"])
    })))

  it.effect("counts from the beginning, the waiting included, to the end of the body", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([T.openAfter("1 second", T.connection(T.expect(getHead("/1")), T.stall))])
      const fiber = yield* started(failsWith(kit.pool.execute(limited("/1", { total: "3 seconds" })), "HttpTimeout"))
      yield* TestClock.adjust(2999)
      assert.isFalse(hasEnded(fiber))
      yield* TestClock.adjust(1)
      const { context, kind } = yield* Fiber.join(fiber)
      assert.deepStrictEqual([kind, context.phase, context.processed], ["total", "head", "Unknown"])
      yield* holdsNothing(kit)
    })))

  it.effect("of the request that a connection was being opened for leaves that connection to the next", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([T.openAfter("5 seconds", serving("/2"))], one)
      const first = yield* started(failsWith(pool.execute(limited("/1", { total: "2 seconds" })), "HttpTimeout"))
      const second = yield* started(textOf(pool, get("/2")))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(first)
      yield* holds(pool, { connecting: 1, waiting: 1 })
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* Fiber.join(second), "/2")
      assert.strictEqual(transport.opened.length, 1)
    })))
})

/** Notes the limits that a transport is given. */
const noting = (inner: Transport.Service) => {
  const noted: Array<Partial<Transport.OpenTimeouts>> = []
  const transport: Transport.Service = {
    secure: (duplex, serverName, tls, millis) => {
      noted.push({ tls: millis })
      return inner.secure(duplex, serverName, tls, millis)
    },
    open: (endpoint, { connect, dns, tls }) => {
      noted.push({ dns, connect, tls })
      return inner.open(endpoint, { connect, dns, tls })
    }
  }
  return { noted, transport }
}

describe("the limits of opening", () => {
  it.effect("are those of the request, else of the pool, and come to the transport", () =>
    contained(Effect.gen(function*() {
      const proxy = yield* Proxy.make({ host: "p.test" })
      const { noted, transport } = noting(
        yield* T.make([
          serving("/1"),
          T.refuse(),
          T.connection(
            T.discardUntil("\r\n\r\n"),
            T.reply("HTTP/1.1 200 OK\r\n\r\n"),
            T.discardUntil("\r\n\r\n"),
            T.reply(ok())
          )
        ])
      )
      const make = (options: ConnectionPool.Options) =>
        Effect.provideService(
          ConnectionPool.make({
            shutdownGrace: 0,
            connectRetryTime: 0,
            ...options,
            timeouts: { dns: 1, connect: 2, tls: 3 }
          }),
          Transport.Transport,
          transport
        )
      const pool = yield* make({})
      yield* pool.execute(get("/1"))
      yield* failsWith(
        pool.execute(HttpRequest.get("https://b.test/", { timeouts: { connect: "1 minute", tls: Infinity } })),
        "ConnectError"
      )
      yield* (yield* make({ proxy })).execute(HttpRequest.get("https://c.test/", { timeouts: { tls: 5 } }))
      assert.deepStrictEqual(noted, [
        { dns: 1, connect: 2, tls: 3 },
        { dns: 1, connect: 60_000, tls: Infinity },
        { dns: 1, connect: 2, tls: 5 },
        { tls: 5 }
      ])
    })))

  for (const kind of ["dns", "connect", "tls"] as const) {
    it.effect(`are told to the request that the connection was opened for: ${kind}`, () =>
      contained(Effect.gen(function*() {
        const opening = kind === "connect"
          ? T.openStalls
          : T.openAfter("1 second", T.refuse(new HttpTimeout({ kind, millis: 1000 })))
        const kit = yield* poolOver([opening, slow("/2")], {
          ...one,
          timeouts: { connect: kind === "connect" ? "1 second" : "5 seconds", dns: 1000, tls: 1000 }
        })
        const { pool } = kit
        const first = yield* started(failsWith(pool.execute(get("/1")), "HttpTimeout"))
        const second = yield* started(textOf(pool, get("/2")))
        yield* TestClock.adjust("1 second")
        const { context, ...error } = yield* Fiber.join(first)
        assert.strictEqual(error.kind, kind)
        assert.deepStrictEqual([context.phase, context.processed, context.origin], [kind, "No", "http://a.test:80"])
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(second), "/2")
        yield* pool.closeIdle
        yield* holdsNothing(kit)
      })))
  }

  it.effect("of another request's opening that was taken over do not fail a request that allows more: it gets one of its own", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([T.openStalls, T.openAfter("2 seconds", serving("/2", "/3"))], one)
      const first = yield* started(pool.execute(limited("/1", { connect: "1 second" })))
      const second = yield* started(textOf(pool, limited("/2", { connect: "5 seconds" })))
      const third = yield* started(textOf(pool, limited("/3", { connect: "5 seconds" })))
      yield* Fiber.interrupt(first)
      yield* holds(pool, { connecting: 1, waiting: 2 })
      yield* TestClock.adjust("1 second")
      yield* holds(pool, { connecting: 1, waiting: 2 })
      yield* TestClock.adjust("2 seconds")
      // In their order.
      assert.deepStrictEqual([yield* Fiber.join(second), yield* Fiber.join(third)], ["/2", "/3"])
      yield* transport.verify
    })))

  it.effect("where the other request allowed more, the time that it may wait for the pool goes on", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([T.openStalls], { ...one, timeouts: { pool: "3 seconds" } })
      const { pool } = kit
      const first = yield* started(pool.execute(limited("/1", { connect: Infinity })))
      const second = yield* started(failsWith(pool.execute(limited("/2", { connect: "2 seconds" })), "HttpTimeout"))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(first)
      yield* holds(pool, { connecting: 1, waiting: 1 })
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(second)).kind, "pool")
      yield* holdsNothing(kit)
    })))

  it.effect("wrong ones of a request are found before it waits", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([])
      const error = yield* failsWith(pool.execute(limited("/", { pool: -1 })), "InvalidOption")
      assert.strictEqual(error.option, "timeouts.pool")
      assert.strictEqual(transport.opened.length, 0)
    })))
})
