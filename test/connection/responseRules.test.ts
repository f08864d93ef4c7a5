/** What may be read after what, when a response is closed, and what becomes of its connection. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as HttpFields from "../../src/HttpFields.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpResponse } from "../../src/HttpResponse.ts"
import * as T from "../../src/TestTransport.ts"
import {
  chunk,
  connected,
  connectTo,
  contained,
  failsWith,
  getHead,
  hasEnded,
  latin1,
  nothingButIdle,
  nothingLeft,
  ok,
  settled,
  started,
  textOf
} from "./harness.ts"

const get = HttpRequest.get("/")
const chunkedReply = (...bodies: ReadonlyArray<string>): string =>
  `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${bodies.map(chunk).join("")}`

/** A response whose body has arrived whole. */
const whole = (body = "hello\nworld") =>
  Effect.flatMap(connected(T.expect(getHead()), T.reply(ok(body))), ({ connection }) => connection.execute(get))

/** A response of which eight of ten bytes have come. */
const unfinished = Effect.flatMap(
  connected(T.expect(getHead()), T.reply(ok("0123456789").slice(0, -2)), T.stall),
  ({ connection, transport }) =>
    Effect.map(connection.execute(get), (response) => ({ connection, response, transport }))
)

const pieceReadings: ReadonlyArray<
  readonly [name: string, read: (response: HttpResponse) => Effect.Effect<unknown, unknown>]
> = [
  ["read", (response) => response.read(1)],
  ["read1", (response) => response.read1()],
  ["peek", (response) => response.peek()],
  ["readInto", (response) => response.readInto(new Uint8Array(1))],
  ["readLine", (response) => response.readLine()]
]
const wholeReadings: typeof pieceReadings = [
  ["bytes", (response) => response.bytes],
  ["text", (response) => response.text],
  ["json", (response) => response.json]
]
const streamReadings: typeof pieceReadings = [
  ["stream", (response) => Stream.runDrain(response.stream)],
  ["lines", (response) => Stream.runDrain(response.lines)]
]

describe("a second reading", () => {
  for (const [first, read] of streamReadings) {
    it.scoped(`of any kind after ${first} is \`BodyAlreadyConsumed\` by stream`, () =>
      Effect.gen(function*() {
        const response = yield* whole()
        yield* read(response)
        for (const [, again] of [...streamReadings, ...wholeReadings, ...pieceReadings]) {
          const error = yield* failsWith(again(response), "BodyAlreadyConsumed")
          assert.strictEqual(error.by, "stream")
          assert.deepInclude(error.context, { phase: "body", fault: "User" })
        }
      }))
  }

  for (const [first, read] of wholeReadings) {
    it.scoped(`after ${first} gives the same where it is bytes, text or json, and is \`BodyAlreadyConsumed\` by collect else`, () =>
      Effect.gen(function*() {
        const response = yield* whole(`{"a":1}`)
        yield* read(response)
        assert.strictEqual(latin1(yield* response.bytes), `{"a":1}`)
        assert.strictEqual(yield* response.text, `{"a":1}`)
        assert.deepStrictEqual(yield* response.json, { a: 1 })
        for (const [, again] of [...streamReadings, ...pieceReadings]) {
          assert.strictEqual((yield* failsWith(again(response), "BodyAlreadyConsumed")).by, "collect")
        }
      }))
  }

  it.scoped("after a whole reading that failed fails in the same way", () =>
    Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(getHead()), T.reply(ok("hello").slice(0, -1)), T.eof)
      const response = yield* connection.execute(get)
      const first = yield* failsWith(response.text, "IncompleteRead")
      assert.strictEqual(yield* failsWith(response.bytes, "IncompleteRead"), first)
      assert.strictEqual(yield* failsWith(response.json, "IncompleteRead"), first)
    }))

  for (const [first, read] of pieceReadings) {
    it.scoped(`after ${first} may be pieces, the rest whole, or the rest as a stream`, () =>
      Effect.gen(function*() {
        const rest = first === "peek"
          ? "hello\nworld"
          : first === "readLine"
          ? "world"
          : first === "read1"
          ? ""
          : "ello\nworld"
        const forBytes = yield* whole()
        yield* read(forBytes)
        assert.strictEqual(yield* forBytes.text, rest)
        const forStream = yield* whole()
        yield* read(forStream)
        assert.strictEqual(latin1(Buffer.concat([...yield* Stream.runCollect(forStream.stream)])), rest)
        const forPieces = yield* whole()
        yield* read(forPieces)
        assert.strictEqual(latin1(yield* forPieces.read(100)), rest)
      }))
  }

  it.scoped("of the whole while another fiber collects it gives both the same", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(getHead()),
        T.reply(ok("hello").slice(0, -2)),
        T.delay("1 second"),
        T.reply("lo")
      )
      const response = yield* connection.execute(get)
      const first = yield* started(response.text)
      const second = yield* started(response.bytes)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* first, "hello")
      assert.strictEqual(latin1(yield* second), "hello")
    })))

  it.scoped("of any kind while another fiber waits for a piece is `BodyAlreadyConsumed`, and the first gets its bytes", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(getHead()),
        T.reply(ok("hello").slice(0, -5)),
        T.delay("1 second"),
        T.reply("hello")
      )
      const response = yield* connection.execute(get)
      const first = yield* started(response.read(5))
      for (const [, again] of [...streamReadings, ...wholeReadings, ...pieceReadings]) {
        assert.strictEqual((yield* failsWith(again(response), "BodyAlreadyConsumed")).by, "read")
      }
      assert.strictEqual((yield* failsWith(response.trailers, "BodyAlreadyConsumed")).by, "read")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(latin1(yield* first), "hello")
    })))
})

describe("close", () => {
  it.scoped("of a body that is not there whole closes the connection, and the next request opens another", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectTo([
        T.connection(T.expect(getHead()), T.reply(ok("0123456789").slice(0, -2)), T.expectDestroy),
        T.connection(T.expect(getHead()), T.reply(ok("next")))
      ])
      const response = yield* connection.execute(get)
      assert.isFalse(yield* response.closed)
      yield* response.close
      yield* response.close
      assert.isTrue(yield* response.closed)
      yield* nothingLeft(transport)
      assert.strictEqual(yield* connection.state, "Idle")
      assert.strictEqual(yield* textOf(connection, get), "next")
      yield* transport.verify
    })))

  it.scoped("of a body that has arrived whole keeps the connection", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(getHead()),
        T.reply(ok("1")),
        T.expect(getHead()),
        T.reply(ok("2"))
      )
      const response = yield* connection.execute(get)
      yield* response.close
      assert.strictEqual(yield* textOf(connection, get), "2")
      yield* nothingButIdle(transport)
    })))

  it.scoped("makes every reading `BodyAlreadyConsumed` by close", () =>
    Effect.gen(function*() {
      for (const [, read] of [...streamReadings, ...wholeReadings, ...pieceReadings]) {
        for (const response of [yield* whole(), (yield* unfinished).response]) {
          yield* response.close
          assert.strictEqual((yield* failsWith(read(response), "BodyAlreadyConsumed")).by, "close")
        }
      }
    }))

  it.scoped("takes nothing from what bytes, text and json remember", () =>
    Effect.gen(function*() {
      const response = yield* whole()
      yield* response.text
      yield* response.close
      assert.strictEqual(yield* response.text, "hello\nworld")
    }))

  it.scoped("while another fiber reads is `ConnectionClosed` to that fiber", () =>
    contained(Effect.gen(function*() {
      for (const [, read] of [...wholeReadings, ["stream", streamReadings[0]?.[1] ?? (() => Effect.void)] as const]) {
        const { response, transport } = yield* unfinished
        const reader = yield* started(read(response))
        yield* response.close
        yield* failsWith(Fiber.join(reader), "ConnectionClosed")
        yield* nothingLeft(transport)
      }
    })))
})

describe("close by whoever uses the stream, when all of the body had arrived", () => {
  it.scoped("fails the stream with `BodyAlreadyConsumed` by close, because bytes of it are dropped", () =>
    Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(getHead()),
        T.reply(ok("0123456789").slice(0, -4)),
        T.delay("1 second"),
        T.reply("6789")
      )
      const response = yield* connection.execute(get)
      let taken = ""
      const reading = Stream.runForEach(response.stream, (bytes) => {
        taken += latin1(bytes)
        return Effect.zipRight(TestClock.adjust("1 second"), Effect.zipRight(settled, response.close))
      })
      assert.strictEqual((yield* failsWith(reading, "BodyAlreadyConsumed")).by, "close")
      assert.strictEqual(taken, "012345")
    }))

  it.scoped("lets a stream end that has given all of it", () =>
    Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(getHead()), T.reply(ok("0123456789"), { split: 45 }))
      const response = yield* connection.execute(get)
      let taken = ""
      yield* Stream.runForEach(response.stream, (bytes) => {
        taken += latin1(bytes)
        return taken.length === 10 ? response.close : Effect.void
      })
      assert.strictEqual(taken, "0123456789")
    }))
})

describe("a stream that ends early", () => {
  it.scoped("closes the connection", () =>
    contained(Effect.gen(function*() {
      const { response, transport } = yield* unfinished
      const taken = yield* Stream.runCollect(Stream.take(response.stream, 1))
      assert.strictEqual(latin1(Buffer.concat([...taken])), "01234567")
      yield* nothingLeft(transport)
      assert.isTrue(yield* response.closed)
    })))

  it.scoped("keeps the connection where all of the body had arrived", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(getHead()),
        T.reply(ok("0123456789"), { split: 45 }),
        T.expect(getHead()),
        T.reply(ok("next"))
      )
      const response = yield* connection.execute(get)
      yield* settled
      assert.strictEqual((yield* Stream.runCollect(Stream.take(response.stream, 1))).length, 1)
      assert.strictEqual(yield* textOf(connection, get), "next")
      yield* nothingButIdle(transport)
    })))

  it.scoped("by a failure of whoever uses it closes the connection too", () =>
    contained(Effect.gen(function*() {
      const { response, transport } = yield* unfinished
      const failing = Stream.runForEach(response.stream, () => Effect.fail("mine" as const))
      assert.strictEqual(yield* Effect.flip(failing), "mine")
      yield* nothingLeft(transport)
    })))
})

describe("trailers", () => {
  const trailing = "0\r\nX-Sum: 12\r\nContent-Length: 99\r\n\r\n"

  it.scoped("are there after the body was read in any way, without fields that may not stand in them", () =>
    Effect.gen(function*() {
      for (const [name, read] of [...streamReadings, ...wholeReadings.slice(0, 2)]) {
        const { connection } = yield* connected(
          T.expect(getHead()),
          T.reply(chunkedReply("abc") + trailing, { split: 5 })
        )
        const response = yield* connection.execute(get)
        yield* read(response)
        assert.deepStrictEqual(HttpFields.entries(yield* response.trailers), [["X-Sum", "12"]], name)
      }
    }))

  it.scoped("read the body first where nobody has, and bytes remembers it", () =>
    Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(getHead()),
        T.reply(chunkedReply("abc") + trailing, { split: 5 })
      )
      const response = yield* connection.execute(get)
      assert.strictEqual((yield* response.trailers).names.length, 1)
      assert.strictEqual(yield* response.text, "abc")
    }))

  it.scoped("read what is left of the body behind pieces, more than the buffer holds", () =>
    Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(getHead()),
        T.reply(chunkedReply("a".repeat(300_000)) + trailing)
      )
      const response = yield* connection.execute(get)
      yield* response.read(10)
      assert.strictEqual((yield* response.trailers).names.length, 1)
      assert.strictEqual((yield* response.bytes).length, 299_990)
    }))

  it.scoped("wait for whoever reads the stream", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(getHead()),
        T.reply(chunkedReply("abc")),
        T.delay("1 second"),
        T.reply(trailing)
      )
      const response = yield* connection.execute(get)
      const reader = yield* started(Stream.runDrain(response.stream))
      const trailers = yield* started(response.trailers)
      assert.isFalse(hasEnded(trailers))
      yield* TestClock.adjust("1 second")
      yield* reader
      assert.strictEqual((yield* trailers).names.length, 1)
    })))

  it.scoped("fail as the body does", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(getHead()), T.reply(chunkedReply("abc")), T.eof)
      const response = yield* connection.execute(get)
      yield* failsWith(response.trailers, "IncompleteRead")
      yield* nothingLeft(transport)
    })))

  it.scoped("are empty where there are none", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(HttpFields.entries(yield* (yield* whole()).trailers), [])
    }))
})
