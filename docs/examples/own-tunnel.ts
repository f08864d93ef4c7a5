/** A tunnel for any protocol: CONNECT to a proxy, and then the protocol of the far end. */
import { ConnectionPool, HttpFields, HttpRequest, NodeTransport, Origin } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

interface Settings {
  readonly proxy: { readonly host: string; readonly port: number }
  readonly target: string
  readonly headers: HttpFields.Input
}

export const program = ({ headers, proxy, target }: Settings) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.ConnectionPool
    const origin = yield* Origin.make({ scheme: "http", host: proxy.host, port: proxy.port })
    const tunnel = yield* pool.upgrade(HttpRequest.make("CONNECT", target, { origin, headers }))
    // This far end happens to speak HTTP/1.0; it could be anything.
    yield* tunnel.write(new TextEncoder().encode("GET /hello HTTP/1.0\r\n\r\n"))
    const text = yield* Stream.mkString(Stream.decodeText(tunnel.stream))
    return text.split("\r\n\r\n")[1]
  }).pipe(
    // The end of the scope closes the tunnel.
    Effect.scoped,
    Effect.catchTag("UpgradeRefused", ({ response, status }) =>
      Effect.map(response.text, (text) => `refused with ${status}: ${text.trim()}`)),
    Effect.provide(ConnectionPool.layer()),
    Effect.provide(NodeTransport.layer)
  )
