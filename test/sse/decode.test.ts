/** `Sse.decode` on the responses of all faces: what is accepted, what it fails with, and what becomes of the connection. */
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError } from "@effect/platform/HttpClientError"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { constants, createGzip } from "node:zlib"
import type { BodyFailure, EventTooLarge, InvalidOption, NotEventStream, StatusError } from "../../src/HttpError.ts"
import * as HttpError from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpResponse } from "../../src/HttpResponse.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as Sse from "../../src/Sse.ts"
import * as T from "../../src/TestTransport.ts"
import { chunk, connectTo, contained, failsWith, started } from "../connection/harness.ts"
import { anyHead, clientTo, failsWith as failsOnPlatform, quietly, url } from "../platform/kit.ts"
import { comesToHold, get, holds, reasons, watchedPool } from "../pool/harness.ts"

const head = (...fields: ReadonlyArray<string>): string =>
  ["HTTP/1.1 200 OK", "Content-Type: text/event-stream", ...fields, "", ""].join("\r\n")
const streamed = head("Transfer-Encoding: chunked")
const last = "0\r\n\r\n"

const text = "data: a\n\nevent: b\nid: 7\ndata: c\n\n"
const parsed: ReadonlyArray<Sse.Event> = [
  { event: "message", data: "a", id: "", retry: undefined },
  { event: "b", data: "c", id: "7", retry: undefined }
]

const all = <E, R>(events: Stream.Stream<Sse.Event, E, R>): Effect.Effect<ReadonlyArray<Sse.Event>, E, R> =>
  Effect.map(Stream.runCollect(events), Chunk.toReadonlyArray)

const dataOf = <E, R>(events: Stream.Stream<Sse.Event, E, R>) =>
  Effect.map(all(events), (all) => all.map(({ data }) => data))

describe("the responses of each face", () => {
  const reply = [anyHead, T.reply(streamed + chunk(text) + last, { split: 1 })]

  it.effect("of a pool", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* watchedPool([T.connection(...reply)])
      const response = yield* pool.execute(get())
      assert.deepStrictEqual(yield* all(Sse.decode(response)), parsed)
      yield* comesToHold(pool, { idle: 1 })
    })))

  it.effect("of a single connection", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connectTo([T.connection(...reply)])
      const response = yield* connection.execute(HttpRequest.get("/"))
      assert.deepStrictEqual(yield* all(Sse.decode(response)), parsed)
    })))

  it.effect("of the platform's client", () =>
    contained(Effect.gen(function*() {
      const { client, pool } = yield* clientTo([T.connection(...reply)])
      const response = yield* quietly(client.get(url))
      assert.deepStrictEqual(yield* all(Sse.decode(response)), parsed)
      yield* comesToHold(pool, { idle: 1 })
    })))

  it.effect("of another client", () =>
    Effect.gen(function*() {
      const client = HttpClient.make((request) =>
        Effect.succeed(HttpClientResponse.fromWeb(
          request,
          new Response(text, { headers: { "Content-Type": "Text/Event-Stream;charset=utf-8" } })
        ))
      )
      assert.deepStrictEqual(yield* all(Sse.decode(yield* client.get(url))), parsed)
    }))

  it.effect("decompressed: each event arrives when the server flushes it", () =>
    contained(Effect.gen(function*() {
      const zip = createGzip({ flush: constants.Z_SYNC_FLUSH })
      const flushed = (text: string) =>
        Effect.async<Buffer>((resume) => {
          zip.write(text, () => zip.flush(() => resume(Effect.succeed(zip.read() as Buffer))))
        })
      const [one, two] = [yield* flushed("data: a\n\n"), yield* flushed("data: b\n\n")]
      const piece = (bytes: Buffer) =>
        T.reply(Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]))
      const { client } = yield* clientTo([
        T.connection(
          anyHead,
          T.reply(head("Content-Encoding: gzip", "Transfer-Encoding: chunked")),
          piece(one),
          T.delay("1 second"),
          piece(two),
          T.stall
        )
      ])
      const response = yield* quietly(PooledHttpClient.decompress(client).get(url))
      const seen = yield* Queue.unbounded<string>()
      const fiber = yield* started(
        Stream.runForEach(Sse.decode(response), ({ data }) => Queue.offer(seen, data))
      )
      assert.strictEqual(yield* Queue.take(seen), "a")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Queue.take(seen), "b")
      yield* Fiber.interrupt(fiber)
    })))

  it("have their failures in their types", () => {
    expectTypeOf(Sse.decode({} as HttpResponse)).toEqualTypeOf<
      Stream.Stream<Sse.Event, BodyFailure | StatusError | NotEventStream | EventTooLarge | InvalidOption>
    >()
    expectTypeOf(Sse.decode({} as HttpClientResponse.HttpClientResponse)).toEqualTypeOf<
      Stream.Stream<Sse.Event, HttpClientError>
    >()
    expectTypeOf(Effect.map(Effect.succeed({} as PooledHttpClient.PooledResponse), Sse.decode)).toEqualTypeOf<
      Effect.Effect<Stream.Stream<Sse.Event, HttpClientError>>
    >()
  })
})

describe("what is accepted", () => {
  const answered = (status: string, ...fields: ReadonlyArray<string>): string =>
    [`HTTP/1.1 ${status}`, ...fields, `Content-Length: ${text.length}`, "", text].join("\r\n")
  const typed = "Content-Type: text/event-stream"

  it.effect.each<
    readonly [
      what: string,
      reply: string,
      tag: HttpError.HttpError["_tag"] | undefined,
      unchecked: HttpError.HttpError["_tag"] | undefined
    ]
  >([
    ["200", answered("200 OK", typed), undefined, undefined],
    ["200 with a charset", answered("200 OK", `${typed}; charset=utf-8`), undefined, undefined],
    ["another case", answered("200 OK", "Content-Type: TEXT/event-STREAM"), undefined, undefined],
    ["text/html", answered("200 OK", "Content-Type: text/html"), "NotEventStream", undefined],
    ["a longer type", answered("200 OK", `${typed}s`), "NotEventStream", undefined],
    ["no Content-Type", answered("200 OK"), "NotEventStream", undefined],
    ["a Content-Type that is not one", answered("200 OK", "Content-Type: event"), "NotEventStream", undefined],
    ["201", answered("201 Created", typed), "StatusError", undefined],
    ["206", answered("206 Partial", typed), "StatusError", undefined],
    ["302", answered("302 Found", typed), "StatusError", "StatusError"],
    ["404", answered("404 Not", typed), "StatusError", "StatusError"],
    ["503", answered("503 Busy", "Content-Type: text/html"), "StatusError", "StatusError"]
  ])("%s", ([, reply, tag, unchecked]) =>
    contained(Effect.gen(function*() {
      for (const [check, expected] of [[true, tag], [false, unchecked]] as const) {
        const { pool } = yield* watchedPool([T.connection(anyHead, T.reply(reply))])
        const { client } = yield* clientTo([T.connection(anyHead, T.reply(reply))], { drainBytes: 100 })
        const own = Sse.decode(yield* pool.execute(get()), { check })
        const platform = Sse.decode(yield* quietly(client.get(url)), { check })
        if (expected === undefined) {
          assert.deepStrictEqual(yield* all(own), parsed)
          assert.deepStrictEqual(yield* all(platform), parsed)
        } else {
          const error = yield* failsWith(Stream.runDrain(own), expected)
          const reason = expected === "StatusError" ? "StatusCode" : "Decode"
          const other = yield* failsOnPlatform(Stream.runDrain(platform), "ResponseError", reason, expected)
          for (const { context } of [error, other]) {
            assert.deepStrictEqual([context.origin, context.method, context.requestState], [
              "http://a.test:80",
              "GET",
              "ResponseStarted"
            ])
          }
          if (error._tag === "StatusError" && other._tag === "StatusError") {
            assert.deepStrictEqual([...error.bodyPrefix], [...Buffer.from(text)])
            assert.deepStrictEqual([...other.bodyPrefix], [...Buffer.from(text)])
            assert.deepStrictEqual([...error.fields], [...other.fields])
            assert.strictEqual(error.reason, other.reason)
          }
        }
        yield* comesToHold(pool, { idle: 1 })
      }
    })))

  it.effect("a body of another type that does not end is closed", () =>
    contained(Effect.gen(function*() {
      const reply = T.reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("oops"))
      const { pool } = yield* watchedPool([T.connection(anyHead, reply, T.stall)])
      const { client, pool: other } = yield* clientTo([T.connection(anyHead, reply, T.stall)])
      const own = yield* started(Stream.runDrain(Sse.decode(yield* pool.execute(get()))))
      const platform = yield* started(Effect.flip(Stream.runDrain(Sse.decode(yield* quietly(client.get(url))))))
      // The pool discards the rest for that long.
      yield* TestClock.adjust("1 second")
      yield* failsWith(Fiber.join(own), "NotEventStream")
      yield* Fiber.join(platform)
      yield* holds(pool, {})
      yield* holds(other, {})
    })))

  it.effect("204 is a stream without events", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* watchedPool([T.connection(anyHead, T.reply("HTTP/1.1 204 No\r\n\r\n"))])
      assert.deepStrictEqual(yield* all(Sse.decode(yield* pool.execute(get()))), [])
      yield* comesToHold(pool, { idle: 1 })
    })))

  it.effect("the page of a refusal that does not end is awaited for a second", () =>
    contained(Effect.gen(function*() {
      const reply = T.reply("HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("oops"))
      const { pool } = yield* watchedPool([T.connection(anyHead, reply, T.stall)])
      const { client, pool: other } = yield* clientTo([T.connection(anyHead, reply, T.stall)])
      const own = yield* started(Effect.flip(Stream.runDrain(Sse.decode(yield* pool.execute(get())))))
      const platform = yield* started(Effect.flip(Stream.runDrain(Sse.decode(yield* quietly(client.get(url))))))
      yield* TestClock.adjust("999 millis")
      yield* holds(pool, { busy: 1 })
      yield* holds(other, { busy: 1 })
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* Fiber.join(own))._tag, "StatusError")
      const cause = Option.getOrThrow(HttpError.fromPlatform(yield* Fiber.join(platform))) as StatusError
      assert.strictEqual(Buffer.from(cause.bodyPrefix).toString(), "oops")
      yield* holds(pool, {})
      yield* holds(other, {})
    })))

  it.effect("the failure of another client's response has its request", () =>
    Effect.gen(function*() {
      const client = HttpClient.make((request) =>
        Effect.succeed(
          HttpClientResponse.fromWeb(request, new Response("nope", { status: 503, headers: { "Retry-After": "7" } }))
        )
      )
      const response = yield* client.get("http://other.test/events?key=secret")
      const error = yield* failsOnPlatform(
        Stream.runDrain(Sse.decode(response)),
        "ResponseError",
        "StatusCode",
        "StatusError"
      )
      assert.deepStrictEqual([error.status, error.retryAfter, Buffer.from(error.bodyPrefix).toString()], [
        503,
        "7",
        "nope"
      ])
      assert.deepStrictEqual([error.context.origin, error.context.path], ["http://other.test:80", "/events"])
    }))
})

describe("options", () => {
  it.effect.each([0, -1, 1.5, NaN])(
    "maxEventBytes: %s is refused, and the response closed",
    (maxEventBytes) =>
      contained(Effect.gen(function*() {
        const { pool } = yield* watchedPool([T.connection(anyHead, T.reply(streamed), T.stall)], { drainBytes: 0 })
        const error = yield* failsWith(
          Stream.runDrain(Sse.decode(yield* pool.execute(get()), { maxEventBytes })),
          "InvalidOption"
        )
        assert.strictEqual(error.option, "maxEventBytes")
        yield* comesToHold(pool, {})
        const { client } = yield* clientTo([T.connection(anyHead, T.reply(streamed), T.stall)])
        const response = yield* quietly(client.get(url))
        yield* failsOnPlatform(
          Stream.runDrain(Sse.decode(response, { maxEventBytes })),
          "RequestError",
          "Encode",
          "InvalidOption"
        )
      }))
  )

  it.effect("an event that is too large fails after the events before it, and closes the connection", () =>
    contained(Effect.gen(function*() {
      const { events, pool } = yield* watchedPool([
        T.connection(anyHead, T.reply(streamed + chunk(`data: a\n\ndata: b\n\n${"x".repeat(100)}`)), T.stall)
      ], { drainBytes: 0 })
      const seen: Array<string> = []
      const decoded = Sse.decode(yield* pool.execute(get()), { maxEventBytes: 50 })
      const error = yield* failsWith(
        Stream.runForEach(decoded, ({ data }) => Effect.sync(() => seen.push(data))),
        "EventTooLarge"
      )
      assert.strictEqual(error.limit, 50)
      assert.deepStrictEqual(seen, ["a", "b"])
      yield* comesToHold(pool, {})
      assert.deepStrictEqual(reasons(events), ["Undrained"])
    })))
})

describe("the end of the stream", () => {
  it.effect("a body that is cut fails, after its events", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* watchedPool([
        T.connection(anyHead, T.reply(streamed + chunk("data: a\n\ndata: b")), T.eof)
      ])
      const seen: Array<string> = []
      const decoded = Sse.decode(yield* pool.execute(get()))
      yield* failsWith(Stream.runForEach(decoded, ({ data }) => Effect.sync(() => seen.push(data))), "IncompleteRead")
      assert.deepStrictEqual(seen, ["a"])
    })))

  const done = [
    anyHead,
    T.reply(streamed + chunk("data: a\n\ndata: [DONE]\n\n")),
    T.delay("1 millis"),
    T.reply(last)
  ]

  it.effect("ending it early closes the connection, because the rest of a body in chunks may be long", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* watchedPool([T.connection(...done)])
      const decoded = Sse.decode(yield* pool.execute(get()))
      assert.deepStrictEqual(yield* dataOf(Stream.takeWhile(decoded, ({ data }) => data !== "[DONE]")), ["a"])
      yield* holds(pool, {})
    })))

  it.effect("leaving out the last event instead keeps the connection", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* watchedPool([T.connection(...done)])
      const decoded = Sse.decode(yield* pool.execute(get()))
      const fiber = yield* started(dataOf(Stream.filter(decoded, ({ data }) => data !== "[DONE]")))
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["a"])
      yield* holds(pool, { idle: 1 })
    })))

  it.effect("interruption closes the connection at once", () =>
    contained(Effect.gen(function*() {
      const { events, pool } = yield* watchedPool([
        T.connection(anyHead, T.reply(streamed + chunk("data: a\n\n")), T.stall)
      ])
      const fiber = yield* started(Stream.runDrain(Sse.decode(yield* pool.execute(get()))))
      yield* holds(pool, { busy: 1 })
      yield* Fiber.interrupt(fiber)
      yield* holds(pool, {})
      assert.deepStrictEqual(reasons(events), ["Interrupted"])
    })))

  it.effect("the server is read no faster than events are taken", () =>
    contained(Effect.gen(function*() {
      const event = chunk(`data: ${"x".repeat(100_000)}\n\n`)
      const { pool, transport } = yield* watchedPool([
        T.connection(anyHead, T.reply(streamed), ...Array.from({ length: 50 }, () => T.reply(event)), T.stall)
      ])
      let taken = 0
      const fiber = yield* started(
        Stream.runForEach(Sse.decode(yield* pool.execute(get())), () => ++taken === 20 ? Effect.never : Effect.void)
      )
      assert.strictEqual(taken, 20)
      assert.isTrue(transport.state(0).paused)
      yield* Fiber.interrupt(fiber)
    })))

  it.effect("a silent server fails with the body's own timeout", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* watchedPool([T.connection(anyHead, T.reply(streamed + chunk(": hello\n")), T.stall)])
      const response = yield* pool.execute(get("/", { timeouts: { bodyIdle: "20 seconds" } }))
      const fiber = yield* started(Effect.flip(Stream.runDrain(Sse.decode(response))))
      yield* TestClock.adjust("20 seconds")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag === "HttpTimeout" ? error.kind : error._tag, "bodyIdle")
      yield* holds(pool, {})
    })))
})

describe("schemaData", () => {
  const Delta = Schema.Struct({ text: Schema.String })
  const event = (data: string): Sse.Event => ({ event: "message", data, id: "", retry: undefined })

  it.effect("decodes the data as JSON of the schema, in both orders of arguments", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Sse.schemaData(event("{\"text\":\"a\"}"), Delta), { text: "a" })
      assert.deepStrictEqual(yield* Sse.schemaData(Delta)(event("{\"text\":\"a\"}")), { text: "a" })
    }))

  it.effect.each(["", "[DONE]", "{\"text\":1}", "{\"text\":"])(
    "fails with ParseError for %j",
    (data) =>
      Effect.gen(function*() {
        assert.strictEqual((yield* Effect.flip(Sse.schemaData(event(data), Delta)))._tag, "ParseError")
      })
  )
})
