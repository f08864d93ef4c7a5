/** The requests to a server in memory with which a warm pool begins: they compile code, and leave nothing. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FiberRef from "effect/FiberRef"
import * as HashSet from "effect/HashSet"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type { ConnectionEvent } from "../../src/ConnectionEvent.ts"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import { unsafeMake } from "../../src/internal/effect/connectionPool.ts"
import { toSettings } from "../../src/internal/effect/poolSettings.ts"
import { rehearse } from "../../src/internal/effect/rehearsal.ts"
import * as Origin from "../../src/Origin.ts"
import * as T from "../../src/TestTransport.ts"
import { Transport } from "../../src/Transport.ts"
import { settled } from "../connection/harness.ts"

const names = Effect.succeed([])
const settings = Either.getOrThrow(toSettings({}))

/** What an effect logs, at every level. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<ReadonlyArray<unknown>, E, R> =>
  Effect.suspend(() => {
    const messages: Array<unknown> = []
    const logger = Logger.make<unknown, void>(({ message }) => void messages.push(message))
    return Effect.as(effect, messages).pipe(
      Effect.locally(FiberRef.currentLoggers, HashSet.make(logger)),
      Logger.withMinimumLogLevel(LogLevel.All)
    )
  })

describe("a rehearsal", () => {
  it.effect("sends ten requests that all succeed, one after another over one connection, and leaves nothing open", () =>
    Effect.gen(function*() {
      const events: Array<ConnectionEvent> = []
      const make = unsafeMake(Either.getOrThrow(toSettings({ onEvent: (event) => void events.push(event) })), names)
      assert.deepStrictEqual(yield* logged(rehearse(make)), [])
      const statuses = events.flatMap((event) => event._tag === "RequestEnd" ? [event.status] : [])
      assert.deepStrictEqual(statuses, Array.from({ length: 10 }, () => 200))
      assert.deepStrictEqual(
        events.flatMap((event) => event._tag === "Connected" || event._tag === "Close" ? [event._tag] : []),
        ["Connected", "Close"]
      )
    }))

  it.effect("that fails is logged at level Debug, and fails nothing", () =>
    Effect.gen(function*() {
      const broken = Effect.map(unsafeMake(settings, names), () => ({ execute: () => Effect.fail("broken") }))
      assert.strictEqual((yield* logged(rehearse(broken))).length, 1)
    }))

  it.scoped("belongs to every warm pool, and to no other: its connection has a number", () =>
    Effect.gen(function*() {
      const numbers: Array<number> = []
      const transport = yield* T.make(Array.from({ length: 3 }, () => T.connection(T.stall)))
      const made = (options: ConnectionPool.Options) =>
        Effect.provideService(
          ConnectionPool.make({
            ...options,
            onEvent: (event) => void (event._tag === "Connected" && numbers.push(event.connection))
          }),
          Transport,
          transport
        )
      const opening = Effect.flatMap(made({}), (pool) =>
        pool.lease(Either.getOrThrow(Origin.make({ scheme: "http", host: "a.test" }))))
      yield* opening
      yield* made({ warm: [{ origin: "http://a.test" }] })
      yield* settled
      yield* opening
      const [first = 0, , last = 0] = numbers
      assert.strictEqual(last - first, 3)
    }))

  it.scoped("uses neither the transport of the pool nor its listeners, and does not delay it", () =>
    Effect.gen(function*() {
      const events: Array<string> = []
      const transport = yield* T.make([T.connection(T.stall)])
      const pool = yield* Effect.provideService(
        ConnectionPool.make({ warm: [{ origin: "http://a.test" }], onEvent: ({ _tag }) => void events.push(_tag) }),
        Transport,
        transport
      )
      yield* settled
      assert.deepStrictEqual(events, ["Connect", "Connected"])
      assert.strictEqual(transport.opened.length, 1)
      const { opened, requests } = yield* pool.stats
      assert.deepStrictEqual({ opened, requests }, { opened: 1, requests: 0 })
    }))
})
