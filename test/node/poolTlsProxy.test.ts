/** A pool through a proxy over TLS: TLS inside TLS for https, forwarding over TLS for http, and whose certificate it is that fails. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as http from "node:http"
import type * as https from "node:https"
import type * as net from "node:net"
import * as tls from "node:tls"
import { inspect } from "node:util"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Proxy from "../../src/Proxy.ts"
import { certificates } from "../fixtures/certificates.ts"
import { serve, tcpServer, unusedPort } from "../fixtures/sockets.ts"
import {
  answerDigest,
  bodyOf,
  digestOf,
  digestOfBody,
  secureWebServer,
  sendPieces,
  streamOf,
  webServer
} from "../fixtures/web.ts"
import { contained, holds, originOf, proxyServer, textOf, until, watched } from "./poolKit.ts"

const made = Effect.promise(certificates)
const loopback = { host: "127.0.0.1", port: 0 }
const credentials = { username: "me", password: "hunter2" }
/** base64 of `me:hunter2`. */
const basic = "Basic bWU6aHVudGVyMg=="

const proxyOf = (port: number, options: Partial<Proxy.Options> = {}): Proxy.Proxy =>
  Either.getOrThrow(Proxy.make({ scheme: "https", host: "localhost", port, ...options }))

/** Answers with what it was asked, and the fields that came. */
const mirror: http.RequestListener = (request, response) =>
  void bodyOf(request).then((body) =>
    response.end(JSON.stringify({ target: request.url, headers: request.headers, body }))
  )

/** A proxy over TLS, and servers behind it. */
const behind = (options: { readonly proxy?: https.ServerOptions; readonly origin?: https.ServerOptions } = {}) =>
  Effect.gen(function*() {
    const { ca, server: identity } = yield* made
    const { asked, server, tunnels } = proxyServer(undefined, { ...identity, ...options.proxy })
    const names: Array<string | false> = []
    server.on(
      "secureConnection",
      (socket: tls.TLSSocket & { readonly servername?: string | false }) => names.push(socket.servername ?? false)
    )
    const proxy = yield* serve(server, "secureConnection", loopback)
    const plain = yield* webServer(mirror)
    const secure = yield* secureWebServer({ ...identity, ...options.origin }, mirror)
    return {
      ca,
      asked,
      names,
      tunnels,
      proxy,
      plain: { ...plain, url: `http://127.0.0.1:${plain.port}` },
      secure: { ...secure, url: `https://localhost:${secure.port}` }
    }
  })

const json = (pool: ConnectionPool.ConnectionPool, request: HttpRequest.HttpRequest) =>
  Effect.map(
    textOf(pool, request),
    (text) => JSON.parse(text) as { readonly target: string; readonly headers: http.IncomingHttpHeaders }
  )

describe("through a proxy over TLS", () => {
  it.live("http is forwarded in the absolute form over TLS, with what is for the proxy alone", () =>
    contained(Effect.gen(function*() {
      const { asked, ca, names, plain, proxy } = yield* behind()
      const pool = yield* ConnectionPool.make({
        proxy: proxyOf(proxy.port, { tls: { ca }, credentials, headers: { "X-Tenant": "a" } })
      })
      for (let times = 0; times < 3; times++) {
        const { headers, target } = yield* json(pool, HttpRequest.get(`${plain.url}/path?q=1`))
        assert.deepStrictEqual([target, headers["proxy-authorization"], headers["x-tenant"]], [
          "/path?q=1",
          undefined,
          undefined
        ])
      }
      for (const { headers, method, url } of asked) {
        assert.deepStrictEqual([method, url], ["GET", `${plain.url}/path?q=1`])
        assert.deepInclude(headers, { "proxy-authorization": basic, "x-tenant": "a" })
      }
      assert.deepStrictEqual(names, ["localhost"])
      assert.deepInclude(yield* pool.stats, { opened: 1, requests: 3 })
    })))

  it.live("https is tunnelled, TLS inside TLS, each under its own name", () =>
    contained(Effect.gen(function*() {
      const { asked, ca, names, proxy, secure } = yield* behind()
      const pool = yield* ConnectionPool.make({ tls: { ca }, proxy: proxyOf(proxy.port, { tls: { ca }, credentials }) })
      for (let times = 0; times < 3; times++) {
        const { headers, target } = yield* json(pool, HttpRequest.get(`${secure.url}/path`))
        assert.deepStrictEqual([target, headers["proxy-authorization"]], ["/path", undefined])
      }
      assert.deepStrictEqual(asked.map(({ headers, method, url }) => [method, url, headers["proxy-authorization"]]), [
        ["CONNECT", `localhost:${secure.port}`, basic]
      ])
      assert.deepStrictEqual(names, ["localhost"])
      yield* holds(pool, { idle: 1 })
    })))

  it.live("megabytes go both ways, and end where they end", () =>
    contained(Effect.gen(function*() {
      const length = 3_000_001
      const { ca, server: identity } = yield* made
      const { proxy } = yield* behind()
      const far = yield* secureWebServer(identity, (request, response) =>
        request.method === "POST" ? answerDigest(request, response) : sendPieces(length, response))
      const pool = yield* ConnectionPool.make({ tls: { ca }, proxy: proxyOf(proxy.port, { tls: { ca } }) })
      const url = `https://localhost:${far.port}/`
      const body = HttpBody.stream(streamOf(length))
      assert.strictEqual(yield* textOf(pool, HttpRequest.post(url, { body })), digestOf(length))
      const response = yield* pool.execute(HttpRequest.get(url))
      assert.strictEqual(yield* digestOfBody(response), digestOf(length))
    })))

  it.live("HttpConnection has both, and the time with the proxy is told from that with the server", () =>
    contained(Effect.gen(function*() {
      const { ca, plain, proxy, secure } = yield* behind()
      for (const [tls, { port }] of [[undefined, plain], [{ ca }, secure]] as const) {
        const connection = yield* HttpConnection.make({
          host: "localhost",
          port,
          proxy: proxyOf(proxy.port, { tls: { ca } }),
          ...(tls && { tls })
        })
        const response = yield* connection.execute(HttpRequest.get("/a"))
        assert.include(yield* response.text, "\"/a\"")
        assert.isNumber(response.timings.proxy)
        assert.strictEqual(typeof response.timings.tls, tls === undefined ? "undefined" : "number")
      }
    })))

  for (const [how, ends] of [["close_notify", true], ["a FIN alone", false]] as const) {
    it.live(`a body without a length that ends by ${how} is ${ends ? "whole" : "cut short"}`, () =>
      contained(Effect.gen(function*() {
        const { ca, server: identity } = yield* made
        const { proxy } = yield* behind()
        const far = yield* serve(
          tls.createServer(identity, (socket) => {
            socket.on("error", () => {})
            socket.once("data", () => {
              socket.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbody", () => {
                if (ends) socket.end()
                // The socket below TLS.
                else (socket as unknown as { readonly _parent: net.Socket })._parent.end()
              })
            })
          }),
          "secureConnection",
          loopback
        )
        const pool = yield* ConnectionPool.make({ tls: { ca }, proxy: proxyOf(proxy.port, { tls: { ca } }) })
        const response = yield* pool.execute(HttpRequest.get(`https://localhost:${far.port}/`))
        const result = yield* Effect.either(response.text)
        assert.strictEqual(Either.isRight(result), ends)
        if (Either.isLeft(result)) assert.strictEqual(result.left._tag, "IncompleteRead")
      })))
  }
})

describe("a certificate", () => {
  it.live("of the proxy is not trusted because that of the server is, nor the other way round", () =>
    contained(Effect.gen(function*() {
      const { ca, plain, proxy, secure } = yield* behind()
      const cases = [
        [secure.url, { ca }, undefined, "Proxy"],
        [secure.url, undefined, { ca }, "Server"],
        [secure.url, { verify: false }, undefined, "Proxy"],
        [secure.url, undefined, { verify: false }, "Server"],
        [plain.url, { ca }, undefined, "Proxy"]
      ] as const
      for (const [url, ofServer, ofProxy, peer] of cases) {
        const pool = yield* ConnectionPool.make({ tls: ofServer, proxy: proxyOf(proxy.port, { tls: ofProxy }) })
        const error = yield* Effect.flip(pool.execute(HttpRequest.get(url)))
        assert.deepInclude(
          error,
          { _tag: "TlsError", reason: "UntrustedIssuer", serverName: "localhost" },
          error.message
        )
        assert.deepInclude(error.context, { phase: "tls", peer, processed: "No", proxy: `localhost:${proxy.port}` })
        assert.strictEqual(
          error.message.startsWith("TLS with the proxy \"localhost\""),
          peer === "Proxy",
          error.message
        )
        yield* holds(pool, {})
      }
    })))

  it.live("of the proxy that is for another name, and one that `serverName` asks for", () =>
    contained(Effect.gen(function*() {
      const { otherName } = yield* made
      const { ca, names, plain, proxy, secure } = yield* behind({ proxy: otherName })
      for (const url of [plain.url, secure.url]) {
        const wrong = yield* ConnectionPool.make({ tls: { ca }, proxy: proxyOf(proxy.port, { tls: { ca } }) })
        const error = yield* Effect.flip(wrong.execute(HttpRequest.get(url)))
        assert.deepInclude(error, { _tag: "TlsError", reason: "HostnameMismatch", serverName: "localhost" })
        assert.strictEqual(error.context.peer, "Proxy")
        const right = yield* ConnectionPool.make({
          tls: { ca },
          proxy: proxyOf(proxy.port, { tls: { ca, serverName: "other.test" } })
        })
        yield* textOf(right, HttpRequest.get(url))
      }
      assert.deepStrictEqual(names.filter((name) => name === "other.test").length, 2)
    })))

  it.live("of the client goes to the one that it is for", () =>
    contained(Effect.gen(function*() {
      const { ca, client } = yield* made
      const { plain, proxy, secure } = yield* behind({ proxy: { ca, requestCert: true, rejectUnauthorized: true } })
      for (const url of [plain.url, secure.url]) {
        const pool = yield* ConnectionPool.make({ tls: { ca }, proxy: proxyOf(proxy.port, { tls: { ca, ...client } }) })
        yield* textOf(pool, HttpRequest.get(url))
        const others = yield* ConnectionPool.make({
          tls: { ca, ...client },
          proxy: proxyOf(proxy.port, { tls: { ca } }),
          connectRetryTime: 0,
          connectBackoff: 0
        })
        const error = yield* Effect.flip(others.execute(HttpRequest.get(url)))
        assert.strictEqual(error.context.peer, "Proxy", error.message)
        assert.include(["TlsError", "RemoteDisconnected", "ReadError", "WriteError"], error._tag)
        assert.notMatch(inspect(error), /PRIVATE KEY/)
      }
    })))
})

describe("a proxy over TLS", () => {
  it.live("that speaks no TLS, and one that is not there", () =>
    contained(Effect.gen(function*() {
      const { ca } = yield* made
      const { plain, secure } = yield* behind()
      const clear = yield* serve(proxyServer().server, "connection", loopback)
      const cases = [[clear.port, "TlsError"], [yield* unusedPort, "ConnectError"]] as const
      for (const [port, tag] of cases) {
        const pool = yield* ConnectionPool.make({
          tls: { ca },
          proxy: proxyOf(port, { host: "127.0.0.1", tls: { ca } }),
          connectRetryTime: 0,
          connectBackoff: 0
        })
        for (const { url } of [plain, secure]) {
          const error = yield* Effect.flip(pool.execute(HttpRequest.get(url)))
          assert.strictEqual(error._tag, tag, error.message)
          assert.strictEqual(error.context.peer, "Proxy")
          assert.include(error.message, "the proxy")
        }
      }
    })))

  it.live("that says nothing runs out of timeouts.tls", () =>
    contained(Effect.gen(function*() {
      const silent = yield* tcpServer()
      const pool = yield* ConnectionPool.make({
        proxy: proxyOf(silent.port, { host: "127.0.0.1" }),
        timeouts: { tls: 50 }
      })
      const error = yield* Effect.flip(pool.execute(HttpRequest.get("https://far.test/")))
      assert.deepInclude(error, { _tag: "HttpTimeout", kind: "tls" })
      assert.include(error.message, `the TLS handshake with the proxy 127.0.0.1:${silent.port}`)
    })))

  it.live("that closes an idle tunnel is noticed at once, and so is one that closes it within TLS", () =>
    contained(Effect.gen(function*() {
      const { ca, proxy, secure, tunnels } = yield* behind()
      const { onEvent, reasons } = watched()
      const pool = yield* ConnectionPool.make({ tls: { ca }, proxy: proxyOf(proxy.port, { tls: { ca } }), onEvent })
      for (let times = 0; times < 4; times++) {
        yield* textOf(pool, HttpRequest.get(secure.url))
        yield* holds(pool, { idle: 1 })
        if (times % 2 === 0) tunnels.at(-1)?.destroy()
        else secure.connections.all.at(-1)?.end()
        yield* until(pool, ({ idle }) => idle === 0)
      }
      assert.deepStrictEqual(reasons(), ["Peer", "Peer", "Peer", "Peer"])
    })))

  it.live("keeps its tunnels apart from those with other TLS options, and from those without TLS", () =>
    contained(Effect.gen(function*() {
      const { asked, ca, plain, proxy } = yield* behind()
      const pool = yield* ConnectionPool.make()
      const ways = [{ ca }, { ca, minVersion: "TLSv1.3" as const }, { ca, serverName: "127.0.0.1" }].map((tls) =>
        originOf(plain.url, { proxy: proxyOf(proxy.port, { tls }) })
      )
      for (let times = 0; times < 2; times++) {
        for (const origin of ways) yield* textOf(pool, HttpRequest.get("/", { origin }))
      }
      assert.strictEqual(asked.length, 6)
      yield* holds(pool, { idle: 3 })
    })))
})
