/** A GET: status, reason, and the whole body as text. */
import { HttpConnection, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const connection = yield* HttpConnection.make({ host, port })
    const response = yield* connection.execute(HttpRequest.get("/"))
    // After this body was read, another request can follow on the same connection.
    const text = yield* response.text
    return { status: response.status, reason: response.reason, text }
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
