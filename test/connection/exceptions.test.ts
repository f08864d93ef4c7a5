/**
 * Every exception of `http.client`, and every other one that its calls raise, as the error that it is here: raised by a real
 * exchange, with what it carries. The errors as classes are in HttpError.test.ts.
 */
import * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as FileBody from "../../src/FileBody.ts"
import {
  ConnectError,
  DnsError,
  isBadStatusLine,
  isHttpException,
  isProtocolError,
  isTimeout,
  TlsError
} from "../../src/HttpError.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpLeniency from "../../src/HttpLeniency.ts"
import * as T from "../../src/TestTransport.ts"
import { asked, head, latin1, ok, one, over, settled } from "./over.ts"

/** What getting and reading the response to a GET fails with. */
const failing = (...steps: ReadonlyArray<T.Step>): Effect.Effect<HttpError, unknown> =>
  over(one(T.expect(asked("GET /")), ...steps), (connection, transport) =>
    Effect.gen(function*() {
      yield* connection.request("GET", "/")
      const error: HttpError = yield* Effect.flip(Effect.flatMap(connection.getResponse, (response) => response.bytes))
      assert.strictEqual(transport.openCount, 0)
      return error
    }))

const line = (length: number, text: string): string => text + "x".repeat(length - text.length)

describe("an HTTPException", () => {
  it.effect.each<readonly [python: string, tag: string, steps: ReadonlyArray<T.Step>, carries: object]>([
    ["UnknownProtocol", "UnknownProtocol", [T.reply("HTTP/2.0 200 OK\r\n")], { version: "HTTP/2.0" }],
    ["UnknownTransferEncoding", "UnknownTransferEncoding", [
      T.reply(head("HTTP/1.1 200 OK", "Transfer-Encoding: gzip"))
    ], { codings: "gzip" }],
    ["IncompleteRead", "IncompleteRead", [T.reply(head("HTTP/1.1 200 OK", "Content-Length: 5") + "abc"), T.eof], {
      received: 3,
      expected: 5
    }],
    ["BadStatusLine", "BadStatusLine", [T.reply("garbage\r\n")], { line: "garbage" }],
    ["LineTooLong of the status line", "LineTooLong", [T.reply(line(9000, "HTTP/1.1 200 "))], {
      what: "status line",
      limit: 8192
    }],
    ["LineTooLong of a field", "LineTooLong", [T.reply(`HTTP/1.1 200 OK\r\n${line(65_600, "X: ")}`)], {
      what: "field line",
      limit: 65_536
    }],
    ["LineTooLong of a chunk size", "LineTooLong", [
      T.reply(head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + line(5000, "5;"))
    ], { what: "chunk size line", limit: 4096 }],
    ["RemoteDisconnected", "RemoteDisconnected", [T.eof], {}],
    ["HTTPException of too many headers", "TooManyHeaders", [
      T.reply(`HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(257)}\r\n`)
    ], { limit: 256 }]
  ])("%s is %s", ([, tag, steps, carries]) =>
    Effect.gen(function*() {
      const error = yield* failing(...steps)
      assert.strictEqual(error._tag, tag)
      assert.deepInclude(error, carries)
      assert.isTrue(isHttpException(error))
      assert.strictEqual(isProtocolError(error), tag !== "RemoteDisconnected")
    }))

  it.effect("IncompleteRead has the bytes that were read, by Content-Length and chunked", () =>
    Effect.gen(function*() {
      for (
        const [answer, expected] of [
          [head("HTTP/1.1 200 OK", "Content-Length: 5") + "abc", 5],
          [head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "3\r\nabc\r\n", undefined]
        ] as const
      ) {
        const error = yield* failing(T.reply(answer), T.eof)
        assert.strictEqual(error._tag, "IncompleteRead")
        if (error._tag !== "IncompleteRead") continue
        assert.deepStrictEqual([error.received, error.expected], [3, expected])
        assert.deepStrictEqual(error.partial, new Uint8Array(latin1("abc")))
      }
    }))

  it.effect("RemoteDisconnected is a BadStatusLine too, as in Python", () =>
    Effect.gen(function*() {
      assert.isTrue(isBadStatusLine(yield* failing(T.eof)))
      assert.isTrue(isBadStatusLine(yield* failing(T.reply("garbage\r\n"))))
      assert.isFalse(isBadStatusLine(yield* failing(T.reset)))
    }))

  it.effect.each(["HTTP/1.1 099 X", "HTTP/1.1 abc X", "HTTP/1.1 2000 X", "HTTP/1.1 -20 X"])(
    "of a status that is none is InvalidStatusCode, where Python says BadStatusLine: %j",
    (statusLine) =>
      Effect.gen(function*() {
        const error = yield* failing(T.reply(head(statusLine)))
        assert.deepInclude(error, { _tag: "InvalidStatusCode", code: statusLine.split(" ")[1] ?? "" })
      })
  )

  it.effect("of a chunk size that is none is InvalidChunkSize, where Python loses it in IncompleteRead", () =>
    Effect.gen(function*() {
      const error = yield* failing(T.reply(head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "xyz\r\n"))
      assert.strictEqual(error._tag, "InvalidChunkSize")
      assert.deepInclude(error, { line: "x" })
    }))

  it.effect("UnimplementedFileMode is a file that cannot be read, and is really raised", () =>
    Effect.gen(function*() {
      const denied = new PlatformError.SystemError({
        module: "FileSystem",
        method: "open",
        reason: "PermissionDenied",
        pathOrDescriptor: "secret.txt"
      })
      const error = yield* Effect.flip(FileBody.fromPath("secret.txt")).pipe(
        Effect.provide(FileSystem.layerNoop({
          stat: () => Effect.succeed({ type: "File" } as FileSystem.File.Info),
          open: () => Effect.fail(denied)
        }))
      )
      assert.strictEqual(error._tag, "UnimplementedFileMode")
      assert.isTrue(isHttpException(error))
    }))
})

describe("what is no HTTPException", () => {
  const opening = (error: DnsError | ConnectError | TlsError, tls: boolean) =>
    over([T.refuse(error)], (connection) => Effect.flip(connection.request("GET", "/")), { tls })

  it.effect("socket.gaierror is DnsError", () =>
    Effect.gen(function*() {
      const cause = new Error("getaddrinfo ENOTFOUND a.test")
      const error = yield* opening(
        new DnsError({ host: "a.test", reason: "NotFound", code: "ENOTFOUND", cause }),
        false
      )
      assert.deepInclude(error, { _tag: "DnsError", reason: "NotFound", code: "ENOTFOUND" })
      assert.strictEqual(error.context.phase, "dns")
      assert.isFalse(isHttpException(error))
    }))

  it.effect("ConnectionRefusedError is ConnectError", () =>
    Effect.gen(function*() {
      const error = yield* over([T.refuse()], (connection) => Effect.flip(connection.request("GET", "/")))
      assert.deepInclude(error, { _tag: "ConnectError", reason: "Refused", code: "ECONNREFUSED", target: "a.test:80" })
      assert.strictEqual(error.context.requestState, "NotSent")
      assert.isFalse(isHttpException(error))
    }))

  it.effect("ssl.SSLCertVerificationError is TlsError", () =>
    Effect.gen(function*() {
      const error = yield* opening(
        new TlsError({
          reason: "CertificateExpired",
          code: "CERT_HAS_EXPIRED",
          serverName: "a.test",
          names: undefined,
          cause: undefined
        }),
        true
      )
      assert.deepInclude(error, { _tag: "TlsError", reason: "CertificateExpired" })
      assert.strictEqual(error.context.phase, "tls")
    }))

  it.effect("ConnectionResetError is ReadError before the head, with what the server may have done", () =>
    Effect.gen(function*() {
      const error = yield* failing(T.reset)
      assert.deepInclude(error, { _tag: "ReadError", code: "ECONNRESET" })
      assert.strictEqual(error.context.processed, "Unknown")
    }))

  it.effect("ConnectionResetError is ConnectionReset within the body, with what had come", () =>
    Effect.gen(function*() {
      const error = yield* failing(T.reply(head("HTTP/1.1 200 OK", "Content-Length: 5") + "abc"), T.reset)
      assert.deepInclude(error, { _tag: "ConnectionReset", received: 3, expected: 5 })
    }))

  it.effect("BrokenPipeError is WriteError", () =>
    over(one(T.writeFails("EPIPE")), (connection) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(
          Effect.zipRight(connection.request("GET", "/"), connection.getResponse)
        )
        assert.deepInclude(error, { _tag: "WriteError", code: "EPIPE" })
      })))

  it.effect("a server that closed the connection before it was used again is StaleConnection", () =>
    over(
      one(T.expect(asked("GET /1")), T.reply(ok()), T.expect(asked("GET /2")), T.eof),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.request("GET", "/1")
          yield* connection.getResponse
          yield* connection.request("GET", "/2")
          const error = yield* Effect.flip(connection.getResponse)
          assert.strictEqual(error._tag, "StaleConnection")
          assert.isTrue(error.context.connection?.reused)
        })
    ))

  it.effect("TimeoutError is HttpTimeout, with the kind of what took too long", () =>
    over(
      one(T.expect(asked("GET /")), T.stall),
      (connection, transport) =>
        Effect.gen(function*() {
          yield* connection.request("GET", "/")
          const waiting = yield* Effect.fork(Effect.flip(connection.getResponse))
          yield* settled
          yield* TestClock.adjust("7 seconds")
          const error = yield* Fiber.join(waiting)
          assert.deepInclude(error, { _tag: "HttpTimeout", kind: "head", millis: 7000 })
          assert.isTrue(isTimeout(error))
          assert.strictEqual(transport.openCount, 0)
        }),
      { timeouts: { head: "7 seconds" } }
    ))

  it.effect("TimeoutError of connecting is HttpTimeout of the kind connect", () =>
    over(
      [T.openStalls],
      (connection) =>
        Effect.gen(function*() {
          const waiting = yield* Effect.fork(Effect.flip(connection.connect))
          yield* settled
          yield* TestClock.adjust("3 seconds")
          assert.deepInclude(yield* Fiber.join(waiting), { _tag: "HttpTimeout", kind: "connect", millis: 3000 })
        }),
      { timeouts: { connect: "3 seconds" } }
    ))
})

describe("what Python accepts", () => {
  it.effect.each<readonly [what: string, steps: ReadonlyArray<T.Step>, tag: string]>([
    ["bare line feeds", [T.reply("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi")], "BadStatusLine"],
    ["Transfer-Encoding beside Content-Length", [
      T.reply(head("HTTP/1.1 200 OK", "Content-Length: 9", "Transfer-Encoding: chunked") + "2\r\nhi\r\n0\r\n\r\n")
    ], "FramingConflict"],
    [
      "a Content-Length that is none",
      [T.reply(head("HTTP/1.1 200 OK", "Content-Length: two") + "hi"), T.eof],
      "InvalidContentLength"
    ],
    [
      "an unknown Transfer-Encoding",
      [T.reply(head("HTTP/1.1 200 OK", "Transfer-Encoding: gzip") + "hi"), T.eof],
      "UnknownTransferEncoding"
    ],
    ["a chunked body without its last line", [
      T.reply(head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "2\r\nhi\r\n0\r\n"),
      T.eof
    ], "IncompleteRead"],
    // What follows needs no end of the connection.
    ["padded chunk sizes", [
      T.reply(head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "2 \r\nhi\r\n0 \r\n\r\n"),
      T.stall
    ], "InvalidChunkSize"],
    ["Transfer-Encoding: chunked twice", [
      T.reply(
        head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + "2\r\nhi\r\n0\r\n\r\n"
      ),
      T.stall
    ], "UnknownTransferEncoding"],
    ["Transfer-Encoding: identity beside a Content-Length", [
      T.reply(head("HTTP/1.1 200 OK", "Transfer-Encoding: identity", "Content-Length: 2") + "hi"),
      T.stall
    ], "FramingConflict"],
    ["an empty Transfer-Encoding beside a Content-Length", [
      T.reply(head("HTTP/1.1 200 OK", "Transfer-Encoding: ", "Content-Length: 2") + "hi"),
      T.stall
    ], "FramingConflict"],
    ["two lengths", [
      T.reply(head("HTTP/1.1 200 OK", "Content-Length: 2", "Content-Length: 9") + "hi"),
      T.stall
    ], "ConflictingContentLength"],
    ["a length with a plus sign", [
      T.reply(head("HTTP/1.1 200 OK", "Content-Length: +2") + "hi"),
      T.stall
    ], "InvalidContentLength"],
    ["a control character in a field", [
      T.reply(head("HTTP/1.1 200 OK", "A: \x01", "Content-Length: 2") + "hi"),
      T.stall
    ], "InvalidHeaderLine"]
  ])(
    "is an error of its own by default, and accepted with HttpLeniency.httpClient: %s",
    ([, steps, tag]) =>
      Effect.gen(function*() {
        const error = yield* failing(...steps)
        assert.strictEqual(error._tag, tag)
        assert.include(error.message, "`HttpLeniency.")
        const body = yield* over(
          one(T.expect(asked("GET /")), ...steps),
          (connection) =>
            Effect.gen(function*() {
              yield* connection.request("GET", "/")
              return yield* (yield* connection.getResponse).text
            }),
          { leniency: HttpLeniency.httpClient }
        )
        assert.strictEqual(body, "hi")
      })
  )
})
