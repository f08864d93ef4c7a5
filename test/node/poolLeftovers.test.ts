/**
 * The parts of a request over real sockets that outlive it: the rest of a discarded response, an
 * unread response, an opening that another request has taken over, a body whose response is
 * complete. They end too, and leave nothing. Also requests that are interrupted in any event-loop
 * iteration.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as http from "node:http"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { certificates } from "../fixtures/certificates.ts"
import { leavesNothing, serve, socketCount, turn, turnUntil, unanswering } from "../fixtures/sockets.ts"
import { secureWebServer, sendPieces, webServer } from "../fixtures/web.ts"
import {
  answers,
  contained,
  descriptors,
  holds,
  hours,
  proxyAt,
  proxyServer,
  type Stage,
  stage,
  textOf,
  until,
  watched
} from "./poolKit.ts"

/** Warnings are expected. */
const quietly = Effect.provide(Logger.remove(Logger.defaultLogger))

const part = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"

describe("what no request waits for any longer ends too", () => {
  const draining = (options: ConnectionPool.Options) =>
    Effect.gen(function*() {
      const server = yield* stage(answers(part))
      const { all, onEvent, reasons } = watched()
      const pool = yield* ConnectionPool.make({ connections: 1, shutdownGrace: 0, onEvent, ...options })
      yield* Effect.flatMap(pool.execute(HttpRequest.get(server.url)), ({ close }) => close)
      yield* holds(pool, { busy: 1 })
      return { pool, server, all, reasons }
    })

  it.live("the rest of a response that was let go: it comes, and the connection is used again", () =>
    contained(Effect.gen(function*() {
      const { pool, server } = yield* draining({ drainTime: "1 hour" })
      const socket = yield* server.connections.next
      socket.write("67890")
      yield* until(pool, ({ idle }) => idle === 1)
      yield* holds(pool, { idle: 1 })
      socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
      assert.strictEqual(yield* textOf(pool, HttpRequest.get(server.url)), "ok")
      assert.strictEqual(server.connections.all.length, 1)
    })))

  it.live("the rest of a response that was let go: it does not come in time", () =>
    contained(Effect.gen(function*() {
      const { pool, reasons, server } = yield* draining({ drainTime: 1 })
      yield* server.closed
      yield* holds(pool, {})
      assert.deepStrictEqual(reasons(), ["Undrained"])
    })))

  for (
    const [name, end, reason] of [
      ["the pool is shut down at once", (pool) => pool.shutdown({ grace: 0 }), "Shutdown"],
      ["the pool is shut down and the time is over", (pool) => pool.shutdown({ grace: 1 }), "Shutdown"],
      [
        "another origin needs the place, and gets it after the time",
        (pool, url) => textOf(pool, HttpRequest.get(url)),
        "Undrained"
      ]
    ] satisfies ReadonlyArray<
      [string, (pool: ConnectionPool.ConnectionPool, url: string) => Effect.Effect<unknown, HttpError>, string]
    >
  ) {
    it.live(`the rest of a response that was let go: ${name}`, () =>
      contained(Effect.gen(function*() {
        const other = yield* stage(() => {})
        yield* other.work
        const { pool, reasons, server } = yield* draining({ drainTime: reason === "Undrained" ? 1 : "1 hour" })
        yield* end(pool, other.url)
        yield* server.closed
        assert.deepStrictEqual(reasons(), [reason])
        yield* pool.closeIdle
        yield* holds(pool, {})
      })))
  }

  it.live("the rest of a response that was let go: it is chunked, and longer than is read", () =>
    contained(Effect.gen(function*() {
      let sent = 0
      const server = yield* webServer((_request, response) =>
        sendPieces(50_000_000, response, (bytes) => {
          sent += bytes
        })
      )
      const { onEvent, reasons } = watched()
      const pool = yield* ConnectionPool.make({ connections: 1, shutdownGrace: 0, drainTime: "1 hour", onEvent })
      yield* Effect.flatMap(pool.execute(HttpRequest.get(`http://127.0.0.1:${server.port}/`)), ({ close }) => close)
      yield* until(pool, ({ busy }) => busy === 0)
      yield* holds(pool, {})
      assert.deepStrictEqual(reasons(), ["Undrained"])
      assert.isBelow(sent, 50_000_000)
    })))

  it.live("a response that its reader, who was interrupted, left unread", () =>
    quietly(contained(Effect.gen(function*() {
      const server = yield* stage(answers(part))
      const pool = yield* ConnectionPool.make({ connections: 1, unreadTime: 1, shutdownGrace: 0 })
      const reached = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(Effect.flatMap(
        pool.execute(HttpRequest.get(server.url)),
        () => Effect.zipRight(Deferred.succeed(reached, undefined), Effect.never)
      ))
      yield* Deferred.await(reached)
      yield* Fiber.interrupt(fiber)
      yield* server.closed
      yield* holds(pool, {})
      assert.strictEqual((yield* pool.stats).reclaimed, 1)
      yield* server.work
      yield* textOf(pool, HttpRequest.get(server.url))
    }))))

  it.live("an opening that was taken over from a request that was interrupted, by one that is interrupted too", () =>
    contained(Effect.gen(function*() {
      const port = yield* unanswering
      const pool = yield* ConnectionPool.make({ connections: 1, shutdownGrace: 0, timeouts: hours })
      const request = pool.execute(HttpRequest.get(`http://127.0.0.1:${port}/`))
      yield* leavesNothing(Effect.gen(function*() {
        const first = yield* Effect.fork(request)
        yield* until(pool, ({ connecting }) => connecting === 1)
        const second = yield* Effect.fork(request)
        yield* until(pool, ({ waiting }) => waiting === 2)
        const sockets = socketCount()
        yield* Fiber.interrupt(first)
        yield* holds(pool, { connecting: 1, waiting: 1 })
        yield* Effect.repeatN(turn, 50)
        assert.strictEqual(socketCount(), sockets)
        yield* Fiber.interrupt(second)
        yield* holds(pool, {})
      }))
    })))

  it.live("an opening that nobody wants any longer, which the interruption of its request waits for", () =>
    contained(Effect.gen(function*() {
      const port = yield* unanswering
      const gate = yield* Deferred.make<void>()
      const transport: Transport.Service = {
        ...NodeTransport.transport,
        open: (endpoint, timeouts) =>
          Effect.zipRight(
            Effect.addFinalizer(() => Deferred.await(gate)),
            NodeTransport.transport.open(endpoint, timeouts)
          )
      }
      const pool = yield* Effect.provideService(
        ConnectionPool.make({ shutdownGrace: 0 }),
        Transport.Transport,
        transport
      )
      const fiber = yield* Effect.fork(pool.execute(HttpRequest.get(`http://127.0.0.1:${port}/`)))
      yield* until(pool, ({ connecting }) => connecting === 1)
      yield* Effect.repeatN(turn, 5)
      const interruption = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* Effect.repeatN(turn, 20)
      // Its place is free already.
      yield* holds(pool, {})
      assert.isNull(interruption.unsafePoll())
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(interruption)
    })))

  it.live("a thousand that wait, all interrupted at once", () =>
    contained(Effect.gen(function*() {
      const server = yield* stage(() => {})
      const pool = yield* ConnectionPool.make({ connections: 1, shutdownGrace: 0, timeouts: hours })
      yield* leavesNothing(Effect.gen(function*() {
        const request = pool.execute(HttpRequest.get(server.url))
        const fiber = yield* Effect.fork(Effect.all(Array.from({ length: 1001 }, () => request), {
          concurrency: "unbounded",
          discard: true
        }))
        yield* until(pool, ({ waiting }) => waiting === 1000)
        yield* server.received("\r\n\r\n")
        yield* Fiber.interrupt(fiber)
        yield* holds(pool, {})
        yield* server.closed
      }))
      assert.strictEqual((yield* pool.stats).opened, 1)
    })))

  it.live("a shutdown that is interrupted: what is under way goes on, and nothing new is taken", () =>
    contained(Effect.gen(function*() {
      const server = yield* stage(() => {})
      const pool = yield* ConnectionPool.make({ shutdownGrace: 0 })
      const fiber = yield* Effect.fork(textOf(pool, HttpRequest.get(server.url)))
      yield* server.received("\r\n\r\n")
      yield* leavesNothing(Effect.gen(function*() {
        const shutdown = yield* Effect.fork(pool.shutdown({ grace: "1 hour" }))
        yield* Effect.repeatN(turn, 20)
        yield* Fiber.interrupt(shutdown)
      }))
      assert.strictEqual((yield* Effect.flip(pool.execute(HttpRequest.get(server.url))))._tag, "PoolClosed")
      const socket = yield* server.connections.next
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
      assert.strictEqual(yield* Fiber.join(fiber), "ok")
      yield* server.closed
      yield* holds(pool, {})
    })))
})

describe("a shutdown", () => {
  it.live("waits for a request that is sent once more meanwhile, though the pool is empty in between", () =>
    contained(Effect.gen(function*() {
      const server = yield* stage(answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
      const pool = yield* ConnectionPool.make({ shutdownGrace: 0 })
      yield* textOf(pool, HttpRequest.get(server.url))
      const fiber = yield* Effect.fork(pool.execute(HttpRequest.get(`${server.url}again`)))
      yield* server.received("/again")
      const shutdown = yield* Effect.fork(pool.shutdown({ grace: "1 hour" }))
      yield* Effect.repeatN(turn, 5)
      const socket = yield* server.connections.next
      socket.destroy()
      const response = yield* Fiber.join(fiber)
      assert.deepStrictEqual([response.resends, yield* response.text], [1, "ok"])
      yield* Fiber.join(shutdown)
      yield* holds(pool, {})
      yield* server.closed
    })))
})

describe("a body that still goes up when its response is whole", () => {
  /** A server that answers as soon as something comes, and reads on. */
  const early = (
    use: (kit: {
      readonly pool: ConnectionPool.ConnectionPool
      readonly server: Stage
      readonly endPool: Effect.Effect<void>
      readonly endBody: Effect.Effect<unknown>
      readonly ended: () => number
    }) => Effect.Effect<void, unknown>
  ) =>
    contained(Effect.gen(function*() {
      const server = yield* stage(answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
      const scope = yield* Scope.make()
      const pool = yield* Scope.extend(
        ConnectionPool.make({ connections: 1, shutdownGrace: 0, timeouts: hours }),
        scope
      )
      const last = yield* Deferred.make<void>()
      let ended = 0
      const stream = Stream.concat(
        Stream.make<[Uint8Array]>(Buffer.from("first")),
        Stream.drain(Stream.fromEffect(Deferred.await(last)))
      )
      const body = HttpBody.stream(Stream.ensuring(stream, Effect.sync(() => void ended++)))
      assert.strictEqual(yield* textOf(pool, HttpRequest.put(server.url, { body })), "ok")
      yield* holds(pool, { busy: 1 })
      assert.strictEqual(ended, 0)
      yield* use({
        pool,
        server,
        endPool: Scope.close(scope, Exit.void),
        endBody: Deferred.succeed(last, undefined),
        ended: () => ended
      })
      assert.strictEqual(ended, 1)
      yield* holds(pool, {})
      yield* server.closed
    }))

  it.live("holds its connection until it has ended, which is used again then", () =>
    early(({ endBody, endPool, pool, server }) =>
      Effect.gen(function*() {
        yield* endBody
        yield* until(pool, ({ idle }) => idle === 1)
        const socket = yield* server.connections.next
        // The end of the body may come first, and has had its answer.
        socket.on("data", (bytes: Buffer) => {
          if (bytes.includes("GET ")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        })
        yield* textOf(pool, HttpRequest.get(server.url))
        assert.strictEqual(server.connections.all.length, 1)
        yield* endPool
      })
    ))

  it.live("ends when the server closes", () =>
    early(({ ended, pool, server }) =>
      Effect.gen(function*() {
        const socket = yield* server.connections.next
        socket.end()
        yield* until(pool, ({ busy }) => busy === 0)
        yield* turnUntil(() => ended() === 1)
      })
    ))

  it.live("ends with the scope of the pool, which waits for its finalizers", () => early(({ endPool }) => endPool))

  it.live("ends when the time of a shutdown is over, which waits for its finalizers", () =>
    early(({ pool }) => pool.shutdown({ grace: 1 })))

  it.live("is what a shutdown waits for", () =>
    early(({ endBody, pool }) =>
      Effect.gen(function*() {
        const shutdown = yield* Effect.fork(pool.shutdown({ grace: "1 hour" }))
        yield* Effect.repeatN(turn, 20)
        assert.isNull(shutdown.unsafePoll())
        yield* endBody
        yield* Fiber.join(shutdown)
      })
    ))
})

describe("a request that is interrupted after any number of turns of the event loop leaves nothing", () => {
  const runs: ReadonlyArray<readonly [name: string, secure: boolean, proxied: boolean]> = [
    ["in clear", false, false],
    ["over TLS", true, false],
    ["over TLS in a tunnel", true, true]
  ]
  for (const [name, secure, proxied] of runs) {
    it.live(name, () =>
      contained(Effect.gen(function*() {
        const { ca, server: identity } = yield* Effect.promise(certificates)
        const slowly: http.RequestListener = (request, response) => {
          response.write("first")
          request.resume().on("end", () => setImmediate(() => setImmediate(() => response.end("second"))))
        }
        const server = secure ? yield* secureWebServer(identity, slowly) : yield* webServer(slowly)
        const through = yield* serve(proxyServer().server, "connection", { host: "127.0.0.1", port: 0 })
        const pool = yield* ConnectionPool.make({
          connections: 1,
          timeouts: hours,
          shutdownGrace: 0,
          ...(secure ? { tls: { ca } } : undefined),
          ...(proxied ? { proxy: proxyAt(through.port) } : undefined)
        })
        const url = `${secure ? "https" : "http"}://127.0.0.1:${server.port}/`
        const body = HttpBody.stream(Stream.make<[Uint8Array]>(Buffer.from("up")))
        const request = HttpRequest.put(url, { body, timeouts: { ...hours, pool: 0 } })
        const before = descriptors()
        let turns = 0
        for (let done = false; !done; turns++) {
          yield* pool.closeIdle
          const fiber = yield* Effect.fork(textOf(pool, request))
          for (let i = 0; i < turns; i++) yield* turn
          done = fiber.unsafePoll() !== null
          const exit = yield* Fiber.interrupt(fiber)
          if (Exit.isSuccess(exit)) assert.strictEqual(exit.value, "firstsecond")
          else assert.isTrue(Cause.isInterruptedOnly(exit.cause), Cause.pretty(exit.cause))
          const { idle } = yield* pool.stats
          yield* holds(pool, { idle: Exit.isSuccess(exit) ? 1 : idle })
        }
        // Else it was not interrupted at all.
        assert.isAbove(turns, 3)
        yield* pool.closeIdle
        yield* holds(pool, {})
        for (let turns = 0; turns < 5000 && descriptors() > before; turns++) yield* turn
        assert.isAtMost(descriptors(), before)
      })))
  }
})
