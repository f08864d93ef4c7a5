/**
 * A connection comes back only on proof: the request sent whole, the response read whole, both sides persistent, nothing unread.
 * What does not come back is closed at once, and the event tells why.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpLeniency from "../../src/HttpLeniency.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpResponse } from "../../src/HttpResponse.ts"
import * as Origin from "../../src/Origin.ts"
import * as T from "../../src/TestTransport.ts"
import {
  bytesOf,
  chunk,
  chunkedHead,
  contained,
  failsWith,
  getHead,
  ok,
  pieces,
  settled,
  started
} from "../connection/harness.ts"
import { get, holds, holdsNothing, reasons, serves, serving, tags, textOf, watchedPool } from "./harness.ts"
import { endings, eventsOf } from "./over.ts"

interface Case {
  readonly name: string
  readonly request?: HttpRequest.HttpRequest
  readonly wire?: string
  readonly reply: string
  /** After the reply. */
  readonly steps?: ReadonlyArray<T.Step>
  readonly text?: string
}

const head = (version: string, ...fields: ReadonlyArray<string>): string =>
  `HTTP/${version} 200 OK\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n`

const chunked = "Transfer-Encoding: chunked"

const lenient = (leniency: Partial<HttpLeniency.HttpLeniency>): HttpRequest.HttpRequest =>
  get("/", { leniency: { ...HttpLeniency.strict, ...leniency } })

const notPersistent: ReadonlyArray<Case> = [
  { name: "the server says close", reply: ok("abc", "Connection: close") },
  { name: "the server says close among others", reply: ok("abc", "Connection: foo, Close ,bar") },
  { name: "the server says close and keep-alive", reply: ok("abc", "Connection: keep-alive", "Connection: close") },
  {
    name: "the server says close in an informational answer",
    reply: `HTTP/1.1 103 x\r\nConnection: close\r\n\r\n${ok("abc")}`
  },
  {
    name: "the request says close",
    request: get("/", { headers: { Connection: "close" } }),
    wire: "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n",
    reply: ok("abc")
  },
  { name: "the server speaks HTTP/1.0", reply: `${head("1.0", "Content-Length: 3")}abc` },
  { name: "the body ends with the connection", reply: `${head("1.1")}abc`, steps: [T.eof] },
  {
    name: "the body ends with the connection, which says keep-alive",
    reply: `${head("1.0", "Connection: keep-alive")}abc`,
    steps: [T.eof]
  },
  {
    name: "the head had to be read leniently",
    request: lenient({ bareLf: true }),
    reply: "HTTP/1.1 200 OK\nContent-Length: 3\r\n\r\nabc"
  },
  {
    name: "the framing had to be read leniently",
    request: lenient({ framingConflict: true }),
    reply: `${head("1.1", chunked, "Content-Length: 3")}${chunk("abc")}0\r\n\r\n`
  },
  {
    name: "the length had to be read leniently",
    request: lenient({ invalidContentLength: true }),
    reply: `${head("1.1", "Content-Length: +3")}abc`,
    steps: [T.eof]
  },
  {
    name: "the coding had to be read leniently",
    request: lenient({ unknownTransferCoding: true }),
    reply: `${head("1.1", "Transfer-Encoding: br")}abc`,
    steps: [T.eof]
  },
  {
    name: "a field had to be read leniently",
    request: lenient({ spaceBeforeColon: true }),
    reply: "HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc"
  },
  {
    name: "a field had to be skipped",
    request: lenient({ skipInvalidFields: true }),
    reply: "HTTP/1.1 200 OK\r\nwhat\r\nContent-Length: 3\r\n\r\nabc"
  },
  {
    name: "the status line had to be read leniently",
    request: lenient({ statusLineSpaces: true }),
    reply: "HTTP/1.1  200 OK\r\nContent-Length: 3\r\n\r\nabc"
  },
  {
    name: "the end of the chunks had to be read leniently",
    request: lenient({ missingFinalCrlf: true }),
    reply: `${head("1.1", chunked)}${chunk("abc")}0\r\n`,
    steps: [T.eof]
  },
  {
    name: "the chunks had to be read leniently",
    request: lenient({ bareLf: true }),
    reply: `${head("1.1", chunked)}3\nabc\r\n0\r\n\r\n`
  },
  {
    name: "a tunnel was asked for",
    request: HttpRequest.make("CONNECT", "b.test:443", {
      origin: Either.getOrThrow(Origin.fromUrl("http://a.test/")).origin
    }),
    wire: "CONNECT b.test:443 HTTP/1.1\r\nHost: b.test:443\r\n\r\n",
    reply: head("1.1"),
    text: ""
  }
]

const persistent: ReadonlyArray<Case> = [
  { name: "a body of known length", reply: ok("abc") },
  { name: "an empty body", reply: ok(), text: "" },
  { name: "a chunked body", reply: `${head("1.1", chunked)}${chunk("a")}${chunk("bc")}0\r\n\r\n` },
  { name: "a chunked body with trailers", reply: `${head("1.1", chunked)}${chunk("abc")}0\r\nA: b\r\n\r\n` },
  { name: "an answer behind informational ones", reply: `HTTP/1.1 103 x\r\n\r\nHTTP/1.1 102 x\r\n\r\n${ok("abc")}` },
  { name: "HTTP/1.0 that says keep-alive", reply: `${head("1.0", "Connection: Keep-Alive", "Content-Length: 3")}abc` },
  { name: "keep-alive said by both", reply: ok("abc", "Connection: keep-alive"), request: get("/") },
  {
    name: "a lenient reading that was not needed",
    request: lenient({ bareLf: true, framingConflict: true, invalidContentLength: true }),
    reply: ok("abc")
  },
  { name: "204", reply: "HTTP/1.1 204 No Content\r\n\r\n", text: "" },
  { name: "304", reply: "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", text: "" },
  { name: "an answer of 500", reply: "HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\nabc" },
  {
    name: "HEAD",
    request: HttpRequest.head("http://a.test/"),
    wire: "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    reply: head("1.1", "Content-Length: 3"),
    text: ""
  }
]

const splits: ReadonlyArray<readonly [name: string, split: T.Split | undefined]> = [["at once", undefined], [
  "byte by byte",
  "bytes"
]]

describe("a connection is not used again, and closed as NotPersistent, where", () => {
  for (const { name, reply, request = get(), steps = [], text = "abc", wire = getHead() } of notPersistent) {
    for (const [how, split] of splits) {
      it.effect(`${name} (${how})`, () =>
        contained(Effect.gen(function*() {
          const { events, pool, transport } = yield* watchedPool([
            T.connection(T.expect(wire), T.reply(reply, { split }), ...steps),
            serving("/2")
          ])
          assert.strictEqual(yield* textOf(pool, request), text)
          yield* settled
          yield* holds(pool, {})
          assert.strictEqual(transport.openCount, 0)
          const [close] = eventsOf(events, "Close")
          assert.deepInclude(close, { reason: "NotPersistent", error: undefined, requestsServed: 1 })
          assert.notInclude(tags(events), "Release")
          assert.deepStrictEqual(endings(events), [`${request.method} 200 whole`])
          assert.strictEqual(yield* textOf(pool, get("/2")), "/2")
          yield* transport.verify
        })))
    }
  }
})

describe("a connection is used again after", () => {
  for (const { name, reply, request = get(), text = "abc", wire = getHead() } of persistent) {
    for (const [how, split] of splits) {
      it.effect(`${name} (${how})`, () =>
        contained(Effect.gen(function*() {
          const { events, pool, transport } = yield* watchedPool([
            T.connection(T.expect(wire), T.reply(reply, { split }), ...serves("/2"))
          ])
          assert.strictEqual(yield* textOf(pool, request), text)
          yield* holds(pool, { idle: 1 })
          assert.strictEqual(yield* textOf(pool, get("/2")), "/2")
          assert.deepStrictEqual(reasons(events), [])
          assert.strictEqual(eventsOf(events, "Release").length, 2)
          yield* transport.verify
        })))
    }
  }
})

describe("bytes behind the response", () => {
  const next = ok("not asked for")
  for (
    const [name, request, wire, reply] of [
      ["a body", get(), getHead(), ok("abc")],
      ["no body", get(), getHead(), "HTTP/1.1 204 No\r\n\r\n"],
      ["chunks", get(), getHead(), `${head("1.1", chunked)}${chunk("abc")}0\r\n\r\n`],
      ["HEAD", HttpRequest.head("http://a.test/"), "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n", ok()],
      ["an answer that ends the connection", get(), getHead(), ok("abc", "Connection: close")]
    ] as const
  ) {
    it.effect(`close the connection, and answer nothing: ${name}`, () =>
      contained(Effect.gen(function*() {
        const { events, pool, transport } = yield* watchedPool([
          T.connection(T.expect(wire), T.reply(reply + next)),
          serving("/2")
        ])
        const response = yield* pool.execute(request)
        yield* holds(pool, {})
        yield* response.text
        const [close] = eventsOf(events, "Close")
        assert.strictEqual(close?.reason, "Failure")
        assert.strictEqual(close?.error?._tag, "UnexpectedMessage")
        assert.notInclude(tags(events), "Release")
        assert.deepStrictEqual(endings(events), [`${request.method} ${response.status} whole`])
        assert.strictEqual(yield* textOf(pool, get("/2")), "/2")
        yield* transport.verify
      })))
  }
})

describe("a request that is still being sent when its answer comes", () => {
  const upload = HttpRequest.post("http://a.test/", {
    body: HttpBody.stream(Stream.concat(pieces("up"), Stream.never))
  })

  for (
    const [name, status] of [
      ["413", "413 Too Large\r\nContent-Length: 3\r\n\r\nabc"],
      ["503", "503 No\r\nContent-Length: 3\r\n\r\nabc"],
      ["a redirect that closes", "307 There\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"]
    ] as const
  ) {
    it.effect(`is given up where the server refuses it, and the connection with it: ${name}`, () =>
      contained(Effect.gen(function*() {
        const kit = yield* watchedPool([
          T.connection(T.expect(chunkedHead() + chunk("up")), T.reply(`HTTP/1.1 ${status}`), T.expectDestroy)
        ])
        const response = yield* kit.pool.execute(upload)
        assert.strictEqual(yield* response.text, "abc")
        assert.deepStrictEqual(reasons(kit.events), ["NotPersistent"])
        assert.deepStrictEqual(endings(kit.events), [`POST ${response.status} whole`])
        yield* holdsNothing(kit)
        yield* kit.transport.verify
      })))
  }

  it.effect("keeps the connection until it is sent whole, and gives it back then", () =>
    contained(Effect.gen(function*() {
      const body = HttpBody.stream(
        Stream.concat(pieces("up"), Stream.fromEffect(Effect.as(Effect.sleep("1 second"), bytesOf("load"))))
      )
      const { events, pool, transport } = yield* watchedPool([
        T.connection(
          T.expect(chunkedHead() + chunk("up")),
          T.reply(ok("abc")),
          T.expect(`${chunk("load")}0\r\n\r\n`),
          ...serves("/2")
        )
      ])
      const response = yield* pool.execute(HttpRequest.post("http://a.test/", { body }))
      assert.strictEqual(yield* response.text, "abc")
      yield* holds(pool, { busy: 1 })
      assert.deepStrictEqual(endings(events), [])
      yield* TestClock.adjust("1 second")
      yield* holds(pool, { idle: 1 })
      assert.deepStrictEqual(endings(events), ["POST 200 whole"])
      assert.strictEqual(yield* textOf(pool, get("/2")), "/2")
      yield* transport.verify
    })))

  it.effect("keeps the connection while the transport has not taken its last bytes", () =>
    contained(Effect.gen(function*() {
      const wire = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc"
      const { pool, transport } = yield* watchedPool([
        T.connection(
          T.expect(wire),
          T.blockWrites,
          T.reply(ok("yes")),
          T.delay("1 second"),
          T.unblockWrites,
          ...serves("/2")
        )
      ])
      const request = HttpRequest.post("http://a.test/", { body: HttpBody.bytes(bytesOf("abc")) })
      assert.strictEqual(yield* textOf(pool, request), "yes")
      yield* holds(pool, { busy: 1 })
      yield* TestClock.adjust("1 second")
      yield* holds(pool, { idle: 1 })
      assert.strictEqual(yield* textOf(pool, get("/2")), "/2")
      yield* transport.verify
    })))

  /** A pool whose only place has an upload that does not end, and its answer, which is whole. */
  const answeredEarly = (options: ConnectionPool.Options = {}, more: ReadonlyArray<T.Step> = []) =>
    watchedPool(
      [
        T.connection(T.expect(chunkedHead() + chunk("up")), T.reply(ok("abc")), ...more, T.expectDestroy),
        serving("/2")
      ],
      { connectionsPerOrigin: 1, ...options }
    )

  it.effect("is given up when no more of it comes for `unreadTime`, so that its place is not held for ever", () =>
    contained(Effect.gen(function*() {
      const kit = yield* answeredEarly()
      const response = yield* kit.pool.execute(upload)
      assert.strictEqual(yield* response.text, "abc")
      const next = yield* started(textOf(kit.pool, get("/2", { timeouts: { pool: "1 hour" } })))
      yield* TestClock.adjust(9_999)
      yield* holds(kit.pool, { busy: 1, waiting: 1 })
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(next), "/2")
      assert.deepStrictEqual(reasons(kit.events), ["NotPersistent"])
      assert.deepStrictEqual(endings(kit.events), ["POST 200 whole", "GET 200 whole"])
      yield* kit.transport.verify
    })))

  it.effect("may take as long as it likes while more of it comes", () =>
    contained(Effect.gen(function*() {
      const texts = ["a", "b", "c", "d"]
      const kit = yield* answeredEarly({}, [...texts.map((text) => T.expect(chunk(text))), T.expect("0\r\n\r\n")])
      const later = Stream.mapEffect(
        Stream.fromIterable(texts),
        (text) => Effect.as(Effect.sleep("9 seconds"), bytesOf(text))
      )
      const body = HttpBody.stream(Stream.concat(pieces("up"), later))
      const response = yield* kit.pool.execute(HttpRequest.post("http://a.test/", { body }))
      assert.strictEqual(yield* response.text, "abc")
      for (const _ of texts) {
        yield* holds(kit.pool, { busy: 1 })
        yield* TestClock.adjust("9 seconds")
      }
      yield* holds(kit.pool, { idle: 1 })
      assert.deepStrictEqual(reasons(kit.events), [])
    })))

  it.effect("may wait for the transport as long as `timeouts.write` allows", () =>
    contained(Effect.gen(function*() {
      const length = 200_000
      const wire = `POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${length}\r\n\r\n`
      const kit = yield* watchedPool([
        T.connection(
          T.discard(wire.length),
          T.blockWrites,
          T.reply(ok("abc")),
          T.delay("25 seconds"),
          T.unblockWrites,
          T.discard(length),
          ...serves("/2")
        )
      ])
      const body = HttpBody.bytes(bytesOf("x".repeat(length)))
      const timeouts = { write: "30 seconds" as const }
      const request = HttpRequest.post("http://a.test/", { body, timeouts })
      assert.strictEqual(yield* textOf(kit.pool, request), "abc")
      yield* TestClock.adjust(24_999)
      yield* holds(kit.pool, { busy: 1 })
      yield* TestClock.adjust(1)
      yield* settled
      yield* holds(kit.pool, { idle: 1 })
      assert.strictEqual(yield* textOf(kit.pool, get("/2")), "/2")
    })))

  it.effect("is limited by `timeouts.total`, and its answer stays whole", () =>
    contained(Effect.gen(function*() {
      const kit = yield* answeredEarly({ timeouts: { total: "5 seconds" } })
      const response = yield* kit.pool.execute(upload)
      yield* TestClock.adjust(4_999)
      yield* holds(kit.pool, { busy: 1 })
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(endings(kit.events), ["POST 200 whole"])
      yield* holdsNothing(kit)
      assert.strictEqual(yield* response.text, "abc")
    })))

  it.effect("ends with the connection that the server closes behind its answer, which stays whole", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool([
        T.connection(T.expect(chunkedHead() + chunk("up")), T.reply(ok("abc")), T.delay("1 second"), T.eof)
      ])
      const response = yield* kit.pool.execute(upload)
      assert.strictEqual(yield* response.text, "abc")
      yield* holds(kit.pool, { busy: 1 })
      yield* TestClock.adjust("1 second")
      yield* settled
      assert.deepStrictEqual(reasons(kit.events), ["NotPersistent"])
      assert.deepStrictEqual(endings(kit.events), ["POST 200 whole"])
      yield* holdsNothing(kit)
    })))
})

describe("an exchange that fails closes its connection", () => {
  type Use = (response: HttpResponse) => Effect.Effect<unknown, { readonly _tag: string }>
  const text: Use = (response) => response.text
  const cases: ReadonlyArray<readonly [name: string, steps: ReadonlyArray<T.Step>, use: Use, tag: string]> = [
    [
      "an upgrade that was not asked for",
      [T.reply("HTTP/1.1 101 Up\r\nUpgrade: x\r\n\r\n")],
      text,
      "UnexpectedUpgrade"
    ],
    ["an answer that is none", [T.reply("what?\r\n")], text, "BadStatusLine"],
    ["a body cut short", [T.reply(ok("abc").slice(0, -1)), T.eof], text, "IncompleteRead"],
    ["a reset body", [T.reply(ok("abc").slice(0, -1)), T.reset], text, "ConnectionReset"],
    ["a chunk that is none", [T.reply(`${head("1.1", chunked)}x\r\n`)], text, "InvalidChunkSize"]
  ]
  for (const [name, steps, use, tag] of cases) {
    it.effect(`as Failure, with the error: ${name}`, () =>
      contained(Effect.gen(function*() {
        const kit = yield* watchedPool([T.connection(T.expect(getHead()), ...steps)])
        const error = yield* Effect.flip(Effect.flatMap(kit.pool.execute(get()), use))
        assert.strictEqual(error._tag, tag)
        const [close] = eventsOf(kit.events, "Close")
        assert.deepInclude(close, { reason: "Failure", requestsServed: 0 })
        assert.strictEqual(close?.error?._tag, tag)
        assert.strictEqual(eventsOf(kit.events, "RequestEnd").length, 1)
        yield* holdsNothing(kit)
      })))
  }

  it.effect("as Failure, by a timeout", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool([T.connection(T.expect(getHead()), T.stall)])
      const fiber = yield* started(kit.pool.execute(get("/", { timeouts: { head: 10 } })))
      yield* TestClock.adjust(10)
      yield* failsWith(Fiber.join(fiber), "HttpTimeout")
      assert.deepStrictEqual(reasons(kit.events), ["Failure"])
      assert.deepStrictEqual(endings(kit.events), ["GET - HttpTimeout"])
      yield* holdsNothing(kit)
    })))

  const interrupted: ReadonlyArray<readonly [name: string, reply: ReadonlyArray<T.Step>, use: Use, end: string]> = [
    ["while it awaits the head", [], text, "GET - ConnectionClosed"],
    ["while it reads text", [T.reply(ok("abc").slice(0, -1))], text, "GET 200 ConnectionClosed"],
    ["while it reads a piece", [T.reply(ok("abc").slice(0, -1))], (r) => r.read(3), "GET 200 ConnectionClosed"],
    [
      "while it streams",
      [T.reply(ok("abc").slice(0, -1))],
      (r) => Stream.runDrain(r.stream),
      "GET 200 ConnectionClosed"
    ],
    [
      "while it looks at a piece of a stream",
      [T.reply(ok("abc").slice(0, -1))],
      (r) => Stream.runForEach(r.stream, () => Effect.never),
      "GET 200 ConnectionClosed"
    ]
  ]
  for (const [name, steps, use, end] of interrupted) {
    it.effect(`as Interrupted where the caller is interrupted ${name}`, () =>
      contained(Effect.gen(function*() {
        const kit = yield* watchedPool([T.connection(T.expect(getHead()), ...steps, T.stall)])
        const fiber = yield* started(Effect.flatMap(kit.pool.execute(get()), use))
        yield* holds(kit.pool, { busy: 1 })
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(reasons(kit.events), ["Interrupted"])
        assert.deepStrictEqual(endings(kit.events), [end])
        yield* holdsNothing(kit)
      })))
  }
})
