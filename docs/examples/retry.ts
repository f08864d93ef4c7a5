/**
 * Retries of a pool: a GET without a response, and a POST, which is retried because all of its
 * attempts have the same Idempotency-Key.
 *
 * Without the key the POST fails, because the server may have processed it.
 */
import { ConnectionPool, HttpRequest, NodeTransport } from "effect-http-client"
import type { HttpRetry } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

const options: HttpRetry.Options = {
  schedule: Schedule.exponential("10 millis"),
  times: 3,
  retryAfterLimit: "5 seconds",
  budget: { share: 0.2 }
}

const textOf = (pool: ConnectionPool.ConnectionPool, request: HttpRequest.HttpRequest) =>
  Effect.flatMap(pool.execute(request), (response) => response.text)

export const program = (url: string) =>
  Effect.gen(function*() {
    const below = yield* ConnectionPool.ConnectionPool
    const pool = ConnectionPool.retry(below, options)
    const keyed = ConnectionPool.retry(below, { ...options, idempotencyKey: true })
    return {
      get: yield* textOf(pool, HttpRequest.get(`${url}/get`)),
      post: (yield* Effect.flip(textOf(pool, HttpRequest.post(`${url}/post`))))._tag,
      keyed: yield* textOf(keyed, HttpRequest.post(`${url}/keyed`))
    }
  }).pipe(
    Effect.provide(ConnectionPool.layer()),
    Effect.provide(NodeTransport.layer)
  )
