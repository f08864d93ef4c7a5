/** Where a request of a pool goes, what it asks for there, and which connections can stand for each other. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { ConnectionPool, Options } from "../../src/ConnectionPool.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Origin from "../../src/Origin.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as T from "../../src/TestTransport.ts"
import { contained, failsWith, getHead, ok } from "../connection/harness.ts"
import { get, holds, holdsNothing, poolOver, serving, textOf, watchedPool } from "./harness.ts"

const parts = { scheme: "http", host: "a.test" } as const
const make = (options: Origin.Parts & Origin.Options): Origin.Origin => Either.getOrThrow(Origin.make(options))
const at = (origin: Origin.Origin, target = "/"): HttpRequest.HttpRequest => HttpRequest.get(target, { origin })

const proxyOf = (host: string, options: Partial<Proxy.Options> = {}): Proxy.Proxy =>
  Either.getOrThrow(Proxy.make({ host, ...options }))

const secret = "s3cret"
const credentials = { username: "me", password: secret }
const basic = `Basic ${Buffer.from(`me:${secret}`).toString("base64")}`

/** Answers whatever is asked, twice. */
const any = T.connection(
  T.discardUntil("\r\n\r\n"),
  T.reply(ok("any")),
  T.discardUntil("\r\n\r\n"),
  T.reply(ok("any"))
)

describe("origins that differ in", () => {
  const https = { scheme: "https", host: "a.test" } as const
  const cases: ReadonlyArray<readonly [what: string, first: Origin.Origin, ...others: ReadonlyArray<Origin.Origin>]> = [
    [
      "host, port and scheme",
      make(parts),
      make({ ...parts, host: "b.test" }),
      make({ ...parts, port: 81 }),
      make(https)
    ],
    [
      "options of TLS",
      make(https),
      make({ ...https, tls: { serverName: "b.test" } }),
      make({ ...https, tls: { verify: false } }),
      make({ ...https, tls: { ca: "ca" } }),
      make({ ...https, tls: { cert: "cert", key: "key" } }),
      make({ ...https, tls: { cert: "cert", key: "other" } }),
      make({ ...https, tls: { minVersion: "TLSv1.3" } }),
      make({ ...https, tls: { alpn: [] } })
    ],
    [
      "local address",
      make(parts),
      make({ ...parts, localAddress: "127.0.0.1" }),
      make({ ...parts, localAddress: "127.0.0.2" })
    ],
    ["unix socket", make(parts), make({ ...parts, socketPath: "/a" }), make({ ...parts, socketPath: "/b" })],
    [
      "proxy",
      make(parts),
      make({ ...parts, proxy: proxyOf("p.test") }),
      make({ ...parts, proxy: proxyOf("q.test") }),
      make({ ...parts, proxy: proxyOf("p.test", { port: 81 }) }),
      make({ ...parts, proxy: proxyOf("p.test", { credentials }) }),
      make({ ...parts, proxy: proxyOf("p.test", { credentials: { ...credentials, password: "other" } }) }),
      make({ ...parts, proxy: proxyOf("p.test", { headers: { "X-Tenant": "a" } }) })
    ]
  ]
  for (const [what, ...origins] of cases) {
    it.effect(`${what} never share a connection, those that do not differ do`, () =>
      contained(Effect.gen(function*() {
        const { pool, transport } = yield* poolOver(origins.map(() => any))
        for (const origin of origins) yield* textOf(pool, at(origin))
        assert.strictEqual(transport.opened.length, origins.length)
        yield* holds(pool, { idle: origins.length })
        // Once more, made anew, and in another order.
        for (const { host, localAddress, port, proxy, scheme, socketPath, tls } of [...origins].reverse()) {
          const response = yield* pool.execute(at(make({ scheme, host, port, socketPath, localAddress, proxy, tls })))
          assert.isTrue(response.connection.reused)
        }
        assert.strictEqual(transport.opened.length, origins.length)
        yield* transport.verify
      })))
  }

  it.effect("nothing but how they are written share a connection", () =>
    contained(Effect.gen(function*() {
      const urls = ["http://a.test", "http://A.TEST/", "http://a.test:80/", "http://a.test/#x"]
      const { pool, transport } = yield* poolOver([serving(...urls.map(() => "/"), "/")])
      for (const url of urls) yield* textOf(pool, HttpRequest.get(url))
      yield* textOf(pool, at(make(parts)))
      assert.strictEqual(transport.opened.length, 1)
      yield* transport.verify
    })))
})

describe("the options of the pool", () => {
  it.effect("go with every URL, and not with an origin, which has its own", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([any, any, any, any], {
        tls: { serverName: "c.test" },
        localAddress: "127.0.0.2"
      })
      yield* pool.execute(HttpRequest.get("https://a.test/"))
      yield* pool.execute(get())
      yield* pool.execute(at(make({ ...parts, scheme: "https" })))
      yield* pool.execute(at(make(parts)))
      const seen = transport.opened.map(({ localAddress, tls }) => [localAddress, tls?.serverName, tls === undefined])
      assert.deepStrictEqual(seen, [
        ["127.0.0.2", "c.test", false],
        ["127.0.0.2", undefined, true],
        [undefined, undefined, false],
        [undefined, undefined, true]
      ])
    })))
})

/** One request through a proxy. */
const through = (
  options: Options,
  request: HttpRequest.HttpRequest,
  ...steps: ReadonlyArray<T.Step>
) =>
  contained(Effect.gen(function*() {
    const kit = yield* watchedPool([T.connection(...steps)], options)
    assert.strictEqual(yield* textOf(kit.pool, request), "ok")
    yield* kit.transport.verify
    yield* kit.pool.closeIdle
    yield* holdsNothing(kit)
    assert.notInclude(JSON.stringify(kit.events), secret)
    return kit.transport
  }))

describe("through a proxy", () => {
  const proxy = proxyOf("p.test:3128", { credentials, headers: { "X-Tenant": "a" } })
  const named = "Connection: X-Tenant, Proxy-Authorization\r\n"
  const fields = `X-Tenant: a\r\nProxy-Authorization: ${basic}\r\n`

  it.effect("http asks for the whole URL, and the proxy gets its fields", () =>
    Effect.gen(function*() {
      const transport = yield* through(
        { proxy },
        HttpRequest.get("http://a.test:8080/p?q=1#f", { headers: { Accept: "*/*" } }),
        T.expect(`GET http://a.test:8080/p?q=1 HTTP/1.1\r\nHost: a.test:8080\r\n${named}Accept: */*\r\n${fields}\r\n`),
        T.reply(ok("ok"))
      )
      assert.deepInclude(transport.opened[0], { host: "p.test", port: 3128, tls: undefined })
    }))

  it.effect("https opens a tunnel with the fields, then TLS with the name of the origin, and the origin gets none of them", () =>
    Effect.gen(function*() {
      const transport = yield* through(
        { proxy },
        HttpRequest.get("https://a.test/p?q=1"),
        T.expect(`CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n${fields}\r\n`),
        T.reply("HTTP/1.1 200 Connection established\r\n\r\n"),
        T.expect(getHead("/p?q=1")),
        T.reply(ok("ok"))
      )
      assert.deepInclude(transport.opened[0], { host: "p.test", port: 3128, tls: undefined })
      assert.deepStrictEqual(transport.secured.map(({ serverName }) => serverName), ["a.test"])
    }))

  it.effect("https uses the server name that is set", () =>
    Effect.gen(function*() {
      const transport = yield* through(
        { proxy: proxyOf("p.test"), tls: { serverName: "b.test" } },
        HttpRequest.get("https://a.test/"),
        T.expect("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n"),
        T.reply("HTTP/1.1 200 OK\r\n\r\n"),
        T.expect(getHead()),
        T.reply(ok("ok"))
      )
      assert.strictEqual(transport.secured[0]?.serverName, "b.test")
      assert.strictEqual(transport.secured[0]?.tls.serverName, "b.test")
    }))

  it.effect("a field of the request wins over that of the proxy", () =>
    through(
      { proxy },
      get("/", { headers: { "proxy-authorization": "Bearer x" } }),
      T.expect(
        `GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nConnection: Proxy-Authorization, X-Tenant\r\n`
          + "proxy-authorization: Bearer x\r\nX-Tenant: a\r\n\r\n"
      ),
      T.reply(ok("ok"))
    ))

  it.effect("the origin of a request has a proxy of its own, and the target may be a path", () =>
    Effect.gen(function*() {
      const transport = yield* through(
        { proxy: proxyOf("q.test") },
        at(make({ ...parts, proxy: proxyOf("p.test") }), "/p?q"),
        T.expect("GET http://a.test/p?q HTTP/1.1\r\nHost: a.test\r\n\r\n"),
        T.reply(ok("ok"))
      )
      assert.strictEqual(transport.opened[0]?.host, "p.test")
    }))

  it.effect("OPTIONS of the whole server has an empty path", () =>
    through(
      {},
      HttpRequest.options("*", { origin: make({ ...parts, proxy: proxyOf("p.test") }) }),
      T.expect("OPTIONS http://a.test HTTP/1.1\r\nHost: a.test\r\n\r\n"),
      T.reply(ok("ok"))
    ))

  it.effect("the connection is used again for the same origin, in a tunnel without a second CONNECT", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(
          T.discardUntil("\r\n\r\n"),
          T.reply("HTTP/1.1 200 OK\r\n\r\n"),
          T.expect(getHead("/1")),
          T.reply(ok("1")),
          T.expect(getHead("/2")),
          T.reply(ok("2"))
        )
      ], { proxy })
      assert.strictEqual(yield* textOf(pool, HttpRequest.get("https://a.test/1")), "1")
      const response = yield* pool.execute(HttpRequest.get("https://a.test/2"))
      assert.isTrue(response.connection.reused)
      assert.isUndefined(response.timings.proxy)
      yield* transport.verify
    })))

  it.effect("the settings choose, by scheme, and not for what is to be asked directly", () =>
    contained(Effect.gen(function*() {
      const settings: Proxy.Settings = {
        http: proxyOf("p.test"),
        https: undefined,
        bypass: Proxy.noProxy("b.test")
      }
      const { pool, transport } = yield* poolOver([any, any, any], { proxy: settings })
      for (const url of ["http://a.test/", "https://a.test/", "http://b.test/"]) {
        yield* pool.execute(HttpRequest.get(url))
      }
      assert.deepStrictEqual(transport.opened.map(({ host }) => host), ["p.test", "a.test", "b.test"])
      assert.include(transport.written(0), "GET http://a.test/ ")
      assert.include(transport.written(2), "GET / ")
    })))

  it.effect("the settings are asked for each request, also for an origin that was asked before", () =>
    contained(Effect.gen(function*() {
      const direct = [true, false, true]
      const asked: Array<string> = []
      const { pool, transport } = yield* poolOver([any, any], {
        proxy: {
          http: proxyOf("p.test"),
          https: undefined,
          bypass: ({ host }) => {
            asked.push(host)
            return direct[asked.length - 1] === true
          }
        }
      })
      for (const _ of direct) yield* textOf(pool, get())
      assert.deepStrictEqual(asked, ["a.test", "a.test", "a.test"])
      assert.deepStrictEqual(transport.opened.map(({ host }) => host), ["a.test", "p.test"])
    })))

  it.effect("a refusal of the proxy is typed, tells for which origin, and shows no credentials", () =>
    contained(Effect.gen(function*() {
      for (const [status, tag] of [[407, "ProxyAuthRequired"], [502, "ProxyConnectError"]] as const) {
        const kit = yield* watchedPool([
          T.connection(T.discardUntil("\r\n\r\n"), T.reply(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`))
        ], { proxy })
        const error = yield* failsWith(kit.pool.execute(HttpRequest.get("https://a.test/")), tag)
        assert.deepInclude(error.context, { origin: "https://a.test:443", phase: "proxy", processed: "No" })
        assert.notInclude(`${error.message} ${JSON.stringify([error, kit.events])}`, secret)
        assert.notInclude(JSON.stringify([error, kit.events]), basic)
        yield* holdsNothing(kit)
      }
    })))

  it.effect("a direct request has none of its fields", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([serving("/")], {
        proxy: { http: proxy, https: proxy, bypass: () => true }
      })
      assert.strictEqual(yield* textOf(pool, get()), "/")
      yield* transport.verify
    })))
})

describe("the target", () => {
  it.effect("of a request with an origin may be a path, or a URL of that origin", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([serving("/p?q", "/p", "/")])
      for (const target of ["/p?q", "http://a.test/p#f", "http://a.test"]) yield* textOf(pool, at(make(parts), target))
      yield* transport.verify
    })))

  it.effect("goes over a unix socket, where the origin says so, with the Host of the origin", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(T.expect("GET /info HTTP/1.1\r\nHost: docker\r\n\r\n"), T.reply(ok("ok")))
      ])
      yield* textOf(pool, at(make({ scheme: "http", host: "docker", socketPath: "/run/docker.sock" }), "/info"))
      assert.strictEqual(transport.opened[0]?.socketPath, "/run/docker.sock")
      assert.strictEqual((yield* pool.stats).origins[0]?.origin, "unix:/run/docker.sock")
      yield* transport.verify
    })))

  it.effect("is sent as a URL where the request asks for that, to the server itself", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(T.expect("GET http://a.test/p HTTP/1.1\r\nHost: a.test\r\n\r\n"), T.reply(ok("ok")))
      ])
      yield* textOf(pool, get("/p", { targetForm: "absolute" }))
      assert.strictEqual(transport.opened[0]?.host, "a.test")
      yield* transport.verify
    })))

  const origin = make(parts)
  const untyped = (target: unknown, of?: unknown): HttpRequest.HttpRequest =>
    HttpRequest.get(target as string, { origin: of as Origin.Origin })
  const wrong: ReadonlyArray<
    readonly [
      name: string,
      request: HttpRequest.HttpRequest,
      tag: HttpError["_tag"],
      detail: string,
      origin: string | undefined
    ]
  > = [
    ["a path without an origin", HttpRequest.get("/p"), "InvalidUrl", "url", undefined],
    ["nothing", HttpRequest.get(""), "InvalidUrl", "url", undefined],
    ["no http", HttpRequest.get("ftp://a.test/"), "UnsupportedScheme", "ftp", undefined],
    ["credentials", HttpRequest.get(`http://me:${secret}@a.test/`), "InvalidUrl", "userinfo", undefined],
    ["a space", HttpRequest.get(`http://a.test/ ${secret}`), "InvalidUrl", "url", undefined],
    ["a bad port", HttpRequest.get("http://a.test:99999/"), "InvalidUrl", "port", undefined],
    ["no string", untyped(undefined), "InvalidUrl", "target", undefined],
    ["a URL object", untyped(new URL("http://a.test/")), "InvalidUrl", "target", undefined],
    ["a number, with an origin", untyped(5, origin), "InvalidUrl", "target", undefined],
    [
      "an origin that is none",
      untyped("/", { scheme: "http", host: "a.test", port: 80 }),
      "InvalidOption",
      "origin",
      undefined
    ],
    ["another origin", at(origin, `http://b.test/?${secret}`), "InvalidUrl", "target", "http://a.test:80"],
    ["another scheme", at(origin, "https://a.test/"), "InvalidUrl", "target", "http://a.test:80"],
    ["a line feed in the path", at(origin, `/\n${secret}`), "InvalidUrl", "target", "http://a.test:80"],
    ["no path", at(origin, "p"), "InvalidUrl", "target", "http://a.test:80"],
    ["a bad method", HttpRequest.make("GE T", "http://a.test/"), "InvalidMethod", "", "http://a.test:80"],
    ["a bad method at an origin", HttpRequest.make("GE T", "/", { origin }), "InvalidMethod", "", "http://a.test:80"],
    ["a bad method and a bad URL", HttpRequest.make("GE T", "http://"), "InvalidMethod", "", undefined],
    ["a bad field", get("/", { headers: { "X-A": `a\n${secret}` } }), "InvalidHeaderValue", "X-A", "http://a.test:80"],
    ["the whole server, and not OPTIONS", at(origin, "*"), "InvalidUrl", "target", "http://a.test:80"]
  ]
  for (const [name, request, tag, detail, of] of wrong) {
    it.effect(`that cannot be is typed, and nothing is opened: ${name}`, () =>
      contained(Effect.gen(function*() {
        const { pool, transport } = yield* poolOver([])
        const error: HttpError = yield* failsWith(pool.execute(request), tag)
        const { context, message } = error
        assert.strictEqual(context.origin, of)
        assert.strictEqual(context.processed, "No")
        assert.include(JSON.stringify(error), detail)
        assert.notInclude(`${message} ${JSON.stringify(error)}`, secret)
        assert.strictEqual(transport.opened.length, 0)
        yield* holds(pool, {})
      })))
  }
})

const pools: ReadonlyArray<readonly [name: string, use: (pool: ConnectionPool) => Effect.Effect<unknown, HttpError>]> =
  [
    ["a request", (pool) => pool.execute(get())],
    ["a lease", (pool) => Effect.scoped(pool.lease(make(parts)))]
  ]
for (const [name, use] of pools) {
  it.effect(`${name} to an origin of which nothing is left, the pool remembers nothing`, () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([any, any])
      yield* use(kit.pool)
      yield* kit.pool.closeIdle
      assert.deepStrictEqual((yield* kit.pool.stats).origins, [])
      yield* holdsNothing(kit)
    })))
}
