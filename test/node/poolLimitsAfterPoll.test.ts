/**
 * Time limits of a pool and a busy event loop: what has arrived when the timer runs, though it was not read yet, wins over the limit.
 * See `limitsAfterPoll.test.ts`.
 */
import { afterAll, assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as net from "node:net"
import type * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpTimeouts } from "../../src/HttpTimeouts.ts"
import { busyServer, endBusyServers, settled, soon, type Step, unanswered } from "../fixtures/busyServer.ts"
import { turn } from "../fixtures/sockets.ts"
import { asked, expires, host, limit, live, makePool, sends, textOf } from "../fixtures/ways.ts"
import { until, watched } from "./poolKit.ts"

afterAll(endBusyServers)

describe("what a pool waits for has come while the loop was busy", () => {
  const part = [asked, sends("in time", "in ")] as const
  const rest = ["waits", { sends: "time" }, "reports"] as const

  /** A pool in clear, and its server. */
  const pooled = (plan: ReadonlyArray<Step>, options: ConnectionPool.Options = {}) =>
    Effect.gen(function*() {
      const server = yield* busyServer(plan)
      const { all, closed, onEvent, reasons } = watched()
      const made = yield* makePool({ route: "in clear", port: server.port, onEvent }, options)
      const block = Effect.sync(() => server.answered(limit))
      return { ...made, all, block, closed, reasons }
    })

  const silence = Effect.sync(() => unanswered(limit))
  const fewTurns = Effect.repeatN(turn, 5)

  for (const what of ["a request", "a lease"] as const) {
    /** A pool whose one connection is busy, and a second one that waits for it since this iteration of the loop. */
    const queued = (plan: ReadonlyArray<Step>, timeouts: Partial<HttpTimeouts> = { pool: limit }) =>
      Effect.gen(function*() {
        const all = yield* pooled(plan, { timeouts })
        const { ask, origin, pool } = all
        const first = yield* Effect.fork(textOf(ask({ total: Infinity })))
        yield* until(pool, ({ busy }) => busy === 1)
        yield* turn
        const second = yield* Effect.fork(
          what === "a request"
            ? textOf(ask())
            : Effect.flatMap(pool.lease(origin), (held) => textOf(held.execute(HttpRequest.get("/"))))
        )
        yield* settled
        assert.strictEqual((yield* pool.stats).waiting, 1)
        return { ...all, first, second }
      })

    live(`pool, ${what}: a connection that comes free wins over the limit`, () =>
      Effect.gen(function*() {
        const plan = [asked, "waits", sends("first"), "reports", asked, sends("in time")] as const
        const { block, first, second } = yield* queued(plan)
        yield* block
        assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(second)], ["first", "in time"])
      }))

    live(`pool, ${what}: if no connection comes free the limit expires`, () =>
      Effect.gen(function*() {
        const { second } = yield* queued([asked])
        yield* silence
        yield* expires("pool", Fiber.join(second))
      }))

    live(
      `total, ${what} that waits for a connection: if none comes free the limit expires`,
      () =>
        Effect.gen(function*() {
          const { second } = yield* queued([asked], { total: limit })
          yield* silence
          yield* expires("total", Fiber.join(second))
        })
    )
  }

  live(
    "drainTime: the rest of a response that was closed wins, and its connection is used again",
    () =>
      Effect.gen(function*() {
        const { ask, block, pool } = yield* pooled([...part, ...rest, asked, sends("again")], { drainTime: limit })
        yield* Effect.flatMap(ask(), ({ close }) => close)
        yield* block
        assert.strictEqual(yield* textOf(ask()), "again")
        assert.strictEqual((yield* pool.stats).opened, 1)
      })
  )

  live("drainTime: if the rest does not come the connection is closed", () =>
    Effect.gen(function*() {
      const { ask, closed, reasons } = yield* pooled(part, { drainTime: limit })
      yield* Effect.flatMap(ask(), ({ close }) => close)
      yield* silence
      yield* closed(1)
      assert.deepStrictEqual(reasons(), ["Undrained"])
    }))

  live("unreadTime: a response that is whole by then can still be read", () =>
    Effect.gen(function*() {
      const { ask, block, reasons } = yield* pooled([...part, ...rest], { unreadTime: limit })
      const response = yield* ask()
      yield* block
      yield* fewTurns
      assert.strictEqual(yield* response.text, "in time")
      assert.deepStrictEqual(reasons(), [])
    }))

  live("unreadTime: if the rest does not come the connection is closed", () =>
    Effect.gen(function*() {
      const { ask, closed, reasons } = yield* pooled(part, { unreadTime: limit })
      yield* ask()
      yield* silence
      yield* closed(1)
      assert.deepStrictEqual(reasons(), ["Unread"])
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger))))

  /** A response that is whole before its request is, whose last piece another server has. */
  const early = (plan: ReadonlyArray<Step>) =>
    Effect.gen(function*() {
      const other = yield* busyServer(plan)
      const all = yield* pooled([asked, sends("early")], { unreadTime: limit })
      const pieces = Stream.async<Uint8Array>((emit) => {
        const socket = net.connect(other.port, host)
        socket.once("data", (bytes: Buffer) => {
          void emit.single(bytes)
          void emit.end()
        })
        return Effect.sync(() => socket.destroy())
      })
      const first = Stream.make(new Uint8Array(1))
      yield* all.pool.execute(HttpRequest.post(all.url, { body: HttpBody.stream(Stream.concat(first, pieces)) }))
      return { ...all, other }
    })

  live("unreadTime: a request that is whole by then lets its connection be used again", () =>
    Effect.gen(function*() {
      const { other, pool, reasons } = yield* early(["waits", { sends: "last" }, "reports"])
      yield* Effect.sync(() => other.answered(limit))
      yield* until(pool, ({ busy }) => busy === 0)
      assert.strictEqual((yield* pool.stats).idle, 1)
      assert.deepStrictEqual(reasons(), [])
    }))

  live(
    "unreadTime: if the next piece of the request does not come its connection is closed",
    () =>
      Effect.gen(function*() {
        const { closed, reasons } = yield* early([])
        yield* silence
        yield* closed(1)
        assert.deepStrictEqual(reasons(), ["NotPersistent"])
      })
  )

  live("idleTime: a server that has closed the connection is told as the reason", () =>
    Effect.gen(function*() {
      const plan = [asked, sends("first"), "waits", "finishes", "reports"] as const
      const { ask, block, closed, reasons } = yield* pooled(plan, { idleTime: limit })
      yield* textOf(ask())
      yield* block
      yield* closed(1)
      assert.deepStrictEqual(reasons(), ["Peer"])
    }))

  live("idleTime: a connection that stays idle is closed", () =>
    Effect.gen(function*() {
      const { ask, closed, reasons } = yield* pooled([asked, sends("first")], { idleTime: limit })
      yield* textOf(ask())
      yield* silence
      yield* closed(1)
      assert.deepStrictEqual(reasons(), ["IdleTime"])
    }))

  /** A request that is under way while the pool is shut down, and the end of both. */
  const shutDown = (plan: ReadonlyArray<Step>, blocking: (block: () => void) => void) =>
    Effect.gen(function*() {
      const { ask, block, pool, reasons } = yield* pooled(plan)
      const asking = yield* Effect.fork(Effect.either(textOf(ask())))
      yield* until(pool, ({ busy }) => busy === 1)
      yield* turn
      blocking(() => Effect.runSync(block))
      yield* pool.shutdown({ grace: limit })
      return { result: yield* Fiber.join(asking), reasons: reasons() }
    })

  live("shutdown: an answer to a request that was under way wins over the grace", () =>
    Effect.gen(function*() {
      const { result } = yield* shutDown([asked, "waits", sends("in time"), "reports"], (block) => soon(block))
      assert.deepInclude(result, { _tag: "Right", right: "in time" })
    }))

  live("shutdown: without an answer the request fails at the end of the grace", () =>
    Effect.gen(function*() {
      const { reasons, result } = yield* shutDown([asked], () => soon(() => unanswered(limit)))
      assert.strictEqual(result._tag, "Left")
      assert.deepStrictEqual(reasons, ["Shutdown"])
    }))
})
