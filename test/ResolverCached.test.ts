/** `Resolver.cached` by the clock: what is remembered, for how long, what is shared, and what a lookup that fails comes to. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as ConnectionPool from "../src/ConnectionPool.ts"
import { DnsError, InvalidOption } from "../src/HttpError.ts"
import * as HttpRequest from "../src/HttpRequest.ts"
import { dnsError } from "../src/internal/node/errors.ts"
import * as NodeTransport from "../src/NodeTransport.ts"
import * as Resolver from "../src/Resolver.ts"
import { webServer } from "./fixtures/web.ts"

const failure = (code: string) => dnsError("a.test", Object.assign(new Error(code), { code }))
const notFound = failure("ENOTFOUND")
const noData = failure("ENODATA")
const broken = failure("ESERVFAIL")

const address = "192.0.2.1"

/** What a lookup comes to: an answer, an error, or whatever an effect does. */
type Outcome = string | Resolver.Answer | DnsError | Effect.Effect<Resolver.Answer, DnsError>

const run = (outcome: Outcome): Effect.Effect<Resolver.Answer, DnsError> =>
  typeof outcome === "string"
    ? Effect.succeed({ addresses: [outcome] })
    : outcome instanceof DnsError || Effect.isEffect(outcome)
    ? outcome
    : Effect.succeed(outcome)

/** A resolver whose lookups come to these outcomes in turn, the last one again and again; it notes the names. */
const scripted = (...outcomes: ReadonlyArray<Outcome>) => {
  const names: Array<string> = []
  const resolver: Resolver.Service = {
    lookup: (name) => Effect.suspend(() => run(outcomes[Math.min(names.push(name), outcomes.length) - 1] ?? noData))
  }
  return { names, resolver }
}

const cachedOver = (options: Resolver.CachedOptions, ...outcomes: ReadonlyArray<Outcome>) => {
  const { names, resolver } = scripted(...outcomes)
  return Effect.map(Resolver.cached({ resolver, ...options }), (cached) => ({ cached, names }))
}

/** The first address of an answer, with a mark if it is stale, or the code of the failure. */
const told = (lookup: Effect.Effect<Resolver.Answer, DnsError>): Effect.Effect<string> =>
  Effect.match(lookup, {
    onFailure: ({ code }) => code,
    onSuccess: ({ addresses: [first = "none"], stale }) => stale === true ? `${first} (stale)` : first
  })

/** A lookup that ends when the test says so, and notes its interruption. */
const held = (answer: Outcome = address) => {
  const begun = Deferred.unsafeMake<void>(Fiber.id(Fiber.void))
  const gate = Deferred.unsafeMake<void>(Fiber.id(Fiber.void))
  const state = { interrupted: 0 }
  const lookup = Deferred.succeed(begun, undefined).pipe(
    Effect.zipRight(Deferred.await(gate)),
    Effect.zipRight(Effect.suspend(() => run(answer))),
    Effect.onInterrupt(() => Effect.sync(() => void state.interrupted++))
  )
  return { begun: Deferred.await(begun), lookup, open: Deferred.succeed(gate, undefined), state }
}

describe("an answer", () => {
  it.effect("is used for `ttl`, and not longer", () =>
    Effect.gen(function*() {
      const { cached, names } = yield* cachedOver({ ttl: "10 seconds" }, "192.0.2.1", "192.0.2.2")
      assert.strictEqual(yield* told(cached.lookup("a.test")), "192.0.2.1")
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* told(cached.lookup("a.test")), "192.0.2.1")
      assert.strictEqual(names.length, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* told(cached.lookup("a.test")), "192.0.2.2")
      assert.strictEqual(names.length, 2)
    }))

  it.effect("is used for its own time if that is shorter than `ttl`", () =>
    Effect.gen(function*() {
      for (const [own, times] of [["4 seconds", 2], ["20 seconds", 1], ["0 millis", 2], [undefined, 1]] as const) {
        const { cached, names } = yield* cachedOver({ ttl: "10 seconds" }, { addresses: [address], ttl: own })
        yield* cached.lookup("a.test")
        yield* TestClock.adjust("4 seconds")
        yield* cached.lookup("a.test")
        assert.strictEqual(names.length, times, own)
      }
    }))

  it.effect("is not remembered with a `ttl` of 0", () =>
    Effect.gen(function*() {
      const { cached, names } = yield* cachedOver({ ttl: 0, staleOnError: 0 }, address)
      yield* cached.lookup("a.test")
      yield* cached.lookup("a.test")
      assert.deepStrictEqual([names.length, yield* cached.size], [2, 0])
    }))

  it.effect("says how old it is, and how much longer it may be used", () =>
    Effect.gen(function*() {
      const answer = { addresses: [address], ttl: "8 seconds", age: "3 seconds" } as const
      const { cached } = yield* cachedOver({ ttl: "10 seconds" }, answer)
      const first = yield* cached.lookup("a.test")
      assert.deepStrictEqual(first, { addresses: [address], ttl: 8000, age: 3000, stale: false })
      yield* TestClock.adjust("5 seconds")
      const second = yield* cached.lookup("a.test")
      assert.deepStrictEqual(second, { addresses: [address], ttl: 3000, age: 8000, stale: false })
    }))

  it.effect("without any limit is used indefinitely, and says no time", () =>
    Effect.gen(function*() {
      const { cached, names } = yield* cachedOver({ ttl: Infinity }, address)
      yield* cached.lookup("a.test")
      yield* TestClock.adjust("1000 days")
      assert.isUndefined((yield* cached.lookup("a.test")).ttl)
      assert.strictEqual(names.length, 1)
    }))

  it.effect("is of one name only, and the least recently used one is forgotten first", () =>
    Effect.gen(function*() {
      const { cached, names } = yield* cachedOver({ capacity: 2 }, address)
      for (const name of ["a.test", "b.test", "a.test", "c.test", "a.test", "b.test"]) yield* cached.lookup(name)
      assert.deepStrictEqual(names, ["a.test", "b.test", "c.test", "b.test"])
      assert.strictEqual(yield* cached.size, 2)
    }))

  it.effect("is forgotten by `clear`", () =>
    Effect.gen(function*() {
      const { cached, names } = yield* cachedOver({}, address)
      yield* cached.lookup("a.test")
      yield* cached.clear
      assert.strictEqual(yield* cached.size, 0)
      yield* cached.lookup("a.test")
      assert.strictEqual(names.length, 2)
    }))
})

describe("a lookup", () => {
  it.effect("is shared by 64 cold requests for its name", () =>
    Effect.gen(function*() {
      const { begun, lookup, open } = held()
      const { cached, names } = yield* cachedOver({}, lookup)
      const fibers = yield* Effect.forEach(Array.from({ length: 64 }), () => Effect.fork(told(cached.lookup("a.test"))))
      yield* begun
      yield* open
      const all = yield* Fiber.join(Fiber.all(fibers))
      assert.deepStrictEqual([names.length, new Set(all)], [1, new Set([address])])
    }))

  it.effect("goes on without the waiters that are interrupted, whichever they are", () =>
    Effect.gen(function*() {
      const { begun, lookup, open, state } = held()
      const { cached, names } = yield* cachedOver({}, lookup)
      const fibers = yield* Effect.forEach([0, 1, 2], () => Effect.fork(told(cached.lookup("a.test"))))
      yield* begun
      const [first, second, third] = fibers
      if (first === undefined || second === undefined || third === undefined) return assert.fail("no fibers")
      yield* Fiber.interrupt(first)
      yield* Fiber.interrupt(third)
      yield* open
      assert.strictEqual(yield* Fiber.join(second), address)
      assert.deepStrictEqual([names.length, state.interrupted], [1, 0])
    }))

  it.effect("is interrupted by the last waiter that leaves, which waits for its end", () =>
    Effect.gen(function*() {
      const { begun, lookup, state } = held()
      const { cached, names } = yield* cachedOver({}, lookup, address)
      const fibers = yield* Effect.forEach([0, 1], () => Effect.fork(cached.lookup("a.test")))
      yield* begun
      yield* Fiber.interruptAll(fibers)
      assert.strictEqual(state.interrupted, 1)
      assert.strictEqual(yield* told(cached.lookup("a.test")), address)
      assert.strictEqual(names.length, 2)
    }))

  it.effect("that is being interrupted is not joined, and what it comes to is not remembered", () =>
    Effect.gen(function*() {
      const { begun, lookup, open } = held("192.0.2.9")
      const { cached, names } = yield* cachedOver({}, Effect.uninterruptible(lookup), "192.0.2.2")
      const leaving = yield* Effect.fork(cached.lookup("a.test"))
      yield* begun
      yield* Fiber.interruptFork(leaving)
      for (let step = 0; step < 10; step++) yield* Effect.yieldNow()
      assert.strictEqual(yield* told(cached.lookup("a.test")), "192.0.2.2")
      yield* open
      yield* Fiber.await(leaving)
      assert.strictEqual(yield* told(cached.lookup("a.test")), "192.0.2.2")
      assert.strictEqual(names.length, 2)
    }))

  it.effect("that ends late, after it was interrupted, does not end the one that took its place", () =>
    Effect.gen(function*() {
      const first = held()
      const second = held("192.0.2.2")
      const { cached, names } = yield* cachedOver({}, Effect.uninterruptible(first.lookup), second.lookup, "192.0.2.3")
      const leaving = yield* Effect.fork(cached.lookup("a.test"))
      yield* first.begun
      yield* Fiber.interruptFork(leaving)
      for (let step = 0; step < 10; step++) yield* Effect.yieldNow()
      const waiting = yield* Effect.fork(told(cached.lookup("a.test")))
      yield* second.begun
      yield* first.open
      yield* Fiber.await(leaving)
      const joining = yield* Effect.fork(told(cached.lookup("a.test")))
      for (let step = 0; step < 10; step++) yield* Effect.yieldNow()
      yield* second.open
      assert.deepStrictEqual(yield* Fiber.join(Fiber.zip(waiting, joining)), ["192.0.2.2", "192.0.2.2"])
      assert.strictEqual(names.length, 2)
    }))

  it.effect("leaves nothing when its waiter is interrupted at any operation", () =>
    Effect.gen(function*() {
      for (let steps = 0; steps < 40; steps++) {
        let isOpen = false
        const lookup = Effect.suspend(() => isOpen ? run(address) : Effect.never)
        const { cached } = yield* cachedOver({}, lookup)
        const fiber = yield* Effect.fork(cached.lookup("a.test"))
        for (let step = 0; step < steps; step++) yield* Effect.yieldNow()
        yield* Fiber.interrupt(fiber)
        isOpen = true
        // If the first lookup were still in progress, this one would join it and never end.
        assert.strictEqual(yield* told(cached.lookup("a.test")), address)
      }
    }))

  it.effect("that dies ends all its waiters with the defect, and is not remembered", () =>
    Effect.gen(function*() {
      const defect = new TypeError("a fault of the program")
      const { begun, lookup, open } = held(Effect.die(defect))
      const { cached } = yield* cachedOver({}, lookup, address)
      const fibers = yield* Effect.forEach([0, 1], () => Effect.fork(cached.lookup("a.test")))
      yield* begun
      yield* open
      for (const fiber of fibers) {
        const exit = yield* Fiber.await(fiber)
        assert.deepStrictEqual(Exit.isFailure(exit) && [...Cause.defects(exit.cause)], [defect])
      }
      assert.strictEqual(yield* told(cached.lookup("a.test")), address)
    }))

  it.effect("that answers with no address is a failure, and is remembered as one", () =>
    Effect.gen(function*() {
      for (const addresses of [[], ["a.test"]]) {
        const { cached, names } = yield* cachedOver({}, { addresses })
        assert.strictEqual(yield* told(cached.lookup("a.test")), "ENODATA")
        assert.strictEqual(yield* told(cached.lookup("a.test")), "ENODATA")
        assert.strictEqual(names.length, 1)
      }
    }))
})

describe("a failure", () => {
  it.effect("is shared by the waiters, and remembered for `negativeTtl`", () =>
    Effect.gen(function*() {
      for (const error of [notFound, noData, broken]) {
        const { begun, lookup, open } = held(error)
        const { cached, names } = yield* cachedOver({ negativeTtl: "2 seconds" }, lookup, address)
        const fibers = yield* Effect.forEach([0, 1], () => Effect.fork(told(cached.lookup("a.test"))))
        yield* begun
        yield* open
        assert.deepStrictEqual(yield* Fiber.join(Fiber.all(fibers)), [error.code, error.code])
        yield* TestClock.adjust("1999 millis")
        assert.strictEqual(yield* told(cached.lookup("a.test")), error.code)
        assert.strictEqual(names.length, 1)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* told(cached.lookup("a.test")), address)
      }
    }))

  it.effect("is not remembered with a `negativeTtl` of 0", () =>
    Effect.gen(function*() {
      const { cached } = yield* cachedOver({ negativeTtl: 0 }, notFound, address)
      assert.strictEqual(yield* told(cached.lookup("a.test")), "ENOTFOUND")
      assert.strictEqual(yield* told(cached.lookup("a.test")), address)
    }))

  const stale = { ttl: "10 seconds", negativeTtl: "2 seconds", staleOnError: "60 seconds" } as const

  it.effect("of the resolver is covered by the last answer, which says that it is stale", () =>
    Effect.gen(function*() {
      const { cached, names } = yield* cachedOver(stale, address, broken, broken, "192.0.2.2")
      yield* cached.lookup("a.test")
      yield* TestClock.adjust("10 seconds")
      const answer = yield* cached.lookup("a.test")
      assert.deepStrictEqual(answer, { addresses: [address], ttl: 0, age: 10_000, stale: true })
      // The lookup is not repeated at once.
      yield* TestClock.adjust("1999 millis")
      assert.strictEqual(yield* told(cached.lookup("a.test")), `${address} (stale)`)
      assert.strictEqual(names.length, 2)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* told(cached.lookup("a.test")), `${address} (stale)`)
      assert.strictEqual(names.length, 3)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* told(cached.lookup("a.test")), "192.0.2.2")
    }))

  it.effect("is not covered any longer once `staleOnError` is over", () =>
    Effect.gen(function*() {
      const { cached } = yield* cachedOver(stale, address, broken)
      yield* cached.lookup("a.test")
      yield* TestClock.adjust("69999 millis")
      assert.strictEqual(yield* told(cached.lookup("a.test")), `${address} (stale)`)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* told(cached.lookup("a.test")), "ESERVFAIL")
      const never = yield* cachedOver({ ...stale, staleOnError: 0 }, address, broken)
      yield* never.cached.lookup("a.test")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* told(never.cached.lookup("a.test")), "ESERVFAIL")
    }))

  it.effect("that is an answer, such as that there is no such name, replaces the last answer", () =>
    Effect.gen(function*() {
      for (const error of [notFound, noData]) {
        const { cached } = yield* cachedOver(stale, address, error, broken)
        yield* cached.lookup("a.test")
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* told(cached.lookup("a.test")), error.code)
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual(yield* told(cached.lookup("a.test")), "ESERVFAIL")
      }
    }))

  it.effect("is what a lookup counts as that takes longer than `staleAfter`, if there is a last answer", () =>
    Effect.gen(function*() {
      const { lookup, open, state } = held("192.0.2.2")
      const { cached } = yield* cachedOver({ ...stale, staleAfter: "3 seconds" }, address, lookup)
      yield* cached.lookup("a.test")
      yield* TestClock.adjust("10 seconds")
      const fiber = yield* Effect.fork(told(cached.lookup("a.test")))
      yield* TestClock.adjust("2999 millis")
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(fiber), `${address} (stale)`)
      assert.strictEqual(state.interrupted, 1)
      yield* open
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* told(cached.lookup("a.test")), "192.0.2.2")
      // Without a last answer it may take as long as it takes.
      const slow = held()
      const first = yield* cachedOver({ staleAfter: "3 seconds" }, slow.lookup)
      const waiting = yield* Effect.fork(told(first.cached.lookup("a.test")))
      yield* TestClock.adjust("1 hour")
      yield* slow.open
      assert.strictEqual(yield* Fiber.join(waiting), address)
    }))
})

describe("options", () => {
  const invalid: ReadonlyArray<readonly [option: string, value: unknown]> = [
    ["capacity", 0],
    ["capacity", 1.5],
    ["capacity", NaN],
    ["capacity", "many"],
    ["ttl", -1],
    ["ttl", "soon"],
    ["negativeTtl", NaN],
    ["staleOnError", {}],
    ["staleAfter", "-1 seconds"],
    ["resolver", {}],
    ["resolver", null],
    ["resolver", { lookup: 1 }]
  ]

  for (const [option, value] of invalid) {
    it.effect(`refuse ${option}: ${JSON.stringify(value) ?? String(value)}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Resolver.cached({ [option]: value }))
        assert.deepStrictEqual([error instanceof InvalidOption, error.option], [true, option])
      }))
  }

  it.effect("refuse what is no record, and take no argument and `undefined` for the defaults", () =>
    Effect.gen(function*() {
      for (const options of [[], 1, "x", null]) {
        assert.instanceOf(yield* Effect.flip(Resolver.cached(options as never)), InvalidOption)
      }
      const cached = yield* Resolver.cached()
      assert.strictEqual(yield* cached.size, 0)
      yield* Resolver.cached({ capacity: undefined, ttl: undefined, resolver: undefined })
    }))
})

describe("a pool", () => {
  const live = (name: string, test: Effect.Effect<unknown, unknown, Scope.Scope>) =>
    it.live(name, () => Effect.scoped(test))

  live(
    "makes one lookup for 64 cold requests, and none for those that follow",
    Effect.gen(function*() {
      const { port } = yield* webServer((_request, response) => void response.end("ok"))
      const { names, resolver } = scripted("127.0.0.1")
      const pool = yield* Effect.provide(ConnectionPool.make(), [
        NodeTransport.layer,
        Resolver.layerCached({ resolver })
      ])
      const get = Effect.flatMap(pool.execute(HttpRequest.get(`http://a.test:${port}/`)), ({ text }) => text)
      for (let round = 0; round < 2; round++) {
        yield* Effect.all(Array.from({ length: 64 }, () => get), { concurrency: "unbounded" })
        yield* pool.closeIdle
      }
      assert.deepStrictEqual(names, ["a.test"])
    })
  )
})
