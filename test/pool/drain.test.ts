/**
 * A response that is discarded before its end: a small rest is read and dropped, so that the
 * connection can be reused; otherwise the connection is closed at once. No other reader takes the
 * drop for the end.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpFields from "../../src/HttpFields.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpResponse } from "../../src/HttpResponse.ts"
import * as T from "../../src/TestTransport.ts"
import {
  chunk,
  chunkedHead,
  contained,
  failsWith,
  getHead,
  hasEnded,
  latin1,
  ok,
  pieces,
  settled,
  started
} from "../connection/harness.ts"
import { get, holds, holdsNothing, reasons, serves, tags, textOf, watchedPool } from "./harness.ts"
import { endings, eventsOf } from "./over.ts"

type Way = (response: HttpResponse) => Effect.Effect<unknown, unknown>

/** Every way of letting a response go of which a piece has come, and nobody has begun to read it. */
const unreadWays: ReadonlyArray<readonly [name: string, letGo: Way]> = [
  ["close", (response) => response.close],
  [
    "close, without a look at more than the status",
    (response) => response.status < 300 ? response.close : response.text
  ]
]

/** Every way of leaving a response that somebody has begun to read. */
const begunWays: ReadonlyArray<readonly [name: string, letGo: Way]> = [
  ["close behind a piece", (response) => Effect.zipRight(response.read(2), response.close)],
  ["the early end of a stream", (response) => Stream.runHead(response.stream)],
  ["the early end of a stream by `take`", (response) => Stream.runDrain(Stream.take(response.stream, 1))],
  ["the early end of lines", (response) => Stream.runHead(response.lines)],
  [
    "a stream whose user fails",
    (response) => Effect.flip(Stream.runForEach(response.stream, () => Effect.fail("no")))
  ]
]

const ways = [...unreadWays, ...begunWays]

const lengthHead = (length: number): string => ok("x".repeat(length)).slice(0, -length)
const chunkedAnswer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

/** A first piece, and after 100 ms the rest. */
const behind = (first: string, ...rest: ReadonlyArray<string>): ReadonlyArray<T.Step> => [
  T.expect(getHead()),
  T.reply(first),
  T.delay(100),
  ...rest.map((text) => T.reply(text))
]

/** A pool whose first connection answers like this, and then `/2`. */
const answering = (steps: ReadonlyArray<T.Step>, options?: ConnectionPool.Options) =>
  watchedPool([T.connection(...steps, ...serves("/2"))], options)

const shortRests: ReadonlyArray<readonly [name: string, first: string, ...rest: ReadonlyArray<string>]> = [
  ["of known length", `${lengthHead(10)}ab\nd`, "efghij"],
  ["of known length, in pieces", `${lengthHead(10)}ab\nd`, "e", "fg", "hij"],
  ["in chunks", chunkedAnswer + chunk("ab\nd"), chunk("ef") + chunk("ghij"), "0\r\n\r\n"],
  ["in chunks with trailers", chunkedAnswer + chunk("ab\nd"), "0\r\nA: b\r\n\r\n"],
  ["that is the end alone", chunkedAnswer + chunk("ab\nd"), "0\r\n\r\n"]
]

describe("the connection of a response that is let go is used again when its rest has come", () => {
  for (const [name, first, ...rest] of shortRests) {
    // How long the rest of a body in chunks is nobody knows, see below.
    for (const [way, letGo] of first.startsWith(chunkedAnswer) ? unreadWays : ways) {
      it.effect(`by ${way}: a rest ${name}`, () =>
        contained(Effect.gen(function*() {
          const kit = yield* answering(behind(first, ...rest))
          const { pool, transport } = kit
          const response = yield* pool.execute(get())
          yield* letGo(response)
          assert.isTrue(yield* response.closed)
          yield* holds(pool, { busy: 1 })
          yield* TestClock.adjust(99)
          yield* settled
          yield* holds(pool, { busy: 1 })
          yield* TestClock.adjust(1)
          yield* settled
          yield* holds(pool, { idle: 1 })
          assert.deepStrictEqual(endings(kit.events), ["GET 200 whole"])
          assert.strictEqual(yield* textOf(pool, get("/2")), "/2")
          assert.deepStrictEqual(reasons(kit.events), [])
          yield* transport.verify
          // Nothing of the draining runs on.
          yield* TestClock.adjust("5 seconds")
          yield* holds(pool, { idle: 1 })
        })))
    }
  }

  it.effect("though the transport had been paused, because nobody read", () =>
    contained(Effect.gen(function*() {
      const size = 180_000
      const { pool, transport } = yield* answering([T.expect(getHead()), T.reply(lengthHead(size) + "x".repeat(size))])
      const response = yield* pool.execute(get())
      yield* settled
      yield* holds(pool, { busy: 1 })
      yield* response.close
      yield* settled
      yield* holds(pool, { idle: 1 })
      assert.strictEqual(yield* textOf(pool, get("/2")), "/2")
      yield* transport.verify
    })))

  it.effect("at once, where all of it has come", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* answering([T.expect(getHead()), T.reply(ok("abc"))])
      const response = yield* pool.execute(get())
      yield* response.close
      yield* holds(pool, { idle: 1 })
    })))

  it.effect("and its trailers can be asked for, but not its body", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* answering(behind(chunkedAnswer + chunk("abc"), "0\r\nA: b\r\n\r\n"))
      const response = yield* pool.execute(get())
      yield* response.close
      yield* response.close
      const trailers = yield* started(response.trailers)
      yield* failsWith(response.text, "BodyAlreadyConsumed")
      yield* TestClock.adjust(100)
      assert.strictEqual(Option.getOrUndefined(HttpFields.get(yield* Fiber.join(trailers), "a")), "b")
      yield* failsWith(response.read1(), "BodyAlreadyConsumed")
      yield* holds(pool, { idle: 1 })
    })))

  it.effect("which a shutdown waits for", () =>
    contained(Effect.gen(function*() {
      const kit = yield* answering(behind(`${lengthHead(4)}ab`, "cd"))
      const response = yield* kit.pool.execute(get())
      yield* response.close
      const shutdown = yield* started(kit.pool.shutdown({ grace: "1 minute" }))
      assert.isFalse(hasEnded(shutdown))
      yield* TestClock.adjust(100)
      yield* Fiber.join(shutdown)
      assert.deepStrictEqual(reasons(kit.events), ["Shutdown"])
      assert.deepStrictEqual(endings(kit.events), ["GET 200 whole"])
      yield* holdsNothing(kit)
    })))
})

describe("the connection of a response that is let go is closed at once, without reading, where", () => {
  const cases: ReadonlyArray<
    readonly [name: string, reply: string, reason: string, options?: ConnectionPool.Options]
  > = [
    ["more is left than drainBytes", `${lengthHead(10)}abcd`, "Undrained", { drainBytes: 5 }],
    ["more is left than 65,536 bytes", `${lengthHead(65_540)}abc`, "Undrained"],
    ["drainBytes is 0, and a byte is left", `${lengthHead(10)}abcdefghi`, "Undrained", { drainBytes: 0 }],
    ["it ends with the connection", "HTTP/1.1 200 OK\r\n\r\nabc", "NotPersistent"],
    ["it says close", `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nabc`, "NotPersistent"],
    ["it speaks HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nabc", "NotPersistent"]
  ]
  for (const [name, reply, reason, options] of cases) {
    // No line has come that could be taken.
    for (const [way, letGo] of ways.filter(([way]) => way !== "the early end of lines")) {
      it.effect(`${name}: by ${way}`, () =>
        contained(Effect.gen(function*() {
          const kit = yield* answering(
            [T.expect(getHead()), T.reply(reply), T.expectDestroy],
            options
          )
          const response = yield* kit.pool.execute(get())
          yield* letGo(response)
          yield* holdsNothing(kit)
          assert.deepStrictEqual(reasons(kit.events), [reason])
          assert.deepStrictEqual(endings(kit.events), ["GET 200 ConnectionClosed"])
          assert.notInclude(tags(kit.events), "Release")
        })))
    }
  }

  const events =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
  const endless: ReadonlyArray<readonly [name: string, reply: string, ways: typeof begunWays]> = [
    ["it is in chunks, and somebody has begun to read it", chunkedAnswer + chunk("ab\n"), begunWays],
    ["it is a stream of events", events + chunk("data: a\n\n"), ways]
  ]
  for (const [name, reply, ways] of endless) {
    for (const [way, letGo] of ways) {
      it.effect(`${name}, so that the server sees the end: by ${way}`, () =>
        contained(Effect.gen(function*() {
          const script = [T.connection(T.expect(getHead()), T.reply(reply), T.expectDestroy)]
          const kit = yield* watchedPool(script, { drainBytes: Infinity })
          const response = yield* kit.pool.execute(get())
          yield* letGo(response)
          yield* holdsNothing(kit)
          assert.deepStrictEqual(reasons(kit.events), ["Undrained"])
          yield* kit.transport.verify
        })))
    }
  }

  it.effect("the request is still being sent", () =>
    contained(Effect.gen(function*() {
      const body = HttpBody.stream(Stream.concat(pieces("up"), Stream.never))
      const kit = yield* watchedPool([
        T.connection(T.expect(chunkedHead() + chunk("up")), T.reply(`${lengthHead(4)}ab`), T.expectDestroy)
      ])
      const response = yield* kit.pool.execute(HttpRequest.post("http://a.test/", { body }))
      yield* response.close
      assert.deepStrictEqual(reasons(kit.events), ["Interrupted"])
      yield* holdsNothing(kit)
    })))
})

describe("the limits of draining", () => {
  for (
    const [name, first, rest, reason] of [
      ["as many bytes as drainBytes, by length", `${lengthHead(9)}abcd`, "efghi", []],
      ["as many bytes as drainBytes, in chunks", chunkedAnswer + chunk("abcd"), `${chunk("efghi")}0\r\n\r\n`, []],
      ["one more in chunks", chunkedAnswer + chunk("abcd"), `${chunk("efghij")}0\r\n\r\n`, ["Undrained"]],
      ["one more in chunks of one", chunkedAnswer + chunk("abcd"), chunk("e").repeat(6), ["Undrained"]]
    ] as const
  ) {
    it.effect(`${reason.length === 0 ? "allow" : "refuse"} ${name}`, () =>
      contained(Effect.gen(function*() {
        const kit = yield* watchedPool([T.connection(...behind(first, rest), T.stall)], { drainBytes: 5 })
        const response = yield* kit.pool.execute(get())
        yield* response.close
        yield* holds(kit.pool, { busy: 1 })
        yield* TestClock.adjust(100)
        yield* settled
        assert.deepStrictEqual(reasons(kit.events), reason)
        yield* holds(kit.pool, reason.length === 0 ? { idle: 1 } : {})
      })))
  }

  it.effect("allow 65,536 bytes by default", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* answering(behind(`${lengthHead(65_539)}abc`, "x".repeat(65_536)))
      yield* Effect.flatMap(pool.execute(get()), (response) => response.close)
      yield* TestClock.adjust(100)
      yield* settled
      yield* holds(pool, { idle: 1 })
    })))

  it.effect("allow the end alone where drainBytes is 0", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* answering(behind(chunkedAnswer + chunk("abcd"), "0\r\n\r\n"), { drainBytes: 0 })
      yield* Effect.flatMap(pool.execute(get()), (response) => response.close)
      yield* TestClock.adjust(100)
      yield* settled
      yield* holds(pool, { idle: 1 })
    })))

  for (
    const [name, options, millis] of [["1 second by default", {}, 1000], ["drainTime", { drainTime: 50 }, 50]] as const
  ) {
    it.effect(`close after ${name}, however much comes meanwhile`, () =>
      contained(Effect.gen(function*() {
        const steps = Array.from({ length: 10 }, () => [T.delay(millis / 10), T.reply(chunk("x"))]).flat()
        const kit = yield* watchedPool([T.connection(T.expect(getHead()), T.reply(chunkedAnswer), ...steps)], options)
        const response = yield* kit.pool.execute(get())
        yield* response.close
        for (let i = 0; i < 9; i++) yield* TestClock.adjust(millis / 10)
        yield* TestClock.adjust(millis / 10 - 1)
        yield* settled
        yield* holds(kit.pool, { busy: 1 })
        yield* TestClock.adjust(1)
        yield* holdsNothing(kit)
        assert.deepStrictEqual(reasons(kit.events), ["Undrained"])
        const [end] = eventsOf(kit.events, "RequestEnd")
        assert.include(end?.error?.message, "drainTime")
      })))
  }

  it.effect("do not begin anew with another close", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool([T.connection(T.expect(getHead()), T.reply(chunkedAnswer), T.stall)], {
        drainBytes: Infinity
      })
      const response = yield* kit.pool.execute(get())
      yield* response.close
      yield* TestClock.adjust(999)
      yield* response.close
      yield* holds(kit.pool, { busy: 1 })
      yield* TestClock.adjust(1)
      yield* holdsNothing(kit)
    })))

  it.effect("are beside those of the request", () =>
    contained(Effect.gen(function*() {
      const kit = yield* answering(behind(`${lengthHead(4)}ab`))
      const response = yield* kit.pool.execute(get("/", { timeouts: { total: 70 } }))
      yield* response.close
      yield* TestClock.adjust(70)
      assert.deepStrictEqual(endings(kit.events), ["GET 200 HttpTimeout"])
      assert.deepStrictEqual(reasons(kit.events), ["Failure"])
      yield* holdsNothing(kit)
    })))
})

describe("what comes while a response is dropped", () => {
  for (
    const [name, steps, end, tag] of [
      ["too much", [T.reply(`cd${ok("not asked for")}`)], "GET 200 whole", "UnexpectedMessage"],
      ["the end of the connection", [T.eof], "GET 200 IncompleteRead", "IncompleteRead"],
      ["a reset", [T.reset], "GET 200 ConnectionReset", "ConnectionReset"]
    ] as const
  ) {
    it.effect(`closes the connection where it is ${name}`, () =>
      contained(Effect.gen(function*() {
        const kit = yield* watchedPool([T.connection(...behind(`${lengthHead(4)}ab`), ...steps)])
        yield* Effect.flatMap(kit.pool.execute(get()), (response) => response.close)
        yield* TestClock.adjust(100)
        yield* holdsNothing(kit)
        const [close] = eventsOf(kit.events, "Close")
        assert.strictEqual(close?.reason, "Failure")
        assert.strictEqual(close?.error?._tag, tag)
        assert.deepStrictEqual(endings(kit.events), [end])
      })))
  }
})

describe("close while another fiber reads", () => {
  const readings: ReadonlyArray<readonly [name: string, read: Way]> = [
    ["text", (response) => response.text],
    ["read", (response) => response.read(5)],
    ["readLine", (response) => response.readLine()],
    ["a stream", (response) => Stream.runDrain(response.stream)],
    ["trailers", (response) => response.trailers]
  ]
  for (const [name, read] of readings) {
    it.effect(`fails ${name}, and closes the connection, because what it waits for is not to be dropped unheard`, () =>
      contained(Effect.gen(function*() {
        const kit = yield* answering(behind(`${lengthHead(5)}ab`, "cde"))
        const response = yield* kit.pool.execute(get())
        const reader = yield* started(read(response))
        yield* response.close
        yield* failsWith(Fiber.join(reader), "ConnectionClosed")
        assert.deepStrictEqual(reasons(kit.events), ["Interrupted"])
        yield* holdsNothing(kit)
      })))
  }

  it.effect("fails a stream of chunks that looks at a piece when it asks for the next, and closes the connection", () =>
    contained(Effect.gen(function*() {
      const kit = yield* answering(behind(chunkedAnswer + chunk("ab"), `${chunk("cde")}0\r\n\r\n`))
      const response = yield* kit.pool.execute(get())
      const reader = yield* started(Stream.runForEach(response.stream, () => Effect.sleep(60)))
      yield* response.close
      yield* holds(kit.pool, {})
      assert.deepStrictEqual(reasons(kit.events), ["Undrained"])
      yield* TestClock.adjust(60)
      const error = yield* failsWith(Fiber.join(reader), "ConnectionClosed")
      assert.include(error.message, "closed before its body was read")
    })))

  {
    const [first, rest] = [`${lengthHead(5)}ab`, "cde"]
    it.effect("fails a stream that looks at a piece when it asks for the next, though the rest is dropped", () =>
      contained(Effect.gen(function*() {
        const kit = yield* answering(behind(first, rest))
        const response = yield* kit.pool.execute(get())
        const seen: Array<string> = []
        const look = (millis: number) => (bytes: Uint8Array) =>
          Effect.andThen(Effect.sleep(millis), () => seen.push(latin1(bytes)))
        const reader = yield* started(Stream.runForEach(response.stream, look(60)))
        yield* response.close
        yield* holds(kit.pool, { busy: 1 })
        yield* TestClock.adjust(60)
        const error = yield* failsWith(Fiber.join(reader), "ConnectionClosed")
        assert.include(error.message, "closed before its body was read")
        assert.deepStrictEqual(seen, ["ab"])
        yield* TestClock.adjust(40)
        yield* settled
        yield* holds(kit.pool, { idle: 1 })
        assert.deepStrictEqual(reasons(kit.events), [])
      })))

    it.effect("fails a stream that asks for the next piece when the rest has been dropped", () =>
      contained(Effect.gen(function*() {
        const kit = yield* answering(behind(first, rest))
        const response = yield* kit.pool.execute(get())
        const reader = yield* started(Stream.runForEach(response.stream, () => Effect.sleep("1 minute")))
        yield* response.close
        yield* TestClock.adjust(100)
        yield* settled
        yield* holds(kit.pool, { idle: 1 })
        yield* TestClock.adjust("1 minute")
        yield* failsWith(Fiber.join(reader), "ConnectionClosed")
      })))
  }
})
