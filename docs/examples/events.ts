/** The events of a pool, as data: counted exactly by a function, or read as a stream. */
import { ConnectionPool, HttpRequest, NodeTransport } from "effect-http-client"
import type { ConnectionEvent } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const isClose = (event: ConnectionEvent.ConnectionEvent) => event._tag === "Close"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 2 })

    // A function is called synchronously with every event, so it should be fast; none is lost.
    const counts: { [Kind in ConnectionEvent.ConnectionEvent["_tag"]]?: number } = {}
    yield* pool.subscribe(({ _tag }) => {
      counts[_tag] = (counts[_tag] ?? 0) + 1
    })

    // A stream may take its time; a reader that is too slow loses the oldest.
    const watcher = yield* pool.events.pipe(
      Stream.filter(isClose),
      Stream.take(1),
      Stream.runCollect,
      Effect.fork
    )

    for (const path of ["/hello", "/json", "/hello"]) {
      const response = yield* pool.execute(HttpRequest.get(`http://${host}:${port}${path}`))
      yield* response.bytes
    }
    yield* pool.closeIdle
    const closed = Array.from(yield* watcher, ({ reason, requestsServed }) => ({ reason, requestsServed }))
    return { counts, closed }
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
