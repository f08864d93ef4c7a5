/** A pool through a proxy that forwards and opens tunnels: what the proxy sees and what the server behind it, and what becomes of tunnels. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as http from "node:http"
import { inspect } from "node:util"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Proxy from "../../src/Proxy.ts"
import { certificates, type Identity } from "../fixtures/certificates.ts"
import { gone, serve, unusedPort } from "../fixtures/sockets.ts"
import { bodyOf, secureWebServer, webServer } from "../fixtures/web.ts"
import {
  type Asked,
  contained,
  holds,
  originOf,
  proxyServer,
  quietPort,
  retryTime,
  stage,
  textOf,
  until,
  watched
} from "./poolKit.ts"

const made = Effect.promise(certificates)
const loopback = { host: "127.0.0.1", port: 0 }

/** base64 of `me:secret`. */
const basic = "Basic bWU6c2VjcmV0"

const proxyOf = (port: number, options: Partial<Proxy.Options> = {}): Proxy.Proxy =>
  Either.getOrThrow(Proxy.make({ host: "127.0.0.1", port, ...options }))

const credentials = { username: "me", password: Redacted.make("secret") }

/** Answers with what it was asked, and the fields that came. */
const mirror: http.RequestListener = (request, response) =>
  void bodyOf(request).then((body) =>
    response.end(JSON.stringify({ target: request.url, headers: request.headers, body }))
  )

/** A proxy, and servers behind it. */
const behind = (options: { readonly refuse?: Parameters<typeof proxyServer>[0]; readonly identity?: Identity } = {}) =>
  Effect.gen(function*() {
    const { ca, server: identity } = yield* made
    const { asked, server, tunnels } = proxyServer(options.refuse)
    const proxy = yield* serve(server, "connection", loopback)
    const plain = yield* webServer(mirror)
    const secure = yield* secureWebServer(options.identity ?? identity, mirror)
    return {
      ca,
      asked,
      tunnels,
      proxy,
      plain: { ...plain, url: `http://127.0.0.1:${plain.port}` },
      secure: { ...secure, url: `https://127.0.0.1:${secure.port}` }
    }
  })

const parsed = (text: string) =>
  JSON.parse(text) as { readonly target: string; readonly headers: http.IncomingHttpHeaders; readonly body: string }

const json = (pool: ConnectionPool.ConnectionPool, request: HttpRequest.HttpRequest) =>
  Effect.map(textOf(pool, request), parsed)

describe("http through a proxy", () => {
  it.live("is forwarded: the proxy is asked in the absolute form, with credentials that are for it alone", () =>
    contained(Effect.gen(function*() {
      const { asked, plain, proxy } = yield* behind()
      const pool = yield* ConnectionPool.make({
        proxy: proxyOf(proxy.port, { credentials, headers: { "X-Tenant": "a" } })
      })
      for (let times = 0; times < 5; times++) {
        const { headers, target } = yield* json(pool, HttpRequest.get(`${plain.url}/path?q=1#top`))
        assert.deepStrictEqual([target, headers.host], ["/path?q=1", `127.0.0.1:${plain.port}`])
        assert.isUndefined(headers["proxy-authorization"])
        assert.isUndefined(headers["x-tenant"])
      }
      const body = HttpBody.bytes(Buffer.from("a body"))
      assert.strictEqual((yield* json(pool, HttpRequest.post(`${plain.url}/`, { body }))).body, "a body")
      assert.strictEqual(asked.length, 6)
      for (const { headers, url } of asked.slice(0, 5)) {
        assert.strictEqual(url, `${plain.url}/path?q=1`)
        assert.deepInclude(headers, {
          host: `127.0.0.1:${plain.port}`,
          "proxy-authorization": basic,
          "x-tenant": "a"
        })
      }
      assert.strictEqual(proxy.connections.all.length, 1)
      assert.deepInclude(yield* pool.stats, { opened: 1, requests: 6, reused: 5 })
    })))

  it.live("with the path of a request that has an origin of its own, and with OPTIONS for the whole server", () =>
    contained(Effect.gen(function*() {
      const { asked, plain, proxy } = yield* behind()
      const pool = yield* ConnectionPool.make()
      const origin = originOf(plain.url, { proxy: proxyOf(proxy.port) })
      assert.strictEqual((yield* json(pool, HttpRequest.get("/path?q", { origin }))).target, "/path?q")
      assert.strictEqual(asked[0]?.url, `${plain.url}/path?q`)
      // RFC 9112 section 3.2.4: a URL without a path, which the last proxy makes `*`.
      yield* textOf(pool, HttpRequest.options("*", { origin }))
      assert.deepInclude(asked[1], { method: "OPTIONS", url: plain.url })
    })))

  it.live("fails with ProxyAuthRequired where the proxy wants credentials, and keeps the connection", () =>
    contained(Effect.gen(function*() {
      const refuse = ({ headers }: Asked) =>
        headers["proxy-authorization"] === basic
          ? undefined
          : { status: 407, headers: { "Proxy-Authenticate": "Basic realm=\"proxy\"" } }
      const { plain, proxy } = yield* behind({ refuse })
      const pool = yield* ConnectionPool.make({ proxy: proxyOf(proxy.port) })
      const error = yield* Effect.flip(pool.execute(HttpRequest.get(plain.url)))
      if (error._tag !== "ProxyAuthRequired") return assert.fail(error.message)
      assert.deepStrictEqual(error.challenges, ["Basic realm=\"proxy\""])
      assert.strictEqual(Buffer.from(error.bodyPrefix).toString(), "refused")
      assert.deepInclude(error.context, { phase: "proxy", fault: "User", origin: plain.url, processed: "No" })
      yield* until(pool, ({ idle }) => idle === 1)
      // Another connection, because its credentials are others.
      const origin = originOf(plain.url, { proxy: proxyOf(proxy.port, { credentials }) })
      assert.strictEqual((yield* json(pool, HttpRequest.get("/", { origin }))).target, "/")
      yield* holds(pool, { idle: 2 })
    })))

  it.live("fails where the proxy cannot be reached, and says where that is", () =>
    contained(Effect.gen(function*() {
      const { plain, secure } = yield* behind()
      const port = yield* unusedPort
      const pool = yield* ConnectionPool.make({ proxy: proxyOf(port, { credentials }), connectRetryTime: retryTime })
      for (const { url } of [plain, secure]) {
        const error = yield* Effect.flip(pool.execute(HttpRequest.get(`${url}/?token=hidden`)))
        assert.deepInclude(error, { _tag: "ConnectError", reason: "Refused", target: `127.0.0.1:${port}` })
        assert.deepInclude(error.context, { origin: url, processed: "No" })
        assert.notMatch(error.message + JSON.stringify(error) + inspect(error), /secret|bWU6|hidden/)
      }
      yield* holds(pool, {})
      assert.strictEqual(plain.connections.all.length + secure.connections.all.length, 0)
    })))

  it.live("that goes while its connection is idle is noticed at once, and the next request fails or finds another", () =>
    contained(Effect.gen(function*() {
      const { plain } = yield* behind()
      const where = { host: "127.0.0.1", port: yield* quietPort }
      const proxy = yield* serve(proxyServer().server, "connection", where)
      const { onEvent, reasons } = watched()
      const pool = yield* ConnectionPool.make({
        proxy: proxyOf(proxy.port),
        onEvent,
        // The failure is to be told at once, and to no other request.
        connectRetryTime: 0,
        connectBackoff: 0
      })
      yield* textOf(pool, HttpRequest.get(plain.url))
      yield* ending(proxy.raw, proxy.connections.all)
      yield* until(pool, ({ idle }) => idle === 0)
      assert.deepStrictEqual(reasons(), ["Peer"])
      assert.strictEqual((yield* Effect.flip(pool.execute(HttpRequest.get(plain.url))))._tag, "ConnectError")
      yield* serve(proxyServer().server, "connection", where)
      yield* textOf(pool, HttpRequest.get(plain.url))
      assert.strictEqual((yield* pool.stats).retried, 0)
    })))
})

/** Ends a server and its connections. */
const ending = (
  server: { close(done: () => void): unknown },
  sockets: ReadonlyArray<{ destroy(): unknown }>
): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    server.close(() => resume(Effect.void))
    for (const socket of sockets) socket.destroy()
  })

describe("https through a proxy", () => {
  it.live("is tunnelled: credentials are in CONNECT alone, and the tunnel is used again", () =>
    contained(Effect.gen(function*() {
      const { asked, ca, proxy, secure } = yield* behind()
      const pool = yield* ConnectionPool.make({
        tls: { ca },
        connectionsPerOrigin: 3,
        proxy: proxyOf(proxy.port, { credentials, headers: { "X-Tenant": "a" } })
      })
      const seen = yield* Effect.forEach(
        Array.from({ length: 40 }),
        () => json(pool, HttpRequest.get(`${secure.url}/path?q=1`)),
        { concurrency: 10 }
      )
      for (const { headers, target } of seen) {
        assert.strictEqual(target, "/path?q=1")
        assert.isUndefined(headers["proxy-authorization"])
        assert.isUndefined(headers["x-tenant"])
      }
      assert.deepStrictEqual(
        asked.map(({ headers, method, url }) => [method, url, headers["proxy-authorization"], headers["x-tenant"]]),
        Array.from({ length: 3 }, () => ["CONNECT", `127.0.0.1:${secure.port}`, basic, "a"])
      )
      assert.strictEqual(secure.connections.all.length, 3)
      assert.deepInclude(yield* pool.stats, { opened: 3, requests: 40, reused: 37, idle: 3 })
    })))

  it.live("names the target to the proxy, which resolves it, and checks the certificate for that name", () =>
    contained(Effect.gen(function*() {
      const { nameOnly, otherName } = yield* made
      const { asked, ca, proxy, secure } = yield* behind({ identity: nameOnly })
      const pool = yield* ConnectionPool.make({ tls: { ca }, proxy: proxyOf(proxy.port) })
      // The proxy takes every name for this machine. Nobody else is asked.
      assert.strictEqual((yield* json(pool, HttpRequest.get(`https://localhost:${secure.port}/`))).target, "/")
      for (const name of ["127.0.0.1", "far.test"]) {
        const error = yield* Effect.flip(pool.execute(HttpRequest.get(`https://${name}:${secure.port}/`)))
        assert.deepInclude(error, { _tag: "TlsError", reason: "HostnameMismatch", serverName: name })
        assert.strictEqual(error.context.processed, "No")
      }
      assert.deepStrictEqual(
        asked.map(({ url }) => url),
        ["localhost", "127.0.0.1", "far.test"].map((name) => `${name}:${secure.port}`)
      )
      yield* holds(pool, { idle: 1 })
      const other = yield* secureWebServer(otherName, mirror)
      yield* json(pool, HttpRequest.get(`https://other.test:${other.port}/`))
      yield* holds(pool, { idle: 2 })
    })))

  it.live("fails with ProxyAuthRequired where the proxy wants credentials, and nothing is left; with them it works", () =>
    contained(Effect.gen(function*() {
      const challenges = { "Proxy-Authenticate": "Basic realm=\"proxy\"" }
      const refuse = ({ headers }: Asked) =>
        headers["proxy-authorization"] === basic ? undefined : { status: 407, headers: challenges }
      const { ca, proxy, secure, tunnels } = yield* behind({ refuse })
      const wrong = { username: "me", password: "other-secret" }
      const pool = yield* ConnectionPool.make({ tls: { ca }, connections: 2 })
      const through = (proxied: Proxy.Proxy) =>
        HttpRequest.get("/", { origin: originOf(secure.url, { tls: { ca }, proxy: proxied }) })
      const proxies = [proxyOf(proxy.port), proxyOf(proxy.port, { credentials: wrong })]
      yield* Effect.forEach(
        [...proxies, ...proxies, ...proxies].map(through),
        (request) =>
          Effect.map(Effect.flip(pool.execute(request)), (error) => {
            if (error._tag !== "ProxyAuthRequired") return assert.fail(error.message)
            assert.deepStrictEqual(error.challenges, ["Basic realm=\"proxy\""])
            assert.strictEqual(Buffer.from(error.bodyPrefix).toString(), "refused")
            assert.deepInclude(error.context, { phase: "proxy", origin: secure.url, processed: "No" })
            assert.notMatch(error.message + JSON.stringify(error) + inspect(error), /other-secret|Basic bWU6/)
          }),
        { concurrency: 4, discard: true }
      )
      yield* holds(pool, {})
      yield* Effect.forEach(proxy.connections.all, gone, { discard: true })
      assert.strictEqual(tunnels.length, 0)
      assert.strictEqual((yield* json(pool, through(proxyOf(proxy.port, { credentials })))).target, "/")
      yield* holds(pool, { idle: 1 })
    })))

  for (const status of [403, 502, 503]) {
    it.live(`fails with what the proxy says where it refuses: ${status}`, () =>
      contained(Effect.gen(function*() {
        const { ca, proxy, secure } = yield* behind({ refuse: () => ({ status, headers: {} }) })
        const pool = yield* ConnectionPool.make({ tls: { ca }, proxy: proxyOf(proxy.port) })
        const error = yield* Effect.flip(pool.execute(HttpRequest.get(secure.url)))
        assert.deepInclude(error, { _tag: "ProxyConnectError", status, reason: "Refused" })
        yield* holds(pool, {})
      })))
  }

  it.live("keeps tunnels with other credentials apart", () =>
    contained(Effect.gen(function*() {
      const { asked, ca, proxy, secure } = yield* behind()
      const pool = yield* ConnectionPool.make()
      const ways = [
        {},
        { credentials },
        { credentials: { username: "me", password: "other" } },
        { headers: { "X-Tenant": "a" } }
      ].map((options) => originOf(secure.url, { tls: { ca }, proxy: proxyOf(proxy.port, options) }))
      for (let times = 0; times < 3; times++) {
        for (const origin of ways) yield* textOf(pool, HttpRequest.get("/", { origin }))
      }
      assert.strictEqual(asked.length, 4)
      assert.strictEqual(
        new Set(asked.map(({ headers }) => `${headers["proxy-authorization"]} ${headers["x-tenant"]}`)).size,
        4
      )
      yield* holds(pool, { idle: 4 })
      // Whoever reads the counts learns of no credential.
      assert.notMatch(JSON.stringify(yield* pool.stats) + inspect(pool) + JSON.stringify(pool), /secret|other|bWU6/)
    })))

  for (const [who, which] of [["proxy", "tunnels"], ["server", "secure"]] as const) {
    it.live(`notices at once that the ${who} has closed an idle tunnel, and opens another`, () =>
      contained(Effect.gen(function*() {
        const { asked, ca, proxy, secure, tunnels } = yield* behind()
        const { onEvent, reasons } = watched()
        const pool = yield* ConnectionPool.make({ tls: { ca }, proxy: proxyOf(proxy.port), onEvent })
        for (let times = 1; times <= 3; times++) {
          yield* textOf(pool, HttpRequest.get(secure.url))
          yield* holds(pool, { idle: 1 })
          const socket = which === "tunnels" ? tunnels[times - 1] : secure.connections.all[times - 1]
          if (times === 2) socket?.destroy()
          else socket?.end()
          yield* until(pool, ({ idle }) => idle === 0)
        }
        assert.deepStrictEqual(reasons(), ["Peer", "Peer", "Peer"])
        assert.strictEqual(asked.length, 3)
        assert.strictEqual((yield* pool.stats).retried, 0)
      })))
  }

  it.live("sends a GET once more whose tunnel ends when it is on its way, and not a POST", () =>
    contained(Effect.gen(function*() {
      const { asked, ca, proxy, secure, tunnels } = yield* behind()
      const used = new Set<number>()
      const pool = yield* ConnectionPool.make({
        tls: { ca },
        proxy: proxyOf(proxy.port),
        onEvent: (event) => {
          if (event._tag === "Acquire" && event.reused) used.add(event.connection)
          // It is told before the bytes are written.
          if (event._tag === "Send" && used.delete(event.connection)) queueMicrotask(() => tunnels.at(-1)?.destroy())
        }
      })
      for (let times = 0; times < 5; times++) yield* textOf(pool, HttpRequest.get(secure.url))
      assert.deepInclude(yield* pool.stats, { opened: 5, requests: 9, retried: 4 })
      assert.strictEqual(asked.length, 5)
      const body = HttpBody.bytes(Buffer.from("a body"))
      const error = yield* Effect.flip(pool.execute(HttpRequest.post(secure.url, { body })))
      assert.strictEqual(error._tag, "StaleConnection", error.message)
      assert.deepInclude(error.context, { processed: "Unknown", resends: 0 })
      yield* holds(pool, {})
    })))

  it.live("fails where the proxy closes, or says more than it may, when it is asked for a tunnel", () =>
    contained(Effect.gen(function*() {
      const { ca } = yield* made
      const cases = [
        ["", "RemoteDisconnected"],
        ["HTTP/1.1 200 O", "IncompleteHeaders"],
        // What comes with the answer comes from the far end, which does not speak TLS then.
        ["HTTP/1.1 200 OK\r\n\r\nSSH-2.0-OpenSSH_9.2\r\n", "TlsError"],
        ["SSH-2.0-OpenSSH_9.2\r\n", "BadStatusLine"]
      ] as const
      for (const [answer, tag] of cases) {
        const server = yield* stage((socket) => socket.once("data", () => socket.end(answer)))
        const pool = yield* ConnectionPool.make({
          tls: { ca },
          proxy: proxyOf(server.port),
          connectRetryTime: retryTime
        })
        const errors = yield* Effect.forEach(
          Array.from({ length: 6 }),
          () => Effect.flip(pool.execute(HttpRequest.get("https://far.test/"))),
          { concurrency: 3 }
        )
        for (const error of errors) {
          assert.strictEqual(error._tag, tag, answer)
          const phase = tag === "TlsError" ? "tls" : "proxy"
          assert.deepInclude(error.context, { phase, processed: "No", requestState: "NotSent" })
          if (error._tag === "TlsError") assert.deepInclude(error, { reason: "NotTls", serverName: "far.test" })
        }
        yield* holds(pool, {})
        yield* server.closed
      }
    })))
})

describe("a lease through a proxy", () => {
  it.live("has a tunnel to https, which the next request uses again, without what is for the proxy", () =>
    contained(Effect.gen(function*() {
      const { asked, ca, proxy, secure } = yield* behind()
      const pool = yield* ConnectionPool.make()
      const origin = originOf(secure.url, { tls: { ca }, proxy: proxyOf(proxy.port, { credentials }) })
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* pool.lease(origin)
        yield* holds(pool, { busy: 1 })
        for (let times = 0; times < 2; times++) {
          const response = yield* connection.execute(HttpRequest.get("/path"))
          const { headers, target } = parsed(yield* response.text)
          assert.deepStrictEqual([target, headers["proxy-authorization"]], ["/path", undefined])
        }
      }))
      yield* holds(pool, { idle: 1 })
      yield* textOf(pool, HttpRequest.get("/", { origin }))
      assert.deepStrictEqual(asked.map(({ method }) => method), ["CONNECT"])
    })))

  it.live("has its requests for http forwarded, with what is for the proxy", () =>
    contained(Effect.gen(function*() {
      const { asked, plain, proxy } = yield* behind()
      const pool = yield* ConnectionPool.make()
      const origin = originOf(plain.url, { proxy: proxyOf(proxy.port, { credentials }) })
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* pool.lease(origin)
        const response = yield* connection.execute(HttpRequest.get("/path"))
        assert.strictEqual(parsed(yield* response.text).target, "/path")
        yield* connection.request("GET", "/steps")
        const stepwise = yield* connection.getResponse
        assert.strictEqual(parsed(yield* stepwise.text).target, "/steps")
      }))
      yield* holds(pool, { idle: 1 })
      assert.deepStrictEqual(
        asked.map(({ headers, url }) => [url, headers["proxy-authorization"]]),
        ["/path", "/steps"].map((path) => [`${plain.url}${path}`, basic])
      )
    })))
})

describe("settings of proxies", () => {
  const settings = (http: number, https: number, bypass: string): Proxy.Settings => ({
    http: proxyOf(http),
    https: proxyOf(https),
    bypass: Proxy.noProxy(bypass)
  })
  const both: Effect.Effect<
    readonly [Effect.Effect.Success<ReturnType<typeof behind>>, Effect.Effect.Success<ReturnType<typeof behind>>],
    never,
    Scope.Scope
  > = Effect.all([behind(), behind()])

  it.live("choose a proxy by the scheme", () =>
    contained(Effect.gen(function*() {
      const [one, two] = yield* both
      const proxy = settings(one.proxy.port, two.proxy.port, "")
      const pool = yield* ConnectionPool.make({ tls: { ca: one.ca }, proxy })
      yield* textOf(pool, HttpRequest.get(one.plain.url))
      yield* textOf(pool, HttpRequest.get(one.secure.url))
      assert.deepStrictEqual([one.asked.length, two.asked.length], [1, 1])
      assert.deepStrictEqual([one.asked[0]?.method, two.asked[0]?.method], ["GET", "CONNECT"])
    })))

  it.live("let an origin be asked directly, in the origin form and without what is for the proxy", () =>
    contained(Effect.gen(function*() {
      const [one, two] = yield* both
      const proxy: Proxy.Settings = {
        http: proxyOf(one.proxy.port, { credentials }),
        https: proxyOf(one.proxy.port, { credentials }),
        bypass: Proxy.noProxy(`127.0.0.1:${two.plain.port},127.0.0.1:${two.secure.port}`)
      }
      const pool = yield* ConnectionPool.make({ tls: { ca: one.ca }, proxy })
      for (let times = 0; times < 3; times++) {
        for (const { url } of [two.plain, two.secure]) {
          const { headers, target } = yield* json(pool, HttpRequest.get(`${url}/direct`))
          assert.strictEqual(target, "/direct")
          assert.isUndefined(headers["proxy-authorization"])
          assert.isUndefined(headers["via"])
        }
      }
      assert.deepStrictEqual([one.asked, one.proxy.connections.all], [[], []])
      assert.deepStrictEqual([two.plain.connections.all.length, two.secure.connections.all.length], [1, 1])
      yield* textOf(pool, HttpRequest.get(one.plain.url))
      assert.strictEqual(one.asked.length, 1)
    })))

  it.live("read from the environment", () =>
    contained(Effect.gen(function*() {
      const [one, two] = yield* both
      const proxy = Either.getOrThrow(Proxy.fromEnv({
        http_proxy: `http://me:secret@127.0.0.1:${one.proxy.port}`,
        https_proxy: `http://127.0.0.1:${two.proxy.port}`,
        no_proxy: `127.0.0.1:${two.plain.port}`
      }))
      const pool = yield* ConnectionPool.make({ tls: { ca: one.ca }, proxy })
      yield* textOf(pool, HttpRequest.get(one.plain.url))
      yield* textOf(pool, HttpRequest.get(one.secure.url))
      yield* textOf(pool, HttpRequest.get(two.plain.url))
      assert.deepStrictEqual(one.asked.map(({ headers }) => headers["proxy-authorization"]), [basic])
      assert.deepStrictEqual(two.asked.map(({ headers }) => headers["proxy-authorization"]), [undefined])
    })))

  it.live("do not touch a request that has an origin of its own", () =>
    contained(Effect.gen(function*() {
      const { asked, plain, proxy } = yield* behind()
      const pool = yield* ConnectionPool.make({ proxy: proxyOf(proxy.port) })
      assert.strictEqual((yield* json(pool, HttpRequest.get("/own", { origin: originOf(plain.url) }))).target, "/own")
      assert.strictEqual(asked.length, 0)
      // And it shares nothing with one that goes through the proxy.
      yield* textOf(pool, HttpRequest.get(plain.url))
      yield* holds(pool, { idle: 2 })
    })))
})
