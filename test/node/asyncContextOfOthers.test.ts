/**
 * Callers keep their async context where another one ends what they wait for, or does it for them: openings, scopes, uploads, and the
 * reading that several of them share.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as zlib from "node:zlib"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import type { Transport } from "../../src/Transport.ts"
import { tcpServer, turnUntil } from "../fixtures/sockets.ts"
import { as, server, stores } from "./callers.ts"
import { until } from "./poolKit.ts"

type Test = Effect.Effect<unknown, unknown, Scope.Scope | Transport | HttpClient.HttpClient>

const layer = Layer.provideMerge(PooledHttpClient.layerWith({ shutdownGrace: 0 }), NodeTransport.layer)

const live = (name: string, test: Test) => it.live(name, () => Effect.scoped(test).pipe(Effect.provide(layer)))

/** Notes the context behind an effect, however that ends. */
const then = (effect: Effect.Effect<unknown, unknown>, note: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.zipRight(Effect.ignore(effect), Effect.zipRight(note, Effect.zipRight(Effect.yieldNow(), note)))

const twice = (...lines: ReadonlyArray<string>): ReadonlyArray<string> => lines.flatMap((line) => [line, line])

/** A stream that sends one piece and never ends. */
const endless = (finalizer: Effect.Effect<void>): Stream.Stream<Uint8Array> =>
  Stream.ensuring(
    Stream.concat(Stream.make<[Uint8Array]>(Buffer.from("x")), Stream.drain(Stream.fromEffect(Effect.never))),
    finalizer
  )

describe("a caller keeps its context", () => {
  live(
    "when another closes the connection that is being opened for it",
    Effect.gen(function*() {
      const { connections, port } = yield* tcpServer()
      const { note, seen } = stores()
      // The server says nothing, so the handshake goes on until it is given up.
      const connection = yield* HttpConnection.make({ host: "127.0.0.1", port, tls: true })
      const fiber = yield* as("opener", then(connection.execute(HttpRequest.get("/")), note("ended")))
      yield* connections.next
      yield* Fiber.join(yield* as("closer", connection.close))
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(seen, twice("ended: opener"))
    })
  )

  for (const timeouts of [{ tls: 30 }, { total: 30 }, { connect: 30, tls: 40, total: 50 }]) {
    live(
      `when the limits of several openings expire at once: ${Object.keys(timeouts).join(", ")}`,
      Effect.gen(function*() {
        const { connections, port } = yield* tcpServer()
        const { note, seen } = stores()
        const names = ["a", "b", "c"]
        const fibers: Array<Fiber.RuntimeFiber<void>> = []
        for (const name of names) {
          const connection = yield* HttpConnection.make({ host: "127.0.0.1", port, tls: true, timeouts })
          fibers.push(yield* as(name, then(connection.execute(HttpRequest.get("/")), note("ended"))))
        }
        yield* connections.until(() => connections.all.length === names.length)
        yield* Fiber.joinAll(fibers)
        assert.deepStrictEqual([...seen].sort(), twice(...names.map((name) => `ended: ${name}`)))
      })
    )
  }

  live(
    "and so do the finalizers of its request's body, when another ends the scope of its connection or of the pool",
    Effect.gen(function*() {
      const { asked, port, url } = yield* server
      const { note, seen } = stores()
      const uploading = (
        execute: (request: HttpRequest.HttpRequest) => Effect.Effect<unknown, unknown>,
        target: string
      ) =>
        then(
          execute(HttpRequest.put(target, { body: HttpBody.stream(endless(note("finalizer"))) })),
          note("ended")
        )
      const own = yield* Scope.make()
      const connection = yield* Scope.extend(HttpConnection.make({ host: "127.0.0.1", port }), own)
      const first = yield* as("first", uploading(connection.execute.bind(connection), "/first"))
      yield* asked("/first")
      yield* Fiber.join(yield* as("closer", Effect.zipRight(Scope.close(own, Exit.void), note("closed"))))
      yield* Fiber.join(first)
      const pool = yield* ConnectionPool.make({ shutdownGrace: 0 })
      const second = yield* as("second", uploading((request) => pool.execute(request), `${url}/second`))
      yield* asked("/second")
      yield* Fiber.join(yield* as("closer", Effect.zipRight(pool.shutdown({ grace: 0 }), note("shut"))))
      yield* Fiber.join(second)
      assert.deepStrictEqual(
        [...seen].sort(),
        [
          "closed: closer",
          ...twice("ended: first"),
          ...twice("ended: second"),
          "finalizer: first",
          "finalizer: second",
          "shut: closer"
        ]
      )
    })
  )

  live(
    "when another ends the scope of its request (`HttpClient.withScope`)",
    Effect.gen(function*() {
      const { asked, url } = yield* server
      const { note, seen } = stores()
      const client = HttpClient.withScope(yield* HttpClient.HttpClient)
      const scope = yield* Scope.make()
      const fiber = yield* as("caller", then(Scope.extend(client.get(`${url}/x`), scope), note("ended")))
      yield* asked("/x")
      yield* Fiber.join(yield* as("closer", Effect.zipRight(Scope.close(scope, Exit.void), note("closed"))))
      yield* Fiber.join(fiber)
      assert.deepStrictEqual([...seen].sort(), ["closed: closer", ...twice("ended: caller")])
    })
  )

  const shared: ReadonlyArray<
    readonly [name: string, client: (client: HttpClient.HttpClient) => HttpClient.HttpClient]
  > = [
    ["as it came", (client) => client],
    ["within MaxBodySize", HttpClient.transformResponse(HttpIncomingMessage.withMaxBodySize(Option.some(1000)))],
    ["decompressed", PooledHttpClient.decompress()]
  ]
  for (const [name, combinator] of shared) {
    live(
      `when it shares the reading of one response with others, ${name}`,
      Effect.gen(function*() {
        const { asked, url } = yield* server
        const { note, seen } = stores()
        const client = combinator(yield* HttpClient.HttpClient)
        const asking = yield* as("asking", client.execute(HttpClientRequest.get(`${url}/x`)))
        const { response } = yield* asked("/x")
        const bytes = zlib.gzipSync("the body of a response")
        response.writeHead(200, {
          "content-length": bytes.length,
          ...name === "decompressed" ? { "content-encoding": "gzip" } : {}
        })
        response.write(bytes.subarray(0, 12))
        const { text } = yield* Fiber.join(asking)
        const reading = name === "within MaxBodySize"
          ? HttpIncomingMessage.withMaxBodySize(text, Option.some(1000))
          : text
        const names = ["a", "b", "c"]
        const fibers: Array<Fiber.RuntimeFiber<void>> = []
        for (const name of names) fibers.push(yield* as(name, then(reading, note("text"))))
        response.end(bytes.subarray(12))
        yield* Fiber.joinAll(fibers)
        assert.deepStrictEqual([...seen].sort(), twice(...names.map((name) => `text: ${name}`)))
      })
    )
  }

  for (const [name, combinator] of shared) {
    live(
      `when the reading that it shares fails, or is another's that is interrupted, ${name}`,
      Effect.gen(function*() {
        const { asked, url } = yield* server
        const { note, seen } = stores()
        const client = combinator(yield* HttpClient.HttpClient)
        for (const how of ["cut", "interrupted"]) {
          const asking = yield* as("asking", client.execute(HttpClientRequest.get(`${url}/${how}`)))
          const { response } = yield* asked(`/${how}`)
          response.writeHead(200, {
            "content-length": 100,
            ...name === "decompressed" ? { "content-encoding": "gzip" } : {}
          })
          response.write(zlib.gzipSync("the body of a response").subarray(0, 12))
          const { text } = yield* Fiber.join(asking)
          const reading = name === "within MaxBodySize"
            ? HttpIncomingMessage.withMaxBodySize(text, Option.some(1000))
            : text
          const first = yield* as("first", reading)
          yield* Effect.yieldNow()
          const names = ["a", "b", "c"]
          const fibers: Array<Fiber.RuntimeFiber<void>> = []
          for (const name of names) fibers.push(yield* as(name, then(reading, note(how))))
          if (how === "cut") response.destroy()
          else yield* Fiber.interrupt(first)
          yield* Fiber.joinAll(fibers)
          yield* Fiber.await(first)
          assert.deepStrictEqual(seen.splice(0).sort(), twice(...names.map((name) => `${how}: ${name}`)))
        }
      })
    )
  }

  live(
    "when it reads the events of a pool as a stream",
    Effect.gen(function*() {
      const { url } = yield* server
      const { note, seen } = stores()
      const pool = yield* ConnectionPool.make({ shutdownGrace: 0 })
      const monitor = yield* as("monitor", Stream.runForEach(pool.events, () => note("event")))
      for (let turns = 0; turns < 10; turns++) yield* Effect.promise(() => new Promise<void>((go) => setImmediate(go)))
      for (const name of ["a", "b"]) {
        yield* Fiber.join(yield* as(name, Effect.flatMap(pool.execute(HttpRequest.get(`${url}/now`)), (it) => it.text)))
      }
      yield* turnUntil(() => seen.length > 8)
      yield* Fiber.interrupt(monitor)
      assert.deepStrictEqual([...new Set(seen)], ["event: monitor"])
    })
  )

  live(
    "when its turn comes because another was interrupted",
    Effect.gen(function*() {
      const { asked, url } = yield* server
      const { note, seen } = stores()
      const pool = yield* ConnectionPool.make({ shutdownGrace: 0, connectionsPerOrigin: 1 })
      const first = yield* as("first", pool.execute(HttpRequest.get(`${url}/first`)))
      yield* asked("/first")
      const second = yield* as(
        "second",
        then(Effect.flatMap(pool.execute(HttpRequest.get(`${url}/now`)), (it) => it.text), note("text"))
      )
      yield* until(pool, ({ waiting }) => waiting === 1)
      yield* Fiber.interrupt(first)
      yield* Fiber.join(second)
      assert.deepStrictEqual(seen, twice("text: second"))
    })
  )
})
