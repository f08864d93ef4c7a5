/** What a failed reading had collected is in the cause of the platform's error, with and without `MaxBodySize`. */
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { HttpError } from "../../src/HttpError.ts"
import * as T from "../../src/TestTransport.ts"
import { settled } from "../connection/harness.ts"
import { answering, failsWith } from "./kit.ts"

const chunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

const withLimit = (limit: number) => HttpIncomingMessage.withMaxBodySize(Option.some(limit))

const readings = (response: HttpClientResponse) => [
  response.text,
  response.json,
  response.arrayBuffer,
  response.urlParamsBody,
  response.formData
]

/** The partial of a failure, which must be of this tag. */
const partialOf = (
  read: Effect.Effect<unknown, unknown>,
  tag: HttpError["_tag"]
): Effect.Effect<string | undefined> =>
  Effect.map(failsWith(read, "ResponseError", "Decode", tag), (error) => {
    const { partial } = error as { readonly partial?: Uint8Array }
    return partial && Buffer.from(partial).toString("latin1")
  })

describe("a whole body that fails has what had come", () => {
  const breaks = [
    ["IncompleteRead", [T.reply("3\r\nabc\r\n"), T.reply("2\r\nde\r\n"), T.eof]],
    ["ConnectionReset", [T.reply("3\r\nabc\r\n"), T.reply("2\r\nde\r\n"), T.reset]],
    ["InvalidChunkSize", [T.reply("3\r\nabc\r\n2\r\nde\r\n"), T.reply("zz\r\n")]],
    ["InvalidChunkEnd", [T.reply("3\r\nabc\r\n"), T.reply("2\r\ndeX")]]
  ] as const

  for (const [tag, steps] of breaks) {
    for (const limit of [undefined, 100]) {
      it.scoped(`${tag}, ${limit === undefined ? "without" : "within"} \`MaxBodySize\``, () =>
        Effect.gen(function*() {
          for (let index = 0; index < 5; index++) {
            const response = yield* answering(chunkedHead, ...steps)
            const read: Effect.Effect<unknown, unknown> = readings(response)[index] ?? Effect.die("no such reading")
            const reading = limit === undefined ? read : withLimit(limit)(read)
            // A second one, at the same time, gets the same.
            const both = yield* Effect.all([Effect.fork(reading), Effect.fork(reading)])
            yield* settled
            for (const fiber of both) assert.strictEqual(yield* partialOf(Fiber.join(fiber), tag), "abcde")
            assert.strictEqual(yield* partialOf(reading, tag), "abcde")
          }
        }))
    }
  }

  it.scoped("`BodyTooLarge`, up to the piece that was too much", () =>
    Effect.gen(function*() {
      const steps = ["3\r\nabc\r\n", "2\r\nde\r\n"].map((text) => T.reply(text))
      const response = yield* answering(`${chunkedHead}1\r\n!\r\n`, ...steps)
      assert.strictEqual(yield* partialOf(withLimit(5)(response.text), "BodyTooLarge"), "!abcde")
      const declared = yield* answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
      assert.strictEqual(yield* partialOf(withLimit(5)(declared.text), "BodyTooLarge"), "")
      const whole = yield* answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
      assert.strictEqual(yield* whole.text, "abc")
      assert.strictEqual(yield* partialOf(withLimit(2)(whole.text), "BodyTooLarge"), "abc")
    }))

  it.scoped("nothing where the body had been read before", () =>
    Effect.gen(function*() {
      const response = yield* answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
      yield* Stream.runDrain(response.stream)
      assert.strictEqual(yield* partialOf(withLimit(5)(response.text), "BodyAlreadyConsumed"), undefined)
    }))
})
