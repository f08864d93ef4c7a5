/**
 * `bodyIdle`, which runs while a reader waits for the body, and `total`, which runs over the whole
 * exchange.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as HttpBody from "../../src/HttpBody.ts"
import type { ErrorContext, TimeoutKind } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import {
  chunkedHead,
  connected,
  connectedWith,
  connectTo,
  contained,
  failsWith,
  getHead,
  hasEnded,
  latin1,
  nothingLeft,
  ok,
  pieces,
  settled,
  started
} from "./harness.ts"
import { readings } from "./responses.ts"

const get = HttpRequest.get("/")
const bodyContext: Partial<ErrorContext> = { fault: "Network", requestState: "ResponseStarted", processed: "Yes" }

const timedOut = <A, E>(fiber: Fiber.Fiber<A, E>, kind: TimeoutKind, millis: number, context: Partial<ErrorContext>) =>
  Effect.map(failsWith(Fiber.join(fiber), "HttpTimeout"), (error) => {
    assert.deepInclude(error, { kind, millis })
    assert.deepInclude(error.context, context)
  })

describe("bodyIdle", () => {
  for (const [reading, read] of readings) {
    it.scoped(`limits the wait for more by ${reading}: by default 5 minutes`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connected(
          T.expect(getHead()),
          T.reply(ok("a\nbc").slice(0, -1)),
          T.stall
        )
        const response = yield* connection.execute(get)
        const reader = yield* started(read(response))
        yield* TestClock.adjust(299_999)
        yield* settled
        assert.isFalse(hasEnded(reader))
        yield* TestClock.adjust(1)
        yield* timedOut(reader, "bodyIdle", 300_000, { phase: "body", ...bodyContext })
        yield* nothingLeft(transport)
      })))
  }

  for (const [reading, read] of readings) {
    it.scoped(`starts anew with each byte by ${reading}`, () =>
      contained(Effect.gen(function*() {
        const body = "a\nbcde"
        const { connection, transport } = yield* connected(
          T.expect(getHead()),
          T.reply(ok(body).slice(0, -body.length)),
          ...[...body].flatMap((byte) => [T.delay("4 minutes"), T.reply(byte)])
        )
        const response = yield* connection.execute(get)
        const reader = yield* started(read(response))
        for (const _ of body) yield* TestClock.adjust("4 minutes")
        assert.strictEqual(yield* reader, body)
        yield* transport.verify
      })))
  }

  it.scoped("does not run while nobody waits", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(getHead()),
        T.reply(ok("abc").slice(0, -1)),
        T.delay("1 day"),
        T.reply("c")
      )
      const response = yield* connection.execute(get)
      assert.strictEqual(latin1(yield* response.read(2)), "ab")
      yield* TestClock.adjust("1 day")
      assert.strictEqual(latin1(yield* response.read(2)), "c")
    })))

  it.scoped("does not run while the user of the stream takes its time", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(getHead()),
        T.reply(ok("abc").slice(0, -1)),
        T.delay("1 hour"),
        T.reply("c")
      )
      const response = yield* connection.execute(get)
      const reader = yield* started(Stream.runForEach(response.stream, () => Effect.sleep("1 hour")))
      yield* TestClock.adjust("1 hour")
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(reader)
    })))

  it.scoped("is that of the request where it has one", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(getHead()), T.reply(ok("abc").slice(0, -1)), T.stall)
      const response = yield* connection.execute(HttpRequest.get("/", { timeouts: { bodyIdle: 7 } }))
      const reader = yield* started(response.text)
      yield* TestClock.adjust(7)
      yield* timedOut(reader, "bodyIdle", 7, { phase: "body", ...bodyContext })
      yield* nothingLeft(transport)
    })))
})

describe("total", () => {
  const total = { timeouts: { total: "10 seconds" } } as const
  const limit = 10_000

  it.scoped("covers the opening", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectTo([T.openStalls], {
        timeouts: { connect: "1 minute", total: "10 seconds" }
      })
      const fiber = yield* started(connection.execute(get))
      yield* TestClock.adjust("10 seconds")
      yield* timedOut(fiber, "total", limit, { requestState: "NotSent", processed: "No", origin: "http://a.test:80" })
      yield* nothingLeft(transport)
    })))

  it.scoped("counts the time that the opening took", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectTo([
        T.openAfter("6 seconds", T.connection(T.expect(getHead()), T.stall))
      ], total)
      const fiber = yield* started(connection.execute(get))
      yield* TestClock.adjust("6 seconds")
      yield* TestClock.adjust(3999)
      yield* settled
      assert.isFalse(hasEnded(fiber))
      yield* TestClock.adjust(1)
      yield* timedOut(fiber, "total", limit, { requestState: "Sent", processed: "Unknown" })
      yield* nothingLeft(transport)
    })))

  it.scoped("covers the upload, and ends its stream", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectedWith(total, T.discard())
      let released = false
      const body = Stream.ensuring(
        Stream.concat(pieces("a"), Stream.never),
        Effect.sync(() => {
          released = true
        })
      )
      const fiber = yield* started(connection.execute(HttpRequest.post("/", { body: HttpBody.stream(body) })))
      yield* TestClock.adjust("10 seconds")
      yield* timedOut(fiber, "total", limit, { requestState: "PartiallySent", processed: "Unknown", replayable: false })
      yield* nothingLeft(transport)
      assert.isTrue(released)
    })))

  it.scoped("covers the body, however busy it is", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectedWith(
        total,
        T.expect(getHead()),
        T.reply(ok("x".repeat(20)).slice(0, -20)),
        ...Array.from({ length: 20 }, () => [T.delay("1 second"), T.reply("x")]).flat()
      )
      const response = yield* connection.execute(get)
      const reader = yield* started(response.text)
      for (let second = 1; second <= 10; second++) yield* TestClock.adjust("1 second")
      yield* timedOut(reader, "total", limit, bodyContext)
      yield* nothingLeft(transport)
    })))

  it.scoped("runs out though nobody reads, and the next reading says so behind what had come", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectedWith(
        total,
        T.expect(getHead()),
        T.reply(ok("abc").slice(0, -1)),
        T.stall
      )
      const response = yield* connection.execute(get)
      yield* TestClock.adjust("10 seconds")
      yield* nothingLeft(transport)
      assert.strictEqual(latin1(yield* response.read1()), "ab")
      const error = yield* failsWith(response.read1(), "HttpTimeout")
      assert.deepInclude(error, { kind: "total", millis: limit })
    })))

  it.scoped("of the request wins, and ends with the body", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connectedWith(
        { timeouts: { total: "1 second" } },
        T.expect(getHead()),
        T.delay("9 seconds"),
        T.reply(ok("abc"), { split: 40 })
      )
      const fiber = yield* started(connection.execute(HttpRequest.get("/", { timeouts: { total: "10 seconds" } })))
      yield* TestClock.adjust("9 seconds")
      const response = yield* fiber
      yield* settled
      yield* TestClock.adjust(Duration.days(1))
      assert.strictEqual(yield* response.text, "abc")
    })))

  it.scoped("and the others: the earliest wins", () =>
    contained(Effect.gen(function*() {
      for (
        const [kind, millis, timeouts] of [
          ["head", 3, { head: 3, total: 4 }],
          ["total", 4, { head: 5, total: 4 }]
        ] as const
      ) {
        const { connection, transport } = yield* connectedWith(
          { timeouts },
          T.expect(`${chunkedHead()}0\r\n\r\n`),
          T.stall
        )
        const request = HttpRequest.post("/", { body: HttpBody.stream(Stream.empty) })
        const fiber = yield* started(connection.execute(request))
        yield* TestClock.adjust(millis)
        yield* timedOut(fiber, kind, millis, {})
        yield* nothingLeft(transport)
      }
    })))
})
