/** The address policy and SOCKS: addresses and names that are resolved here are checked before the proxy is connected to. Over real sockets. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as AddressPolicy from "../../src/AddressPolicy.ts"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Proxy from "../../src/Proxy.ts"
import { names, spellings } from "../fixtures/detours.ts"
import { serve } from "../fixtures/sockets.ts"
import { socksServer } from "../fixtures/socksServer.ts"
import { errorOf, isRefused, resolver, under } from "./addressPolicyKit.ts"
import { contained } from "./poolKit.ts"

const everyAddress = Object.keys(names)

/** A pool under `publicOnly` through a SOCKS proxy that refuses all that it is asked for. */
const through = (scheme: Proxy.Scheme, answers: Parameters<typeof resolver>[0] = {}) =>
  Effect.gen(function*() {
    const { asked, clients, server } = socksServer({ refuse: ({ version }) => version === 5 ? 2 : 91 })
    const { port } = yield* serve(server, "connection", { host: "127.0.0.1", port: 0 })
    const proxy = Either.getOrThrow(Proxy.make({ scheme, host: "127.0.0.1", port }))
    const { service } = resolver(answers)
    const pool = yield* under(AddressPolicy.publicOnly, service)(ConnectionPool.make({ proxy }))
    const failure = (url: string) => Effect.map(Effect.exit(pool.execute(HttpRequest.get(url))), errorOf)
    return { asked, clients, failure }
  })

describe("through SOCKS", () => {
  it.live.each(["socks4", "socks4a", "socks5", "socks5h"] as const)(
    "%s, an address and localhost are refused before the proxy is connected to, for http and https",
    (scheme) =>
      contained(Effect.gen(function*() {
        const { clients, failure } = yield* through(scheme)
        for (const host of [...spellings.map(([, host]) => host), "localhost", "LOCALHOST.", "app.localhost"]) {
          for (const url of [`http://${host}/`, `https://${host}/`]) {
            const error = yield* failure(url)
            // SOCKS4 cannot name IPv6 addresses, and may say so first.
            if (error._tag !== "SocksError" || !scheme.startsWith("socks4")) isRefused(error)
          }
        }
        assert.strictEqual(clients.length, 0)
      }))
  )

  it.live.each(["socks4", "socks5"] as const)(
    "%s, a name is resolved here, and refused before the proxy is connected to",
    (scheme) =>
      contained(Effect.gen(function*() {
        const { clients, failure } = yield* through(scheme)
        for (const name of everyAddress) {
          const error = yield* failure(`http://${name}/`)
          if (error._tag !== "SocksError" || scheme !== "socks4") isRefused(error)
        }
        assert.strictEqual(clients.length, 0)
      }))
  )

  it.live.each(["socks4", "socks5"] as const)(
    "%s, of a name only what is public is asked for",
    (scheme) =>
      contained(Effect.gen(function*() {
        const { asked, failure } = yield* through(scheme, {
          "name.test": [["127.0.0.1", "192.0.43.8", "10.0.0.1"], ["10.0.0.1"]]
        })
        assert.strictEqual((yield* failure("http://name.test/"))._tag, "SocksError")
        isRefused(yield* failure("http://name.test/"))
        assert.deepStrictEqual(asked.map(({ host }) => host), ["192.0.43.8"])
      }))
  )

  it.live.each(["socks4a", "socks5h"] as const)(
    "%s, a name is for the proxy to look up, and not checked",
    (scheme) =>
      contained(Effect.gen(function*() {
        const { asked, failure } = yield* through(scheme)
        assert.strictEqual((yield* failure("http://private.test/"))._tag, "SocksError")
        assert.deepStrictEqual(asked.map(({ host }) => host), ["private.test"])
      }))
  )
})
