/** What a response says of its exchange: framing without a body, informational responses, options of the request, timings. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpFields from "../../src/HttpFields.ts"
import * as HttpLeniency from "../../src/HttpLeniency.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { connected, connectTo, failsWith, getHead, lengthHead, ok, started, textOf } from "./harness.ts"

describe("responses without a body", () => {
  const cases: ReadonlyArray<readonly [name: string, method: string, response: string]> = [
    ["HEAD with a Content-Length", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"],
    ["HEAD with chunked", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ["204", "GET", "HTTP/1.1 204 No Content\r\n\r\n"],
    ["304 with a Content-Length", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"]
  ]
  for (const [name, method, response] of cases) {
    it.scoped(`${name}: the next response follows at once`, () =>
      Effect.gen(function*() {
        const { connection, transport } = yield* connected(
          T.discardUntil("\r\n\r\n"),
          T.reply(response),
          T.expect(getHead()),
          T.reply(ok("next"))
        )
        const first = yield* connection.execute(HttpRequest.make(method, "/"))
        assert.strictEqual(first.framing, "none")
        assert.strictEqual((yield* first.bytes).length, 0)
        assert.isTrue(yield* first.closed)
        assert.strictEqual(yield* textOf(connection, HttpRequest.get("/")), "next")
        yield* transport.verify
      }))
  }
})

describe("informational responses", () => {
  it.scoped("are kept in order, and the final one is the response", () =>
    Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(getHead()),
        T.reply("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nLink: </b.css>\r\n\r\n", {
          split: "bytes"
        }),
        T.reply(ok("done"))
      )
      const response = yield* connection.execute(HttpRequest.get("/"))
      assert.deepStrictEqual(
        response.informational.map(({ fields, reason, status }) => [status, reason, HttpFields.entries(fields)]),
        [
          [102, "Processing", []],
          [103, "Early Hints", [["Link", "</a.css>"], ["Link", "</b.css>"]]]
        ]
      )
      assert.strictEqual(response.status, 200)
      assert.strictEqual(yield* response.text, "done")
    }))
})

describe("options of a request", () => {
  it.scoped("limits of the request win over those of the connection, for this request alone", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectTo([
        T.connection(T.expect(getHead()), T.reply(ok("12345"))),
        T.connection(T.expect(getHead()), T.reply(ok("12345")), T.expect(getHead()), T.reply(ok("1234567890")))
      ], { limits: { body: 6 } })
      yield* failsWith(textOf(connection, HttpRequest.get("/", { limits: { body: 4 } })), "BodyTooLarge")
      assert.strictEqual(yield* textOf(connection, HttpRequest.get("/")), "12345")
      const wide = HttpRequest.get("/", { limits: { body: 10 } })
      assert.strictEqual(yield* textOf(connection, wide), "1234567890")
    }))

  it.scoped("leniency of the request wins over that of the connection", () =>
    Effect.gen(function*() {
      const bare = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"
      const { connection } = yield* connectTo([
        T.connection(T.expect(getHead()), T.reply(bare)),
        T.connection(T.expect(getHead()), T.reply(bare))
      ])
      const lenient = HttpRequest.get("/", { leniency: HttpLeniency.make({ bareLf: true }) })
      assert.strictEqual(yield* textOf(connection, lenient), "ok")
      yield* failsWith(textOf(connection, HttpRequest.get("/")), "BadStatusLine")
    }))
})

describe("timings", () => {
  it.scoped("tell connect, send, wait and body apart, on the clock", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectTo([
        T.openAfter(
          "1 second",
          T.connection(
            T.expect(lengthHead(70_000)),
            T.blockWrites,
            T.delay("2 seconds"),
            T.unblockWrites,
            T.discard(70_000),
            T.delay("4 seconds"),
            T.reply(ok("12").slice(0, -1)),
            T.delay("8 seconds"),
            T.reply("2")
          )
        )
      ])
      const fiber = yield* started(
        Effect.tap(
          connection.execute(HttpRequest.post("/", { body: HttpBody.bytes(new Uint8Array(70_000)) })),
          (response) => response.bytes
        )
      )
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("2 seconds")
      yield* TestClock.adjust("4 seconds")
      yield* TestClock.adjust("8 seconds")
      const { timings } = yield* fiber
      assert.deepStrictEqual(timings, {
        dns: undefined,
        connect: 1000,
        tls: undefined,
        proxy: undefined,
        send: 2000,
        wait: 4000,
        body: 8000,
        total: 15_000
      })
    }))

  it.scoped("of a reused connection have no connect", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectTo([
        T.openAfter("1 second", T.connection(T.expect(getHead()), T.reply(ok()), T.expect(getHead()), T.reply(ok())))
      ])
      const first = yield* started(connection.execute(HttpRequest.get("/")))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* first).timings.connect, 1000)
      const second = yield* connection.execute(HttpRequest.get("/"))
      assert.deepInclude(second.timings, { connect: undefined, send: 0, wait: 0, body: 0, total: 0 })
    }))
})
