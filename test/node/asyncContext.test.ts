/**
 * Whatever resumes a fiber does so in the async context in which it began to wait, over real sockets: each caller keeps its own
 * `AsyncLocalStorage`, although connections are opened, released and closed by others, and timers set by others.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import * as Origin from "../../src/Origin.ts"
import * as Transport from "../../src/Transport.ts"
import { bodyOf } from "../fixtures/web.ts"
import { as, server, stores } from "./callers.ts"
import { holds, until } from "./poolKit.ts"

const poolWith = (options: ConnectionPool.Options = {}) => ConnectionPool.make({ shutdownGrace: 0, ...options })

const get = (url: string, input?: HttpRequest.Input) => HttpRequest.get(url, input)

const live = (name: string, test: Effect.Effect<unknown, unknown, Scope.Scope | Transport.Transport>) =>
  it.live(name, () => Effect.scoped(test).pipe(Effect.provide(NodeTransport.layer)))

describe("a caller keeps its context", () => {
  live(
    "through the head and every way of reading, on a connection that another caller opened",
    Effect.gen(function*() {
      const { asked, url } = yield* server
      const pool = yield* poolWith()
      const { note, seen } = stores()
      yield* Fiber.join(yield* as("opener", Effect.flatMap(pool.execute(get(`${url}/now`)), ({ text }) => text)))
      const expected: Array<string> = []
      const readings: Readonly<
        Record<
          string,
          (response: Effect.Effect.Success<ReturnType<typeof pool.execute>>) => Effect.Effect<unknown, HttpError>
        >
      > = {
        text: ({ text }) => text,
        read: (response) => response.read(5),
        line: (response) => response.readLine(),
        trailers: ({ trailers }) => trailers,
        stream: ({ stream }) => Stream.runForEach(stream, () => note("piece"))
      }
      for (const [name, read] of Object.entries(readings)) {
        const reading = Effect.gen(function*() {
          yield* note("begin")
          const response = yield* pool.execute(get(`${url}/${name}`))
          yield* note("head")
          yield* read(response)
          yield* note(name)
          yield* response.close
        })
        const fiber = yield* as(name, reading)
        const { response } = yield* asked(`/${name}`)
        response.write("abc")
        yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
        response.end("def\n")
        yield* Fiber.join(fiber)
        expected.push(`begin: ${name}`, `head: ${name}`, `${name}: ${name}`)
      }
      assert.deepStrictEqual(seen.filter((line) => !line.startsWith("piece")), expected)
      assert.deepStrictEqual([...new Set(seen.filter((line) => line.startsWith("piece")))], ["piece: stream"])
    })
  )

  live(
    "when its turn comes in the queue, and so does the one whose response ended then",
    Effect.gen(function*() {
      const { asked, url } = yield* server
      const pool = yield* poolWith({ connectionsPerOrigin: 1 })
      const { note, seen } = stores()
      const asking = (name: string) =>
        Effect.gen(function*() {
          const response = yield* pool.execute(get(`${url}/${name}`))
          yield* note("head")
          yield* response.text
          yield* note("text")
          // What follows shares no microtask with another caller's.
          yield* Effect.yieldNow()
          yield* note("later")
        })
      const fibers: Array<Fiber.RuntimeFiber<void>> = []
      for (const [index, name] of ["a", "b", "c"].entries()) {
        fibers.push(yield* as(name, asking(name)))
        // Those before it are there: one has the connection, the others wait for it.
        yield* until(pool, ({ busy, connecting, waiting }) => busy + connecting > 0 && waiting >= index)
      }
      for (const name of ["a", "b", "c"]) {
        const { response } = yield* asked(`/${name}`)
        response.write("first")
        yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
        response.end("last")
      }
      yield* Fiber.joinAll(fibers)
      const expected = ["a", "b", "c"].flatMap((name) => [`head: ${name}`, `text: ${name}`, `later: ${name}`])
      assert.deepStrictEqual([...seen].sort(), [...expected].sort())
    })
  )

  live(
    "when a lease that it waits for is released by another",
    Effect.gen(function*() {
      const { port } = yield* server
      const pool = yield* poolWith({ connectionsPerOrigin: 1 })
      const origin = yield* Origin.make({ scheme: "http", host: "127.0.0.1", port })
      const { note, seen } = stores()
      const release = yield* Deferred.make<void>()
      const taking = (hold: Effect.Effect<void>) =>
        Effect.scoped(Effect.gen(function*() {
          const connection = yield* pool.lease(origin)
          yield* note("lease")
          yield* Effect.flatMap(connection.execute(get("/now")), ({ text }) => text)
          yield* note("text")
          yield* hold
        }))
      const first = yield* as("first", taking(Deferred.await(release)))
      yield* until(pool, ({ busy }) => busy === 1)
      const second = yield* as("second", taking(Effect.void))
      yield* until(pool, ({ waiting }) => waiting === 1)
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.joinAll([first, second])
      assert.deepStrictEqual(seen, ["lease: first", "text: first", "lease: second", "text: second"])
    })
  )

  live(
    "when its connection is opened because another request has made room",
    Effect.gen(function*() {
      const { asked, url } = yield* server
      const other = yield* server
      const { note, seen } = stores()
      const inner = yield* Transport.Transport
      const pool = yield* poolWith({ connections: 1 }).pipe(
        Effect.provideService(Transport.Transport, {
          ...inner,
          open: (endpoint, timeouts) => Effect.zipLeft(inner.open(endpoint, timeouts), note("opened"))
        })
      )
      const asking = (base: string, path: string) =>
        Effect.zipRight(Effect.flatMap(pool.execute(get(base + path)), ({ text }) => text), note("text"))
      const first = yield* as("first", asking(url, "/first"))
      const { response } = yield* asked("/first")
      const second = yield* as("second", asking(other.url, "/now"))
      yield* until(pool, ({ waiting }) => waiting === 1)
      response.end("first")
      yield* Fiber.joinAll([first, second])
      assert.deepStrictEqual([...seen].sort(), ["opened: first", "opened: second", "text: first", "text: second"])
    })
  )

  live(
    "when another fiber closes its connection, or shuts the pool down",
    Effect.gen(function*() {
      const { asked, port, url } = yield* server
      const { note, seen } = stores()
      const connection = yield* HttpConnection.make({ host: "127.0.0.1", port })
      const failing = (effect: Effect.Effect<unknown, HttpError>, what: string) =>
        Effect.zipRight(
          Effect.ignore(effect),
          Effect.zipRight(note(what), Effect.zipRight(Effect.yieldNow(), note(what)))
        )
      const head = yield* as("head", failing(connection.execute(get("/closed")), "closed"))
      yield* asked("/closed")
      yield* Fiber.join(yield* as("closer", Effect.zipRight(connection.close, note("closer"))))
      yield* Fiber.join(head)
      const pool = yield* poolWith({ connectionsPerOrigin: 1 })
      const names = ["holder", "waiter 1", "waiter 2", "waiter 3"]
      const fibers: Array<Fiber.RuntimeFiber<void>> = []
      for (const name of names) fibers.push(yield* as(name, failing(pool.execute(get(`${url}/shut`)), "shut")))
      yield* until(pool, ({ waiting }) => waiting === 3)
      yield* asked("/shut")
      yield* Fiber.join(yield* as("shutter", pool.shutdown({ grace: 0 })))
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(
        [...seen].sort(),
        [
          "closed: head",
          "closed: head",
          "closer: closer",
          ...names.flatMap((name) => [`shut: ${name}`, `shut: ${name}`])
        ].sort()
      )
      yield* holds(pool, {})
    })
  )

  const limits: ReadonlyArray<readonly [kind: string, options: ConnectionPool.Options]> = [
    ["head", { timeouts: { head: 30 } }],
    ["total", { timeouts: { total: 30 } }],
    ["pool", { connectionsPerOrigin: 1, timeouts: { pool: 30 } }]
  ]
  for (const [kind, options] of limits) {
    live(
      `when the limit ${kind} of several callers expires at once`,
      Effect.gen(function*() {
        const { asked, url } = yield* server
        const pool = yield* poolWith(options)
        const { note, seen } = stores()
        if (kind === "pool") {
          yield* as("holder", Effect.ignore(pool.execute(get(`${url}/held`))))
          yield* asked("/held")
        }
        const failing = (path: string) =>
          Effect.gen(function*() {
            const error = yield* Effect.flip(pool.execute(get(url + path)))
            yield* note(error._tag === "HttpTimeout" ? error.kind : error._tag)
            yield* Effect.yieldNow()
            yield* note("later")
          })
        const names = ["a", "b", "c", "d"]
        const fibers: Array<Fiber.RuntimeFiber<unknown>> = []
        for (const name of names) fibers.push(yield* as(name, failing(`/${name}`)))
        yield* Fiber.joinAll(fibers)
        assert.deepStrictEqual([...seen].sort(), names.flatMap((name) => [`${kind}: ${name}`, `later: ${name}`]).sort())
      })
    )
  }

  live(
    "when the limits of a body and of an expected 100 expire",
    Effect.gen(function*() {
      const { asked, url } = yield* server
      const pool = yield* poolWith({ timeouts: { bodyIdle: 30, continue: 30 } })
      const { note, seen } = stores()
      // It sets the timers of the pool.
      yield* as("another", Effect.ignore(Effect.flatMap(pool.execute(get(`${url}/another`)), ({ text }) => text)))
      const another = yield* asked("/another")
      another.response.write("a")
      const idle = yield* as(
        "idle",
        Effect.zipRight(
          Effect.ignore(Effect.flatMap(pool.execute(get(`${url}/idle`)), ({ text }) => text)),
          note("idle")
        )
      )
      const { response } = yield* asked("/idle")
      response.write("a")
      const body = HttpBody.stream(Stream.fromEffect(Effect.as(note("piece"), Buffer.from("x"))))
      const held = yield* as(
        "held",
        Effect.zipRight(
          pool.execute(HttpRequest.put(`${url}/now/held`, { body, expectContinue: true })),
          note("held")
        )
      )
      yield* Fiber.joinAll([idle, held])
      assert.deepStrictEqual([...seen].sort(), ["held: held", "idle: idle", "piece: held"])
    })
  )

  live(
    "in the stream of its request's body, between all pieces, and in its finalizers when the connection breaks",
    Effect.gen(function*() {
      const { asked, url } = yield* server
      const pool = yield* poolWith()
      const { note, seen } = stores()
      yield* Fiber.join(yield* as("opener", Effect.flatMap(pool.execute(get(`${url}/now`)), ({ text }) => text)))
      const pieces = 64
      const stream = Stream.range(1, pieces).pipe(
        Stream.mapEffect(() => Effect.as(note("piece"), Buffer.alloc(262_144))),
        Stream.rechunk(1)
      )
      const upload = yield* as(
        "upload",
        Effect.flatMap(
          pool.execute(HttpRequest.put(`${url}/upload`, { body: HttpBody.stream(stream) })),
          ({ text }) => Effect.zipRight(text, note("text"))
        )
      )
      const { request, response } = yield* asked("/upload")
      // The client has to wait until the server reads.
      yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
      void bodyOf(request).then(() => response.end("done"))
      yield* Fiber.join(upload)
      assert.deepStrictEqual(seen, [...Array.from({ length: pieces }, () => "piece: upload"), "text: upload"])
      const begun = yield* Deferred.make<void>()
      const endless = Stream.ensuring(
        Stream.concat(
          Stream.make<[Uint8Array]>(Buffer.from("x")),
          Stream.drain(Stream.fromEffect(Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never)))
        ),
        note("finalizer")
      )
      const broken = yield* as(
        "broken",
        Effect.ignore(pool.execute(HttpRequest.put(`${url}/broken`, { body: HttpBody.stream(endless) })))
      )
      const cut = yield* asked("/broken")
      yield* Deferred.await(begun)
      cut.request.socket.destroy()
      yield* Fiber.join(broken)
      assert.strictEqual(seen.at(-1), "finalizer: broken")
    })
  )

  live(
    "when several readers of different callers wait for one response",
    Effect.gen(function*() {
      const { asked, url } = yield* server
      const pool = yield* poolWith()
      const { note, seen } = stores()
      const shared = yield* Deferred.make<Effect.Effect.Success<ReturnType<typeof pool.execute>>>()
      const asking = yield* as(
        "asking",
        Effect.flatMap(pool.execute(get(`${url}/x`)), (it) => Deferred.succeed(shared, it))
      )
      const { response } = yield* asked("/x")
      response.write("abc")
      yield* Fiber.join(asking)
      const { text } = yield* Deferred.await(shared)
      const names = ["a", "b", "c"]
      const fibers: Array<Fiber.RuntimeFiber<unknown>> = []
      for (const name of names) {
        fibers.push(yield* as(name, Effect.zipRight(text, Effect.zipRight(Effect.yieldNow(), note("text")))))
      }
      response.end("def")
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual([...seen].sort(), names.map((name) => `text: ${name}`))
    })
  )

  live(
    "on a scope's end that another caller begins",
    Effect.gen(function*() {
      const { asked, url } = yield* server
      const { note, seen } = stores()
      const scope = yield* Scope.make()
      const pool = yield* Scope.extend(poolWith(), scope)
      const fiber = yield* as("caller", Effect.zipRight(Effect.ignore(pool.execute(get(`${url}/x`))), note("ended")))
      yield* asked("/x")
      yield* Fiber.join(yield* as("ender", Scope.close(scope, yield* Effect.exit(Effect.void))))
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(seen, ["ended: caller"])
    })
  )
})
