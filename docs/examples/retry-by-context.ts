/**
 * A retry that depends on the context of the error: `processed` says whether the server may have
 * processed the request, `replayable` whether the body can be sent again.
 *
 * A pool retries by itself only requests on a stale connection. This program retries everything
 * else, including the reading of the body. If that is not needed, `retry.ts` is shorter and has a
 * budget.
 */
import { ConnectionPool, HttpError, NodeTransport } from "effect-http-client"
import type { HttpRequest } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

const send = (request: HttpRequest.HttpRequest) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.ConnectionPool
    const response = yield* pool.execute(request)
    return yield* response.text
  }).pipe(
    Effect.retry({ while: HttpError.mayRepeat(request), times: 2, schedule: Schedule.exponential("10 millis") })
  )

export const program = (request: HttpRequest.HttpRequest) =>
  send(request).pipe(
    Effect.catchAll(({ _tag, context: { processed, replayable } }) =>
      Effect.succeed(`${_tag}, processed: ${processed}, ${replayable ? "" : "not "}replayable`)
    ),
    Effect.provide(ConnectionPool.layer()),
    Effect.provide(NodeTransport.layer)
  )
