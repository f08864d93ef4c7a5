/**
 * Names that the program resolves itself: one lookup for many requests, and the last answer while
 * the resolver is down.
 */
import { ConnectionPool, HttpError, HttpRequest, NodeTransport, Resolver } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const lookups = yield* Ref.make(0)
    /** A registry of services, which is down from its second lookup on. */
    const registry: Resolver.Service = {
      lookup: (name) =>
        Effect.flatMap(Ref.updateAndGet(lookups, (count) => count + 1), (count) =>
          count === 1
            ? Effect.succeed({ addresses: [host], ttl: "10 millis" })
            : Effect.fail(
              new HttpError.DnsError({ host: name, reason: "Temporary", code: "ESERVFAIL", cause: undefined })
            ))
    }
    const resolver = yield* Resolver.cached({ resolver: registry, staleOnError: "1 hour" })
    const pool = yield* Effect.provide(ConnectionPool.make(), Resolver.layer(resolver))
    const get = Effect.flatMap(pool.execute(HttpRequest.get(`http://shop.internal:${port}/hello`)), ({ text }) => text)

    yield* Effect.all(Array.from({ length: 20 }, () => get), { concurrency: "unbounded" })
    const shared = yield* Ref.get(lookups)

    yield* pool.closeIdle
    yield* Effect.sleep("20 millis")
    const text = yield* get
    const { stale = false } = yield* resolver.lookup("shop.internal")
    return { shared, text, stale }
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
