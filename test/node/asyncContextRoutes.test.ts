/** Callers keep their async context on connections that others have opened: in clear, over TLS and in a tunnel, in every way to ask. */
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NodeTransport from "../../src/NodeTransport.ts"
import { certificates as makeCertificates } from "../fixtures/certificates.ts"
import { endStrayServers, strayServer } from "../fixtures/strayServer.ts"
import { as, stores } from "./callers.ts"
import { routes, ways } from "./stray.ts"

const certificates = await makeCertificates()

afterAll(endStrayServers)

for (const route of routes) {
  describe(route.name, () => {
    for (const way of ways) {
      it.live(`each caller of ${way.name} goes on in its own context`, () =>
        Effect.scoped(Effect.gen(function*() {
          const server = yield* strayServer(route.tls ? certificates.server : undefined)
          const ask = yield* way.open(server, route, certificates, false)
          const { note, seen } = stores()
          yield* Fiber.join(yield* as("opener", ask("GET", "/length/none/opener")))
          const names = Array.from({ length: 18 }, (_, index) => `caller ${index}`)
          // As many at once as the way allows, which all wait for what another one releases.
          yield* Effect.forEach(names, (name, index) =>
            Effect.flatMap(
              as(
                name,
                Effect.flatMap(
                  ask(index % 2 === 0 ? "GET" : "POST", `/${index % 3 === 0 ? "chunked" : "length"}/none/${index}`),
                  () => note("read")
                )
              ),
              Fiber.join
            ), { concurrency: way.concurrency })
          assert.deepStrictEqual([...seen].sort(), names.map((name) => `read: ${name}`).sort())
        })).pipe(Effect.provide(NodeTransport.layer)))
    }
  })
}
