/** A pool through a SOCKS5 proxy, which resolves the names, and what to do if the proxy fails. */
import { ConnectionPool, HttpRequest, NodeTransport, Proxy } from "effect-http-client"
import * as Effect from "effect/Effect"

export const program = (proxyUrl: string, url: string) =>
  Effect.gen(function*() {
    // A wrong scheme, or credentials that cannot be sent, fail here, before anything is opened.
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
