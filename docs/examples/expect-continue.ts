/**
 * Asks before a large body is sent (`Expect: 100-continue`). A server that refuses does not get it.
 */
import { ConnectionPool, HttpBody, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.ConnectionPool
    let read = 0
    /** A body that counts what is read of it. */
    const upload = (length: number) =>
      pool.execute(HttpRequest.put(`http://${host}:${port}/uploads/1`, {
        body: HttpBody.stream(
          Stream.fromIterableEffect(Effect.sync(() => {
            read += length
            return [new Uint8Array(length)]
          })),
          { length }
        ),
        expectContinue: true,
        // Without a response the body is sent after this time.
        timeouts: { continue: "5 seconds" }
      }))
    const small = yield* upload(10)
    const text = yield* small.text
    const large = yield* upload(1_000_000)
    return { taken: text, refused: large.status, read }
  }).pipe(
    Effect.provide(ConnectionPool.layer()),
    Effect.provide(NodeTransport.layer)
  )
