/**
 * A pool that has connections before the first request, and follows the addresses of its servers.
 */
import { ConnectionPool, HttpRequest, NodeTransport, Resolver } from "effect-http-client"
import * as Effect from "effect/Effect"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const origin = `http://shop.internal:${port}`
    const pool = yield* ConnectionPool.make({
      // Each connection serves one request before it counts as idle. A health page would suit that.
      warm: [{ origin, minIdle: 2, request: HttpRequest.head("/hello") }],
      // Each server behind the name gets its share, even of few requests.
      selection: "leastUsed",
      // A server that is removed from the name is not used for longer than its TTL.
      followDns: "drain"
    })
    // A service need not wait for this. It shows that connections are open before any request.
    yield* Effect.repeat(Effect.sleep("5 millis"), { until: () => Effect.map(pool.stats, ({ idle }) => idle === 2) })
    const response = yield* pool.execute(HttpRequest.get(`${origin}/hello`))
    // One request was served on it before.
    return { text: yield* response.text, served: response.connection.requestsServed }
  }).pipe(
    Effect.scoped,
    Effect.provideService(Resolver.Resolver, {
      lookup: () => Effect.succeed({ addresses: [host], ttl: "30 seconds" })
    }),
    Effect.provide(NodeTransport.layer)
  )
