/**
 * What is for the proxy does not reach the servers, and what is for a server reaches neither the proxy that opens a tunnel nor another
 * server: for every kind of proxy and origin, over redirects to another origin, and when a request is sent again.
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as http from "node:http"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as Proxy from "../../src/Proxy.ts"
import { certificates } from "../fixtures/certificates.ts"
import { serve } from "../fixtures/sockets.ts"
import { socksServer } from "../fixtures/socksServer.ts"
import { secureWebServer, webServer } from "../fixtures/web.ts"
import { contained, proxyServer, textOf } from "./poolKit.ts"

const made = Effect.promise(certificates)
const loopback = { host: "127.0.0.1", port: 0 }
const credentials = { username: "me", password: "hunter2" }

/** What only the proxy may see: its credentials in every form, and its own field. */
const forProxy = /proxy-|bWU6aHVudGVyMg|hunter2|x-tenant/i
/** What only the first server may see. */
const forServer = /authorization: bearer|cookie|x-own/i

const kinds = ["http", "https", "socks5h", "socks5"] as const

/** The heads that a server was sent, as text. */
const recording = (respond: http.RequestListener) => {
  const heads: Array<string> = []
  const listener: http.RequestListener = (request, response) => {
    const { method, rawHeaders, url } = request
    const lines = rawHeaders.flatMap((name, index) => index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1]}`] : [])
    heads.push([`${method} ${url}`, ...lines].join("\n"))
    respond(request, response)
  }
  return { heads, listener }
}

/** A proxy of a kind: what it was told, each as text, and the connections to it. */
const proxyOf = (scheme: (typeof kinds)[number]) =>
  Effect.gen(function*() {
    const { ca, server: identity } = yield* made
    const isSocks = scheme.startsWith("socks")
    const socks = socksServer({ credentials })
    const web = proxyServer(undefined, scheme === "https" ? identity : undefined)
    const event = scheme === "https" ? "secureConnection" : "connection"
    const { connections, port } = yield* serve(isSocks ? socks.server : web.server, event, loopback)
    const proxy = Either.getOrThrow(Proxy.make({
      scheme,
      host: "127.0.0.1",
      port,
      credentials,
      ...(isSocks ? undefined : { headers: { "X-Tenant": "a" } }),
      ...(scheme === "https" ? { tls: { ca } } : undefined)
    }))
    const told = (): ReadonlyArray<string> =>
      isSocks
        ? socks.asked.map((one) => JSON.stringify(one))
        : web.asked.map(({ headers, method, url }) => `${method} ${url}\n${JSON.stringify(headers)}`)
    return { ca, connections, isSocks, proxy, told }
  })

for (const scheme of kinds) {
  for (const secure of [false, true]) {
    const name = `${scheme} to ${secure ? "https" : "http"}`
    const server = (listener: http.RequestListener) =>
      Effect.gen(function*() {
        const { server: identity } = yield* made
        const { port } = yield* secure ? secureWebServer(identity, listener) : webServer(listener)
        return `${secure ? "https" : "http"}://127.0.0.1:${port}`
      })
    /** True if the proxy reads the requests themselves. */
    const forwards = !secure && !scheme.startsWith("socks")

    describe(name, () => {
      it.live("keeps apart what is for whom, over a redirect to another origin", () =>
        contained(Effect.gen(function*() {
          const { ca, proxy, told } = yield* proxyOf(scheme)
          const last = recording((_, response) => void response.end("there"))
          const there = yield* server(last.listener)
          const first = recording((_, response) => void response.writeHead(302, { Location: `${there}/end` }).end())
          const here = yield* server(first.listener)
          const pool = yield* ConnectionPool.make({ tls: { ca }, proxy })
          const client = yield* PooledHttpClient.make.pipe(
            Effect.map(PooledHttpClient.followRedirects()),
            Effect.provideService(ConnectionPool.ConnectionPool, pool)
          )
          const request = HttpClientRequest.get(`${here}/begin`).pipe(
            HttpClientRequest.setHeaders({ Authorization: "Bearer for-the-server", Cookie: "a=b", "X-Own": "1" })
          )
          for (let times = 0; times < 2; times++) {
            const response = yield* Effect.scoped(client.execute(request))
            assert.strictEqual(yield* response.text, "there")
          }
          assert.deepStrictEqual([first.heads.length, last.heads.length], [2, 2])
          for (const head of [...first.heads, ...last.heads]) assert.notMatch(head, forProxy)
          for (const head of first.heads) {
            assert.match(head, /^GET \/begin\n/)
            assert.match(head, /bearer for-the-server/i)
          }
          for (const head of last.heads) assert.notMatch(head, /bearer|cookie/i)
          // Each connection's negotiation, or each request that is forwarded.
          assert.strictEqual(told().length, forwards ? 4 : 2)
          for (const text of told()) {
            assert.match(text, /bWU6aHVudGVyMg|hunter2/)
            if (!forwards) assert.notMatch(text, forServer)
          }
        })))

      it.live("gives both what is theirs again when a request is sent on another connection", () =>
        contained(Effect.gen(function*() {
          const { ca, connections, proxy, told } = yield* proxyOf(scheme)
          const far = recording((_, response) => void response.end("there"))
          const url = yield* server(far.listener)
          const used = new Set<number>()
          const pool = yield* ConnectionPool.make({
            tls: { ca },
            proxy,
            onEvent: (event) => {
              if (event._tag === "Acquire" && event.reused) used.add(event.connection)
              // It is told before the bytes are written.
              if (event._tag === "Send" && used.delete(event.connection)) {
                queueMicrotask(() => connections.all.at(-1)?.destroy())
              }
            }
          })
          for (let times = 0; times < 3; times++) {
            assert.strictEqual(yield* textOf(pool, HttpRequest.get(url, { headers: { "X-Own": "1" } })), "there")
          }
          assert.deepInclude(yield* pool.stats, { opened: 3, retried: 2 })
          assert.strictEqual(told().length >= 3, true)
          for (const text of told()) {
            assert.match(text, /bWU6aHVudGVyMg|hunter2/)
            if (!forwards) assert.notMatch(text, forServer)
          }
          for (const head of far.heads) {
            assert.notMatch(head, forProxy)
            assert.match(head, /x-own: 1/i)
          }
        })))
    })
  }
}
