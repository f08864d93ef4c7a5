/**
 * The host that Effect 3 gives to the core: its time, its timers, its async context and its log.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Supervisor from "effect/Supervisor"
import * as TestClock from "effect/TestClock"
import { AsyncLocalStorage } from "node:async_hooks"
import { ask } from "../../src/internal/effect/ask.ts"
import { EffectHost } from "../../src/internal/effect/host.ts"
import type { BodySource, Host } from "../../src/internal/model/ports.ts"
import { nodeEventLoop } from "../../src/internal/node/eventLoop.ts"
import { turn } from "../fixtures/sockets.ts"

const source: BodySource = { start: () => ({ stop: () => {}, whenEnded: () => () => {} }) }

/** The host of the fiber that runs this. */
const host: Effect.Effect<Host> = Effect.zipWith(
  Effect.clock,
  Effect.runtime<never>(),
  (clock, runtime) => new EffectHost(clock, runtime, nodeEventLoop, { bodySource: () => source, ask })
)

const fired = (made: Host, millis: number): Effect.Effect<void> =>
  Effect.async<void>((resume) => void made.startTimer(millis, true, () => resume(Effect.void)))

describe("the host in real time", () => {
  it.live("tells milliseconds that go on while a timer runs", () =>
    Effect.gen(function*() {
      const made = yield* host
      assert.isTrue(made.isLive)
      const before = made.now()
      yield* fired(made, 20)
      // Node's timers may fire up to a millisecond early by this clock.
      assert.isAtLeast(made.now() - before, 19)
    }))

  it.live("fires a timer once, not within the call, and not after it was cancelled", () =>
    Effect.gen(function*() {
      const made = yield* host
      let count = 0
      made.startTimer(0, true, () => count++)
      const cancelled = made.startTimer(0, true, () => assert.fail("it was cancelled"))
      assert.strictEqual(count, 0)
      cancelled.cancel()
      yield* fired(made, 10)
      assert.strictEqual(count, 1)
    }))

  it.live("keeps the process alive for a timer as long as that is asked for", () =>
    Effect.gen(function*() {
      const made = yield* host
      // A vitest worker may have timers of its own: only changes count.
      const count = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length
      const before = count()
      const timer = made.startTimer(60_000, true, () => {})
      const held = count() - before
      timer.hold(false)
      const left = count() - before
      timer.hold(true)
      const again = count() - before
      timer.cancel()
      const unheld = made.startTimer(60_000, false, () => {})
      const never = count() - before
      unheld.cancel()
      assert.deepStrictEqual([held, left, again, never, count() - before], [1, 0, 1, 0, 0])
    }))

  it.live("waits for longer than Node's timers can", () =>
    Effect.gen(function*() {
      const made = yield* host
      const month = made.startTimer(30 * 86_400_000, false, () => assert.fail("a month has passed"))
      const never = made.startTimer(Infinity, false, () => assert.fail("that is never"))
      yield* fired(made, 10)
      month.cancel()
      never.cancel()
    }))

  it.live("fires in the async context in which the host was made", () =>
    Effect.gen(function*() {
      const storage = new AsyncLocalStorage<string>()
      const made = yield* Effect.promise(() => storage.run("maker", () => Effect.runPromise(host)))
      const seen = yield* Effect.async<string | undefined>((resume) => {
        storage.run("other", () => void made.startTimer(0, true, () => resume(Effect.succeed(storage.getStore()))))
      })
      assert.strictEqual(seen, "maker")
    }))
})

describe("the host under another clock", () => {
  it.effect("tells that clock's time, and fires when it has come", () =>
    Effect.gen(function*() {
      const made = yield* host
      assert.isFalse(made.isLive)
      const before = made.now()
      const seen: Array<number> = []
      made.startTimer(1.5, true, () => seen.push(made.now() - before))
      const cancelled = made.startTimer(1, true, () => assert.fail("it was cancelled"))
      cancelled.cancel()
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(seen, [])
      yield* TestClock.adjust("1 hour")
      yield* turn
      assert.deepStrictEqual([seen.length, made.now() - before], [1, 3_600_001])
    }))

  it.effect("does not fire within the call, even for what is due at once, and leaves no fiber", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust(0)
      const supervisor = yield* Supervisor.track
      // As a host is made that must not be interrupted: its timers can be, all the same.
      const made = yield* Effect.supervised(Effect.uninterruptible(host), supervisor)
      let count = 0
      made.startTimer(0, true, () => count++)
      assert.strictEqual(count, 0)
      yield* TestClock.adjust(0)
      yield* turn
      assert.strictEqual(count, 1)
      made.startTimer(60_000, true, () => count++).cancel()
      yield* turn
      assert.deepStrictEqual([count, (yield* supervisor.value).length], [1, 0])
    }))
})

describe("the host's log", () => {
  it.live("is that of the runtime: an error with its defect, and a warning", () =>
    Effect.gen(function*() {
      const lines: Array<readonly [level: string, message: unknown, cause: unknown]> = []
      const both = yield* Deferred.make<void>()
      const logger = Logger.make<unknown, void>(({ cause, logLevel, message }) => {
        lines.push([logLevel.label, message, Cause.isEmpty(cause) ? undefined : Cause.squash(cause)])
        if (lines.length === 2) Deferred.unsafeDone(both, Effect.void)
      })
      const made = yield* Effect.provide(host, Logger.replace(Logger.defaultLogger, logger))
      const defect = new TypeError("a fault of the program")
      made.logError("a listener threw", defect)
      made.logWarning("a body was not read")
      yield* Deferred.await(both)
      assert.deepStrictEqual(lines, [
        [LogLevel.Error.label, ["a listener threw"], defect],
        [LogLevel.Warning.label, ["a body was not read"], undefined]
      ])
    }))

  it.live("throws nothing, even if the logger does", () =>
    Effect.gen(function*() {
      let calls = 0
      const logger = Logger.make<unknown, void>(() => {
        calls++
        throw new TypeError("a fault of the logger")
      })
      const made = yield* Effect.provide(host, Logger.replace(Logger.defaultLogger, logger))
      made.logError("a listener threw", new TypeError("a fault of the program"))
      made.logWarning("a body was not read")
      yield* turn
      assert.isAtLeast(calls, 2)
    }))
})
