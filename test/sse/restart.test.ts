/** A subscription to a real server that breaks its connections and is down for a while: no event twice, none lost, nothing left open. */
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as http from "node:http"
import type * as net from "node:net"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import * as Sse from "../../src/Sse.ts"

const total = 60

/** A server of numbered events, ten for each connection, that closes after each connection and listens again on the same port. */
class Restarting {
  readonly asked: Array<string | undefined> = []
  #server: http.Server | undefined
  #port = 0

  readonly url = Effect.map(
    Effect.acquireRelease(Effect.promise(() => this.#listen()), () => Effect.promise(() => this.#close())),
    () => `http://127.0.0.1:${this.#port}/`
  )

  async #listen(): Promise<void> {
    const server = this.#server = http.createServer((request, response) => this.#answer(request, response))
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve))
    this.#port = (server.address() as net.AddressInfo).port
  }

  async #close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve))
    this.#server?.closeAllConnections()
    await closed
  }

  #answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    const last = request.headers["last-event-id"] as string | undefined
    this.asked.push(last)
    const from = Number(last ?? 0)
    if (from >= total) return void response.writeHead(204).end()
    response.writeHead(200, { "Content-Type": "text/event-stream" })
    for (let i = from + 1; i <= from + 10; i++) response.write(`id: ${i}\r\ndata: ${i}\r\n\r\n`)
    response.write(`id: ${from + 11}\r\ndata: never whole`, () => {
      void this.#close().then(() => this.#listen())
    })
  }
}

describe("a server that restarts", () => {
  it.live("sends each event once, whatever it cuts", () =>
    Effect.gen(function*() {
      const server = new Restarting()
      const url = yield* server.url
      const pool = yield* ConnectionPool.make({ connectRetryTime: 0 })
      const events = Sse.subscribe(HttpRequest.get(url), { schedule: Schedule.spaced("5 millis") })
      const all = yield* Effect.provideService(Stream.runCollect(events), ConnectionPool.ConnectionPool, pool)
      assert.deepStrictEqual(
        Chunk.toReadonlyArray(all).map(({ data }) => Number(data)),
        Array.from({ length: total }, (_, i) => i + 1)
      )
      assert.deepStrictEqual(server.asked, [undefined, "10", "20", "30", "40", "50", "60"])
      assert.strictEqual((yield* pool.stats).busy, 0)
    }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer)))

  it.live("sees the connection of an interrupted subscription close", () =>
    Effect.gen(function*() {
      const closed = yield* Deferred.make<void>()
      const server = http.createServer((request, response) => {
        request.socket.once("close", () => Deferred.unsafeDone(closed, Effect.void))
        response.writeHead(200, { "Content-Type": "text/event-stream" }).write("data: a\n\n")
      })
      yield* Effect.acquireRelease(
        Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
        () => Effect.sync(() => server.closeAllConnections() ?? server.close())
      )
      const pool = yield* ConnectionPool.make()
      const first = yield* Deferred.make<string>()
      const fiber = yield* Sse.subscribe(
        HttpRequest.get(`http://127.0.0.1:${(server.address() as net.AddressInfo).port}/`)
      ).pipe(
        Stream.runForEach(({ data }) => Deferred.succeed(first, data)),
        Effect.provideService(ConnectionPool.ConnectionPool, pool),
        Effect.fork
      )
      assert.strictEqual(yield* Deferred.await(first), "a")
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(closed)
      assert.strictEqual((yield* pool.stats).opened - (yield* pool.stats).closed, 0)
    }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer)))
})
