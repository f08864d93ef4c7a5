/** A streaming upload with its digest behind it: trailers that are known when all of the body has been written. */
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
    // Runs once, behind the last piece. Its error would be that of the request, as the error of the stream is.
    const trailers = Effect.sync(() => ({ "Content-Digest": `sha-256=:${hash.digest("base64")}:` }))
    const response = yield* connection.execute(
      // What is known before can be announced: RFC 9110 section 6.6.2.
      HttpRequest.post("/upload", { body, trailers, headers: { Trailer: "Content-Digest" } })
    )
    return yield* response.json
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
