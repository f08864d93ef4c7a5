/** Who listens to a pool: the stream of its events, and listeners that are called at once, which cannot break it. */
import { assert, describe, it, vi } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { ConnectionEvent } from "../../src/ConnectionEvent.ts"
import { EventHub } from "../../src/internal/connection/events.ts"
import * as T from "../../src/TestTransport.ts"
import { contained, getHead, settled, started } from "../connection/harness.ts"
import { get, holds, holdsNothing, poolOver, serves, serving, textOf, watchedPool } from "./harness.ts"

describe("the stream of events", () => {
  it.effect("begins with what happens after it is run, and ends with the pool", () =>
    contained(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { pool } = yield* Scope.extend(poolOver([serving("/1", "/2")]), scope)
      yield* textOf(pool, get("/1"))
      const reader = yield* started(Stream.runCollect(pool.events))
      yield* textOf(pool, get("/2"))
      yield* Scope.close(scope, Exit.void)
      const told = Chunk.toReadonlyArray(yield* Fiber.join(reader)).map(({ _tag }) => _tag)
      assert.deepStrictEqual(told, ["Acquire", "Send", "Receive", "RequestEnd", "Release", "Close"])
      // Of a pool that has ended nothing is told.
      assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(pool.events)), [])
    })))

  it.effect(
    "loses the oldest for a reader that is slow, and keeps the last 4096",
    () =>
      contained(Effect.gen(function*() {
        const requests = 1200
        const scope = yield* Scope.make()
        const served = Array.from({ length: requests }, () => serves("/1")).flat()
        const { events, pool } = yield* Scope.extend(watchedPool([T.connection(...served)]), scope)
        const first: Array<ConnectionEvent> = []
        const rest: Array<ConnectionEvent> = []
        const reader = yield* started(Stream.runForEach(Stream.rechunk(pool.events, 1), (event) =>
          first.length === 0
            ? Effect.zipRight(Effect.sync(() => first.push(event)), Effect.sleep("1 second"))
            : Effect.sync(() => rest.push(event))))
        for (let i = 0; i < requests; i++) yield* textOf(pool, get("/1"))
        yield* Scope.close(scope, Exit.void)
        assert.isAbove(events.length, 6000)
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(reader)
        assert.deepStrictEqual(first[0], events[0])
        // And what the reader had taken together with the first one: the events of one request.
        assert.isAtMost(rest.length, 4096 + 8)
        assert.isAtLeast(rest.length, 4096 - 1)
        assert.deepStrictEqual(rest.slice(-4000), events.slice(-4000))
      })),
    30_000
  )

  it.effect("stops listening with its reader", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([serving("/1", "/2")])
      const emit = vi.spyOn(EventHub.prototype, "emit")
      const reader = yield* started(Stream.runDrain(pool.events))
      yield* textOf(pool, get("/1"))
      const { length } = emit.mock.calls
      assert.isAbove(length, 0)
      yield* Fiber.interrupt(reader)
      yield* textOf(pool, get("/2"))
      assert.strictEqual(emit.mock.calls.length, length)
      emit.mockRestore()
    })))
})

describe("subscribe", () => {
  it.effect("calls at once, each time it was asked to, until the scope ends", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([serving("/1", "/2")])
      const told: Array<string> = []
      const listener = ({ _tag }: ConnectionEvent): void => void told.push(_tag)
      yield* Effect.scoped(Effect.gen(function*() {
        yield* pool.subscribe(listener)
        yield* pool.subscribe(listener)
        yield* textOf(pool, get("/1"))
        assert.strictEqual(told.length, 18)
        const before = told.length
        Effect.runSync(pool.closeIdle)
        assert.deepStrictEqual(told.slice(before), ["Close", "Close"])
      }))
      const { length } = told
      assert.isAbove(length, 0)
      yield* Effect.ignore(textOf(pool, get("/2")))
      assert.strictEqual(told.length, length)
    })))

  it.effect("may ask the pool for something in its very call", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver(
        [T.connection(...serves("/1"), T.delay(1), T.eof), serving("/2")],
        { connectionsPerOrigin: 1 }
      )
      const answers: Array<Fiber.RuntimeFiber<string, unknown>> = []
      yield* pool.subscribe(({ _tag }) => {
        if (_tag === "Close" && answers.length === 0) answers.push(Effect.runFork(textOf(pool, get("/2"))))
      })
      yield* textOf(pool, get("/1"))
      yield* TestClock.adjust(1)
      yield* settled
      // The connection of which that was told is not given out any more.
      assert.deepStrictEqual(yield* Fiber.join(Fiber.all(answers)), ["/2"])
      assert.strictEqual(transport.written(0), getHead("/1"))
      yield* holds(pool, { idle: 1 })
    })))

  it.effect("logs what a listener throws, and all others are called", () =>
    Effect.gen(function*() {
      const logged: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => void logged.push(`${logLevel.label} ${String(message)}`))
      const told: Array<string> = []
      yield* contained(Effect.gen(function*() {
        const kit = yield* poolOver([serving("/1")], {
          onEvent: () => {
            throw new Error("mine")
          }
        })
        yield* kit.pool.subscribe(() => {
          throw new Error("mine too")
        })
        yield* kit.pool.subscribe(({ _tag }) => void told.push(_tag))
        assert.strictEqual(yield* textOf(kit.pool, get("/1")), "/1")
        yield* kit.pool.closeIdle
        yield* holdsNothing(kit)
      })).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      assert.strictEqual(told.length, 10)
      for (const tag of told) {
        const line = `ERROR A listener (\`onEvent\`, \`subscribe\`) threw at the event ${tag}`
        assert.strictEqual(logged.filter((entry) => entry.startsWith(line)).length % 2, 0)
      }
      assert.strictEqual(logged.length, 2 * told.length)
    }))
})

describe("a listener that is told that a connection is used now", () => {
  it.scoped("may end the pool: the request is refused, and waits for nothing", () =>
    contained(Effect.gen(function*() {
      let end = (): void => {}
      const kit = yield* poolOver([serving("/1")], { onEvent: ({ _tag }) => _tag === "Acquire" ? end() : undefined })
      yield* textOf(kit.pool, get("/1"))
      end = () => void Effect.runFork(kit.pool.shutdown({ grace: 0 }))
      assert.strictEqual((yield* Effect.flip(kit.pool.execute(get("/2"))))._tag, "PoolClosed")
    })))
})

describe("a logger that throws at the head of a response", () => {
  it.scoped("costs the connection, and leaves no place taken", () =>
    contained(Effect.gen(function*() {
      const reply = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"
      const script = [T.connection(T.expect(getHead("/1")), T.reply(reply), T.stall)]
      const logger = Logger.make<unknown, void>(({ message }) => {
        if (String(message).includes("reply:")) throw new Error("the log is full")
      })
      const { pool } = yield* poolOver(script, { wireTap: true })
      const exit = yield* Effect.exit(pool.execute(get("/1"))).pipe(
        Effect.provide(Logger.replace(Logger.defaultLogger, logger))
      )
      assert.isTrue(Exit.isFailure(exit))
      yield* settled
      yield* holds(pool, {})
    })))
})
