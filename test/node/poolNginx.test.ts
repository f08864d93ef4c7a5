/**
 * A pool against nginx, which closes connections by its configuration: no failure of that reaches a
 * GET.
 */
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as TestServices from "effect/TestServices"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import { child, describeWith, listening } from "../fixtures/children.ts"
import { directory, turn } from "../fixtures/sockets.ts"
import { bodyOf, digestOf, digestOfBody, pieces, streamOf, told, webServer } from "../fixtures/web.ts"
import { holds, quietPort, textOf, until, watched } from "./poolKit.ts"

const large = 32 * 1024 * 1024

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
      const [plain, hinted, limited, impatient] = [
        yield* quietPort,
        yield* quietPort,
        yield* quietPort,
        yield* quietPort
      ]
      const text = configuration(plain, hinted, limited, impatient, behind.port)
      yield* Effect.promise(() => writeFile(join(prefix, "nginx.conf"), text))
      const at = (port: number) => `http://127.0.0.1:${port}`
      return {
        plain: at(plain),
        hinted: at(hinted),
        limited: at(limited),
        impatient: at(impatient),
        run: Effect.gen(function*() {
          const running = yield* child(path, ["-p", prefix, "-e", "stderr", "-c", "nginx.conf", "-g", "daemon off;"])
          const end = Effect.async<void>((resume) => {
            if (running.process.exitCode !== null) return resume(Effect.void)
            // When its output is closed the worker has gone too; the end of the child alone would leave that behind.
            running.process.once("close", () => resume(Effect.void))
            running.process.kill("SIGTERM")
          })
          yield* Effect.addFinalizer(() => end)
          // It begins to listen on one after the other.
          for (const port of [plain, hinted, limited, impatient]) yield* listening(running, port)
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
          const pool = yield* ConnectionPool.make({
            connectionsPerOrigin: 5,
            connectRetryTime: 0,
            connectBackoff: 0,
            onEvent
          })
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
        const pool = yield* ConnectionPool.make({ connectRetryTime: 0, connectBackoff: 0 })
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
