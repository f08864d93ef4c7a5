/** A pool against the servers of `node:http` and of Python: they close as they like, and no failure of that reaches a GET. */
import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { writeFile } from "node:fs/promises"
import * as http from "node:http"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { ConnectionEvent } from "../../src/ConnectionEvent.ts"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import * as Origin from "../../src/Origin.ts"
import { child, describeWith } from "../fixtures/children.ts"
import { directory, serve, turn } from "../fixtures/sockets.ts"
import { bodyOf, webServer } from "../fixtures/web.ts"
import { contained, holds, quietPort, textOf, until, watched } from "./poolKit.ts"

// --- node:http

/** A server of `node:http`, which can be told to close. */
const nodeServer = (handler: http.RequestListener, options: http.ServerOptions = {}) =>
  Effect.gen(function*() {
    const server = http.createServer(options, handler)
    const { connections, port } = yield* serve(server, "connection", { host: "127.0.0.1", port: 0 })
    return { server, connections, url: `http://127.0.0.1:${port}/` }
  })

/** Without the Keep-Alive field that Node sends by itself. */
const unhinted: http.RequestListener = (request, response) =>
  void bodyOf(request).then((body) => response.setHeader("Connection", "keep-alive").end(`it works ${body}`, "latin1"))

/** Numbers from 0 to 1, the same for each run (mulberry32). */
const random = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
}

const posting = (url: string) => HttpRequest.post(url, { body: HttpBody.bytes(Buffer.from("a body")) })

/** Each request on a connection that was used before finds the server closing, after it has been written and before it was read. */
const closingRace = (server: http.Server) => {
  const used = new Set<number>()
  let races = 0
  return {
    races: () => races,
    onEvent: (event: ConnectionEvent): void => {
      if (event._tag === "Acquire" && event.reused) used.add(event.connection)
      if (event._tag !== "Send" || !used.delete(event.connection)) return
      races++
      // The event is told before the bytes are written, in the same turn.
      queueMicrotask(() => server.closeIdleConnections())
    }
  }
}

describe("a server of node:http and a pool", () => {
  it.live("that keeps connections for a moment only: no failure reaches the user of GET", () =>
    contained(Effect.gen(function*() {
      for (const millis of [1, 3, 5]) {
        const { server, url } = yield* nodeServer(unhinted)
        server.keepAliveTimeout = millis
        const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 2 })
        const next = random(millis)
        for (let times = 0; times < 200; times++) {
          assert.strictEqual(yield* textOf(pool, HttpRequest.get(url)), "it works ")
          for (let turns = Math.floor(next() * 100); turns > 0; turns--) yield* turn
        }
        const { opened, requests, retried, reused } = yield* pool.stats
        assert.strictEqual(requests, 200 + retried)
        assert.isAtLeast(opened, requests - reused)
      }
    })))

  it.live("that says that it keeps connections for no time gets each request on a connection of its own", () =>
    contained(Effect.gen(function*() {
      const { connections, server, url } = yield* nodeServer((_request, response) => response.end("it works"))
      server.keepAliveTimeout = 5
      const pool = yield* ConnectionPool.make()
      for (let times = 0; times < 20; times++) {
        const response = yield* pool.execute(HttpRequest.get(url))
        assert.strictEqual(response.getHeader("keep-alive"), "timeout=0")
        assert.strictEqual(yield* response.text, "it works")
      }
      assert.deepInclude(yield* pool.stats, { opened: 20, reused: 0, retried: 0 })
      assert.strictEqual(connections.all.length, 20)
    })))

  it.live("that closes idle connections at random moments: no failure reaches the user of GET", () =>
    contained(Effect.gen(function*() {
      const { server, url } = yield* nodeServer(unhinted)
      const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 4 })
      const next = random(7)
      const closing = yield* Effect.fork(Effect.forever(Effect.gen(function*() {
        for (let turns = Math.floor(next() * 20); turns >= 0; turns--) yield* turn
        server.closeIdleConnections()
      })))
      yield* Effect.forEach(
        Array.from({ length: 400 }),
        () =>
          Effect.gen(function*() {
            assert.strictEqual(yield* textOf(pool, HttpRequest.get(url)), "it works ")
            for (let turns = Math.floor(next() * 5); turns > 0; turns--) yield* turn
          }),
        { concurrency: 8, discard: true }
      )
      yield* Fiber.interrupt(closing)
      const { opened, requests, retried } = yield* pool.stats
      assert.strictEqual(requests, 400 + retried)
      assert.isAbove(opened, 10)
    })))

  it.live("that closes a connection when the next request is on its way: a GET is sent once more, and answered", () =>
    contained(Effect.gen(function*() {
      const { server, url } = yield* nodeServer(unhinted)
      const { onEvent, races } = closingRace(server)
      const pool = yield* ConnectionPool.make({ onEvent })
      for (let times = 0; times < 50; times++) {
        const response = yield* pool.execute(HttpRequest.get(url))
        assert.deepStrictEqual([yield* response.text, response.resends], ["it works ", times === 0 ? 0 : 1])
      }
      assert.strictEqual(races(), 49)
      assert.deepInclude(yield* pool.stats, { opened: 50, requests: 99, reused: 49, retried: 49 })
    })))

  it.live("that closes a connection when the next request is on its way: a POST fails, and says that it may have been processed", () =>
    contained(Effect.gen(function*() {
      const { server, url } = yield* nodeServer(unhinted)
      const { onEvent, races } = closingRace(server)
      const pool = yield* ConnectionPool.make({ onEvent })
      for (let times = 0; times < 20; times++) {
        assert.strictEqual(yield* textOf(pool, posting(url)), "it works a body")
        const error = yield* Effect.flip(pool.execute(posting(url)))
        assert.strictEqual(error._tag, "StaleConnection", error.message)
        assert.deepInclude(error.context, { processed: "Unknown", replayable: true, resends: 0, bytesRead: 0 })
        yield* holds(pool, {})
      }
      assert.strictEqual(races(), 20)
      assert.deepInclude(yield* pool.stats, { opened: 20, requests: 40, retried: 0 })
      // With a key by which the server knows that it is the same, it is sent once more.
      yield* textOf(pool, posting(url))
      const keyed = HttpRequest.setHeader(posting(url), "Idempotency-Key", "1")
      assert.strictEqual(yield* textOf(pool, keyed), "it works a body")
      assert.strictEqual((yield* pool.stats).retried, 1)
    })))

  it.live("that closes connections at random moments: a POST is answered, or fails as one that may have been processed", () =>
    contained(Effect.gen(function*() {
      let processed = 0
      const { server, url } = yield* nodeServer((request, response) => {
        processed++
        unhinted(request, response)
      })
      const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 4 })
      const next = random(11)
      const closing = yield* Effect.fork(Effect.forever(Effect.gen(function*() {
        for (let turns = Math.floor(next() * 10); turns >= 0; turns--) yield* turn
        if (next() < 0.5) server.closeIdleConnections()
        else server.closeAllConnections()
      })))
      const errors: Array<HttpError> = []
      let answered = 0
      yield* Effect.forEach(
        Array.from({ length: 300 }),
        () =>
          Effect.matchEffect(pool.execute(posting(url)), {
            onFailure: (error) => Effect.sync(() => errors.push(error)),
            onSuccess: (response) =>
              Effect.map(Effect.either(response.text), () => {
                answered++
              })
          }),
        { concurrency: 8, discard: true }
      )
      yield* Fiber.interrupt(closing)
      assert.strictEqual(answered + errors.length, 300)
      for (const { _tag, context } of errors) {
        assert.include(["StaleConnection", "RemoteDisconnected", "ReadError", "WriteError"], _tag)
        assert.strictEqual(context.processed, context.bytesWritten > 0 ? "Unknown" : "No")
      }
      // None was sent twice, unless nothing of it had been written.
      assert.isAtMost(processed, 300)
    })))

  it.live("that allows so many requests on one connection closes after them, and nobody notices", () =>
    contained(Effect.gen(function*() {
      const { server, url } = yield* nodeServer((_request, response) => response.end("it works"))
      server.maxRequestsPerSocket = 5
      const pool = yield* ConnectionPool.make()
      for (let times = 0; times < 100; times++) yield* textOf(pool, HttpRequest.get(url))
      assert.deepInclude(yield* pool.stats, { opened: 20, requests: 100, retried: 0 })
    })))

  it.live("that ends: idle connections are evicted at once, responses under way fail, and after its restart the next request succeeds", () =>
    contained(Effect.gen(function*() {
      const reached: Array<http.ServerResponse> = []
      const handler: http.RequestListener = (request, response) => {
        if (request.url === "/") return void response.end("it works")
        response.writeHead(200, { "Content-Length": 10 }).write("12345")
        reached.push(response)
      }
      const where = { host: "127.0.0.1", port: yield* quietPort }
      const server = http.createServer(handler)
      yield* serve(server, "connection", where)
      const url = `http://127.0.0.1:${where.port}/`
      const pool = yield* ConnectionPool.make({ connectRetryTime: 0, connectBackoff: 0 })
      const half = yield* pool.execute(HttpRequest.get(`${url}half`))
      yield* textOf(pool, HttpRequest.get(url))
      yield* holds(pool, { idle: 1, busy: 1 })
      yield* Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
      yield* until(pool, ({ busy, idle }) => busy === 0 && idle === 0)
      const error = yield* Effect.flip(half.bytes)
      assert.include(["IncompleteRead", "ConnectionReset"], error._tag)
      assert.strictEqual((yield* Effect.flip(pool.execute(HttpRequest.get(url))))._tag, "ConnectError")
      yield* serve(http.createServer(handler), "connection", where)
      assert.strictEqual(yield* textOf(pool, HttpRequest.get(url)), "it works")
      assert.strictEqual((yield* pool.stats).retried, 0)
    })))
})

describe("a server of node:http on a unix socket and a pool", () => {
  it.live("has its connections used again, and those that it closes are evicted", () =>
    contained(Effect.gen(function*() {
      const path = join(yield* directory, "socket")
      const { connections } = yield* webServer((request, response) => response.end(request.headers.host), { path })
      const pool = yield* ConnectionPool.make()
      const [one, other] = ["one.test", "other.test"].map((host) =>
        Either.getOrThrow(Origin.make({ scheme: "http", host, socketPath: path }))
      )
      for (let times = 0; times < 5; times++) {
        assert.strictEqual(yield* textOf(pool, HttpRequest.get("/", { origin: one })), "one.test")
        assert.strictEqual(yield* textOf(pool, HttpRequest.get("/", { origin: other })), "other.test")
      }
      assert.strictEqual(connections.all.length, 2)
      for (const socket of connections.all) socket.end()
      yield* until(pool, ({ idle }) => idle === 0)
      yield* textOf(pool, HttpRequest.get("/", { origin: one }))
      assert.deepInclude(yield* pool.stats, { opened: 3, retried: 0 })
    })))
})

// --- Python

const script = fileURLToPath(new URL("../fixtures/http11.py", import.meta.url))

describeWith("python3", (path) => {
  layer(NodeTransport.layer, { excludeTestServices: true })("http.server of Python and a pool", (it) => {
    it.scoped("speaks HTTP/1.0: each request has a connection of its own, and a body without a length is refused", () =>
      Effect.gen(function*() {
        const root = yield* directory
        yield* Effect.promise(() => writeFile(join(root, "file.txt"), "a file"))
        const running = yield* child(path, ["-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", root, "0"])
        const url = `http://127.0.0.1:${yield* running.line(/ port (\d+)/)}/file.txt`
        const { onEvent, reasons } = watched()
        const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 3, onEvent })
        const texts = yield* Effect.forEach(Array.from({ length: 20 }), () => textOf(pool, HttpRequest.get(url)), {
          concurrency: 5
        })
        assert.deepStrictEqual(texts, Array.from({ length: 20 }, () => "a file"))
        assert.deepInclude(yield* pool.stats, { opened: 20, closed: 20, requests: 20, reused: 0, retried: 0 })
        assert.deepStrictEqual(new Set(reasons()), new Set(["NotPersistent"]))
        yield* holds(pool, {})
        // The server knows neither chunks nor PUT. With a length it can at least say so.
        const body = Stream.make<[Uint8Array]>(Buffer.from("a body"))
        const refused = yield* Effect.flip(pool.execute(HttpRequest.put(url, { body: HttpBody.stream(body) })))
        assert.strictEqual(refused._tag, "UnsupportedBody", refused.message)
        const response = yield* pool.execute(HttpRequest.put(url, { body: HttpBody.stream(body, { length: 6 }) }))
        assert.strictEqual(response.status, 501)
        yield* response.text
        yield* holds(pool, {})
      }))

    it.scoped("speaks HTTP/1.1: its connections are used again, but not one that ends a body", () =>
      Effect.gen(function*() {
        const running = yield* child(path, ["-u", script])
        const base = `http://127.0.0.1:${yield* running.line(/port (\d+)/)}`
        const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 2 })
        const seen = yield* Effect.forEach(
          Array.from({ length: 60 }, (_, index) => ["/length", "/chunked"][index % 2] ?? ""),
          (target) => Effect.map(textOf(pool, HttpRequest.get(`${base}${target}`)), (text) => [target, text]),
          { concurrency: 6 }
        )
        for (const [target, text] of seen) {
          assert.strictEqual(text, target === "/chunked" ? "chunk by chunk" : target)
        }
        const large = "x".repeat(1_000_000)
        const posted = HttpRequest.post(base, { body: HttpBody.bytes(Buffer.from(large)) })
        assert.strictEqual(yield* textOf(pool, posted), large)
        assert.deepInclude(yield* pool.stats, { opened: 2, requests: 61, idle: 2 })
        assert.strictEqual(yield* textOf(pool, HttpRequest.get(`${base}/until-close`)), "until the end")
        yield* holds(pool, { idle: 1 })
      }))
  })
})
