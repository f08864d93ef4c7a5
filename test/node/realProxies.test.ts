/**
 * Through squid, tinyproxy and dante: fields for the proxy stay with it, its 407 means the same for
 * tunnels and forwarding, and the target of a tunnel is reported.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { Scope } from "effect/Scope"
import type * as http from "node:http"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import * as Proxy from "../../src/Proxy.ts"
import type { Transport } from "../../src/Transport.ts"
import { certificates } from "../fixtures/certificates.ts"
import { describeWith, quietPort } from "../fixtures/children.ts"
import { dante } from "../fixtures/servers/dante.ts"
import { openDirectory } from "../fixtures/servers/origin.ts"
import type { ProxyProgram } from "../fixtures/servers/proxy.ts"
import { squid } from "../fixtures/servers/squid.ts"
import { tinyproxy } from "../fixtures/servers/tinyproxy.ts"
import { bodyOf, secureWebServer, webServer } from "../fixtures/web.ts"
import { stage, textOf } from "./poolKit.ts"

const made = Effect.promise(certificates)
const credentials = { username: "me", password: Redacted.make("secret") }
const headers = { "X-Tenant": "a" }

/** A proxy that wants these credentials. Gives its port. */
const started = ({ start }: ProxyProgram, path: string) =>
  Effect.gen(function*() {
    const port = yield* quietPort
    yield* start(path, { folder: yield* openDirectory, port, credentials: true })
    return port
  })

const proxyOf = (port: number, options: Partial<Proxy.Options>): Proxy.Proxy =>
  Either.getOrThrow(Proxy.make({ host: "127.0.0.1", port, ...options }))

/** Answers with the fields that came, and the body. */
const mirror: http.RequestListener = (request, response) =>
  void bodyOf(request).then((body) => response.end(JSON.stringify({ ...request.headers, body })))

const seen = (pool: ConnectionPool.ConnectionPool, request: HttpRequest.HttpRequest) =>
  Effect.map(textOf(pool, request), (text) => JSON.parse(text) as Readonly<Record<string, string | undefined>>)

for (const proxy of [squid, tinyproxy]) {
  const { program } = proxy
  describeWith(program, (path) => {
    describe(`through ${program}`, () => {
      const over = <E>(test: Effect.Effect<void, E, Scope | Transport>) =>
        Effect.provide(Effect.scoped(test), NodeTransport.layer)

      it.live("what is for the proxy does not reach the server, forwarded or in a tunnel", () =>
        over(Effect.gen(function*() {
          const { ca, server: identity } = yield* made
          const port = yield* started(proxy, path)
          const plain = yield* webServer(mirror)
          const secure = yield* secureWebServer(identity, mirror)
          const pool = yield* ConnectionPool.make({ tls: { ca }, proxy: proxyOf(port, { credentials, headers }) })
          const body = HttpBody.bytes(Buffer.from("a body"))
          for (const url of [`http://127.0.0.1:${plain.port}/`, `https://127.0.0.1:${secure.port}/`]) {
            const requests = [
              HttpRequest.get(url, { headers: { "X-Own": "1" } }),
              HttpRequest.get(url, { headers: { "X-Own": "1", Connection: "close" } }),
              HttpRequest.post(url, { headers: { "X-Own": "1" }, body })
            ]
            for (const request of requests) {
              const fields = yield* seen(pool, request)
              assert.strictEqual(fields["x-own"], "1")
              assert.strictEqual(fields["body"], request.method === "POST" ? "a body" : "")
              assert.deepStrictEqual([fields["x-tenant"], fields["proxy-authorization"]], [undefined, undefined], url)
            }
          }
        })))

      // tinyproxy 1.11 says 401, which nobody can tell from that of a server.
      if (program === "squid") {
        it.live("its 407 means the same, forwarded or by CONNECT", () =>
          over(Effect.gen(function*() {
            const port = yield* started(proxy, path)
            const plain = yield* webServer(mirror)
            for (const given of [undefined, { username: "me", password: "wrong" }]) {
              const pool = yield* ConnectionPool.make({ proxy: proxyOf(port, { credentials: given }) })
              for (const scheme of ["http", "https"]) {
                const error = yield* Effect.flip(pool.execute(HttpRequest.get(`${scheme}://127.0.0.1:${plain.port}/`)))
                if (error._tag !== "ProxyAuthRequired") return assert.fail(error.message)
                assert.match(error.challenges.join(), /^Basic realm="/)
                assert.include(Buffer.from(error.bodyPrefix).toString(), "<")
                assert.deepInclude(error.context, { phase: "proxy", fault: "User", processed: "No" })
              }
            }
            assert.strictEqual(plain.connections.all.length, 0)
          })))
      }

      it.live("a server behind a tunnel that speaks first does not speak TLS", () =>
        over(Effect.gen(function*() {
          const port = yield* started(proxy, path)
          const ssh = yield* stage((socket) => socket.write("SSH-2.0-OpenSSH_9.2\r\n"))
          const pool = yield* ConnectionPool.make({ proxy: proxyOf(port, { credentials }) })
          const error = yield* Effect.flip(pool.execute(HttpRequest.get(`https://127.0.0.1:${ssh.port}/`)))
          assert.deepInclude(error, { _tag: "TlsError", reason: "NotTls" }, error.message)
        })))
    })
  })
}

/** A proxy that wants no credentials, with what it is and how it is killed. */
const open = ({ start }: ProxyProgram, path: string, scheme: Proxy.Scheme, credentials = false) =>
  Effect.gen(function*() {
    const port = yield* quietPort
    const { kill } = yield* start(path, { folder: yield* openDirectory, port, credentials })
    return { kill, proxy: proxyOf(port, { scheme }) }
  })

for (const program of [squid, tinyproxy, dante]) {
  describeWith(program.program, (path) => {
    for (const scheme of program.schemes.filter((scheme) => scheme !== "https")) {
      describe(`${program.name} as ${scheme}:// that is killed`, () => {
        it.live("in mid-tunnel cuts the response short, and is then what cannot be connected to", () =>
          Effect.gen(function*() {
            const { ca, server: identity } = yield* made
            const secure = yield* secureWebServer(identity, (_request, response) => {
              response.writeHead(200, { "Content-Length": 10 }).write("half")
            })
            const { kill, proxy } = yield* open(program, path, scheme)
            const pool = yield* ConnectionPool.make({ tls: { ca }, proxy, connectRetryTime: 0, connectBackoff: 0 })
            const request = HttpRequest.get(`https://127.0.0.1:${secure.port}/`)
            const response = yield* pool.execute(request)
            assert.strictEqual(Buffer.from(yield* response.read(4)).toString(), "half")
            yield* kill
            const cut = yield* Effect.flip(response.bytes)
            assert.include(["IncompleteRead", "ConnectionReset", "ReadError"], cut._tag)
            const dead = yield* Effect.flip(pool.execute(request))
            assert.deepInclude(dead, { _tag: "ConnectError", reason: "Refused" })
            assert.deepInclude(dead.context, { peer: "Proxy", processed: "No" })
            assert.include(dead.message, "Could not connect to the proxy")
          }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer)))
      })
    }
  })
}

describeWith(dante.program, (path) => {
  describe("dante refuses", () => {
    it.live("because the server does", () =>
      Effect.gen(function*() {
        const dead = yield* quietPort
        for (const [scheme, reason] of [["socks5", "Refused"], ["socks4", "Rejected"]] as const) {
          const { proxy } = yield* open(dante, path, scheme)
          const pool = yield* ConnectionPool.make({ proxy, connectRetryTime: 0 })
          const error = yield* Effect.flip(pool.execute(HttpRequest.get(`http://127.0.0.1:${dead}/`)))
          assert.deepInclude(error, { _tag: "SocksError", reason }, error.message)
        }
      }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer)))

    it.live("without credentials, and with wrong ones", () =>
      Effect.gen(function*() {
        const { proxy } = yield* open(dante, path, "socks5", true)
        const { port } = yield* webServer(mirror)
        for (const given of [undefined, { username: "nobody-of-this-name", password: "wrong" }]) {
          const pool = yield* ConnectionPool.make({
            proxy: proxyOf(proxy.port, { scheme: "socks5", credentials: given })
          })
          const error = yield* Effect.flip(pool.execute(HttpRequest.get(`http://127.0.0.1:${port}/`)))
          assert.strictEqual(error._tag, "ProxyAuthRequired", error.message)
          assert.deepInclude(error.context, { fault: "User", processed: "No" })
          assert.notInclude(`${error.message} ${JSON.stringify(error)}`, "wrong")
        }
      }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer)))
  })
})
