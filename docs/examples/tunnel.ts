/** HTTPS through a proxy: CONNECT asks it to open a tunnel, and TLS with the far end is inside. */
import { HttpConnection, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"

interface Settings {
  readonly proxy: { readonly host: string; readonly port: number; readonly authorization: string }
  readonly target: { readonly host: string; readonly port: number }
  /** PEM certificate of the authority to trust; by default those of Node are trusted. */
  readonly ca: string | undefined
}

export const program = ({ ca, proxy, target }: Settings) =>
  Effect.gen(function*() {
    const connection = yield* HttpConnection.make({ host: proxy.host, port: proxy.port, tls: { ca } })
    // Only for the proxy: the target never sees this field.
    yield* connection.setTunnel(target.host, target.port, { "Proxy-Authorization": proxy.authorization })
    const response = yield* connection.execute(HttpRequest.head("/hello"))
    return { status: response.status, url: response.url, proxy: yield* connection.getProxyResponseHeaders }
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
