/**
 * A connection is used again only when the event loop has polled it: whatever the server sent behind an answer, or on an idle
 * connection while the loop was busy, neither answers nor fails the next request.
 *
 * The server acts in another thread while the thread of the client is kept busy, so that nothing here is a race: what it has sent
 * lies in the system's buffer before the client can read anything.
 */
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import { certificates as makeCertificates } from "../fixtures/certificates.ts"
import { turn } from "../fixtures/sockets.ts"
import type { Stray } from "../fixtures/strayServer.ts"
import { endStrayServers, strayServer } from "../fixtures/strayServer.ts"
import { judged, routes, ways } from "./stray.ts"

const certificates = await makeCertificates()

afterAll(endStrayServers)

const count = 10

/** What follows an answer, and the kinds of answers that it follows. */
const behind: ReadonlyArray<readonly [method: string, kind: string, extra: string]> = [
  ["GET", "length", "answer"],
  ["POST", "length", "answer"],
  ["GET", "chunked", "answer"],
  ["HEAD", "length", "answer"],
  ["GET", "204", "answer"],
  ["GET", "304", "answer"],
  ["POST", "chunked", "chunked"],
  ["POST", "length", "timeout"],
  ["GET", "length", "bytes"],
  ["POST", "length", "end"],
  ["POST", "chunked", "end"]
]

for (const route of routes) {
  describe(route.name, () => {
    for (const way of ways) {
      it.live(`no request by ${way.name} gets what lies behind the answer before it`, () =>
        Effect.scoped(Effect.gen(function*() {
          const server = yield* strayServer(route.tls ? certificates.server : undefined)
          const ask = yield* way.open(server, route, certificates, true)
          for (const [method, kind, extra] of behind) {
            const paths = Array.from({ length: count }, (_, index) => `/${kind}/${extra}/${method}/${index}`)
            const seen = yield* Effect.forEach(paths, (path) => judged(ask, method, path), {
              concurrency: way.concurrency
            })
            assert.deepStrictEqual(seen, paths.map(() => "right"), `${method} ${kind} ${extra}`)
          }
        })).pipe(Effect.provide(NodeTransport.layer)))

      const idle: ReadonlyArray<Stray> = [
        "answer",
        "timeout",
        "bytes",
        "end",
        "reset",
        ...route.tls ? ["alert"] as const : []
      ]
      it.live(`no request by ${way.name} gets what came to an idle connection while the event loop was busy`, () =>
        Effect.scoped(Effect.gen(function*() {
          const server = yield* strayServer(route.tls ? certificates.server : undefined)
          const ask = yield* way.open(server, route, certificates, false)
          for (const what of idle) {
            for (const method of ["GET", "POST"]) {
              const first = yield* ask(method, `/length/none/${what}/first`)
              // It has become idle.
              yield* turn
              yield* turn
              server.actWhileBusy(what)
              const second = yield* ask(method, `/length/none/${what}/second`)
              const third = yield* ask(method, `/length/none/${what}/third`)
              const seen = [first, second, third].map((response) => [
                response.getHeader("X-For"),
                response.resends
              ])
              const expected = ["first", "second", "third"].map((name) => [`/length/none/${what}/${name}`, 0])
              assert.deepStrictEqual(seen, expected, `${method}, then ${what}`)
              // It went elsewhere, and there is nothing wrong with that.
              assert.notStrictEqual(second.getHeader("X-Connection"), first.getHeader("X-Connection"))
              assert.strictEqual(third.getHeader("X-Connection"), second.getHeader("X-Connection"))
            }
          }
        })).pipe(Effect.provide(NodeTransport.layer)))
    }
  })
}

it.live("what a proxy sends behind its answer to CONNECT is no answer to the first request in a tunnel in clear", () =>
  Effect.scoped(Effect.gen(function*() {
    const server = yield* strayServer()
    const connection = yield* HttpConnection.make({
      host: "127.0.0.1",
      port: server.proxyPort,
      tunnel: { host: "127.0.0.1", port: server.port },
      // The proxy has answered, and nothing has been written since.
      onEvent: (event) => event._tag === "Connected" ? server.actWhileBusy("answer") : undefined
    })
    const error = yield* Effect.flip(connection.execute(HttpRequest.get("/length/none")))
    assert.strictEqual(error._tag, "UnexpectedMessage")
    assert.strictEqual(error.context.processed, "No")
  })).pipe(Effect.provide(NodeTransport.layer)))
