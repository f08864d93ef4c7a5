/** A PUT in two steps: `request` sends it, and `getResponse` waits for the response. */
import { HttpConnection, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const connection = yield* HttpConnection.make({ host, port })
    yield* connection.request("PUT", "/file", { body: "***filecontents***", headers: { "Content-Type": "text/plain" } })
    const response = yield* connection.getResponse
    yield* response.bytes
    return { status: response.status, reason: response.reason }
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
