/** A pool spreads the connections of a name over its addresses, and leaves those alone that fail. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Origin from "../../src/Origin.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as T from "../../src/TestTransport.ts"
import { contained, failsWith, ok, started } from "../connection/harness.ts"
import { addressedPool, answering } from "./addressed.ts"
import { get, textOf } from "./harness.ts"

const [a, b, c] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"] as const

/** So many requests at once, each of which needs a connection for a second. */
const burst = (pool: Parameters<typeof textOf>[0], count: number) =>
  Effect.gen(function*() {
    const fiber = yield* started(
      Effect.all(Array.from({ length: count }, () => textOf(pool, get())), { concurrency: "unbounded" })
    )
    yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })

const slowScript = (count: number): T.Script => Array.from({ length: count }, () => answering(9, "1 second"))

/** A connection that serves one request and is closed by the server. */
const once = T.connection(T.discardUntil("\r\n\r\n"), T.reply(ok("x")), T.eof)

describe("connections to a name with several addresses", () => {
  it.effect("are spread evenly, also those that are being opened at the same time", () =>
    contained(Effect.gen(function*() {
      const { names, pool } = yield* addressedPool([a, b, c], slowScript(7))
      yield* burst(pool, 7)
      assert.deepStrictEqual(names.opened, [a, b, c, a, b, c, a])
      assert.deepStrictEqual(names.tried[3], [a, b, c])
    })))

  it.effect("go where the fewest are when some have closed", () =>
    contained(Effect.gen(function*() {
      const { names, pool } = yield* addressedPool([a, b], [
        answering(9, "1 second"),
        T.connection(T.discardUntil("\r\n\r\n"), T.delay("1 second"), T.reply(ok("x")), T.eof),
        ...slowScript(4)
      ])
      yield* burst(pool, 2)
      yield* burst(pool, 3)
      assert.deepStrictEqual(names.opened, [a, b, b, a])
    })))

  it.effect("of two origins are counted for each origin", () =>
    contained(Effect.gen(function*() {
      const { names, pool } = yield* addressedPool([a, b], Array.from({ length: 2 }, () => answering(1)))
      for (const host of ["a.test", "b.test"]) yield* textOf(pool, HttpRequest.get(`http://${host}/`))
      assert.deepStrictEqual(names.opened, [a, a])
    })))

  it.effect("through a proxy are spread over the addresses of the proxy", () =>
    contained(Effect.gen(function*() {
      const proxy = Either.getOrThrow(Proxy.make({ host: "proxy.test", port: 3128 }))
      const { names, pool } = yield* addressedPool([a, b], slowScript(2), { proxy })
      yield* burst(pool, 2)
      assert.deepStrictEqual(names.opened, [a, b])
    })))

  it.effect("from a local address are spread over the addresses of its family", () =>
    contained(Effect.gen(function*() {
      const { names, pool } = yield* addressedPool(["::1", a, "::2", b], slowScript(2), { localAddress: "127.0.0.1" })
      yield* burst(pool, 2)
      assert.deepStrictEqual(names.tried, [[a, b], [b, a]])
    })))

  it.effect("to an address or a unix socket are not ordered", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* addressedPool([a], [answering(1), answering(1), answering(1)])
      yield* textOf(pool, HttpRequest.get("http://127.0.0.1/"))
      yield* textOf(pool, HttpRequest.get("http://[::1]/"))
      const socket = Either.getOrThrow(Origin.make({ scheme: "http", host: "docker", socketPath: "/run/docker.sock" }))
      yield* textOf(pool, HttpRequest.get("/", { origin: socket }))
      assert.deepStrictEqual(transport.opened.map(({ addressing }) => addressing), [undefined, undefined, undefined])
    })))
})

describe("an address", () => {
  it.effect("that refuses a connection is tried last until its rest is over, and its neighbour serves the request", () =>
    contained(Effect.gen(function*() {
      const { names, pool } = yield* addressedPool([a, b], Array.from({ length: 4 }, () => once))
      names.refused.add(a)
      yield* textOf(pool, get())
      yield* textOf(pool, get())
      assert.deepStrictEqual(names.tried, [[a, b], [b, a]])
      yield* TestClock.adjust("1 second")
      names.refused.delete(a)
      yield* textOf(pool, get())
      yield* textOf(pool, get())
      assert.deepStrictEqual(names.opened, [b, b, a, a])
    })))

  it.effect("is tried although it rests if all do", () =>
    contained(Effect.gen(function*() {
      const { names, pool } = yield* addressedPool([a, b], [once])
      names.refused.add(a).add(b)
      yield* failsWith(pool.execute(get()), "ConnectError")
      names.refused.delete(b)
      yield* textOf(pool, get())
      assert.deepStrictEqual(names.opened, [b])
      assert.strictEqual(names.tried[1]?.length, 2)
    })))

  it.effect("that closes a connection before it has responded to anything rests, although it accepts connections", () =>
    contained(Effect.gen(function*() {
      const script = [T.connection(T.discardUntil("\r\n\r\n"), T.eof), once, once]
      const { names, pool } = yield* addressedPool([a, b], script)
      yield* failsWith(pool.execute(HttpRequest.post("http://a.test/")), "RemoteDisconnected")
      yield* textOf(pool, get())
      yield* textOf(pool, get())
      assert.deepStrictEqual(names.opened, [a, b, b])
    })))

  it.effect("that has nothing to say to a request in time rests", () =>
    contained(Effect.gen(function*() {
      const { names, pool } = yield* addressedPool([a, b], [T.connection(T.discardUntil("\r\n\r\n"), T.stall), once])
      const fiber = yield* started(Effect.flip(pool.execute(get("/", { timeouts: { head: "1 second" } }))))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "HttpTimeout")
      yield* textOf(pool, get())
      assert.deepStrictEqual(names.opened, [a, b])
    })))

  it.effect("does not rest because a request was interrupted, nor because a server ends its connections", () =>
    contained(Effect.gen(function*() {
      const stalling = T.connection(T.discardUntil("\r\n\r\n"), T.stall)
      const { names, pool } = yield* addressedPool([a, b], [stalling, once, once])
      yield* Effect.flatMap(started(pool.execute(get())), Fiber.interrupt)
      yield* textOf(pool, get())
      yield* textOf(pool, get())
      assert.deepStrictEqual(names.opened, [a, a, a])
    })))
})

it.effect("an address that left the answer gets no new connection, and keeps the ones that it has", () =>
  contained(Effect.gen(function*() {
    const { names, pool } = yield* addressedPool([a, b], slowScript(6))
    yield* burst(pool, 2)
    names.answer = { addresses: [b, c], ttlMillis: 5000 }
    yield* burst(pool, 6)
    assert.deepStrictEqual(names.opened, [a, b, c, b, c, b])
    assert.strictEqual((yield* pool.stats).idle, 6)
  })))
