/**
 * Connections that are used again, and those that must not be: whatever shows that one is dead, or out of step, before the
 * next request comes to it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { contained, failsWith, getHead, ok, settled, started } from "../connection/harness.ts"
import {
  comesToHold,
  get,
  holds,
  holdsNothing,
  poolOver,
  reasons,
  serves,
  serving,
  textOf,
  watchedPool
} from "./harness.ts"

describe("a connection is used again", () => {
  it.effect("by the next request, and kept idle in between", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([serving("/1", "/2", "/3")])
      const { pool, transport } = kit
      yield* holds(pool, {})
      for (const path of ["/1", "/2", "/3"]) {
        assert.strictEqual(yield* textOf(pool, get(path)), path)
        yield* holds(pool, { idle: 1 })
      }
      const { closed, opened, origins, requests, reused } = yield* pool.stats
      assert.deepStrictEqual({ opened, closed, requests, reused }, { opened: 1, closed: 0, requests: 3, reused: 2 })
      assert.deepStrictEqual(origins, [{ origin: "http://a.test:80", idle: 1, busy: 0, connecting: 0, waiting: 0 }])
      yield* transport.verify
      yield* pool.closeIdle
      yield* holdsNothing(kit)
    })))

  it.effect("before the caller looks at a response whose body came with its head, which can still be read", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([serving("/1", "/2")])
      const first = yield* pool.execute(get("/1"))
      yield* holds(pool, { idle: 1 })
      const second = yield* pool.execute(get("/2"))
      assert.strictEqual(second.connection.id, first.connection.id)
      assert.isFalse(first.connection.reused)
      assert.isTrue(second.connection.reused)
      assert.strictEqual(yield* second.text, "/2")
      assert.strictEqual(yield* first.text, "/1")
      assert.strictEqual(yield* first.text, "/1")
      yield* transport.verify
    })))

  it.effect("as soon as a body that comes behind its head was read to its end", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([
        T.connection(T.expect(getHead("/1")), T.reply(ok("one"), { split: [38] }), ...serves("/2"))
      ])
      const first = yield* pool.execute(get("/1"))
      yield* holds(pool, { busy: 1 })
      assert.strictEqual(yield* first.text, "one")
      yield* holds(pool, { idle: 1 })
      assert.strictEqual(yield* textOf(pool, get("/2")), "/2")
    })))

  it.effect("the one that was used last before one that has been idle for longer", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(T.expect(getHead("/1")), T.delay("2 seconds"), T.reply(ok("one")), ...serves("/3")),
        T.connection(T.expect(getHead("/2")), T.delay("1 second"), T.reply(ok("two")), ...serves("/4"))
      ])
      const both = yield* started(Effect.all([textOf(pool, get("/1")), textOf(pool, get("/2"))], { concurrency: 2 }))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(both), ["one", "two"])
      yield* holds(pool, { idle: 2 })
      const third = yield* pool.execute(get("/3"))
      assert.strictEqual(third.connection.idleMillis, 0)
      // The newest is taken while the response is looked at, so that the other one is the newest.
      assert.strictEqual(yield* third.text, "/3")
      yield* pool.closeIdle
      assert.deepStrictEqual(transport.state(0).remaining, [])
      assert.strictEqual(transport.state(1).remaining.length, 2)
    })))
})

describe("an idle connection is closed at once, and the next request goes on a new one, when there comes", () => {
  const cases: ReadonlyArray<readonly [name: string, step: T.Step, error: string | undefined]> = [
    ["its end", T.eof, undefined],
    ["a reset", T.reset, "ReadError"],
    ["a byte", T.reply("H"), "UnexpectedMessage"],
    ["a response that nobody asked for", T.reply(ok("forged")), "UnexpectedMessage"],
    ["an empty line", T.reply("\r\n"), "UnexpectedMessage"]
  ]
  for (const [name, step, error] of cases) {
    it.effect(name, () =>
      contained(Effect.gen(function*() {
        const kit = yield* watchedPool([
          T.connection(...serves("/1"), T.delay("1 second"), step, T.expectDestroy),
          serving("/2")
        ])
        const { events, pool, transport } = kit
        assert.strictEqual(yield* textOf(pool, get("/1")), "/1")
        yield* holds(pool, { idle: 1 })
        yield* TestClock.adjust("1 second")
        yield* holdsNothing(kit)
        const [closed] = events.filter((event) => event._tag === "Close")
        assert.strictEqual(closed?.reason, "Peer")
        assert.strictEqual(closed?.error?._tag, error)
        const second = yield* pool.execute(get("/2"))
        assert.strictEqual(yield* second.text, "/2")
        assert.strictEqual(second.resends, 0)
        assert.isFalse(second.connection.reused)
        yield* transport.verify
      })))
  }
})

describe("a connection is not kept, though its response is whole, with", () => {
  const cases: ReadonlyArray<readonly [name: string, steps: ReadonlyArray<T.Step>, reason: string]> = [
    ["a byte in the packet of the response", [T.reply(`${ok("one")}H`)], "Failure"],
    ["another response in the packet of the response", [T.reply(ok("one") + ok("forged"))], "Failure"],
    ["a byte in the packet behind it", [T.reply(ok("one")), T.reply("H")], "Peer"],
    ["another response in the packet behind it", [T.reply(ok("one")), T.reply(ok("forged"))], "Peer"],
    ["its end behind it", [T.reply(ok("one")), T.eof], "Peer"],
    ["a reset behind it", [T.reply(ok("one")), T.reset], "Peer"],
    ["Connection: close", [T.reply(ok("one", "Connection: close"))], "NotPersistent"],
    ["HTTP/1.0", [T.reply("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\none")], "NotPersistent"]
  ]
  for (const [name, steps, reason] of cases) {
    it.effect(name, () =>
      contained(Effect.gen(function*() {
        const kit = yield* watchedPool([
          T.connection(T.expect(getHead("/1")), ...steps, T.expectDestroy),
          serving("/2")
        ])
        const { events, pool, transport } = kit
        const first = yield* pool.execute(get("/1"))
        yield* settled
        yield* holdsNothing(kit)
        assert.deepStrictEqual(reasons(events), [reason])
        assert.strictEqual(yield* first.text, "one")
        const second = yield* pool.execute(get("/2"))
        assert.strictEqual(second.resends, 0)
        assert.strictEqual(yield* second.text, "/2")
        yield* transport.verify
      })))
  }
})

/** What is written on a connection and answered with this behind it comes to its end in the same turn as the answer. */
const mark = "\x04"

/** `at once`: as soon as it is listened to. */
type Death = "end" | "break" | "at once"

/** A transport whose channels end, or break, in the turn in which `mark` comes. */
const dyingAtMarks = (inner: Transport.Service, how: Death): Transport.Service => ({
  secure: inner.secure,
  open: (endpoint, timeouts) =>
    Effect.map(inner.open(endpoint, timeouts), (duplex): Transport.Duplex => ({
      info: duplex.info,
      write: (bytes, more) => duplex.write(bytes, more),
      drained: (callback) => duplex.drained(callback),
      resume: () => duplex.resume(),
      end: () => duplex.end(),
      destroy: () => duplex.destroy(),
      attach: (receiver) => {
        duplex.attach({
          onEnd: () => receiver.onEnd(),
          onError: (fault) => receiver.onError(fault),
          onData: (bytes) => {
            const dies = bytes[bytes.length - 1] === mark.charCodeAt(0)
            const more = bytes.length === 1 && dies || receiver.onData(dies ? bytes.subarray(0, -1) : bytes)
            if (dies && how === "end") receiver.onEnd()
            else if (dies) {
              duplex.destroy()
              receiver.onError({ code: "ECONNRESET", cause: undefined })
            }
            return more
          }
        })
        if (how === "at once") receiver.onEnd()
      }
    }))
})

const dyingPool = (script: T.Script, how: Death, options: ConnectionPool.Options) =>
  Effect.gen(function*() {
    const transport = yield* T.make(script)
    const pool = yield* Effect.provideService(
      ConnectionPool.make({ shutdownGrace: 0, connectRetryTime: 0, connectBackoff: 0, ...options }),
      Transport.Transport,
      dyingAtMarks(transport, how)
    )
    return { pool, transport }
  })

describe("a connection that dies between its giving and its taking", () => {
  for (const how of ["end", "break"] as const) {
    it.effect(`costs the request that it was given to neither its life nor its place: ${how}`, () =>
      contained(Effect.gen(function*() {
        const kit = yield* dyingPool(
          [
            T.connection(T.expect(getHead("/1")), T.delay("1 second"), T.reply(ok("/1") + mark), T.expectDestroy),
            // In this order, though the opening was begun for the third.
            serving("/2", "/3")
          ],
          how,
          { connectionsPerOrigin: 1 }
        )
        const { pool, transport } = kit
        const first = yield* started(textOf(pool, get("/1")))
        const second = yield* started(pool.execute(get("/2")))
        const third = yield* started(textOf(pool, get("/3")))
        yield* holds(pool, { busy: 1, waiting: 2 })
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(first), "/1")
        const response = yield* Fiber.join(second)
        assert.strictEqual(yield* response.text, "/2")
        assert.strictEqual(response.resends, 0)
        assert.isFalse(response.connection.reused)
        assert.strictEqual(yield* Fiber.join(third), "/3")
        const { opened, requests, retried, reused } = yield* pool.stats
        assert.deepStrictEqual({ opened, requests, retried, reused }, { opened: 2, requests: 3, retried: 0, reused: 1 })
        yield* transport.verify
        yield* pool.closeIdle
        yield* holdsNothing(kit)
      })))
  }

  it.effect("fails its request if it was new, because a server that does so may do it for ever", () =>
    contained(Effect.gen(function*() {
      const kit = yield* dyingPool([T.connection(T.expectDestroy), serving("/2")], "at once", {
        connectionsPerOrigin: 1
      })
      const { pool, transport } = kit
      const first = yield* Effect.fork(failsWith(pool.execute(get("/1")), "RemoteDisconnected"))
      const second = yield* Effect.fork(failsWith(pool.execute(get("/2")), "RemoteDisconnected"))
      assert.strictEqual((yield* Fiber.join(first)).context.processed, "No")
      yield* Fiber.join(second)
      assert.strictEqual(transport.opened.length, 2)
      yield* holdsNothing(kit)
    })))
})

describe("a server that accepts and ends a connection at once fails the request", () => {
  const cases: ReadonlyArray<
    readonly [name: string, step: T.Step, tag: "RemoteDisconnected" | "ReadError" | "UnexpectedMessage"]
  > = [
    ["by its end", T.eof, "RemoteDisconnected"],
    ["by a reset", T.reset, "ReadError"],
    ["by a byte", T.reply("H"), "UnexpectedMessage"]
  ]
  for (const [name, step, tag] of cases) {
    it.effect(`${name}, before the request can be sent, and the next waiting one goes on`, () =>
      contained(Effect.gen(function*() {
        const kit = yield* poolOver([T.connection(step, T.expectDestroy), serving("/2")], { connectionsPerOrigin: 1 })
        const { pool, transport } = kit
        const first = yield* Effect.fork(failsWith(pool.execute(get("/1")), tag))
        const second = yield* Effect.fork(textOf(pool, get("/2")))
        const { context } = yield* Fiber.join(first)
        assert.strictEqual(context.processed, "No")
        assert.strictEqual(context.origin, "http://a.test:80")
        assert.strictEqual(yield* Fiber.join(second), "/2")
        yield* comesToHold(pool, { idle: 1 })
        assert.strictEqual(transport.opened.length, 2)
        yield* transport.verify
        yield* pool.closeIdle
        yield* holdsNothing(kit)
      })))
  }

  it.effect("in the turn in which it was opened, and not for ever", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([T.connection(T.unblockWrites, T.eof, T.discard(), T.expectDestroy)])
      const error = yield* failsWith(kit.pool.execute(get("/1")), "RemoteDisconnected")
      assert.isFalse(error.context.connection?.reused ?? false)
      yield* holdsNothing(kit)
      assert.strictEqual(kit.transport.opened.length, 1)
    })))
})
