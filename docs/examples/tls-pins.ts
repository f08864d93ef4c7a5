/**
 * A service that both sides prove themselves to: the server by a key that is pinned, the client by a certificate.
 *
 * The certificate of the server is verified as always, and then its key must be one of `pins`. A server that has another key, be its
 * certificate ever so valid, is an error that shows which keys it has, before anything of the request is sent.
 */
import { ConnectionPool, HttpRequest, NodeTransport } from "effect-http-client"
import type { Tls } from "effect-http-client"
import * as Effect from "effect/Effect"

interface Settings {
  /** PEM certificate of the authority to trust. */
  readonly ca: string
  /** PEM texts of the client's certificate and key. */
  readonly client: { readonly cert: string; readonly key: string }
  /** The keys of the server: the one in use, and one for later that is kept elsewhere. */
  readonly pins: ReadonlyArray<string>
}

const ask = (url: string, tls: Tls.Options) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.make({ tls })
    const response = yield* pool.execute(HttpRequest.get(url))
    return yield* response.text
  }).pipe(Effect.scoped)

export const program = (url: string, { ca, client, pins }: Settings) =>
  ask(url, { ca, ...client, pins }).pipe(
    Effect.catchTag("TlsError", (error) =>
      error.reason === "PinMismatch"
        // Public data, to compare with what the server's owner publishes.
        ? Effect.succeed(`another key: ${error.pins?.[0]}`)
        : Effect.fail(error)),
    Effect.provide(NodeTransport.layer)
  )
