/** Trailers that an Effect gives when the body has been written: their order, their failures, and that they are never sent twice wrongly. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { createHash } from "node:crypto"
import * as HttpBody from "../../src/HttpBody.ts"
import type { RequestBodyError } from "../../src/HttpError.ts"
import type * as HttpFields from "../../src/HttpFields.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { get, poolOver, textOf as textFrom } from "../pool/harness.ts"
import { warmed } from "../pool/over.ts"
import {
  bytesOf,
  chunk,
  connected,
  connectTo,
  contained,
  failsWith,
  ok,
  pieces,
  settled,
  started,
  textOf
} from "./harness.ts"

class Broken extends Data.TaggedError("Broken")<{ readonly at: string }> {}

const head = (...fields: ReadonlyArray<string>): string =>
  ["POST / HTTP/1.1", "Host: a.test", "Transfer-Encoding: chunked", ...fields, "", ""].join("\r\n")

const wire = (trailers: string): string => `${head()}${chunk("ab")}${chunk("c")}0\r\n${trailers}\r\n`

/** A stream, and a digest of what of it has been taken. */
const digested = () => {
  const hash = createHash("sha256")
  const body = HttpBody.stream(Stream.tap(pieces("ab", "c"), (piece) => Effect.sync(() => hash.update(piece))))
  return { body, trailers: Effect.sync(() => ({ Digest: `sha-256=${hash.digest("base64")}` })) }
}

const digest = `Digest: sha-256=${createHash("sha256").update("abc").digest("base64")}\r\n`

const post = <E = never, E2 = never>(input: HttpRequest.Input<E, E2>) => HttpRequest.post("/", input)

describe("trailers that are an Effect", () => {
  it.scoped("are a digest of what was streamed", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(wire(digest)), T.reply(ok("done")))
      assert.strictEqual(yield* textOf(connection, post(digested())), "done")
      yield* transport.verify
    })))

  it.scoped("are announced as far as the caller knows them", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(`${head("Trailer: Digest")}${chunk("ab")}${chunk("c")}0\r\n${digest}\r\n`),
        T.reply(ok("done"))
      )
      const request = post({ ...digested(), headers: { Trailer: "Digest" } })
      assert.strictEqual(yield* textOf(connection, request), "done")
      yield* transport.verify
    })))

  it.scoped("run once, when all of the body has been written and before its end is", () =>
    contained(Effect.gen(function*() {
      let runs = 0
      const go = yield* Deferred.make<HttpFields.Input>()
      const { connection, transport } = yield* connected(T.expect(wire("A: b\r\na: c\r\n")), T.reply(ok("done")))
      const trailers = Effect.zipRight(Effect.sync(() => runs++), Deferred.await(go))
      const fiber = yield* started(textOf(connection, post({ body: HttpBody.stream(pieces("ab", "c")), trailers })))
      assert.strictEqual(transport.written(0), `${head()}${chunk("ab")}${chunk("c")}`)
      yield* Deferred.succeed(go, [["A", "b"], ["a", "c"]])
      assert.strictEqual(yield* Fiber.join(fiber), "done")
      assert.strictEqual(runs, 1)
      yield* transport.verify
    })))

  const inMemory: ReadonlyArray<readonly [name: string, input: HttpRequest.Input, wire: string]> = [
    ["bytes", { body: HttpBody.bytes(bytesOf("abc")) }, `${head()}${chunk("abc")}0\r\nA: b\r\n\r\n`],
    [
      "json",
      { json: 1 },
      `${head().replace("Transfer", "Content-Type: application/json\r\nTransfer")}1\r\n1\r\n0\r\nA: b\r\n\r\n`
    ],
    ["no body", {}, `${head()}0\r\nA: b\r\n\r\n`],
    [
      "a stream of known length",
      { body: HttpBody.stream(pieces("a"), { length: 1 }) },
      `${head()}${chunk("a")}0\r\nA: b\r\n\r\n`
    ]
  ]
  it.scoped.each(inMemory)("follow %s, which is then chunked", ([, input, wire]) =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(wire), T.reply(ok("done")))
      const request = post({ ...input, trailers: Effect.succeed({ A: "b" }) })
      assert.strictEqual(yield* textOf(connection, request), "done")
      yield* transport.verify
    })))

  it.scoped("may be none in the end", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(wire("")), T.reply(ok("done")))
      const trailers = Effect.succeed({})
      assert.strictEqual(
        yield* textOf(connection, post({ body: HttpBody.stream(pieces("ab", "c")), trailers })),
        "done"
      )
      yield* transport.verify
    })))

  it.scoped("do not outlive a server that refuses the body", () =>
    contained(Effect.gen(function*() {
      let interrupted = 0
      const trailers = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const { connection } = yield* connected(
        T.expect(head() + chunk("ab") + chunk("c")),
        T.delay("1 second"),
        T.reply("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"),
        T.expectDestroy
      )
      const fiber = yield* started(connection.execute(post({ body: HttpBody.stream(pieces("ab", "c")), trailers })))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).status, 413)
      yield* settled
      assert.strictEqual(interrupted, 1)
    })))

  it.scoped("are interrupted with the request, and waited for", () =>
    contained(Effect.gen(function*() {
      let interrupted = 0
      const trailers = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const { connection } = yield* connected(T.expect(head() + chunk("ab") + chunk("c")), T.expectDestroy)
      const fiber = yield* started(connection.execute(post({ body: HttpBody.stream(pieces("ab", "c")), trailers })))
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(interrupted, 1)
    })))

  it.scoped("are within timeouts.total", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(head() + chunk("ab") + chunk("c")), T.expectDestroy)
      const request = post({
        body: HttpBody.stream(pieces("ab", "c")),
        trailers: Effect.never,
        timeouts: { total: "1 second" }
      })
      const fiber = yield* started(failsWith(connection.execute(request), "HttpTimeout"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).kind, "total")
    })))
})

describe("trailers that fail", () => {
  const sending = <E>(trailers: Effect.Effect<HttpFields.Input, E>) =>
    Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(head() + chunk("ab") + chunk("c")), T.expectDestroy)
      const body = HttpBody.stream(pieces("ab", "c"))
      const exit = yield* Effect.exit(connection.execute(post({ body, trailers })))
      yield* transport.verify
      return exit
    })

  it.scoped("with an error of their own are RequestBodyError, and the connection is closed", () =>
    contained(Effect.gen(function*() {
      const exit = yield* sending(Effect.fail(new Broken({ at: "digest" })))
      const error = yield* failsWith(exit, "RequestBodyError")
      assert.deepStrictEqual(error.error, new Broken({ at: "digest" }))
      assert.strictEqual(error.context.fault, "User")
      assert.strictEqual(error.context.processed, "Unknown")
    })))

  const bad: ReadonlyArray<readonly [name: string, given: unknown, field: string]> = [
    ["a line end in a value", { Digest: "a\r\nB: c" }, "Digest"],
    ["a name that is no token", { "a b": "c" }, "a…"],
    ["a name that frames", [["Content-Length", "3"]], "Content-Length"],
    ["a value that is no text", { Digest: NaN }, "Digest"]
  ]
  it.scoped.each(bad)(
    "with %s are InvalidTrailer, and the connection is closed",
    ([, given, field]) =>
      contained(Effect.gen(function*() {
        const exit = yield* sending(Effect.succeed(given as HttpFields.Input))
        const error = yield* failsWith(exit, "InvalidTrailer")
        assert.strictEqual(error.field, field)
        assert.strictEqual(error.context.fault, "User")
      }))
  )

  it.scoped("with what throws when it is read are InvalidTrailer", () =>
    contained(Effect.gen(function*() {
      const given = {
        [Symbol.iterator]: () => {
          throw new Error("no")
        }
      }
      const exit = yield* sending(Effect.succeed(given as never))
      assert.strictEqual((yield* failsWith(exit, "InvalidTrailer")).field, "")
    })))

  it.scoped("with a defect die", () =>
    contained(Effect.gen(function*() {
      const defect = new Error("mine")
      const exit = yield* sending(Effect.die(defect))
      assert.deepStrictEqual(exit, Exit.die(defect))
    })))

  it.scoped("before anything is sent where the body cannot be chunked by the library", () =>
    Effect.gen(function*() {
      const { connection, transport } = yield* connectTo([])
      for (const headers of [{ "Content-Length": "3" }, { "Transfer-Encoding": "chunked" }]) {
        yield* failsWith(connection.execute(post({ ...digested(), headers })), "ConflictingFraming")
      }
      assert.strictEqual(transport.opened.length, 0)
    }))
})

describe("a request with trailers that are an Effect", () => {
  const put = <E>(body: HttpBody.HttpBody, trailers: Effect.Effect<HttpFields.Input, E>) =>
    HttpRequest.put("http://a.test/x", { body, trailers })
  const putHead = "PUT /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
  const sent = `${putHead}${chunk("abc")}0\r\nRun: `

  it.scoped("is sent again where its body is in memory, and the Effect runs for each sending", () =>
    contained(Effect.gen(function*() {
      let runs = 0
      const { pool, transport } = yield* warmed(
        [T.expect(`${sent}1\r\n\r\n`), T.eof],
        [T.connection(T.expect(`${sent}2\r\n\r\n`), T.reply(ok("done")))]
      )
      const trailers = Effect.sync(() => ({ Run: String(++runs) }))
      assert.strictEqual(yield* textFrom(pool, put(HttpBody.bytes(bytesOf("abc")), trailers)), "done")
      yield* transport.verify
    })))

  it.scoped("is not sent again by itself where its body is a stream, though that is replayable", () =>
    contained(Effect.gen(function*() {
      let runs = 0
      const { pool, transport } = yield* warmed([T.expect(`${sent}1\r\n\r\n`), T.eof])
      const trailers = Effect.sync(() => ({ Run: String(++runs) }))
      const body = HttpBody.stream(pieces("abc"), { replayable: true })
      const error = yield* failsWith(pool.execute(put(body, trailers)), "StaleConnection")
      assert.isFalse(error.context.replayable)
      assert.strictEqual(runs, 1)
      yield* transport.verify
    })))

  it.scoped("is refused for a server of HTTP/1.0, which knows no chunks, as one with known trailers is", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(
          T.expect("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"),
          T.reply("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold")
        )
      ])
      assert.strictEqual(yield* textFrom(pool, get()), "old")
      for (const trailers of [Effect.succeed({ A: "b" }), { A: "b" }]) {
        const request = HttpRequest.put("http://a.test/x", { json: 1, trailers })
        const error = yield* failsWith(pool.execute(request), "UnsupportedBody")
        assert.include(error.message, "it has trailers, and the server speaks HTTP/1.0")
      }
      assert.strictEqual(transport.opened.length, 1)
    })))

  it("loses them with its body, and knows the errors of both", () => {
    const request = post({ body: HttpBody.stream(Stream.fail("a" as const)), trailers: Effect.fail("b" as const) })
    expectTypeOf(request).toEqualTypeOf<HttpRequest.HttpRequest<"a" | "b">>()
    expectTypeOf<RequestBodyError<"a" | "b">["error"]>().toEqualTypeOf<"a" | "b">()
    assert.isTrue(Effect.isEffect(HttpRequest.setHeader(request, "a", "b").trailers))
    const other = HttpRequest.setBody(request, HttpBody.empty)
    expectTypeOf(other).toEqualTypeOf<HttpRequest.HttpRequest>()
    assert.isFalse(Effect.isEffect(other.trailers))
  })
})
