/** What becomes of connections to an address that a name no longer has. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import type { ConnectionEvent } from "../../src/ConnectionEvent.ts"
import type * as ConnectionPool from "../../src/ConnectionPool.ts"
import { DnsError } from "../../src/HttpError.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as Resolver from "../../src/Resolver.ts"
import * as T from "../../src/TestTransport.ts"
import { contained, ok, settled, started } from "../connection/harness.ts"
import { addressedPool, answering } from "./addressed.ts"
import { comesToHold, get, holds, reasons, textOf } from "./harness.ts"

const [a, b, c] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"] as const

/** A resolver whose answer can be changed, and that counts how often it was asked. */
const changing = (first: Resolver.Answer) => {
  const state = { answer: Effect.succeed(first) as Effect.Effect<Resolver.Answer, DnsError>, asked: 0, running: 0 }
  const resolver: Resolver.Service = {
    lookup: () =>
      Effect.suspend(() => {
        state.asked++
        state.running++
        return Effect.ensuring(state.answer, Effect.sync(() => state.running--))
      })
  }
  return { resolver, state }
}

const noServer = (): DnsError =>
  new DnsError({ reason: "Temporary", code: "EAI_AGAIN", host: "a.test", cause: undefined })

const pooled = (answer: Resolver.Answer, options: ConnectionPool.Options = {}, isCached = false) =>
  Effect.gen(function*() {
    const { resolver, state } = changing(answer)
    const cached = yield* Resolver.cached({ resolver })
    const events: Array<ConnectionEvent> = []
    const kit = yield* addressedPool([], Array.from({ length: 20 }, () => answering(99, "1 second")), {
      idleTime: "1 hour",
      ...options,
      onEvent: (event) => void events.push(event)
    }).pipe(Effect.provideService(Resolver.Resolver, isCached ? cached : resolver))
    const burst = (count: number) =>
      Effect.gen(function*() {
        const fiber = yield* started(
          Effect.all(Array.from({ length: count }, () => textOf(kit.pool, get())), { concurrency: "unbounded" })
        )
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
      })
    return { ...kit, burst, events, state }
  })

const ttl = "5 seconds"
const drain: ConnectionPool.Options = { followDns: "drain" }

describe("an address that left the answer", () => {
  it.effect("gets no new connection, and its connections end by their lifetime", () =>
    contained(Effect.gen(function*() {
      const { burst, events, names, pool, state } = yield* pooled({ addresses: [a, b], ttl }, {
        lifetime: "1 minute",
        lifetimeJitter: 0
      })
      yield* burst(2)
      state.answer = Effect.succeed({ addresses: [b, c], ttl })
      yield* TestClock.adjust("6 seconds")
      yield* burst(4)
      assert.deepStrictEqual(names.opened, [a, b, c, b])
      yield* holds(pool, { idle: 4 })
      assert.strictEqual(state.asked, 4)
      yield* TestClock.adjust("54 seconds")
      assert.deepStrictEqual(reasons(events), ["Lifetime", "Lifetime"])
    })))

  it.effect("gets no new connection a second after its TTL if the resolver remembers answers", () =>
    contained(Effect.gen(function*() {
      for (const [seconds, opened] of [["3 seconds", [a, b, a, b]], ["5 seconds", [a, b, b, b]]] as const) {
        const { burst, names, pool, state } = yield* pooled({ addresses: [a, b], ttl }, {}, true)
        yield* burst(2)
        state.answer = Effect.succeed({ addresses: [b], ttl })
        yield* TestClock.adjust(seconds)
        yield* burst(4)
        assert.deepStrictEqual(names.opened, [...opened], seconds)
        yield* pool.shutdown()
      }
    })))

  it.effect("loses its idle connections at once with \"drain\", when the TTL is over", () =>
    contained(Effect.gen(function*() {
      const { burst, events, pool, state } = yield* pooled({ addresses: [a, b, c], ttl }, drain)
      yield* burst(6)
      state.answer = Effect.succeed({ addresses: [b, c], ttl })
      yield* TestClock.adjust("3 seconds")
      yield* holds(pool, { idle: 6 })
      yield* TestClock.adjust("3 seconds")
      yield* comesToHold(pool, { idle: 4 })
      assert.deepStrictEqual(reasons(events), ["AddressGone", "AddressGone"])
    })))

  it.effect("loses its busy connections when they become free, and no request fails", () =>
    contained(Effect.gen(function*() {
      const { events, names, pool, state } = yield* pooled({ addresses: [a], ttl: "100 millis" }, drain)
      const first = yield* started(textOf(pool, get()))
      yield* settled
      state.answer = Effect.succeed({ addresses: [b], ttl: "1 hour" })
      const second = yield* started(textOf(pool, get()))
      yield* settled
      yield* TestClock.adjust("500 millis")
      yield* holds(pool, { busy: 2 })
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(second)], ["x", "x"])
      yield* holds(pool, { idle: 1 })
      assert.deepStrictEqual(names.opened, [a, b])
      assert.deepStrictEqual(reasons(events), ["AddressGone"])
    })))
})

describe("the name is looked up again with \"drain\"", () => {
  it.effect("after its TTL, a second at least, and every 30 seconds if there is none", () =>
    contained(Effect.gen(function*() {
      for (const [ttl, seconds] of [["5 seconds", 5], ["10 millis", 1], [0, 1], [undefined, 30]] as const) {
        const { burst, pool, state } = yield* pooled({ addresses: [a], ttl }, drain)
        yield* burst(1)
        yield* TestClock.adjust("100 millis")
        const before = state.asked
        for (const _ of [1, 2, 3]) yield* TestClock.adjust(seconds * 1000)
        assert.strictEqual(state.asked - before, 3, String(ttl))
        yield* pool.shutdown()
      }
    })))

  it.effect("as long as there are connections, and never without the option", () =>
    contained(Effect.gen(function*() {
      for (const [options, idleTime] of [[drain, "10 seconds"], [{}, "1 hour"]] as const) {
        const { burst, pool, state } = yield* pooled({ addresses: [a], ttl }, { ...options, idleTime })
        yield* burst(1)
        yield* TestClock.adjust("1 minute")
        const { asked } = state
        assert.isAtMost(asked, 3)
        yield* TestClock.adjust("10 minutes")
        assert.strictEqual(state.asked, asked)
        yield* pool.shutdown()
      }
    })))

  it.effect("one lookup at a time, each within timeouts.dns, and one that fails changes nothing", () =>
    contained(Effect.gen(function*() {
      const { burst, pool, state } = yield* pooled({ addresses: [a], ttl }, {
        ...drain,
        timeouts: { dns: "2 seconds" }
      })
      yield* burst(1)
      state.answer = Effect.never
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual([state.asked, state.running], [2, 1])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([state.asked, state.running], [2, 0])
      state.answer = Effect.fail(noServer())
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual(state.asked, 3)
      // The failure ended the lookup: the next one waits for nothing but its time.
      state.answer = Effect.die(new Error("a bug of the resolver"))
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(state.asked, 4)
      state.answer = Effect.succeed({ addresses: [] })
      yield* TestClock.adjust("5 seconds")
      state.answer = Effect.succeed({ addresses: ["no address"] })
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(state.asked, 6)
      yield* holds(pool, { idle: 1 })
      state.answer = Effect.succeed({ addresses: [b] })
      yield* TestClock.adjust("6 seconds")
      yield* holds(pool, {})
    })))

  it.effect("and a lookup in progress ends with the last connection", () =>
    contained(Effect.gen(function*() {
      const { burst, pool, state } = yield* pooled({ addresses: [a], ttl }, drain)
      yield* burst(1)
      state.answer = Effect.never
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual(state.running, 1)
      yield* pool.closeIdle
      yield* settled
      assert.strictEqual(state.running, 0)
    })))
})

describe("the addresses that this process gives to a SOCKS proxy", () => {
  const bytes = (...all: ReadonlyArray<number>): string => Buffer.from(all).toString("latin1")

  /** The proxy takes its time with each connection. */
  const proxied = (last: number, delay: "0 seconds" | "3 seconds"): T.Connection =>
    T.connection(
      T.expect(bytes(5, 1, 0)),
      T.reply(bytes(5, 0)),
      T.expect(bytes(5, 1, 0, 1, 10, 0, 0, last, 0, 80)),
      T.delay(delay),
      T.reply(bytes(5, 0, 0, 1, 127, 0, 0, 1, 0, 80)),
      T.discardUntil("\r\n\r\n"),
      T.reply(ok("x")),
      T.stall
    )

  /** The proxy has another name, with another address. */
  const overSocks = (first: number, delay: "0 seconds" | "3 seconds", host = "proxy.test") =>
    Effect.gen(function*() {
      const state = { addresses: [`10.0.0.${first}`], asked: new Array<string>() }
      const events: Array<ConnectionEvent> = []
      const resolver: Resolver.Service = {
        lookup: (name) =>
          Effect.sync(() => {
            state.asked.push(name)
            return { addresses: name === "proxy.test" ? ["10.9.9.9"] : state.addresses, ttl: "2 seconds" }
          })
      }
      const kit = yield* addressedPool(["10.9.9.9"], [proxied(first, delay), proxied(first + 1, delay)], {
        idleTime: "1 hour",
        ...drain,
        proxy: Either.getOrThrow(Proxy.make({ scheme: "socks5", host })),
        onEvent: (event) => void events.push(event)
      }).pipe(Effect.provideService(Resolver.Resolver, resolver))
      return { ...kit, events, state }
    })

  it.effect("are those of the server: its connections stay while its name has the address", () =>
    contained(Effect.gen(function*() {
      for (const host of ["proxy.test", "10.9.9.9"]) {
        const { events, pool, state } = yield* overSocks(1, "0 seconds", host)
        yield* textOf(pool, get())
        yield* TestClock.adjust("9 seconds")
        yield* holds(pool, { idle: 1 })
        assert.deepStrictEqual(reasons(events), [])
        state.addresses = ["10.0.0.2"]
        yield* TestClock.adjust("3 seconds")
        assert.deepStrictEqual(reasons(events), ["AddressGone"])
        assert.deepStrictEqual(
          state.asked.filter((name) => name === "proxy.test").length,
          host === "proxy.test" ? 1 : 0
        )
        yield* pool.shutdown()
      }
    })))

  it.effect("are followed although the opening took longer than the TTL", () =>
    contained(Effect.gen(function*() {
      const { events, pool, state } = yield* overSocks(1, "3 seconds")
      const fiber = yield* started(textOf(pool, get()))
      yield* settled
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(fiber)
      yield* holds(pool, { idle: 1 })
      state.addresses = ["10.0.0.2"]
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(reasons(events), ["AddressGone"])
    })))
})
