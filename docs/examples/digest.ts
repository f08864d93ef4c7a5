/**
 * A digest of the password for each request. The server asks for the first one, and not again.
 */
import { Auth, Challenge, ConnectionPool, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const origin = `http://${host}:${port}`
    const pool = yield* ConnectionPool.make()

    // The challenge of the server, as a program without credentials sees it.
    const refused = yield* pool.execute(HttpRequest.get(`${origin}/items`))
    yield* refused.close
    const challenges = Challenge.parse(refused.fields, "www-authenticate")

    const auth = yield* Auth.digest({ username: "ann", password: Redacted.make("secret"), origins: [origin] })
    const authorized = Auth.pool(pool, auth)
    const texts: Array<string> = []
    for (const path of ["/items", "/items/1", "/items/2"]) {
      texts.push(yield* Effect.flatMap(authorized.execute(HttpRequest.get(origin + path)), ({ text }) => text))
    }
    return { schemes: challenges.map(({ scheme }) => scheme), texts }
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
