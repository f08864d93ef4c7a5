/**
 * An unread response is discarded after `unreadTime`, with a warning that names the request, and
 * reports this to a later reader. The time runs while there is no reader: again after each piece,
 * and not while a stream is being read.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import type * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpResponse } from "../../src/HttpResponse.ts"
import * as T from "../../src/TestTransport.ts"
import {
  bytesOf,
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
import type { PoolKit } from "./harness.ts"
import { get, holds, holdsNothing, poolOver, reasons, serving, tags, textOf, watchedPool } from "./harness.ts"
import { endings, eventsOf } from "./over.ts"

const lengthHead = (length: number): string => ok("x".repeat(length)).slice(0, -length)

/** Runs a test with what it logs. */
const logging = <A, E>(
  test: (logs: ReadonlyArray<string>) => Effect.Effect<A, E, Scope.Scope>
): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const logs: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void logs.push(`${logLevel.label} ${String(message)}`))
    return contained(Effect.provide(test(logs), Logger.replace(Logger.defaultLogger, logger)))
  })

/** A pool whose first connection answers `/` with these bytes, and nothing more. */
const answering = (reply: string, options?: ConnectionPool.Options, ...steps: ReadonlyArray<T.Step>) =>
  watchedPool([T.connection(T.expect(getHead()), T.reply(reply), ...steps, T.stall), serving("/2")], options)

/** Moves the clock by this time but a millisecond, at which nothing has happened, and then by that. */
const lasts = ({ pool }: PoolKit, millis: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    yield* TestClock.adjust(millis - 1)
    yield* settled
    yield* holds(pool, { busy: 1 })
    yield* TestClock.adjust(1)
    yield* settled
    yield* holds(pool, {})
  })

describe("a response that nobody reads", () => {
  it.effect("is given up after 10 seconds: the connection is closed, and the log says whose it was", () =>
    logging((logs) =>
      Effect.gen(function*() {
        const kit = yield* watchedPool([
          T.connection(T.expect(getHead("/a/b?token=secret&x=?y")), T.reply(`${lengthHead(9)}abc`), T.stall)
        ])
        const response = yield* kit.pool.execute(get("/a/b?token=secret&x=?y"))
        yield* lasts(kit, 10_000)
        assert.strictEqual((yield* kit.pool.stats).reclaimed, 1)
        const { id } = response.connection
        assert.deepStrictEqual(logs, [
          `WARN The response to GET http://a.test/a/b was left unread for 10000 ms, so its connection ${id} has been closed. `
          + "Read it (`text`, `stream`), or `close` it."
        ])
        const { events } = kit
        assert.deepStrictEqual(tags(events).slice(-3), ["Reclaim", "RequestEnd", "Close"])
        assert.deepStrictEqual(eventsOf(events, "Reclaim"), [
          { _tag: "Reclaim", connection: id, origin: "http://a.test:80", method: "GET", millis: 10_000, why: "Time" }
        ])
        assert.deepStrictEqual(reasons(events), ["Unread"])
        assert.deepStrictEqual(endings(events), ["GET 200 ConnectionClosed"])
        yield* holdsNothing(kit)
      })
    ))

  it.effect("is given up after unreadTime, and another request has its place", () =>
    logging((logs) =>
      Effect.gen(function*() {
        const options = { unreadTime: "2 seconds", unreadGrace: Infinity, connections: 1 } as const
        const kit = yield* answering(`${lengthHead(9)}abc`, options)
        yield* kit.pool.execute(get())
        const waiting = yield* started(textOf(kit.pool, get("/2")))
        yield* TestClock.adjust(1999)
        yield* settled
        assert.isFalse(hasEnded(waiting))
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* Fiber.join(waiting), "/2")
        assert.strictEqual(logs.length, 1)
        assert.include(logs[0], "2000 ms")
      })
    ))

  it.effect("is never given up where unreadTime is infinite", () =>
    logging((logs) =>
      Effect.gen(function*() {
        const kit = yield* answering(`${lengthHead(9)}abc`, { unreadTime: Infinity })
        yield* kit.pool.execute(get())
        yield* TestClock.adjust("365 days")
        yield* holds(kit.pool, { busy: 1 })
        assert.deepStrictEqual(logs, [])
      })
    ))

  it.effect("says why to whoever reads it afterwards, behind what had come", () =>
    logging(() =>
      Effect.gen(function*() {
        const kit = yield* answering(`${lengthHead(9)}abc`, { unreadTime: "2 seconds" })
        const response = yield* kit.pool.execute(get())
        yield* lasts(kit, 2000)
        assert.strictEqual(latin1(yield* response.read1()), "abc")
        const readings: ReadonlyArray<Effect.Effect<unknown, HttpError>> = [
          response.read1(),
          response.readLine(),
          response.text,
          response.trailers
        ]
        for (const read of readings) {
          const error = yield* failsWith(read, "ConnectionClosed")
          assert.include(error.message, "left unread for 2000 ms (`unreadTime`)")
          assert.deepInclude(error.context, { requestState: "ResponseStarted", processed: "Yes" })
        }
      })
    ))

  const settledBodies: ReadonlyArray<readonly [name: string, steps: ReadonlyArray<T.Step>]> = [
    ["with its head", [T.reply(ok("abc"))]],
    ["behind its head", [T.reply(lengthHead(3)), T.delay("1 second"), T.reply("abc")]],
    ["in chunks", [
      T.reply(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("abc")}`),
      T.delay(1),
      T.reply("0\r\n\r\n")
    ]]
  ]
  for (const [name, steps] of settledBodies) {
    it.effect(`holds no connection where all of it has come ${name}, and can be read for ever`, () =>
      logging((logs) =>
        Effect.gen(function*() {
          const kit = yield* watchedPool([T.connection(T.expect(getHead()), ...steps, T.stall)])
          const response = yield* kit.pool.execute(get())
          yield* TestClock.adjust("1 second")
          yield* settled
          yield* holds(kit.pool, { idle: 1 })
          yield* TestClock.adjust("1 day")
          assert.strictEqual(yield* response.text, "abc")
          assert.deepStrictEqual(reasons(kit.events), ["IdleTime"])
          assert.deepStrictEqual(logs, [])
        })
      ))
  }

  it.effect("is not given up where all of it has come, while the request is still being sent", () =>
    logging((logs) =>
      Effect.gen(function*() {
        // A request of which nothing more comes is given up itself.
        const later = Stream.mapEffect(
          Stream.make("lo", "ad"),
          (text) => Effect.as(Effect.sleep("9 seconds"), bytesOf(text))
        )
        const body = HttpBody.stream(Stream.concat(pieces("up"), later))
        const kit = yield* watchedPool([
          T.connection(
            T.expect(chunkedHead() + chunk("up")),
            T.reply(lengthHead(3)),
            T.delay("1 second"),
            T.reply("abc"),
            T.expect(`${chunk("lo")}${chunk("ad")}0\r\n\r\n`)
          )
        ])
        const response = yield* kit.pool.execute(HttpRequest.post("http://a.test/", { body }))
        yield* TestClock.adjust("1 second")
        yield* TestClock.adjust("8 seconds")
        yield* TestClock.adjust("9 seconds")
        yield* settled
        yield* holds(kit.pool, { idle: 1 })
        assert.strictEqual(yield* response.text, "abc")
        assert.deepStrictEqual(logs, [])
        assert.deepStrictEqual(endings(kit.events), ["POST 200 whole"])
      })
    ))
})

type Reading = (response: HttpResponse) => Effect.Effect<unknown, unknown>

describe("the time begins anew", () => {
  const readings: ReadonlyArray<readonly [name: string, read: Reading]> = [
    ["read1", (response) => response.read1(2)],
    ["read", (response) => response.read(2)],
    ["readInto", (response) => response.readInto(new Uint8Array(2))],
    ["readLine", (response) => response.readLine()],
    ["peek", (response) => response.peek()]
  ]
  for (const [name, read] of readings) {
    it.effect(`after ${name} of what had come`, () =>
      logging(() =>
        Effect.gen(function*() {
          const kit = yield* answering(`${lengthHead(99)}a\nb\nc\nd\n`)
          const response = yield* kit.pool.execute(get())
          for (let i = 0; i < 3; i++) {
            yield* TestClock.adjust(9999)
            yield* read(response)
          }
          yield* lasts(kit, 10_000)
        })
      ))

    it.effect(`after ${name} of what had to be waited for, and does not run meanwhile`, () =>
      logging(() =>
        Effect.gen(function*() {
          const later = [1, 2, 3].flatMap(() => [T.delay("2 minutes"), T.reply("a\n")])
          const kit = yield* answering(lengthHead(99), {}, ...later)
          const response = yield* kit.pool.execute(get())
          for (let i = 0; i < 3; i++) {
            const reader = yield* started(read(response))
            yield* TestClock.adjust("2 minutes")
            yield* Fiber.join(reader)
            if (name === "peek") yield* response.read1()
          }
          yield* lasts(kit, 10_000)
        })
      ))
  }

  it.effect("when its reader has gone on to another piece, not when bytes come for nobody", () =>
    logging(() =>
      Effect.gen(function*() {
        const later = [1, 2].flatMap(() => [T.delay("4 seconds"), T.reply("ab")])
        const kit = yield* answering(lengthHead(99), {}, ...later)
        yield* kit.pool.execute(get())
        yield* TestClock.adjust("4 seconds")
        yield* TestClock.adjust("4 seconds")
        yield* lasts(kit, 2000)
      })
    ))
})

describe("the time does not run", () => {
  const streams: ReadonlyArray<readonly [name: string, run: Reading]> = [
    ["stream", (response) => Stream.runForEach(response.stream, () => Effect.sleep("1 hour"))],
    ["lines", (response) => Stream.runForEach(response.lines, () => Effect.sleep("1 hour"))]
  ]
  for (const [name, run] of streams) {
    it.effect(`while ${name} is read slowly, of which a piece was there before`, () =>
      logging((logs) =>
        Effect.gen(function*() {
          const kit = yield* answering(`${lengthHead(6)}ab\n`, {}, T.delay("1 minute"), T.reply("cd\n"))
          const response = yield* kit.pool.execute(get())
          yield* TestClock.adjust(9999)
          const reader = yield* started(run(response))
          yield* TestClock.adjust("1 hour")
          yield* TestClock.adjust("1 hour")
          yield* Fiber.join(reader)
          assert.deepStrictEqual(logs, [])
          assert.deepStrictEqual(endings(kit.events), ["GET 200 whole"])
        })
      ))
  }

  for (const [name, run] of streams) {
    it.effect(`while ${name} is read slowly, of which each piece was waited for`, () =>
      logging((logs) =>
        Effect.gen(function*() {
          const later = [T.delay("1 minute"), T.reply("ab\n"), T.delay("61 minutes"), T.reply("cd\n")]
          const kit = yield* answering(lengthHead(6), {}, ...later)
          const response = yield* kit.pool.execute(get())
          const reader = yield* started(run(response))
          for (const minutes of [1, 60, 1, 60]) yield* TestClock.adjust(minutes * 60_000)
          yield* Fiber.join(reader)
          assert.deepStrictEqual(logs, [])
          assert.deepStrictEqual(endings(kit.events), ["GET 200 whole"])
        })
      ))
  }

  it.effect("while a piece is waited for: bodyIdle limits that", () =>
    logging((logs) =>
      Effect.gen(function*() {
        const kit = yield* answering(`${lengthHead(9)}abc`)
        const response = yield* kit.pool.execute(get())
        const reader = yield* started(response.text)
        yield* TestClock.adjust(299_999)
        yield* settled
        assert.isFalse(hasEnded(reader))
        yield* TestClock.adjust(1)
        const error = yield* failsWith(Fiber.join(reader), "HttpTimeout")
        assert.strictEqual(error.kind, "bodyIdle")
        assert.deepStrictEqual(logs, [])
        assert.strictEqual((yield* kit.pool.stats).reclaimed, 0)
      })
    ))

  it.effect("when the response was closed: drainTime limits that", () =>
    logging((logs) =>
      Effect.gen(function*() {
        const kit = yield* answering(`${lengthHead(9)}abc`, { unreadTime: 10 })
        const response = yield* kit.pool.execute(get())
        yield* response.close
        yield* lasts(kit, 1000)
        assert.deepStrictEqual(reasons(kit.events), ["Undrained"])
        assert.deepStrictEqual(logs, [])
      })
    ))
})

/** Collects garbage. Vitest starts its workers without the flag that gives it. */
const collectGarbage = (): void => {
  v8.setFlagsFromString("--expose-gc")
  const gc: unknown = vm.runInNewContext("gc")
  if (typeof gc === "function") gc()
}

describe("nothing that lives long holds the response", () => {
  /** Runs this with a response, of which the caller gets nothing but a weak reference. */
  const weakly = ({ pool }: PoolKit, use: Reading) =>
    Effect.flatMap(
      pool.execute(get()),
      (response) =>
        Effect.as(use(response), { response: new WeakRef(response), hints: new WeakRef(response.connection) })
    )

  for (
    const [name, whole, reply, use] of [
      ["unread", false, `${lengthHead(9)}abc`, () => Effect.void],
      ["behind a piece", false, `${lengthHead(9)}abc`, (response) => response.read1()],
      ["read whole", true, ok("abc"), (response) => response.text],
      ["whole and unread", true, ok("abc"), () => Effect.void],
      ["closed, while its rest is dropped", false, `${lengthHead(9)}abc`, (response) => response.close]
    ] as ReadonlyArray<readonly [string, boolean, string, Reading]>
  ) {
    it.live(`not the pool, nor its connection: ${name}`, () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const kit = yield* Scope.extend(
          poolOver([T.connection(T.expect(getHead()), T.reply(reply), T.stall)]),
          scope
        )
        // A fiber of its own, because the values that a fiber has passed on may stay in it.
        const { hints, response } = yield* Fiber.join(yield* Effect.fork(weakly(kit, use)))
        const wanted = whole ? hints : response
        for (let turn = 0; turn < 20 && wanted.deref() !== undefined; turn++) {
          yield* settled
          collectGarbage()
        }
        assert.isUndefined(response.deref())
        // What belongs to the exchange goes with it when it is over.
        if (whole) assert.isUndefined(hints.deref())
        assert.strictEqual(kit.transport.openCount, 1)
        yield* Scope.close(scope, Exit.void)
      }))
  }
})
