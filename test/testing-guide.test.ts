/** The programs of docs/testing.md, word for word, as the tests that they are. */
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer, TestClock } from "effect"
import { HttpBody, HttpConnection, HttpRequest, TestTransport, Transport } from "effect-http-client"
import { connection, discardUntil, expect, reply, stall } from "effect-http-client/TestTransport"
import * as fs from "node:fs"

/** The program under test. */
const greeting = Effect.gen(function*() {
  const api = yield* HttpConnection.make({ host: "api.test" })
  const response = yield* api.execute(HttpRequest.get("/greeting"))
  return yield* response.text
}).pipe(Effect.scoped)

const test = greeting.pipe(
  Effect.provide(TestTransport.layer([
    connection(
      discardUntil("\r\n\r\n"),
      reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello")
    )
  ]))
)

it.effect("the first program of the guide gives what its script says", () =>
  Effect.map(test, (text) => assert.strictEqual(text, "Hello")))

it.effect("gives up after five minutes without an answer", () =>
  Effect.gen(function*() {
    const api = yield* HttpConnection.make({ host: "api.test" })
    const asked = yield* Effect.fork(Effect.flip(api.execute(HttpRequest.get("/slow"))))
    yield* TestClock.adjust("5 minutes")
    const error = yield* Fiber.join(asked)
    assert.strictEqual(error._tag, "HttpTimeout")
    assert.strictEqual(error.context.phase, "head")
  }).pipe(
    Effect.scoped,
    Effect.provide(TestTransport.layer([connection(discardUntil("\r\n\r\n"), stall)]))
  ))

it.scoped("sends the form, and one connection is enough", () =>
  Effect.gen(function*() {
    const transport = yield* TestTransport.make([
      connection(
        expect(
          "POST /form HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\n\r\na=1"
        ),
        reply("HTTP/1.1 204 No Content\r\n\r\n")
      )
    ])
    const send = Effect.gen(function*() {
      const api = yield* HttpConnection.make({ host: "api.test" })
      const response = yield* api.execute(HttpRequest.post("/form", { body: HttpBody.text("a=1") }))
      return response.status
    })
    const status = yield* send.pipe(Effect.scoped, Effect.provide(Layer.succeed(Transport.Transport, transport)))
    assert.strictEqual(status, 204)
    assert.strictEqual(transport.openCount, 0)
    yield* transport.verify
  }))

/** The service under test: it asks again when it was disturbed. */
const page = Effect.gen(function*() {
  const api = yield* HttpConnection.make({ host: "api.test" })
  const response = yield* api.execute(HttpRequest.get("/page"))
  return yield* response.text
}).pipe(Effect.scoped, Effect.retry({ times: 15 }))

it.effect.each([1, 2, 3, 4, 5])("gives the whole page, whatever breaks: seed %d", (seed) =>
  Effect.gen(function*() {
    const answers = Array.from({ length: 20 }, () =>
      connection(
        discardUntil("\r\n\r\n"),
        reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello")
      ))
    const server = yield* TestTransport.make(answers)
    const transport = TestTransport.faults({ seed, splits: 0.5, resets: 0.3, halfClose: 0.3 })(server)
    const text = yield* page.pipe(
      Effect.provideService(Transport.Transport, transport),
      Effect.orDieWith((error) => new Error(transport.report, { cause: error }))
    )
    assert.strictEqual(text, "Hello", transport.report)
    assert.strictEqual(transport.openCount, 0, transport.report)
  }).pipe(Effect.scoped))

it("the guide has these programs, and no others", () => {
  const guide = fs.readFileSync(new URL("../docs/testing.md", import.meta.url), "utf8")
  const here = fs.readFileSync(new URL(import.meta.url), "utf8")
  const blocks = [...guide.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ""]) =>
    code.replaceAll(/^import .*\n/gm, "").replaceAll(/^export /gm, "").trim()
  )
  // Guides are formatted for narrower lines than sources, so white space does not count.
  const plain = (text: string) => text.replaceAll(/\s/g, "")
  assert.strictEqual(blocks.length, 4)
  assert.deepStrictEqual(blocks.filter((block) => !plain(here).includes(plain(block))), [])
})
