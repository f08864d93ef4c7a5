/** A slow reader pauses the server: what is kept for it is bounded, whatever the server sends and however small the pieces. */
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { chunk, connected, contained, getHead, ok, settled, started } from "./harness.ts"

/** What the reader's side may keep, and on top of it what one receive may bring. */
const bound = 65_536 + 65_536

const size = 1_000_000
const get = HttpRequest.get("/")
const framings: ReadonlyArray<readonly [name: string, wire: string, ends: boolean]> = [
  ["length", ok("x".repeat(size)), false],
  [
    "chunked",
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("x".repeat(1000)).repeat(size / 1000)}0\r\n\r\n`,
    false
  ],
  ["close", `HTTP/1.1 200 OK\r\n\r\n${"x".repeat(size)}`, true]
]

describe("a body that nobody reads", () => {
  for (const [framing, wire, ends] of framings) {
    it.scoped(`pauses the transport within the bound, framed by ${framing}, and comes whole once it is read`, () =>
      contained(Effect.gen(function*() {
        for (const split of [undefined, 1000]) {
          const { connection, transport } = yield* connected(
            T.expect(getHead()),
            T.reply(wire, { split }),
            ...(ends ? [T.eof] : [])
          )
          const response = yield* connection.execute(get)
          yield* settled
          assert.isTrue(transport.state(0).paused)
          const waiting = yield* response.peek()
          assert.isAtLeast(waiting.length, 65_536)
          assert.isAtMost(waiting.length, bound)
          assert.strictEqual((yield* response.bytes).length, size)
          assert.isFalse(transport.state(0).paused)
        }
      })))
  }

  it.scoped("does not hold what is collected: all of it is wanted", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(getHead()),
        T.reply(ok("x".repeat(size)).slice(0, -1)),
        T.stall
      )
      const response = yield* connection.execute(get)
      yield* started(response.bytes)
      assert.isFalse(transport.state(0).paused)
      assert.deepStrictEqual(transport.state(0).remaining.length, 1, "the reply was taken whole")
    })))
})

describe("a slow reader", () => {
  it.scoped("of a stream holds the server at what it has not taken", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(getHead()), T.reply(ok("x".repeat(size))))
      const response = yield* connection.execute(get)
      const gate = yield* Deferred.make<void>()
      let taken = 0
      const reader = yield* started(
        Stream.runForEachChunk(response.stream, (pieces) => {
          taken += Chunk.reduce(pieces, 0, (sum, piece) => sum + piece.length)
          return Deferred.await(gate)
        })
      )
      assert.isTrue(transport.state(0).paused)
      assert.isAtMost(taken, bound)
      yield* Deferred.succeed(gate, undefined)
      yield* reader
      assert.strictEqual(taken, size)
      assert.isFalse(transport.state(0).paused)
    })))

  it.scoped("of pieces is never further behind than the bound", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(getHead()), T.reply(ok("x".repeat(size))))
      const response = yield* connection.execute(get)
      let taken = 0
      let paused = 0
      for (;;) {
        const piece = yield* response.read(10_000)
        if (piece.length === 0) break
        taken += piece.length
        yield* settled
        if (transport.state(0).paused) paused++
        assert.isAtMost((yield* response.peek()).length, bound)
      }
      assert.strictEqual(taken, size)
      assert.isAbove(paused, 5)
      assert.isFalse(transport.state(0).paused)
    })))
})

describe("a body that ends while the transport is paused for it", () => {
  it.scoped("leaves the idle connection listening: the server's close is heard before anybody reads", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(getHead()), T.reply(ok("x".repeat(65_536))), T.eof)
      const response = yield* connection.execute(get)
      yield* settled
      assert.strictEqual(transport.openCount, 0)
      assert.isFalse(yield* connection.isOpen)
      assert.strictEqual((yield* response.bytes).length, 65_536)
    })))
})

describe("a body of announced length that comes in two pieces", () => {
  /** The memory of what is there after the first piece, and then that of the whole. */
  const memoryOf = (length: number, first: number) =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(getHead()),
        T.reply(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${"x".repeat(first)}`),
        T.delay("1 second"),
        T.reply("x".repeat(length - first))
      )
      const response = yield* connection.execute(get)
      const { buffer } = yield* response.peek(1)
      const reading = yield* started(response.bytes)
      yield* TestClock.adjust("1 second")
      return [buffer, (yield* Fiber.join(reading)).buffer] as const
    }))

  it.scoped("is put into one array as it comes, where it is small and an eighth of it comes first", () =>
    Effect.gen(function*() {
      const [first, whole] = yield* memoryOf(60_000, 7500)
      assert.strictEqual(first.byteLength, 60_000)
      assert.strictEqual(whole, first)
    }))

  for (const length of [60_000, 300_000]) {
    it.scoped(`takes no more than has come where that is little, and then an array of its size: ${length} bytes`, () =>
      Effect.gen(function*() {
        const [first, whole] = yield* memoryOf(length, 100)
        assert.strictEqual(first.byteLength, 100)
        assert.strictEqual(whole.byteLength, length)
      }))
  }
})
