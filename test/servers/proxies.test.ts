/**
 * Every exchange of the suite through every proxy to a server of Node's, with and without TLS: forwarded, in tunnels of CONNECT, over
 * TLS to the proxy, and over SOCKS.
 */
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import * as Proxy from "../../src/Proxy.ts"
import { certificates } from "../fixtures/certificates.ts"
import { describeWith, quietPort } from "../fixtures/children.ts"
import { dante } from "../fixtures/servers/dante.ts"
import { node } from "../fixtures/servers/node.ts"
import { openDirectory, type Trait } from "../fixtures/servers/origin.ts"
import type { ProxyProgram } from "../fixtures/servers/proxy.ts"
import { handler } from "../fixtures/servers/site.js"
import { squid } from "../fixtures/servers/squid.ts"
import { tinyproxy } from "../fixtures/servers/tinyproxy.ts"
import { secureWebServer, webServer } from "../fixtures/web.ts"
import { exchanges, pass } from "./exchanges.ts"

/** Where the proxy and the servers behind it are. */
class Places extends Context.Tag("test/Places")<Places, {
  readonly proxy: Proxy.Proxy
  readonly ca: string
  readonly http: string
  readonly https: string
}>() {}

const places = ({ start }: ProxyProgram, path: string, scheme: Proxy.Scheme) =>
  Layer.scoped(
    Places,
    Effect.gen(function*() {
      const { ca, server: identity } = yield* Effect.promise(certificates)
      const port = yield* quietPort
      yield* start(path, {
        folder: yield* openDirectory,
        port,
        credentials: false,
        identity: scheme === "https" ? identity : undefined
      })
      const plain = yield* webServer(handler)
      const secure = yield* secureWebServer(identity, handler)
      return {
        proxy: Either.getOrThrow(
          Proxy.make({ scheme, host: "127.0.0.1", port, tls: scheme === "https" ? { ca } : undefined })
        ),
        ca,
        http: `http://127.0.0.1:${plain.port}`,
        https: `https://127.0.0.1:${secure.port}`
      }
    })
  )

for (const proxy of [squid, tinyproxy, dante]) {
  describeWith(proxy.program, (path) => {
    for (const scheme of proxy.schemes) {
      const name = `${proxy.name} as ${scheme}://`
      const forwards = scheme === "http" || scheme === "https"
      layer(Layer.merge(NodeTransport.layer, places(proxy, path, scheme)), { excludeTestServices: true })(
        name,
        (it) => {
          for (const way of ["http", "https"] as const) {
            // In a tunnel the connection is the server's.
            const lacks = forwards && way === "http" ? proxy.lacks : new Set<Trait>()
            const can = (trait: Trait) => node.traits.has(trait) && !lacks.has(trait)
            for (const exchange of exchanges) {
              if (exchange.needs !== undefined && !can(exchange.needs)) continue
              it.scoped(`${way}://: ${exchange.name}`, () =>
                Effect.gen(function*() {
                  const { ca, proxy, [way]: url } = yield* Places
                  const pool = yield* ConnectionPool.make({
                    connectionsPerOrigin: 1,
                    drainBytes: 0,
                    proxy,
                    tls: { ca }
                  })
                  yield* pass({ pool, url }, exchange, can("keepAlive"))
                  const { origins } = yield* pool.stats
                  assert.strictEqual(origins.length, 1)
                }))
            }
          }
        }
      )
    }
  })
}
