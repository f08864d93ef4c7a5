/**
 * A server that speaks HTTP/1.0 knows no chunks (RFC 9112 section 6.1): once that is known of it, a body of unknown length is refused
 * before anything is sent. Only so much is remembered, and only as long as it is true.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import {
  bytesOf,
  chunk,
  chunkedHead,
  contained,
  failsWith,
  getHead,
  ok,
  pieces,
  settled,
  started
} from "../connection/harness.ts"
import type { PoolKit } from "./harness.ts"
import { get, holds, holdsNothing, poolOver, tags, textOf, watchedPool } from "./harness.ts"
import { endings } from "./over.ts"

/** An answer of HTTP/1.0, which ends its connection. */
const old = "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold"

const getOf = (host: string): string => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`

const answers = (host: string, reply: string): T.Connection => T.connection(T.expect(getOf(host)), T.reply(reply))

const upload = (host = "a.test", options?: HttpBody.StreamOptions): HttpRequest.HttpRequest =>
  HttpRequest.post(`http://${host}/`, { body: HttpBody.stream(pieces("abc"), options) })

const learn = ({ pool }: PoolKit, host = "a.test") =>
  Effect.map(textOf(pool, HttpRequest.get(`http://${host}/`)), (text) => assert.strictEqual(text, "old"))

/** That a body of unknown length is refused, with nothing opened or sent. */
const refused = ({ pool, transport }: PoolKit, host = "a.test") =>
  Effect.gen(function*() {
    const before = transport.opened.length
    const error = yield* failsWith(pool.execute(upload(host)), "UnsupportedBody")
    assert.include(error.message, "HTTP/1.0")
    assert.include(error.message, "length")
    assert.deepInclude(error.context, {
      origin: `http://${host}:80`,
      processed: "No",
      requestState: "NotSent",
      fault: "User",
      resends: 0
    })
    assert.strictEqual(transport.opened.length, before)
    yield* holds(pool, {})
  })

const uploaded = `${chunkedHead()}${chunk("abc")}0\r\n\r\n`

describe("a body of unknown length", () => {
  it.effect("goes in chunks to a server of which nothing is known", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([T.connection(T.expect(uploaded), T.reply(ok("yes")))])
      assert.strictEqual(yield* textOf(pool, upload()), "yes")
    })))

  it.effect("is refused for a server that is known to speak HTTP/1.0", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool([answers("a.test", old)])
      yield* learn(kit)
      const told = tags(kit.events)
      yield* refused(kit)
      yield* refused(kit)
      // It was no request yet.
      assert.deepStrictEqual(tags(kit.events), told)
      yield* holdsNothing(kit)
    })))

  it.effect("is refused on a connection of HTTP/1.0 that is kept, too", () =>
    contained(Effect.gen(function*() {
      const kept = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold"
      const { pool } = yield* poolOver([T.connection(T.expect(getHead()), T.reply(kept), T.stall)])
      yield* textOf(pool, get())
      yield* failsWith(pool.execute(upload()), "UnsupportedBody")
      yield* holds(pool, { idle: 1 })
    })))

  it.effect("goes to a server that has answered in HTTP/1.1 since", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([
        answers("a.test", old),
        T.connection(T.expect(getHead()), T.reply(ok("new")), T.expect(uploaded), T.reply(ok("yes")))
      ])
      yield* learn(kit)
      yield* refused(kit)
      assert.strictEqual(yield* textOf(kit.pool, get()), "new")
      assert.strictEqual(yield* textOf(kit.pool, upload()), "yes")
    })))

  it.effect("goes to other servers", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([
        answers("b.test", old),
        T.connection(T.expect(uploaded), T.reply(ok("yes")))
      ])
      yield* learn(kit, "b.test")
      assert.strictEqual(yield* textOf(kit.pool, upload()), "yes")
      yield* failsWith(kit.pool.execute(upload("b.test")), "UnsupportedBody")
    })))

  it.effect("is refused when it is to be sent once more, and what is told holds for the first attempt too", () =>
    contained(Effect.gen(function*() {
      const put = HttpRequest.put("http://a.test/", { body: HttpBody.stream(pieces("abc"), { replayable: true }) })
      const kit = yield* watchedPool([
        T.connection(
          T.expect(getHead("/1")),
          T.reply(ok("/1")),
          T.expect(uploaded.replace("POST", "PUT")),
          T.delay(2),
          T.eof
        ),
        T.connection(T.expect(getHead()), T.delay(1), T.reply(old))
      ])
      yield* textOf(kit.pool, get("/1"))
      const fiber = yield* started(kit.pool.execute(put))
      const other = yield* started(learn(kit))
      yield* TestClock.adjust(1)
      yield* Fiber.join(other)
      yield* TestClock.adjust(1)
      const error = yield* failsWith(Fiber.join(fiber), "UnsupportedBody")
      assert.deepInclude(error.context, { resends: 1, processed: "Unknown", origin: "http://a.test:80" })
      assert.deepStrictEqual(endings(kit.events).slice(-2), ["PUT - StaleConnection", "PUT - UnsupportedBody"])
      assert.strictEqual(kit.transport.opened.length, 2)
    })))
})

describe("a body of known length goes to a server that speaks HTTP/1.0", () => {
  const head = (length: number): string => `POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${length}\r\n\r\n`
  for (
    const [name, request, wire] of [
      ["bytes", HttpRequest.post("http://a.test/", { body: HttpBody.bytes(bytesOf("abc")) }), `${head(3)}abc`],
      ["a stream with its length", upload("a.test", { length: 3 }), `${head(3)}abc`],
      ["none", HttpRequest.post("http://a.test/"), head(0)]
    ] as const
  ) {
    it.effect(name, () =>
      contained(Effect.gen(function*() {
        const kit = yield* poolOver([answers("a.test", old), T.connection(T.expect(wire), T.reply(old))])
        yield* learn(kit)
        assert.strictEqual(yield* textOf(kit.pool, request), "old")
        yield* kit.transport.verify
      })))
  }
})

describe("of servers that speak HTTP/1.0", () => {
  it.effect("the last 1024 are remembered", () =>
    contained(Effect.gen(function*() {
      const hosts = Array.from({ length: 1025 }, (_, index) => `h${index}.test`)
      const kit = yield* poolOver([
        ...hosts.map((host) => answers(host, old)),
        // The second one says so again, so the third is the oldest now.
        answers("h1.test", old),
        answers("new.test", old),
        ...["h0.test", "h2.test"].map((host) =>
          T.connection(
            T.expect(uploaded.replace("a.test", host)),
            T.reply(ok("yes"))
          )
        )
      ])
      for (const host of hosts) yield* learn(kit, host)
      yield* learn(kit, "h1.test")
      yield* learn(kit, "new.test")
      yield* settled
      for (const host of ["h1.test", "h3.test", "h1024.test", "new.test"]) yield* refused(kit, host)
      for (const host of ["h0.test", "h2.test"]) assert.strictEqual(yield* textOf(kit.pool, upload(host)), "yes")
      yield* kit.transport.verify
    })))
})
