/** The context of failures of every family: phase, fault, how far the exchange was, and which failure a broken connection is. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpConnection } from "../../src/HttpConnection.ts"
import type { ErrorContext, HttpError } from "../../src/HttpError.ts"
import { TlsError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import {
  bytesOf,
  chunk,
  chunkedHead,
  connectTo,
  contained,
  failsWith,
  getHead,
  lengthHead,
  nothingLeft,
  ok,
  pieces,
  settled,
  started,
  textOf
} from "./harness.ts"

const origin = "http://a.test:80"
const get = HttpRequest.get("/")
const postBytes = HttpRequest.post("/", { body: HttpBody.bytes(bytesOf("abc")) })
const postHead = lengthHead(3)
const postStream = HttpRequest.post("/", { body: HttpBody.stream(Stream.concat(pieces("a"), Stream.never)) })
const postReplayable = HttpRequest.post("/", {
  body: HttpBody.stream(Stream.concat(pieces("a"), Stream.never), { replayable: true })
})
const streamSent = chunkedHead() + chunk("a")

interface Case {
  readonly name: string
  readonly tag: HttpError["_tag"]
  readonly script: T.Script
  readonly run: (connection: HttpConnection) => Effect.Effect<unknown, { readonly _tag: string }>
  readonly context: Partial<ErrorContext>
  /** Whether the connection had served a request before. */
  readonly reused?: boolean
}

const warm = [T.expect(getHead()), T.reply(ok("warm"))]
/** Runs a request behind one that was answered on the same connection. */
const second = (request: HttpRequest.HttpRequest) => (connection: HttpConnection) =>
  Effect.zipRight(textOf(connection, get), textOf(connection, request))
const first = (request: HttpRequest.HttpRequest) => (connection: HttpConnection) => textOf(connection, request)

const cases: ReadonlyArray<Case> = [
  {
    name: "the request itself is wrong",
    tag: "InvalidUrl",
    script: [],
    run: first(HttpRequest.get("/ /")),
    context: {
      phase: "build",
      fault: "User",
      requestState: "NotSent",
      processed: "No",
      bytesWritten: 0,
      bytesRead: 0,
      connection: undefined
    }
  },
  {
    name: "the connection is refused",
    tag: "ConnectError",
    script: [T.refuse()],
    run: first(get),
    context: {
      phase: "connect",
      fault: "Network",
      requestState: "NotSent",
      processed: "No",
      replayable: true,
      connection: undefined
    }
  },
  {
    name: "TLS fails",
    tag: "TlsError",
    script: [
      T.refuse(new TlsError({ reason: "Alert", code: "X", serverName: "a.test", names: undefined, cause: undefined }))
    ],
    run: first(get),
    context: { phase: "tls", requestState: "NotSent", processed: "No", connection: undefined }
  },
  {
    name: "a write fails on a new connection",
    tag: "WriteError",
    script: [T.connection(T.writeFails("EPIPE"))],
    run: first(postBytes),
    context: {
      phase: "write",
      fault: "Network",
      requestState: "PartiallySent",
      processed: "Unknown",
      replayable: true,
      bytesWritten: postHead.length + 3,
      bytesRead: 0
    }
  },
  {
    name: "the connection breaks during an upload that cannot be sent again",
    tag: "WriteError",
    script: [T.connection(T.expect(streamSent), T.reset)],
    run: first(postStream),
    context: {
      phase: "write",
      fault: "Network",
      requestState: "PartiallySent",
      processed: "Unknown",
      replayable: false,
      bytesWritten: streamSent.length
    }
  },
  {
    name: "the connection breaks during an upload that can be sent again",
    tag: "WriteError",
    script: [T.connection(T.expect(streamSent), T.reset)],
    run: first(postReplayable),
    context: { replayable: true, processed: "Unknown" }
  },
  {
    name: "the server closes a new connection without an answer",
    tag: "RemoteDisconnected",
    script: [T.connection(T.expect(postHead + "abc"), T.eof)],
    run: first(postBytes),
    context: {
      phase: "head",
      fault: "Remote",
      requestState: "Sent",
      processed: "Unknown",
      replayable: true,
      bytesRead: 0
    }
  },
  {
    name: "a new connection breaks before an answer",
    tag: "ReadError",
    script: [T.connection(T.expect(getHead()), T.reset)],
    run: first(get),
    context: { phase: "head", fault: "Network", requestState: "Sent", processed: "Unknown", bytesRead: 0 }
  },
  {
    name: "the server closes a reused connection without a byte of an answer",
    tag: "StaleConnection",
    script: [T.connection(...warm, T.expect(getHead()), T.eof)],
    reused: true,
    run: second(get),
    context: {
      phase: "head",
      fault: "Remote",
      requestState: "Sent",
      processed: "Unknown",
      replayable: true,
      bytesRead: 0
    }
  },
  {
    name: "a reused connection breaks without a byte of an answer",
    tag: "StaleConnection",
    script: [T.connection(...warm, T.expect(postHead + "abc"), T.reset)],
    reused: true,
    run: second(postBytes),
    context: { phase: "head", requestState: "Sent", processed: "Unknown", replayable: true }
  },
  {
    name: "a write fails on a reused connection",
    tag: "StaleConnection",
    script: [T.connection(...warm, T.writeFails("EPIPE"))],
    reused: true,
    run: second(postBytes),
    context: { requestState: "PartiallySent", processed: "Unknown", replayable: true }
  },
  {
    name: "a reused connection breaks behind a first byte",
    tag: "ReadError",
    script: [T.connection(...warm, T.expect(getHead()), T.reply("H"), T.reset)],
    reused: true,
    run: second(get),
    context: { phase: "head", fault: "Network", requestState: "Sent", processed: "Unknown", bytesRead: 1 }
  },
  {
    name: "a reused connection ends behind an informational response",
    tag: "RemoteDisconnected",
    script: [T.connection(...warm, T.expect(getHead()), T.reply("HTTP/1.1 102 Processing\r\n\r\n"), T.eof)],
    reused: true,
    run: second(get),
    context: { phase: "head", fault: "Remote", processed: "Unknown", bytesRead: 27 }
  },
  {
    name: "the connection ends in a head",
    tag: "IncompleteHeaders",
    script: [T.connection(T.expect(getHead()), T.reply("HTTP/1.1 200 OK\r\nX"), T.eof)],
    run: first(get),
    context: { phase: "head", fault: "Remote", requestState: "Sent", processed: "Unknown", bytesRead: 18 }
  },
  {
    name: "the head is malformed",
    tag: "BadStatusLine",
    script: [T.connection(T.expect(getHead()), T.reply("ICY 200 OK\r\n\r\n"))],
    run: first(get),
    context: { phase: "head", fault: "Remote", requestState: "Sent", processed: "Unknown", bytesRead: 14 }
  },
  {
    name: "the body is cut short",
    tag: "IncompleteRead",
    script: [T.connection(T.expect(postHead + "abc"), T.reply(ok("hello").slice(0, -1)), T.eof)],
    run: first(postBytes),
    context: {
      phase: "body",
      fault: "Remote",
      requestState: "ResponseStarted",
      processed: "Yes",
      replayable: true,
      bytesRead: ok("hello").length - 1
    }
  },
  {
    name: "the connection breaks in the body",
    tag: "ConnectionReset",
    script: [T.connection(T.expect(getHead()), T.reply(ok("hello").slice(0, -1)), T.fail("ETIMEDOUT"))],
    run: first(get),
    context: { phase: "body", fault: "Network", requestState: "ResponseStarted", processed: "Yes" }
  },
  {
    name: "a line of the body is too long",
    tag: "LineTooLong",
    script: [
      T.connection(
        T.expect(getHead()),
        T.reply(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;${"x".repeat(5000)}`)
      )
    ],
    run: first(get),
    context: { phase: "body", fault: "Remote", processed: "Yes" }
  },
  {
    name: "a trailer is malformed, which is the server's fault",
    tag: "InvalidTrailer",
    script: [
      T.connection(T.expect(getHead()), T.reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx\r\n\r\n"))
    ],
    run: first(get),
    context: { phase: "body", fault: "Remote", processed: "Yes" }
  },
  {
    name: "the body is no JSON",
    tag: "BodyDecodeError",
    script: [T.connection(T.expect(getHead()), T.reply(ok("{")))],
    run: (connection) => Effect.flatMap(connection.execute(get), (response) => response.json),
    context: { phase: "body", fault: "Remote", requestState: "ResponseStarted", processed: "Yes" }
  }
]

describe("the context says where, how far and whose fault", () => {
  for (const { context, name, reused = false, run, script, tag } of cases) {
    it.scoped(`${tag} where ${name}`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connectTo(script)
        const error = yield* failsWith(run(connection), tag)
        assert.deepInclude(error.context, { origin, ...context })
        // A sentence: a capital, an end, no placeholder.
        assert.match(error.message, /^[A-Z].*[.)]$/s)
        assert.notMatch(error.message, /undefined|\[object|NaN/)
        const { connection: info } = error.context
        if (!("connection" in context)) {
          assert.deepInclude(info, { reused, requestsServed: reused ? 1 : 0, remoteAddress: "a.test", remotePort: 80 })
        }
        assert.include(JSON.stringify(error), `"_tag":"${tag}"`)
        yield* settled
        if (tag !== "BodyDecodeError") yield* nothingLeft(transport)
      })))
  }
})

describe("the cause", () => {
  it.scoped("of a broken connection is the system's error, with its code", () =>
    contained(Effect.gen(function*() {
      const scripts: ReadonlyArray<
        readonly [tag: "ReadError" | "WriteError", steps: ReadonlyArray<T.Step>, code: string]
      > = [
        ["ReadError", [T.expect(getHead()), T.fail("ETIMEDOUT")], "ETIMEDOUT"],
        ["WriteError", [T.writeFails("EPIPE")], "EPIPE"]
      ]
      for (const [tag, steps, code] of scripts) {
        const { connection } = yield* connectTo([T.connection(...steps)])
        const error = yield* failsWith(connection.execute(get), tag)
        assert.strictEqual(error.code, code)
        assert.deepInclude(error.cause, { code })
        assert.include(error.message, code)
      }
    })))
})

describe("the timings of a failure", () => {
  it.scoped("tell how long each phase had taken", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connectTo([
        T.openAfter(
          "1 second",
          T.connection(
            T.expect(getHead()),
            T.delay("2 seconds"),
            T.reply(ok("ab").slice(0, -1)),
            T.delay("4 seconds"),
            T.eof
          )
        )
      ])
      const fiber = yield* started(textOf(connection, get))
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("2 seconds")
      yield* TestClock.adjust("4 seconds")
      const error = yield* failsWith(Fiber.join(fiber), "IncompleteRead")
      assert.deepInclude(error.context.timings, {
        connect: 1000,
        send: 0,
        wait: 2000,
        body: undefined,
        total: undefined
      })
    })))
})

describe("one failure is one error", () => {
  it.scoped("a stream that failed after pieces keeps the context of the failure", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connectTo([
        T.connection(T.expect(getHead()), T.reply(ok("hello").slice(0, -1)), T.eof)
      ])
      const response = yield* connection.execute(get)
      yield* response.read(2)
      const streamed = yield* failsWith(Stream.runDrain(response.stream), "IncompleteRead")
      assert.strictEqual(streamed.partial, undefined)
      assert.strictEqual(streamed.context.bytesRead, ok("hello").length - 1)
      assert.strictEqual(streamed.context.connection?.id, response.connection.id)
    })))
})
