/** Fields as typed values: a date, a time to wait, and a Structured Field (RFC 9651). */
import { ConnectionPool, HttpDate, HttpRequest, NodeTransport, RetryAfter, StructuredFields } from "effect-http-client"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.ConnectionPool
    const { close, fields } = yield* pool.execute(HttpRequest.get(`http://${host}:${port}/news`))
    yield* close
    const priority = yield* StructuredFields.getDictionary(fields, "priority")
    const urgency = priority.get("u")
    return {
      modified: Option.getOrUndefined(HttpDate.get(fields, "last-modified"))?.getUTCFullYear(),
      wait: Option.map(yield* RetryAfter.get(fields), Duration.toSeconds),
      urgency: urgency?._tag === "Item" ? urgency.value : undefined
    }
  }).pipe(
    Effect.provide(ConnectionPool.layer()),
    Effect.provide(NodeTransport.layer)
  )
