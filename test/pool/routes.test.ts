/** The origin of a pooled request: the pool's options are added once for each origin of a URL. */
import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { PoolOptions } from "../../src/internal/effect/poolOptions.ts"
import { toSettings } from "../../src/internal/effect/poolSettings.ts"
import type { Route } from "../../src/internal/pool/route.ts"
import { resolveRoute } from "../../src/internal/pool/route.ts"
import type * as Tls from "../../src/Tls.ts"

const settingsOf = (options: PoolOptions) => Either.getOrThrow(toSettings(options))

const routeOf = (settings: ReturnType<typeof settingsOf>, url: string): Route => {
  const route = resolveRoute(settings, HttpRequest.get(url))
  assert.isFalse("_tag" in route)
  return route as Route
}

describe("the origin of a request", () => {
  const cases: ReadonlyArray<readonly [what: string, options: PoolOptions]> = [
    ["of TLS", { tls: { serverName: "b.test" } }],
    ["of a local address", { localAddress: "127.0.0.2" }],
    ["of none", {}]
  ]
  for (const [what, options] of cases) {
    it(`is the same object for each URL of it, with options ${what}`, () => {
      const settings = settingsOf(options)
      const first = routeOf(settings, "https://a.test/1")
      const second = routeOf(settings, "https://a.test/2?q")
      assert.strictEqual(second.origin, first.origin)
      assert.strictEqual(second.target.target, "/2?q")
      const names = [first.origin.tls, options.tls].map((tls) => (tls as Tls.Options | undefined)?.serverName)
      assert.strictEqual(names[0], names[1])
      assert.strictEqual(first.origin.localAddress, options.localAddress)
    })
  }

  it("is another for another pool and for another origin", () => {
    const options = { tls: { serverName: "b.test" } }
    const settings = settingsOf(options)
    const one = routeOf(settings, "https://a.test/").origin
    assert.notStrictEqual(routeOf(settingsOf({ tls: { serverName: "c.test" } }), "https://a.test/").origin, one)
    assert.notStrictEqual(routeOf(settings, "https://a.test:444/").origin, one)
    assert.isUndefined(routeOf(settings, "http://a.test/").origin.tls)
  })
})
