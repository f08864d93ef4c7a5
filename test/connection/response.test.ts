/** Reading a body: every way of reading, in every framing, however it is split; and what happens where it is cut short. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { connected, contained, failsWith, getHead, latin1, nothingLeft, ok, settled, textOf } from "./harness.ts"
import { framings, readings, replyOf, splits } from "./responses.ts"

const body = "one\ntwo three\r\n\nfour"

describe("a body is read whole", () => {
  for (const [reading, read] of readings) {
    for (const framed of framings(body.length)) {
      it.scoped(`by ${reading}, framed by ${framed.framing}, whole and in pieces`, () =>
        Effect.gen(function*() {
          for (const [how, split] of splits) {
            const { connection, transport } = yield* connected(T.expect(getHead()), ...replyOf(framed, body, split))
            const response = yield* connection.execute(HttpRequest.get("/"))
            assert.strictEqual(response.framing, framed.framing)
            assert.strictEqual(yield* read(response), body, how)
            assert.isTrue(yield* response.closed)
            assert.strictEqual(yield* connection.state, "Idle")
            assert.strictEqual(transport.openCount, framed.framing === "close" ? 0 : 1)
            yield* transport.verify
          }
        }))
    }

    it.scoped(`by ${reading}, of a body that is empty`, () =>
      Effect.gen(function*() {
        for (const framed of framings(0)) {
          const { connection } = yield* connected(
            T.expect(getHead()),
            T.reply(framed.head + (framed.framing === "chunked" ? "0\r\n\r\n" : "")),
            ...(framed.framing === "close" ? [T.eof] : [])
          )
          const response = yield* connection.execute(HttpRequest.get("/"))
          assert.strictEqual(yield* read(response), "", framed.framing)
        }
      }))
  }

  it.scoped("and leaves the connection to the next request", () =>
    Effect.gen(function*() {
      for (const [reading, read] of readings) {
        const { connection } = yield* connected(
          T.expect(getHead("/1")),
          T.reply(ok(body), { split: 9 }),
          T.expect(getHead("/2")),
          T.reply(ok("next"))
        )
        yield* Effect.flatMap(connection.execute(HttpRequest.get("/1")), read)
        assert.strictEqual(yield* textOf(connection, HttpRequest.get("/2")), "next", reading)
      }
    }))
})

describe("a body that the connection cuts short", () => {
  const came = "one\ntw"
  /** What a reading has in hand when the end comes; `undefined` where it collects nothing. */
  const partials: { readonly [reading: string]: string | undefined } = {
    stream: undefined,
    bytes: came,
    text: came,
    "read(4)": "tw",
    "read(Infinity)": came,
    "read1()": "",
    "read1(2)": "",
    "peek, then read1 of as much": "",
    readInto: "w",
    "readLine()": "tw",
    "readLine(3)": "tw",
    "a piece, then the rest as bytes": "e\ntw",
    "a line, then the rest as a stream": undefined
  }

  for (const [reading, read] of readings) {
    it.scoped(`is \`IncompleteRead\` by ${reading}, with how much came, what was expected and what was in hand`, () =>
      contained(Effect.gen(function*() {
        for (const framed of framings(body.length).filter(({ framing }) => framing !== "close")) {
          for (const [how, split] of splits) {
            const { connection, transport } = yield* connected(
              T.expect(getHead()),
              T.reply(framed.head + framed.cut(came), { split }),
              T.eof
            )
            const response = yield* connection.execute(HttpRequest.get("/"))
            const error = yield* failsWith(read(response), "IncompleteRead")
            const name = `${framed.framing} ${how}`
            assert.strictEqual(error.received, came.length, name)
            assert.strictEqual(error.expected, framed.framing === "length" ? body.length : undefined, name)
            assert.strictEqual(error.partial && latin1(error.partial), partials[reading], name)
            assert.deepInclude(error.context, {
              phase: "body",
              fault: "Remote",
              requestState: "ResponseStarted",
              processed: "Yes"
            })
            yield* nothingLeft(transport)
          }
        }
      })))

    it.scoped(`is \`ConnectionReset\` by ${reading} where it broke, in every framing`, () =>
      contained(Effect.gen(function*() {
        for (const framed of framings(body.length)) {
          const { connection, transport } = yield* connected(
            T.expect(getHead()),
            T.reply(framed.head + framed.cut(came), { split: 11 }),
            T.reset
          )
          const response = yield* connection.execute(HttpRequest.get("/"))
          const error = yield* failsWith(read(response), "ConnectionReset")
          assert.deepInclude(error, { code: "ECONNRESET", received: came.length }, framed.framing)
          assert.strictEqual(error.expected, framed.framing === "length" ? body.length : undefined)
          assert.strictEqual(error.partial && latin1(error.partial), partials[reading])
          assert.deepInclude(error.context, { phase: "body", fault: "Network" })
          yield* nothingLeft(transport)
        }
      })))
  }

  it.scoped("until close is a body like any other: nothing tells that it was cut", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(getHead()), T.reply("HTTP/1.1 200 OK\r\n\r\none\ntw"), T.eof)
      assert.strictEqual(yield* textOf(connection, HttpRequest.get("/")), came)
    })))

  it.scoped("gives what came before the failure: the stream first, then the error", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(getHead()), T.reply(ok(body).slice(0, -4)), T.eof)
      const response = yield* connection.execute(HttpRequest.get("/"))
      yield* settled
      assert.strictEqual(latin1(yield* response.read(8)), body.slice(0, 8))
      assert.strictEqual(latin1(yield* response.read1()), body.slice(8, -4))
      const error = yield* failsWith(response.read1(), "IncompleteRead")
      assert.strictEqual(error.received, body.length - 4)
      yield* failsWith(response.bytes, "IncompleteRead")
    })))
})

describe("a body that breaks the rules", () => {
  const chunked = (bytes: string): string => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n${bytes}`
  const cases: ReadonlyArray<
    readonly [tag: Parameters<typeof failsWith>[1], response: string, limits?: HttpRequest.Options["limits"]]
  > = [
    ["InvalidChunkSize", chunked("xyz\r\n")],
    ["InvalidChunkSize", chunked("+2\r\ncd\r\n")],
    ["InvalidChunkEnd", chunked("2\r\ncdef")],
    ["ChunkTooLarge", chunked("fffffffffffffff1\r\n")],
    ["ChunkExtensionsTooLong", chunked("1;aaaaaaaaaaaa\r\nc\r\n"), { chunkExtensions: 10 }],
    ["LineTooLong", chunked("1;aaaaaaaaaaaa\r\nc\r\n"), { chunkLine: 8 }],
    ["InvalidTrailer", chunked("0\r\nno field\r\n\r\n")],
    ["TrailersTooLarge", chunked("0\r\nX-A: aaaaaaaaaaaaaaaaa\r\n\r\n"), { trailers: 12 }],
    ["BodyTooLarge", chunked("2\r\ncd\r\n0\r\n\r\n"), { body: 3 }],
    ["BodyTooLarge", "HTTP/1.1 200 OK\r\n\r\nabcd", { body: 3 }],
    ["BodyTooLarge", ok("abcd"), { body: 3 }]
  ]
  for (const [index, [tag, response, limits]] of cases.entries()) {
    it.scoped(`is ${tag} (${index + 1}), however it is read and split, and closes the connection`, () =>
      contained(Effect.gen(function*() {
        for (const [, read] of readings) {
          for (const [, split] of splits) {
            const { connection, transport } = yield* connected(
              T.expect(getHead()),
              T.reply(response, { split }),
              T.stall
            )
            const error = yield* failsWith(
              Effect.flatMap(connection.execute(HttpRequest.get("/", { limits })), read),
              tag
            )
            assert.deepInclude(error.context, { phase: "body", fault: "Remote", processed: "Yes" })
            yield* settled
            assert.strictEqual(transport.openCount, 0)
          }
        }
      })))
  }
})
