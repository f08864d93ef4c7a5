/**
 * Responses that are not delivered, because they concern how the request was sent: 417 to an
 * expectation of this library (RFC 9110 section 10.1.1), and the 408 of an idle connection that
 * crossed the request (section 15.5.9). The request is retried instead.
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Origin from "../../src/Origin.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import { bytesOf, chunk, contained, failsWith, getHead, ok, pieces, settled, started } from "../connection/harness.ts"
import { anyHead, clientTo, quietly } from "../platform/kit.ts"
import { get, holds, holdsNothing, poolOver, reasons, tags, textOf, watchedPool } from "./harness.ts"
import { endings, eventsOf, warmed } from "./over.ts"

const url = "http://a.test/x"

const answer = (status: string, ...fields: ReadonlyArray<string>): string =>
  `HTTP/1.1 ${status}\r\n${fields.map((field) => `${field}\r\n`).join("")}Content-Length: 2\r\n\r\nno`

const refusal = answer("417 Expectation Failed")
const idleTimeout = answer("408 Request Timeout", "Connection: close")

const head = (method: string, ...fields: ReadonlyArray<string>): string =>
  `${method} /x HTTP/1.1\r\nHost: a.test\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n`

const bytes = HttpBody.bytes(bytesOf("abc"))

describe("a 417 to `expectContinue`", () => {
  const rows = [
    {
      name: "a body in memory",
      body: () => bytes,
      framing: "Content-Length: 3",
      wire: "abc"
    },
    {
      name: "a stream, which nothing has begun",
      body: () => {
        let runs = 0
        return HttpBody.stream(Stream.suspend(() => runs++ === 0 ? pieces("abc") : Stream.die("begun twice")))
      },
      framing: "Transfer-Encoding: chunked",
      wire: `${chunk("abc")}0\r\n\r\n`
    }
  ]

  for (const { body, framing, name, wire } of rows) {
    const expecting = head("POST", framing, "Expect: 100-continue")
    const plain = head("POST", framing) + wire

    it.effect(`${name}: is answered by the request without the expectation`, () =>
      contained(Effect.gen(function*() {
        const { events, pool, transport } = yield* watchedPool([
          T.connection(T.expect(expecting), T.reply(refusal), T.expectDestroy),
          T.connection(T.expect(plain), T.reply(ok("done")))
        ])
        const response = yield* pool.execute(HttpRequest.post(url, { body: body(), expectContinue: true }))
        assert.deepStrictEqual([response.status, response.resends, yield* response.text], [200, 1, "done"])
        yield* transport.verify
        yield* holds(pool, { idle: 1 })
        assert.deepStrictEqual(eventsOf(events, "Retry").map(({ error }) => error.context.status), [417])
        assert.deepStrictEqual(endings(events), ["POST 417 ConnectionClosed", "POST 200 whole"])
        assert.deepStrictEqual(reasons(events), ["NotPersistent"])
        assert.strictEqual((yield* pool.stats).retried, 1)
      })))

    it.effect(`${name}: twice is a response`, () =>
      contained(Effect.gen(function*() {
        const { pool } = yield* poolOver([
          T.connection(T.expect(expecting), T.reply(refusal)),
          T.connection(T.expect(plain), T.reply(refusal))
        ])
        const response = yield* pool.execute(HttpRequest.post(url, { body: body(), expectContinue: true }))
        assert.deepStrictEqual([response.status, response.resends, yield* response.text], [417, 1, "no"])
      })))

    it.effect(`${name}: through the platform's client`, () =>
      contained(Effect.gen(function*() {
        const { client, transport } = yield* clientTo([
          T.connection(anyHead, T.reply(refusal)),
          T.connection(T.discardUntil(wire), T.reply(ok("done")))
        ])
        const request = HttpClientRequest.post(url, { headers: { "content-type": "text/plain" } }).pipe(
          HttpClientRequest.bodyStream(pieces("abc"))
        )
        const response = yield* quietly(client.execute(request)).pipe(PooledHttpClient.withExpectContinue(true))
        assert.strictEqual(yield* response.text, "done")
        assert.isFalse(transport.written(1).toLowerCase().includes("expect:"))
      })))
  }

  it.effect("uses the same connection where the whole request had been sent, once the response is read", () =>
    contained(Effect.gen(function*() {
      const { events, pool, transport } = yield* watchedPool([
        T.connection(
          T.expect(`${head("PUT", "Content-Length: 3", "Expect: 100-continue")}abc`),
          T.reply(refusal.slice(0, -2)),
          T.delay("1 second"),
          T.reply("no"),
          T.expect(`${head("PUT", "Content-Length: 3")}abc`),
          T.reply(ok("done"))
        )
      ], { connectionsPerOrigin: 1, drainTime: "1 minute" })
      const fiber = yield* started(textOf(pool, HttpRequest.put(url, { body: bytes, expectContinue: true })))
      yield* TestClock.adjust("1 second")
      yield* settled
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* fiber, "done")
      assert.deepStrictEqual(reasons(events), [])
      yield* transport.verify
    })))

  it.effect("is a response on a lease, which has this one connection", () =>
    contained(Effect.scoped(Effect.gen(function*() {
      const { pool } = yield* poolOver([T.connection(anyHead, T.reply(refusal))])
      const origin = yield* Origin.make({ scheme: "http", host: "a.test" })
      const leased = yield* pool.lease(origin)
      const response = yield* leased.execute(HttpRequest.post("/x", { body: bytes, expectContinue: true }))
      assert.deepStrictEqual([response.status, response.resends], [417, 0])
      yield* response.close
    }))))

  it.effect("after a stale connection is handled too: each reason counts once", () =>
    contained(Effect.gen(function*() {
      const expecting = head("PUT", "Content-Length: 3", "Expect: 100-continue")
      const kit = yield* warmed([T.expect(expecting), T.eof], [
        T.connection(T.expect(expecting), T.reply(refusal)),
        T.connection(T.expect(`${head("PUT", "Content-Length: 3")}abc`), T.reply(ok("done")))
      ])
      const response = yield* kit.pool.execute(HttpRequest.put(url, { body: bytes, expectContinue: true }))
      assert.deepStrictEqual([response.status, response.resends], [200, 2])
      assert.deepStrictEqual(eventsOf(kit.events, "Retry").map(({ error }) => error._tag), [
        "StaleConnection",
        "StatusError"
      ])
      yield* response.close
      yield* kit.transport.verify
    })))

  it.effect("leaves nothing where the caller leaves while the second connection is opened", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([
        T.connection(anyHead, T.reply(refusal)),
        T.openAfter("1 second", T.connection(T.stall))
      ])
      const fiber = yield* started(
        kit.pool.execute(HttpRequest.post(url, { body: HttpBody.stream(pieces("abc")), expectContinue: true }))
      )
      yield* Fiber.interrupt(fiber)
      yield* holdsNothing(kit)
    })))

  it.effect("whose second attempt fails is that failure", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([
        T.connection(anyHead, T.reply(refusal)),
        T.connection(anyHead, T.eof)
      ])
      const error = yield* failsWith(
        pool.execute(HttpRequest.post(url, { body: bytes, expectContinue: true })),
        "RemoteDisconnected"
      )
      assert.deepInclude(error.context, { resends: 1, processed: "Unknown" })
    })))

  it.effect("counts as one retry for `retry`", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([
        T.connection(anyHead, T.reply(refusal)),
        T.connection(anyHead, T.reply(answer("503 Service Unavailable")))
      ])
      const pool = ConnectionPool.retry(kit.pool, { times: 1 })
      const response = yield* pool.execute(HttpRequest.put(url, { body: bytes, expectContinue: true }))
      assert.deepStrictEqual([response.status, response.resends], [503, 1])
      yield* response.close
    })))

  it.effect("is not asked for from a server that is known to speak HTTP/1.0", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(T.expect(getHead("/x")), T.reply("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")),
        T.connection(T.expect(`${head("POST", "Content-Length: 3")}abc`), T.reply("HTTP/1.0 200 OK\r\n\r\n"), T.eof)
      ])
      yield* textOf(pool, get("/x"))
      yield* textOf(pool, HttpRequest.post(url, { body: bytes, expectContinue: true }))
      yield* transport.verify
    })))
})

interface Idle {
  readonly name: string
  readonly request: HttpRequest.HttpRequest
  readonly wire: string
}

const repeated: ReadonlyArray<Idle> = [
  { name: "GET", request: HttpRequest.get(url), wire: head("GET") },
  { name: "PUT", request: HttpRequest.put(url, { body: bytes }), wire: `${head("PUT", "Content-Length: 3")}abc` },
  {
    name: "POST with an Idempotency-Key",
    request: HttpRequest.post(url, { body: bytes, headers: { "Idempotency-Key": "k" } }),
    wire: `${head("POST", "Content-Length: 3", "Idempotency-Key: k")}abc`
  }
]

const delivered: ReadonlyArray<Idle> = [
  { name: "POST", request: HttpRequest.post(url, { body: bytes }), wire: `${head("POST", "Content-Length: 3")}abc` },
  {
    name: "PUT of a stream that was begun",
    request: HttpRequest.put(url, { body: HttpBody.stream(pieces("abc"), { length: 3 }) }),
    wire: `${head("PUT", "Content-Length: 3")}abc`
  }
]

describe("a 408 on a used connection", () => {
  for (const { name, request, wire } of repeated) {
    for (let at = 0; at < 2; at++) {
      const reply = at === 0
        ? [T.reply(idleTimeout)]
        : [...idleTimeout.replace("2\r\n\r\nno", "0\r\n\r\n")].map((byte) => T.reply(byte))
      it.effect(`${name} is sent once more, on a new connection${at === 0 ? "" : ", though it comes byte by byte"}`, () =>
        contained(Effect.gen(function*() {
          const kit = yield* warmed([T.expect(wire), ...reply], [
            T.connection(T.expect(wire), T.reply(ok("done")))
          ])
          const response = yield* kit.pool.execute(request)
          assert.deepStrictEqual([response.status, response.resends, yield* response.text], [200, 1, "done"])
          assert.isFalse(response.connection.reused)
          assert.deepStrictEqual(eventsOf(kit.events, "Retry").map(({ error }) => [error._tag, error.context.status]), [
            ["StatusError", 408]
          ])
          yield* kit.transport.verify
          yield* holds(kit.pool, { idle: 1 })
        })))
    }
  }

  for (const { name, request, wire } of delivered) {
    it.effect(`${name} is answered with it, because it must not happen twice`, () =>
      contained(Effect.gen(function*() {
        const { pool } = yield* warmed([T.expect(wire), T.reply(idleTimeout)])
        const response = yield* pool.execute(request)
        assert.deepStrictEqual([response.status, response.resends, yield* response.text], [408, 0, "no"])
      })))
  }

  it.effect("POST whose body was held back is sent once more, because the server cannot have it", () =>
    contained(Effect.gen(function*() {
      const expecting = head("POST", "Content-Length: 3", "Expect: 100-continue")
      const { pool, transport } = yield* warmed([T.expect(expecting), T.reply(idleTimeout)], [
        T.connection(
          T.expect(expecting),
          T.reply("HTTP/1.1 100 Continue\r\n\r\n"),
          T.expect("abc"),
          T.reply(ok("done"))
        )
      ])
      const response = yield* pool.execute(HttpRequest.post(url, { body: bytes, expectContinue: true }))
      assert.deepStrictEqual([response.status, response.resends, yield* response.text], [200, 1, "done"])
      yield* transport.verify
    })))

  it.effect("is delivered the second time", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* warmed([anyHead, T.reply(idleTimeout)], [T.connection(anyHead, T.reply(idleTimeout))])
      const response = yield* pool.execute(get("/x"))
      assert.deepStrictEqual([response.status, response.resends], [408, 1])
      yield* response.close
    })))

  it.effect("is delivered behind an interim response, which shows that the server had the request", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* warmed([anyHead, T.reply(`HTTP/1.1 102 Processing\r\n\r\n${idleTimeout}`)])
      const response = yield* pool.execute(get("/x"))
      assert.deepStrictEqual([response.status, response.resends], [408, 0])
      yield* response.close
    })))

  it.effect("on the first request of a fresh connection is delivered", () =>
    contained(Effect.gen(function*() {
      const { events, pool } = yield* watchedPool([T.connection(anyHead, T.reply(idleTimeout))])
      const response = yield* pool.execute(get("/x"))
      assert.deepStrictEqual([response.status, response.resends], [408, 0])
      yield* response.close
      assert.notInclude(tags(events), "Retry")
    })))

  it.effect("through the platform's client is repeated too", () =>
    contained(Effect.gen(function*() {
      const { client } = yield* clientTo([
        T.connection(anyHead, T.reply(ok("1")), anyHead, T.reply(idleTimeout)),
        T.connection(anyHead, T.reply(ok("2")))
      ])
      for (const expected of ["1", "2"]) {
        const response = yield* quietly(client.get(url))
        assert.strictEqual(yield* response.text, expected)
      }
    })))
})
