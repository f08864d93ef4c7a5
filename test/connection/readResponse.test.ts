/** A response that is read from bytes alone: `HTTPResponse(sock).begin()` of http.client. */
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpLeniency from "../../src/HttpLeniency.ts"
import type { HttpResponse } from "../../src/HttpResponse.ts"
import { head, latin1, ok, settled } from "./over.ts"

const chunked = head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")

/** What a response says, and what is read of it. */
const told = (response: HttpResponse) =>
  Effect.map(response.text, (text) => ({ status: response.status, framing: response.framing, text }))

const byByte = (wire: string): Stream.Stream<Uint8Array> =>
  Stream.rechunk(Stream.fromIterable(Array.from(wire, (character) => latin1(character))), 1)

describe("a response is read from", () => {
  const wires: ReadonlyArray<readonly [name: string, wire: string, framing: string, text: string]> = [
    ["a length", ok("hello"), "length", "hello"],
    ["chunks", `${chunked}5\r\nhello\r\n0\r\n\r\n`, "chunked", "hello"],
    ["until the end", head("HTTP/1.1 200 OK") + "hello", "close", "hello"],
    ["HTTP/1.0", head("HTTP/1.0 200 OK") + "hello", "close", "hello"],
    ["no body", ok(), "length", ""],
    ["a length, with bytes behind it that are none of the response", ok("hello") + ok("next"), "length", "hello"],
    ["chunks, with bytes behind them", `${chunked}5\r\nhello\r\n0\r\n\r\nextra`, "chunked", "hello"],
    [
      "an answer behind informational ones",
      head("HTTP/1.1 103 Early Hints", "Link: x") + ok("hello"),
      "length",
      "hello"
    ],
    ["a body of many reads", ok("x".repeat(300_000)), "length", "x".repeat(300_000)]
  ]

  it.effect.each(wires)("bytes: %s", ([, wire, framing, text]) =>
    Effect.scoped(Effect.gen(function*() {
      const response = yield* HttpConnection.readResponse(latin1(wire))
      assert.deepStrictEqual(yield* told(response), { status: 200, framing, text })
    })))

  it.effect.each(wires.slice(0, -1))(
    "a stream, byte by byte: %s",
    ([, wire, framing, text]) =>
      Effect.scoped(Effect.gen(function*() {
        const response = yield* HttpConnection.readResponse(byByte(wire))
        assert.deepStrictEqual(yield* told(response), { status: 200, framing, text })
      }))
  )

  it.effect.each([["HEAD", ""], ["GET", "hello"], ["POST", "hello"], ["CONNECT", ""]])(
    "bytes that answer %s with the body %j",
    ([method, text]) =>
      Effect.scoped(Effect.gen(function*() {
        const wire = method === "GET" || method === "POST" ? ok("hello") : head("HTTP/1.1 200 OK", "Content-Length: 5")
        const response = yield* HttpConnection.readResponse(latin1(wire), { method })
        assert.strictEqual(yield* response.text, text)
      }))
  )

  it.effect("bytes, with the URL that was asked for", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = "https://a.test:81/x?y"
      assert.strictEqual((yield* HttpConnection.readResponse(latin1(ok()), { url })).url, url)
      assert.strictEqual((yield* HttpConnection.readResponse(latin1(ok()))).url, "http://localhost/")
    })))

  it.effect("bytes, by limits and relaxations of its own", () =>
    Effect.scoped(Effect.gen(function*() {
      const bare = latin1("HTTP/1.1 200 OK\nContent-Length: 1\n\nx")
      assert.strictEqual((yield* Effect.flip(HttpConnection.readResponse(bare)))._tag, "BadStatusLine")
      const leniency = HttpLeniency.make({ bareLf: true })
      assert.strictEqual(yield* (yield* HttpConnection.readResponse(bare, { leniency })).text, "x")
      const limited = yield* Effect.flip(HttpConnection.readResponse(latin1(ok()), { limits: { head: 20 } }))
      assert.strictEqual(limited._tag, "HeadersTooLarge")
    })))
})

describe("a response from bytes fails", () => {
  it.effect.each([
    ["", "RemoteDisconnected"],
    ["HTTP/1.1 200 OK\r\n", "IncompleteHeaders"],
    ["SSH-2.0-x\r\n", "BadStatusLine"],
    ["HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "InvalidContentLength"]
  ])("for the head %j with %s", ([wire = "", tag]) =>
    Effect.scoped(Effect.gen(function*() {
      const error = yield* Effect.flip(HttpConnection.readResponse(latin1(wire)))
      assert.strictEqual(error._tag, tag)
      assert.strictEqual(error.context.origin, "http://localhost:80")
    })))

  it.effect("in the body that ends too early", () =>
    Effect.scoped(Effect.gen(function*() {
      const response = yield* HttpConnection.readResponse(latin1(ok("hello").slice(0, -1)))
      const error = yield* Effect.flip(response.bytes)
      assert.deepInclude(error, { _tag: "IncompleteRead", expected: 5, received: 4 })
    })))

  it.effect("with what its stream fails with as the cause, before the head and behind it", () =>
    Effect.scoped(Effect.gen(function*() {
      const cause = Object.assign(new Error("gone"), { code: "EGONE" })
      const failing = (wire: string) => Stream.concat(Stream.make(latin1(wire)), Stream.fail(cause))
      const early = yield* Effect.flip(HttpConnection.readResponse(failing("HTTP/1.1 200")))
      assert.deepInclude(early, { _tag: "ReadError", code: "EGONE", cause })
      const response = yield* HttpConnection.readResponse(failing(ok("hello").slice(0, -1)))
      const late = yield* Effect.flip(response.bytes)
      assert.deepInclude(late, { _tag: "ConnectionReset", code: "EGONE", cause, received: 4 })
      const plain = yield* Effect.flip(HttpConnection.readResponse(Stream.fail("no code")))
      assert.deepInclude(plain, { _tag: "ReadError", code: "ERR_STREAM", cause: "no code" })
    })))

  it.effect("for options that cannot be, and for what are no bytes", () =>
    Effect.scoped(Effect.gen(function*() {
      assert.strictEqual(
        (yield* Effect.flip(HttpConnection.readResponse(latin1(ok()), { method: "" })))._tag,
        "InvalidMethod"
      )
      assert.strictEqual(
        (yield* Effect.flip(HttpConnection.readResponse(latin1(ok()), { url: "/x" })))._tag,
        "InvalidUrl"
      )
      for (const odd of [null, undefined, "HTTP/1.1 200 OK", 5, {}, []]) {
        assert.strictEqual((yield* Effect.flip(HttpConnection.readResponse(odd as never)))._tag, "InvalidOption")
      }
    })))

  it.effect("where its head does not come in time", () =>
    Effect.scoped(Effect.gen(function*() {
      const reading = yield* Effect.fork(
        Effect.flip(HttpConnection.readResponse(Stream.never, { timeouts: { head: "1 second" } }))
      )
      yield* settled
      yield* TestClock.adjust("1 second")
      assert.deepInclude(yield* Fiber.join(reading), { _tag: "HttpTimeout", kind: "head" })
    })))
})

describe("the stream of a response", () => {
  it.effect("is pulled as its body is read, and no further", () =>
    Effect.scoped(Effect.gen(function*() {
      const pulled = yield* Ref.make(0)
      const piece = new Uint8Array(65_536)
      const body = Stream.repeatEffect(Effect.as(Ref.update(pulled, (n) => n + 1), piece))
      const response = yield* HttpConnection.readResponse(
        Stream.concat(Stream.make(latin1(head("HTTP/1.1 200 OK"))), body)
      )
      yield* settled
      assert.isAtMost(yield* Ref.get(pulled), 2)
      const taken = yield* Stream.runCollect(Stream.take(response.stream, 20))
      assert.isAbove(Chunk.size(taken), 0)
      assert.isAtLeast(yield* Ref.get(pulled), 10)
    })))

  it.effect("ends with the scope, its finalizers run", () =>
    Effect.gen(function*() {
      const ended = yield* Deferred.make<void>()
      yield* Effect.scoped(Effect.gen(function*() {
        const source = Stream.concat(Stream.make(latin1(head("HTTP/1.1 200 OK"))), Stream.never)
        yield* HttpConnection.readResponse(Stream.ensuring(source, Deferred.succeed(ended, undefined)))
      }))
      yield* Deferred.await(ended)
    }))

  it.effect("ends where the reading of the head is interrupted", () =>
    Effect.scoped(Effect.gen(function*() {
      const ended = yield* Deferred.make<void>()
      const source = Stream.ensuring(Stream.never, Deferred.succeed(ended, undefined))
      const reading = yield* Effect.fork(HttpConnection.readResponse(source))
      yield* settled
      yield* Fiber.interrupt(reading)
      yield* Deferred.await(ended)
    })))
})
