/** Through squid and tinyproxy: what is for the proxy stays with it, its 407 means the same both ways, and what a tunnel leads to is told. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { Scope } from "effect/Scope"
import { chmod, writeFile } from "node:fs/promises"
import type * as http from "node:http"
import { join } from "node:path"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import * as Proxy from "../../src/Proxy.ts"
import type { Transport } from "../../src/Transport.ts"
import { certificates } from "../fixtures/certificates.ts"
import { child, describeWith, freePorts, listening } from "../fixtures/children.ts"
import { directory } from "../fixtures/sockets.ts"
import { bodyOf, secureWebServer, webServer } from "../fixtures/web.ts"
import { stage, textOf } from "./poolKit.ts"

const made = Effect.promise(certificates)
const credentials = { username: "me", password: Redacted.make("secret") }
const headers = { "X-Tenant": "a" }

/** A program that forwards and opens tunnels, and wants these credentials for it. Gives its port. */
type Program = (path: string) => Effect.Effect<number, unknown, Scope>

const squid: Program = (path) =>
  Effect.gen(function*() {
    const folder = yield* directory
    const [port = 0] = yield* freePorts(1)
    const asks = join(folder, "asks")
    const configuration = join(folder, "squid.conf")
    yield* Effect.promise(async () => {
      // Started by root it becomes another user, who must get at it.
      await chmod(folder, 0o777)
      await writeFile(
        asks,
        "#!/bin/sh\nwhile read -r who; do [ \"$who\" = \"me secret\" ] && echo OK || echo ERR; done\n"
      )
      await chmod(asks, 0o755)
      await writeFile(
        configuration,
        `
http_port 127.0.0.1:${port}
visible_hostname squid.test
pid_filename none
access_log none
cache_log ${join(folder, "cache.log")}
coredump_dir ${folder}
cache deny all
pinger_enable off
shutdown_lifetime 0 seconds
auth_param basic program ${asks}
auth_param basic children 1
auth_param basic realm squid
acl known proxy_auth REQUIRED
http_access deny !known
http_access allow all
`
      )
    })
    const running = yield* child(path, ["-N", "-f", configuration])
    // Else what it has started would outlive it.
    yield* Effect.addFinalizer(() =>
      Effect.async<void>((resume) => {
        running.process.once("close", () => resume(Effect.void))
        if (!running.process.kill("SIGTERM")) resume(Effect.void)
      })
    )
    yield* listening(running, port)
    return port
  })

const tinyproxy: Program = (path) =>
  Effect.gen(function*() {
    const folder = yield* directory
    const [port = 0] = yield* freePorts(1)
    const configuration = join(folder, "tinyproxy.conf")
    const text = `Port ${port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\nLogLevel Critical\nBasicAuth me secret\n`
    yield* Effect.promise(() => writeFile(configuration, text))
    yield* listening(yield* child(path, ["-d", "-c", configuration]), port)
    return port
  })

const proxyOf = (port: number, options: Partial<Proxy.Options>): Proxy.Proxy =>
  Either.getOrThrow(Proxy.make({ host: "127.0.0.1", port, ...options }))

/** Answers with the fields that came, and the body. */
const mirror: http.RequestListener = (request, response) =>
  void bodyOf(request).then((body) => response.end(JSON.stringify({ ...request.headers, body })))

const seen = (pool: ConnectionPool.ConnectionPool, request: HttpRequest.HttpRequest) =>
  Effect.map(textOf(pool, request), (text) => JSON.parse(text) as Readonly<Record<string, string | undefined>>)

for (const [program, start] of [["squid", squid], ["tinyproxy", tinyproxy]] as const) {
  describeWith(program, (path) => {
    describe(`through ${program}`, () => {
      const over = <E>(test: Effect.Effect<void, E, Scope | Transport>) =>
        Effect.provide(Effect.scoped(test), NodeTransport.layer)

      it.live("what is for the proxy does not reach the server, forwarded or in a tunnel", () =>
        over(Effect.gen(function*() {
          const { ca, server: identity } = yield* made
          const port = yield* start(path)
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
            const port = yield* start(path)
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
          const port = yield* start(path)
          const ssh = yield* stage((socket) => socket.write("SSH-2.0-OpenSSH_9.2\r\n"))
          const pool = yield* ConnectionPool.make({ proxy: proxyOf(port, { credentials }) })
          const error = yield* Effect.flip(pool.execute(HttpRequest.get(`https://127.0.0.1:${ssh.port}/`)))
          assert.deepInclude(error, { _tag: "TlsError", reason: "NotTls" }, error.message)
        })))
    })
  })
}
