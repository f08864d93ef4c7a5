/** A pool through a SOCKS5 proxy, which resolves the names itself, and what can be done about it if that fails. */
import { ConnectionPool, HttpRequest, NodeTransport, Proxy } from "effect-http-client"
import * as Effect from "effect/Effect"

export const program = (proxyUrl: string, url: string) =>
  Effect.gen(function*() {
    // Checked here: a wrong scheme or credentials that the proxy could not be given fail before anything is connected to.
    const proxy = yield* Proxy.fromUrl(proxyUrl)
    const pool = yield* ConnectionPool.make({ proxy })
    const response = yield* pool.execute(HttpRequest.get(url))
    return `${response.status} through ${proxy}`
  }).pipe(
    Effect.catchTags({
      SocksError: ({ reason, target }) => Effect.succeed(`no way to ${target}: ${reason}`),
      ProxyAuthRequired: ({ context }) => Effect.succeed(`the proxy ${context.proxy} wants other credentials`)
    }),
    Effect.scoped,
    Effect.provide(NodeTransport.layer)
  )
