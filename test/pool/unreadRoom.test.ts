/**
 * A response without a reader loses its connection if another request is queued and there is no
 * room for another connection: after `unreadGrace`, the oldest first; an error page that is too
 * large to be dropped, at once.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { vi } from "vitest"
import type * as ConnectionPool from "../../src/ConnectionPool.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpResponse } from "../../src/HttpResponse.ts"
import { PoolState } from "../../src/internal/pool/policy.ts"
import * as Origin from "../../src/Origin.ts"
import * as T from "../../src/TestTransport.ts"
import { contained, failsWith, getHead, hasEnded, latin1, ok, settled, started } from "../connection/harness.ts"
import type { PoolKit } from "./harness.ts"
import { get, holds, holdsNothing, poolOver, reasons, serving, textOf, watchedPool } from "./harness.ts"
import { eventsOf } from "./over.ts"

const lengthHead = (length: number, status = "200 OK"): string =>
  ok("x".repeat(length)).slice(0, -length).replace("200 OK", status)

const begun = `${lengthHead(9)}abc`

/** A connection that answers a path with this, and nothing more. */
const answering = (path: string, reply: string, ...steps: ReadonlyArray<T.Step>): T.Connection =>
  T.connection(T.expect(getHead(path)), T.reply(reply), ...steps, T.stall)

/** A pool with room for one connection, whose response begins like this, and then one that answers `/2`. */
const crowded = (reply: string, options?: ConnectionPool.Options, ...steps: ReadonlyArray<T.Step>) =>
  watchedPool([answering("/", reply, ...steps), serving("/2")], { connectionsPerOrigin: 1, ...options })

/** Runs a test with the warnings that it logs. */
const logging = <A, E>(
  test: (logs: ReadonlyArray<string>) => Effect.Effect<A, E, Scope.Scope>
): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const logs: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void logs.push(`${logLevel.label} ${String(message)}`))
    return contained(Effect.provide(test(logs), Logger.replace(Logger.defaultLogger, logger)))
  })

describe("a response that nobody has begun to read, while another request waits", () => {
  it.effect("gives its connection up after 100 ms, counted and told", () =>
    contained(Effect.gen(function*() {
      const kit = yield* crowded(begun)
      const response = yield* kit.pool.execute(get())
      yield* TestClock.adjust(40)
      const waiting = yield* started(textOf(kit.pool, get("/2")))
      yield* TestClock.adjust(59)
      yield* settled
      assert.isFalse(hasEnded(waiting))
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(waiting), "/2")
      assert.strictEqual((yield* kit.pool.stats).reclaimed, 1)
      assert.deepStrictEqual(eventsOf(kit.events, "Reclaim"), [{
        _tag: "Reclaim",
        connection: response.connection.id,
        origin: "http://a.test:80",
        method: "GET",
        millis: 100,
        why: "Room"
      }])
      assert.deepStrictEqual(reasons(kit.events), ["Unread"])
    })))

  it.effect("keeps it where its place is of no use to that request, and is not looked at again until something has changed", () =>
    contained(Effect.gen(function*() {
      const { reclaim } = PoolState.prototype
      const looks = vi.spyOn(PoolState.prototype, "reclaim").mockImplementation(
        function(this: PoolState<unknown, never, never>, ...asked) {
          // Else nothing else would ever run.
          if (looks.mock.calls.length > 9) throw new Error("It does not end")
          return reclaim.apply(this, asked)
        }
      )
      yield* Effect.addFinalizer(() => Effect.sync(() => looks.mockRestore()))
      const host = T.connection(T.discardUntil("\r\n\r\n"), T.reply(begun), T.stall)
      const kit = yield* watchedPool([host, host], { connectionsPerOrigin: 1 })
      yield* kit.pool.execute(HttpRequest.get("http://b.test/"))
      const reading = yield* Effect.flatMap(kit.pool.execute(get()), (response) => started(response.text))
      const waiting = yield* started(textOf(kit.pool, get("/2")))
      yield* TestClock.adjust(100)
      yield* settled
      assert.strictEqual(looks.mock.calls.length, 1)
      yield* Fiber.interruptAll([reading, waiting])
      assert.isEmpty(eventsOf(kit.events, "Reclaim"))
    })))

  it.effect("gives it up for a request to another origin, where the total is the limit", () =>
    contained(Effect.gen(function*() {
      const host = (reply: string) => T.connection(T.discardUntil("\r\n\r\n"), T.reply(reply), T.stall)
      const kit = yield* watchedPool([host(begun), host(ok("b"))], { connections: 1 })
      yield* kit.pool.execute(get())
      const waiting = yield* started(textOf(kit.pool, HttpRequest.get("http://b.test/")))
      yield* TestClock.adjust(100)
      assert.strictEqual(yield* Fiber.join(waiting), "b")
      assert.deepStrictEqual(eventsOf(kit.events, "Reclaim").map(({ origin }) => origin), ["http://a.test:80"])
    })))

  it.effect("says to whoever reads it later what happened and what to do, behind what had come", () =>
    contained(Effect.gen(function*() {
      const kit = yield* crowded(begun)
      const response = yield* kit.pool.execute(get())
      const waiting = yield* started(textOf(kit.pool, get("/2")))
      yield* TestClock.adjust(100)
      yield* Fiber.join(waiting)
      assert.strictEqual(latin1(yield* response.read1()), "abc")
      const readings: ReadonlyArray<Effect.Effect<unknown, HttpError>> = [
        response.read1(),
        response.text,
        response.trailers
      ]
      for (const read of readings) {
        const error = yield* failsWith(read, "ConnectionClosed")
        for (
          const said of ["another request waited", "`unreadGrace` is 100 ms", "`close` it", "`connectionsPerOrigin`"]
        ) {
          assert.include(error.message, said)
        }
        assert.deepInclude(error.context, { requestState: "ResponseStarted", processed: "Yes" })
      }
    })))

  it.effect("is the oldest one, and no more of them than requests wait", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool(
        [answering("/a", begun), answering("/b", begun), answering("/c", begun), serving("/2"), serving("/3")],
        { connectionsPerOrigin: 3 }
      )
      const ids: Array<number> = []
      for (const path of ["/a", "/b", "/c"]) {
        ids.push((yield* kit.pool.execute(get(path))).connection.id)
        yield* TestClock.adjust(10)
      }
      yield* TestClock.adjust("1 second")
      const waiting = yield* started(Effect.all([textOf(kit.pool, get("/2")), textOf(kit.pool, get("/3"))], {
        concurrency: 2
      }))
      yield* TestClock.adjust(0)
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(eventsOf(kit.events, "Reclaim").map(({ connection }) => connection), ids.slice(0, 2))
      yield* holds(kit.pool, { busy: 1, idle: 2 })
    })))

  for (
    const [name, options, millis] of [
      ["50 ms where that is its grace", { unreadGrace: 50 }, 50],
      ["the look at the event loop where it has none", { unreadGrace: 0 }, 0]
    ] as const
  ) {
    it.effect(`gives it up after ${name}`, () =>
      contained(Effect.gen(function*() {
        const kit = yield* crowded(begun, options)
        yield* kit.pool.execute(get())
        const waiting = yield* started(textOf(kit.pool, get("/2")))
        yield* TestClock.adjust(millis)
        assert.strictEqual(yield* Fiber.join(waiting), "/2")
      })))
  }

  for (
    const [name, reply] of [
      ["the page of an error that is longer than drainBytes", `${lengthHead(70_000, "500 No")}abc`],
      ["the page of a refusal that is", `${lengthHead(70_000, "429 No")}abc`]
    ] as const
  ) {
    it.effect(`gives it up at once where it is ${name}`, () =>
      logging((logs) =>
        Effect.gen(function*() {
          const kit = yield* crowded(reply)
          yield* kit.pool.execute(get())
          const waiting = yield* started(textOf(kit.pool, get("/2")))
          yield* TestClock.adjust(0)
          assert.strictEqual(yield* Fiber.join(waiting), "/2")
          assert.deepStrictEqual(logs, [])
        })
      ))
  }

  it.effect("has its grace where it is the page of an error that is short, or whose length nobody knows", () =>
    contained(Effect.gen(function*() {
      const head = "HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n"
      for (const reply of [`${lengthHead(9, "500 No")}abc`, head]) {
        const kit = yield* crowded(reply)
        yield* kit.pool.execute(get())
        const waiting = yield* started(textOf(kit.pool, get("/2")))
        yield* TestClock.adjust(99)
        yield* settled
        assert.isFalse(hasEnded(waiting))
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* Fiber.join(waiting), "/2")
      }
    })))
})

type Reading = (response: HttpResponse) => Effect.Effect<unknown, unknown>

describe("a response keeps its connection, though another request waits,", () => {
  const readings: ReadonlyArray<readonly [name: string, read: Reading]> = [
    ["text", (response) => response.text],
    ["a stream", (response) => Stream.runForEach(response.stream, () => Effect.sleep("1 second"))],
    ["read1", (response) => response.read1()],
    ["peek", (response) => response.peek()],
    ["read", (response) => response.read(2)],
    ["trailers", (response) => response.trailers]
  ]
  for (const [name, read] of readings) {
    it.effect(`once somebody has begun to read it: ${name}`, () =>
      contained(Effect.gen(function*() {
        const kit = yield* crowded(begun)
        const response = yield* kit.pool.execute(get())
        const waiting = yield* started(textOf(kit.pool, get("/2")))
        yield* TestClock.adjust(99)
        yield* started(read(response))
        yield* TestClock.adjust(5000)
        yield* settled
        assert.isFalse(hasEnded(waiting))
        assert.strictEqual((yield* kit.pool.stats).reclaimed, 0)
      })))
  }

  it.effect("while it is being dropped: its place comes free by itself", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool([
        T.connection(
          T.expect(getHead()),
          T.reply(begun),
          T.delay(500),
          T.reply("defghi"),
          T.expect(getHead("/2")),
          T.reply(ok("/2"))
        )
      ], { connectionsPerOrigin: 1 })
      const response = yield* kit.pool.execute(get())
      const waiting = yield* started(textOf(kit.pool, get("/2")))
      yield* response.close
      yield* TestClock.adjust(500)
      assert.strictEqual(yield* Fiber.join(waiting), "/2")
      assert.deepStrictEqual(reasons(kit.events), [])
    })))

  it.effect("where unreadGrace is infinite", () =>
    contained(Effect.gen(function*() {
      const kit = yield* crowded(begun, { unreadGrace: Infinity })
      yield* kit.pool.execute(get())
      const waiting = yield* started(textOf(kit.pool, get("/2")))
      yield* TestClock.adjust(9999)
      yield* settled
      assert.isFalse(hasEnded(waiting))
    })))

  it.effect("where nobody waits, or whoever waited has gone", () =>
    contained(Effect.gen(function*() {
      const kit = yield* crowded(begun)
      yield* kit.pool.execute(get())
      const waiting = yield* started(textOf(kit.pool, get("/2")))
      yield* TestClock.adjust(50)
      yield* Fiber.interrupt(waiting)
      yield* TestClock.adjust(5000)
      yield* holds(kit.pool, { busy: 1 })
      assert.strictEqual((yield* kit.pool.stats).reclaimed, 0)
    })))

  it.effect("where it is a lease's: its holder has it", () =>
    contained(Effect.gen(function*() {
      const kit = yield* crowded(begun)
      const connection = yield* kit.pool.lease(Either.getOrThrow(Origin.make({ scheme: "http", host: "a.test" })))
      yield* connection.execute(HttpRequest.get("/"))
      const waiting = yield* started(textOf(kit.pool, get("/2")))
      yield* TestClock.adjust(5000)
      yield* settled
      assert.isFalse(hasEnded(waiting))
    })))
})

describe("the log", () => {
  /** Leaves a response unread, and asks for another one. */
  const leave = (kit: PoolKit, path: string) =>
    Effect.gen(function*() {
      const waiting = yield* started(kit.pool.execute(get(path)))
      yield* TestClock.adjust(100)
      yield* Fiber.join(waiting)
    })

  it.effect("has one line a minute about an origin, which says of how many more it is silent", () =>
    logging((logs) =>
      Effect.gen(function*() {
        const paths = ["/1?secret", "/2", "/3", "/4", "/5"]
        const kit = yield* poolOver(paths.map((path) => answering(path, begun)), { connectionsPerOrigin: 1 })
        for (const path of paths.slice(0, 4)) yield* leave(kit, path)
        assert.strictEqual(logs.length, 1)
        assert.include(
          logs[0],
          "WARN The response to GET http://a.test/1 was left unread for 100 ms, and another request waited"
        )
        yield* TestClock.adjust("1 minute")
        yield* leave(kit, "/5")
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(logs.length, 2)
        assert.include(logs[1], "the origin had 3 more of these since the last such line")
      })
    ))

  it.effect("has a line for each origin, and forgets those of which it said nothing for long", () =>
    logging((logs) =>
      Effect.gen(function*() {
        const any = T.connection(T.discardUntil("\r\n\r\n"), T.reply(begun), T.stall)
        const kit = yield* poolOver([any, any, any], { unreadTime: "1 second" })
        for (const host of ["a", "b"]) yield* kit.pool.execute(HttpRequest.get(`http://${host}.test/`))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(logs.length, 2)
        yield* TestClock.adjust("2 minutes")
        yield* kit.pool.execute(HttpRequest.get("http://c.test/"))
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(logs.map((line) => /http:\/\/(\w)/.exec(line)?.[1]), ["a", "b", "c"])
        assert.notInclude(logs[2], "more of these")
        yield* holdsNothing(kit)
      })
    ))
})
