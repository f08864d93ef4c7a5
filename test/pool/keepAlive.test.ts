/**
 * What a server says of how long it keeps its connection, `Keep-Alive: timeout, max`: honoured where it is less than the pool's own
 * limits, with a margin for a request that is under way, and ignored where it makes no sense.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as TestClock from "effect/TestClock"
import type * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpFields from "../../src/HttpFields.ts"
import { keepAlive } from "../../src/internal/pool/keepAlive.ts"
import * as T from "../../src/TestTransport.ts"
import { contained, getHead, ok, settled } from "../connection/harness.ts"
import { get, holds, holdsNothing, reasons, serves, serving, textOf, watchedPool } from "./harness.ts"

type Hints = ReadonlyArray<string>

const fieldsOf = (hints: Hints): ReadonlyArray<string> => hints.map((hint) => `Keep-Alive: ${hint}`)

/** A pool whose first connection answers with these hints. */
const hinting = (hints: Hints, options?: ConnectionPool.Options, ...more: ReadonlyArray<T.Step>) =>
  watchedPool([
    T.connection(T.expect(getHead("/1")), T.reply(ok("/1", ...fieldsOf(hints))), ...more),
    serving("/2")
  ], options)

/** That a connection with these hints is kept idle for exactly this long. */
const keptFor = (hints: Hints, millis: number, options?: ConnectionPool.Options) =>
  contained(Effect.gen(function*() {
    const kit = yield* hinting(hints, options)
    yield* textOf(kit.pool, get("/1"))
    yield* holds(kit.pool, { idle: 1 })
    yield* TestClock.adjust(millis - 1)
    yield* settled
    yield* holds(kit.pool, { idle: 1 })
    yield* TestClock.adjust(1)
    yield* holdsNothing(kit)
    assert.deepStrictEqual(reasons(kit.events), ["IdleTime"])
  }))

describe("Keep-Alive: timeout", () => {
  const cases: ReadonlyArray<readonly [hints: Hints, millis: number, options?: ConnectionPool.Options]> = [
    [["timeout=5"], 4000],
    [["timeout=5, max=100"], 4000],
    [["max=100,timeout=5"], 4000],
    [["TimeOut = 5"], 4000],
    [["timeout=\"5\""], 4000],
    [["timeout=05"], 4000],
    [["foo=bar, timeout=5, timeouts=1"], 4000],
    [["foo", "timeout=5"], 4000],
    // The least one counts, wherever it stands.
    [["timeout=20, timeout=5"], 4000],
    [["timeout=5", "timeout=20"], 4000],
    [["timeout=20", "max=100", "timeout=5"], 4000],
    // At most half of the time is margin.
    [["timeout=3"], 2000],
    [["timeout=2"], 1000],
    [["timeout=1"], 500],
    [["timeout=5"], 5000, { keepAliveMargin: 0 }],
    [["timeout=5"], 3000, { keepAliveMargin: "2 seconds" }],
    [["timeout=5"], 2500, { keepAliveMargin: "1 minute" }],
    [["timeout=5"], 2500, { keepAliveMargin: Infinity }],
    [["max=100"], 30_000, { keepAliveMargin: Infinity }],
    // Never longer than the pool wants.
    [["timeout=31"], 30_000],
    [["timeout=60"], 30_000],
    [["timeout=99999999999999999999"], 30_000],
    [[`timeout=${"9".repeat(400)}`, "timeout=5"], 4000],
    [[`timeout=${"9".repeat(400)}`], 30_000],
    [["timeout=5"], 10, { idleTime: 10 }],
    [["timeout=60"], 59_000, { idleTime: Infinity, lifetime: Infinity }],
    [["timeout=60"], 20_000, { lifetime: "20 seconds", lifetimeJitter: 0 }]
  ]
  for (const [hints, millis, options] of cases) {
    const name = `${hints.map((hint) => `"${hint}"`).join(" and ")} keeps a connection for ${millis} ms`
    it.effect(options === undefined ? name : `${name} with ${JSON.stringify(options)}`, () =>
      // The lifetime ends one with its own reason.
      options?.lifetimeJitter === 0
        ? contained(Effect.gen(function*() {
          const kit = yield* hinting(hints, options)
          yield* textOf(kit.pool, get("/1"))
          yield* TestClock.adjust(millis)
          yield* holdsNothing(kit)
          assert.deepStrictEqual(reasons(kit.events), ["Lifetime"])
        }))
        : keptFor(hints, millis, options))
  }

  const malformed = [
    "",
    "5",
    "timeout",
    "timeout=",
    "timeout=five",
    "timeout=-5",
    "timeout=+5",
    "timeout=5s",
    "timeout=0.5",
    "timeout=1e1",
    "timeout=0x5",
    "timeout==5",
    "timeout=5=5",
    "timeout=5;max=1",
    "timeout=\"5",
    "timeout=Infinity",
    "timeout=NaN",
    "max=-1",
    "max=",
    "max=all"
  ]
  for (const hint of malformed) {
    it.effect(`says nothing where it is malformed: "${hint}"`, () => keptFor([hint], 30_000))
  }

  it.effect("says nothing where it is malformed, but the rest of the field does", () =>
    keptFor(["timeout=x, timeout=5"], 4000))

  it.effect("of 0 lets nobody use the connection again", () =>
    contained(Effect.gen(function*() {
      const { events, pool } = yield* hinting(["timeout=0"], {}, T.expectDestroy)
      assert.strictEqual(yield* textOf(pool, get("/1")), "/1")
      assert.strictEqual(yield* textOf(pool, get("/2")), "/2")
      assert.deepStrictEqual(reasons(events), ["IdleTime"])
    })))

  it.effect("counts from each answer anew, and holds for that one alone", () =>
    contained(Effect.gen(function*() {
      const kit = yield* hinting(
        ["timeout=5"],
        {},
        T.expect(getHead("/2")),
        T.reply(ok("/2", "Keep-Alive: timeout=10")),
        ...serves("/3")
      )
      for (const [path, millis] of [["/1", 3999], ["/2", 8999], ["/3", 29_999]] as const) {
        assert.strictEqual(yield* textOf(kit.pool, get(path)), path)
        yield* TestClock.adjust(millis)
        yield* holds(kit.pool, { idle: 1 })
      }
      yield* TestClock.adjust(1)
      yield* holdsNothing(kit)
    })))

  it.effect("counts though the response was let go", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool([
        T.connection(
          T.expect(getHead("/1")),
          T.reply(ok("abc", "Keep-Alive: timeout=5").slice(0, -1)),
          T.delay(100),
          T.reply("c")
        )
      ])
      yield* Effect.flatMap(kit.pool.execute(get("/1")), (response) => response.close)
      yield* TestClock.adjust(100)
      yield* settled
      yield* TestClock.adjust(3999)
      yield* holds(kit.pool, { idle: 1 })
      yield* TestClock.adjust(1)
      yield* holdsNothing(kit)
    })))
})

describe("Keep-Alive: max", () => {
  /** How many requests are sent on a connection whose answers have these hints, and why it is closed. */
  const served = (hints: ReadonlyArray<Hints>, options?: ConnectionPool.Options) =>
    contained(Effect.gen(function*() {
      const steps = hints.flatMap((hint) => [T.expect(getHead()), T.reply(ok("", ...fieldsOf(hint)))])
      const { events, pool, transport } = yield* watchedPool([T.connection(...steps, T.expectDestroy)], options)
      for (const _ of hints) {
        yield* textOf(pool, get())
        if (reasons(events).length > 0) break
      }
      const count = transport.written(0).split("GET").length - 1
      return [count, ...reasons(events)]
    }))

  const cases: ReadonlyArray<
    readonly [hints: ReadonlyArray<Hints>, expected: ReadonlyArray<unknown>, options?: ConnectionPool.Options]
  > = [
    [[["max=0"], []], [1, "Requests"]],
    [[["max=1"], [], []], [2, "Requests"]],
    [[["timeout=5, max=1"], [], []], [2, "Requests"]],
    [[["max=2"], ["max=1"], ["max=0"], []], [3, "Requests"]],
    [[["max=5"], ["max=0"], []], [2, "Requests"]],
    [[["max=5, max=0"], []], [1, "Requests"]],
    [[["max=5", "max=0"], []], [1, "Requests"]],
    // What was said counts, whatever is said later.
    [[["max=1"], ["max=100"], []], [2, "Requests"]],
    [[["max=100"], ["max=100"], ["max=100"]], [3]],
    [[["max=100"], ["max=100"], ["max=100"]], [2, "Requests"], { requestsPerConnection: 2 }],
    [[["max=x"], ["max=-1"], ["max=1.5"]], [3]]
  ]
  for (const [hints, expected, options] of cases) {
    it.effect(
      `${JSON.stringify(hints)} allows ${expected[0]} requests${
        options === undefined ? "" : ` with ${JSON.stringify(options)}`
      }`,
      () => Effect.map(served(hints, options), (result) => assert.deepStrictEqual(result, expected))
    )
  }
})

describe("whatever a server says", () => {
  const word = FastCheck.oneof(
    FastCheck.constantFrom(
      "timeout",
      "max",
      "Timeout",
      "=",
      ",",
      " ",
      ";",
      "\"",
      "-",
      ".",
      "e",
      "0",
      "00",
      "9",
      "Infinity"
    ),
    FastCheck.nat().map(String),
    FastCheck.stringMatching(/^[!-~ ]*$/)
  )
  const text = FastCheck.array(word, { maxLength: 12 }).map((words) => words.join(""))
  const plausible = FastCheck.tuple(FastCheck.nat(100_000), FastCheck.nat(1000)).map(([timeout, max]) =>
    `timeout=${timeout}, max=${max}`
  )
  const hints = FastCheck.array(FastCheck.oneof(text, plausible), { minLength: 1, maxLength: 3 })

  it("gives a time of at least 0 and a count of at least 0, and never NaN", () => {
    FastCheck.assert(
      FastCheck.property(hints, FastCheck.oneof(FastCheck.nat(), FastCheck.constant(Infinity)), (hints, margin) => {
        const fields = HttpFields.fromInput(hints.map((text) => ["keep-alive", text] as const))
        const hint = keepAlive({ fields }, margin)
        assert.isDefined(hint)
        assert.isAtLeast(hint?.idleMillis ?? -1, 0)
        assert.isAtLeast(hint?.left ?? -1, 0)
      })
    )
  })

  it("gives the server's time less the margin, and at least half of it", () => {
    FastCheck.assert(FastCheck.property(FastCheck.nat(999_999_999), FastCheck.nat(), (seconds, margin) => {
      const hint = keepAlive({ fields: HttpFields.fromInput([["Keep-Alive", `timeout=${seconds}`]]) }, margin)
      const millis = seconds * 1000
      assert.strictEqual(hint?.idleMillis, Math.max(millis - margin, millis / 2))
      assert.strictEqual(hint?.left, Infinity)
    }))
  })

  it.effect("keeps no connection for longer than idleTime", () =>
    Effect.forEach(FastCheck.sample(hints, { numRuns: 100, seed: 7 }), (hints) =>
      contained(Effect.gen(function*() {
        const trimmed = hints.map((text) => text.trim())
        const kit = yield* hinting(trimmed, { idleTime: "10 seconds" })
        assert.strictEqual(yield* textOf(kit.pool, get("/1")), "/1")
        yield* TestClock.adjust("10 seconds")
        yield* holdsNothing(kit)
        for (const reason of reasons(kit.events)) assert.include(["IdleTime", "Requests"], reason, trimmed.join("|"))
      })), { discard: true }))
})
