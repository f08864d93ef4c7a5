/**
 * A user with a password, sent as Basic to one origin and to no other.
 */
import { Auth, ConnectionPool, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

export const program = (host: string, port: number, other: number) =>
  Effect.gen(function*() {
    const origin = `http://${host}:${port}`
    const auth = yield* Auth.basic({ username: "ann", password: Redacted.make("secret"), origins: [origin] })
    const pool = Auth.pool(yield* ConnectionPool.make(), auth)

    const mine = yield* pool.execute(HttpRequest.get(`${origin}/basic`))
    const text = yield* mine.text
    // The same server on another port is another origin, and receives no credentials.
    const elsewhere = yield* pool.execute(HttpRequest.get(`http://${host}:${other}/basic`))
    yield* elsewhere.close
    return { text, elsewhere: elsewhere.status }
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
