/**
 * A request is retried on a new connection exactly if that is safe (RFC 9110 section 9.2.2, RFC
 * 9112 section 9.3.1): each case with a server that closes at that very moment. Bodies that are
 * streams are in `retryStreams.test.ts`.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpError, RequestState } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { bytesOf, contained, failsWith, getHead, ok, settled, started } from "../connection/harness.ts"
import { get, holds, holdsNothing, poolOver, reasons, serves, serving, textOf, watchedPool } from "./harness.ts"
import { endings, eventsOf, warmed } from "./over.ts"

const url = "http://a.test/x"

const headOf = (method: string, ...fields: ReadonlyArray<string>): string =>
  `${method} /x HTTP/1.1\r\nHost: a.test\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n`

/** How a server goes away. */
const goings: ReadonlyArray<readonly [name: string, step: T.Step]> = [
  ["FIN", T.eof],
  ["RST", T.reset],
  ["EPIPE", T.fail("EPIPE")],
  ["ETIMEDOUT", T.fail("ETIMEDOUT")]
]

/** Answers after a second. */
const slowSteps = (path: string, ...fields: ReadonlyArray<string>): ReadonlyArray<T.Step> => [
  T.expect(getHead(path)),
  T.delay("1 second"),
  T.reply(ok(path, ...fields))
]

const large = "x".repeat(200_000)

interface Case {
  readonly name: string
  readonly request: HttpRequest.HttpRequest
  readonly wire: string
  /** What the server takes of it before it goes away. */
  readonly taken: ReadonlyArray<T.Step>
}

const whole = (name: string, request: HttpRequest.HttpRequest, wire: string): Case => ({
  name,
  request,
  wire,
  taken: [T.expect(wire)]
})

const body = (text: string): HttpRequest.Input => ({ body: HttpBody.bytes(bytesOf(text)) })

const repeated: ReadonlyArray<Case> = [
  whole("GET", HttpRequest.get(url), headOf("GET")),
  whole("HEAD", HttpRequest.head(url), headOf("HEAD")),
  whole("OPTIONS", HttpRequest.options(url), headOf("OPTIONS")),
  whole("TRACE", HttpRequest.make("TRACE", url), headOf("TRACE")),
  whole("DELETE", HttpRequest.del(url), headOf("DELETE")),
  whole("PUT, its body sent whole", HttpRequest.put(url, body("abc")), `${headOf("PUT", "Content-Length: 3")}abc`),
  {
    name: "PUT, while its body is being sent",
    request: HttpRequest.put(url, body(large)),
    wire: headOf("PUT", `Content-Length: ${large.length}`) + large,
    taken: [T.blockWrites, T.discard(headOf("PUT", `Content-Length: ${large.length}`).length + 65_536)]
  },
  whole(
    "GET with a body",
    HttpRequest.make("GET", url, body("abc")),
    `${headOf("GET", "Content-Length: 3")}abc`
  ),
  ...["POST", "PATCH"].map((method) =>
    whole(
      `${method} with an Idempotency-Key`,
      HttpRequest.make(method, url, { ...body("abc"), headers: { "idempotency-KEY": "k" } }),
      `${headOf(method, "Content-Length: 3", "idempotency-KEY: k")}abc`
    )
  )
]

describe("a request on a used connection is sent once more where the server goes away without a byte", () => {
  for (const { name, request, taken, wire } of repeated) {
    for (const [how, going] of goings) {
      it.effect(`${name}, by ${how}`, () =>
        contained(Effect.gen(function*() {
          const kit = yield* warmed([...taken, going], [T.connection(T.expect(wire), T.reply(ok()))])
          const { pool, transport } = kit
          const response = yield* pool.execute(request)
          assert.strictEqual(response.status, 200)
          assert.strictEqual(response.resends, 1)
          assert.isFalse(response.connection.reused)
          yield* transport.verify
          const { opened, requests, retried, reused } = yield* pool.stats
          assert.deepStrictEqual(
            { opened, requests, retried, reused },
            { opened: 2, requests: 3, retried: 1, reused: 1 }
          )
          yield* holds(pool, { idle: 1 })
          const [retry, ...more] = eventsOf(kit.events, "Retry")
          assert.deepStrictEqual(more, [])
          assert.deepInclude(retry, { origin: "http://a.test:80" })
          const error = retry?.error
          assert.strictEqual(error?._tag, "StaleConnection")
          assert.strictEqual(retry?.connection, error?.context.connection?.id)
          assert.notStrictEqual(retry?.connection, response.connection.id)
          assert.deepInclude(error?.context, { resends: 0, processed: "Unknown", replayable: true, bytesRead: 0 })
          assert.deepStrictEqual(endings(kit.events), [
            `${request.method} - StaleConnection`,
            `${request.method} 200 whole`
          ])
        })))
    }
  }

  it.effect("where the very write fails", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* warmed([T.writeFails("EPIPE")], [T.connection(...serves("/x"))])
      assert.strictEqual(yield* textOf(pool, get("/x")), "/x")
      yield* transport.verify
    })))
})

describe("a request on a connection that was kept idle, though it had served nobody, is sent once more", () => {
  for (const [how, going] of goings) {
    it.effect(`where the server goes away without a byte, by ${how}`, () =>
      contained(Effect.gen(function*() {
        const { events, pool, transport } = yield* watchedPool([
          T.connection(...slowSteps("/1"), ...slowSteps("/2", "Connection: close")),
          T.openAfter("5 seconds", T.connection(T.expect(getHead("/x")), going)),
          serving("/x")
        ])
        const first = yield* started(textOf(pool, get("/1")))
        const second = yield* started(textOf(pool, get("/2")))
        // Both are served by the connection that is open first.
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(second)], ["/1", "/2"])
        yield* TestClock.adjust("3 seconds")
        yield* holds(pool, { idle: 1 })
        yield* TestClock.adjust("20 seconds")
        assert.strictEqual(yield* textOf(pool, get("/x")), "/x")
        yield* transport.verify
        const [retry] = eventsOf(events, "Retry")
        assert.strictEqual(retry?.error._tag, "StaleConnection")
        assert.deepInclude(retry?.error.context.connection, { reused: false, requestsServed: 0, idleMillis: 20_000 })
        assert.strictEqual(retry?.error.context.timings.connect, undefined)
      })))
  }
})

const cut: ReadonlyArray<readonly [name: string, steps: ReadonlyArray<T.Step>, tag: HttpError["_tag"]]> = [
  ["a 1xx, by FIN", [T.reply("HTTP/1.1 103 Early Hints\r\n\r\n"), T.eof], "RemoteDisconnected"],
  ["a 1xx, by RST", [T.reply("HTTP/1.1 103 Early Hints\r\n\r\n"), T.reset], "ReadError"],
  ["a byte of the head, by FIN", [T.reply("H"), T.eof], "IncompleteHeaders"],
  ["a byte of the head, by RST", [T.reply("H"), T.reset], "ReadError"],
  ["the head but its last byte, by FIN", [T.reply(ok().slice(0, -1)), T.eof], "IncompleteHeaders"],
  ["the head but its last byte, by RST", [T.reply(ok().slice(0, -1)), T.reset], "ReadError"],
  ["an empty line, by FIN", [T.reply("\r\n"), T.eof], "RemoteDisconnected"],
  ["what is no answer", [T.reply("what?\r\n"), T.eof], "BadStatusLine"]
]

describe("a request is sent once alone", () => {
  for (const [name, steps, tag] of cut) {
    it.effect(`where the server goes away after ${name}`, () =>
      contained(Effect.gen(function*() {
        const kit = yield* warmed([T.expect(getHead("/x")), ...steps])
        const { pool, transport } = kit
        const error = yield* Effect.flip(pool.execute(get("/x")))
        assert.strictEqual(error._tag, tag)
        assert.strictEqual(error.context.resends, 0)
        assert.isAbove(error.context.bytesRead, 0)
        assert.isTrue(error.context.replayable)
        assert.strictEqual(transport.opened.length, 1)
        assert.strictEqual((yield* pool.stats).retried, 0)
        assert.deepStrictEqual(eventsOf(kit.events, "Retry"), [])
      })))
  }

  for (
    const [name, reply, going, tag] of [
      ["after the head, by FIN", ok("abc").slice(0, -3), T.eof, "IncompleteRead"],
      ["after the head, by RST", ok("abc").slice(0, -3), T.reset, "ConnectionReset"],
      ["in the middle of the body, by FIN", ok("abc").slice(0, -1), T.eof, "IncompleteRead"],
      ["in the middle of the body, by RST", ok("abc").slice(0, -1), T.reset, "ConnectionReset"]
    ] as const
  ) {
    it.effect(`where the server goes away ${name}: the reading fails`, () =>
      contained(Effect.gen(function*() {
        const { pool, transport } = yield* warmed([T.expect(getHead("/x")), T.reply(reply), going])
        const response = yield* pool.execute(get("/x"))
        assert.strictEqual(response.resends, 0)
        const error = yield* failsWith(response.text, tag)
        assert.deepInclude(error.context, { processed: "Yes", resends: 0 })
        assert.strictEqual(transport.opened.length, 1)
        assert.strictEqual((yield* pool.stats).retried, 0)
      })))
  }

  const unsafe: ReadonlyArray<Case> = [
    whole("POST", HttpRequest.post(url), headOf("POST", "Content-Length: 0")),
    whole("POST with a body", HttpRequest.post(url, body("abc")), `${headOf("POST", "Content-Length: 3")}abc`),
    {
      name: "POST, while its body is being sent",
      request: HttpRequest.post(url, body(large)),
      wire: "",
      taken: [T.blockWrites, T.discard(100)]
    },
    {
      name: "POST, while its body is held back",
      request: HttpRequest.post(url, { ...body("abc"), expectContinue: true }),
      wire: "",
      taken: [T.discardUntil("\r\n\r\n")]
    },
    whole("PATCH", HttpRequest.patch(url, body("abc")), `${headOf("PATCH", "Content-Length: 3")}abc`),
    whole("a method that nobody knows", HttpRequest.make("PURGE", url), headOf("PURGE")),
    // Methods are case-sensitive (RFC 9110 section 9.1): this is not GET.
    whole("get", HttpRequest.make("get", url), headOf("get"))
  ]
  for (const { name, request, taken } of unsafe) {
    for (const [how, going] of goings) {
      it.effect(`where the server may have acted on it: ${name}, by ${how}`, () =>
        contained(Effect.gen(function*() {
          const kit = yield* warmed([...taken, going])
          const { pool, transport } = kit
          const error = yield* failsWith(pool.execute(request), "StaleConnection")
          assert.deepInclude(error.context, { resends: 0, processed: "Unknown", replayable: true })
          assert.strictEqual(transport.opened.length, 1)
          assert.strictEqual((yield* pool.stats).retried, 0)
          assert.deepStrictEqual(endings(kit.events), [`${request.method} - StaleConnection`])
          yield* holdsNothing(kit)
        })))
    }
  }

  for (const [how, going] of goings) {
    it.effect(`where the connection was new, by ${how}`, () =>
      contained(Effect.gen(function*() {
        const kit = yield* poolOver([T.connection(T.expect(getHead("/x")), going)])
        const error = yield* Effect.flip(kit.pool.execute(get("/x")))
        assert.strictEqual(error._tag, how === "FIN" ? "RemoteDisconnected" : "ReadError")
        assert.deepInclude(error.context, { resends: 0, processed: "Unknown" })
        assert.strictEqual(kit.transport.opened.length, 1)
        yield* holdsNothing(kit)
      })))
  }

  it.effect("where it fails by a timeout", () =>
    contained(Effect.gen(function*() {
      const kit = yield* warmed([T.expect(getHead("/x")), T.stall])
      const fiber = yield* started(kit.pool.execute(get("/x", { timeouts: { head: "1 second" } })))
      yield* TestClock.adjust("1 second")
      const error = yield* failsWith(Fiber.join(fiber), "HttpTimeout")
      assert.deepInclude(error.context, { resends: 0, processed: "Unknown" })
      assert.strictEqual(kit.transport.opened.length, 1)
      yield* holdsNothing(kit)
    })))
})

describe("the connection that a request is sent on once more", () => {
  it.effect("is a new one, though another is idle", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* watchedPool([
        T.connection(T.expect(getHead("/1")), T.delay("1 second"), T.reply(ok("/1")), T.stall),
        T.connection(T.expect(getHead("/2")), T.delay("2 seconds"), T.reply(ok("/2")), T.expect(getHead("/x")), T.eof),
        serving("/x")
      ])
      const fibers = yield* Effect.forEach(["/1", "/2"], (path) => started(textOf(pool, get(path))))
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(Fiber.all(fibers)), ["/1", "/2"])
      yield* holds(pool, { idle: 2 })
      assert.strictEqual(yield* textOf(pool, get("/x")), "/x")
      assert.strictEqual(transport.written(0), getHead("/1"))
      yield* holds(pool, { idle: 2 })
    })))

  it.effect("is waited for where the pool is full, in the place that the request had, though no more may wait", () =>
    contained(Effect.gen(function*() {
      const kit = yield* warmed([T.expect(getHead("/x")), T.delay("1 second"), T.eof], [
        T.connection(...slowSteps("/x"), ...serves("/2"))
      ], { connections: 1, waiters: 1 })
      const { pool, transport } = kit
      const failing = yield* started(textOf(pool, get("/x")))
      const waiting = yield* started(textOf(pool, get("/2")))
      yield* TestClock.adjust("1 second")
      yield* settled
      yield* holds(pool, { busy: 1, waiting: 1 })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(Fiber.zip(failing, waiting)), ["/x", "/2"])
      assert.deepStrictEqual(reasons(kit.events), ["Failure"])
      yield* transport.verify
    })))

  it.effect("is opened while the pool is being shut down, because the request is under way", () =>
    contained(Effect.gen(function*() {
      const kit = yield* warmed([T.expect(getHead("/x")), T.delay("1 second"), T.eof], [serving("/x")])
      const fiber = yield* started(textOf(kit.pool, get("/x")))
      const shutdown = yield* started(kit.pool.shutdown({ grace: "1 minute" }))
      yield* failsWith(kit.pool.execute(get("/y")), "PoolClosed")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "/x")
      yield* Fiber.join(shutdown)
      assert.deepStrictEqual(reasons(kit.events), ["Failure", "Shutdown"])
      yield* holdsNothing(kit)
    })))
})

describe("the second attempt", () => {
  const failures: ReadonlyArray<
    readonly [name: string, second: T.Connection, tag: HttpError["_tag"], state: RequestState]
  > = [
    ["a FIN", T.connection(T.expect(getHead("/x")), T.eof), "RemoteDisconnected", "Sent"],
    ["an RST", T.connection(T.expect(getHead("/x")), T.reset), "ReadError", "Sent"],
    [
      "an answer cut short",
      T.connection(T.expect(getHead("/x")), T.reply("HTTP/1"), T.eof),
      "IncompleteHeaders",
      "Sent"
    ],
    ["a refused connect", T.refuse(), "ConnectError", "NotSent"],
    ["a connection that ends at once", T.connection(T.eof), "RemoteDisconnected", "NotSent"]
  ]
  for (const [name, second, tag, requestState] of failures) {
    it.effect(`is the last one: ${name} fails it, and what is told holds for both`, () =>
      contained(Effect.gen(function*() {
        const kit = yield* warmed([T.expect(getHead("/x")), T.eof], [second, serving("/x")])
        const error = yield* Effect.flip(kit.pool.execute(get("/x")))
        assert.strictEqual(error._tag, tag)
        assert.deepInclude(error.context, { resends: 1, processed: "Unknown", replayable: true, requestState })
        assert.strictEqual(error.context.origin, "http://a.test:80")
        assert.strictEqual(kit.transport.opened.length, 2)
        assert.strictEqual((yield* kit.pool.stats).retried, 1)
        assert.deepStrictEqual(endings(kit.events), ["GET - StaleConnection", `GET - ${tag}`])
        assert.strictEqual(eventsOf(kit.events, "RequestEnd").at(-1)?.error, error)
        yield* holdsNothing(kit)
      })))
  }

  it.effect("fails with what came after its head, which says that it was the second", () =>
    contained(Effect.gen(function*() {
      const kit = yield* warmed([T.expect(getHead("/x")), T.eof], [
        T.connection(T.expect(getHead("/x")), T.reply(ok("abc").slice(0, -1)), T.eof)
      ])
      const response = yield* kit.pool.execute(get("/x"))
      const error = yield* failsWith(response.text, "IncompleteRead")
      assert.deepInclude(error.context, { resends: 1, processed: "Yes" })
    })))

  it.effect("fails with PoolClosed where the pool has ended meanwhile", () =>
    contained(Effect.gen(function*() {
      const kit = yield* warmed([T.expect(getHead("/x")), T.eof], [T.openStalls])
      const fiber = yield* started(kit.pool.execute(get("/x")))
      yield* holds(kit.pool, { connecting: 1, waiting: 1 })
      yield* kit.pool.shutdown({ grace: 0 })
      const error = yield* failsWith(Fiber.join(fiber), "PoolClosed")
      assert.deepInclude(error.context, { resends: 1, processed: "Unknown", requestState: "NotSent" })
      yield* holdsNothing(kit)
    })))

  for (
    const [name, first, second] of [
      ["opening", [], T.openStalls],
      ["awaiting", [], T.connection(T.expect(getHead("/x")), T.stall)],
      ["opening, which takes the rest of it", [T.delay("6 seconds")], T.openStalls],
      ["awaiting, which takes the rest of it", [T.delay("6 seconds")], T.connection(T.discard(), T.stall)]
    ] as const
  ) {
    it.effect(`is covered by \`total\`, which began with the first: ${name}`, () =>
      contained(Effect.gen(function*() {
        const kit = yield* warmed([T.expect(getHead("/x")), ...first, T.eof], [second])
        const timeouts = { total: "10 seconds", connect: "1 minute" } as const
        const fiber = yield* started(kit.pool.execute(get("/x", { timeouts })))
        yield* TestClock.adjust("6 seconds")
        yield* settled
        assert.strictEqual(kit.transport.opened.length, 2)
        yield* TestClock.adjust(3999)
        yield* settled
        assert.isNull(fiber.unsafePoll())
        yield* TestClock.adjust(1)
        const error = yield* failsWith(Fiber.join(fiber), "HttpTimeout")
        assert.strictEqual(error.kind, "total")
        assert.deepInclude(error.context, { resends: 1, processed: "Unknown" })
        yield* holdsNothing(kit)
      })))

    it.effect(`is taken back by an interruption: ${name}`, () =>
      contained(Effect.gen(function*() {
        const kit = yield* warmed([T.expect(getHead("/x")), ...first, T.eof], [second])
        const fiber = yield* started(kit.pool.execute(get("/x")))
        yield* TestClock.adjust("6 seconds")
        yield* settled
        assert.strictEqual(kit.transport.opened.length, 2)
        yield* Fiber.interrupt(fiber)
        yield* holdsNothing(kit)
        assert.deepStrictEqual(endings(kit.events), ["GET - StaleConnection", "GET - ConnectionClosed"])
      })))
  }
})
