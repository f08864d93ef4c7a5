/**
 * Which proxy or gateway failed, and why: the reports of Proxy-Status, in the error and as data.
 */
import { ConnectionPool, HttpRequest, HttpResponse, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.make()
    const response = yield* pool.execute(HttpRequest.get(`http://${host}:${port}/`))
    yield* HttpResponse.filterStatusOk(response)
    return "it works"
  }).pipe(
    Effect.catchTag("StatusError", ({ proxyStatus, status }) => {
      // The intermediary nearest to the origin server comes first.
      const failed = proxyStatus.find(({ error }) => error !== undefined)
      return Effect.succeed(
        failed === undefined ? `the server said ${status}` : `${failed.proxy}: ${failed.error} of ${failed.nextHop}`
      )
    }),
    Effect.scoped,
    Effect.provide(NodeTransport.layer)
  )
