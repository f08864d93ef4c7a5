/** A pool against servers of others: nginx, `node:http`, Python's `http.server`. They close as they like; no failure of that reaches a GET. */
import { assert, describe, it, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as TestServices from "effect/TestServices"
import { mkdir, writeFile } from "node:fs/promises"
import * as http from "node:http"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { ConnectionEvent } from "../../src/ConnectionEvent.ts"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import { child, describeWith, freePorts, listening } from "../fixtures/children.ts"
import { directory, serve, turn } from "../fixtures/sockets.ts"
import { bodyOf, digestOf, digestOfBody, pieces, streamOf, told, webServer } from "../fixtures/web.ts"
import { contained, holds, textOf, until, watched } from "./poolKit.ts"

const large = 32 * 1024 * 1024

// --- nginx

const configuration = (port: number, hinted: number, limited: number, impatient: number, behind: number) => `
master_process on; worker_processes 1;
${process.getuid?.() === 0 ? "user root;" : ""}
error_log stderr crit;
pid nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  default_type text/plain;
  root html;
  client_max_body_size 0;
  keepalive_timeout 60s;
  server {
    listen 127.0.0.1:${port};
    location /behind/ {
      proxy_pass http://127.0.0.1:${behind}/;
      proxy_http_version 1.1;
      proxy_request_buffering off;
    }
    location /small/ { client_max_body_size 1k; proxy_pass http://127.0.0.1:${behind}/; }
    location /abrupt/ { client_max_body_size 1k; lingering_close off; proxy_pass http://127.0.0.1:${behind}/; }
  }
  server { listen 127.0.0.1:${hinted}; keepalive_timeout 60s 10s; }
  server { listen 127.0.0.1:${limited}; keepalive_requests 5; }
  server { listen 127.0.0.1:${impatient}; keepalive_timeout 20ms; }
}
`

/** Where its servers are: one without limits, one that says how long it keeps a connection, one that closes after 5 requests, one that does at once. */
class Nginx extends Context.Tag("test/PoolNginx")<Nginx, {
  readonly plain: string
  readonly hinted: string
  readonly limited: string
  readonly impatient: string
  /** Runs it until the scope ends. Gives how to end it with a signal. */
  readonly run: Effect.Effect<(signal: NodeJS.Signals) => void, unknown, Scope.Scope>
}>() {}

const nginx = (path: string) =>
  Layer.scoped(
    Nginx,
    Effect.gen(function*() {
      const prefix = yield* directory
      const behind = yield* webServer((request, response) =>
        void bodyOf(request).then((body) => response.end(body, "latin1"))
      )
      yield* Effect.promise(async () => {
        await mkdir(join(prefix, "html"))
        await writeFile(join(prefix, "html/page"), "a page")
        await writeFile(join(prefix, "html/medium"), "x".repeat(50_000))
        await writeFile(join(prefix, "html/large"), pieces(large))
      })
      const [plain = 0, hinted = 0, limited = 0, impatient = 0] = yield* freePorts(4)
      const text = configuration(plain, hinted, limited, impatient, behind.port)
      yield* Effect.promise(() => writeFile(join(prefix, "nginx.conf"), text))
      const [a, b, c, d] = [plain, hinted, limited, impatient].map((port) => `http://127.0.0.1:${port}`)
      return {
        plain: a ?? "",
        hinted: b ?? "",
        limited: c ?? "",
        impatient: d ?? "",
        run: Effect.gen(function*() {
          const running = yield* child(path, ["-p", prefix, "-e", "stderr", "-c", "nginx.conf", "-g", "daemon off;"])
          const end = Effect.async<void>((resume) => {
            if (running.process.exitCode !== null) return resume(Effect.void)
            // When its output is closed the worker has gone too; the end of the child alone would leave that behind.
            running.process.once("close", () => resume(Effect.void))
            running.process.kill("SIGTERM")
          })
          yield* Effect.addFinalizer(() => end)
          yield* listening(running, plain)
          return (signal) => void running.process.kill(signal)
        })
      }
    })
  )

const page = (base: string) => HttpRequest.get(`${base}/page`)

/** Sends so many requests, so many at once, and asserts that each is answered with the page. */
const pages = (pool: ConnectionPool.ConnectionPool, base: string, count: number, concurrency: number) =>
  Effect.forEach(
    Array.from({ length: count }),
    () => Effect.map(textOf(pool, page(base)), (text) => assert.strictEqual(text, "a page")),
    { concurrency, discard: true }
  )

/** Waits until the pool has closed so many connections and keeps none that is idle. */
const evicted = (pool: ConnectionPool.ConnectionPool, times: number) =>
  until(pool, ({ closed, idle }) => closed === times && idle === 0)

describeWith("nginx", (path) => {
  layer(Layer.merge(NodeTransport.layer, nginx(path)), { excludeTestServices: true })("nginx and a pool", (it) => {
    it.scoped("answers request after request on few connections", () =>
      Effect.gen(function*() {
        const { plain, run } = yield* Nginx
        yield* run
        const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 4 })
        yield* pages(pool, plain, 500, 20)
        const { opened, requests, reused, retried } = yield* pool.stats
        assert.deepStrictEqual([opened, requests, reused, retried], [4, 500, 496, 0])
        yield* holds(pool, { idle: 4 })
      }))

    it.scoped("closes after so many requests as it allows on one connection, and nobody notices", () =>
      Effect.gen(function*() {
        const { limited, run } = yield* Nginx
        yield* run
        const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 4 })
        yield* pages(pool, limited, 200, 1)
        assert.deepInclude(yield* pool.stats, { opened: 40, closed: 40, requests: 200, reused: 160, retried: 0 })
        yield* pages(pool, limited, 200, 20)
        const { opened, requests, retried } = yield* pool.stats
        assert.deepStrictEqual([requests, retried], [400, 0])
        assert.isAtLeast(opened, 80)
      }))

    it.scoped("closes idle connections when their time is over: they are evicted, and the next request opens another", () =>
      Effect.gen(function*() {
        const { impatient, run } = yield* Nginx
        yield* run
        const { onEvent, reasons } = watched()
        const pool = yield* ConnectionPool.make({ onEvent })
        for (let times = 1; times <= 3; times++) {
          yield* pages(pool, impatient, 1, 1)
          yield* evicted(pool, times)
        }
        assert.deepStrictEqual(reasons(), ["Peer", "Peer", "Peer"])
        assert.deepInclude(yield* pool.stats, { opened: 3, reused: 0, retried: 0 })
      }))

    it.scoped("is asked again and again when its idle connections end: no failure reaches the user", () =>
      Effect.gen(function*() {
        const { impatient, run } = yield* Nginx
        yield* run
        const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 8 })
        for (let times = 0; times < 150; times++) {
          yield* pages(pool, impatient, 2, 2)
          for (let turns = 0; turns < (times * 7) % 200; turns++) yield* turn
        }
        const { requests, retried } = yield* pool.stats
        assert.strictEqual(requests, 300 + retried)
      }))

    it.scoped("gets bodies, and its connections are used again", () =>
      Effect.gen(function*() {
        const { plain, run } = yield* Nginx
        yield* run
        const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 2 })
        const bodies = Array.from({ length: 50 }, (_, index) => `body ${index} `.repeat(1 + index * 100))
        yield* Effect.forEach(bodies, (text) => {
          const bytes = Buffer.from(text)
          const body = bytes.length % 2 === 0
            ? HttpBody.bytes(bytes)
            : HttpBody.stream(Stream.make<[Uint8Array]>(bytes))
          return Effect.map(textOf(pool, HttpRequest.post(`${plain}/behind/`, { body })), (echoed) => {
            assert.strictEqual(echoed, text)
          })
        }, { concurrency: 10, discard: true })
        assert.deepInclude(yield* pool.stats, { opened: 2, requests: 50, idle: 2 })
      }))

    it.scoped("sends what is let go: a small rest is read and the connection kept, a large one closes it", () =>
      Effect.gen(function*() {
        const { plain, run } = yield* Nginx
        yield* run
        const { onEvent, reasons } = watched()
        const pool = yield* ConnectionPool.make({ onEvent, drainTime: "1 hour" })
        yield* Effect.flatMap(pool.execute(HttpRequest.get(`${plain}/medium`)), ({ close }) => close)
        yield* until(pool, ({ idle }) => idle === 1)
        yield* Effect.flatMap(
          pool.execute(HttpRequest.get(`${plain}/large`)),
          ({ stream }) => Stream.runDrain(Stream.take(stream, 1))
        )
        yield* holds(pool, {})
        yield* Effect.flatMap(pool.execute(HttpRequest.get(`${plain}/large`)), ({ close }) => close)
        yield* holds(pool, {})
        assert.deepStrictEqual(reasons(), ["Undrained", "Undrained"])
        assert.deepInclude(yield* pool.stats, { opened: 2, requests: 3, reused: 1 })
      }))

    for (const [location, manner] of [["/small/", "goes on reading"], ["/abrupt/", "resets the connection"]] as const) {
      it.scoped(`refuses bodies with 413 and ${manner}: each answer is delivered, and its connection is not used again`, () =>
        Effect.gen(function*() {
          const { plain, run } = yield* Nginx
          yield* run
          const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 2 })
          const bodies = [
            HttpBody.stream(streamOf(large), { length: large }),
            HttpBody.stream(Stream.forever(streamOf(65_521))),
            HttpBody.bytes(Buffer.alloc(1_000_000))
          ]
          yield* Effect.forEach([...bodies, ...bodies], (body) =>
            Effect.gen(function*() {
              const response = yield* pool.execute(HttpRequest.put(`${plain}${location}`, { body }))
              const [status, text] = yield* told(response)
              assert.strictEqual(status, 413)
              assert.include(text, "413 Request Entity Too Large")
              yield* pages(pool, plain, 1, 1)
            }), { concurrency: 3, discard: true })
          yield* until(pool, ({ busy }) => busy === 0)
          const { closed, retried } = yield* pool.stats
          assert.deepStrictEqual([closed, retried], [6, 0])
        }))
    }

    for (const signal of ["SIGTERM", "SIGQUIT"] as const) {
      it.scoped(`is stopped with ${signal}: idle connections are evicted at once, and after its restart the next request succeeds`, () =>
        Effect.gen(function*() {
          const { plain, run } = yield* Nginx
          const { onEvent, reasons } = watched()
          const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 5, onEvent })
          const first = yield* Scope.make()
          const stop = yield* Scope.extend(run, first)
          yield* pages(pool, plain, 50, 5)
          yield* holds(pool, { idle: 5 })
          stop(signal)
          yield* evicted(pool, 5)
          assert.deepStrictEqual(reasons(), Array.from({ length: 5 }, () => "Peer"))
          yield* Scope.close(first, Exit.void)
          const refused = yield* Effect.flip(pool.execute(page(plain)))
          assert.deepInclude(refused, { _tag: "ConnectError", reason: "Refused" })
          assert.strictEqual(refused.context.processed, "No")
          yield* holds(pool, {})
          yield* run
          yield* pages(pool, plain, 50, 5)
          yield* holds(pool, { idle: 5 })
          assert.strictEqual((yield* pool.stats).retried, 0)
        }))
    }

    it.scoped("is reloaded: idle connections are evicted at once, and no failure reaches the user meanwhile", () =>
      Effect.gen(function*() {
        const { plain, run } = yield* Nginx
        const signal = yield* run
        const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 5 })
        for (let times = 1; times <= 3; times++) {
          yield* pages(pool, plain, 50, 5)
          signal("SIGHUP")
          yield* evicted(pool, 5 * times)
        }
        // Now while requests are under way, until a connection was closed for it.
        signal("SIGHUP")
        const { closed } = yield* pool.stats
        yield* Effect.repeat(pages(pool, plain, 20, 5), {
          until: () => Effect.map(pool.stats, (stats) => stats.closed > closed)
        })
      }))

    it.scoped("is asked to go while it sends: the response is whole, and its connection is not used again", () =>
      Effect.gen(function*() {
        const { plain, run } = yield* Nginx
        const scope = yield* Scope.make()
        const stop = yield* Scope.extend(run, scope)
        const pool = yield* ConnectionPool.make()
        const response = yield* pool.execute(HttpRequest.get(`${plain}/large`))
        // When this one is evicted the server has begun to go.
        yield* pages(pool, plain, 1, 1)
        stop("SIGQUIT")
        yield* evicted(pool, 1)
        assert.strictEqual(yield* digestOfBody(response), digestOf(large))
        yield* evicted(pool, 2)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* Effect.flip(pool.execute(page(plain))))._tag, "ConnectError")
      }))

    it.scoped("is stopped while it sends: the response fails with what came of it", () =>
      Effect.gen(function*() {
        const { plain, run } = yield* Nginx
        const stop = yield* run
        const pool = yield* ConnectionPool.make()
        const response = yield* pool.execute(HttpRequest.get(`${plain}/large`))
        stop("SIGTERM")
        const error = yield* Effect.flip(Stream.runDrain(response.stream))
        assert.include(["IncompleteRead", "ConnectionReset"], error._tag)
        assert.deepInclude(error.context, { processed: "Yes", phase: "body" })
        yield* holds(pool, {})
      }))
  })

  layer(Layer.merge(NodeTransport.layer, nginx(path)))("nginx and a pool", (it) => {
    it.scoped("says how long it keeps a connection: it is given up a while before", () =>
      Effect.gen(function*() {
        const { hinted, run } = yield* Nginx
        yield* TestServices.provideLive(run)
        const { onEvent, reasons } = watched()
        const pool = yield* ConnectionPool.make({ onEvent, idleTime: "1 minute", keepAliveMargin: "3 seconds" })
        const response = yield* pool.execute(page(hinted))
        assert.strictEqual(response.getHeader("keep-alive"), "timeout=10")
        yield* response.text
        yield* TestClock.adjust("6999 millis")
        yield* holds(pool, { idle: 1 })
        yield* textOf(pool, page(hinted))
        yield* TestClock.adjust("6999 millis")
        yield* holds(pool, { idle: 1 })
        yield* TestClock.adjust("1 millis")
        yield* holds(pool, {})
        assert.deepStrictEqual(reasons(), ["IdleTime"])
        yield* textOf(pool, page(hinted))
        assert.deepInclude(yield* pool.stats, { opened: 2, reused: 1 })
      }))
  })
})

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
      const { server, url } = yield* nodeServer(handler)
      const pool = yield* ConnectionPool.make()
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
      yield* serve(http.createServer(handler), "connection", { host: "127.0.0.1", port: Number(new URL(url).port) })
      assert.strictEqual(yield* textOf(pool, HttpRequest.get(url)), "it works")
      assert.strictEqual((yield* pool.stats).retried, 0)
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
