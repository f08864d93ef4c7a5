/** Reading a body in pieces: of an exact size with `read`, as they arrive with `read1`. */
import { HttpConnection, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const connection = yield* HttpConnection.make({ host, port })

    const exact: Array<number> = []
    const first = yield* connection.execute(HttpRequest.get("/bytes?size=500"))
    for (let piece = yield* first.read(200); piece.length > 0; piece = yield* first.read(200)) {
      exact.push(piece.length)
    }

    let sum = 0
    const second = yield* connection.execute(HttpRequest.get("/bytes?size=300000"))
    for (let piece = yield* second.read1(); piece.length > 0; piece = yield* second.read1()) {
      sum += piece.length
    }
    return { exact, sum }
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
