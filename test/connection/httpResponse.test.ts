/**
 * Every member of `http.client.HTTPResponse`, by its name here: what docs/http-client.md says of each is shown over one connection.
 *
 * Framings, splits and failures in the middle of a body are in response.test.ts.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as HttpFields from "../../src/HttpFields.ts"
import type { HttpResponse } from "../../src/HttpResponse.ts"
import * as T from "../../src/TestTransport.ts"
import { asked, head, ok, one, over, settled } from "./over.ts"

/** The response to a GET that is answered by these steps. */
const answered = <A, E>(
  steps: ReadonlyArray<T.Step>,
  use: (response: HttpResponse, isOpen: Effect.Effect<boolean>) => Effect.Effect<A, E>
) =>
  over(one(T.expect(asked("GET /")), ...steps), (connection) =>
    Effect.gen(function*() {
      yield* connection.request("GET", "/")
      return yield* use(yield* connection.getResponse, connection.isOpen)
    }))

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1")

const hello = [T.reply(ok("hello world"))]

describe("read", () => {
  it.effect("gives the whole body as bytes", () =>
    answered(hello, (response) =>
      Effect.gen(function*() {
        assert.strictEqual(text(yield* response.bytes), "hello world")
      })))

  it.effect("gives n bytes, fewer only at the end, and none after it", () =>
    answered(hello, (response) =>
      Effect.gen(function*() {
        assert.strictEqual(text(yield* response.read(5)), "hello")
        assert.strictEqual(text(yield* response.read(0)), "")
        assert.strictEqual(text(yield* response.read(100)), " world")
        assert.strictEqual(text(yield* response.read(1)), "")
      })))

  it.effect("gives all that is left without n, and none after it", () =>
    answered(hello, (response) =>
      Effect.gen(function*() {
        assert.strictEqual(text(yield* response.read(2)), "he")
        assert.strictEqual(text(yield* response.read()), "llo world")
        assert.strictEqual(text(yield* response.read()), "")
        assert.isTrue(yield* response.closed)
      })))

  it.effect("waits for n bytes, in however many pieces they come", () =>
    answered(
      [
        T.reply(head("HTTP/1.1 200 OK", "Content-Length: 4") + "a"),
        T.delay("1 seconds"),
        T.reply("bcd", { split: "bytes" })
      ],
      (response) =>
        Effect.gen(function*() {
          const reading = yield* Effect.fork(response.read(3))
          yield* settled
          assert.isTrue(Option.isNone(yield* Fiber.poll(reading)))
          yield* TestClock.adjust("1 seconds")
          assert.strictEqual(text(yield* Fiber.join(reading)), "abc")
          assert.strictEqual(text(yield* response.bytes), "d")
        })
    ))
})

describe("read1", () => {
  it.effect("gives what is there, at most n bytes, and waits for no more", () =>
    answered(
      [T.reply(head("HTTP/1.1 200 OK", "Content-Length: 6") + "abc"), T.delay("1 seconds"), T.reply("def")],
      (response) =>
        Effect.gen(function*() {
          assert.strictEqual(text(yield* response.read1(2)), "ab")
          assert.strictEqual(text(yield* response.read1(10)), "c")
          const reading = yield* Effect.fork(response.read1())
          yield* TestClock.adjust("1 seconds")
          assert.strictEqual(text(yield* Fiber.join(reading)), "def")
          assert.strictEqual(text(yield* response.read1()), "")
        })
    ))
})

describe("peek", () => {
  it.effect("gives what is there and leaves it there", () =>
    answered(hello, (response) =>
      Effect.gen(function*() {
        assert.strictEqual(text(yield* response.peek(4)), "hell")
        assert.strictEqual(text(yield* response.peek()), "hello world")
        assert.strictEqual(text(yield* response.bytes), "hello world")
      })))
})

describe("readInto", () => {
  it.effect("fills the buffer and says how much it put there", () =>
    answered(hello, (response) =>
      Effect.gen(function*() {
        const buffer = new Uint8Array(8)
        assert.strictEqual(yield* response.readInto(buffer), 8)
        assert.strictEqual(text(buffer), "hello wo")
        assert.strictEqual(yield* response.readInto(buffer), 3)
        assert.strictEqual(text(buffer), "rldlo wo")
        assert.strictEqual(yield* response.readInto(buffer), 0)
      })))
})

describe("readLine and lines", () => {
  const body = [T.reply(ok("one\ntwo\r\n\nlast"), { split: "bytes" })]

  it.effect("readLine gives a line with its end, at most limit bytes, and nothing after the last", () =>
    answered(body, (response) =>
      Effect.gen(function*() {
        const lines = []
        for (const limit of [undefined, 2, undefined, undefined, undefined, undefined]) {
          lines.push(text(yield* response.readLine(limit)))
        }
        assert.deepStrictEqual(lines, ["one\n", "tw", "o\r\n", "\n", "last", ""])
      })))

  it.effect("lines gives the lines as text without their ends", () =>
    answered(body, (response) =>
      Effect.gen(function*() {
        const lines = yield* Stream.runCollect(response.lines)
        assert.deepStrictEqual(Chunk.toReadonlyArray(lines), ["one", "two", "", "last"])
      })))
})

describe("fields", () => {
  const fields = [T.reply(ok("", "X-A: 1", "x-a: 2", "Set-Cookie: a=1, 2", "Set-Cookie: b=2", "X-Fold: a\r\n b"))]

  it.effect("getHeader ignores case, joins several values by commas, and has a default", () =>
    answered(fields, (response) =>
      Effect.sync(() => {
        assert.strictEqual(response.getHeader("x-A"), "1, 2")
        assert.isUndefined(response.getHeader("X-B"))
        assert.strictEqual(response.getHeader("X-B", "none"), "none")
        assert.strictEqual(response.getHeader("X-A", "none"), "1, 2")
      })))

  it.effect("getHeader gives the first Set-Cookie, because cookies have commas in them", () =>
    answered(fields, (response) =>
      Effect.sync(() => {
        assert.strictEqual(response.getHeader("set-cookie"), "a=1, 2")
        assert.deepStrictEqual(HttpFields.getAll(response.fields, "set-cookie"), ["a=1, 2", "b=2"])
      })))

  it.effect("getHeaders gives all pairs, in order and as spelled", () =>
    answered(fields, (response) =>
      Effect.sync(() => {
        assert.deepStrictEqual(response.getHeaders, [
          ["X-A", "1"],
          ["x-a", "2"],
          ["Set-Cookie", "a=1, 2"],
          ["Set-Cookie", "b=2"],
          ["X-Fold", "a b"],
          ["Content-Length", "0"]
        ])
        assert.deepStrictEqual(response.getHeaders, HttpFields.entries(response.fields))
      })))

  it.effect("are ISO-8859-1", () =>
    answered(
      [T.reply(ok("", "X: \xe9"))],
      (response) => Effect.sync(() => assert.strictEqual(response.getHeader("X"), "é"))
    ))
})

describe("the status line", () => {
  it.effect.each<readonly [line: string, version: number, status: number, reason: string]>([
    ["HTTP/1.1 200 OK", 11, 200, "OK"],
    ["HTTP/1.0 404 Not Found here", 10, 404, "Not Found here"],
    ["HTTP/1.1 599 ", 11, 599, ""],
    ["HTTP/1.1 204", 11, 204, ""],
    ["HTTP/1.1 200 \xe9", 11, 200, "é"]
  ])(
    "%j has version %i, status %i and reason %j",
    ([line, version, status, reason]) =>
      answered([T.reply(head(line, "Content-Length: 0"))], (response) =>
        Effect.sync(() => {
          assert.deepStrictEqual([response.version, response.status, response.reason], [version, status, reason])
        }))
  )
})

describe("url", () => {
  it.effect("is the URL that was asked for", () =>
    over(one(T.expect(asked("GET /a?b=c")), T.reply(ok())), (connection) =>
      Effect.gen(function*() {
        yield* connection.request("GET", "/a?b=c#d")
        assert.strictEqual((yield* connection.getResponse).url, "http://a.test/a?b=c")
      })))
})

describe("the end of the body", () => {
  it.effect.each(
    [
      ["none", head("HTTP/1.1 204 No Content"), true],
      ["length", ok("abc"), true],
      ["chunked", head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n", true],
      ["close", head("HTTP/1.1 200 OK") + "abc", false]
    ] as const
  )(
    "is told by framing: %s",
    ([framing, answer, persists]) =>
      answered([T.reply(answer), ...persists ? [] : [T.eof]], (response, isOpen) =>
        Effect.gen(function*() {
          assert.strictEqual(response.framing, framing)
          assert.strictEqual(text(yield* response.bytes), framing === "none" ? "" : "abc")
          assert.strictEqual(yield* isOpen, persists)
        }))
  )

  it.effect("makes the response closed, and not before all was read", () =>
    answered(hello, (response) =>
      Effect.gen(function*() {
        assert.isFalse(yield* response.closed)
        yield* response.read(5)
        assert.isFalse(yield* response.closed)
        yield* response.bytes
        assert.isTrue(yield* response.closed)
      })))

  it.effect("is not waited for by close, after which there is nothing to read", () =>
    answered(
      [T.reply(head("HTTP/1.1 200 OK", "Content-Length: 9") + "abc"), T.expectDestroy],
      (response, isOpen) =>
        Effect.gen(function*() {
          yield* response.close
          yield* response.close
          assert.isTrue(yield* response.closed)
          assert.isFalse(yield* isOpen)
          const error = yield* Effect.flip(response.read(1))
          assert.deepInclude(error, { _tag: "BodyAlreadyConsumed", by: "close" })
        })
    ))
})

describe("the connection of a response", () => {
  it.effect("is told as data, where Python gives a file descriptor", () =>
    answered(hello, (response) =>
      Effect.sync(() => {
        const { localPort, remoteAddress, remotePort, requestsServed, reused } = response.connection
        assert.deepStrictEqual([remoteAddress, remotePort, reused, requestsServed], ["a.test", 80, false, 0])
        assert.isNumber(localPort)
      })))
})
