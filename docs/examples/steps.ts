/** A request step by step: a chunked upload, piece by piece. */
import { HttpConnection, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const connection = yield* HttpConnection.make({ host, port })
    yield* connection.putRequest("POST", "/upload")
    yield* connection.putHeader("Content-Type", "text/plain")
    yield* connection.putHeader("Transfer-Encoding", "chunked")
    yield* connection.endHeaders({ encodeChunked: true })
    yield* connection.send("one piece, ")
    yield* connection.send("and another")
    // Sends the last chunk, then waits for the response.
    const response = yield* connection.getResponse
    return yield* response.json
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
