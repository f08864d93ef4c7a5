/**
 * The next request opens a connection again that the server closed, announced or not, as
 * `auto_open` does. With `autoOpen` off that request is `NotConnected`. Bytes that arrived without
 * a request answer nothing.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as ConnectionEvent from "../../src/ConnectionEvent.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { asked, head, ok, over, settled } from "./over.ts"

/** How the first connection ends, and with which failure, where it is one. */
const endings: ReadonlyArray<readonly [how: string, steps: ReadonlyArray<T.Step>, failure: string | undefined]> = [
  ["says Connection: close", [T.reply(ok("first", "Connection: close"))], undefined],
  ["says Connection: x, Close", [T.reply(ok("first", "Connection: x, Close"))], undefined],
  ["answers in HTTP/1.0", [T.reply(head("HTTP/1.0 200 OK", "Content-Length: 5") + "first")], undefined],
  ["ends the body by closing", [T.reply(head("HTTP/1.1 200 OK") + "first"), T.eof], undefined],
  ["closes while the connection is idle", [T.reply(ok("first")), T.eof], undefined],
  ["resets while the connection is idle", [T.reply(ok("first")), T.reset], "ReadError"],
  ["sends bytes while the connection is idle", [
    T.reply(ok("first")),
    T.delay(0),
    T.reply("HTTP/1.1 408 Request Timeout\r\n\r\n")
  ], "UnexpectedMessage"],
  [
    "sends an empty line while the connection is idle",
    [T.reply(ok("first")), T.delay(0), T.reply("\r\n")],
    "UnexpectedMessage"
  ],
  ["sends bytes behind the end of its response", [T.reply(ok("first") + "x")], "UnexpectedMessage"],
  ["sends a second response behind the first", [T.reply(ok("first") + ok("evil"))], "UnexpectedMessage"]
]

/** Asks once, reads the answer, and lets the connection end. */
const first = (connection: Parameters<Parameters<typeof over>[1]>[0]) =>
  Effect.gen(function*() {
    yield* connection.request("GET", "/1")
    const response = yield* connection.getResponse
    assert.strictEqual(yield* response.text, "first")
    yield* settled
    assert.isFalse(yield* connection.isOpen)
    assert.strictEqual(yield* connection.state, "Idle")
  })

describe("a server that", () => {
  it.effect.each(endings)("%s: the next request goes out on a new connection", ([, steps]) =>
    over(
      [
        T.connection(T.expect(asked("GET /1")), ...steps),
        T.connection(T.expect(asked("GET /2")), T.reply(ok("second")))
      ],
      (connection, transport) =>
        Effect.gen(function*() {
          yield* first(connection)
          assert.strictEqual(transport.openCount, 0)
          yield* connection.request("GET", "/2")
          const response = yield* connection.getResponse
          assert.strictEqual(yield* response.text, "second")
          assert.isFalse(response.connection.reused)
        })
    ))

  it.effect.each(endings)("%s: execute goes out on a new connection, too", ([, steps]) =>
    over(
      [
        T.connection(T.expect(asked("GET /1")), ...steps),
        T.connection(T.expect(head("GET /2 HTTP/1.1", "Host: a.test")), T.reply(ok("second")))
      ],
      (connection) =>
        Effect.gen(function*() {
          yield* first(connection)
          const response = yield* connection.execute(HttpRequest.get("/2"))
          assert.strictEqual(yield* response.text, "second")
        })
    ))

  it.effect.each(endings)(
    "%s: with autoOpen off the next request is NotConnected, until connect",
    ([, steps, failure]) =>
      over(
        [
          T.connection(T.expect(asked("GET /1")), ...steps),
          T.connection(T.expect(asked("GET /2")), T.reply(ok("second")))
        ],
        (connection, transport) =>
          Effect.gen(function*() {
            yield* connection.connect
            yield* first(connection)
            const error = yield* Effect.flip(connection.request("GET", "/2"))
            assert.strictEqual(error._tag, "NotConnected")
            if (error._tag !== "NotConnected") return
            assert.strictEqual((error.cause as { readonly _tag?: string } | undefined)?._tag, failure)
            assert.strictEqual(transport.opened.length, 1)
            assert.strictEqual(yield* connection.state, "Idle")
            yield* connection.connect
            yield* connection.request("GET", "/2")
            yield* connection.getResponse
          }),
        { autoOpen: false }
      )
  )

  it.effect.each(endings)("%s: the Close event says why", ([, steps, failure]) => {
    const events: Array<ConnectionEvent.ConnectionEvent> = []
    return over(
      [T.connection(T.expect(asked("GET /1")), ...steps)],
      (connection) =>
        Effect.gen(function*() {
          yield* first(connection)
          const closed = events.filter((event) => event._tag === "Close")
          assert.deepStrictEqual(closed.map(({ error, requestsServed }) => [requestsServed, error?._tag]), [[
            1,
            failure
          ]])
        }),
      { onEvent: (event) => events.push(event) }
    )
  })
})

describe("a connection that persists", () => {
  it.effect.each([
    ["HTTP/1.1 says nothing else", ok("first")],
    ["HTTP/1.1 says keep-alive", ok("first", "Connection: keep-alive")],
    [
      "HTTP/1.0 says Connection: keep-alive",
      head("HTTP/1.0 200 OK", "Connection: Keep-Alive", "Content-Length: 5") + "first"
    ],
    ["the body is chunked", head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "5\r\nfirst\r\n0\r\n\r\n"]
  ])("because %s serves the next request", ([, answer = ""]) =>
    over(
      [T.connection(T.expect(asked("GET /1")), T.reply(answer), T.expect(asked("GET /2")), T.reply(ok("second")))],
      (connection) =>
        Effect.gen(function*() {
          yield* connection.request("GET", "/1")
          assert.strictEqual(yield* (yield* connection.getResponse).text, "first")
          yield* settled
          assert.isTrue(yield* connection.isOpen)
          yield* connection.request("GET", "/2")
          const response = yield* connection.getResponse
          assert.isTrue(response.connection.reused)
          assert.strictEqual(response.connection.requestsServed, 1)
        })
    ))

  it.effect.each([
    ["HEAD", head("HTTP/1.1 200 OK", "Content-Length: 1000")],
    ["HEAD", head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")],
    ["GET", head("HTTP/1.1 204 No Content")],
    ["GET", head("HTTP/1.1 304 Not Modified", "Content-Length: 1000")],
    ["GET", head("HTTP/1.1 100 Continue") + head("HTTP/1.1 103 Early Hints", "Link: x") + ok()]
  ])("has no body to read where there is none: %s, %j", ([method = "", answer = ""]) =>
    over(
      [T.connection(
        T.expect(asked(`${method} /1`)),
        T.reply(answer),
        T.expect(asked("GET /2")),
        T.reply(ok("second"))
      )],
      (connection) =>
        Effect.gen(function*() {
          yield* connection.request(method, "/1")
          const response = yield* connection.getResponse
          assert.strictEqual((yield* response.bytes).length, 0)
          assert.isTrue(yield* response.closed)
          yield* connection.request("GET", "/2")
          assert.strictEqual(yield* (yield* connection.getResponse).text, "second")
        })
    ))
})

describe("close", () => {
  it.effect("can be called twice, and the next request opens a new connection", () =>
    over(
      [
        T.connection(T.expect(asked("GET /1")), T.reply(ok("first")), T.expectDestroy),
        T.connection(T.expect(asked("GET /2")), T.reply(ok()))
      ],
      (connection, transport) =>
        Effect.gen(function*() {
          yield* connection.request("GET", "/1")
          yield* connection.getResponse
          yield* connection.close
          yield* connection.close
          assert.strictEqual(transport.openCount, 0)
          yield* connection.request("GET", "/2")
          yield* connection.getResponse
        })
    ))
})

describe("a failure to connect", () => {
  it.effect("leaves nothing begun, and the next request tries again", () =>
    over(
      [T.refuse(), T.connection(T.expect(asked("GET /")), T.reply(ok()))],
      (connection) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(connection.request("GET", "/"))
          assert.strictEqual(error._tag, "ConnectError")
          assert.strictEqual(error.context.origin, "http://a.test:80")
          assert.strictEqual(yield* connection.state, "Idle")
          yield* connection.request("GET", "/")
          yield* connection.getResponse
        })
    ))
})

describe("a failure of getResponse", () => {
  it.effect.each<readonly [what: string, steps: ReadonlyArray<T.Step>, tag: string]>([
    ["a server that goes away", [T.eof], "RemoteDisconnected"],
    ["a connection that breaks", [T.reset], "ReadError"],
    ["an answer that is none", [T.reply("garbage\r\n")], "BadStatusLine"]
  ])("leaves the connection ready for another request: %s", ([, steps, tag]) =>
    over(
      [
        T.connection(T.expect(asked("GET /1")), ...steps),
        T.connection(T.expect(asked("GET /2")), T.reply(ok()))
      ],
      (connection) =>
        Effect.gen(function*() {
          yield* connection.request("GET", "/1")
          const error = yield* Effect.flip(connection.getResponse)
          assert.strictEqual(error._tag, tag)
          assert.strictEqual(yield* connection.state, "Idle")
          yield* connection.request("GET", "/2")
          assert.strictEqual((yield* connection.getResponse).status, 200)
        })
    ))
})
