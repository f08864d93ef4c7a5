/** HTTPS through a proxy: the proxy is asked by CONNECT to open a tunnel, and TLS is spoken with the far end inside of it. */
import { HttpConnection, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"

interface Settings {
  readonly proxy: { readonly host: string; readonly port: number; readonly authorization: string }
  readonly target: { readonly host: string; readonly port: number }
  /** PEM certificate of the authority to trust; without one the system's are trusted. */
  readonly ca: string | undefined
}

export const program = ({ ca, proxy, target }: Settings) =>
  Effect.gen(function*() {
    const connection = yield* HttpConnection.make({ host: proxy.host, port: proxy.port, tls: { ca } })
    // For the proxy alone: the target never sees this field.
    yield* connection.setTunnel(target.host, target.port, { "Proxy-Authorization": proxy.authorization })
    const response = yield* connection.execute(HttpRequest.head("/hello"))
    return { status: response.status, url: response.url, proxy: yield* connection.getProxyResponseHeaders }
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
