/** Which idle connection a request receives. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import type * as ConnectionPool from "../../src/ConnectionPool.ts"
import { contained, failsWith, started } from "../connection/harness.ts"
import { answering } from "./addressed.ts"
import { get, poolOver, textOf, watchedPool } from "./harness.ts"

/** Three connections become idle in their order; five requests follow, one after another. Returns which connection each had. */
const used = (options: ConnectionPool.Options) =>
  Effect.gen(function*() {
    const { events, pool } = yield* watchedPool(Array.from({ length: 3 }, () => answering(9, "1 second")), options)
    const ask = Effect.gen(function*() {
      const fiber = yield* started(textOf(pool, get()))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
    })
    const fibers: Array<Fiber.RuntimeFiber<string, unknown>> = []
    for (const _ of [1, 2, 3]) {
      fibers.push(yield* started(textOf(pool, get())))
      yield* TestClock.adjust("100 millis")
    }
    yield* TestClock.adjust("1 second")
    yield* Effect.forEach(fibers, Fiber.join)
    for (const _ of [1, 2, 3, 4, 5]) yield* ask
    const ids = events.flatMap((event) => event._tag === "Acquire" ? [event.connection] : [])
    return ids.slice(3).map((id) => ids.indexOf(id) + 1)
  })

it.effect("is the newest by default, so that the others can end", () =>
  contained(Effect.gen(function*() {
    for (const options of [{}, { selection: undefined }, { selection: "newest" }] as const) {
      assert.deepStrictEqual(yield* used(options), [3, 3, 3, 3, 3])
    }
  })))

it.effect("is the one that has been idle for the longest with \"oldest\"", () =>
  contained(Effect.map(used({ selection: "oldest" }), (ids) => assert.deepStrictEqual(ids, [1, 2, 3, 1, 2]))))

it.effect("is the one that has served the fewest requests with \"leastUsed\"", () =>
  contained(Effect.gen(function*() {
    assert.deepStrictEqual(yield* used({ selection: "leastUsed" }), [1, 2, 3, 1, 2])
    const { events, pool } = yield* watchedPool([answering(9), answering(9, "1 second")], { selection: "leastUsed" })
    for (const _ of [1, 2, 3]) yield* textOf(pool, get())
    const both = Effect.all([textOf(pool, get()), textOf(pool, get())], { concurrency: 2 })
    const fiber = yield* started(both)
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(fiber)
    const next = yield* started(Effect.all([1, 2, 3].map(() => textOf(pool, get()))))
    yield* TestClock.adjust("3 seconds")
    yield* Fiber.join(next)
    const ids = events.flatMap((event) => event._tag === "Acquire" ? [event.connection] : [])
    // The first has served four by then, and the second one.
    assert.deepStrictEqual(ids.slice(5), [ids[4], ids[4], ids[4]])
  })))

it.effect("is InvalidOption if it is another word", () =>
  Effect.gen(function*() {
    for (const value of ["random", "", null, 1, "NEWEST"]) {
      for (const option of ["selection", "followDns"]) {
        const options = { [option]: value } as ConnectionPool.Options
        const error = yield* Effect.scoped(failsWith(poolOver([], options), "InvalidOption"))
        assert.strictEqual(error.option, option)
      }
    }
  }))
