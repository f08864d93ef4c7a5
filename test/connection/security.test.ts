/**
 * What went wrong in other clients, on a connection as a whole: nothing opens for a request that could inject, and whatever a
 * server does ends in its own typed error, the connection closed. The single characters are in `test/conformance/security.test.ts`.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { ConnectionEvent } from "../../src/ConnectionEvent.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpConnection } from "../../src/HttpConnection.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import {
  bytesOf,
  connected,
  connectedWith,
  connectTo,
  contained,
  failsWith,
  getHead,
  latin1,
  nothingLeft,
  ok,
  pieces,
  settled,
  textOf
} from "./harness.ts"

type Tag = HttpError["_tag"]
const get = HttpRequest.get("/")

describe("a request that would inject opens nothing", () => {
  const inject = "x\r\nEvil: 1"
  const body = HttpBody.bytes(bytesOf("abc"))
  const stream = HttpBody.stream(pieces("abc"))
  const cases: ReadonlyArray<readonly [where: string, tag: Tag, request: HttpRequest.HttpRequest]> = [
    ["method", "InvalidMethod", HttpRequest.make("GET / HTTP/1.1\r\nEvil: 1\r\n\r\nGET", "/")],
    ["target", "InvalidUrl", HttpRequest.get("/ HTTP/1.1\r\nEvil: 1")],
    ["target beyond ASCII whose low byte is LF", "InvalidUrl", HttpRequest.get("/\u010d\u010aEvil: 1")],
    ["absolute target", "InvalidUrl", HttpRequest.get(`http://a.test/${inject}`, { targetForm: "absolute" })],
    ["host of an absolute target", "InvalidUrl", HttpRequest.get("http://a.test\r\n/", { targetForm: "absolute" })],
    ["another origin", "InvalidUrl", HttpRequest.get("http://evil.test/")],
    ["CONNECT target", "InvalidUrl", HttpRequest.make("CONNECT", "a.test:1\r\nEvil: 1")],
    ["field name", "InvalidHeaderName", HttpRequest.get("/", { headers: { "X\r\nEvil": "1" } })],
    ["field value", "InvalidHeaderValue", HttpRequest.get("/", { headers: { X: inject } })],
    [
      "field value beyond ISO-8859-1",
      "InvalidHeaderValue",
      HttpRequest.get("/", { headers: { X: "\u010d\u010aEvil: 1" } })
    ],
    ["Host", "InvalidHeaderValue", HttpRequest.get("/", { headers: { Host: inject } })],
    [
      "two Hosts in different case",
      "ForbiddenHeader",
      HttpRequest.get("/", { headers: [["Host", "a"], ["host", "b"]] })
    ],
    [
      "content type of a body",
      "InvalidHeaderValue",
      HttpRequest.post("/", { body: HttpBody.bytes(bytesOf("a"), inject) })
    ],
    ["Expect", "ForbiddenHeader", HttpRequest.post("/", { body, headers: { Expect: "200-ok" } })],
    ["Upgrade", "ForbiddenHeader", HttpRequest.get("/", { headers: { Upgrade: "websocket" } })],
    ["trailer name", "InvalidTrailer", HttpRequest.post("/", { body: stream, trailers: { "X\r\nEvil": "1" } })],
    ["trailer value", "InvalidTrailer", HttpRequest.post("/", { body: stream, trailers: { X: inject } })],
    [
      "a trailer that frames",
      "InvalidTrailer",
      HttpRequest.post("/", { body: stream, trailers: { "Content-Length": "1" } })
    ],
    [
      "two Content-Lengths in different case",
      "ConflictingFraming",
      HttpRequest.post("/", { body, headers: [["Content-Length", "3"], ["content-length", "3"]] })
    ],
    [
      "Content-Length with Transfer-Encoding",
      "ConflictingFraming",
      HttpRequest.post("/", { body, headers: { "Content-Length": "3", "Transfer-Encoding": "chunked" } })
    ],
    [
      "a Content-Length that lies",
      "BodyLengthMismatch",
      HttpRequest.post("/", { body, headers: { "Content-Length": "2" } })
    ]
  ]
  for (const [where, tag, request] of cases) {
    it.scoped(`in ${where}: ${tag}, whose text repeats nothing of it`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connectTo([])
        const error = yield* failsWith(connection.execute(request), tag)
        assert.deepStrictEqual(transport.opened, [])
        assert.deepInclude(error.context, { fault: "User", requestState: "NotSent", processed: "No", bytesWritten: 0 })
        for (const text of [error.message, JSON.stringify(error), String(error)]) assert.notInclude(text, "\r\n")
        yield* nothingLeft(transport)
        assert.strictEqual(yield* connection.state, "Idle")
      })))
  }

  for (
    const [where, tunnel] of [
      ["host", { host: "far.test\r\nEvil: 1" }],
      ["field name", { host: "far.test", headers: { "X\r\nEvil": "1" } }],
      ["field value", { host: "far.test", headers: { "Proxy-Authorization": "secret\r\nEvil: 1" } }]
    ] as const
  ) {
    it.scoped(`in the ${where} of a tunnel`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(connectTo([], { tunnel }))
        assert.include(["InvalidUrl", "InvalidHeaderName", "InvalidHeaderValue"], error._tag)
        assert.notInclude(JSON.stringify(error), "secret")
        const { connection, transport } = yield* connectTo([])
        yield* Effect.flip(
          connection.setTunnel(tunnel.host, undefined, "headers" in tunnel ? tunnel.headers : undefined)
        )
        assert.deepStrictEqual(transport.opened, [])
      }))
  }

  it.scoped("in the host of a connection", () =>
    Effect.gen(function*() {
      for (const host of ["a.test\r\nEvil: 1", "a.test/x", "user@a.test", "a test", "a\u0000"]) {
        assert.strictEqual((yield* Effect.flip(connectTo([], { host })))._tag, "InvalidUrl")
      }
    }))
})

describe("a server that never ends", () => {
  /** As much as the client could ever need to notice; it must not take all of it. */
  const endless = (bytes: string): string => bytes.repeat(Math.ceil(1_000_000 / bytes.length))
  const head = "HTTP/1.1 200 OK\r\n"
  const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n`
  const cases: ReadonlyArray<readonly [what: string, tag: Tag, wire: string]> = [
    ["1xx responses", "TooManyInformational", endless("HTTP/1.1 100 Continue\r\n\r\n")],
    ["a status line", "LineTooLong", `HTTP/1.1 200 ${endless("x")}`],
    ["a field line", "LineTooLong", `${head}X: ${endless("x")}`],
    ["a folded field line", "HeadersTooLarge", `${head}X: y\r\n${endless(` ${"x".repeat(10_000)}\r\n`)}`],
    ["folds", "TooManyHeaders", `${head}X: y\r\n${endless(" x\r\n")}`],
    ["field lines", "TooManyHeaders", `${head}${endless("X: y\r\n")}`],
    ["long field lines", "HeadersTooLarge", `${head}${endless(`X: ${"y".repeat(60_000)}\r\n`)}`],
    ["a chunk size line", "LineTooLong", `${chunked}${endless("0")}`],
    ["a chunk extension", "LineTooLong", `${chunked}1;${endless("x")}`],
    ["chunk extensions", "ChunkExtensionsTooLong", `${chunked}${endless("1;aaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n")}`],
    ["a trailer line", "TrailersTooLarge", `${chunked}0\r\nX: ${endless("x")}`],
    ["trailer lines", "TrailersTooLarge", `${chunked}0\r\n${endless("X: y\r\n")}`]
  ]
  for (const [what, tag, wire] of cases) {
    it.scoped(`${what}: ${tag}, and the connection is closed before all of it is read`, () =>
      contained(Effect.gen(function*() {
        for (const split of [undefined, 1009]) {
          const { connection, transport } = yield* connected(T.expect(getHead()), T.reply(wire, { split }), T.expectEnd)
          const error = yield* failsWith(textOf(connection, get), tag)
          assert.strictEqual(error.context.fault, "Remote")
          assert.isBelow(error.context.bytesRead, 500_000)
          yield* nothingLeft(transport)
          assert.isTrue(transport.state(0).destroyed)
        }
      })))
  }

  it.scoped("a body: `BodyTooLarge` at the limit", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectedWith(
        { limits: { body: 100_000 } },
        T.expect(getHead()),
        T.reply(`HTTP/1.1 200 OK\r\n\r\n${endless("x")}`)
      )
      const error = yield* failsWith(textOf(connection, get), "BodyTooLarge")
      assert.strictEqual(error.limit, 100_000)
      assert.isAtMost(error.context.bytesRead, 200_000)
      yield* nothingLeft(transport)
    })))
})

describe("numbers that the server sends", () => {
  it.scoped("a Content-Length of 10^15 with ten bytes gives those ten, and takes no more memory than they do", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(getHead()),
        T.reply("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000\r\n\r\n0123456789"),
        T.eof
      )
      const error = yield* failsWith(textOf(connection, get), "IncompleteRead")
      assert.deepInclude(error, { received: 10, expected: 1e15 })
      assert.strictEqual(error.partial && latin1(error.partial), "0123456789")
      assert.strictEqual(error.partial?.buffer.byteLength, 10)
      yield* nothingLeft(transport)
    })))

  it.scoped("a read of more bytes than there are takes no more memory than there is", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(getHead()), T.reply(ok("0123456789")))
      const response = yield* connection.execute(get)
      const bytes = yield* response.read(1e15)
      assert.strictEqual(bytes.buffer.byteLength, 10)
    })))

  const cases: ReadonlyArray<readonly [tag: Tag, field: string]> = [
    ["InvalidContentLength", "Content-Length: +5"],
    ["InvalidContentLength", "Content-Length: -5"],
    ["InvalidContentLength", "Content-Length: 0x5"],
    ["InvalidContentLength", "Content-Length: 1_0"],
    ["InvalidContentLength", "Content-Length: 5 5"],
    ["InvalidContentLength", "Content-Length: 99999999999999999999"],
    ["InvalidContentLength", "Content-Length:"],
    ["ConflictingContentLength", "Content-Length: 5\r\nContent-Length: 6"],
    ["FramingConflict", "Content-Length: 5\r\nTransfer-Encoding: chunked"],
    ["UnknownTransferEncoding", "Transfer-Encoding: gzip, chunked"],
    ["UnknownTransferEncoding", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"],
    ["InvalidHeaderLine", "Content-Length : 5"],
    ["InvalidHeaderLine", "X: a\rb"]
  ]
  for (const [tag, field] of cases) {
    it.scoped(`${JSON.stringify(field)} is ${tag}, and the connection is closed`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connected(
          T.expect(getHead()),
          T.reply(`HTTP/1.1 200 OK\r\n${field}\r\n\r\nhello`)
        )
        const error = yield* failsWith(connection.execute(get), tag)
        assert.deepInclude(error.context, {
          phase: "head",
          fault: "Remote",
          requestState: "Sent",
          processed: "Unknown"
        })
        yield* nothingLeft(transport)
      })))
  }
})

describe("bytes that nobody asked for never answer the next request", () => {
  const poison = ok("poison")
  const clean = T.connection(T.expect(getHead("/2")), T.reply(ok("clean")))
  const cases: ReadonlyArray<readonly [when: string, steps: ReadonlyArray<T.Step>, wait: Effect.Effect<void>]> = [
    ["in the packet of the response", [T.reply(ok("one") + poison)], Effect.void],
    ["in the packet behind it, before anybody looks", [T.reply(ok("one")), T.reply(poison)], settled],
    ["byte by byte", [T.reply(ok("one") + poison, { split: "bytes" })], settled],
    ["a single CRLF", [T.reply(`${ok("one")}\r\n`)], Effect.void]
  ]
  for (const [when, steps, wait] of cases) {
    it.scoped(`${when}: the response stands, the connection is closed, the next request goes over another`, () =>
      contained(Effect.gen(function*() {
        const closes: Array<ConnectionEvent> = []
        const onEvent = (event: ConnectionEvent): void => {
          if (event._tag === "Close") closes.push(event)
        }
        const { connection, transport } = yield* connectTo([T.connection(T.expect(getHead("/1")), ...steps), clean], {
          onEvent
        })
        assert.strictEqual(yield* textOf(connection, HttpRequest.get("/1")), "one")
        yield* wait
        yield* nothingLeft(transport)
        const [close] = closes
        assert.strictEqual(close?._tag === "Close" && close.error?._tag, "UnexpectedMessage")
        assert.strictEqual(yield* textOf(connection, HttpRequest.get("/2")), "clean")
      })))
  }

  it.scoped("while it is idle, without `autoOpen`: `NotConnected` says what had come", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connectedWith(
        { autoOpen: false },
        T.expect(getHead()),
        T.reply(ok("one")),
        T.reply(poison)
      )
      yield* connection.connect
      yield* textOf(connection, get)
      yield* settled
      const error = yield* failsWith(connection.execute(get), "NotConnected")
      assert.deepInclude(error.cause, { _tag: "UnexpectedMessage", received: poison.length })
    })))

  it.scoped("before the first request, too", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectTo([T.connection(T.reply(poison)), clean])
      yield* connection.connect
      yield* nothingLeft(transport)
      assert.strictEqual(yield* textOf(connection, HttpRequest.get("/2")), "clean")
    })))

  const others: ReadonlyArray<readonly [what: string, step: T.Step]> = [["a FIN", T.eof], ["a reset", T.reset]]
  for (const [what, step] of others) {
    it.scoped(`${what} while it is idle closes it too`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connectTo([
          T.connection(T.expect(getHead("/1")), T.reply(ok("one")), step),
          clean
        ])
        yield* textOf(connection, HttpRequest.get("/1"))
        yield* nothingLeft(transport)
        assert.strictEqual(yield* textOf(connection, HttpRequest.get("/2")), "clean")
      })))
  }
})

describe("a protocol that nobody asked for", () => {
  const cases: ReadonlyArray<readonly [tag: Tag, wire: string]> = [
    ["UnexpectedUpgrade", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"],
    ["UnknownProtocol", "HTTP/2.0 200 OK\r\n\r\n"],
    ["BadStatusLine", "SSH-2.0-OpenSSH_9.6\r\n"],
    ["InvalidStatusCode", "HTTP/1.1 2000 OK\r\n\r\n"]
  ]
  const read = (connection: HttpConnection) => textOf(connection, get)
  for (const [tag, wire] of cases) {
    it.scoped(`${JSON.stringify(wire.split("\r\n")[0])} is ${tag}, whole and byte by byte`, () =>
      contained(Effect.gen(function*() {
        for (const split of [undefined, "bytes"] as const) {
          const { connection, transport } = yield* connected(T.expect(getHead()), T.reply(wire, { split }), T.stall)
          yield* failsWith(read(connection), tag)
          yield* nothingLeft(transport)
        }
      })))
  }
})
