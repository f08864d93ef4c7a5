/**
 * Interruption at every point at which a request waits: nothing of it is left in the pool, and its
 * connection goes to the next request. `interruptionAtEveryOperation.test.ts` does it between any
 * two operations.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { ConnectionEvent } from "../../src/ConnectionEvent.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { contained, getHead, hasEnded, ok, pieces, started } from "../connection/harness.ts"
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

describe("interrupted at every wait", () => {
  for (const scenario of scenarios) {
    it.effect(`leaves nothing, and the next request gets a new connection: ${scenario.name}`, () =>
      atEveryWait(scenario, (kit) =>
        Effect.gen(function*() {
          yield* Fiber.interrupt(kit.fiber)
          yield* holdsNothing(kit)
          if (scenario.options?.proxy !== undefined) return
          const response = yield* kit.pool.execute(get("/next"))
          assert.strictEqual(yield* response.text, "/next")
          assert.isFalse(response.connection.reused)
          assert.strictEqual(kit.transport.opened.length, 2)
        })))
  }
})

describe("interrupted while it waits, a request", () => {
  it.effect("leaves its place in the queue, and nothing else changes", () =>
    contained(Effect.gen(function*() {
      for (const wait of ["execute", "lease"] as const) {
        const { pool } = yield* poolOver([slow("/1", "/3")], { connectionsPerOrigin: 1 })
        const first = yield* started(textOf(pool, get("/1")))
        const second = yield* started(
          wait === "execute" ? Effect.asVoid(textOf(pool, get("/2"))) : Effect.scoped(Effect.asVoid(pool.lease(origin)))
        )
        const third = yield* started(textOf(pool, get("/3")))
        yield* holds(pool, { busy: 1, waiting: 2 })
        yield* Fiber.interrupt(second)
        yield* holds(pool, { busy: 1, waiting: 1 })
        yield* TestClock.adjust("1 second")
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(third)], ["/1", "/3"])
        yield* holds(pool, { idle: 1 })
      }
    })))

  it.effect("aborts the connect that was for it, and has ended only when that has", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool([T.openStalls])
      const { events, pool, transport } = kit
      const fiber = yield* started(pool.execute(get()))
      yield* holds(pool, { connecting: 1, waiting: 1 })
      yield* Fiber.interrupt(fiber)
      // At once, without another turn.
      assert.strictEqual(transport.openCount, 0)
      yield* holdsNothing(kit)
      assert.deepStrictEqual(tags(events), ["Wait", "Connect", "ConnectFailed", "WaitEnd", "RequestEnd"])
      assert.isUndefined(events.find((event) => event._tag === "ConnectFailed")?.error)
    })))

  it.effect("passes the connect on to whoever waits without one", () =>
    contained(Effect.gen(function*() {
      const { events, pool, transport } = yield* watchedPool([T.openAfter("2 seconds", serving("/2", "/3"))], {
        connectionsPerOrigin: 1
      })
      const first = yield* started(pool.execute(get("/1")))
      const others = yield* Effect.forEach(["/2", "/3"], (path) => started(textOf(pool, get(path))))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(first)
      yield* holds(pool, { connecting: 1, waiting: 2 })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([...yield* Fiber.joinAll(others)], ["/2", "/3"])
      assert.strictEqual(transport.opened.length, 1)
      assert.notInclude(tags(events), "ConnectFailed")
      yield* transport.verify
    })))

  it.effect("aborts it where all others have one of their own", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([T.openStalls, T.openAfter("1 second", serving("/2"))])
      const first = yield* started(pool.execute(get("/1")))
      const second = yield* started(textOf(pool, get("/2")))
      yield* Fiber.interrupt(first)
      yield* holds(pool, { connecting: 1, waiting: 1 })
      assert.isTrue(transport.state(0).destroyed)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(second), "/2")
    })))
})

/**
 * Runs a response to its end, and interrupts a waiting request before the connection is reserved for it. After that is a matter of
 * `polled.test.ts`.
 */
const inTheSameTurn = contained(Effect.gen(function*() {
  let interrupt = (): void => {}
  const events: Array<ConnectionEvent> = []
  const { pool, transport } = yield* poolOver([
    T.connection(
      T.expect(getHead("/1")),
      T.reply(ok("one").slice(0, -1)),
      T.delay("1 second"),
      T.reply("e"),
      ...serves("/3")
    )
  ], {
    connectionsPerOrigin: 1,
    onEvent: (event) => {
      events.push(event)
      if (event._tag === "Release") interrupt()
    }
  })
  const first = yield* pool.execute(get("/1"))
  const second = yield* started(pool.execute(get("/2")))
  const reader = yield* started(first.text)
  interrupt = () => second.unsafeInterruptAsFork(FiberId.none)
  yield* holds(pool, { busy: 1, waiting: 1 })
  yield* TestClock.adjust("1 second")
  assert.strictEqual(yield* Fiber.join(reader), "one")
  assert.isTrue(Exit.isInterrupted(yield* Fiber.await(second)))
  interrupt = () => {}
  yield* comesToHold(pool, { idle: 1 })
  // Nothing of the second was sent.
  assert.strictEqual(transport.written(0), getHead("/1"))
  assert.strictEqual(yield* textOf(pool, get("/3")), "/3")
  const { requests, reused } = yield* pool.stats
  assert.deepStrictEqual({ requests, reused }, { requests: 2, reused: 1 })
  // Whoever counts by the events comes to the same.
  assert.deepStrictEqual(tags(events).filter((tag) => tag === "Acquire" || tag === "Release" || tag === "Close"), [
    "Acquire",
    "Release",
    "Acquire",
    "Release"
  ])
  yield* transport.verify
}))

describe("a connection that comes free in the call in which the waiting request is interrupted", () => {
  it.effect("is not lost, and has not been used", () => inTheSameTurn)
})

describe("interrupted in the middle of a body", () => {
  const head = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"
  const cut = T.connection(
    T.expect(getHead("/1")),
    T.reply(`${head}abc`),
    T.delay("500 millis"),
    T.reply("def"),
    ...serves("/2")
  )

  it.effect("a stream closes the connection at once", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool([cut])
      const response = yield* kit.pool.execute(get("/1"))
      const fiber = yield* started(Stream.runForEach(response.stream, () => Effect.never))
      yield* Fiber.interrupt(fiber)
      yield* holdsNothing(kit)
      assert.deepStrictEqual(reasons(kit.events), ["Interrupted"])
    })))

  it.effect("what a caller had let go of before comes back all the same, when the rest has come", () =>
    contained(Effect.gen(function*() {
      const { events, pool } = yield* watchedPool([cut])
      const response = yield* pool.execute(get("/1"))
      const fiber = yield* started(Effect.zipRight(Stream.runDrain(Stream.take(response.stream, 1)), Effect.never))
      yield* holds(pool, { busy: 1 })
      yield* Fiber.interrupt(fiber)
      yield* holds(pool, { busy: 1 })
      yield* TestClock.adjust("500 millis")
      yield* holds(pool, { idle: 1 })
      assert.strictEqual(yield* textOf(pool, get("/2")), "/2")
      assert.deepStrictEqual(reasons(events), [])
    })))
})

it.effect("interruption waits for the finalizers of the body that was being sent", () =>
  contained(Effect.gen(function*() {
    const kit = yield* poolOver([T.connection(T.discard())])
    let finalized = false
    const stream = Stream.ensuring(
      Stream.concat(pieces("a"), Stream.never),
      Effect.zipRight(
        Effect.yieldNow(),
        Effect.sync(() => {
          finalized = true
        })
      )
    )
    const fiber = yield* started(
      kit.pool.execute(HttpRequest.post("http://a.test/", { body: HttpBody.stream(stream) }))
    )
    assert.isFalse(hasEnded(fiber))
    yield* Fiber.interrupt(fiber)
    assert.isTrue(finalized)
    yield* holdsNothing(kit)
  })))

it.effect("a hundred requests that are interrupted at once, wherever they are, leave nothing", () =>
  contained(Effect.gen(function*() {
    const kit = yield* poolOver(
      [
        ...Array.from({ length: 3 }, () => T.connection(T.discard())),
        // Some of those who wait have their turn for a moment.
        ...Array.from({ length: 200 }, () => T.openStalls)
      ],
      { connectionsPerOrigin: 6 }
    )
    const { pool } = kit
    const fibers = yield* Effect.forEach(Array.from({ length: 100 }), () => Effect.fork(pool.execute(get())))
    yield* comesToHold(pool, { busy: 3, connecting: 3, waiting: 97 })
    yield* Fiber.interruptAll(fibers)
    yield* holdsNothing(kit)
  })))
