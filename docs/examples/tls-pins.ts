/**
 * A service with mutual authentication: the server has a pinned key, the client a certificate.
 *
 * The certificate of the server is verified as always, and then its key must be one of `pins`. If
 * the key is another one, even with a valid certificate, the error shows the keys of the server.
 * Nothing of the request is sent before.
 */
import { ConnectionPool, HttpRequest, NodeTransport } from "effect-http-client"
import type { Tls } from "effect-http-client"
import * as Effect from "effect/Effect"

interface Settings {
  /** PEM certificate of the authority to trust. */
  readonly ca: string
  /** PEM texts of the client's certificate and key. */
  readonly client: { readonly cert: string; readonly key: string }
  /** The keys of the server: the one in use, and a later one that is kept elsewhere. */
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
        // Public data, to compare with what the server's operator publishes.
        ? Effect.succeed(`another key: ${error.pins?.[0]}`)
        : Effect.fail(error)),
    Effect.provide(NodeTransport.layer)
  )
