/** Timeouts of a connection and of one request, which take precedence. */
import { HttpConnection, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const connection = yield* HttpConnection.make({
      host,
      port,
      timeouts: { connect: "2 seconds", head: "10 seconds", total: "1 minute" }
    })
    const impatient = HttpRequest.get("/stall", { timeouts: { head: "100 millis" } })
    const kind = yield* connection.execute(impatient).pipe(
      Effect.as("answered"),
      Effect.catchTag("HttpTimeout", ({ kind }) => Effect.succeed(`timed out: ${kind}`))
    )
    // The timeout closed the connection; it opens again for the next request.
    const response = yield* connection.execute(HttpRequest.get("/hello"))
    return { kind, text: yield* response.text }
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
