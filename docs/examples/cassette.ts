/** Records the responses of a server, without secrets, and plays the recording. */
import { Cassette, ConnectionPool, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const ask = (url: string) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.make()
    const response = yield* pool.execute(HttpRequest.get(url, { headers: { authorization: "Bearer secret" } }))
    return yield* response.text
  }).pipe(Effect.scoped)

export const program = (host: string, port: number, file: string) =>
  Effect.gen(function*() {
    const url = `http://${host}:${port}/hello?token=secret`
    const recorded = yield* ask(url).pipe(
      Effect.provide(Cassette.layerRecord(file).pipe(Layer.provide(NodeTransport.layer)))
    )
    // In a test this would be everything, with `Cassette.layer`. No connection is opened.
    const played = yield* ask(url).pipe(Effect.provide(Cassette.layerPlay(file, { times: false })))
    const { log } = Cassette.toHar(yield* Cassette.read(file))
    return { recorded, played, urls: log.entries.map(({ request }) => request.url) }
  })
