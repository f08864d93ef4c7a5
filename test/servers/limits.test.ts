/**
 * The limits of servers on the connections that they keep, hit on purpose: so many requests, and so much time without one.
 *
 * Which requests of a race meet a server that closes at that very moment depends on time, but no assertion does: whenever it closes,
 * no GET is lost, and no POST but one that it may have processed. One request meets it in each case, because it is kept back until the
 * server has closed.
 */
import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import * as Proxy from "../../src/Proxy.ts"
import { describeWith, quietPort } from "../fixtures/children.ts"
import { oneSite, openDirectory, place } from "../fixtures/servers/origin.ts"
import { origins } from "../fixtures/servers/origins.ts"
import { handler } from "../fixtures/servers/site.js"
import { squid } from "../fixtures/servers/squid.ts"
import { webServer } from "../fixtures/web.ts"
import { until } from "../node/poolKit.ts"
import { answered, assertUnsafe, page, post } from "./load.ts"

const millis = 1000

/**
 * Uses so many connections once, and again around the moment at which the server closes them. Then waits until it has closed one.
 */
const race = (pool: ConnectionPool.ConnectionPool, url: string, late: number) =>
  Effect.gen(function*() {
    const count = 40
    // From 20 ms before its time to 20 ms behind the latest moment.
    const step = (late + 40) / count
    for (const [method, request] of [["GET", page(url)], ["POST", post(url)]] as const) {
      yield* Effect.forEach(
        Array.from({ length: count }, (_, index) => millis - 20 + Math.round(index * step)),
        (pause) =>
          Effect.gen(function*() {
            yield* answered(pool, page(url))
            yield* Effect.sleep(pause)
            const outcome = yield* Effect.either(answered(pool, request))
            if (Either.isRight(outcome)) return
            if (method === "GET") return assert.fail(outcome.left.message)
            assertUnsafe(outcome.left, method)
          }),
        { concurrency: "unbounded", discard: true }
      )
    }
    // One that has never been used has another limit, or none.
    yield* until(pool, ({ closed }) => closed > 0)
  })

/** It trusts no hint, so that the server is the one that closes. */
const options: ConnectionPool.Options = {
  connectionsPerOrigin: 40,
  connections: 40,
  idlePerOrigin: 40,
  idle: 40,
  keepAliveMargin: 0,
  idleTime: "1 hour"
}

/**
 * Accepts in the place of a server, and keeps what follows the first answer of each connection until the server has closed that: the
 * server has closed it because it was idle, and the request was sent before that could be known.
 */
const crossing = (url: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { hostname, port } = new URL(url)
    const sockets = new Set<net.Socket>()
    const server = net.createServer({ allowHalfOpen: true }, (client) => {
      const behind = net.connect(Number(port), hostname)
      for (const socket of [client, behind]) {
        sockets.add(socket)
        socket.on("error", () => socket.destroy()).on("close", () => sockets.delete(socket))
      }
      let isAnswered = false
      let isHeld = false
      let isClosed = false
      // However late this process sends its request: it cannot know of the close before.
      const pass = () => {
        if (isClosed && (isHeld || !isAnswered)) client.end()
      }
      client.on("data", (bytes) => {
        if (!isAnswered) return void behind.write(bytes)
        isHeld = true
        pass()
      })
      behind.on("data", (bytes) => {
        isAnswered = true
        client.write(bytes)
      })
      behind.on("close", () => {
        isClosed = true
        pass()
      })
      client.on("close", () => behind.destroy())
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.sync(() => {
          server.close()
          for (const socket of sockets) socket.destroy()
        })
    )
    return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`
  })

/** What becomes of a GET and of a POST, each on a connection that the server closes while the request is on its way. */
const crossed = (url: string, proxy?: Proxy.Proxy) => {
  const get = Effect.gen(function*() {
    const pool = yield* ConnectionPool.make({ ...options, proxy })
    yield* answered(pool, page(url))
    // The pool sends it once more, on another connection.
    yield* answered(pool, page(url))
    assert.deepInclude(yield* pool.stats, { opened: 2, retried: 1 })
  })
  const posted = Effect.gen(function*() {
    const pool = yield* ConnectionPool.make({ ...options, proxy })
    yield* answered(pool, page(url))
    const error = yield* Effect.flip(answered(pool, post(url)))
    assertUnsafe(error, "POST")
    assert.isTrue(error.context.connection?.reused)
    assert.deepInclude(yield* pool.stats, { opened: 1, retried: 0 })
  })
  return Effect.all([get, posted], { concurrency: "unbounded", discard: true })
}

const crossedTitle =
  "closes while a request is on its way: a GET is sent once more, and a POST is reported as perhaps processed"

/** They wait for most of their time. */
const together = { concurrent: true }

layer(Layer.merge(NodeTransport.layer, oneSite), { excludeTestServices: true })((it) => {
  describe("the limits of", together, () => {
    for (const origin of origins) {
      describeWith(origin.program, (path) => {
        describe(origin.name, together, () => {
          if (origin.traits.has("idleLimit")) {
            it.scoped(
              "closes what was idle for a second: no GET is lost, and no POST but one that it may have processed",
              () =>
                Effect.gen(function*() {
                  const { run, url } = yield* place(origin, path, { millis, requests: 1_000_000 })
                  yield* run
                  const pool = yield* ConnectionPool.make(options)
                  yield* race(pool, url, origin.lateMillis ?? 0)
                }),
              60_000
            )

            it.scoped(crossedTitle, () =>
              Effect.gen(function*() {
                const { run, url } = yield* place(origin, path, { millis, requests: 1_000_000 })
                yield* run
                yield* crossed(yield* crossing(url))
              }), 60_000)
          }

          if (origin.traits.has("requestLimit")) {
            it.scoped("closes a connection after five requests: no request is lost, and none is sent twice", () =>
              Effect.gen(function*() {
                const { run, url } = yield* place(origin, path, { millis: 60_000, requests: 5 })
                yield* run
                const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 8 })
                for (let times = 0; times < 25; times++) yield* answered(pool, times % 2 === 0 ? page(url) : post(url))
                const { opened } = yield* pool.stats
                // lighttpd counts from 0.
                assert.include([5, 6], opened)
                yield* Effect.forEach(
                  Array.from({ length: 200 }, (_, index) => index),
                  (index) => answered(pool, index % 2 === 0 ? page(url) : post(url)),
                  { concurrency: 20, discard: true }
                )
                assert.deepInclude(yield* pool.stats, { requests: 225, retried: 0 })
              }))
          }
        })
      })
    }

    describeWith(squid.program, (path) => {
      describe(squid.name, together, () => {
        it.scoped(
          "closes what was idle for a second: no GET is lost, and no POST but one that it may have processed",
          () =>
            Effect.gen(function*() {
              const port = yield* quietPort
              yield* squid.start(path, { folder: yield* openDirectory, port, credentials: false, idleSeconds: 1 })
              const { port: behind } = yield* webServer(handler)
              const proxy = Either.getOrThrow(Proxy.make({ host: "127.0.0.1", port }))
              const pool = yield* ConnectionPool.make({ ...options, proxy })
              yield* race(pool, `http://127.0.0.1:${behind}`, 1000)
            }),
          60_000
        )

        it.scoped(crossedTitle, () =>
          Effect.gen(function*() {
            const port = yield* quietPort
            yield* squid.start(path, { folder: yield* openDirectory, port, credentials: false, idleSeconds: 1 })
            const { port: behind } = yield* webServer(handler)
            const { port: before } = new URL(yield* crossing(`http://127.0.0.1:${port}`))
            const proxy = Either.getOrThrow(Proxy.make({ host: "127.0.0.1", port: Number(before) }))
            yield* crossed(`http://127.0.0.1:${behind}`, proxy)
          }), 60_000)
      })
    })
  })
})
