/**
 * The answer of a language model, piece by piece: the events of one response, each with JSON of a
 * schema.
 *
 * The last event is omitted, and the stream is read to its end, so that the pool can reuse the
 * connection.
 */
import { ConnectionPool, HttpRequest, NodeTransport, Sse } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const Delta = Schema.Struct({ text: Schema.String })

export const program = (url: string) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.ConnectionPool
    const response = yield* pool.execute(HttpRequest.post(url, {
      headers: { Accept: "text/event-stream" },
      json: { prompt: "Say hello", stream: true }
    }))
    const text = yield* Sse.decode(response).pipe(
      Stream.filter(({ data }) => data !== "[DONE]"),
      Stream.mapEffect(Sse.schemaData(Delta)),
      Stream.runFold("", (text, delta) => text + delta.text)
    )
    return { text, idle: (yield* pool.stats).idle }
  }).pipe(
    Effect.provide(ConnectionPool.layer()),
    Effect.provide(NodeTransport.layer)
  )
