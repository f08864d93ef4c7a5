/**
 * What a script has sent behind a response, or to an idle connection, is read before the next request is written: the request goes
 * elsewhere, with nothing written and in its place. No test here lets anything settle between the two requests.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { ConnectionEvent } from "../../src/ConnectionEvent.ts"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Origin from "../../src/Origin.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { bytesOf, contained, failsWith, getHead, ok, settled, started } from "../connection/harness.ts"
import { get, holds, holdsNothing, poolOver, serves, serving, textOf, watchedPool } from "./harness.ts"
import { eventsOf, warmed } from "./over.ts"

const behind: ReadonlyArray<readonly [name: string, ...steps: ReadonlyArray<T.Step>]> = [
  ["a byte", T.reply("H")],
  ["an empty line", T.reply("\r\n")],
  ["a response", T.reply(ok("stray"))],
  ["a response in two packets", T.reply(ok("stray"), { split: [10] })],
  ["a 408 and the end", T.reply("HTTP/1.1 408 R\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), T.eof],
  ["the end", T.eof],
  ["a reset", T.reset]
]

const once = { body: HttpBody.stream(Stream.fromIterable([bytesOf("abc")]), { length: 3 }) }

/** Requests that a server may see once only. */
const requests: ReadonlyArray<readonly [name: string, request: HttpRequest.HttpRequest, end: string]> = [
  ["a GET", get("/2"), "\r\n\r\n"],
  ["a POST", HttpRequest.post("http://a.test/2", { body: HttpBody.bytes(bytesOf("abc")) }), "abc"],
  ["a stream that cannot be run again", HttpRequest.post("http://a.test/2", once), "abc"],
  ["a body that waits for 100", HttpRequest.put("http://a.test/2", { ...once, expectContinue: true }), "\r\n\r\n"]
]

const answered = (end: string): T.Connection =>
  T.connection(
    T.discardUntil(end),
    ...end === "abc" ? [] : [T.reply("HTTP/1.1 100 Continue\r\n\r\n")],
    T.reply(ok("second")),
    T.discard(),
    T.stall
  )

/** A pool with an idle connection, whose event loop polls when the test says so. */
const heldPool = (steps: ReadonlyArray<T.Step>, options: ConnectionPool.Options) =>
  Effect.gen(function*() {
    const transport = yield* T.make([T.connection(...steps)])
    const events: Array<ConnectionEvent> = []
    const registered: Array<() => void> = []
    const loop: Transport.EventLoop = {
      afterPoll: (callback) => void registered.push(callback),
      captureContext: () => ({ run: (f) => f() })
    }
    const pool = yield* ConnectionPool.make({
      shutdownGrace: 0,
      onEvent: (event) => void events.push(event),
      ...options
    }).pipe(Effect.provideService(Transport.Transport, { ...transport, loop }))
    const poll = Effect.zipRight(
      Effect.sync(() => {
        for (const callback of registered.splice(0)) callback()
      }),
      settled
    )
    yield* textOf(pool, get("/warm"))
    return { events, poll, pool, transport }
  })

describe("what lies behind a response neither answers nor fails", () => {
  for (const [name, ...steps] of behind) {
    for (const [what, request, end] of requests) {
      it.effect(`${what} that follows at once: ${name}`, () =>
        contained(Effect.gen(function*() {
          const first = [T.expect(getHead("/1")), T.reply(ok("/1"))]
          const { events, pool, transport } = yield* watchedPool([
            T.connection(...first, ...steps, T.expectDestroy),
            answered(end)
          ])
          assert.strictEqual(yield* textOf(pool, get("/1")), "/1")
          const second = yield* pool.execute(request)
          assert.strictEqual(yield* second.text, "second")
          assert.strictEqual(second.resends, 0)
          assert.isFalse(second.connection.reused)
          assert.strictEqual(transport.written(0), getHead("/1"))
          const { requests, retried, reused } = yield* pool.stats
          assert.deepStrictEqual({ requests, retried, reused }, { requests: 2, retried: 0, reused: 0 })
          assert.strictEqual(eventsOf(events, "Acquire").length, 2)
        })))
    }

    it.effect(`requests that wait for the connection: ${name}`, () =>
      contained(Effect.gen(function*() {
        const { pool, transport } = yield* poolOver([
          T.connection(T.expect(getHead("/1")), T.delay("1 second"), T.reply(ok("/1")), ...steps, T.expectDestroy),
          serving("/2", "/3", "/4")
        ], { connectionsPerOrigin: 1 })
        const fibers = yield* Effect.forEach(
          ["/1", "/2", "/3", "/4"],
          (path) => started(textOf(pool, get(path)))
        )
        yield* holds(pool, { busy: 1, waiting: 3 })
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* Fiber.join(Fiber.all(fibers)), ["/1", "/2", "/3", "/4"])
        assert.strictEqual(transport.written(0), getHead("/1"))
      })))

    it.effect(`the lease that is asked for at once: ${name}`, () =>
      contained(Effect.gen(function*() {
        const { pool, transport } = yield* warmed([...steps, T.expectDestroy], [serving("/2")])
        const { origin } = yield* Origin.fromUrl("http://a.test")
        const text = yield* Effect.scoped(Effect.flatMap(
          pool.lease(origin),
          (connection) => Effect.flatMap(connection.execute(HttpRequest.get("/2")), (response) => response.text)
        ))
        assert.strictEqual(text, "/2")
        assert.strictEqual(transport.written(0), getHead("/warm"))
      })))
  }
})

describe("a request whose idle connection had closed", () => {
  it.effect("keeps its place before those that came later", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* warmed([T.eof, T.expectDestroy], [serving("/1", "/2", "/3")], {
        connectionsPerOrigin: 1,
        // The first of them has its place already.
        waiters: 2
      })
      const fibers = yield* Effect.forEach(["/1", "/2", "/3"], (path) => Effect.fork(textOf(pool, get(path))))
      assert.deepStrictEqual(yield* Fiber.join(Fiber.all(fibers)), ["/1", "/2", "/3"])
    })))

  it.effect("is served though the pool is being shut down since", () =>
    contained(Effect.gen(function*() {
      const kit = yield* warmed([T.eof, T.expectDestroy], [serving("/1")])
      const asked = yield* Effect.fork(textOf(kit.pool, get("/1")))
      const ended = yield* Effect.fork(kit.pool.shutdown({ grace: "1 second" }))
      assert.strictEqual(yield* Fiber.join(asked), "/1")
      yield* Fiber.join(ended)
      yield* holdsNothing(kit)
    })))

  it.effect("fails with PoolClosed if the pool ends before it has another", () =>
    contained(Effect.gen(function*() {
      const kit = yield* warmed([T.stall])
      const asked = yield* Effect.fork(failsWith(textOf(kit.pool, get("/1")), "PoolClosed"))
      yield* Effect.yieldNow()
      yield* kit.pool.shutdown({ grace: 0 })
      assert.strictEqual((yield* Fiber.join(asked)).context.processed, "No")
      yield* holdsNothing(kit)
    })))
})

describe("a connection that a request has taken, until it has been polled,", () => {
  it.effect("goes back unused when the request is interrupted", () =>
    contained(Effect.gen(function*() {
      const { events, poll, pool, transport } = yield* heldPool([...serves("/warm"), ...serves("/2")], {
        requestsPerConnection: 2
      })
      const asked = yield* started(textOf(pool, get("/1")))
      yield* holds(pool, { busy: 1 })
      yield* Fiber.interrupt(asked)
      yield* holds(pool, { idle: 1 })
      yield* poll
      yield* holds(pool, { idle: 1 })
      assert.deepStrictEqual(eventsOf(events, "Acquire").length, 1)
      // It counts as given out once.
      const second = yield* started(textOf(pool, get("/2")))
      yield* poll
      assert.strictEqual(yield* Fiber.join(second), "/2")
      yield* transport.verify
    })))

  it.effect("goes to the next in the queue when the request is interrupted, which has it polled again", () =>
    contained(Effect.gen(function*() {
      const { poll, pool, transport } = yield* heldPool([...serves("/warm"), ...serves("/2")], {
        connectionsPerOrigin: 1
      })
      const first = yield* started(textOf(pool, get("/1")))
      const second = yield* started(textOf(pool, get("/2")))
      yield* holds(pool, { busy: 1, waiting: 1 })
      yield* Fiber.interrupt(first)
      yield* holds(pool, { busy: 1 })
      assert.strictEqual(transport.written(0), getHead("/warm"))
      yield* poll
      assert.strictEqual(yield* Fiber.join(second), "/2")
      yield* transport.verify
    })))

  it.effect("goes back when the request that it was given from the queue is interrupted", () =>
    contained(Effect.gen(function*() {
      const { poll, pool, transport } = yield* heldPool([
        ...serves("/warm"),
        T.expect(getHead("/1")),
        T.delay("1 second"),
        T.reply(ok("/1"))
      ], { connectionsPerOrigin: 1 })
      const first = yield* started(textOf(pool, get("/1")))
      yield* poll
      const second = yield* started(textOf(pool, get("/2")))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(first), "/1")
      yield* holds(pool, { busy: 1 })
      yield* Fiber.interrupt(second)
      yield* holds(pool, { idle: 1 })
      yield* poll
      yield* holds(pool, { idle: 1 })
      yield* transport.verify
    })))

  it.effect("is closed when it has been idle for too long, also if it was given and not used", () =>
    contained(Effect.gen(function*() {
      const { poll, pool } = yield* heldPool([
        ...serves("/warm"),
        T.expect(getHead("/1")),
        T.delay("10 seconds"),
        T.reply(ok("/1")),
        T.expectDestroy
      ], { connectionsPerOrigin: 1, idleTime: "5 seconds" })
      const first = yield* started(textOf(pool, get("/1")))
      yield* poll
      const second = yield* started(textOf(pool, get("/2")))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(first)
      yield* Fiber.interrupt(second)
      yield* holds(pool, { idle: 1 })
      yield* TestClock.adjust("1 minute")
      yield* holds(pool, {})
    })))

  it.effect("costs no time of its limits: they run on while it is polled, and the request that is sent has what is left", () =>
    contained(Effect.gen(function*() {
      const { poll, pool } = yield* heldPool([...serves("/warm"), T.expect(getHead("/1")), T.stall], {
        timeouts: { total: 100 }
      })
      const asked = yield* started(failsWith(textOf(pool, get("/1")), "HttpTimeout"))
      yield* TestClock.adjust(60)
      yield* poll
      yield* TestClock.adjust(39)
      assert.isNull(asked.unsafePoll())
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* Fiber.join(asked)).kind, "total")
    })))

  it.effect("may be closed by a listener of its event: the request goes elsewhere", () =>
    contained(Effect.gen(function*() {
      const transport = yield* T.make([T.connection(...serves("/1"), T.expectDestroy), serving("/2")])
      let receiver: Transport.Receiver | undefined
      const pool = yield* ConnectionPool.make({
        shutdownGrace: 0,
        onEvent: (event) => event._tag === "Acquire" && event.reused ? receiver?.onEnd() : undefined
      }).pipe(Effect.provideService(Transport.Transport, {
        ...transport,
        open: (endpoint, timeouts) =>
          Effect.map(transport.open(endpoint, timeouts), (duplex) => {
            const attach = duplex.attach.bind(duplex)
            return Object.assign(duplex, {
              attach: (it: Transport.Receiver) => {
                receiver ??= it
                attach(it)
              }
            })
          })
      }))
      assert.strictEqual(yield* textOf(pool, get("/1")), "/1")
      assert.strictEqual(yield* textOf(pool, get("/2")), "/2")
      assert.strictEqual(transport.written(0), getHead("/1"))
    })))
})
