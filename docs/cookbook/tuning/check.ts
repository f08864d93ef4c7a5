/** Runs the program against a server that takes 20 ms for each request. Compares counts and relations, and no times. */
import { Effect, Logger } from "effect"
import * as http from "node:http"
import { host, listen } from "../../demo/servers/listen.ts"
import { holds, same } from "../expect.ts"
import { program, recommend } from "./program.ts"

export const check = Effect.gen(function*() {
  const port = yield* listen(http.createServer((_request, response) => {
    setTimeout(() => response.end("done"), 20)
  }))
  const lines: Array<string> = []
  const { enough, shed, small } = yield* program(`http://${host}:${port}/`, { callers: 12, requests: 10 }).pipe(
    Effect.provide(
      Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void lines.push(String(message))))
    )
  )

  // Two connections for twelve callers: ten always wait, so the pool hides what is wanted.
  yield* same("the requests of a pool that is too small", [small.requests, small.opened, small.reused], [120, 2, 118])
  yield* same("those that waited for a free connection, and the most at once", [small.crowded, small.peak], [118, 12])
  yield* same("the recommendation: 12 and twice its root", small.connections, 19)
  yield* holds("no more in use than there are", small.busy <= 2, small)

  // With as many as recommended nothing waits, and twelve are opened, one for each caller.
  yield* same("the requests of one that is large enough", [enough.requests, enough.opened, enough.reused], [
    120,
    12,
    108
  ])
  yield* same("those that waited, and the most at once", [enough.crowded, enough.peak], [0, 12])
  yield* holds("more in use than the small pool had", enough.busy > small.busy, enough)
  yield* holds("on average less than the most", enough.busy <= enough.peak, enough)
  yield* holds("the recommendation stands", enough.connections <= small.connections, enough)

  yield* same("2 have a connection, 4 wait, the rest is refused", shed, { served: 6, "refused: the queue is full": 14 })

  // The formula by numbers: 100 requests a second, 50 ms each, are 5 connections in use.
  const { busy, connections } = recommend({ requests: 1000, heldMillis: 50_000, crowded: 0, peak: 9 }, 10_000)
  yield* same("Little's law", [busy, connections], [5, 10])
  const line = "limit N: N requests, N a second, each held a connection for N ms: N in use on average; "
    + "N waited for a free one. Recommended: N"
  yield* same("what the program prints", lines.map((line) => line.replaceAll(/\d+(\.\d+)?/g, "N")), [line, line])
})
