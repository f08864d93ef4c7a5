/**
 * The runtime operations of a request through a pool, compared with a standalone connection: exact
 * counts, not timings, by a scheduler whose `shouldYield` counts. The bounds are the present
 * counts: find the reason if one rises.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Origin from "../../src/Origin.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { bytesOf, getHead, host, lengthHead, ok, started } from "../connection/harness.ts"
import { costOf, StartCounter } from "../fixtures/cost.ts"
import { get, holds, poolOver, serves, textOf } from "./harness.ts"

/** A pool with a connection that has served two requests, so that what is measured starts no sleeper of the timeouts. */
const warm = (...steps: ReadonlyArray<T.Step>) =>
  Effect.tap(
    poolOver([T.connection(...serves("/warm", "/warm"), ...steps)]),
    ({ pool }) => Effect.zipRight(textOf(pool, get("/warm")), textOf(pool, get("/warm")))
  )

/** A connection of its own that has served as many. */
const warmConnection = (...steps: ReadonlyArray<T.Step>) =>
  Effect.gen(function*() {
    const transport = yield* T.make([T.connection(...serves("/warm", "/warm"), ...steps)])
    const connection = yield* Effect.provideService(HttpConnection.make({ host }), Transport.Transport, transport)
    for (const path of ["/warm", "/warm"]) {
      yield* Effect.flatMap(connection.execute(HttpRequest.get(path)), (response) => response.text)
    }
    return connection
  })

const url = "http://a.test/"

const cases: ReadonlyArray<
  readonly [
    name: string,
    request: (target: string) => HttpRequest.HttpRequest,
    wire: string,
    split: T.Split | undefined
  ]
> = [
  ["a GET whose answer comes at once", (target) => HttpRequest.get(target), getHead(), undefined],
  ["a GET whose body comes behind its head", (target) => HttpRequest.get(target), getHead(), [38]],
  [
    "a POST with a small body",
    (target) => HttpRequest.post(target, { body: HttpBody.bytes(bytesOf("abc")) }),
    `${lengthHead(3)}abc`,
    undefined
  ]
]

describe("execute and text of a warm pool", () => {
  for (const [name, request, wire, split] of cases) {
    // The body's own wait, where there is one, is another mask.
    const [operations, hops] = split === undefined ? [12, 1] : [25, 2]
    it.scoped(`cost at most ${operations} operations, one fiber and ${hops} hops: ${name}`, () =>
      Effect.gen(function*() {
        const { pool } = yield* warm(T.expect(wire), T.reply(ok("hello"), { split }))
        const cost = yield* costOf(textOf(pool, request(url)))
        assert.isAtMost(cost.ops, operations)
        assert.strictEqual(cost.fibers, 1)
        assert.isAtMost(cost.hops, hops)
      }))

    it.scoped(`cost no operation more than on a connection of its own: ${name}`, () =>
      Effect.gen(function*() {
        const steps = [T.expect(wire), T.reply(ok("hello"), { split })]
        const { pool } = yield* warm(...steps)
        const connection = yield* warmConnection(...steps)
        const pooled = yield* costOf(textOf(pool, request(url)))
        const alone = yield* costOf(Effect.flatMap(connection.execute(request("/")), (response) => response.text))
        assert.isAtMost(pooled.ops, alone.ops)
        assert.isAtMost(pooled.hops, alone.hops)
      }))

    it.scoped(`start no fiber beside the caller's, the timeouts' sleeper included: ${name}`, () =>
      Effect.gen(function*() {
        const supervisor = new StartCounter()
        const { pool } = yield* Effect.supervised(
          warm(T.expect(wire), T.reply(ok("hello"), { split }), T.expect(wire), T.reply(ok("hello"), { split })),
          supervisor
        )
        // The first body that is waited for sets the earliest timer of all.
        yield* Effect.supervised(textOf(pool, request(url)), supervisor)
        const before = supervisor.starts
        assert.isAbove(before, 0, "the sleeper of the first request was not seen")
        yield* Effect.supervised(textOf(pool, request(url)), supervisor)
        assert.strictEqual(supervisor.starts, before)
      }))
  }
})

describe("an idle connection", () => {
  const origin = Either.getOrThrow(Origin.fromUrl(url)).origin

  it.scoped("is leased and given back for at most 2 operations, those of the scope not counted, and a hop for its poll", () =>
    Effect.gen(function*() {
      const { pool } = yield* warm()
      const scoped = yield* costOf(Effect.scoped(Effect.addFinalizer(() => Effect.void)))
      const lease = yield* costOf(Effect.scoped(pool.lease(origin)))
      assert.isAtMost(lease.ops - scoped.ops, 2)
      assert.strictEqual(lease.hops, scoped.hops + 1)
      yield* holds(pool, { idle: 1 })
    }))
})

describe("waiting", () => {
  /** What a request costs that has to wait for the one before it. */
  const waiting = Effect.gen(function*() {
    const { pool } = yield* poolOver([
      T.connection(
        ...serves("/warm"),
        T.expect(getHead("/1")),
        T.reply(ok("abc").slice(0, -1)),
        T.delay(1),
        T.reply("c"),
        ...serves("/2")
      )
    ], { connections: 1 })
    yield* textOf(pool, get("/warm"))
    yield* pool.execute(get("/1"))
    const fiber = yield* started(costOf(textOf(pool, get("/2"))))
    yield* holds(pool, { busy: 1, waiting: 1 })
    yield* TestClock.adjust(1)
    return yield* Fiber.join(fiber)
  })

  it.scoped("for another's connection costs no operation and no hop more than to find one idle, and no fiber", () =>
    Effect.gen(function*() {
      const { pool } = yield* warm(...serves("/2"))
      const found = yield* costOf(textOf(pool, get("/2")))
      const waited = yield* waiting
      assert.isAtMost(waited.ops - found.ops, 0)
      assert.isAtMost(waited.hops - found.hops, 0)
      assert.strictEqual(waited.fibers, 1)
    }))

  it.scoped("for a new connection costs at most 57 operations more, and one fiber, which opens it", () =>
    Effect.gen(function*() {
      const { pool } = yield* poolOver([T.connection(...serves("/1", "/2"))])
      const opened = yield* costOf(textOf(pool, get("/1")))
      const found = yield* costOf(textOf(pool, get("/2")))
      assert.isAtMost(opened.ops - found.ops, 57)
      assert.isAtMost(opened.fibers, 2)
    }))
})

describe("listening", () => {
  it.scoped("costs no operation", () =>
    Effect.gen(function*() {
      const { pool } = yield* warm(...serves("/2", "/2"))
      const unheard = yield* costOf(textOf(pool, get("/2")))
      yield* pool.subscribe(() => {})
      const heard = yield* costOf(textOf(pool, get("/2")))
      assert.isAtMost(heard.ops - unheard.ops, 0)
      assert.strictEqual(heard.hops, unheard.hops)
    }))
})
