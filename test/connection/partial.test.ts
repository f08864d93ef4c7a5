/** What a failed reading had collected is in its failure, whatever failed; and `closed` says that no byte can come any more. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { BodyDecodeError, BodyFailure } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpResponse } from "../../src/HttpResponse.ts"
import * as T from "../../src/TestTransport.ts"
import {
  bytesOf,
  chunk,
  connected,
  contained,
  failsWith,
  getHead,
  latin1,
  nothingLeft,
  ok,
  settled
} from "./harness.ts"

const came = "hello"

const chunkedBody = (behind: string): string =>
  `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk(came)}${behind}`

interface Failing {
  readonly tag: (BodyFailure | BodyDecodeError)["_tag"]
  readonly steps: ReadonlyArray<T.Step>
  readonly options?: HttpRequest.Options
  /** Milliseconds that pass. */
  readonly pass?: number
}

/** Every way in which a body fails behind five good bytes. */
const failures: ReadonlyArray<Failing> = [
  { tag: "IncompleteRead", steps: [T.reply(ok("hello world").slice(0, -6)), T.eof] },
  { tag: "IncompleteRead", steps: [T.reply(chunkedBody("")), T.eof] },
  { tag: "ConnectionReset", steps: [T.reply(ok("hello world").slice(0, -6)), T.reset] },
  { tag: "InvalidChunkSize", steps: [T.reply(chunkedBody("zz\r\n")), T.stall] },
  { tag: "InvalidChunkEnd", steps: [T.reply(chunkedBody("").slice(0, -2) + "X"), T.stall] },
  { tag: "ChunkTooLarge", steps: [T.reply(chunkedBody(`${"f".repeat(16)}\r\n`)), T.stall] },
  {
    tag: "ChunkExtensionsTooLong",
    steps: [T.reply(chunkedBody("1;aaaaaaaaaaaa\r\nc\r\n")), T.stall],
    options: { limits: { chunkExtensions: 10 } }
  },
  {
    tag: "LineTooLong",
    steps: [T.reply(chunkedBody("1;aaaaaaaaaaaa\r\nc\r\n")), T.stall],
    options: { limits: { chunkLine: 8 } }
  },
  { tag: "InvalidTrailer", steps: [T.reply(chunkedBody("0\r\nno field\r\n\r\n")), T.stall] },
  {
    tag: "TrailersTooLarge",
    steps: [T.reply(chunkedBody("0\r\nX-A: aaaaaaaaaaaaaaaaa\r\n\r\n")), T.stall],
    options: { limits: { trailers: 12 } }
  },
  { tag: "BodyTooLarge", steps: [T.reply(chunkedBody("1\r\n!\r\n")), T.stall], options: { limits: { body: 5 } } },
  {
    tag: "HttpTimeout",
    steps: [T.reply(ok("hello world").slice(0, -6)), T.stall],
    options: { timeouts: { bodyIdle: 20 } },
    pass: 20
  },
  {
    tag: "HttpTimeout",
    steps: [T.reply(ok("hello world").slice(0, -6)), T.stall],
    options: { timeouts: { total: 20 } },
    pass: 20
  }
]

type Read = (response: HttpResponse) => Effect.Effect<unknown, BodyFailure | BodyDecodeError>

/** Every reading that collects. */
const readings: ReadonlyArray<readonly [name: string, read: Read]> = [
  ["bytes", (response) => response.bytes],
  ["text", (response) => response.text],
  ["json", (response) => response.json],
  ["read(n)", (response) => response.read(100)],
  ["readInto", (response) => response.readInto(new Uint8Array(100))],
  ["readLine", (response) => response.readLine()]
]

/** The response to a request on a new connection. */
const responseOf = ({ options, steps }: Failing) =>
  Effect.gen(function*() {
    const { connection, transport } = yield* connected(T.expect(getHead()), ...steps)
    return { transport, response: yield* connection.execute(HttpRequest.get("/", options)) }
  })

/** What a reading fails with, when so many milliseconds have passed. */
const failureOf = (read: Effect.Effect<unknown, BodyFailure | BodyDecodeError>, { pass = 0, tag }: Failing) =>
  Effect.gen(function*() {
    const reading = yield* Effect.fork(read)
    yield* settled
    yield* TestClock.adjust(pass)
    return (yield* failsWith(Fiber.join(reading), tag)) as BodyFailure | BodyDecodeError
  })

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && latin1(bytes)

describe("a body that fails while it is being collected", () => {
  for (const [index, failing] of failures.entries()) {
    it.scoped(`gives what had come with ${failing.tag} (${index + 1}), by every reading, and is closed`, () =>
      contained(Effect.gen(function*() {
        for (const [name, read] of readings) {
          const { response, transport } = yield* responseOf(failing)
          assert.isFalse(yield* response.closed, name)
          const error = yield* failureOf(read(response), failing)
          assert.strictEqual(text(error.partial), came, name)
          assert.isTrue(yield* response.closed, name)
          // The copy with the bytes is as good as the failure of the body.
          assert.deepInclude(error.context, { phase: "body", requestState: "ResponseStarted" }, name)
          assert.strictEqual(error.context.connection?.id, response.connection.id, name)
          assert.deepInclude(JSON.parse(JSON.stringify(error)), { _tag: failing.tag, partial: "5 bytes" }, name)
          yield* nothingLeft(transport)
        }
      })))
  }

  it.scoped("gives each reading its own bytes: those that came before belong to the one before", () =>
    contained(Effect.gen(function*() {
      for (const failing of failures) {
        const { response } = yield* responseOf(failing)
        assert.strictEqual(latin1(yield* response.read(2)), "he")
        const first = yield* failureOf(response.read(100), failing)
        assert.strictEqual(text(first.partial), "llo", failing.tag)
        const second = yield* failsWith(response.read(100), failing.tag)
        assert.strictEqual(text((second as BodyFailure).partial), "", failing.tag)
        assert.strictEqual(text(first.partial), "llo", failing.tag)
      }
    })))

  it.scoped("keeps the cause of the failure beside the bytes", () =>
    contained(Effect.gen(function*() {
      const { response } = yield* responseOf({
        tag: "ConnectionReset",
        steps: [T.reply(ok("hi").slice(0, -1)), T.reset]
      })
      const error = yield* failsWith(response.bytes, "ConnectionReset")
      assert.instanceOf(error.cause, Error)
      assert.propertyVal(error.cause, "code", "ECONNRESET")
      assert.strictEqual(error.received, 1)
    })))

  it.scoped("has nothing in the failure of a stream, which has given it out", () =>
    contained(Effect.gen(function*() {
      for (const failing of failures) {
        const { response } = yield* responseOf(failing)
        let given = ""
        const error = yield* failureOf(
          Stream.runForEach(response.stream, (bytes) => Effect.sync(() => void (given += latin1(bytes)))),
          failing
        )
        assert.strictEqual(given, came, failing.tag)
        assert.strictEqual(error.partial, undefined, failing.tag)
        assert.isTrue(yield* response.closed, failing.tag)
      }
    })))

  it.scoped("gives the body with `BodyDecodeError`, of text and of JSON", () =>
    contained(Effect.gen(function*() {
      for (
        const [type, body, read] of [
          ["text/plain; charset=nonsense", "h\xfc", (response: HttpResponse) => response.text],
          ["application/json", came, (response: HttpResponse) => response.json],
          ["application/json", came, (response: HttpResponse) => Effect.zipRight(response.bytes, response.json)]
        ] as const
      ) {
        const { response } = yield* responseOf({
          tag: "BodyDecodeError",
          steps: [T.reply(bytesOf(ok(body, `Content-Type: ${type}`)))]
        })
        const error = yield* failsWith(read(response), "BodyDecodeError")
        assert.strictEqual(text(error.partial), body, type)
      }
    })))
})

describe("closed", () => {
  it.scoped("is true after an interrupted reading, of every kind", () =>
    contained(Effect.gen(function*() {
      const interrupted: typeof readings = [
        ...readings,
        ["read1", (response) =>
          response.read(3).pipe(Effect.zipRight(response.read(2)), Effect.zipRight(response.read1()))],
        ["stream", (response) =>
          Stream.runDrain(response.stream)],
        ["trailers", (response) => response.trailers]
      ]
      for (const [name, read] of interrupted) {
        const { response, transport } = yield* responseOf({
          tag: "ConnectionClosed",
          steps: [T.reply(ok("hello world").slice(0, -6)), T.stall]
        })
        const reading = yield* Effect.fork(read(response))
        yield* settled
        yield* Fiber.interrupt(reading)
        assert.isTrue(yield* response.closed, name)
        yield* nothingLeft(transport)
      }
    })))

  it.scoped("is false while there are bytes, or a failure that nobody has been told of", () =>
    contained(Effect.gen(function*() {
      for (const failing of failures) {
        const { response } = yield* responseOf(failing)
        const five = Effect.zip(response.read(2), response.read(3))
        assert.deepStrictEqual((yield* five).map(latin1), ["he", "llo"], failing.tag)
        yield* settled
        // All bytes have been read, but the body is not whole: who stopped here would take it for that.
        assert.isFalse(yield* response.closed, failing.tag)
        yield* failureOf(response.read(1), failing)
        assert.isTrue(yield* response.closed, failing.tag)
      }
    })))

  it.scoped("ends a loop that reads until then: with every byte, and with the failure where there is one", () =>
    contained(Effect.gen(function*() {
      const samples = FastCheck.sample(
        FastCheck.record({
          failing: FastCheck.constantFrom(...failures),
          sizes: FastCheck.array(FastCheck.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 6 }),
          line: FastCheck.boolean()
        }),
        100
      )
      for (const { failing, line, sizes } of samples) {
        const { response } = yield* responseOf(failing)
        let got = ""
        let told = 0
        for (let i = 0; !(yield* response.closed); i++) {
          const size = sizes[i % sizes.length] ?? 1
          const reading = line ? response.readLine(size) : response.read(size)
          const fiber = yield* Effect.fork(Effect.either(reading))
          yield* settled
          yield* TestClock.adjust(failing.pass ?? 0)
          const result = yield* Fiber.join(fiber)
          if (result._tag === "Right") got += latin1(result.right)
          else {
            told++
            got += text(result.left.partial) ?? ""
          }
        }
        assert.deepStrictEqual([got, told], [came, 1], JSON.stringify({ tag: failing.tag, sizes }))
      }
    })))
})
