/**
 * Which call is legal in which state: a matrix of all of them, each refused with the state in the error and with nothing changed.
 *
 * The states are those of `http.client`, and three more: `ResponseUnread`, `Upgraded`, and `Closed` for the end of the scope.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as HttpConnection from "../../src/HttpConnection.ts"
import type { ConnectionState, HttpError } from "../../src/HttpError.ts"
import { isImproperConnectionState } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpResponse } from "../../src/HttpResponse.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { asked, head, latin1, ok, one, over, settled } from "./over.ts"

type Connection = HttpConnection.HttpConnection
type Call = (connection: Connection) => Effect.Effect<unknown, HttpError>

const unreadHead = head("HTTP/1.1 200 OK", "Content-Length: 5")

/** How a fresh connection comes into each state, and what the script plays for it. */
const states: {
  readonly [S in ConnectionState]: { readonly steps: ReadonlyArray<T.Step>; readonly enter: Call }
} = {
  Idle: { steps: [], enter: () => Effect.void },
  RequestStarted: { steps: [], enter: (connection) => connection.putRequest("GET", "/") },
  RequestSent: { steps: [T.expect(asked("GET /"))], enter: (connection) => connection.request("GET", "/") },
  ResponseUnread: {
    steps: [T.expect(asked("GET /")), T.reply(unreadHead + "he")],
    enter: (connection) => Effect.zipRight(connection.request("GET", "/"), connection.getResponse)
  },
  Upgraded: {
    steps: [
      T.discardUntil("\r\n\r\n"),
      T.reply("HTTP/1.1 101 Up\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
    ],
    enter: (connection) =>
      Effect.flatMap(
        Scope.make(),
        (scope) => Scope.extend(connection.upgrade(HttpRequest.get("/", { headers: { Upgrade: "echo" } })), scope)
      ) as Effect.Effect<
        unknown,
        HttpError
      >
  },
  Closed: { steps: [], enter: () => Effect.void }
}

const calls = {
  putRequest: (connection) => connection.putRequest("GET", "/"),
  putHeader: (connection) => connection.putHeader("A", "1"),
  endHeaders: (connection) => connection.endHeaders(),
  send: (connection) => connection.send("x"),
  request: (connection) => connection.request("GET", "/"),
  getResponse: (connection) => connection.getResponse,
  execute: (connection) => connection.execute(HttpRequest.get("/")),
  connect: (connection) => connection.connect,
  setTunnel: (connection) => connection.setTunnel("far.test"),
  getProxyResponseHeaders: (connection) => connection.getProxyResponseHeaders,
  close: (connection) => connection.close
} satisfies Record<string, Call>

type Name = keyof typeof calls

/** What each call leads to in each state: an error with the state in it (in upper case), another error, or a state. */
const matrix: { readonly [S in ConnectionState]: { readonly [N in Name]: string } } = {
  Idle: {
    putRequest: "-> RequestStarted",
    putHeader: "CannotSendHeader",
    endHeaders: "CannotSendHeader",
    send: "CannotSendHeader",
    request: "-> RequestSent",
    getResponse: "ResponseNotReady",
    execute: "-> Idle",
    connect: "-> Idle",
    setTunnel: "-> Idle",
    getProxyResponseHeaders: "-> Idle",
    close: "-> Idle"
  },
  RequestStarted: {
    putRequest: "CannotSendRequest",
    putHeader: "-> RequestStarted",
    endHeaders: "-> RequestSent",
    send: "CannotSendHeader",
    request: "CannotSendRequest",
    getResponse: "ResponseNotReady",
    execute: "CannotSendRequest",
    connect: "-> RequestStarted",
    setTunnel: "InvalidOption",
    getProxyResponseHeaders: "-> RequestStarted",
    close: "-> Idle"
  },
  RequestSent: {
    putRequest: "CannotSendRequest",
    putHeader: "CannotSendHeader",
    endHeaders: "CannotSendHeader",
    send: "ConflictingFraming",
    request: "CannotSendRequest",
    getResponse: "-> Idle",
    execute: "CannotSendRequest",
    connect: "-> RequestSent",
    setTunnel: "InvalidOption",
    getProxyResponseHeaders: "-> RequestSent",
    close: "-> Idle"
  },
  ResponseUnread: {
    putRequest: "CannotSendRequest",
    putHeader: "CannotSendHeader",
    endHeaders: "CannotSendHeader",
    send: "CannotSendHeader",
    request: "CannotSendRequest",
    getResponse: "ResponseNotReady",
    execute: "CannotSendRequest",
    connect: "-> ResponseUnread",
    setTunnel: "InvalidOption",
    getProxyResponseHeaders: "-> ResponseUnread",
    close: "-> Idle"
  },
  Upgraded: {
    putRequest: "CannotSendRequest",
    putHeader: "CannotSendHeader",
    endHeaders: "CannotSendHeader",
    send: "CannotSendHeader",
    request: "CannotSendRequest",
    getResponse: "ResponseNotReady",
    execute: "CannotSendRequest",
    connect: "-> Upgraded",
    setTunnel: "InvalidOption",
    getProxyResponseHeaders: "-> Upgraded",
    close: "-> Idle"
  },
  Closed: {
    putRequest: "ConnectionClosed",
    putHeader: "CannotSendHeader",
    endHeaders: "CannotSendHeader",
    send: "CannotSendHeader",
    request: "ConnectionClosed",
    getResponse: "ResponseNotReady",
    execute: "ConnectionClosed",
    connect: "ConnectionClosed",
    setTunnel: "-> Closed",
    getProxyResponseHeaders: "-> Closed",
    close: "-> Closed"
  }
}

/** Errors that say in which state the call was made. */
const stateful = ["CannotSendRequest", "CannotSendHeader", "ResponseNotReady"]

/** What the peer does next, where the call may go through. */
const next = (state: ConnectionState, call: Name): ReadonlyArray<T.Step> => {
  if (state === "RequestSent") return call === "getResponse" ? [T.reply(ok())] : []
  if (call === "execute") return [T.expect(head("GET / HTTP/1.1", "Host: a.test")), T.reply(ok())]
  return call === "request" || call === "endHeaders" ? [T.expect(asked("GET /"))] : []
}

const cases = (Object.keys(states) as Array<ConnectionState>).flatMap((state) =>
  (Object.keys(calls) as Array<Name>).map((call) => [state, call, matrix[state][call]] as const)
)

describe("in every state", () => {
  it.effect.each(cases)("%s, %s: %s", ([state, call, outcome]) =>
    Effect.gen(function*() {
      const { enter, steps } = states[state]
      // A last discard takes what a call that goes through writes; where it must not, `written` shows it.
      const transport = yield* T.make([T.connection(...steps, ...next(state, call))])
      const scope = yield* Scope.make()
      const connection = yield* HttpConnection.make({ host: "a.test" }).pipe(
        Effect.provideService(Transport.Transport, transport),
        Scope.extend(scope)
      )
      yield* enter(connection)
      if (state === "Closed") yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* connection.state, state)
      const written = transport.written(0)
      const exit = yield* Effect.either((calls[call] as Call)(connection))
      if (outcome.startsWith("-> ")) {
        assert.isTrue(exit._tag === "Right", `${state}, ${call}`)
        assert.strictEqual(yield* connection.state, outcome.slice(3))
      } else {
        assert.strictEqual(exit._tag, "Left")
        if (exit._tag !== "Left") return
        assert.strictEqual(exit.left._tag, outcome)
        if (stateful.includes(outcome)) assert.deepInclude(exit.left, { state })
        if (stateful.includes(outcome)) assert.isTrue(isImproperConnectionState(exit.left))
        // What is refused changes nothing, but for content where the request has announced none, which ends the request.
        assert.strictEqual(yield* connection.state, outcome === "ConflictingFraming" ? "Idle" : state)
        assert.strictEqual(transport.written(0), written)
      }
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(transport.openCount, 0)
    }).pipe(Effect.scoped))
})

describe("with autoOpen off", () => {
  const off = { autoOpen: false }

  it.effect.each<readonly [name: string, state: ConnectionState, call: Call]>([
    ["endHeaders", "RequestStarted", (c) => Effect.zipRight(c.putRequest("GET", "/"), c.endHeaders())],
    ["request", "RequestStarted", (c) => c.request("GET", "/")],
    ["execute", "Idle", (c) => c.execute(HttpRequest.get("/"))],
    ["send", "Idle", (c) => c.send("x")]
  ])(
    "%s is NotConnected in the state %s, and nothing is begun",
    ([, state, call]) =>
      over([], (connection) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(call(connection))
          assert.strictEqual(error._tag, "NotConnected")
          assert.deepInclude(error, { state })
          assert.strictEqual(yield* connection.state, "Idle")
          assert.isFalse(yield* connection.isOpen)
        }), off)
  )

  it.effect("connect opens the connection, before a request or once it has been started", () =>
    over(
      [
        T.connection(T.expect(asked("GET /1")), T.reply(ok())),
        T.connection(T.expect(asked("GET /2")), T.reply(ok()))
      ],
      (connection) =>
        Effect.gen(function*() {
          yield* connection.connect
          assert.isTrue(yield* connection.isOpen)
          yield* connection.request("GET", "/1")
          yield* connection.getResponse
          yield* connection.close
          yield* connection.putRequest("GET", "/2")
          yield* connection.connect
          yield* connection.endHeaders()
          yield* connection.getResponse
        }),
      off
    ))
})

describe("a response that is unread", () => {
  it.effect("stands against the next request until it has been read to its end", () =>
    over(
      one(
        T.expect(asked("GET /1")),
        T.reply(unreadHead),
        T.delay(0),
        T.reply("hello"),
        T.expect(asked("GET /2")),
        T.reply(ok())
      ),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.request("GET", "/1")
          const response = yield* connection.getResponse
          const error = yield* Effect.flip(connection.request("GET", "/2"))
          assert.strictEqual(error._tag, "CannotSendRequest")
          assert.deepInclude(error, { state: "ResponseUnread" })
          assert.strictEqual(yield* response.text, "hello")
          yield* connection.request("GET", "/2")
          assert.strictEqual((yield* connection.getResponse).status, 200)
        })
    ))

  const chunked = head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")

  /** What has come when the next request is made, of a body `hello`: as little as possible, some, all, and the end of the connection. */
  const arrivals: ReadonlyArray<readonly [framing: string, reply: string, rest: ReadonlyArray<T.Step>]> = [
    ["length", head("HTTP/1.1 200 OK", "Content-Length: 5"), []],
    ["length", head("HTTP/1.1 200 OK", "Content-Length: 5") + "he", []],
    ["length", ok("hello"), []],
    ["length", ok("hello"), [T.eof]],
    ["length", head("HTTP/1.1 200 OK", "Content-Length: 5") + "he", [T.eof]],
    ["length", head("HTTP/1.1 200 OK", "Content-Length: 5") + "he", [T.reset]],
    ["chunks", chunked, []],
    ["chunks", `${chunked}5\r\nhello\r\n`, []],
    ["chunks", `${chunked}5\r\nhello\r\n0\r\n\r\n`, []],
    ["no chunk but the last", `${chunked}0\r\n\r\n`, []],
    ["the end of the connection", head("HTTP/1.1 200 OK") + "hello", []],
    ["the end of the connection", head("HTTP/1.1 200 OK") + "hello", [T.eof]]
  ]

  const asking: ReadonlyArray<(connection: Connection) => Effect.Effect<unknown, HttpError>> = [
    (connection) => connection.request("GET", "/2"),
    (connection) => connection.putRequest("GET", "/2"),
    (connection) => connection.execute(HttpRequest.get("/2"))
  ]

  it.effect.each(arrivals)(
    "stands against every request whatever has come of it (%s: %j), until it is read or closed",
    ([, reply, rest]) =>
      Effect.gen(function*() {
        for (const ways of [[0, 1], [2, 0], [1, 2]]) {
          yield* over(
            one(T.expect(asked("GET /1")), T.reply(reply), ...rest),
            (connection) =>
              Effect.gen(function*() {
                yield* connection.request("GET", "/1")
                const response = yield* connection.getResponse
                yield* settled
                for (const way of ways) {
                  const error = yield* Effect.flip(asking[way]?.(connection) ?? Effect.die("no such way"))
                  assert.deepInclude(error, { _tag: "CannotSendRequest", state: "ResponseUnread" })
                  assert.strictEqual(yield* connection.state, "ResponseUnread")
                }
                yield* response.close
                assert.strictEqual(yield* connection.state, "Idle")
              })
          )
        }
      })
  )

  it.effect.each<readonly [how: string, read: (response: HttpResponse) => Effect.Effect<unknown, HttpError>]>([
    ["bytes", (response) => response.bytes],
    ["text", (response) => response.text],
    ["stream", (response) => Stream.runDrain(response.stream)],
    ["lines", (response) => Stream.runDrain(response.lines)],
    ["trailers", (response) => response.trailers],
    ["read()", (response) => response.read()],
    ["read(n) beyond the end", (response) => response.read(6)],
    ["read(n) until there is nothing", (response) => Effect.zipRight(response.read(5), response.read(1))],
    ["readLine", (response) => Effect.zipRight(response.readLine(), response.readLine())]
  ])("stands against nothing once it was read by %s", ([, read]) =>
    Effect.gen(function*() {
      for (const reply of [ok("hello"), `${chunked}5\r\nhello\r\n0\r\n\r\n`]) {
        yield* over(
          one(T.expect(asked("GET /1")), T.reply(reply), T.expect(asked("GET /2")), T.reply(ok())),
          (connection) =>
            Effect.gen(function*() {
              yield* connection.request("GET", "/1")
              yield* read(yield* connection.getResponse)
              assert.strictEqual(yield* connection.state, "Idle")
              yield* connection.request("GET", "/2")
              yield* connection.getResponse
            })
        )
      }
    }))

  it.effect("stands against nothing once its reading was interrupted, or has failed", () =>
    over(
      [
        T.connection(T.expect(asked("GET /1")), T.reply(unreadHead + "he"), T.expectDestroy),
        T.connection(T.expect(asked("GET /2")), T.reply(unreadHead + "he"), T.eof),
        T.connection(T.expect(asked("GET /3")), T.reply(ok()))
      ],
      (connection) =>
        Effect.gen(function*() {
          yield* connection.request("GET", "/1")
          const reading = yield* Effect.fork((yield* connection.getResponse).bytes)
          yield* settled
          yield* Fiber.interrupt(reading)
          yield* connection.request("GET", "/2")
          assert.strictEqual((yield* Effect.flip((yield* connection.getResponse).read()))._tag, "IncompleteRead")
          yield* connection.request("GET", "/3")
          yield* connection.getResponse
        })
    ))

  it.effect("is read by pieces where all that its length says was taken, and where its chunks were seen to end", () =>
    Effect.gen(function*() {
      for (
        const [reply, state] of [[ok("hello"), "Idle"], [
          `${chunked}5\r\nhello\r\n0\r\n\r\n`,
          "ResponseUnread"
        ]] as const
      ) {
        yield* over(one(T.expect(asked("GET /1")), T.reply(reply)), (connection) =>
          Effect.gen(function*() {
            yield* connection.request("GET", "/1")
            const response = yield* connection.getResponse
            assert.strictEqual(Buffer.from(yield* response.peek()).toString(), "hello")
            yield* response.read(4)
            assert.strictEqual(yield* connection.state, "ResponseUnread")
            yield* response.read(1)
            assert.strictEqual(yield* connection.state, state)
            yield* response.read(1)
            assert.strictEqual(yield* connection.state, "Idle")
          }))
      }
    }))

  it.effect("stands against nothing once the connection was closed, and can be read where all of it had come", () =>
    over(
      [
        T.connection(T.expect(asked("GET /1")), T.reply(ok("first")), T.expectDestroy),
        T.connection(T.expect(asked("GET /2")), T.reply(ok("second")))
      ],
      (connection) =>
        Effect.gen(function*() {
          yield* connection.request("GET", "/1")
          const first = yield* connection.getResponse
          yield* connection.close
          yield* connection.request("GET", "/2")
          const second = yield* connection.getResponse
          assert.strictEqual(yield* second.text, "second")
          assert.strictEqual(yield* first.text, "first")
        })
    ))

  it.effect("does not keep connect from opening a connection for the next request", () =>
    over(
      [T.connection(T.expect(asked("GET /1")), T.reply(ok("first")), T.eof), T.connection()],
      (connection, transport) =>
        Effect.gen(function*() {
          yield* connection.request("GET", "/1")
          yield* connection.getResponse
          yield* settled
          yield* connection.connect
          assert.strictEqual(transport.opened.length, 2)
          assert.strictEqual(yield* connection.state, "ResponseUnread")
        })
    ))

  it.effect("is given up by closing it, and the next request has a connection of its own", () =>
    over(
      [
        T.connection(T.expect(asked("GET /1")), T.reply(unreadHead + "he"), T.expectDestroy),
        T.connection(T.expect(asked("GET /2")), T.reply(ok()))
      ],
      (connection, transport) =>
        Effect.gen(function*() {
          yield* connection.request("GET", "/1")
          const response = yield* connection.getResponse
          yield* response.close
          assert.strictEqual(transport.openCount, 0)
          assert.strictEqual(yield* connection.state, "Idle")
          yield* connection.request("GET", "/2")
          yield* connection.getResponse
        })
    ))

  it.effect("fails where the connection is closed, and the next request has a connection of its own", () =>
    over(
      [
        T.connection(T.expect(asked("GET /1")), T.reply(unreadHead + "he"), T.expectDestroy),
        T.connection(T.expect(asked("GET /2")), T.reply(ok()))
      ],
      (connection) =>
        Effect.gen(function*() {
          yield* connection.request("GET", "/1")
          const response = yield* connection.getResponse
          yield* connection.close
          yield* connection.request("GET", "/2")
          yield* connection.getResponse
          assert.strictEqual((yield* Effect.flip(response.text))._tag, "ConnectionClosed")
        })
    ))
})

describe("while endHeaders opens the connection", () => {
  it.effect("the request can neither be changed nor sent a second time", () =>
    over(
      [T.openAfter("1 seconds", T.connection(T.expect(asked("GET /")), T.reply(ok())))],
      (connection, transport) =>
        Effect.gen(function*() {
          yield* connection.putRequest("GET", "/")
          const sending = yield* Effect.fork(connection.endHeaders())
          yield* settled
          assert.strictEqual(yield* connection.state, "RequestSent")
          for (const call of [calls.putHeader, calls.endHeaders, calls.send]) {
            const error = yield* Effect.flip<unknown, HttpError, never>(call(connection))
            assert.deepInclude(error, { _tag: "CannotSendHeader", state: "RequestSent" })
          }
          for (const call of [calls.putRequest, calls.request, calls.execute, calls.connect]) {
            const error = yield* Effect.flip<unknown, HttpError, never>(call(connection))
            assert.deepInclude(error, { _tag: "CannotSendRequest", state: "RequestSent" })
          }
          const error = yield* Effect.flip(connection.getResponse)
          assert.deepInclude(error, { _tag: "ResponseNotReady", state: "RequestSent" })
          yield* TestClock.adjust("1 seconds")
          yield* Fiber.join(sending)
          yield* connection.getResponse
          assert.strictEqual(transport.opened.length, 1)
        })
    ))
})

describe("a call beside another one of the same request", () => {
  const uploading = asked("POST /", "Transfer-Encoding: chunked")

  it.effect("cannot be send while a body is being sent, nor getResponse, which would end that body", () =>
    over(
      one(T.expect(uploading + "1\r\na\r\n1\r\nb\r\n0\r\n\r\n"), T.reply(ok())),
      (connection) =>
        Effect.gen(function*() {
          const more = yield* Deferred.make<Uint8Array>()
          const body = Stream.concat(Stream.make(latin1("a")), Stream.fromEffect(Deferred.await(more)))
          const sending = yield* Effect.fork(connection.request("POST", "/", { body }))
          yield* settled
          assert.deepInclude(yield* Effect.flip(connection.send("x")), {
            _tag: "CannotSendHeader",
            state: "RequestSent"
          })
          assert.deepInclude(yield* Effect.flip(connection.getResponse), {
            _tag: "ResponseNotReady",
            state: "RequestSent"
          })
          yield* Deferred.succeed(more, latin1("b"))
          yield* Fiber.join(sending)
          yield* connection.getResponse
        })
    ))

  it.effect("cannot be send while the transport still takes what was sent before", () =>
    over(
      one(
        T.expect(asked("POST /", "Content-Length: 2")),
        T.blockWrites,
        T.expect("a"),
        T.delay("1 seconds"),
        T.unblockWrites,
        T.expect("b"),
        T.reply(ok())
      ),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.putRequest("POST", "/")
          yield* connection.putHeader("Content-Length", 2)
          yield* connection.endHeaders()
          const sending = yield* Effect.fork(connection.send("a"))
          yield* settled
          assert.strictEqual((yield* Effect.flip(connection.send("x")))._tag, "CannotSendHeader")
          yield* TestClock.adjust("1 seconds")
          yield* Fiber.join(sending)
          yield* connection.send("b")
          yield* connection.getResponse
        })
    ))

  it.effect("cannot be getResponse while the first one waits", () =>
    over(
      one(T.expect(asked("GET /")), T.delay("1 seconds"), T.reply(ok("x"))),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.request("GET", "/")
          const first = yield* Effect.fork(connection.getResponse)
          yield* settled
          const error = yield* Effect.flip(connection.getResponse)
          assert.strictEqual(error._tag, "ResponseNotReady")
          yield* TestClock.adjust("1 seconds")
          assert.strictEqual(yield* (yield* Fiber.join(first)).text, "x")
        })
    ))
})
