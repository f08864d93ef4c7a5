/**
 * No memory for a body: a failure of the body with the received bytes, the connection closed, and
 * nothing thrown outside of the caller.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as HttpConnection from "../../src/HttpConnection.ts"
import type { BodyDecodeError, BodyFailure, BodyTooLarge } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpResponse } from "../../src/HttpResponse.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import * as T from "../../src/TestTransport.ts"
import { without } from "../fixtures/memory.ts"
import { rawServer } from "../fixtures/rawServer.ts"
import { chunk, connected, contained, failsWith, getHead, latin1, nothingLeft, ok, settled } from "./harness.ts"

const get = HttpRequest.get("/")
const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
const body = "hello world"
const end = "0\r\n\r\n"

type Read = (response: HttpResponse) => Effect.Effect<unknown, BodyFailure | BodyDecodeError>

/** Every reading that joins what came in pieces. */
const readings: ReadonlyArray<readonly [name: string, read: Read]> = [
  ["bytes", (response) => response.bytes],
  ["text", (response) => response.text],
  ["json", (response) => response.json],
  ["trailers", (response) => response.trailers],
  ["read(11)", (response) => response.read(11)],
  ["read(Infinity)", (response) => response.read(Infinity)],
  ["readInto", (response) => response.readInto(new Uint8Array(11))],
  ["readLine", (response) => response.readLine()]
]

/** Holds for a body of which everything had come. */
const hasAll = (error: BodyTooLarge, response: HttpResponse, name: string): void => {
  assert.strictEqual(error.reason, "Memory", name)
  assert.strictEqual(error.limit, 11, name)
  assert.strictEqual((error.pieces ?? []).map(latin1).join(""), body, name)
  assert.strictEqual(error.partial && latin1(error.partial), "hello", name)
  assert.instanceOf(error.cause, RangeError, name)
  assert.deepInclude(error.context, { phase: "body", fault: "Local", processed: "Yes" }, name)
  assert.strictEqual(error.context.connection?.id, response.connection.id, name)
}

const noEleven = (length: number): boolean => length === 11

describe("a body that there is no room for in one piece", () => {
  for (const [name, read] of readings) {
    it.scoped(`is \`BodyTooLarge\` by ${name}, with its pieces, where the callback of the channel joins them`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connected(
          T.expect(getHead()),
          T.reply(head),
          T.delay(1),
          T.reply(chunk("hello")),
          T.reply(chunk(" world")),
          T.reply(end)
        )
        const response = yield* connection.execute(get)
        const reading = yield* Effect.fork(Effect.flip(without(noEleven, read(response))))
        yield* settled
        yield* TestClock.adjust(1)
        const error = (yield* Fiber.join(reading)) as BodyTooLarge
        hasAll(error, response, name)
        assert.isTrue(yield* response.closed)
        yield* nothingLeft(transport)
      })))

    // Of trailers that are there nobody needs the body.
    if (name === "trailers") continue
    it.scoped(`is \`BodyTooLarge\` by ${name} where everything had come before`, () =>
      contained(Effect.gen(function*() {
        const { connection } = yield* connected(
          T.expect(getHead()),
          T.reply(`${head}${chunk("hello")}${chunk(" world")}${end}`)
        )
        const response = yield* connection.execute(get)
        yield* settled
        const error = yield* failsWith(without(noEleven, read(response)), "BodyTooLarge")
        hasAll(error, response, name)
        assert.isTrue(yield* response.closed)
        const again = yield* failsWith(
          response.read(1),
          name.startsWith("read") ? "BodyTooLarge" : "BodyAlreadyConsumed"
        )
        assert.isNotOk(again._tag === "BodyTooLarge" && again.pieces?.length)
      })))
  }
})

describe("a piece of a body that there is no room for", () => {
  const big = "x".repeat(100)

  for (const [name, read] of [...readings, ["read1", (response) => response.read1()]] as typeof readings) {
    it.scoped(`ends the body in the callback of the channel, by ${name}`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connected(
          T.expect(getHead()),
          T.reply(head),
          T.delay(1),
          T.reply(name === "read1" ? chunk(big) : chunk("hello") + chunk(big)),
          T.stall
        )
        const response = yield* connection.execute(get)
        const reading = yield* Effect.fork(without((length) => length >= 100, read(response)))
        yield* settled
        yield* TestClock.adjust(1)
        const error = yield* failsWith(Fiber.join(reading), "BodyTooLarge")
        assert.deepInclude(error, { reason: "Memory", limit: 100 })
        assert.strictEqual(error.partial && latin1(error.partial), name === "read1" ? "" : "hello")
        assert.isTrue(yield* response.closed)
        yield* nothingLeft(transport)
      })))
  }

  it.scoped("ends a body that nobody reads yet, which then gives what had come before it fails", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(getHead()),
        T.reply(head),
        T.delay(1),
        T.reply(chunk("hello") + chunk(big)),
        T.stall
      )
      const response = yield* connection.execute(get)
      yield* without((length) => length >= 100, TestClock.adjust(1))
      yield* nothingLeft(transport)
      assert.isFalse(yield* response.closed)
      assert.strictEqual(latin1(yield* response.read(3)), "hel")
      const error = yield* failsWith(response.read(3), "BodyTooLarge")
      assert.strictEqual(error.partial && latin1(error.partial), "lo")
      assert.strictEqual(error.context.bytesRead, head.length + chunk("hello").length + chunk(big).length)
    })))

  it.scoped("ends a stream behind what had come", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(getHead()),
        T.reply(head),
        T.delay(1),
        T.reply(chunk("hello")),
        T.delay(1),
        T.reply(chunk(big)),
        T.stall
      )
      const response = yield* connection.execute(get)
      let given = ""
      const run = Stream.runForEach(response.stream, (bytes) => Effect.sync(() => void (given += latin1(bytes))))
      const reading = yield* Effect.fork(without((length) => length >= 100, run))
      yield* settled
      yield* TestClock.adjust(2)
      yield* failsWith(Fiber.join(reading), "BodyTooLarge")
      assert.strictEqual(given, "hello")
      yield* nothingLeft(transport)
    })))
})

describe("a copy that there is no room for", () => {
  // A small part of a block with room for more is copied for a caller, who would else keep all of the block.
  const announced = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
  const some = "y".repeat(20)

  it.scoped("ends a stream", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(getHead()), T.reply(announced + some), T.stall)
      const response = yield* connection.execute(get)
      const error = yield* failsWith(
        without((length) => length === 20, Stream.runDrain(response.stream)),
        "BodyTooLarge"
      )
      assert.deepStrictEqual(error.pieces?.map(latin1), [some])
      yield* nothingLeft(transport)
    })))

  it.scoped("ends pieces: `read1`, and `peek` over more than one block", () =>
    contained(Effect.gen(function*() {
      for (
        const read of [(response: HttpResponse) => response.read1(11), (response: HttpResponse) => response.peek(11)]
      ) {
        const { connection, transport } = yield* connected(
          T.expect(getHead()),
          T.reply(head + chunk("hello") + chunk(" world")),
          T.stall
        )
        const response = yield* connection.execute(get)
        hasAll(yield* failsWith(without(noEleven, read(response)), "BodyTooLarge"), response, "")
        yield* nothingLeft(transport)
      }
    })))

  it.scoped("does not hide what cut the body short, and shows no memory that is not its own", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(getHead()),
        T.reply(announced),
        T.delay(1),
        T.reply(some),
        T.delay(1),
        T.eof
      )
      const response = yield* connection.execute(get)
      const reading = yield* Effect.fork(response.bytes)
      yield* settled
      yield* TestClock.adjust(1)
      yield* without((length) => length === 20, TestClock.adjust(1))
      const error = yield* failsWith(Fiber.join(reading), "BodyTooLarge")
      assert.deepInclude(error.cause, { _tag: "IncompleteRead", received: 20, expected: 100 })
      assert.deepStrictEqual(error.pieces?.map(latin1), [some])
      const behind = new Uint8Array(error.pieces?.[0]?.buffer ?? new ArrayBuffer(0)).subarray(20)
      assert.strictEqual(behind.length, 80)
      assert.isTrue(behind.every((byte) => byte === 0))
      yield* failsWith(response.bytes, "BodyTooLarge")
    })))

  it("is one line in a log, however many pieces there are", () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(getHead()),
        T.reply(head + chunk("hello") + chunk(" world") + end)
      )
      const response = yield* connection.execute(get)
      const error = yield* failsWith(without(noEleven, response.bytes), "BodyTooLarge")
      assert.deepInclude(JSON.parse(JSON.stringify(error)), { pieces: "2 pieces", partial: "5 bytes" })
    }))))
})

describe("what else is thrown", () => {
  it.scoped("is a defect of the reading and closes the connection", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(getHead()),
        T.reply(head),
        T.delay(1),
        T.reply(chunk("hello") + chunk(" world") + end)
      )
      const response = yield* connection.execute(get)
      const fault = new TypeError("a fault of the program")
      const reading = yield* Effect.fork(without(noEleven, response.bytes, () => fault))
      yield* settled
      yield* TestClock.adjust(1)
      const exit = yield* Fiber.await(reading)
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
      assert.strictEqual(Exit.isFailure(exit) && Cause.squash(exit.cause), fault)
      yield* nothingLeft(transport)
    })))

  it.scoped("where bytes are kept ends the body, with what was thrown as the cause", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(getHead()),
        T.reply(head),
        T.delay(1),
        T.reply(chunk("hello")),
        T.stall
      )
      const response = yield* connection.execute(get)
      const fault = new TypeError("a fault of the program")
      const reading = yield* Effect.fork(without((length) => length === 5, response.bytes, () => fault))
      yield* settled
      yield* TestClock.adjust(1)
      const error = yield* failsWith(Fiber.join(reading), "ConnectionClosed")
      assert.strictEqual(error.cause, fault)
      yield* nothingLeft(transport)
    })))
})

layer(NodeTransport.layer, { excludeTestServices: true })("over sockets", (it) => {
  it.scoped("nothing is thrown into the event loop, and the next request has a connection of its own", () =>
    Effect.gen(function*() {
      const whole = ok("whole")
      const { port } = yield* rawServer(
        [{ send: [head, chunk("hello"), chunk(" world"), end] }],
        [{ send: [head, chunk("hello"), chunk("x".repeat(100))] }],
        [{ send: whole }]
      )
      const connection = yield* HttpConnection.make({ host: "127.0.0.1", port })
      const thrown: Array<unknown> = []
      const listener = (error: unknown): void => void thrown.push(error)
      process.on("uncaughtException", listener)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.off("uncaughtException", listener)))
      for (const refuses of [noEleven, (length: number) => length >= 100]) {
        const error = yield* failsWith(
          without(refuses, Effect.flatMap(connection.execute(get), (response) => response.bytes)),
          "BodyTooLarge"
        )
        assert.strictEqual(error.reason, "Memory")
      }
      const response = yield* connection.execute(get)
      assert.strictEqual(yield* response.text, "whole")
      assert.isFalse(response.connection.reused)
      assert.deepStrictEqual(thrown, [])
    }))
})
