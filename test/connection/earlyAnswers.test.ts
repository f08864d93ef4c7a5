/** A server that answers while the body is still being sent (RFC 9112 section 9.5): refusals, full duplex, broken connections. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpConnection } from "../../src/HttpConnection.ts"
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
  getHead,
  latin1,
  lengthHead,
  nothingButIdle,
  nothingLeft,
  ok,
  pieces,
  settled,
  started,
  textOf
} from "./harness.ts"

/** A body that sends one piece and then never ends; `ended` says whether its finalizers have run. */
const endlessBody = () => {
  const state = { ended: false }
  const stream = Stream.ensuring(
    Stream.concat(pieces("a"), Stream.never),
    Effect.sync(() => {
      state.ended = true
    })
  )
  return { state, request: HttpRequest.post("/", { body: HttpBody.stream(stream) }) }
}

const sentSoFar = chunkedHead() + chunk("a")

describe("a server that refuses while the body is sent", () => {
  const refusals: ReadonlyArray<readonly [name: string, head: string]> = [
    ["413 that keeps the connection", "HTTP/1.1 413 Too Large\r\n"],
    ["413 that closes", "HTTP/1.1 413 Too Large\r\nConnection: close\r\n"],
    ["400", "HTTP/1.1 400 No\r\n"],
    ["503", "HTTP/1.1 503 Busy\r\n"],
    ["a redirect that closes", "HTTP/1.1 307 Elsewhere\r\nLocation: /x\r\nConnection: close\r\n"]
  ]
  for (const [name, head] of refusals) {
    it.scoped(`${name}: the stream is ended, the answer is read whole, and the connection is closed behind it`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connected(
          T.expect(sentSoFar),
          T.reply(`${head}Content-Length: 9\r\n\r\n`),
          T.delay("1 second"),
          T.reply("too"),
          T.delay("1 second"),
          T.reply(" large")
        )
        const { request, state } = endlessBody()
        const response = yield* connection.execute(request)
        yield* settled
        assert.isTrue(state.ended, "the finalizers of the stream have not run")
        assert.strictEqual(transport.openCount, 1, "the answer still has to come")
        const reader = yield* started(response.text)
        yield* TestClock.adjust("1 second")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* reader, "too large")
        assert.strictEqual(transport.written(0), sentSoFar)
        yield* nothingLeft(transport)
      })))
  }

  it.scoped("the answer that came whole at once is read after the connection was closed", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(sentSoFar),
        T.reply(ok("no").replace("200 OK", "413 No"))
      )
      const { request, state } = endlessBody()
      const response = yield* connection.execute(request)
      yield* nothingLeft(transport)
      assert.isTrue(state.ended)
      assert.strictEqual(yield* response.text, "no")
      assert.strictEqual(response.status, 413)
    })))

  it.scoped("of a body in memory no other block is sent", () =>
    contained(Effect.gen(function*() {
      const head = lengthHead(300_000)
      const { connection, transport } = yield* connectedWith(
        { blockSize: 100_000 },
        T.expect(head),
        T.blockWrites,
        T.discard(100_000),
        T.reply(ok("no").replace("200 OK", "413 No")),
        T.stall
      )
      const request = HttpRequest.post("/", { body: HttpBody.bytes(new Uint8Array(300_000)) })
      assert.strictEqual(yield* textOf(connection, request), "no")
      assert.strictEqual(transport.written(0).length, head.length + 100_000)
      yield* nothingLeft(transport)
    })))

  it.scoped("the answer wins over a reset that comes behind it", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(sentSoFar),
        T.reply(ok("no").replace("200 OK", "413 No")),
        T.reset
      )
      const { request } = endlessBody()
      const response = yield* connection.execute(request)
      assert.strictEqual(yield* response.text, "no")
      yield* nothingLeft(transport)
    })))

  it.scoped("a reset before the answer is whole is told to its reader", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(sentSoFar),
        T.reply(ok("no!").replace("200 OK", "413 No").slice(0, -1)),
        T.reset
      )
      const { request } = endlessBody()
      const response = yield* connection.execute(request)
      const error = yield* failsWith(response.text, "ConnectionReset")
      assert.deepInclude(error, { received: 2, expected: 3 })
      yield* nothingLeft(transport)
    })))
})

describe("a server that accepts while the body is sent", () => {
  const early = ok("early")

  it.scoped("the response is there at once, the rest of the body is sent, and the connection is used again", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(sentSoFar),
        T.reply(early),
        T.expect(`${chunk("b")}0\r\n\r\n`),
        T.expect(getHead()),
        T.reply(ok("next"))
      )
      const gate = yield* Deferred.make<Uint8Array>()
      const body = HttpBody.stream(Stream.concat(pieces("a"), Stream.fromEffect(Deferred.await(gate))))
      const response = yield* connection.execute(HttpRequest.post("/", { body }))
      assert.strictEqual(yield* response.text, "early")
      assert.strictEqual(yield* connection.state, "RequestSent")
      yield* failsWith(connection.execute(HttpRequest.get("/")), "CannotSendRequest")
      yield* Deferred.succeed(gate, bytesOf("b"))
      yield* settled
      assert.strictEqual(yield* connection.state, "Idle")
      assert.strictEqual(yield* textOf(connection, HttpRequest.get("/")), "next")
      yield* transport.verify
      yield* nothingButIdle(transport)
    })))

  it.scoped("full duplex: each piece of the answer can decide the next piece of the body", () =>
    contained(Effect.gen(function*() {
      const rounds = [1, 2, 3, 4, 5]
      const { connection, transport } = yield* connected(
        T.expect(chunkedHead()),
        T.reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ...rounds.flatMap((round) => [T.expect(chunk(`ask ${round}`)), T.reply(chunk(`answer ${round}`))]),
        T.expect("0\r\n\r\n"),
        T.reply("0\r\n\r\n")
      )
      const asks = yield* Queue.unbounded<Uint8Array>()
      const request = HttpRequest.post("/", { body: HttpBody.stream(Stream.fromQueue(asks, { shutdown: false })) })
      const response = yield* connection.execute(request)
      for (const round of rounds) {
        yield* Queue.offer(asks, bytesOf(`ask ${round}`))
        assert.strictEqual(latin1(yield* response.read1()), `answer ${round}`)
      }
      yield* Queue.shutdown(asks)
      yield* settled
      assert.strictEqual((yield* response.read1()).length, 0)
      yield* transport.verify
      yield* nothingButIdle(transport)
    })))

  it.scoped("the time of the wait is not negative, and send ends when the body has been sent", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(sentSoFar),
        T.delay("1 second"),
        T.reply(early),
        T.expect(`${chunk("b")}0\r\n\r\n`)
      )
      const body = Stream.concat(
        pieces("a"),
        Stream.fromEffect(Effect.delay(Effect.succeed(bytesOf("b")), "5 seconds"))
      )
      const fiber = yield* started(connection.execute(HttpRequest.post("/", { body: HttpBody.stream(body) })))
      yield* TestClock.adjust("1 second")
      const response = yield* fiber
      yield* TestClock.adjust("4 seconds")
      yield* settled
      assert.deepInclude(response.timings, { send: 5000, wait: 1000, body: 0, total: 1000 })
    })))

  it.scoped("a redirect that keeps the connection lets the body be sent to its end", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(sentSoFar),
        T.reply("HTTP/1.1 303 Elsewhere\r\nContent-Length: 0\r\n\r\n"),
        T.expect(`${chunk("b")}0\r\n\r\n`)
      )
      const gate = yield* Deferred.make<Uint8Array>()
      const body = HttpBody.stream(Stream.concat(pieces("a"), Stream.fromEffect(Deferred.await(gate))))
      const response = yield* connection.execute(HttpRequest.post("/", { body }))
      assert.strictEqual(response.status, 303)
      yield* Deferred.succeed(gate, bytesOf("b"))
      yield* nothingButIdle(transport)
      yield* transport.verify
    })))

  it.scoped("that closes behind its answer ends the sending, and the answer stands", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(sentSoFar), T.reply(early), T.eof)
      const { request, state } = endlessBody()
      const response = yield* connection.execute(request)
      assert.strictEqual(yield* response.text, "early")
      yield* nothingLeft(transport)
      assert.isTrue(state.ended)
    })))

  for (const [name, step] of [["a write that fails", T.writeFails("EPIPE")], ["a reset", T.reset]] as const) {
    it.scoped(`${name} behind a whole answer changes nothing of it, and ends the sending`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connected(T.expect(sentSoFar), T.reply(early), step)
        let ended = false
        const gate = yield* Deferred.make<Uint8Array>()
        const body = Stream.ensuring(
          Stream.concat(Stream.concat(pieces("a"), Stream.fromEffect(Deferred.await(gate))), Stream.never),
          Effect.sync(() => {
            ended = true
          })
        )
        const response = yield* connection.execute(HttpRequest.post("/", { body: HttpBody.stream(body) }))
        yield* Deferred.succeed(gate, bytesOf("b"))
        yield* nothingLeft(transport)
        assert.strictEqual(yield* response.text, "early")
        assert.isTrue(ended)
      })))
  }

  it.scoped("and then takes nothing of the body times out without harm to the answer", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(chunkedHead()),
        T.blockWrites,
        T.discard(6),
        T.reply(early),
        T.stall
      )
      const { request, state } = endlessBody()
      const response = yield* connection.execute(request)
      yield* nothingLeftAfter(connection, transport, "60 seconds")
      assert.strictEqual(yield* response.text, "early")
      assert.isTrue(state.ended)
    })))
})

/** The connection is open before this time has passed, and nothing is left of it afterwards. */
const nothingLeftAfter = (connection: HttpConnection, transport: T.Handle, wait: "60 seconds") =>
  Effect.gen(function*() {
    assert.isTrue(yield* connection.isOpen)
    yield* TestClock.adjust(wait)
    yield* nothingLeft(transport)
  })
