/**
 * Servers of HTTP/1.0 as a table of the wire: when a connection persists (RFC 9112 section 9.3), where a body ends, and what such a server
 * is not sent. What concerns bodies of unknown length is in `legacy.test.ts`.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { bytesOf, contained, failsWith, getHead } from "../connection/harness.ts"
import { get, holds, poolOver, textOf } from "./harness.ts"

interface Row {
  readonly name: string
  readonly method?: string
  readonly reply: string
  readonly text: string
  readonly framing: "none" | "length" | "close"
  readonly keeps: boolean
}

const head = (...lines: ReadonlyArray<string>): string => [...lines, "", ""].join("\r\n")

const rows: ReadonlyArray<Row> = [
  {
    name: "a length, and no word of the connection",
    reply: `${head("HTTP/1.0 200 OK", "Content-Length: 3")}old`,
    text: "old",
    framing: "length",
    keeps: false
  },
  {
    name: "a length and keep-alive",
    reply: `${head("HTTP/1.0 200 OK", "Connection: Keep-Alive", "Content-Length: 3")}old`,
    text: "old",
    framing: "length",
    keeps: true
  },
  {
    name: "a length, keep-alive, and close, which wins",
    reply: `${head("HTTP/1.0 200 OK", "Connection: keep-alive, close", "Content-Length: 3")}old`,
    text: "old",
    framing: "length",
    keeps: false
  },
  {
    name: "no length: the body ends with the connection",
    reply: `${head("HTTP/1.0 200 OK")}old`,
    text: "old",
    framing: "close",
    keeps: false
  },
  {
    name: "no length and keep-alive: the body still ends with the connection",
    reply: `${head("HTTP/1.0 200 OK", "Connection: keep-alive")}old`,
    text: "old",
    framing: "close",
    keeps: false
  },
  {
    name: "204 and keep-alive",
    reply: head("HTTP/1.0 204 No Content", "Connection: keep-alive"),
    text: "",
    framing: "none",
    keeps: true
  },
  {
    name: "304 and keep-alive",
    reply: head("HTTP/1.0 304 Not Modified", "Connection: keep-alive", "Content-Length: 3"),
    text: "",
    framing: "none",
    keeps: true
  },
  {
    name: "HEAD and keep-alive",
    method: "HEAD",
    reply: head("HTTP/1.0 200 OK", "Connection: keep-alive", "Content-Length: 3"),
    text: "",
    framing: "none",
    keeps: true
  },
  {
    name: "a minor version that is not known, which is read as 1.1",
    reply: `${head("HTTP/1.9 200 OK", "Content-Length: 3")}new`,
    text: "new",
    framing: "length",
    keeps: true
  }
]

describe("an answer of HTTP/1.0", () => {
  for (const { framing, keeps, method = "GET", name, reply, text } of rows) {
    it.effect(`with ${name}, at every split`, () =>
      Effect.gen(function*() {
        for (let at = 1; at <= reply.length; at++) {
          yield* contained(Effect.gen(function*() {
            const { pool, transport } = yield* poolOver([
              T.connection(
                T.expect(getHead().replace("GET", method)),
                T.reply(reply.slice(0, at)),
                ...(at < reply.length ? [T.reply(reply.slice(at))] : []),
                ...(keeps ? [] : [T.eof])
              )
            ])
            const response = yield* pool.execute(HttpRequest.make(method, "http://a.test/"))
            assert.deepStrictEqual([yield* response.text, response.framing], [text, framing], `split at ${at}`)
            yield* holds(pool, keeps ? { idle: 1 } : {})
            yield* transport.verify
          }))
        }
      }))
  }

  it.effect("with chunks is refused, because the version has none", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([
        T.connection(
          T.expect(getHead()),
          T.reply(`${head("HTTP/1.0 200 OK", "Transfer-Encoding: chunked")}3\r\nold\r\n0\r\n\r\n`)
        )
      ])
      yield* failsWith(pool.execute(get()), "FramingConflict")
    })))

  it.effect("in front of which an interim response stands is accepted, though such a server sends none", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([
        T.connection(
          T.expect(getHead()),
          T.reply(`${head("HTTP/1.0 100 Continue")}${head("HTTP/1.0 200 OK", "Content-Length: 3")}old`),
          T.eof
        )
      ])
      const response = yield* pool.execute(get())
      assert.deepStrictEqual(response.informational.map(({ status }) => status), [100])
      assert.strictEqual(yield* response.text, "old")
    })))
})

describe("a server that is known to speak HTTP/1.0", () => {
  const old = `${head("HTTP/1.0 200 OK", "Content-Length: 3")}old`
  const posted = HttpRequest.post("http://a.test/", { body: HttpBody.bytes(bytesOf("abc")), expectContinue: true })
  const plain = `${head("POST / HTTP/1.1", "Host: a.test", "Content-Length: 3")}abc`
  const expecting = head("POST / HTTP/1.1", "Host: a.test", "Content-Length: 3", "Expect: 100-continue")

  it.effect("is sent no expectation, until it has answered in HTTP/1.1", () =>
    contained(Effect.gen(function*() {
      const modern = `${head("HTTP/1.1 200 OK", "Content-Length: 3")}new`
      const { pool, transport } = yield* poolOver([
        T.connection(T.expect(getHead()), T.reply(old), T.eof),
        T.connection(T.expect(plain), T.reply(old), T.eof),
        T.connection(
          T.expect(getHead()),
          T.reply(modern),
          T.expect(expecting),
          T.reply("HTTP/1.1 100 Continue\r\n\r\n"),
          T.expect("abc"),
          T.reply(modern)
        )
      ])
      assert.strictEqual(yield* textOf(pool, get()), "old")
      assert.strictEqual(yield* textOf(pool, posted), "old")
      assert.strictEqual(yield* textOf(pool, get()), "new")
      assert.strictEqual(yield* textOf(pool, posted), "new")
      yield* transport.verify
    })))

  it.effect("is sent an expectation of the caller's own field", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(T.expect(getHead()), T.reply(old), T.eof),
        T.connection(T.expect(expecting), T.reply(old), T.eof)
      ])
      yield* textOf(pool, get())
      const own = HttpRequest.post("http://a.test/", {
        body: HttpBody.bytes(bytesOf("abc")),
        headers: { Expect: "100-continue" }
      })
      assert.strictEqual(yield* textOf(pool, own), "old")
      yield* transport.verify
    })))
})
