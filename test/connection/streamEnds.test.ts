/** How the stream of a request's body ends beside its declared length, and what waits for its end. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import {
  connected,
  connectedWith,
  contained,
  failsWith,
  lengthHead,
  nothingLeft,
  ok,
  pieces,
  started,
  textOf
} from "./harness.ts"

const post = <E>(body: HttpBody.HttpBody<E>, input: Omit<HttpRequest.Input, "body"> = {}) =>
  HttpRequest.post("/", { ...input, body })

describe("a stream with a declared length", () => {
  it.effect("of 0 must be empty: one that is not is a BodyLengthMismatch", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(lengthHead(0)), T.expectDestroy)
      const error = yield* failsWith(
        connection.execute(post(HttpBody.stream(pieces("hello"), { length: 0 }))),
        "BodyLengthMismatch"
      )
      assert.deepInclude(error, { declared: 0, actual: 5 })
      yield* nothingLeft(transport)
    })))

  it.effect("of 0 that is empty is sent", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(lengthHead(0)), T.reply(ok("fine")))
      assert.strictEqual(yield* textOf(connection, post(HttpBody.stream(Stream.empty, { length: 0 }))), "fine")
    })))

  it.effect("starts the server's time with its last byte, though it does not end", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectedWith(
        { timeouts: { head: "2 seconds" } },
        T.expect(`${lengthHead(5)}hello`),
        T.stall
      )
      const endless = Stream.concat(pieces("hello"), Stream.never)
      const fiber = yield* started(connection.execute(post(HttpBody.stream(endless, { length: 5 }))))
      yield* TestClock.adjust("2 seconds")
      const error = yield* failsWith(Fiber.join(fiber), "HttpTimeout")
      assert.strictEqual(error.kind, "head")
      yield* nothingLeft(transport)
    })))
})

describe("timeouts.write limits a block, not a piece, so that a server may take its time over", () => {
  const large = new Uint8Array(40_000)
  const options = { blockSize: 10_000, timeouts: { write: "1500 millis" } } as const
  const slowly = Array.from({ length: 3 }).flatMap(() => [
    T.blockWrites,
    T.delay("1 second"),
    T.unblockWrites,
    T.discard(10_000)
  ])

  it.effect("a large piece of a stream", () =>
    contained(Effect.gen(function*() {
      const steps = [T.expect(lengthHead(40_000)), T.discard(10_000), ...slowly, T.reply(ok("done"))]
      const { connection } = yield* connectedWith(options, ...steps)
      const body = HttpBody.stream(Stream.make(large), { length: 40_000 })
      const fiber = yield* started(textOf(connection, post(body)))
      for (let i = 0; i < 3; i++) yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "done")
    })))

  it.effect("what is given to send", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connectedWith(
        options,
        T.discardUntil("\r\n\r\n"),
        T.discard(10_000),
        ...slowly,
        T.reply(ok("done"))
      )
      yield* connection.putRequest("POST", "/")
      yield* connection.putHeader("Content-Length", 40_000)
      yield* connection.endHeaders()
      const fiber = yield* started(Effect.zipRight(connection.send(large), connection.getResponse))
      for (let i = 0; i < 3; i++) yield* TestClock.adjust("1 second")
      const response = yield* Fiber.join(fiber)
      assert.strictEqual(yield* response.text, "done")
    })))
})

describe("the finalizers of a body's stream", () => {
  /** A stream that never ends, with a finalizer that takes a second. */
  const holding = (state: { released: boolean }): HttpBody.HttpBody =>
    HttpBody.stream(Stream.ensuring(
      Stream.concat(pieces("a"), Stream.never),
      Effect.andThen(Effect.sleep("1 second"), () => {
        state.released = true
      })
    ))

  it.effect("are waited for by the interruption of execute", () =>
    contained(Effect.gen(function*() {
      const state = { released: false }
      const { connection, transport } = yield* connected(T.discard())
      const fiber = yield* started(connection.execute(post(holding(state))))
      const interruption = yield* started(Fiber.interrupt(fiber))
      assert.isNull(interruption.unsafePoll())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(interruption)
      assert.isTrue(state.released)
      yield* nothingLeft(transport)
    })))

  it.effect("are waited for by the end of the connection's scope", () =>
    contained(Effect.gen(function*() {
      const state = { released: false }
      const scope = yield* Scope.make()
      const { connection } = yield* Scope.extend(connected(T.discard()), scope)
      const fiber = yield* started(connection.execute(post(holding(state))))
      const closing = yield* started(Scope.close(scope, Exit.void))
      yield* failsWith(Fiber.join(fiber), "ConnectionClosed")
      assert.isNull(closing.unsafePoll())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      assert.isTrue(state.released)
    })))

  it.effect("do not keep a timeout from being told", () =>
    contained(Effect.gen(function*() {
      const state = { released: false }
      const { connection } = yield* connectedWith({ timeouts: { total: "5 seconds" } }, T.discard())
      const fiber = yield* started(connection.execute(post(holding(state))))
      yield* TestClock.adjust("5 seconds")
      const error = yield* failsWith(Fiber.join(fiber), "HttpTimeout")
      assert.deepInclude(error, { kind: "total" })
      assert.strictEqual(error.context.phase, "write")
      assert.isFalse(state.released)
      yield* TestClock.adjust("1 second")
      assert.isTrue(state.released)
    })))
})
