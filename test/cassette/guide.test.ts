/** The test of docs/cassettes.md, word for word, as the test that it is. */
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer, TestClock } from "effect"
import { Cassette, HttpConnection, HttpRequest, NodeTransport, Transport } from "effect-http-client"
import * as fs from "node:fs"
import * as http from "node:http"

const ask = (port: number) =>
  Effect.gen(function*() {
    const api = yield* HttpConnection.make({ host: "127.0.0.1", port })
    const response = yield* api.execute(HttpRequest.get("/greeting?token=secret"))
    return yield* response.text
  }).pipe(Effect.scoped)

/** Runs with a server, which is closed at the end. */
const withServer = <A, E, R>(use: (port: number) => Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.async<http.Server>((resume) => {
      const server = http.createServer((_request, response) => response.end("Hello"))
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => {
      const address = server.address()
      return use(typeof address === "object" && address !== null ? address.port : 0)
    },
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )

it.scoped("greets again without the server, and takes its time", () =>
  Effect.gen(function*() {
    const recording = yield* Cassette.record(NodeTransport.transport)
    const port = yield* withServer((port) =>
      Effect.as(
        Effect.provide(ask(port), Layer.succeed(Transport.Transport, recording.transport)),
        port
      )
    )
    const cassette = yield* recording.cassette
    assert.notInclude(JSON.stringify(Cassette.toHar(cassette)), "secret")

    const player = yield* Cassette.play(cassette)
    const asked = yield* Effect.fork(
      Effect.provide(ask(port), Layer.succeed(Transport.Transport, player))
    )
    yield* TestClock.adjust("1 minute")
    assert.strictEqual(yield* Fiber.join(asked), "Hello")
    yield* player.verify
  }))

it("the guide shows this test", () => {
  const read = (file: string) => fs.readFileSync(new URL(file, import.meta.url), "utf8")
  const plain = (text: string) => text.replaceAll(/\s+/g, " ")
  const shown = [...read("../../docs/cassettes.md").matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block = ""]) => block)
  const test = shown.find((block) => block.includes("it.scoped")) ?? ""
  assert.include(plain(read("./guide.test.ts")), plain(test.slice(test.indexOf("const ask"))).trim())
})
