/**
 * Request bodies that are streams: framing, order, trailers, and how a failing stream is reported.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { ConnectionEvent } from "../../src/ConnectionEvent.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import {
  bytesOf,
  chunk,
  chunkedHead,
  connected,
  connectedWith,
  contained,
  failsWith,
  hasEnded,
  lengthHead,
  nothingLeft,
  ok,
  pieces,
  settled,
  started,
  textOf
} from "./harness.ts"

class Broken extends Data.TaggedError("Broken")<{ readonly at: number }> {}

const post = <E>(body: HttpBody.HttpBody<E>, input: Omit<HttpRequest.Input, "body"> = {}) =>
  HttpRequest.post("/", { ...input, body })

describe("a stream of unknown length", () => {
  it.scoped("goes chunked, a chunk for each piece, and its end is the last chunk", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(chunkedHead() + chunk("abc") + chunk("0123456789abcdef0") + "0\r\n\r\n"),
        T.reply(ok("done"))
      )
      const body = HttpBody.stream(pieces("abc", "0123456789abcdef0"))
      assert.strictEqual(yield* textOf(connection, post(body)), "done")
      yield* transport.verify
    })))

  it.scoped("its head leaves before its first piece is there", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.discard())
      const first = yield* Deferred.make<Uint8Array>()
      const fiber = yield* started(connection.execute(post(HttpBody.stream(Stream.fromEffect(Deferred.await(first))))))
      assert.strictEqual(transport.written(0), chunkedHead())
      yield* Deferred.succeed(first, bytesOf("x"))
      yield* settled
      assert.strictEqual(transport.written(0), `${chunkedHead()}${chunk("x")}0\r\n\r\n`)
      assert.isFalse(hasEnded(fiber))
    })))

  it.scoped("empty pieces are not sent, because an empty chunk would end the body", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(`${chunkedHead()}${chunk("a")}${chunk("b")}0\r\n\r\n`),
        T.reply(ok())
      )
      yield* connection.execute(post(HttpBody.stream(pieces("", "a", "", "", "b", ""))))
      yield* transport.verify
    })))

  it.scoped("without a piece is an empty chunked body", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(`${chunkedHead()}0\r\n\r\n`), T.reply(ok()))
      yield* connection.execute(post(HttpBody.stream(Stream.empty)))
      yield* transport.verify
    })))

  it.scoped("waits until the transport has taken a piece before it pulls the next", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(`${chunkedHead()}${chunk("1")}`),
        T.blockWrites,
        T.delay("1 second"),
        T.unblockWrites,
        T.discard()
      )
      const pulled: Array<string> = []
      const body = Stream.tap(
        pieces("1", "2", "3", "4"),
        (piece) => Effect.sync(() => pulled.push(String.fromCharCode(piece[0] ?? 0)))
      )
      yield* started(connection.execute(post(HttpBody.stream(body))))
      assert.deepStrictEqual(pulled, ["1"])
      yield* TestClock.adjust("1 second")
      yield* settled
      assert.deepStrictEqual(pulled, ["1", "2", "3", "4"])
    })))
})

describe("trailers of a request", () => {
  it.scoped("stand behind the last chunk and are announced", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(
          "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, X-Count\r\n\r\n"
            + `${chunk("abc")}0\r\nX-Sum: 12\r\nX-Count: 3\r\n\r\n`
        ),
        T.reply(ok())
      )
      yield* connection.execute(post(HttpBody.stream(pieces("abc")), { trailers: { "X-Sum": "12", "X-Count": "3" } }))
      yield* transport.verify
    })))

  it.scoped("make a body in memory chunked", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(
          "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
            + `${chunk("abc")}0\r\nX-Sum: 12\r\n\r\n`
        ),
        T.reply(ok())
      )
      yield* connection.execute(post(HttpBody.bytes(bytesOf("abc")), { trailers: { "X-Sum": "12" } }))
      yield* transport.verify
    })))
})

describe("a stream of declared length", () => {
  it.scoped("goes with Content-Length and no framing of its own", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(`${lengthHead(5)}abcde`), T.reply(ok()))
      yield* connection.execute(post(HttpBody.stream(pieces("ab", "", "cde"), { length: 5 })))
      yield* transport.verify
    })))

  it.scoped("that ends early is `BodyLengthMismatch`, and the connection is closed", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.discard())
      const error = yield* failsWith(
        connection.execute(post(HttpBody.stream(pieces("ab", "c"), { length: 5 }))),
        "BodyLengthMismatch"
      )
      assert.deepInclude(error, { declared: 5, actual: 3 })
      assert.deepInclude(error.context, {
        phase: "write",
        fault: "User",
        requestState: "PartiallySent",
        processed: "Unknown"
      })
      assert.strictEqual(transport.written(0), `${lengthHead(5)}abc`)
      yield* nothingLeft(transport)
    })))

  it.scoped("that goes on is `BodyLengthMismatch`, and the piece too much is not sent", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.discard())
      const body = HttpBody.stream(pieces("abc", "defg", "h"), { length: 5 })
      const error = yield* failsWith(connection.execute(post(body)), "BodyLengthMismatch")
      assert.deepInclude(error, { declared: 5, actual: 7 })
      assert.strictEqual(transport.written(0), `${lengthHead(5)}abc`)
      yield* nothingLeft(transport)
    })))
})

describe("a stream that fails", () => {
  it.scoped("is `RequestBodyError` with its own error, typed, and closes the connection", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.discard())
      const body = HttpBody.stream(Stream.concat(pieces("ab"), Stream.fail(new Broken({ at: 2 }))))
      const error = yield* connection.execute(post(body)).pipe(
        Effect.asVoid,
        Effect.catchTag("RequestBodyError", (error) => {
          // The type is that of the stream's error: this line would not compile otherwise.
          const { at }: Broken = error.error
          return Effect.fail({ at, error })
        }),
        Effect.flip
      )
      assert.isTrue("at" in error && error.at === 2)
      assert.deepInclude("error" in error && error.error.context, {
        fault: "User",
        phase: "write",
        requestState: "PartiallySent"
      })
      assert.strictEqual(
        transport.written(0),
        `${chunkedHead()}${chunk("ab")}`,
        "no last chunk, so the server sees it cut short"
      )
      yield* nothingLeft(transport)
    })))

  it.scoped("with a defect is that defect", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.discard())
      const defect = new Error("a bug of the caller's")
      const exit = yield* Effect.exit(
        connection.execute(post(HttpBody.stream(Stream.concat(pieces("ab"), Stream.die(defect)))))
      )
      assert.deepStrictEqual(Exit.isFailure(exit) && [...Cause.defects(exit.cause)], [defect])
      yield* nothingLeft(transport)
    })))

  it.scoped("by interrupting itself is `ConnectionClosed`", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.discard())
      const body = HttpBody.stream(Stream.concat(pieces("ab"), Stream.fromEffect(Effect.interrupt)))
      const error = yield* failsWith(connection.execute(post(body)), "ConnectionClosed")
      assert.include(error.message, "the stream of the request's body was interrupted")
      yield* nothingLeft(transport)
    })))

  it.scoped("with a piece that is no Uint8Array is `UnsupportedBody`", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.discard())
      // What JavaScript, or a cast, can do.
      const body = HttpBody.stream(Stream.make("text") as unknown as Stream.Stream<Uint8Array>)
      const error = yield* failsWith(connection.execute(post(body)), "UnsupportedBody")
      assert.include(error.message, "no Uint8Array")
      yield* nothingLeft(transport)
    })))

  it.scoped("after the response was complete changes nothing of it", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.discardUntil(chunk("ab")), T.reply(ok("early")), T.discard())
      const gate = yield* Deferred.make<never, Broken>()
      const body = HttpBody.stream(Stream.concat(pieces("ab"), Stream.fromEffect(Deferred.await(gate))))
      const response = yield* connection.execute(post(body))
      assert.strictEqual(yield* response.text, "early")
      yield* Deferred.fail(gate, new Broken({ at: 2 }))
      yield* nothingLeft(transport)
      assert.strictEqual(yield* response.text, "early")
    })))

  it.scoped("while the response is read is `ConnectionClosed` to its reader, with the failure as cause", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.discardUntil(chunk("ab")),
        T.reply(ok("early").slice(0, -1)),
        T.discard()
      )
      const gate = yield* Deferred.make<never, Broken>()
      const body = HttpBody.stream(Stream.concat(pieces("ab"), Stream.fromEffect(Deferred.await(gate))))
      const response = yield* connection.execute(post(body))
      const reader = yield* started(response.text)
      const broken = new Broken({ at: 2 })
      yield* Deferred.fail(gate, broken)
      const error = yield* failsWith(reader, "ConnectionClosed")
      assert.deepInclude(error.cause, { _tag: "RequestBodyError", error: broken })
      yield* nothingLeft(transport)
    })))
})

describe("a body in memory", () => {
  it.scoped("of more than a block waits for the transport between its pieces", () =>
    contained(Effect.gen(function*() {
      const sends: Array<number> = []
      const onEvent = (event: ConnectionEvent): void => {
        if (event._tag === "Send") sends.push(event.bytes)
      }
      const { connection, transport } = yield* connectedWith(
        { blockSize: 50_000, onEvent },
        T.discard(lengthHead(150_000).length + 50_000),
        T.blockWrites,
        T.delay("1 second"),
        T.unblockWrites,
        T.discard(50_000),
        T.blockWrites,
        T.delay("1 second"),
        T.unblockWrites,
        T.discard(50_000),
        T.reply(ok("done"))
      )
      const body = HttpBody.bytes(new Uint8Array(150_000))
      const answer = yield* started(textOf(connection, post(body)))
      const first = lengthHead(150_000).length + 50_000
      assert.deepStrictEqual(sends, [first])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(sends, [first, 50_000])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(answer), "done")
      assert.deepStrictEqual(sends, [first, 50_000, 50_000])
      yield* transport.verify
    })))
})
