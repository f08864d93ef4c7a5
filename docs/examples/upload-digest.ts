/** A streaming upload with its digest in trailers, which are known when the body was written. */
import { HttpBody, HttpConnection, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"

const rows = Stream.range(1, 10_000).pipe(
  Stream.map((number) => `row ${number}\n`),
  Stream.encodeText
)

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const connection = yield* HttpConnection.make({ host, port })
    const hash = createHash("sha256")
    const body = HttpBody.stream(Stream.tap(rows, (piece) => Effect.sync(() => hash.update(piece))))
    // Runs once, after the last piece. Its error becomes that of the request, like the stream's.
    const trailers = Effect.sync(() => ({ "Content-Digest": `sha-256=:${hash.digest("base64")}:` }))
    const response = yield* connection.execute(
      // Known names can be announced: RFC 9110 section 6.6.2.
      HttpRequest.post("/upload", { body, trailers, headers: { Trailer: "Content-Digest" } })
    )
    return yield* response.json
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
