/**
 * A request between two connections: the one on which it was sent is closed, and the request waits
 * for the finalizers of its body, or for the next one. What it keeps of its place in the queue,
 * what a shutdown does to it, and which events it emits.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { chunk, contained, failsWith, getHead, hasEnded, ok, pieces, settled, started } from "../connection/harness.ts"
import { get, holds, holdsNothing, poolOver, reasons, serves, tags, textOf, watchedPool } from "./harness.ts"
import { endings, warmed } from "./over.ts"
import { origin } from "./scenarios.ts"

const head = "PUT /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
const wire = `${head}${chunk("abc")}0\r\n\r\n`

/** A server that goes away in the middle of the body. */
const halfway: ReadonlyArray<T.Step> = [T.expect(head + chunk("abc")), T.blockWrites, T.eof]

interface Upload {
  readonly request: HttpRequest.HttpRequest
  readonly released: () => boolean
}

/** A body that does not end the first time it runs, and takes a second to be released. */
const upload = (): Upload => {
  let runs = 0
  let released = false
  const stream = Stream.ensuring(
    Stream.suspend(() => ++runs === 1 ? Stream.concat(pieces("abc"), Stream.never) : pieces("abc")),
    Effect.zipRight(
      Effect.suspend(() => runs === 1 ? Effect.sleep("1 second") : Effect.void),
      Effect.sync(() => {
        released = true
      })
    )
  )
  return {
    request: HttpRequest.put("http://a.test/x", { body: HttpBody.stream(stream, { replayable: true }) }),
    released: () => released
  }
}

describe("a request that waits for the finalizers of its body before it is sent once more", () => {
  it.effect("is let finish by a shutdown, which waits for it", () =>
    contained(Effect.gen(function*() {
      const kit = yield* warmed(halfway, [T.connection(T.expect(wire), T.reply(ok("done")))])
      const fiber = yield* started(textOf(kit.pool, upload().request))
      yield* holds(kit.pool, {})
      const shutdown = yield* started(kit.pool.shutdown({ grace: "1 minute" }))
      yield* settled
      assert.isFalse(hasEnded(shutdown))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "done")
      yield* Fiber.join(shutdown)
      assert.deepStrictEqual(reasons(kit.events), ["Failure", "Shutdown"])
      yield* kit.transport.verify
      yield* holdsNothing(kit)
    })))

  it.effect("fails with PoolClosed where the grace is over before, and the shutdown waits for the finalizers", () =>
    contained(Effect.gen(function*() {
      const kit = yield* warmed(halfway)
      const { released, request } = upload()
      const fiber = yield* started(failsWith(kit.pool.execute(request), "PoolClosed"))
      const shutdown = yield* started(kit.pool.shutdown({ grace: "500 millis" }))
      yield* TestClock.adjust("999 millis")
      assert.isFalse(hasEnded(shutdown))
      assert.isFalse(released())
      yield* TestClock.adjust("1 millis")
      assert.deepInclude((yield* Fiber.join(fiber)).context, { resends: 1, processed: "Unknown" })
      yield* Fiber.join(shutdown)
      assert.isTrue(released())
      assert.deepStrictEqual(endings(kit.events), ["PUT - StaleConnection", "PUT - PoolClosed"])
      yield* holdsNothing(kit)
    })))

  it.effect("has not been sent once more where it is interrupted, and its end is told", () =>
    contained(Effect.gen(function*() {
      const kit = yield* warmed(halfway)
      const fiber = yield* started(kit.pool.execute(upload().request))
      const interruption = yield* started(Fiber.interrupt(fiber))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(interruption)
      assert.deepStrictEqual(endings(kit.events), ["PUT - StaleConnection", "PUT - ConnectionClosed"])
      assert.notInclude(tags(kit.events), "Retry")
      assert.strictEqual((yield* kit.pool.stats).retried, 0)
      yield* holdsNothing(kit)
    })))

  it.effect("has the place of one that has served another meanwhile", () =>
    contained(Effect.gen(function*() {
      const kit = yield* warmed(halfway, [
        T.connection(T.expect(getHead("/2")), T.delay("2 seconds"), T.reply(ok("/2")), T.expectDestroy),
        T.connection(T.expect(wire), T.reply(ok("done")))
      ], { connections: 1 })
      const failing = yield* started(textOf(kit.pool, upload().request))
      const other = yield* started(textOf(kit.pool, get("/2")))
      yield* TestClock.adjust("1 second")
      yield* holds(kit.pool, { busy: 1, waiting: 1 })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(Fiber.zip(failing, other)), ["done", "/2"])
      assert.deepStrictEqual(reasons(kit.events), ["Failure", "Room"])
      yield* kit.transport.verify
    })))

  it.effect("waits for the pool no longer than any request, both times taken together", () =>
    contained(Effect.gen(function*() {
      const kit = yield* warmed([T.expect(getHead("/1")), T.delay("2 seconds"), T.reply(ok("/1")), ...halfway], [
        T.connection(T.expect(getHead("/2")), T.stall)
      ], { connections: 1, timeouts: { pool: "3 seconds" } })
      const first = yield* started(textOf(kit.pool, get("/1")))
      const failing = yield* started(kit.pool.execute(upload().request))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(first)
      const other = yield* started(kit.pool.execute(get("/2")))
      yield* TestClock.adjust("1 second")
      yield* holds(kit.pool, { busy: 1, waiting: 1 })
      yield* TestClock.adjust("999 millis")
      assert.isFalse(hasEnded(failing))
      yield* TestClock.adjust("1 millis")
      const error = yield* failsWith(Fiber.join(failing), "HttpTimeout")
      assert.strictEqual(error.kind, "pool")
      assert.deepInclude(error.context, { resends: 1, processed: "Unknown", requestState: "NotSent", phase: "pool" })
      assert.deepStrictEqual(endings(kit.events).slice(1), ["PUT - StaleConnection", "PUT - HttpTimeout"])
      yield* Fiber.interrupt(other)
      yield* holdsNothing(kit)
    })))
})

describe("a request whose connection goes away while the pool is being shut down", () => {
  for (const ops of [2048, 60, 20, 10]) {
    it.effect(`is sent once more, though its fiber yields every ${ops} operations`, () =>
      contained(Effect.gen(function*() {
        const kit = yield* warmed([T.expect(getHead("/x")), T.delay("1 second"), T.eof], [
          T.connection(...serves("/x"))
        ])
        const fiber = yield* started(Effect.withMaxOpsBeforeYield(textOf(kit.pool, get("/x")), ops))
        const shutdown = yield* started(kit.pool.shutdown({ grace: "1 minute" }))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(fiber), "/x")
        yield* Fiber.join(shutdown)
        yield* holdsNothing(kit)
      })))
  }
})

describe("the end of the scope", () => {
  const uses: ReadonlyArray<
    readonly [
      name: string,
      use: (pool: ConnectionPool.ConnectionPool) => Effect.Effect<unknown, unknown>,
      ended: number
    ]
  > = [
    ["requests", (pool) => pool.execute(get("/2")), 2],
    ["leases", (pool) => Effect.scoped(pool.lease(origin)), 1]
  ]
  for (const [name, use, ended] of uses) {
    it.effect(`tells of the ${name} that it refuses before the events end`, () =>
      contained(Effect.gen(function*() {
        const scope = yield* Scope.make()
        const { events, pool } = yield* Scope.extend(
          watchedPool([T.connection(T.discard())], { connectionsPerOrigin: 1 }),
          scope
        )
        const streamed = yield* started(Stream.runCollect(pool.events))
        const busy = yield* started(Effect.exit(pool.execute(get("/1"))))
        const waiting = yield* started(Effect.flip(use(pool)))
        yield* Scope.close(scope, Exit.void)
        yield* Fiber.join(busy)
        yield* Fiber.join(waiting)
        const told = [...yield* Fiber.join(streamed)].map(({ _tag }) => _tag)
        const all = tags(events)
        assert.strictEqual(all.filter((tag) => tag === "WaitEnd").length, 2)
        assert.strictEqual(all.filter((tag) => tag === "RequestEnd").length, ended)
        assert.strictEqual(told.at(-1), all.at(-1))
      })))
  }

  it.effect("and a shutdown wait for the finalizers of a body whose request has failed already", () =>
    contained(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { pool } = yield* Scope.extend(poolOver([T.connection(T.discard())], { timeouts: { total: 100 } }), scope)
      const { released, request } = upload()
      const failing = yield* started(failsWith(pool.execute(request), "HttpTimeout"))
      yield* TestClock.adjust(100)
      yield* Fiber.join(failing)
      yield* holds(pool, {})
      const shutdown = yield* started(pool.shutdown({ grace: 0 }))
      const end = yield* started(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual([hasEnded(shutdown), hasEnded(end), released()], [false, false, false])
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(shutdown)
      yield* Fiber.join(end)
      assert.isTrue(released())
    })))
})

describe("a grace that is no duration", () => {
  for (const grace of ["soon", -1, "-1 second", NaN]) {
    it.effect(`is a defect, and the pool goes on: ${grace}`, () =>
      contained(Effect.gen(function*() {
        const { pool } = yield* poolOver([T.connection(...serves("/1"))])
        const wrong: unknown = { grace }
        const defect = yield* Effect.flip(Effect.sandbox(pool.shutdown(wrong as { readonly grace: number })))
        assert.include(String(defect), "grace")
        assert.strictEqual(yield* textOf(pool, get("/1")), "/1")
      })))
  }
})
