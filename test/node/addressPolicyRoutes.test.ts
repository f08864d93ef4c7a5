/**
 * Where an address policy is asked: for redirects, for each answer of a resolver and each address in it, for targets behind proxies, by
 * every face and over every transport. Over real sockets, which count what reaches them.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import { join } from "node:path"
import * as AddressPolicy from "../../src/AddressPolicy.ts"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import { serviceOf } from "../../src/internal/effect/transport.ts"
import { makeDialer } from "../../src/internal/node/dialer.ts"
import * as Origin from "../../src/Origin.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as TestTransport from "../../src/TestTransport.ts"
import { type Service, Transport } from "../../src/Transport.ts"
import { spellings } from "../fixtures/detours.ts"
import { directory, serve } from "../fixtures/sockets.ts"
import { webServer } from "../fixtures/web.ts"
import { errorOf, faces, isRefused, listener, resolver, under, withOnePublic } from "./addressPolicyKit.ts"
import { contained, originOf, proxyAt, proxyServer } from "./poolKit.ts"

describe("a redirect", () => {
  /** Redirects to what the query says, with the status that it says. Listens on the address that is allowed. */
  const redirecting = Effect.suspend(() =>
    webServer((request, response) => {
      const query = new URL(request.url ?? "", "http://a.test").searchParams
      response.writeHead(Number(query.get("status")), { Location: query.get("to") ?? "" }).end()
    }, { host: "127.0.0.2" })
  )

  const follow = (location: string, status: number, method: "get" | "post" = "get") =>
    contained(Effect.gen(function*() {
      const { connections, port } = yield* listener
      const start = yield* redirecting
      const to = location.replaceAll("PORT", String(port)).replaceAll("START", String(start.port))
      const query = new URLSearchParams({ status: String(status), to })
      const exit = yield* Effect.flatMap(
        HttpClient.HttpClient,
        (client) => PooledHttpClient.followRedirects(client)[method](`http://127.0.0.2:${start.port}/?${query}`)
      ).pipe(
        Effect.provide(PooledHttpClient.layerWithoutTransport()),
        under(withOnePublic),
        Effect.exit
      )
      isRefused(errorOf(exit), "Yes")
      assert.strictEqual(connections.all.length, 0)
      assert.isAtLeast(start.connections.all.length, 1)
    }))

  for (const status of [301, 302, 303, 307, 308]) {
    for (const method of ["get", "post"] as const) {
      it.live(`with ${status} of a ${method} is not followed there`, () =>
        follow("http://127.0.0.1:PORT/", status, method))
    }
  }

  for (
    const location of [
      "//127.0.0.1:PORT/",
      "//2130706433:PORT/",
      "http://localhost:PORT/",
      "http://loopback.test:PORT/",
      "http://[::1]:PORT/",
      "http://[::ffff:7f00:1]:PORT/",
      "http://0x7f.1:PORT/",
      "http://127%2e0%2e0%2e1:PORT/",
      "http://%E2%91%A0%E2%91%A1%E2%91%A6.0.0.1:PORT/",
      "http://127.0.0.1:PORT\\@example.com/",
      "\\\\127.0.0.1:PORT\\",
      "https://127.0.0.1:PORT/",
      "http://169.254.169.254/latest/meta-data/",
      // Over one more redirect of the server that is allowed.
      "/?status=302&to=http%3A%2F%2F127.0.0.1%3APORT%2F",
      "http://127.0.0.2:START/?status=307&to=%2F%2Flocalhost%3APORT%2F"
    ]
  ) {
    it.live(`to ${location} is not followed`, () => follow(location, 302))
  }
})

describe("the answer of a resolver", () => {
  /** A listener on 127.0.0.1 that must not be reached, and a server at 127.0.0.2 with the same port, which is allowed. */
  const pair = Effect.gen(function*() {
    const allowed = yield* webServer((_request, response) => {
      response.writeHead(200, { Connection: "close" }).end("public")
    }, { host: "127.0.0.2" })
    const server = net.createServer((socket) => socket.destroy())
    const forbidden = yield* serve(server, "connection", { host: "127.0.0.1", port: allowed.port })
    return { allowed, forbidden, url: `http://name.test:${allowed.port}/` }
  })

  it.live("with public and private addresses: only the public ones are connected to, whatever the order", () =>
    contained(Effect.gen(function*() {
      const { allowed, forbidden, url } = yield* pair
      const orders = [["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"], ["::1", "127.0.0.1", "127.0.0.2"]]
      const { service } = resolver({ "name.test": orders })
      const pool = yield* under(withOnePublic, service)(ConnectionPool.make())
      for (const _ of orders) {
        assert.strictEqual(yield* Effect.flatMap(pool.execute(HttpRequest.get(url)), ({ text }) => text), "public")
      }
      assert.deepStrictEqual([allowed.connections.all.length, forbidden.connections.all.length], [3, 0])
    })))

  it.live("that changes between two lookups is checked each time", () =>
    contained(Effect.gen(function*() {
      const { allowed, forbidden, url } = yield* pair
      const { asked, service } = resolver({ "name.test": [["127.0.0.2"], ["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1"]] })
      const pool = yield* under(withOnePublic, service)(ConnectionPool.make())
      const text = Effect.flatMap(pool.execute(HttpRequest.get(url)), (response) => response.text)
      for (let times = 0; times < 2; times++) {
        assert.strictEqual(yield* text, "public")
        isRefused(errorOf(yield* Effect.exit(text)))
      }
      assert.strictEqual(asked.length, 4)
      assert.deepStrictEqual([allowed.connections.all.length, forbidden.connections.all.length], [2, 0])
    })))

  it.live("that was public when the program looked does not help", () =>
    contained(Effect.gen(function*() {
      const { forbidden, url } = yield* pair
      const { service } = resolver({ "name.test": [["127.0.0.2"], ["127.0.0.1"]] })
      const { addresses } = yield* service.lookup("name.test")
      assert.isTrue(Option.isNone(AddressPolicy.check(withOnePublic, addresses[0] ?? "")))
      const exit = yield* Effect.exit(under(withOnePublic, service)(Effect.scoped(faces.pool(url))))
      assert.strictEqual(isRefused(errorOf(exit)).address, "127.0.0.1")
      assert.strictEqual(forbidden.connections.all.length, 0)
    })))

  it.live("whose public address cannot be reached: the private one is no second attempt", () =>
    contained(Effect.gen(function*() {
      const { connections, port } = yield* serve(net.createServer(), "connection", { host: "127.0.0.1", port: 0 })
      for (
        const answer of [["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "::ffff:127.0.0.1"]]
      ) {
        const { service } = resolver({ "name.test": [answer] })
        const request = faces.connection(`http://name.test:${port}/`)
        const error = errorOf(yield* Effect.exit(under(withOnePublic, service)(Effect.scoped(request))))
        if (error._tag !== "ConnectError") return assert.fail(error.message)
        assert.deepStrictEqual(error.attempts.map(({ address }) => address), ["127.0.0.2"])
      }
      assert.strictEqual(connections.all.length, 0)
    })))

  it.live("of the system's own lookup is checked as well", () =>
    contained(Effect.gen(function*() {
      const { connections, port } = yield* listener
      const answers = ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0"]
      const transport = serviceOf(makeDialer({
        lookup: (_host, callback) => callback(null, [{ address: answers[0] ?? "" }, { address: answers[1] ?? "" }]),
        staggerMillis: 1
      }))
      for (; answers.length > 0; answers.shift()) {
        const exit = yield* Effect.scoped(faces.pool(`http://name.test:${port}/`)).pipe(
          Effect.provideService(Transport, transport),
          Effect.provideService(AddressPolicy.AddressPolicy, AddressPolicy.publicOnly),
          Effect.exit
        )
        isRefused(errorOf(exit))
      }
      assert.strictEqual(connections.all.length, 0)
    })))
})

describe("behind a proxy", () => {
  const loopback = { host: "127.0.0.1", port: 0 }

  /** Runs under `publicOnly` with a proxy on loopback, and gives the error and how often the proxy was asked. */
  const through = (
    request: (proxy: number, target: number) => Effect.Effect<unknown, unknown, Scope.Scope | Transport>
  ) =>
    Effect.gen(function*() {
      const target = yield* listener
      const { asked, server } = proxyServer()
      const proxy = yield* serve(server, "connection", loopback)
      const exit = yield* Effect.exit(under(AddressPolicy.publicOnly)(Effect.scoped(request(proxy.port, target.port))))
      assert.strictEqual(target.connections.all.length, 0)
      return { exit, asked, connections: proxy.connections.all.length }
    })

  const hosts = [
    ...spellings,
    ...["localhost", "LOCALHOST", "localhost.", "app.localhost", "ｌｏｃａｌｈｏｓｔ"].map((host) =>
      [host, host] as const
    )
  ]

  it.live("an address and localhost are refused before the proxy is connected to, for http and https", () =>
    contained(Effect.gen(function*() {
      for (const [, host] of hosts) {
        for (const scheme of ["http", "https"]) {
          const { connections, exit } = yield* through((proxy, target) =>
            Effect.flatMap(
              ConnectionPool.make({ proxy: proxyAt(proxy) }),
              (pool) => pool.execute(HttpRequest.get(`${scheme}://${host}:${target}/`))
            )
          )
          isRefused(errorOf(exit))
          assert.strictEqual(connections, 0)
        }
      }
    })))

  it.live("so is the far end of the tunnel of a connection, and the target of a lease", () =>
    contained(Effect.gen(function*() {
      for (
        const host of ["127.0.0.1", "0x7f.1", "::1", "::1%a_b", "::ffff:127.0.0.1", "localhost", "169.254.169.254"]
      ) {
        const tunnelled = yield* through((port, target) =>
          Effect.flatMap(
            HttpConnection.make({ host: "127.0.0.1", port, tunnel: { host, port: target } }),
            (connection) => connection.execute(HttpRequest.get("/"))
          )
        )
        isRefused(errorOf(tunnelled.exit))
        const leased = yield* through((proxy, port) =>
          Effect.gen(function*() {
            const pool = yield* ConnectionPool.make()
            const origin = Either.getOrThrow(Origin.make({ scheme: "https", host, port, proxy: proxyAt(proxy) }))
            const connection = yield* pool.lease(origin)
            return yield* connection.execute(HttpRequest.get("/"))
          })
        )
        isRefused(errorOf(leased.exit))
        assert.deepStrictEqual([tunnelled.connections, leased.connections], [0, 0])
      }
    })))

  it.live("a URL for the proxy that names another host than the origin is refused", () =>
    contained(Effect.gen(function*() {
      const origin = (proxy: number) => originOf("http://public.test", { proxy: proxyAt(proxy) })
      for (const host of ["127.0.0.1", "2130706433", "[::1]", "[::ffff:7f00:1]", "localhost", "169.254.169.254"]) {
        const byPool = yield* through((proxy, port) =>
          Effect.flatMap(
            ConnectionPool.make(),
            (pool) => pool.execute(HttpRequest.get(`http://${host}:${port}/`, { origin: origin(proxy) }))
          )
        )
        const byLease = yield* through((proxy, port) =>
          Effect.gen(function*() {
            const pool = yield* ConnectionPool.make()
            const connection = yield* pool.lease(origin(proxy))
            return yield* connection.execute(HttpRequest.get(`http://${host}:${port}/`))
          })
        )
        const bySteps = yield* through((proxy, port) =>
          Effect.gen(function*() {
            const pool = yield* ConnectionPool.make()
            const connection = yield* pool.lease(origin(proxy))
            yield* connection.request("GET", `http://${host}:${port}/`)
            return yield* connection.getResponse
          })
        )
        const byConnect = yield* through((proxy, port) =>
          Effect.gen(function*() {
            const pool = yield* ConnectionPool.make()
            return yield* pool.execute(HttpRequest.make("CONNECT", `${host}:${port}`, { origin: origin(proxy) }))
          })
        )
        for (const { asked, exit } of [byPool, byLease, bySteps, byConnect]) {
          isRefused(errorOf(exit))
          assert.deepStrictEqual(asked, [])
        }
      }
    })))

  it.live("a name is for the proxy to look up, and the proxy's own address is not checked", () =>
    contained(Effect.gen(function*() {
      const { asked } = yield* through((proxy, target) =>
        Effect.flatMap(
          ConnectionPool.make({ proxy: proxyAt(proxy) }),
          (pool) => pool.execute(HttpRequest.get(`http://name.invalid:${target}/`))
        )
      )
      assert.deepStrictEqual(asked.map(({ url }) => new URL(url).hostname), ["name.invalid"])
    })))
})

describe("a policy", () => {
  it.live("that allows the address lets it through, by every face", () =>
    contained(Effect.gen(function*() {
      const { connections, port } = yield* listener
      const policy = Either.getOrThrow(AddressPolicy.make({ allow: ["127.0.0.1", "::1"] }))
      for (const host of ["127.0.0.1", "[::1]", "loopback.test", "localhost"]) {
        for (const request of Object.values(faces)) {
          yield* under(policy)(Effect.scoped(request(`http://${host}:${port}/`)))
        }
      }
      assert.strictEqual(connections.all.length, 4 * Object.keys(faces).length)
    })))

  it.live("that denies an address refuses it, by every face", () =>
    contained(Effect.gen(function*() {
      const { connections, port } = yield* listener
      const policy = Either.getOrThrow(
        AddressPolicy.make({ base: AddressPolicy.allowAll, deny: ["127.0.0.0/8", "::1"] })
      )
      for (const host of ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "loopback.test", "mapped.test"]) {
        for (const request of Object.values(faces)) {
          const exit = yield* Effect.exit(under(policy)(Effect.scoped(request(`http://${host}:${port}/`))))
          assert.strictEqual(isRefused(errorOf(exit)).rule, "Deny")
        }
      }
      assert.strictEqual(connections.all.length, 0)
    })))

  it.live("comes from the context in which the layer of a client is made, not from that of the request", () =>
    contained(Effect.gen(function*() {
      const { connections, port } = yield* listener
      const get = HttpClient.get(`http://127.0.0.1:${port}/`)
      const layer = PooledHttpClient.layerWithoutTransport()
      const strict = Layer.provide(layer, AddressPolicy.layer(AddressPolicy.publicOnly))
      isRefused(errorOf(yield* Effect.exit(Effect.provide(get, strict))))
      isRefused(errorOf(
        yield* get.pipe(
          Effect.provideService(AddressPolicy.AddressPolicy, AddressPolicy.allowAll),
          Effect.provide(strict),
          Effect.exit
        )
      ))
      assert.strictEqual(connections.all.length, 0)
      yield* get.pipe(
        Effect.provideService(AddressPolicy.AddressPolicy, AddressPolicy.publicOnly),
        Effect.provide(layer)
      )
      assert.strictEqual(connections.all.length, 1)
    })))

  it.live("does not check a unix socket, which no URL can name", () =>
    contained(Effect.gen(function*() {
      const socketPath = join(yield* directory, "s")
      const { connections } = yield* webServer((_request, response) => void response.end("local"), { path: socketPath })
      const texts = yield* under(AddressPolicy.publicOnly)(Effect.scoped(Effect.gen(function*() {
        const pool = yield* ConnectionPool.make()
        const origin = Either.getOrThrow(Origin.make({ scheme: "http", host: "127.0.0.1", socketPath }))
        const pooled = yield* Effect.flatMap(pool.execute(HttpRequest.get("/", { origin })), ({ text }) => text)
        const connection = yield* HttpConnection.make({ socketPath })
        return [pooled, yield* Effect.flatMap(connection.execute(HttpRequest.get("/")), ({ text }) => text)]
      })))
      assert.deepStrictEqual([texts, connections.all.length], [["local", "local"], 2])
    })))

  it.live("is asked once for each request that it refuses: the pool and the retries repeat none", () =>
    contained(Effect.gen(function*() {
      const { asked, service } = resolver()
      const { port } = yield* listener
      const over = under(AddressPolicy.publicOnly, service)
      const url = `http://loopback.test:${port}/`
      const pool = yield* over(ConnectionPool.make())
      const retrying = ConnectionPool.retry(pool, { times: 3 })
      isRefused(errorOf(yield* Effect.exit(retrying.execute(HttpRequest.get(url)))))
      assert.strictEqual(asked.length, 1)
      const client = yield* PooledHttpClient.make.pipe(Effect.provideService(ConnectionPool.ConnectionPool, pool))
      for (
        const one of [
          PooledHttpClient.retry(client, { times: 3 }),
          HttpClient.retryTransient(client, { times: 3 })
        ]
      ) isRefused(errorOf(yield* Effect.exit(one.get(url))))
      assert.strictEqual(asked.length, 3)
    })))

  it.live("refuses each of many requests at once, with an error that names its own", () =>
    contained(Effect.gen(function*() {
      const { connections, port } = yield* listener
      const pool = yield* under(AddressPolicy.publicOnly)(ConnectionPool.make({ connectionsPerOrigin: 2 }))
      const exits = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, i) => HttpRequest.get(`http://loopback.test:${port}/${i}`)),
        (request) => Effect.exit(pool.execute(request)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        exits.map((exit) => isRefused(errorOf(exit)).context.path),
        exits.map((_, i) => `/${i}`)
      )
      assert.strictEqual(connections.all.length, 0)
      assert.deepInclude(yield* pool.stats, { idle: 0, busy: 0, connecting: 0, waiting: 0, opened: 0 })
    })))
})

describe("a transport that does not ask the policy", () => {
  const answering = TestTransport.connection(
    TestTransport.discardUntil("\r\n\r\n"),
    TestTransport.reply("HTTP/1.1 204 No Content\r\n\r\n")
  )

  it.effect("is not asked to open an address that is refused, and gets the check with every other endpoint", () =>
    Effect.scoped(Effect.gen(function*() {
      const script = yield* TestTransport.make([answering])
      const pool = yield* ConnectionPool.make().pipe(
        Effect.provideService(Transport, script),
        Effect.provideService(AddressPolicy.AddressPolicy, AddressPolicy.publicOnly)
      )
      for (const [, host] of spellings) {
        isRefused(errorOf(yield* Effect.exit(pool.execute(HttpRequest.get(`http://${host}/`)))))
      }
      assert.deepStrictEqual(script.opened, [])
      yield* pool.execute(HttpRequest.get("http://name.test/"))
      const [endpoint] = script.opened
      assert.strictEqual(endpoint?.addressing?.check?.("127.0.0.1", 80)?._tag, "AddressRefused")
      assert.isUndefined(endpoint?.addressing?.check?.("1.1.1.1", 80))
    })))

  it.effect("is given an order without the addresses that are refused, unless all are", () =>
    Effect.scoped(Effect.gen(function*() {
      const orders: Array<ReadonlyArray<string> | undefined> = []
      const script = yield* TestTransport.make([answering])
      const ordering: Service = {
        ...script,
        open: (endpoint, timeouts) => {
          for (const addresses of [["10.0.0.1", "2.2.2.2", "::1", "1.1.1.1"], ["10.0.0.1", "10.0.0.2"]]) {
            orders.push(endpoint.addressing?.order?.({ addresses, ttlMillis: undefined }))
          }
          return script.open(endpoint, timeouts)
        }
      }
      const pool = yield* ConnectionPool.make().pipe(
        Effect.provideService(Transport, ordering),
        Effect.provideService(AddressPolicy.AddressPolicy, AddressPolicy.publicOnly)
      )
      yield* pool.execute(HttpRequest.get("http://name.test/"))
      assert.deepStrictEqual(orders, [["2.2.2.2", "1.1.1.1"], ["10.0.0.1", "10.0.0.2"]])
    })))

  it.effect("gets no check where every address is allowed", () =>
    Effect.scoped(Effect.gen(function*() {
      const script = yield* TestTransport.make([answering])
      const pool = yield* Effect.provideService(ConnectionPool.make(), Transport, script)
      yield* Effect.exit(pool.execute(HttpRequest.get("http://127.0.0.1/")))
      assert.strictEqual(script.opened.length, 1)
      assert.isUndefined(script.opened[0]?.addressing)
    })))
})
