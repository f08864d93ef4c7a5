/**
 * A connection of the pool for exclusive use: several requests in a row, or the step-by-step calls,
 * on the same connection.
 */
import { ConnectionPool, HttpRequest, NodeTransport, Origin } from "effect-http-client"
import * as Effect from "effect/Effect"

/** Both requests use one connection, and no other request comes between them. */
const twoSteps = (pool: ConnectionPool.ConnectionPool, origin: Origin.Origin) =>
  Effect.gen(function*() {
    const connection = yield* pool.lease(origin)
    const first = yield* connection.execute(HttpRequest.get("/hello"))
    yield* first.bytes
    yield* connection.putRequest("GET", "/json")
    yield* connection.endHeaders()
    const second = yield* connection.getResponse
    yield* second.bytes
    return { same: first.connection.id === second.connection.id, served: second.connection.requestsServed }
    // The lease ends with this scope. The connection returns to the pool, because both responses
    // were read to their end.
  }).pipe(Effect.scoped)

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 10 })
    const origin = yield* Origin.make({ scheme: "http", host, port })
    const steps = yield* twoSteps(pool, origin)
    const { busy, idle, opened } = yield* pool.stats
    return { ...steps, opened, idle, busy }
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
