/** A streaming upload: any `Stream<Uint8Array, E>`, in chunks, as fast as the server accepts it. */
import { HttpBody, HttpConnection, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** A report of many rows, which is never completely in memory. */
const rows = Stream.range(1, 10_000).pipe(
  Stream.map((number) => `row ${number}\n`),
  Stream.encodeText
)

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const connection = yield* HttpConnection.make({ host, port })
    // With `length` it would be sent with that Content-Length, which is then enforced.
    const body = HttpBody.stream(rows, { contentType: "text/plain" })
    const response = yield* connection.execute(HttpRequest.post("/upload", { body }))
    return yield* response.json
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
