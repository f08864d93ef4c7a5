/**
 * A bearer token that is acquired once for many requests, and replaced once when the server no
 * longer accepts it.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import { Auth, PooledHttpClient } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const origin = `http://${host}:${port}`
    const client = yield* HttpClient.HttpClient
    let acquired = 0
    const acquire = Effect.gen(function*() {
      acquired++
      const response = yield* client.post(`${origin}/token`)
      return { token: Redacted.make(yield* response.text), expiresIn: "1 hour" } as const
    })
    const api = Auth.client(client, yield* Auth.refreshing(acquire, { origins: [origin] }))
    const status = Effect.flatMap(api.get(`${origin}/items`), (response) => Effect.as(response.text, response.status))

    const first = yield* Effect.all(Array.from({ length: 10 }, () => status), { concurrency: 10 })
    // From here on the server refuses the token that it has issued.
    yield* client.post(`${origin}/revoke`)
    const second = yield* Effect.all(Array.from({ length: 10 }, () => status), { concurrency: 10 })
    return { statuses: [...new Set([...first, ...second])], acquired }
  }).pipe(Effect.provide(PooledHttpClient.layer))
