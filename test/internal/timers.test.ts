/** The queue of timers: when they fire, and that at most one fiber serves them all. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Supervisor from "effect/Supervisor"
import * as TestClock from "effect/TestClock"
import type { TimerQueue } from "../../src/internal/connection/timers.ts"
import { Timer } from "../../src/internal/connection/timers.ts"
import { hosted } from "../../src/internal/effect/hosted.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import { Transport } from "../../src/Transport.ts"

interface Kit {
  readonly timers: TimerQueue
  /** What fired, in order. */
  readonly fired: Array<string>
  readonly named: (name: string, also?: () => void) => Timer
  /** How many fibers of the queue are alive. */
  readonly sleepers: Effect.Effect<number>
  readonly scope: Scope.CloseableScope
}

/** The timers of a connection, under the clock of the test. */
const timerQueue = Effect.provide(
  Effect.map(Effect.flatMap(Transport, hosted), ({ timers }) => timers),
  NodeTransport.layer
)

const kit: Effect.Effect<Kit, never, Scope.Scope> = Effect.gen(function*() {
  // A clock that was moved before does not start a separate fiber to warn that it was not.
  yield* TestClock.adjust(0)
  const supervisor = yield* Supervisor.track
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  const timers = yield* Effect.supervised(Scope.extend(timerQueue, scope), supervisor)
  const fired: Array<string> = []
  return {
    timers,
    fired,
    named: (name, also = () => {}) =>
      new Timer({
        onTimeout: () => {
          fired.push(name)
          also()
        }
      }),
    // An interrupted fiber ends in a later microtask; all of them run before the next macrotask.
    sleepers: Effect.zipRight(
      Effect.async<void>((resume) => {
        setImmediate(() => resume(Effect.void))
      }),
      Effect.map(supervisor.value, (fibers) => fibers.length)
    ),
    scope
  }
})

describe("a timer", () => {
  it.scoped("fires when its time is over, not a millisecond before, and once", () =>
    Effect.gen(function*() {
      const { timers, fired, named } = yield* kit
      const a = named("a")
      timers.start(a, 1000)
      assert.strictEqual(timers.size, 1)
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(fired, [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(fired, ["a"])
      assert.strictEqual(timers.size, 0)
      assert.strictEqual(a.at, Infinity)
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(fired, ["a"])
    }))

  it.scoped("that is set again to an earlier time fires at the earlier time alone", () =>
    Effect.gen(function*() {
      const { timers, fired, named } = yield* kit
      const a = named("a")
      timers.start(a, 1000)
      timers.start(a, 100)
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(fired, ["a"])
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(fired, ["a"])
    }))

  it.scoped("that is set again to a later time does not fire at the earlier one", () =>
    Effect.gen(function*() {
      const { timers, fired, named } = yield* kit
      const a = named("a")
      timers.start(a, 100)
      yield* TestClock.adjust("50 millis")
      timers.start(a, 100)
      assert.strictEqual(timers.size, 1)
      yield* TestClock.adjust("99 millis")
      assert.deepStrictEqual(fired, [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(fired, ["a"])
    }))

  it.scoped("that is cancelled, or set to Infinity, never fires", () =>
    Effect.gen(function*() {
      const { timers, fired, named } = yield* kit
      const a = named("a")
      const b = named("b")
      timers.start(a, 100)
      timers.start(b, 100)
      timers.cancel(a)
      timers.start(b, Infinity)
      assert.strictEqual(timers.size, 0)
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(fired, [])
      // Clearing what is not set is nothing.
      timers.cancel(a)
      assert.strictEqual(timers.size, 0)
    }))

  it.scoped("can be set again from its own callback", () =>
    Effect.gen(function*() {
      const { timers, fired, named } = yield* kit
      const a: Timer = named("a", () => {
        if (fired.length < 3) timers.start(a, 10)
      })
      timers.start(a, 10)
      yield* TestClock.adjust("10 millis")
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(fired, ["a", "a"])
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(fired, ["a", "a", "a"])
      assert.strictEqual(timers.size, 0)
    }))

  it.scoped("of no time at all fires without the clock moving", () =>
    Effect.gen(function*() {
      const { timers, fired, named } = yield* kit
      timers.start(named("a"), 0)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(fired, ["a"])
    }))
})

describe("several timers", () => {
  it.scoped("fire each at its own time, whatever the order in which they were set", () =>
    Effect.gen(function*() {
      const { timers, fired, named } = yield* kit
      timers.start(named("300"), 300)
      timers.start(named("100"), 100)
      timers.start(named("200"), 200)
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(fired, ["100"])
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(fired, ["100", "200"])
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(fired, ["100", "200", "300"])
    }))

  it.scoped("that are due at once fire in the order in which they were set", () =>
    Effect.gen(function*() {
      const { timers, fired, named } = yield* kit
      for (const name of ["a", "b", "c"]) timers.start(named(name), 100)
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(fired, ["a", "b", "c"])
    }))

  it.scoped("that are due at once do not fire if an earlier one has cancelled them or started them again", () =>
    Effect.gen(function*() {
      const { timers, fired, named } = yield* kit
      const cleared = named("cleared")
      const later = named("later")
      timers.start(
        named("first", () => {
          timers.cancel(cleared)
          timers.start(later, 50)
        }),
        100
      )
      timers.start(cleared, 100)
      timers.start(later, 100)
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(fired, ["first"])
      yield* TestClock.adjust("50 millis")
      assert.deepStrictEqual(fired, ["first", "later"])
    }))
})

describe("the sleeper", () => {
  it.scoped("is one fiber, however many timers there are and however often they are set", () =>
    Effect.gen(function*() {
      const { timers, named, sleepers } = yield* kit
      assert.strictEqual(yield* sleepers, 0)
      const all = Array.from({ length: 20 }, (_, i) => named(String(i)))
      // Each earlier than the one before, so that each wakes the sleeper earlier.
      all.forEach((timer, i) => timers.start(timer, 2000 - i))
      assert.strictEqual(yield* sleepers, 1)
      all.forEach((timer, i) => timers.start(timer, 3000 + i))
      assert.strictEqual(yield* sleepers, 1)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* sleepers, 1)
    }))

  it.scoped("ends when it wakes and nothing is set, and begins again with the next timer", () =>
    Effect.gen(function*() {
      const { timers, fired, named, sleepers } = yield* kit
      const a = named("a")
      timers.start(a, 1000)
      timers.cancel(a)
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(yield* sleepers, 0)
      timers.start(a, 1000)
      assert.strictEqual(yield* sleepers, 1)
      yield* TestClock.adjust("1 seconds")
      assert.deepStrictEqual(fired, ["a"])
      assert.strictEqual(yield* sleepers, 0)
    }))

  it.scoped("ends with the scope, even of an uninterruptible region, and nothing fires or is set afterwards", () =>
    Effect.gen(function*() {
      const { timers, fired, named, scope, sleepers } = yield* Effect.uninterruptible(kit)
      const a = named("a")
      timers.start(a, 1000)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* sleepers, 0)
      timers.start(named("b"), 10)
      assert.strictEqual(timers.size, 0)
      assert.strictEqual(yield* sleepers, 0)
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(fired, [])
    }))

  it.scoped("goes by the clock's monotonic time", () =>
    Effect.gen(function*() {
      const { timers } = yield* kit
      const before = timers.now()
      yield* TestClock.adjust("1500 micros")
      assert.closeTo(timers.now() - before, 1.5, 1e-6)
    }))
})
