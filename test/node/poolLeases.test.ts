/**
 * Leases of a pool over real sockets: however they end, the connection is released or closed, and
 * nothing is left.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpConnection } from "../../src/HttpConnection.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import { leavesNothing, turn } from "../fixtures/sockets.ts"
import {
  answers,
  contained,
  failsWith,
  holds,
  hours,
  interrupted,
  originOf,
  type Running,
  type Stage,
  stage,
  textOf,
  until,
  watched
} from "./poolKit.ts"

const part = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"

describe("a lease", () => {
  const idleLease = (
    use: (kit: {
      readonly pool: ConnectionPool.ConnectionPool
      readonly server: Stage
      readonly lease: Running
      readonly go: Effect.Effect<unknown>
    }) => Effect.Effect<void, unknown>
  ) =>
    contained(Effect.gen(function*() {
      const server = yield* stage((socket) => {
        socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
      })
      const scope = yield* Scope.make()
      const pool = yield* Scope.extend(
        ConnectionPool.make({ connections: 1, shutdownGrace: 0, timeouts: hours }),
        scope
      )
      const [reached, going] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const once = (connection: HttpConnection) =>
        Effect.flatMap(connection.execute(HttpRequest.get("/")), ({ text }) => text)
      const lease = yield* Effect.fork(Effect.scoped(Effect.gen(function*() {
        const connection = yield* pool.lease(originOf(server.url))
        yield* once(connection)
        yield* Deferred.succeed(reached, undefined)
        yield* Deferred.await(going)
        return yield* once(connection)
      })))
      yield* Deferred.await(reached)
      yield* holds(pool, { busy: 1 })
      yield* use({ pool, server, lease, go: Deferred.succeed(going, undefined) })
      yield* Scope.close(scope, Exit.void)
      yield* holds(pool, {})
      yield* server.closed
    }))

  it.live("that is idle and interrupted gives its connection back, and the next request goes on it", () =>
    idleLease(({ lease, pool, server }) =>
      Effect.gen(function*() {
        yield* interrupted(lease)
        yield* holds(pool, { idle: 1 })
        yield* textOf(pool, HttpRequest.get(server.url))
        assert.strictEqual(server.connections.all.length, 1)
      })
    ))

  it.live("that is idle when the pool is shut down finds its connection closed", () =>
    idleLease(({ go, lease, pool, server }) =>
      Effect.gen(function*() {
        yield* pool.shutdown({ grace: 1 })
        yield* server.closed
        yield* holds(pool, {})
        yield* go
        yield* failsWith(lease, "ConnectionClosed")
      })
    ))

  const unfinished: ReadonlyArray<
    readonly [name: string, leave: (connection: HttpConnection) => Effect.Effect<unknown, HttpError>]
  > = [
    ["with a response that was not read", (connection) => connection.execute(HttpRequest.get("/"))],
    [
      "with a response that was read in part",
      (connection) => Effect.flatMap(connection.execute(HttpRequest.get("/")), (response) => response.read(2))
    ],
    [
      "with a response that another fiber reads",
      (connection) =>
        Effect.flatMap(
          connection.execute(HttpRequest.get("/")),
          ({ bytes }) => Effect.zipRight(Effect.forkDaemon(Effect.ignore(bytes)), turn)
        )
    ],
    ["with a request that was not answered yet", (connection) => connection.request("GET", "/")],
    ["with a request that was not sent whole", (connection) =>
      Effect.zipRight(
        Effect.zipRight(connection.putRequest("PUT", "/"), connection.putHeader("Content-Length", "10")),
        Effect.zipRight(connection.endHeaders(), connection.send(Buffer.from("abc")))
      )],
    [
      "with a body that still goes up",
      (connection) => connection.execute(HttpRequest.put("/", { body: HttpBody.stream(Stream.never) }))
    ]
  ]
  for (const [name, leave] of unfinished) {
    it.live(`that ends ${name} has its connection closed`, () =>
      contained(Effect.gen(function*() {
        const server = yield* stage(answers(part))
        const { onEvent, reasons } = watched()
        const pool = yield* ConnectionPool.make({ connections: 1, shutdownGrace: 0, timeouts: hours, onEvent })
        yield* leavesNothing(Effect.gen(function*() {
          yield* Effect.scoped(Effect.flatMap(pool.lease(originOf(server.url)), leave))
          yield* holds(pool, {})
          yield* server.closed
        }))
        assert.deepStrictEqual(reasons(), ["Closed"])
        yield* server.work
        yield* textOf(pool, HttpRequest.get(server.url, { timeouts: { pool: 0 } }))
      })))
  }

  it.live("that ends with a request that was begun and nothing of it sent gives its connection back", () =>
    contained(Effect.gen(function*() {
      const server = yield* stage(() => {})
      yield* server.work
      const pool = yield* ConnectionPool.make({ connections: 1, shutdownGrace: 0 })
      yield* Effect.scoped(
        Effect.flatMap(
          pool.lease(originOf(server.url)),
          (connection) => Effect.zipRight(connection.putRequest("GET", "/begun"), connection.putHeader("X-Begun", "1"))
        )
      )
      const { busy, idle } = yield* pool.stats
      assert.strictEqual(busy, 0)
      assert.strictEqual(yield* textOf(pool, HttpRequest.get(server.url)), "it works")
      assert.strictEqual((yield* pool.stats).opened, 2 - idle)
    })))

  it.live("that ends is what a shutdown waits for", () =>
    idleLease(({ go, lease, pool, server }) =>
      Effect.gen(function*() {
        const shutdown = yield* Effect.fork(pool.shutdown({ grace: "1 hour" }))
        yield* Effect.repeatN(turn, 20)
        assert.isNull(shutdown.unsafePoll())
        yield* go
        assert.strictEqual(yield* Fiber.join(lease), "ok")
        yield* Fiber.join(shutdown)
        yield* server.closed
      })
    ))

  it.live("whose server closes finds its connection closed, and its place is free", () =>
    idleLease(({ go, lease, pool, server }) =>
      Effect.gen(function*() {
        const socket = yield* server.connections.next
        socket.end()
        yield* until(pool, ({ busy }) => busy === 0)
        yield* holds(pool, {})
        yield* go
        yield* failsWith(lease, "ConnectionClosed")
        yield* server.work
        yield* textOf(pool, HttpRequest.get(server.url))
        yield* holds(pool, { idle: 1 })
      })
    ))
})
