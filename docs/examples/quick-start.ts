/**
 * The quick start: a server of this process, one request, one failure, one retry, and what the pool
 * counted.
 */
import { HttpClient } from "@effect/platform"
import { Console, Effect } from "effect"
import { ConnectionPool, PooledHttpClient } from "effect-http-client"
import * as http from "node:http"

/** Answers /hello. Never answers /slow. Is too busy for /busy the first time. */
const answer = (visits: Map<string, number>): http.RequestListener => (request, response) => {
  const url = request.url ?? "/"
  const visit = (visits.get(url) ?? 0) + 1
  visits.set(url, visit)
  if (url === "/slow") return
  response.statusCode = url === "/busy" && visit === 1 ? 503 : 200
  response.end(`${request.method} ${url}, visit ${visit}`)
}

/** A server on a free port of this machine. It ends with its scope. */
const server = Effect.acquireRelease(
  Effect.async<http.Server>((resume) => {
    const server = http.createServer(answer(new Map()))
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) =>
    Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    })
)

const program = Effect.gen(function*() {
  const address = (yield* server).address()
  const port = typeof address === "object" ? address?.port : undefined
  const url = `http://127.0.0.1:${port}`
  const client = yield* HttpClient.HttpClient

  // A request.
  const hello = yield* client.get(`${url}/hello`)
  yield* Console.log("request:", hello.status, yield* hello.text)

  // A failure, caught by its tag. The other failures stay in the type.
  yield* client.get(`${url}/slow`).pipe(
    PooledHttpClient.withTimeouts({ head: "200 millis" }),
    PooledHttpClient.catchTag("HttpTimeout", (error) => Console.log("failure:", error.message))
  )

  // A retry: the first response is a 503, and asking a second time does no harm.
  const patient = PooledHttpClient.retry(client, { times: 3 })
  const busy = yield* patient.get(`${url}/busy`)
  yield* Console.log("retry:", busy.status, yield* busy.text)

  // What the pool did. The connection whose request timed out was closed, so there were two.
  const pool = yield* ConnectionPool.ConnectionPool
  const { opened, requests, reused } = yield* pool.stats
  yield* Console.log(`pool: ${requests} requests, ${opened} connections, reused ${reused} times`)
})

await program.pipe(
  Effect.provide(PooledHttpClient.layer),
  Effect.scoped,
  Effect.runPromise
)
