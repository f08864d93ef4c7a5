/** QUERY (RFC 10008) on all faces: content with a media type, repeated as GET is, and redirected with its content. */
import * as PlatformBody from "@effect/platform/HttpBody"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as ConnectionPool from "../src/ConnectionPool.ts"
import * as HttpBody from "../src/HttpBody.ts"
import * as HttpError from "../src/HttpError.ts"
import * as HttpRequest from "../src/HttpRequest.ts"
import { rewrite } from "../src/internal/platform/redirectRules.ts"
import { isIdempotent } from "../src/internal/repeat.ts"
import * as PlatformRequest from "../src/PlatformRequest.ts"
import * as PooledHttpClient from "../src/PooledHttpClient.ts"
import * as T from "../src/TestTransport.ts"
import { bytesOf, chunk, connected, contained, failsWith, ok, pieces, textOf } from "./connection/harness.ts"
import { clientTo, failsWith as platformFailsWith, quietly } from "./platform/kit.ts"
import { poolOver } from "./pool/harness.ts"
import { warmed } from "./pool/over.ts"

const url = "http://a.test/contacts"

const head = (...fields: ReadonlyArray<string>): string =>
  `QUERY /contacts HTTP/1.1\r\nHost: a.test\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n`

const wire = `${head("Content-Type: application/json", "Content-Length: 14")}{"name":"ann"}`

const retryAtOnce = Schedule.forever

const asked = HttpRequest.query(url, { json: { name: "ann" } })

describe("QUERY is sent", () => {
  const rows: ReadonlyArray<readonly [name: string, request: HttpRequest.HttpRequest, wire: string]> = [
    ["with JSON", asked, wire],
    [
      "with a form",
      HttpRequest.query(url, { form: { q: "a b" } }),
      `${head("Content-Type: application/x-www-form-urlencoded", "Content-Length: 5")}q=a+b`
    ],
    [
      "with the field of the caller",
      HttpRequest.query(url, { body: HttpBody.bytes(bytesOf("$..a")), headers: { "Content-Type": "text/jsonpath" } }),
      `${head("Content-Length: 4", "Content-Type: text/jsonpath")}$..a`
    ],
    [
      "with a stream",
      HttpRequest.query(url, { body: HttpBody.stream(pieces("$"), { contentType: "text/jsonpath" }) }),
      `${head("Content-Type: text/jsonpath", "Transfer-Encoding: chunked")}${chunk("$")}0\r\n\r\n`
    ],
    [
      "without content, whose length is announced",
      HttpRequest.query(url, { headers: { "Content-Type": "text/jsonpath" } }),
      head("Content-Length: 0", "Content-Type: text/jsonpath")
    ]
  ]

  for (const [name, request, wire] of rows) {
    it.effect(`${name}, by a pool`, () =>
      contained(Effect.gen(function*() {
        const { pool, transport } = yield* poolOver([T.connection(T.expect(wire), T.reply(ok("found")))])
        assert.strictEqual(yield* Effect.flatMap(pool.execute(request), ({ text }) => text), "found")
        yield* transport.verify
      })))

    it.effect(`${name}, by a connection`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connected(T.expect(wire), T.reply(ok("found")))
        assert.strictEqual(yield* textOf(connection, request), "found")
        yield* transport.verify
      })))
  }

  it.effect("by the platform's client", () =>
    contained(Effect.gen(function*() {
      const body = "{\"name\":\"ann\"}"
      const { client, transport } = yield* clientTo([T.connection(T.discardUntil(body), T.reply(ok("found")))])
      const request = PlatformRequest.query(url, { body: PlatformBody.unsafeJson({ name: "ann" }) })
      assert.strictEqual(yield* (yield* quietly(client.execute(request))).text, "found")
      assert.match(transport.written(0), /^QUERY \/contacts HTTP\/1\.1\r\n/)
      assert.match(transport.written(0), /content-type: application\/json\r\n/i)
    })))
})

describe("QUERY without a media type is refused before anything is opened", () => {
  const rows = {
    bytes: { body: HttpBody.bytes(bytesOf("x")) },
    "a stream": { body: HttpBody.stream(pieces("x")) },
    "no content": {}
  }
  for (const [name, input] of Object.entries(rows)) {
    it.effect(name, () =>
      contained(Effect.gen(function*() {
        const { pool, transport } = yield* poolOver([])
        const error = yield* failsWith(pool.execute(HttpRequest.query(url, input)), "UnsupportedBody")
        assert.include(error.message, "Content-Type")
        assert.deepStrictEqual(transport.opened, [])
      })))
  }

  it.effect("by the platform's client", () =>
    contained(Effect.gen(function*() {
      const { client } = yield* clientTo([])
      yield* platformFailsWith(
        client.execute(PlatformRequest.query(url)),
        "RequestError",
        "Encode",
        "UnsupportedBody"
      )
    })))
})

describe("QUERY is idempotent", () => {
  it("for all rules of repetition", () => {
    assert.isTrue(isIdempotent({ method: "QUERY" }))
    // Methods are case-sensitive.
    assert.isFalse(isIdempotent({ method: "query" }))
    const error = new HttpError.ReadError({ code: "ECONNRESET", cause: undefined })
    const context = { ...error.context, processed: "Unknown" as const, replayable: true }
    assert.isTrue(HttpError.mayRepeat(Object.assign(error, { context }), asked))
  })

  it.effect("so a pool sends it once more after a stale connection", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* warmed([T.expect(wire), T.eof], [
        T.connection(T.expect(wire), T.reply(ok("found")))
      ])
      const response = yield* pool.execute(asked)
      assert.deepStrictEqual([response.resends, yield* response.text], [1, "found"])
      yield* transport.verify
    })))

  it.effect("and `retry` after a 503, without an Idempotency-Key", () =>
    contained(Effect.gen(function*() {
      const busy = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
      const kit = yield* poolOver([
        T.connection(T.expect(wire), T.reply(busy), T.expect(wire), T.reply(ok("found")))
      ])
      const pool = ConnectionPool.retry(kit.pool, { schedule: retryAtOnce, idempotencyKey: true })
      assert.strictEqual(yield* Effect.flatMap(pool.execute(asked), ({ text }) => text), "found")
      yield* kit.transport.verify
    })))
})

describe("QUERY is redirected", () => {
  // RFC 10008: the exception for POST after 301 and 302 is not for QUERY.
  const rows = [
    [301, "QUERY", true],
    [302, "QUERY", true],
    [303, "GET", false],
    [307, "QUERY", true],
    [308, "QUERY", true]
  ] as const
  for (const [status, method, keepsBody] of rows) {
    it(`by ${status} to ${method}, ${keepsBody ? "with" : "without"} its content`, () => {
      assert.deepStrictEqual(rewrite(status, "QUERY" as HttpMethod), { method: method as HttpMethod, keepsBody })
    })
  }

  it.effect("through the platform's client", () =>
    contained(Effect.gen(function*() {
      const body = "{\"name\":\"ann\"}"
      const { client, transport } = yield* clientTo([
        T.connection(
          T.discardUntil(body),
          T.reply("HTTP/1.1 302 Found\r\nLocation: /people\r\nContent-Length: 0\r\n\r\n"),
          T.discardUntil(body),
          T.reply(ok("found"))
        )
      ])
      const following = PooledHttpClient.followRedirects(client)
      const request = PlatformRequest.query(url, { body: PlatformBody.unsafeJson({ name: "ann" }) })
      assert.strictEqual(yield* (yield* quietly(following.execute(request))).text, "found")
      assert.include(transport.written(0), "QUERY /people HTTP/1.1\r\n")
    })))
})
