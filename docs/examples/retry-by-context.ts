/**
 * Sending once more by what is known: `processed` says whether the server may have acted on the request, `replayable` whether
 * the body can be sent again.
 *
 * A pool repeats by itself only what met a connection that the server had just closed. This is for all else, the reading of the body
 * included; where that is not wanted, `retry.ts` is shorter and keeps to a budget.
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
