/** A HEAD request: the fields of the response, and no body, whatever its Content-Length says. */
import { HttpConnection, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const connection = yield* HttpConnection.make({ host, port })
    const response = yield* connection.execute(HttpRequest.head("/"))
    const body = yield* response.bytes
    return {
      status: response.status,
      announced: response.getHeader("Content-Length", "unknown"),
      received: body.length
    }
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
