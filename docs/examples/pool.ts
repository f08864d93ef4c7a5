/**
 * Many requests over few connections: `execute` acquires one from the pool, and it is released
 * automatically when the body was read.
 */
import { ConnectionPool, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"

const get = (url: string) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.ConnectionPool
    const response = yield* pool.execute(HttpRequest.get(url))
    return yield* response.text
  })

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const urls = Array.from({ length: 100 }, (_, number) => `http://${host}:${port}/hello?number=${number}`)
    const texts = yield* Effect.forEach(urls, get, { concurrency: "unbounded" })
    const { stats } = yield* ConnectionPool.ConnectionPool
    const { busy, idle, opened, reused } = yield* stats
    return { answers: texts.length, opened, reused, idle, busy }
  }).pipe(
    // One pool for the whole program. Requests beyond ten at once are queued, 5 seconds at most.
    Effect.provide(ConnectionPool.layer({ connectionsPerOrigin: 10, timeouts: { pool: "5 seconds" } })),
    Effect.provide(NodeTransport.layer)
  )
