/**
 * Known ways round `AddressPolicy.publicOnly`, each sent through real pools, connections, leases and clients: no connection may reach a
 * listener on this machine, which counts them. Redirects, resolvers and proxies are in `addressPolicyRoutes.test.ts`.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import * as AddressPolicy from "../../src/AddressPolicy.ts"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import { fromUrl } from "../../src/internal/model/origin.ts"
import { Transport } from "../../src/Transport.ts"
import { confusing, namesInUrls, spellings } from "../fixtures/detours.ts"
import { errorOf, faces, isRefused, listener, under } from "./addressPolicyKit.ts"
import { contained } from "./poolKit.ts"

/** Runs a request under `publicOnly`, and gives its error, after no connection has been made. */
const refused = (request: (port: number) => Effect.Effect<unknown, unknown, Scope.Scope | Transport>) =>
  Effect.gen(function*() {
    const { connections, port } = yield* listener
    const error = errorOf(yield* Effect.exit(under(AddressPolicy.publicOnly)(Effect.scoped(request(port)))))
    assert.strictEqual(connections.all.length, 0, error.message)
    return error
  })

const count = spellings.length + namesInUrls.length + confusing.length

describe("publicOnly", () => {
  it(`knows ${count} ways round it`, () => {
    assert.isAtLeast(count, 150)
    assert.strictEqual(new Set([...spellings, ...namesInUrls, ...confusing].map(([, text]) => text)).size, count)
  })

  for (const [what, host] of [...spellings, ...namesInUrls]) {
    it.live(`refuses ${what}: ${host}`, () =>
      contained(Effect.gen(function*() {
        for (const [face, request] of Object.entries(faces)) {
          const error = yield* refused((port) => request(`http://${host}:${port}/`))
          assert.strictEqual(error._tag, "AddressRefused", `${face}: ${error.message}`)
          isRefused(error)
        }
      })))
  }

  for (const [what, url] of confusing) {
    it.live(`does not get past ${what}: ${JSON.stringify(url)}`, () =>
      contained(Effect.gen(function*() {
        for (const face of ["pool", "client", "redirectingClient"] as const) {
          const error = yield* refused((port) => faces[face](url.replaceAll("PORT", String(port))))
          assert.include(["AddressRefused", "InvalidUrl", "UnsupportedScheme", "DnsError"], error._tag)
        }
      })))
  }

  it.live("is what keeps them out: without it, the spellings of loopback addresses all get through", () =>
    contained(Effect.gen(function*() {
      const { connections, port } = yield* listener
      const reachable = spellings.map(([, host]) => `http://${host}:${port}/`).filter((url) => {
        const parsed = fromUrl(url, undefined)
        return !("_tag" in parsed) && ["127.0.0.1", "::1", "::ffff:7f00:1"].includes(parsed.origin.host)
      })
      const pool = yield* ConnectionPool.make({ idle: 0 })
      for (const url of reachable) yield* Effect.flatMap(pool.execute(HttpRequest.get(url)), ({ text }) => text)
      assert.isAtLeast(reachable.length, 35)
      assert.strictEqual(connections.all.length, reachable.length)
    })))

  it("cannot be forgotten: sockets are connected in one place, which asks it, and nowhere else", () => {
    const src = fileURLToPath(new URL("../../src", import.meta.url))
    const connecting = fs.readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) =>
      file.endsWith(".ts")
      && /\b(?:net|tls|http|https|http2|dgram)\.(?:connect|createConnection|request|get|createSocket)\(|new net\.Socket|\bfetch\(/
        .test(fs.readFileSync(path.join(src, file), "utf8").replaceAll(/^ *(?:\*|\/\/|\/\*\*).*$/gm, ""))
    )
    assert.deepStrictEqual(connecting.map((file) => file.replaceAll(path.sep, "/")).toSorted(), [
      "internal/node/happyEyeballs.ts",
      "internal/node/tls.ts"
    ])
  })

  it.live("names host, address, port, rule and range", () =>
    contained(Effect.gen(function*() {
      const { port } = yield* listener
      const request = (url: string) => Effect.exit(under(AddressPolicy.publicOnly)(Effect.scoped(faces.pool(url))))
      assert.deepInclude(isRefused(errorOf(yield* request(`http://private.test:${port}/`))), {
        host: "private.test",
        address: "10.0.0.1",
        port,
        rule: "Private",
        range: "10.0.0.0/8"
      })
      assert.deepInclude(isRefused(errorOf(yield* request(`https://0x7f.1:${port}/`))), {
        host: "127.0.0.1",
        address: "127.0.0.1",
        rule: "Loopback"
      })
    })))
})
