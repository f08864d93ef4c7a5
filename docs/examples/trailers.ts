/** A digest after the body, in its trailers: it proves that the received body is the sent one. */
import { ConnectionPool, HttpRequest, NodeTransport, StructuredFields } from "effect-http-client"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.ConnectionPool
    // `TE: trailers`: a server may omit them if the client does not ask for them.
    const response = yield* pool.execute(HttpRequest.get(`http://${host}:${port}/report`, { acceptTrailers: true }))
    const body = yield* response.bytes
    const digests = yield* StructuredFields.getDictionary(yield* response.trailers, "content-digest")
    const digest = digests.get("sha-256")
    const announced = digest?._tag === "Item" && digest.value._tag === "ByteSequence"
      ? digest.value.value
      : new Uint8Array()
    return {
      bytes: body.length,
      isIntact: createHash("sha256").update(body).digest().equals(announced)
    }
  }).pipe(
    Effect.provide(ConnectionPool.layer()),
    Effect.provide(NodeTransport.layer)
  )
