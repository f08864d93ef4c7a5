/** What a response says of itself, and bodies as text, JSON and lines. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { inspect } from "node:util"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as HttpResponse from "../../src/HttpResponse.ts"
import * as T from "../../src/TestTransport.ts"
import { bytesOf, connected, failsWith, getHead, host, ok } from "./harness.ts"

const responseOf = (reply: string | Uint8Array, split?: T.Split) =>
  Effect.flatMap(
    connected(T.expect(getHead()), T.reply(reply, { split })),
    ({ connection }) => connection.execute(HttpRequest.get("/"))
  )

describe("a head", () => {
  it.scoped("has version, status, reason, URL and framing", () =>
    Effect.gen(function*() {
      const response = yield* responseOf("HTTP/1.1 404 Not Here\r\nContent-Length: 2\r\n\r\nno")
      assert.isTrue(HttpResponse.isHttpResponse(response))
      assert.deepInclude(
        {
          ...response,
          version: response.version,
          status: response.status,
          reason: response.reason,
          url: response.url,
          framing: response.framing
        },
        { version: 11, status: 404, reason: "Not Here", url: `http://${host}/`, framing: "length" }
      )
    }))

  it.scoped("tells on which connection it came", () =>
    Effect.gen(function*() {
      const { connection } = yield* responseOf(ok())
      assert.deepInclude(connection, {
        reused: false,
        requestsServed: 0,
        remoteAddress: host,
        remotePort: 80,
        localAddress: "127.0.0.1"
      })
    }))

  it.scoped("gives a field by its name in any case, several joined, and a default where there is none", () =>
    Effect.gen(function*() {
      const response = yield* responseOf(ok("", "Accept: a", "X-One: 1", "accept: b"))
      assert.strictEqual(response.getHeader("ACCEPT"), "a, b")
      assert.strictEqual(response.getHeader("x-one", "other"), "1")
      assert.strictEqual(response.getHeader("X-None"), undefined)
      assert.strictEqual(response.getHeader("X-None", "default"), "default")
      assert.strictEqual(response.getHeader("X-None", 3), 3)
    }))

  it.scoped("gives the first Set-Cookie alone, because they cannot be joined", () =>
    Effect.gen(function*() {
      const response = yield* responseOf(ok("", "Set-Cookie: a=1", "Set-Cookie: b=2"))
      assert.strictEqual(response.getHeader("set-cookie"), "a=1")
      assert.strictEqual(response.getHeaders.filter(([name]) => name === "Set-Cookie").length, 2)
    }))

  it.scoped("gives all fields as they came, in order", () =>
    Effect.gen(function*() {
      const response = yield* responseOf(ok("", "b: 1", "A: 2", "B: 3", "__proto__: 4"))
      assert.deepStrictEqual(response.getHeaders, [["b", "1"], ["A", "2"], ["B", "3"], ["__proto__", "4"], [
        "Content-Length",
        "0"
      ]])
    }))

  it.scoped("shows no secret as JSON", () =>
    Effect.gen(function*() {
      const response = yield* responseOf(ok("hidden", "Set-Cookie: session=abcdef"))
      const json = JSON.stringify(response)
      assert.include(json, `"status":200`)
      assert.notInclude(json, "abcdef")
      assert.notInclude(json, "hidden")
    }))
})

describe("text", () => {
  const typed = (contentType: string | undefined, bytes: Uint8Array): Uint8Array =>
    Buffer.concat([
      Buffer.from(
        `HTTP/1.1 200 OK\r\n${
          contentType === undefined ? "" : `Content-Type: ${contentType}\r\n`
        }Content-Length: ${bytes.length}\r\n\r\n`
      ),
      bytes
    ])
  const cases: ReadonlyArray<readonly [contentType: string | undefined, bytes: Uint8Array, text: string]> = [
    [undefined, Buffer.from("grün €"), "grün €"],
    ["text/plain", Buffer.from("grün €"), "grün €"],
    ["text/plain; charset=utf-8", Buffer.from("grün €"), "grün €"],
    ["text/plain; charset=ISO-8859-1", bytesOf("gr\xfcn"), "grün"],
    [`text/plain; charset="koi8-r"`, bytesOf("\xc1"), "а"],
    ["text/plain; charset=utf-16le", Buffer.from("grün", "utf16le"), "grün"],
    ["text/plain", bytesOf("gr\xfcn"), "gr\ufffdn"],
    ["text/plain", Buffer.from("\ufeffabc"), "abc"]
  ]
  for (const [contentType, bytes, text] of cases) {
    it.scoped(`of ${contentType ?? "no Content-Type"} from ${Buffer.from(bytes).toString("hex")}, split everywhere`, () =>
      Effect.gen(function*() {
        const whole = yield* responseOf(typed(contentType, bytes), "bytes")
        assert.strictEqual(yield* whole.text, text)
        const lines = yield* responseOf(typed(contentType, bytes), "bytes")
        assert.deepStrictEqual([...yield* Stream.runCollect(lines.lines)], [text])
      }))
  }

  it.scoped("of a charset that is not known, and not UTF-8, is `BodyDecodeError`, and the bytes can still be had", () =>
    Effect.gen(function*() {
      const response = yield* responseOf(typed("text/plain; charset=klingon", bytesOf("a\xfc")))
      const error = yield* failsWith(response.text, "BodyDecodeError")
      assert.deepInclude(error, { format: "text" })
      assert.include(error.message, "klingon")
      assert.deepInclude(error.context, { phase: "body", fault: "Remote", processed: "Yes" })
      assert.strictEqual((yield* response.bytes).length, 2)
      const other = yield* responseOf(typed("text/plain; charset=klingon", bytesOf("a\xfc")))
      yield* failsWith(Stream.runDrain(other.lines), "BodyDecodeError")
    }))
})

describe("json", () => {
  it.scoped("is parsed", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* (yield* responseOf(ok(`{"a":[1,null]}`), "bytes")).json, { a: [1, null] })
    }))

  it.scoped("that cannot be parsed is `BodyDecodeError`, and the text can still be had", () =>
    Effect.gen(function*() {
      const response = yield* responseOf(ok("secret{"))
      const error = yield* failsWith(response.json, "BodyDecodeError")
      assert.deepInclude(error, { format: "json" })
      assert.strictEqual(
        error.message,
        "The body is not valid JSON: it cannot be parsed. The response has the status 200 and no Content-Type. "
          + "(GET http://a.test:80/)"
      )
      // The message of `JSON.parse`, which is kept as the cause, repeats a piece of the body.
      assert.include(String(error.cause), "secret")
      for (const shown of [String(error), JSON.stringify(error), inspect(error)]) assert.notInclude(shown, "secret")
      assert.strictEqual(yield* response.text, "secret{")
    }))

  it.scoped("of a schema is decoded by it, and what does not fit is the schema's `ParseError`", () =>
    Effect.gen(function*() {
      const Item = Schema.Struct({ at: Schema.DateFromString })
      const item = yield* (yield* responseOf(ok(`{"at":"2020-01-02T00:00:00.000Z"}`))).schemaJson(Item)
      assert.strictEqual(item.at.getUTCFullYear(), 2020)
      const error = yield* Effect.flip((yield* responseOf(ok(`{"at":3}`))).schemaJson(Item))
      assert.strictEqual(error._tag, "ParseError")
      yield* failsWith((yield* responseOf(ok("{"))).schemaJson(Item), "BodyDecodeError")
    }))
})

describe("lines", () => {
  const cases: ReadonlyArray<readonly [body: string, lines: ReadonlyArray<string>]> = [
    ["", []],
    ["a", ["a"]],
    ["a\n", ["a"]],
    ["a\r\nb\n\nc", ["a", "b", "", "c"]]
  ]
  for (const [body, lines] of cases) {
    it.scoped(`of ${JSON.stringify(body)} are ${JSON.stringify(lines)}, whole and byte by byte`, () =>
      Effect.gen(function*() {
        for (const split of [undefined, "bytes"] as const) {
          const response = yield* responseOf(ok(body), split)
          assert.deepStrictEqual([...yield* Stream.runCollect(response.lines)], lines)
        }
      }))
  }
})

describe("pieces", () => {
  it.scoped("of less than one byte, or of `NaN`, are empty and wait for nothing", () =>
    Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(getHead()), T.reply(ok("abc").slice(0, -3)), T.stall)
      const response = yield* connection.execute(HttpRequest.get("/"))
      for (const n of [0, 0.9, NaN]) {
        assert.strictEqual((yield* response.read(n)).length, 0)
        assert.strictEqual((yield* response.readLine(n)).length, 0)
      }
      assert.strictEqual(yield* response.readInto(new Uint8Array(0)), 0)
      assert.isFalse(yield* response.closed)
    }))

  it.scoped("of a negative number of bytes have no limit, as in Python", () =>
    Effect.gen(function*() {
      const body = ok("ab\ncdef")
      const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()
      assert.strictEqual(text(yield* (yield* responseOf(body, "bytes")).read(-1)), "ab\ncdef")
      assert.strictEqual(text(yield* (yield* responseOf(body, "bytes")).readLine(-1)), "ab\n")
      assert.strictEqual(text(yield* (yield* responseOf(body)).read1(-1)), "ab\ncdef")
      assert.strictEqual(text(yield* (yield* responseOf(body)).peek(-1)), "ab\ncdef")
    }))

  it.scoped("of a fraction of bytes are of as many whole ones", () =>
    Effect.gen(function*() {
      const response = yield* responseOf(ok("abcdefgh"), "bytes")
      const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()
      assert.strictEqual(text(yield* response.read(2.9)), "ab")
      assert.strictEqual(text(yield* response.readLine(2.5)), "cd")
      assert.strictEqual(text(yield* response.peek(1.5)), "e")
      assert.strictEqual(text(yield* response.read1(1.5)), "e")
      assert.strictEqual(yield* response.text, "fgh")
    }))

  it.scoped("of peek stay, and grow with what comes", () =>
    Effect.gen(function*() {
      const response = yield* responseOf(ok("abcdef"))
      const text = (n?: number) => Effect.map(response.peek(n), (bytes) => Buffer.from(bytes).toString())
      assert.strictEqual(yield* text(2), "ab")
      assert.strictEqual(yield* text(), "abcdef")
      yield* response.read(4)
      assert.strictEqual(yield* text(10), "ef")
      yield* response.read(2)
      assert.strictEqual(yield* text(), "")
    }))

  it.scoped("of readLine end behind the LF, at the limit, or at the end", () =>
    Effect.gen(function*() {
      const response = yield* responseOf(ok("ab\r\ncdefg\n\nhi"), 3)
      const line = (limit?: number) => Effect.map(response.readLine(limit), (bytes) => Buffer.from(bytes).toString())
      assert.deepStrictEqual(
        [yield* line(), yield* line(3), yield* line(3), yield* line(3), yield* line(1), yield* line(), yield* line()],
        ["ab\r\n", "cde", "fg\n", "\n", "h", "i", ""]
      )
    }))
})
