/** Every exchange of the suite over every server: nginx, Apache, HAProxy, Caddy, lighttpd, Node and Python. */
import { layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import { describeWith } from "../fixtures/children.ts"
import { oneSite, type Origin, place } from "../fixtures/servers/origin.ts"
import { origins } from "../fixtures/servers/origins.ts"
import { exchanges, pass } from "./exchanges.ts"

class Url extends Context.Tag("test/Url")<Url, string>() {}

const running = (origin: Origin, path: string) =>
  Layer.scoped(Url, Effect.flatMap(place(origin, path), ({ run, url }) => Effect.as(run, url)))

layer(Layer.merge(NodeTransport.layer, oneSite), { excludeTestServices: true })((it) => {
  for (const origin of origins) {
    describeWith(origin.program, (path) => {
      it.layer(running(origin, path))(origin.name, (it) => {
        for (const exchange of exchanges) {
          if (exchange.needs !== undefined && !origin.traits.has(exchange.needs)) continue
          it.scoped(exchange.name, () =>
            Effect.gen(function*() {
              const url = yield* Url
              const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 1, drainBytes: 0 })
              yield* pass({ pool, url }, exchange, origin.traits.has("keepAlive"))
            }))
        }
      })
    })
  }
})
