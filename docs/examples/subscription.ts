/**
 * A subscription that goes on behind the last event when its server breaks the connection, and ends when the server says that there is no
 * more (204). The schedule is asked before each wait, and so a place to log why a connection ended.
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
