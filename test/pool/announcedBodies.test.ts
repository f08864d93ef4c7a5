/** A response that has no body but announces one costs a pool its connection, told as `AnnouncedBody`; see the tests of connections. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import type * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Origin from "../../src/Origin.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as T from "../../src/TestTransport.ts"
import { announcing, harmless, late } from "../connection/announced.ts"
import { contained, settled } from "../connection/harness.ts"
import { head, ok } from "../connection/over.ts"
import { holds, reasons, tags, textOf, watchedPool } from "./harness.ts"
import { endings } from "./over.ts"

const proxy = Either.getOrThrow(Proxy.make({ host: "p.test" }))
const asks = T.discardUntil("\r\n\r\n")
const connect = [asks, T.reply(head("HTTP/1.1 200 Connection established"))]

const routes: ReadonlyArray<
  readonly [name: string, url: string, options: ConnectionPool.Options, opening: ReadonlyArray<T.Step>]
> = [
  ["in the clear", "http://a.test/", {}, []],
  ["over TLS", "https://a.test/", {}, []],
  ["through a proxy that forwards", "http://a.test/", { proxy }, []],
  ["over TLS in a tunnel", "https://a.test/", { proxy }, connect]
]

for (const [route, url, options, opening] of routes) {
  describe(`in a pool ${route}`, () => {
    it.effect.each(announcing)(
      "a %s ends its connection, and the next request has its own",
      ([, method, reply, text]) =>
        contained(Effect.gen(function*() {
          const { events, pool, transport } = yield* watchedPool([
            T.connection(...opening, asks, T.reply(reply), T.expectDestroy),
            T.connection(...opening, asks, T.reply(ok("real")))
          ], options)
          assert.strictEqual(yield* textOf(pool, HttpRequest.make(method, url)), text)
          yield* settled
          yield* holds(pool, {})
          assert.deepStrictEqual(reasons(events), ["AnnouncedBody"])
          assert.notInclude(tags(events), "Release")
          assert.match(endings(events).join(), /^\w+ \d+ whole$/)
          assert.strictEqual(yield* textOf(pool, HttpRequest.get(url)), "real")
          yield* transport.verify
        }))
    )

    it.effect.each(harmless)("a %s does not", ([, method, reply]) =>
      contained(Effect.gen(function*() {
        const { events, pool, transport } = yield* watchedPool([
          T.connection(...opening, asks, T.reply(reply), asks, T.reply(ok("real")))
        ], options)
        assert.strictEqual(yield* textOf(pool, HttpRequest.make(method, url)), "")
        yield* settled
        assert.strictEqual(yield* textOf(pool, HttpRequest.get(url)), "real")
        assert.deepStrictEqual(reasons(events), [])
        yield* transport.verify
      })))
  })
}

describe("a 204 that announces a body", () => {
  const reply = head("HTTP/1.1 204 No Content", `Content-Length: ${late.length}`)

  it.effect("does not hand its connection to the request that waits", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* watchedPool([
        T.connection(asks, T.delay("1 second"), T.reply(reply), T.expectDestroy),
        T.connection(asks, T.reply(ok("real")))
      ], { connectionsPerOrigin: 1 })
      const first = yield* Effect.fork(textOf(pool, HttpRequest.del("http://a.test/")))
      yield* settled
      const second = yield* Effect.fork(textOf(pool, HttpRequest.get("http://a.test/")))
      yield* settled
      yield* holds(pool, { busy: 1, waiting: 1 })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(first), "")
      assert.strictEqual(yield* Fiber.join(second), "real")
      yield* transport.verify
    })))

  it.effect("ends the connection of a lease, which has no other", () =>
    contained(Effect.gen(function*() {
      const { events, pool } = yield* watchedPool([T.connection(asks, T.reply(reply), T.expectDestroy)])
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* pool.lease(Either.getOrThrow(Origin.make({ scheme: "http", host: "a.test" })))
        assert.strictEqual((yield* connection.execute(HttpRequest.del("/"))).status, 204)
        yield* settled
        const error = yield* Effect.flip(connection.execute(HttpRequest.get("/")))
        assert.strictEqual(error._tag, "ConnectionClosed")
      }))
      assert.deepStrictEqual(reasons(events), ["AnnouncedBody"])
    })))

  it.effect("is told as such where the rest of an answer behind it is let go", () =>
    contained(Effect.gen(function*() {
      const { events, pool } = yield* watchedPool([
        T.connection(
          asks,
          T.reply(head("HTTP/1.1 103 Early Hints", "Content-Length: 5") + ok("abcdef").slice(0, -1)),
          T.expectDestroy
        )
      ])
      const response = yield* pool.execute(HttpRequest.get("http://a.test/"))
      yield* response.close
      assert.deepStrictEqual(reasons(events), ["AnnouncedBody"])
    })))
})
