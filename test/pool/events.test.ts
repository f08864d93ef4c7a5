/**
 * The events of a pool: whole stories in order, every field, the stream and the listeners. No event
 * is made without a listener. The events of each kind of closing are in the tests of that kind.
 */
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import type { ConnectionEvent } from "../../src/ConnectionEvent.ts"
import type * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import { EventHub } from "../../src/internal/connection/events.ts"
import * as Origin from "../../src/Origin.ts"
import * as T from "../../src/TestTransport.ts"
import { bytesOf, contained, failsWith, getHead, ok, settled, started } from "../connection/harness.ts"
import type { PoolKit } from "./harness.ts"
import { get, holds, poolOver, serves, serving, slow, tags, textOf, watchedPool } from "./harness.ts"
import { eventsOf } from "./over.ts"

const origin = Either.getOrThrow(Origin.fromUrl("http://a.test/")).origin

/** What tells one event from another of its tag. */
const show = (event: ConnectionEvent): string => {
  switch (event._tag) {
    case "Send":
    case "Receive":
      return event._tag
    case "WaitEnd":
      return `WaitEnd ${event.outcome} ${event.millis}`
    case "Acquire":
      return `Acquire ${event.reused ? "used" : "new"}`
    case "ConnectFailed":
    case "Retry":
      return `${event._tag} ${event.error?._tag ?? "given up"}`
    case "RequestEnd":
      return `RequestEnd ${event.status ?? "-"} ${event.error?._tag ?? "whole"}`
    case "Close":
      return `Close ${event.reason} ${event.error?._tag ?? "-"}`
    default:
      return event._tag
  }
}

interface Story {
  readonly name: string
  readonly script: T.Script
  readonly options?: ConnectionPool.Options
  readonly run: (kit: PoolKit) => Effect.Effect<unknown, unknown, Scope.Scope>
  readonly told: ReadonlyArray<string>
}

const opened = ["Wait", "Connect", "Connected", "Acquire new", "WaitEnd Connection 0"]
const answered = ["Send", "Receive", "RequestEnd 200 whole", "Release"]

const stories: ReadonlyArray<Story> = [
  {
    name: "two requests on one connection, then the end of the pool",
    script: [serving("/1", "/2")],
    run: ({ pool }) => Effect.zipRight(textOf(pool, get("/1")), textOf(pool, get("/2"))),
    told: [...opened, ...answered, "Acquire used", ...answered, "Close Shutdown -"]
  },
  {
    name: "a body that comes behind its head",
    script: [T.connection(T.expect(getHead()), T.reply(ok("abc"), { split: [38] }))],
    run: ({ pool }) => textOf(pool, get()),
    told: [...opened, "Send", "Receive", "Receive", "RequestEnd 200 whole", "Release", "Close Shutdown -"]
  },
  {
    name: "an answer that ends the connection",
    script: [T.connection(T.expect(getHead()), T.reply(ok("", "Connection: close")))],
    run: ({ pool }) => textOf(pool, get()),
    told: [...opened, "Send", "Receive", "RequestEnd 200 whole", "Close NotPersistent -"]
  },
  {
    name: "a request that waits for another",
    script: [slow("/1", "/2")],
    options: { connections: 1 },
    run: ({ pool }) =>
      Effect.gen(function*() {
        const fibers = yield* Effect.forEach(["/1", "/2"], (path) => started(textOf(pool, get(path))))
        yield* TestClock.adjust("1 second")
        yield* TestClock.adjust("1 second")
        yield* Fiber.joinAll(fibers)
      }),
    told: [
      ...opened,
      "Send",
      "Wait",
      "Receive",
      "RequestEnd 200 whole",
      "Release",
      "Acquire used",
      "WaitEnd Connection 1000",
      ...answered,
      "Close Shutdown -"
    ]
  },
  {
    name: "a server that cannot be reached",
    script: [T.openAfter("1 second", T.refuse())],
    run: ({ pool }) =>
      Effect.gen(function*() {
        const fiber = yield* started(pool.execute(get()))
        yield* TestClock.adjust("1 second")
        yield* failsWith(Fiber.join(fiber), "ConnectError")
      }),
    told: ["Wait", "Connect", "ConnectFailed ConnectError", "WaitEnd Failed 1000", "RequestEnd - ConnectError"]
  },
  {
    name: "an opening that takes too long",
    script: [T.openStalls],
    options: { timeouts: { connect: "1 second" } },
    run: ({ pool }) =>
      Effect.gen(function*() {
        const fiber = yield* started(pool.execute(get()))
        yield* TestClock.adjust("1 second")
        yield* failsWith(Fiber.join(fiber), "HttpTimeout")
      }),
    told: ["Wait", "Connect", "ConnectFailed HttpTimeout", "WaitEnd Failed 1000", "RequestEnd - HttpTimeout"]
  },
  {
    name: "an opening that is given up with its request",
    script: [T.openStalls],
    run: ({ pool }) => Effect.flatMap(started(pool.execute(get())), Fiber.interrupt),
    told: ["Wait", "Connect", "ConnectFailed given up", "WaitEnd Interrupted 0", "RequestEnd - ConnectionClosed"]
  },
  {
    name: "a request that waits for too long",
    script: [T.connection(T.expect(getHead()), T.stall)],
    options: { connections: 1, timeouts: { pool: "1 second" } },
    run: ({ pool }) =>
      Effect.gen(function*() {
        const first = yield* started(pool.execute(get()))
        const second = yield* started(pool.execute(get("/2")))
        yield* TestClock.adjust("1 second")
        yield* failsWith(Fiber.join(second), "HttpTimeout")
        yield* Fiber.interrupt(first)
      }),
    told: [
      ...opened,
      "Send",
      "Wait",
      "WaitEnd Timeout 1000",
      "RequestEnd - HttpTimeout",
      "RequestEnd - ConnectionClosed",
      "Close Interrupted ConnectionClosed"
    ]
  },
  {
    name: "a request that is not taken, because too many wait",
    script: [T.connection(T.expect(getHead()), T.stall)],
    options: { connections: 1, waiters: 0 },
    run: ({ pool }) =>
      Effect.gen(function*() {
        const first = yield* started(pool.execute(get()))
        yield* failsWith(pool.execute(get("/2")), "PoolQueueFull")
        yield* Fiber.interrupt(first)
      }),
    told: [
      ...opened,
      "Send",
      "Wait",
      "WaitEnd Failed 0",
      "RequestEnd - PoolQueueFull",
      "RequestEnd - ConnectionClosed",
      "Close Interrupted ConnectionClosed"
    ]
  },
  {
    name: "a request that is sent once more",
    script: [T.connection(...serves("/1"), T.expect(getHead("/2")), T.eof), serving("/2")],
    run: ({ pool }) => Effect.zipRight(textOf(pool, get("/1")), textOf(pool, get("/2"))),
    told: [
      ...opened,
      ...answered,
      "Acquire used",
      "Send",
      "RequestEnd - StaleConnection",
      "Close Failure StaleConnection",
      "Retry StaleConnection",
      ...opened,
      ...answered,
      "Close Shutdown -"
    ]
  },
  {
    name: "a server that closes an idle connection",
    script: [T.connection(...serves("/1"), T.delay(1), T.eof)],
    run: ({ pool }) => Effect.zipLeft(textOf(pool, get("/1")), Effect.zipRight(TestClock.adjust(1), settled)),
    told: [...opened, ...answered, "Close Peer -"]
  },
  {
    name: "a connection that is idle for too long",
    script: [serving("/1")],
    run: ({ pool }) => Effect.zipLeft(textOf(pool, get("/1")), TestClock.adjust("30 seconds")),
    told: [...opened, ...answered, "Close IdleTime -"]
  },
  {
    name: "a response that is let go",
    script: [T.connection(T.expect(getHead()), T.reply(ok("abc").slice(0, -1)), T.delay(1), T.reply("c"))],
    run: ({ pool }) =>
      Effect.gen(function*() {
        yield* Effect.flatMap(pool.execute(get()), (response) => response.close)
        yield* TestClock.adjust(1)
        yield* settled
        yield* pool.closeIdle
      }),
    told: [...opened, "Send", "Receive", "Receive", "RequestEnd 200 whole", "Release", "Close Closed -"]
  },
  {
    name: "a lease with two requests",
    script: [serving("/1", "/2")],
    run: ({ pool }) =>
      Effect.scoped(
        Effect.flatMap(pool.lease(origin), (connection) =>
          Effect.forEach(["/1", "/2"], (path) =>
            Effect.flatMap(connection.execute(HttpRequest.get(path)), (response) =>
              response.text)))
      ),
    told: [
      ...opened,
      "Send",
      "Receive",
      "RequestEnd 200 whole",
      "Send",
      "Receive",
      "RequestEnd 200 whole",
      "Release",
      "Close Shutdown -"
    ]
  },
  {
    name: "a request that is not one",
    script: [],
    run: ({ pool }) => Effect.flip(pool.execute(HttpRequest.get("nowhere"))),
    told: []
  }
]

describe("the events of", () => {
  for (const { name, options, run, script, told } of stories) {
    it.effect(name, () =>
      Effect.gen(function*() {
        const kept = yield* Effect.scoped(Effect.gen(function*() {
          const kit = yield* watchedPool(script, options)
          yield* run(kit)
          return kit.events
        }))
        assert.deepStrictEqual(kept.map(show), told)
      }))
  }
})

describe("an event", () => {
  it.effect("has these fields", () =>
    contained(Effect.gen(function*() {
      const wire =
        "POST /x?token=secret HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nAuthorization: secret\r\n\r\nabc"
      const { events, pool } = yield* watchedPool([
        T.openAfter(5, T.connection(T.expect(wire), T.delay(7), T.reply(ok("secret")), T.delay(100), T.stall))
      ])
      const body = HttpBody.bytes(bytesOf("abc"))
      const request = HttpRequest.post("http://a.test/x?token=secret", { body, headers: { Authorization: "secret" } })
      const fiber = yield* started(pool.execute(request))
      yield* TestClock.adjust(5)
      yield* settled
      yield* TestClock.adjust(7)
      const { connection: { id: connection } } = yield* Fiber.join(fiber)
      yield* TestClock.adjust(11)
      yield* pool.closeIdle
      const about = { connection, origin: "http://a.test:80" }
      assert.deepStrictEqual(events, [
        { _tag: "Wait", origin: about.origin },
        { _tag: "Connect", origin: about.origin, host: "a.test", port: 80 },
        { _tag: "Connected", ...about },
        { _tag: "Acquire", ...about, reused: false },
        { _tag: "WaitEnd", origin: about.origin, millis: 5, outcome: "Connection" },
        { _tag: "Send", connection, bytes: wire.length },
        { _tag: "Receive", connection, bytes: ok("secret").length },
        { _tag: "RequestEnd", ...about, method: "POST", status: 200, error: undefined, millis: 12 },
        { _tag: "Release", ...about },
        { _tag: "Close", ...about, requestsServed: 1, millis: 18, reason: "Closed", error: undefined }
      ])
    })))

  it.effect("of a failure tells no secret either, whatever failed", () =>
    contained(Effect.gen(function*() {
      const { events, pool } = yield* watchedPool([
        T.connection(
          T.discardUntil("\r\n\r\n"),
          T.reply("HTTP/1.1 200 OK\r\nSet-Cookie: secret\r\nContent-Length: 99\r\n\r\nsecret"),
          T.eof
        ),
        T.refuse()
      ])
      const request = get("/path?secret=secret", { headers: { Cookie: "secret", "X-Api-Key": "secret" } })
      yield* Effect.flip(Effect.flatMap(pool.execute(request), (response) => response.text))
      yield* Effect.flip(pool.execute(request))
      assert.deepStrictEqual(tags(events).filter((tag) => tag === "RequestEnd").length, 2)
      assert.notInclude(JSON.stringify(events), "secret")
    })))
})

it.effect("whoever asks for a connection when it hears of a Close gets another one than that which is being closed", () =>
  contained(Effect.gen(function*() {
    const { events, pool, transport } = yield* watchedPool([
      T.connection(...serves("/1"), T.delay("1 second"), T.eof),
      serving("/2")
    ], { connectionsPerOrigin: 1 })
    const runtime = yield* Effect.runtime<never>()
    const asked: Array<Fiber.Fiber<string, HttpError>> = []
    yield* pool.subscribe((event) => {
      if (event._tag === "Close" && asked.length === 0) asked.push(Runtime.runFork(runtime)(textOf(pool, get("/2"))))
    })
    yield* textOf(pool, get("/1"))
    yield* TestClock.adjust("1 second")
    assert.deepStrictEqual(yield* Fiber.joinAll(asked), ["/2"])
    const [first, second, ...more] = eventsOf(events, "Acquire")
    assert.notStrictEqual(first?.connection, second?.connection)
    assert.deepStrictEqual(more, [])
    const { requests, reused } = yield* pool.stats
    assert.deepStrictEqual({ requests, reused }, { requests: 2, reused: 0 })
    yield* holds(pool, { idle: 1 })
    yield* transport.verify
  })))

it.effect("nothing is told where nobody listens, whatever happens", () =>
  Effect.gen(function*() {
    const emit = vi.spyOn(EventHub.prototype, "emit")
    for (const { options, run, script } of stories) {
      yield* Effect.scoped(Effect.flatMap(poolOver(script, options), run))
    }
    assert.deepStrictEqual(emit.mock.calls, [])
    emit.mockRestore()
  }))
