/** A pool over a name with several addresses: real servers on addresses of the loopback network, which only Linux has without a setup. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as http from "node:http"
import type * as net from "node:net"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Resolver from "../../src/Resolver.ts"
import { turn } from "../fixtures/sockets.ts"
import { contained, textOf, watched } from "./poolKit.ts"

const all = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6"] as const

/** A server that answers with its address, and counts. */
interface Backend {
  readonly address: string
  readonly port: number
  requests: number
  readonly connections: Set<net.Socket>
}

const backendAt = (address: string, port: number): Effect.Effect<Backend, Error, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<readonly [http.Server, Backend], Error>((resume) => {
        const server = http.createServer({ keepAliveTimeout: 0 }, (_, response) => {
          backend.requests++
          response.end(address)
        })
        const backend: Backend = { address, port, requests: 0, connections: new Set() }
        server.on("connection", (socket) => {
          backend.connections.add(socket)
          socket.on("close", () => backend.connections.delete(socket))
        })
        server.on("error", (error) => resume(Effect.fail(error)))
        server.listen(port, address, () => {
          const bound = server.address()
          resume(Effect.succeed([
            server,
            Object.assign(backend, { port: bound !== null && typeof bound === "object" ? bound.port : port })
          ]))
        })
      }),
      ([server]) =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    ),
    ([, backend]) => backend
  )

/** Servers with the same port on all of these addresses. */
const backends = (addresses: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const [first = "127.0.0.2", ...others] = addresses
    const one = yield* backendAt(first, 0)
    return [one, ...(yield* Effect.forEach(others, (address) => backendAt(address, one.port)))]
  })

const named = (addresses: () => ReadonlyArray<string>): Resolver.Service => ({
  lookup: () => Effect.sync(() => ({ addresses: addresses(), ttl: 0 }))
})

const poolOver = (addresses: () => ReadonlyArray<string>, options: ConnectionPool.Options) =>
  Effect.provideService(ConnectionPool.make(options), Resolver.Resolver, named(addresses))

const ask = (pool: ConnectionPool.ConnectionPool, port: number) =>
  textOf(pool, HttpRequest.get(`http://backends.test:${port}/`))

describe.runIf(process.platform === "linux")("a name with five addresses", () => {
  for (
    const [selection, concurrency, connectionsPerOrigin] of [
      ["newest", 40, 20],
      ["newest", 20, 20],
      ["oldest", 7, 20],
      ["leastUsed", 7, 20]
    ] as const
  ) {
    it.live(`gives no server more than 1.25 times its share: ${selection}, ${concurrency} at a time`, () =>
      contained(Effect.gen(function*() {
        const servers = yield* backends(all)
        const { port = 0 } = servers[0] ?? {}
        const pool = yield* poolOver(() => all, { connectionsPerOrigin, selection })
        yield* Effect.all(Array.from({ length: 20 }, () => ask(pool, port)), { concurrency: 20 })
        for (const server of servers) server.requests = 0
        yield* Effect.all(Array.from({ length: 5000 }, () => ask(pool, port)), { concurrency, discard: true })
        const counts = servers.map(({ requests }) => requests)
        assert.isAtMost(Math.max(...counts), 1250)
      })))
  }

  it.live("follows it under load: one server is removed and another added, and no request fails", () =>
    contained(Effect.gen(function*() {
      const added = "127.0.0.7"
      const removal = yield* Scope.make()
      const removed = yield* Scope.extend(backendAt(all[0], 0), removal)
      const { port } = removed
      const servers = yield* Effect.forEach([...all.slice(1), added], (address) => backendAt(address, port))
      let addresses: ReadonlyArray<string> = all
      const { onEvent, reasons } = watched()
      const pool = yield* poolOver(() => addresses, { connectionsPerOrigin: 20, followDns: "drain", onEvent })
      const texts = new Map<string, number>()
      let loaded = true
      const load = Effect.whileLoop({
        while: () => loaded,
        body: () => ask(pool, port),
        step: (text) => texts.set(text, (texts.get(text) ?? 0) + 1)
      })
      const fiber = yield* Effect.fork(Effect.all(Array.from({ length: 30 }, () => load), { concurrency: "unbounded" }))
      const when = (so: () => boolean) =>
        Effect.raceFirst(Effect.repeat(turn, { until: so }), Effect.flatMap(Fiber.join(fiber), () => Effect.void))
      yield* when(() => [removed, ...servers.slice(0, 4)].every(({ requests }) => requests > 100))
      assert.deepStrictEqual(reasons(), [])

      addresses = [...all.slice(1), added]
      yield* when(() => removed.connections.size === 0)
      yield* Scope.close(removal, Exit.void)
      const { requests } = removed
      yield* when(() => (servers[4]?.requests ?? 0) > 100)
      loaded = false
      yield* Fiber.join(fiber)

      assert.strictEqual(removed.requests, requests)
      assert.deepStrictEqual([...texts.keys()].sort(), [...all, added])
      assert.deepStrictEqual(reasons(), ["AddressGone", "AddressGone", "AddressGone", "AddressGone"])
      assert.deepStrictEqual(servers.map(({ connections }) => connections.size), [4, 4, 4, 4, 4])
    })))

  it.live("does without a server that refuses connections", () =>
    contained(Effect.gen(function*() {
      const servers = yield* backends(all.slice(1))
      const { port = 0 } = servers[0] ?? {}
      const { all: events, onEvent } = watched()
      const pool = yield* poolOver(() => all, { connectionsPerOrigin: 20, onEvent })
      // From the first connection on it is known, and rests.
      yield* ask(pool, port)
      yield* Effect.all(Array.from({ length: 500 }, () => ask(pool, port)), { concurrency: 40, discard: true })
      assert.deepStrictEqual(servers.map(({ connections }) => connections.size), [5, 5, 5, 5])
      assert.notInclude(events.map(({ _tag }) => _tag), "ConnectFailed")
    })))
})
