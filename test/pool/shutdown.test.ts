/** The end of a pool: by `shutdown`, and by the end of its scope. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { contained, failsWith, getHead, hasEnded, nothingLeft, ok, pieces, started } from "../connection/harness.ts"
import {
  comesToHold,
  get,
  holds,
  holdsNothing,
  poolOver,
  reasons,
  serves,
  serving,
  slow,
  tags,
  textOf,
  watchedPool
} from "./harness.ts"
import { atEveryWait, origin, scenarios } from "./scenarios.ts"

const one = { connectionsPerOrigin: 1 }

describe("a pool that is shut down", () => {
  it.effect("closes what is idle and returns at once, if nothing is under way", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool([serving("/1")])
      const { events, pool } = kit
      yield* textOf(pool, get("/1"))
      yield* pool.shutdown({ grace: Infinity })
      yield* holdsNothing(kit)
      assert.deepStrictEqual(reasons(events), ["Shutdown"])
    })))

  it.effect("takes nothing more: PoolClosed, of which nothing was sent", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([slow("/1")])
      const { pool, transport } = kit
      const first = yield* started(textOf(pool, get("/1")))
      const shutdown = yield* started(pool.shutdown({ grace: "1 minute" }))
      // While it waits as well as afterwards.
      for (let time = 0; time < 2; time++) {
        const uses: ReadonlyArray<Effect.Effect<unknown, HttpError>> = [
          pool.execute(get("/2")),
          Effect.scoped(pool.lease(origin))
        ]
        for (const use of uses) {
          const error = yield* failsWith(use, "PoolClosed")
          const { bytesWritten, connection, fault, phase, processed } = error.context
          assert.deepStrictEqual({ bytesWritten, connection, fault, phase, processed }, {
            bytesWritten: 0,
            connection: undefined,
            fault: "Local",
            phase: "pool",
            processed: "No"
          })
          assert.strictEqual(error.context.origin, "http://a.test:80")
        }
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual(yield* Fiber.join(first), "/1")
      yield* Fiber.join(shutdown)
      assert.strictEqual(transport.opened.length, 1)
      yield* holdsNothing(kit)
    })))

  it.effect("lets what is under way and waiting finish, and returns when the last of it has", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool([slow("/1", "/2", "/3")], one)
      const { events, pool, transport } = kit
      const fibers = yield* Effect.forEach(["/1", "/2", "/3"], (path) => started(textOf(pool, get(path))))
      const shutdown = yield* started(pool.shutdown({ grace: "1 minute" }))
      yield* TestClock.adjust("1 second")
      yield* holds(pool, { busy: 1, waiting: 1 })
      yield* TestClock.adjust("1 second")
      assert.isFalse(hasEnded(shutdown))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([...yield* Fiber.joinAll(fibers)], ["/1", "/2", "/3"])
      yield* Fiber.join(shutdown)
      // The time that was left of its grace runs no longer.
      yield* holdsNothing(kit)
      assert.deepStrictEqual(reasons(events), ["Shutdown"])
      yield* transport.verify
    })))

  it.effect("opens connections for those who wait, and for what is sent once more", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool([
        T.connection(...serves("/0"), T.expect(getHead("/1")), T.delay("1 second"), T.reset),
        T.openAfter("1 second", slow("/1", "/2"))
      ], one)
      const { pool, transport } = kit
      yield* textOf(pool, get("/0"))
      const fibers = yield* Effect.forEach(["/1", "/2"], (path) => started(textOf(pool, get(path))))
      const shutdown = yield* started(pool.shutdown({ grace: "1 minute" }))
      yield* TestClock.adjust("1 second")
      yield* holds(pool, { connecting: 1, waiting: 2 })
      yield* TestClock.adjust("2 seconds")
      yield* holds(pool, { busy: 1 })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([...yield* Fiber.joinAll(fibers)], ["/1", "/2"])
      yield* Fiber.join(shutdown)
      assert.strictEqual((yield* pool.stats).retried, 1)
      yield* transport.verify
      yield* holdsNothing(kit)
    })))

  it.effect("sends once more what was under way alone", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([
        T.connection(...serves("/0"), T.expect(getHead("/1")), T.delay("1 second"), T.reset),
        T.openAfter("1 second", slow("/1"))
      ])
      const { pool } = kit
      yield* textOf(pool, get("/0"))
      const first = yield* started(textOf(pool, get("/1")))
      const shutdown = yield* started(pool.shutdown({ grace: "1 minute" }))
      yield* TestClock.adjust("1 second")
      yield* holds(pool, { connecting: 1, waiting: 1 })
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(first), "/1")
      yield* Fiber.join(shutdown)
      yield* holdsNothing(kit)
    })))

  it.effect("ends what is left when the time is over: with ConnectionClosed, and PoolClosed where there was no connection", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool([
        T.connection(T.expect(getHead("/1")), T.reply(ok("one").slice(0, -1)), T.stall),
        T.connection(T.stall),
        T.openStalls
      ], { connectionsPerOrigin: 3 })
      const { events, pool } = kit
      const response = yield* pool.execute(get("/1"))
      const reading = yield* started(failsWith(response.text, "ConnectionClosed"))
      const awaiting = yield* started(failsWith(pool.execute(get("/2")), "ConnectionClosed"))
      const opening = yield* started(failsWith(pool.execute(get("/3")), "PoolClosed"))
      const waiting = yield* started(failsWith(pool.execute(get("/4")), "PoolClosed"))
      yield* holds(pool, { busy: 2, connecting: 1, waiting: 2 })
      const shutdown = yield* started(pool.shutdown({ grace: "5 seconds" }))
      yield* TestClock.adjust(4999)
      yield* holds(pool, { busy: 2, connecting: 1, waiting: 2 })
      assert.isFalse(hasEnded(shutdown))
      yield* TestClock.adjust(1)
      yield* Fiber.join(shutdown)
      yield* holdsNothing(kit)
      assert.include((yield* Fiber.join(reading)).message, "shut down")
      assert.strictEqual((yield* Fiber.join(awaiting)).context.processed, "Unknown")
      assert.strictEqual((yield* Fiber.join(opening)).context.processed, "No")
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(reasons(events), ["Shutdown", "Shutdown"])
      assert.strictEqual(tags(events).filter((tag) => tag === "ConnectFailed").length, 1)
    })))

  it.effect("takes a lease back when the time is over", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool([T.connection(T.discard(), T.expectDestroy)])
      const { events, pool } = kit
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* pool.lease(origin)
        const request = yield* started(failsWith(connection.execute(HttpRequest.get("/")), "ConnectionClosed"))
        const shutdown = yield* started(pool.shutdown({ grace: "5 seconds" }))
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.join(shutdown)
        assert.include((yield* Fiber.join(request)).message, "shut down")
        yield* failsWith(connection.execute(HttpRequest.get("/")), "ConnectionClosed")
        yield* holdsNothing(kit)
      }))
      assert.deepStrictEqual(reasons(events), ["Shutdown"])
    })))

  it.effect("waits for the end of a lease, whose connection is closed then", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool([T.connection(T.expectDestroy)])
      const lease = yield* started(Effect.scoped(Effect.zipRight(kit.pool.lease(origin), Effect.sleep("1 second"))))
      const shutdown = yield* started(kit.pool.shutdown({ grace: "5 seconds" }))
      assert.isFalse(hasEnded(shutdown))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(lease)
      yield* Fiber.join(shutdown)
      yield* holdsNothing(kit)
      assert.deepStrictEqual(reasons(kit.events), ["Shutdown"])
    })))

  it.effect("gives up at once what is being opened for nobody", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([slow("/1", "/2"), T.openStalls])
      const fibers = yield* Effect.forEach(["/1", "/2"], (path) => started(textOf(pool, get(path))))
      yield* TestClock.adjust("1 second")
      yield* holds(pool, { busy: 1, connecting: 1 })
      const shutdown = yield* started(pool.shutdown({ grace: "1 minute" }))
      yield* holds(pool, { busy: 1 })
      assert.strictEqual(transport.openCount, 1)
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll(fibers)
      yield* Fiber.join(shutdown)
    })))

  it.effect("waits for the finalizers of bodies that were being sent", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([T.connection(T.discard())])
      let finalized = false
      const stream = Stream.ensuring(
        Stream.concat(pieces("a"), Stream.never),
        Effect.zipRight(
          Effect.sleep("1 second"),
          Effect.sync(() => {
            finalized = true
          })
        )
      )
      const upload = yield* started(
        failsWith(
          kit.pool.execute(HttpRequest.post("http://a.test/", { body: HttpBody.stream(stream) })),
          "ConnectionClosed"
        )
      )
      const shutdown = yield* started(kit.pool.shutdown({ grace: 0 }))
      yield* Fiber.join(upload)
      assert.isFalse(hasEnded(shutdown))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(shutdown)
      assert.isTrue(finalized)
      yield* holdsNothing(kit)
    })))

  it.effect("refuses a request to which a connection was given in the same turn", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([
        T.connection(
          T.expect(getHead("/1")),
          T.reply(ok("one").slice(0, -1)),
          T.delay("1 second"),
          T.reply("e"),
          T.expectDestroy
        )
      ], one)
      const { pool, transport } = kit
      const first = yield* pool.execute(get("/1"))
      const second = yield* started(failsWith(pool.execute(get("/2")), "PoolClosed"))
      const reader = yield* started(Effect.zipLeft(first.text, pool.shutdown({ grace: 0 })))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(reader), "one")
      yield* Fiber.join(second)
      assert.strictEqual(transport.opened.length, 1)
      yield* holdsNothing(kit)
    })))

  it.effect("ends a request for which a connection was opened in the same event-loop iteration", () =>
    contained(Effect.gen(function*() {
      let connected = (): void => {}
      const kit = yield* poolOver([T.openAfter("1 second", T.connection(T.expectDestroy))], {
        onEvent: ({ _tag }) => _tag === "Connected" && connected()
      })
      // It has been sent by the callback that brought the connection.
      const request = yield* started(failsWith(kit.pool.execute(get()), "ConnectionClosed"))
      const shutdown = yield* started(Effect.zipRight(
        Effect.async<void>((resume) => {
          connected = () => resume(Effect.void)
        }),
        kit.pool.shutdown({ grace: 0 })
      ))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(shutdown)
      yield* Fiber.join(request)
      assert.strictEqual((yield* kit.pool.stats).opened, 1)
      yield* holdsNothing(kit)
    })))
})

describe("several shutdowns", () => {
  it.effect("one after the other are one", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([serving("/1")])
      yield* textOf(kit.pool, get("/1"))
      yield* kit.pool.shutdown()
      yield* kit.pool.shutdown({ grace: "1 hour" })
      yield* kit.pool.shutdown()
      yield* kit.pool.closeIdle
      yield* holdsNothing(kit)
      assert.strictEqual((yield* kit.pool.stats).closed, 1)
    })))

  it.effect("at once all return when the shortest is over", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([T.connection(T.stall)])
      const { pool } = kit
      const request = yield* started(failsWith(pool.execute(get()), "ConnectionClosed"))
      const graces = ["1 hour", "5 seconds", "1 minute"] as const
      const shutdowns = yield* Effect.forEach(graces, (grace) => started(pool.shutdown({ grace })))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.joinAll(shutdowns)
      yield* Fiber.join(request)
      yield* holdsNothing(kit)
    })))

  it.effect("one that is interrupted ends nothing that is under way; the pool stays closed", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([slow("/1")])
      const { pool } = kit
      const request = yield* started(textOf(pool, get("/1")))
      const shutdown = yield* started(pool.shutdown({ grace: 10 }))
      yield* Fiber.interrupt(shutdown)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(request), "/1")
      yield* failsWith(pool.execute(get("/2")), "PoolClosed")
      yield* holdsNothing(kit)
    })))
})

describe("the end of the scope", () => {
  const graces: ReadonlyArray<readonly [name: string, options: object, millis: number]> = [
    ["1 second by default", {}, 1000],
    ["shutdownGrace", { shutdownGrace: "5 seconds" }, 5000]
  ]
  for (const [name, options, millis] of graces) {
    it.effect(`waits for what is under way: ${name}`, () =>
      contained(Effect.gen(function*() {
        const scope = yield* Scope.make()
        const kit = yield* Scope.extend(
          poolOver([T.connection(T.stall), T.openStalls], { shutdownGrace: undefined, ...options }),
          scope
        )
        const { pool, transport } = kit
        const request = yield* started(failsWith(pool.execute(get()), "ConnectionClosed"))
        const opening = yield* started(failsWith(pool.execute(get()), "PoolClosed"))
        const end = yield* started(Scope.close(scope, Exit.void))
        yield* TestClock.adjust(millis - 1)
        yield* comesToHold(pool, { busy: 1, connecting: 1, waiting: 1 })
        assert.isFalse(hasEnded(end))
        yield* TestClock.adjust(1)
        yield* Fiber.join(end)
        yield* Fiber.join(request)
        yield* Fiber.join(opening)
        yield* nothingLeft(transport)
        yield* failsWith(pool.execute(get()), "PoolClosed")
        yield* holds(pool, {})
      })))
  }

  it.effect("does not wait where nothing is under way", () =>
    contained(Effect.gen(function*() {
      const { transport } = yield* Effect.scoped(Effect.gen(function*() {
        const kit = yield* poolOver([serving("/1")], { shutdownGrace: Infinity })
        assert.strictEqual(yield* textOf(kit.pool, get("/1")), "/1")
        return kit
      }))
      yield* nothingLeft(transport)
    })))
})

describe("at every wait of a request", () => {
  for (const scenario of scenarios) {
    it.effect(`a shutdown without grace fails it, and leaves nothing: ${scenario.name}`, () =>
      atEveryWait(scenario, (kit) =>
        Effect.gen(function*() {
          yield* kit.pool.shutdown({ grace: 0 })
          yield* failsWith(Fiber.join(kit.fiber), kit.opening ? "PoolClosed" : "ConnectionClosed")
          yield* holdsNothing(kit)
        })))

    it.effect(`the end of the scope fails it, and leaves nothing: ${scenario.name}`, () =>
      atEveryWait(scenario, (kit) =>
        Effect.gen(function*() {
          yield* Scope.close(kit.scope, Exit.void)
          yield* failsWith(Fiber.join(kit.fiber), kit.opening ? "PoolClosed" : "ConnectionClosed")
          yield* nothingLeft(kit.transport)
          yield* failsWith(kit.pool.execute(get("/next")), "PoolClosed")
        })))
  }
})
