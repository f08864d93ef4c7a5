/** Trailers both ways: `TE: trailers` (RFC 9110 section 10.1.4), and the trailers of a response on each face. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as HttpBody from "../src/HttpBody.ts"
import * as HttpFields from "../src/HttpFields.ts"
import * as HttpRequest from "../src/HttpRequest.ts"
import * as PooledHttpClient from "../src/PooledHttpClient.ts"
import * as Proxy from "../src/Proxy.ts"
import * as T from "../src/TestTransport.ts"
import { bytesOf, connected, contained, failsWith } from "./connection/harness.ts"
import { clientTo, quietly } from "./platform/kit.ts"
import { poolOver } from "./pool/harness.ts"

const wire = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Digest\r\n\r\n"
  + "3\r\nabc\r\n0\r\nDigest: sha-256=x\r\nContent-Length: 7\r\nServer-Timing: a\r\n\r\n"

const headOf = (...fields: ReadonlyArray<string>): string =>
  `GET / HTTP/1.1\r\nHost: a.test\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n`

const wanted = headOf("Connection: TE", "TE: trailers")
const got = [["Digest", "sha-256=x"], ["Server-Timing", "a"]]

const linesOf = (fields: HttpFields.HttpFields) => HttpFields.entries(fields).map(([name, value]) => [name, value])

describe("`acceptTrailers` sends `TE: trailers`, and the trailers arrive", () => {
  it.effect("on a connection", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(wanted), T.reply(wire))
      const response = yield* connection.execute(HttpRequest.get("/", { acceptTrailers: true }))
      assert.deepStrictEqual(linesOf(yield* response.trailers), got)
      // They are never merged into the fields of the head (RFC 9110 section 6.5.1).
      assert.isUndefined(response.getHeader("digest"))
      yield* transport.verify
    })))

  it.effect("in a pool", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([T.connection(T.expect(wanted), T.reply(wire))])
      const response = yield* pool.execute(HttpRequest.get("http://a.test/", { acceptTrailers: true }))
      assert.deepStrictEqual(linesOf(yield* response.trailers), got)
      yield* transport.verify
    })))

  it.effect("with the platform's client", () =>
    contained(Effect.gen(function*() {
      const { client, transport } = yield* clientTo([T.connection(T.expect(wanted), T.reply(wire))])
      const response = yield* quietly(client.get("http://a.test/")).pipe(
        PooledHttpClient.withOptions({ acceptTrailers: true })
      )
      assert.isTrue(PooledHttpClient.isPooledResponse(response))
      if (!PooledHttpClient.isPooledResponse(response)) return
      assert.deepStrictEqual(linesOf(yield* response.trailers), got)
      yield* transport.verify
    })))

  it.effect("and through a proxy it is named in the one line of Connection", () =>
    contained(Effect.gen(function*() {
      const proxy = Either.getOrThrow(
        Proxy.make({ host: "proxy.test", port: 3128, credentials: { username: "u", password: "p" } as never })
      )
      const { pool, transport } = yield* poolOver([T.connection(T.discardUntil("\r\n\r\n"), T.reply(wire))], { proxy })
      yield* Effect.flatMap(
        pool.execute(HttpRequest.get("http://a.test/", { acceptTrailers: true })),
        ({ bytes }) => bytes
      )
      assert.include(transport.written(0), "TE: trailers\r\n")
      assert.lengthOf(transport.written(0).match(/^Connection:.*\bTE\b/gm) ?? [], 1)
    })))

  it.effect("a field of the caller's is kept", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(wanted), T.reply(wire))
      yield* connection.execute(HttpRequest.get("/", { acceptTrailers: true, headers: { TE: "trailers" } }))
      yield* transport.verify
    })))

  it.effect("they arrive without it too", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(headOf()), T.reply(wire))
      const response = yield* connection.execute(HttpRequest.get("/"))
      assert.deepStrictEqual(linesOf(yield* response.trailers), got)
    })))
})

describe("TE", () => {
  for (const value of ["trailers", "Trailers", " trailers ", "", "trailers, trailers"]) {
    it.effect(`may be ${JSON.stringify(value)}`, () =>
      contained(Effect.gen(function*() {
        const { connection } = yield* connected(T.discardUntil("\r\n\r\n"), T.reply(wire))
        yield* connection.execute(HttpRequest.get("/", { headers: { TE: value } }))
      })))
  }
  for (const value of ["gzip", "trailers, deflate;q=0.5", "chunked", "trailers;q=1", "compress"]) {
    it.effect(`must not be ${JSON.stringify(value)}, whose coding could not be decoded`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connected()
        const error = yield* failsWith(
          connection.execute(HttpRequest.get("/", { headers: { TE: value } })),
          "ForbiddenHeader"
        )
        assert.strictEqual(error.field, "TE")
        assert.deepStrictEqual(transport.opened, [])
      })))
  }
})

describe("trailers of a request", () => {
  it.effect("go beside `TE: trailers`, each announced in its own field", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(
          "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nConnection: TE\r\nTrailer: Sum\r\n"
            + "TE: trailers\r\n\r\n3\r\nabc\r\n0\r\nSum: 6\r\n\r\n"
        ),
        T.reply(wire)
      )
      const response = yield* connection.execute(
        HttpRequest.post("/", {
          body: HttpBody.bytes(bytesOf("abc")),
          trailers: { Sum: "6" },
          acceptTrailers: true
        })
      )
      assert.deepStrictEqual(linesOf(yield* response.trailers), got)
      yield* transport.verify
    })))
})
