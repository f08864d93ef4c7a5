/** A pool through SOCKS proxies over sockets: what the proxy is asked, what the server sees, and everything that can go wrong. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as http from "node:http"
import { inspect } from "node:util"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import type { SocksReason } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Proxy from "../../src/Proxy.ts"
import { certificates } from "../fixtures/certificates.ts"
import { gone, serve, tcpServer, unusedPort } from "../fixtures/sockets.ts"
import type { SocksOptions } from "../fixtures/socksServer.ts"
import { socksServer } from "../fixtures/socksServer.ts"
import { bodyOf, secureWebServer, webServer } from "../fixtures/web.ts"
import { contained, holds, originOf, textOf, until, watched } from "./poolKit.ts"

const made = Effect.promise(certificates)
const loopback = { host: "127.0.0.1", port: 0 }
const credentials = { username: "me", password: "hunter2" }

const proxyOf = (port: number, options: Partial<Proxy.Options> = {}): Proxy.Proxy =>
  Either.getOrThrow(Proxy.make({ scheme: "socks5h", host: "127.0.0.1", port, ...options }))

/** Answers with what it was asked, and the fields that came. */
const mirror: http.RequestListener = (request, response) =>
  void bodyOf(request).then((body) =>
    response.end(JSON.stringify({ target: request.url, headers: request.headers, body }))
  )

const behind = (options: SocksOptions = {}) =>
  Effect.gen(function*() {
    const { ca, server: identity } = yield* made
    const { asked, clients, server } = socksServer(options)
    const proxy = yield* serve(server, "connection", loopback)
    const plain = yield* webServer(mirror)
    const secure = yield* secureWebServer(identity, mirror)
    return {
      ca,
      asked,
      clients,
      proxy,
      plain: { ...plain, url: `http://localhost:${plain.port}` },
      secure: { ...secure, url: `https://localhost:${secure.port}` }
    }
  })

const json = (pool: ConnectionPool.ConnectionPool, request: HttpRequest.HttpRequest) =>
  Effect.map(
    textOf(pool, request),
    (text) =>
      JSON.parse(text) as { readonly target: string; readonly headers: http.IncomingHttpHeaders; readonly body: string }
  )

describe("http and https through SOCKS", () => {
  it.live.each<readonly [Proxy.Scheme, 4 | 5, "ipv4" | "name"]>([
    ["socks5h", 5, "name"],
    ["socks5", 5, "ipv4"],
    ["socks4a", 4, "name"],
    ["socks4", 4, "ipv4"]
  ])(
    "%s is version %s, asked for a(n) %s; both are tunnelled in the origin form",
    ([scheme, version, kind]) =>
      contained(Effect.gen(function*() {
        const { asked, ca, plain, proxy, secure } = yield* behind()
        // `localhost` may be ::1 first, which SOCKS4 cannot name.
        const host = kind === "ipv4" && version === 5 ? "127.0.0.1" : "localhost"
        const pool = yield* ConnectionPool.make({ tls: { ca }, proxy: proxyOf(proxy.port, { scheme }) })
        for (const { port, url } of [plain, secure]) {
          const there = url.replace("localhost", host)
          for (let times = 0; times < 3; times++) {
            const { headers, target } = yield* json(pool, HttpRequest.get(`${there}/path?q=1`))
            assert.deepStrictEqual([target, headers.host], ["/path?q=1", `${host}:${port}`])
            assert.isUndefined(headers["proxy-authorization"])
            assert.isUndefined(headers.connection)
          }
        }
        const body = HttpBody.bytes(Buffer.from("a body"))
        assert.strictEqual(
          (yield* json(pool, HttpRequest.post(plain.url.replace("localhost", host), { body }))).body,
          "a body"
        )
        assert.deepStrictEqual(
          asked.map((one) => [one.version, one.kind, one.host, one.port, one.username]),
          [plain, secure].map(({ port }) => [
            version,
            kind,
            kind === "name" ? host : "127.0.0.1",
            port,
            version === 4 ? "" : undefined
          ])
        )
        assert.deepInclude(yield* pool.stats, { opened: 2, requests: 7, reused: 5 })
      }))
  )

  it.live("gives the credentials to the proxy alone", () =>
    contained(Effect.gen(function*() {
      const { asked, ca, plain, proxy, secure } = yield* behind({ credentials })
      const pool = yield* ConnectionPool.make({ tls: { ca }, proxy: proxyOf(proxy.port, { credentials }) })
      for (const { url } of [plain, secure]) {
        const { headers } = yield* json(pool, HttpRequest.get(url))
        assert.notMatch(JSON.stringify(headers), /hunter|proxy/)
      }
      assert.deepStrictEqual(asked.map(({ password, username }) => [username, password]), [
        ["me", "hunter2"],
        ["me", "hunter2"]
      ])
      assert.notMatch(JSON.stringify(yield* pool.stats) + inspect(pool), /hunter/)
    })))

  it.live("reaches the server that was asked for, and another one by another connection", () =>
    contained(Effect.gen(function*() {
      const { asked, proxy } = yield* behind()
      const servers = yield* Effect.all(
        [1, 2, 3].map((which) => webServer((_, response) => void response.end(String(which))))
      )
      const pool = yield* ConnectionPool.make({ proxy: proxyOf(proxy.port) })
      // By turns, so that a pool that kept one connection for all would answer for another one.
      for (let times = 0; times < 3; times++) {
        for (const [index, { port }] of servers.entries()) {
          assert.strictEqual(yield* textOf(pool, HttpRequest.get(`http://localhost:${port}/`)), String(index + 1))
        }
      }
      assert.deepStrictEqual(asked.map(({ port }) => port), servers.map(({ port }) => port))
      yield* holds(pool, { idle: 3 })
    })))

  it.live("keeps the kinds of proxies and their credentials apart", () =>
    contained(Effect.gen(function*() {
      const { asked, plain, proxy } = yield* behind()
      const pool = yield* ConnectionPool.make()
      const ways = [
        ...(["socks5h", "socks5", "socks4a", "socks4"] as const).map((scheme) => proxyOf(proxy.port, { scheme })),
        proxyOf(proxy.port, { credentials }),
        proxyOf(proxy.port, { credentials: { ...credentials, password: "other" } })
      ].map((one) => originOf(`http://127.0.0.1:${plain.port}`, { proxy: one }))
      for (let times = 0; times < 2; times++) {
        for (const origin of ways) yield* textOf(pool, HttpRequest.get("/", { origin }))
      }
      assert.strictEqual(asked.length, 6)
      yield* holds(pool, { idle: 6 })
    })))

  it.live("checks the certificate for the name that was asked for", () =>
    contained(Effect.gen(function*() {
      const { ca, proxy, secure } = yield* behind()
      const pool = yield* ConnectionPool.make({ tls: { ca }, proxy: proxyOf(proxy.port) })
      const error = yield* Effect.flip(pool.execute(HttpRequest.get(`https://far.test:${secure.port}/`)))
      assert.deepInclude(error, { _tag: "TlsError", reason: "HostnameMismatch", serverName: "far.test" })
      assert.deepInclude(error.context, { phase: "tls", peer: "Server", proxy: `127.0.0.1:${proxy.port}` })
    })))

  it.live("is read from the environment", () =>
    contained(Effect.gen(function*() {
      const { asked, ca, plain, proxy, secure } = yield* behind({ credentials })
      const settings = Either.getOrThrow(
        Proxy.fromEnv({
          ALL_PROXY: `socks5h://me:hunter2@127.0.0.1:${proxy.port}`,
          NO_PROXY: `localhost:${plain.port}`
        })
      )
      const pool = yield* ConnectionPool.make({ tls: { ca }, proxy: settings })
      yield* textOf(pool, HttpRequest.get(plain.url.replace("localhost", "127.0.0.1")))
      yield* textOf(pool, HttpRequest.get(secure.url))
      assert.deepStrictEqual(asked.map(({ host }) => host), ["127.0.0.1", "localhost"])
    })))
})

describe("a connection of its own through SOCKS", () => {
  it.live("executes and goes step by step, and says where its time went", () =>
    contained(Effect.gen(function*() {
      const { asked, ca, plain, proxy, secure } = yield* behind({ credentials })
      for (const [tls, { port }] of [[undefined, plain], [{ ca }, secure]] as const) {
        const connection = yield* HttpConnection.make({
          host: "localhost",
          port,
          tls,
          proxy: proxyOf(proxy.port, { credentials })
        })
        const response = yield* connection.execute(HttpRequest.get("/a"))
        assert.strictEqual((JSON.parse(yield* response.text) as { target: string }).target, "/a")
        assert.isNumber(response.timings.proxy)
        yield* connection.request("GET", "/b")
        const stepwise = yield* connection.getResponse
        assert.strictEqual((JSON.parse(yield* stepwise.text) as { target: string }).target, "/b")
        const refused = yield* Effect.flip(connection.setTunnel("far.test"))
        assert.deepInclude(refused, { _tag: "InvalidOption", option: "tunnel" })
      }
      assert.strictEqual(asked.length, 2)
    })))
})

describe("a SOCKS proxy that does not connect", () => {
  it.live.each<readonly [Proxy.Scheme, number, SocksReason]>([
    ["socks5h", 1, "GeneralFailure"],
    ["socks5h", 2, "NotAllowed"],
    ["socks5", 4, "HostUnreachable"],
    ["socks5h", 5, "Refused"],
    ["socks4a", 91, "Rejected"],
    ["socks4", 93, "IdentdMismatch"]
  ])("%s with code %s fails as %s", ([scheme, code, reason]) =>
    contained(Effect.gen(function*() {
      const { ca, plain, proxy, secure } = yield* behind({ refuse: () => code })
      const pool = yield* ConnectionPool.make({
        tls: { ca },
        proxy: proxyOf(proxy.port, { scheme }),
        connectRetryTime: 0,
        connectBackoff: 0
      })
      for (const { port, scheme: kind } of [{ ...plain, scheme: "http" }, { ...secure, scheme: "https" }]) {
        const error = yield* Effect.flip(pool.execute(HttpRequest.get(`${kind}://127.0.0.1:${port}/?q=hidden`)))
        assert.deepInclude(error, { _tag: "SocksError", reason, code, target: `127.0.0.1:${port}` })
        assert.deepInclude(error.context, {
          phase: "proxy",
          peer: "Proxy",
          fault: "Remote",
          processed: "No",
          requestState: "NotSent",
          proxy: `127.0.0.1:${proxy.port}`,
          origin: `${kind}://127.0.0.1:${port}`
        })
        assert.include(error.message, `The proxy 127.0.0.1:${proxy.port} `)
        assert.notMatch(error.message + inspect(error), /hidden/)
      }
      yield* holds(pool, {})
      yield* Effect.forEach(proxy.connections.all, gone, { discard: true })
      assert.strictEqual(plain.connections.all.length + secure.connections.all.length, 0)
    })))

  it.live("because of the credentials fails with ProxyAuthRequired, and shows none", () =>
    contained(Effect.gen(function*() {
      const { plain, proxy } = yield* behind({ credentials })
      const cases = [[undefined, "Required"], [{ username: "me", password: "hunter3" }, "Refused"]] as const
      for (const [given, socks] of cases) {
        const pool = yield* ConnectionPool.make({ proxy: proxyOf(proxy.port, { credentials: given }) })
        const error = yield* Effect.flip(pool.execute(HttpRequest.get(plain.url)))
        assert.deepInclude(error, { _tag: "ProxyAuthRequired", socks, challenges: [] })
        assert.deepInclude(error.context, { phase: "proxy", fault: "User", processed: "No", peer: "Proxy" })
        assert.notMatch(error.message + JSON.stringify(error) + inspect(error), /hunter/)
        yield* holds(pool, {})
      }
    })))

  it.live("because it does not run says that it is the proxy", () =>
    contained(Effect.gen(function*() {
      const port = yield* unusedPort
      const pool = yield* ConnectionPool.make({
        proxy: proxyOf(port, { credentials }),
        connectRetryTime: 0,
        connectBackoff: 0
      })
      const error = yield* Effect.flip(pool.execute(HttpRequest.get("http://far.test/")))
      assert.deepInclude(error, { _tag: "ConnectError", reason: "Refused", target: `127.0.0.1:${port}` })
      assert.include(error.message, "the proxy")
    })))

  it.live("because the address cannot be named in SOCKS4 fails before it is connected to", () =>
    contained(Effect.gen(function*() {
      const { proxy } = yield* behind()
      for (const scheme of ["socks4", "socks4a"] as const) {
        const pool = yield* ConnectionPool.make({ proxy: proxyOf(proxy.port, { scheme }) })
        const error = yield* Effect.flip(pool.execute(HttpRequest.get("http://[::1]:8080/")))
        assert.deepInclude(error, { _tag: "SocksError", reason: "InvalidTarget", target: "[::1]:8080" })
        assert.deepInclude(error.context, { fault: "User", processed: "No" })
      }
      assert.strictEqual(proxy.connections.all.length, 0)
    })))

  it.live("because it is another kind of server fails with what that said", () =>
    contained(Effect.gen(function*() {
      const plain = yield* webServer(mirror)
      const pool = yield* ConnectionPool.make({ proxy: proxyOf(plain.port) })
      const error = yield* Effect.flip(pool.execute(HttpRequest.get("http://far.test/")))
      assert.deepInclude(error, { _tag: "SocksError", reason: "NotSocks" }, error.message)
    })))

  it.live("in time fails by timeouts.proxy", () =>
    contained(Effect.gen(function*() {
      const silent = yield* tcpServer()
      const pool = yield* ConnectionPool.make({ proxy: proxyOf(silent.port), timeouts: { proxy: 50 } })
      const error = yield* Effect.flip(pool.execute(HttpRequest.get("http://far.test/")))
      assert.deepInclude(error, { _tag: "HttpTimeout", kind: "proxy" }, error.message)
      assert.deepInclude(error.context, { phase: "proxy", peer: "Proxy", processed: "No" })
      yield* holds(pool, {})
    })))
})

describe("a SOCKS tunnel that ends", () => {
  it.live("while it is idle is noticed at once, and the next request has another one", () =>
    contained(Effect.gen(function*() {
      const { asked, ca, clients, plain, proxy, secure } = yield* behind()
      const { onEvent, reasons } = watched()
      const pool = yield* ConnectionPool.make({ tls: { ca }, proxy: proxyOf(proxy.port), onEvent })
      for (const { url } of [plain, secure]) {
        for (let times = 0; times < 2; times++) {
          yield* textOf(pool, HttpRequest.get(url))
          yield* holds(pool, { idle: 1 })
          clients.at(-1)?.destroy()
          yield* until(pool, ({ idle }) => idle === 0)
        }
      }
      assert.deepStrictEqual(reasons(), ["Peer", "Peer", "Peer", "Peer"])
      assert.strictEqual(asked.length, 4)
    })))

  it.live("in the middle of a response cuts that short, and a proxy that died is told from the server", () =>
    contained(Effect.gen(function*() {
      const { clients, proxy } = yield* behind()
      const endless = yield* webServer((_, response) => {
        response.writeHead(200, { "Content-Length": 1000 }).write("begun")
      })
      const pool = yield* ConnectionPool.make({ proxy: proxyOf(proxy.port), connectRetryTime: 0, connectBackoff: 0 })
      const request = HttpRequest.get(`http://localhost:${endless.port}/`)
      const response = yield* pool.execute(request)
      proxy.raw.close()
      for (const client of clients) client.destroy()
      const cut = yield* Effect.flip(response.text)
      assert.include(["IncompleteRead", "ConnectionReset"], cut._tag)
      assert.deepInclude(cut.context, { phase: "body", processed: "Yes", proxy: `127.0.0.1:${proxy.port}` })
      assert.strictEqual((yield* Effect.flip(pool.execute(request)))._tag, "ConnectError")
    })))
})
