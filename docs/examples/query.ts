/**
 * QUERY (RFC 10008): a question with content, which is safe to retry. And `OPTIONS *`: what the
 * server allows as a whole.
 */
import { ConnectionPool, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    // `retry` retries a QUERY like a GET.
    const pool = yield* Effect.map(ConnectionPool.ConnectionPool, ConnectionPool.retry({ times: 2 }))
    const server = `http://${host}:${port}`
    const about = yield* pool.execute(HttpRequest.options(server, { targetForm: "asterisk" }))
    const found = yield* pool.execute(HttpRequest.query(`${server}/contacts`, { json: { name: "ann" } }))
    return { allow: about.getHeader("allow"), found: yield* found.json }
  }).pipe(
    Effect.provide(ConnectionPool.layer()),
    Effect.provide(NodeTransport.layer)
  )
