/**
 * A subscription that resumes after the last event when its server breaks the connection. It ends
 * when the server has no more events (204). The schedule runs before each wait, so it is a place to
 * log why a connection ended.
 */
import { ConnectionPool, HttpRequest, NodeTransport, Sse } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

export const program = (url: string) =>
  Effect.suspend(() => {
    const breaks: Array<string> = []
    const schedule = Schedule.exponential("10 millis").pipe(
      Schedule.tapInput(({ error, lastEventId }: Sse.Disconnection) =>
        Effect.sync(() => breaks.push(`after ${lastEventId}: ${error?._tag ?? "the end"}`))
      )
    )
    return Sse.subscribe(HttpRequest.get(url), { schedule, idleTimeout: "10 seconds" }).pipe(
      Stream.map(({ data }) => Number(data)),
      Stream.runCollect,
      Effect.map((prices) => ({ prices: [...prices], breaks }))
    )
  }).pipe(
    Effect.provide(ConnectionPool.layer()),
    Effect.provide(NodeTransport.layer)
  )
