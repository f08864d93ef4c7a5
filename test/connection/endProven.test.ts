/** How much the end of a body is worth, over a script: by its length, its last chunk, TLS, or only by the end of the connection. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as HttpLeniency from "../../src/HttpLeniency.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { connectedWith, failsWith } from "./harness.ts"

const get = HttpRequest.get("/")
const asked = T.discardUntil("\r\n\r\n")
const reply = (...lines: ReadonlyArray<string>) => T.reply(["HTTP/1.1 200 OK", ...lines].join("\r\n"))
const untilClose = reply("", "abc")

const ends: ReadonlyArray<readonly [name: string, tls: boolean, steps: ReadonlyArray<T.Step>, proven: boolean]> = [
  ["by its length", false, [reply("Content-Length: 3", "", "abc")], true],
  ["by its last chunk", false, [reply("Transfer-Encoding: chunked", "", "3", "abc", "0", "", "")], true],
  ["with a connection of TLS that says so", true, [untilClose, T.eof], true],
  ["with a connection in clear", false, [untilClose, T.eof], false],
  ["with a connection in clear that is cut", false, [untilClose, T.cutOff], false],
  ["by its length, over TLS that is cut", true, [reply("Content-Length: 3", "", "abc"), T.cutOff], true]
]

describe("a body that ends", () => {
  for (const [name, tls, steps, proven] of ends) {
    it.scoped(`${name} is whole, and its end is ${proven ? "" : "not "}proven`, () =>
      Effect.gen(function*() {
        const { connection } = yield* connectedWith({ tls }, asked, ...steps)
        const response = yield* connection.execute(get)
        assert.strictEqual(yield* response.text, "abc")
        assert.strictEqual(yield* response.endProven, proven)
      }))
  }

  it.scoped("has no proven end before it", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectedWith({}, asked, reply("Content-Length: 3", "", "ab"))
      assert.isFalse(yield* (yield* connection.execute(get)).endProven)
    }))
})

describe("a body that ends with a connection of TLS that is cut", () => {
  it.scoped("fails behind the bytes that came, and says which relaxation takes it", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectedWith({ tls: true }, asked, untilClose, T.cutOff)
      const response = yield* connection.execute(get)
      const error = yield* failsWith(response.text, "IncompleteRead")
      assert.deepInclude(error, { received: 3, expected: undefined, unproven: true })
      assert.strictEqual(Buffer.from(error.partial ?? []).toString(), "abc")
      assert.include(error.message, "TLS did not say so (close_notify)")
      assert.include(error.message, "HttpLeniency.missingCloseNotify")
      assert.isFalse(yield* response.endProven)
    }))

  it.scoped("gives a stream what came, and then fails", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectedWith({ tls: true }, asked, untilClose, T.cutOff)
      const { stream } = yield* connection.execute(get)
      let text = ""
      const error = yield* failsWith(
        Stream.runForEach(stream, (bytes) =>
          Effect.sync(() => {
            text += Buffer.from(bytes).toString()
          })),
        "IncompleteRead"
      )
      assert.deepStrictEqual([text, error.unproven], ["abc", true])
    }))

  it.scoped("is whole where that is allowed, and its end is not proven", () =>
    Effect.gen(function*() {
      const leniency = HttpLeniency.make({ missingCloseNotify: true })
      const { connection } = yield* connectedWith({ tls: true, leniency }, asked, untilClose, T.cutOff)
      const response = yield* connection.execute(get)
      assert.strictEqual(yield* response.text, "abc")
      assert.isFalse(yield* response.endProven)
    }))

  it.scoped("is not mended by another relaxation that reads to the close", () =>
    Effect.gen(function*() {
      const leniency = HttpLeniency.make({ invalidContentLength: true })
      const { connection } = yield* connectedWith(
        { tls: true, leniency },
        asked,
        reply("Content-Length: x", "", "abc"),
        T.cutOff
      )
      const error = yield* failsWith(Effect.flatMap(connection.execute(get), ({ text }) => text), "IncompleteRead")
      assert.isTrue(error.unproven)
    }))
})
