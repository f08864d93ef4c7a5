/** `Expect: 100-continue` (RFC 9110 section 10.1.1): the body is held back until the server asks for it, refuses, or says nothing. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { ConnectionEvent } from "../../src/ConnectionEvent.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import type * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import {
  bytesOf,
  chunk,
  connected,
  connectTo,
  contained,
  failsWith,
  getHead,
  hasEnded,
  host,
  nothingButIdle,
  nothingLeft,
  ok,
  pieces,
  settled,
  started,
  textOf
} from "./harness.ts"

/** The head of a request, whatever it is. */
const anyRequest: T.Step = T.discardUntil("\r\n\r\n")

interface Kind {
  readonly name: string
  readonly head: string
  readonly body: string
  /** `run` says whether the stream was begun. */
  readonly make: () => { readonly request: HttpRequest.HttpRequest; readonly run: () => boolean }
}

const kinds: ReadonlyArray<Kind> = [
  {
    name: "a body in memory",
    head: `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n`,
    body: "abc",
    make: () => ({
      request: HttpRequest.post("/", { body: HttpBody.bytes(bytesOf("abc")), expectContinue: true }),
      run: () => false
    })
  },
  {
    name: "a stream",
    head: `POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n`,
    body: `${chunk("abc")}0\r\n\r\n`,
    make: () => {
      let run = false
      const body = Stream.concat(
        Stream.drain(Stream.sync(() => {
          run = true
        })),
        pieces("abc")
      )
      return { request: HttpRequest.post("/", { body: HttpBody.stream(body), expectContinue: true }), run: () => run }
    }
  }
]

for (const { body, head, make, name } of kinds) {
  describe(`${name} with Expect: 100-continue`, () => {
    it.scoped("is held back, and sent when the server says 100", () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connected(
          T.expect(head),
          T.delay("500 millis"),
          T.reply("HTTP/1.1 100 Continue\r\n\r\n"),
          T.expect(body),
          T.reply(ok("done")),
          T.expect(getHead()),
          T.reply(ok("next"))
        )
        const { request, run } = make()
        const fiber = yield* started(connection.execute(request))
        assert.strictEqual(transport.written(0), head)
        assert.isFalse(run())
        yield* TestClock.adjust("500 millis")
        const response = yield* fiber
        assert.strictEqual(yield* response.text, "done")
        assert.deepStrictEqual(response.informational.map(({ status }) => status), [100])
        assert.strictEqual(yield* textOf(connection, HttpRequest.get("/")), "next")
        yield* transport.verify
        yield* nothingButIdle(transport)
      })))

    it.scoped("is held back by other informational responses", () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connected(
          T.expect(head),
          T.reply("HTTP/1.1 102 Processing\r\n\r\n"),
          T.stall
        )
        const { request, run } = make()
        const fiber = yield* started(connection.execute(request))
        assert.strictEqual(transport.written(0), head)
        assert.isFalse(run())
        yield* Fiber.interrupt(fiber)
      })))

    it.scoped("is sent when the server has said nothing for a second, and the head is awaited from then on", () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connected(T.expect(head), T.expect(body), T.stall)
        const { request } = make()
        const fiber = yield* started(connection.execute(request))
        yield* TestClock.adjust(999)
        yield* settled
        assert.strictEqual(transport.written(0), head)
        yield* TestClock.adjust(1)
        yield* settled
        assert.strictEqual(transport.written(0), head + body)
        yield* TestClock.adjust(299_999)
        yield* settled
        assert.isFalse(hasEnded(fiber))
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* failsWith(Fiber.join(fiber), "HttpTimeout")).kind, "head")
        yield* nothingLeft(transport)
      })))

    it.scoped("waits as long as `timeouts.continue` says, for ever where it is infinite", () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connected(T.expect(head), T.stall)
        const { request } = make()
        const fiber = yield* started(
          connection.execute(HttpRequest.setOptions(request, { timeouts: { continue: Infinity } }))
        )
        yield* TestClock.adjust("1 day")
        yield* settled
        assert.strictEqual(transport.written(0), head)
        yield* Fiber.interrupt(fiber)
        yield* nothingLeft(transport)
      })))

    it.scoped("a 100 that comes after the body was sent by itself is told, and does no harm", () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connected(
          T.expect(head),
          T.expect(body),
          T.reply(`HTTP/1.1 100 Continue\r\n\r\n${ok("done")}`)
        )
        const { request } = make()
        const fiber = yield* started(connection.execute(request))
        yield* TestClock.adjust("1 second")
        const response = yield* fiber
        assert.strictEqual(yield* response.text, "done")
        assert.strictEqual(response.informational.length, 1)
        assert.strictEqual(transport.written(0), head + body)
        yield* nothingButIdle(transport)
      })))

    for (const status of ["200 OK", "204 No Content", "302 Found", "413 Too Large"]) {
      it.scoped(`is not sent when the server answers ${status} in place of 100, and the connection is not used again`, () =>
        contained(Effect.gen(function*() {
          const text = status.startsWith("204") ? "" : "final"
          const { connection, transport } = yield* connectTo([
            T.connection(
              T.expect(head),
              T.reply(status.startsWith("204") ? `HTTP/1.1 ${status}\r\n\r\n` : ok("final").replace("200 OK", status)),
              T.expectDestroy
            ),
            T.connection(T.expect(getHead()), T.reply(ok("next")))
          ])
          const { request, run } = make()
          const response = yield* connection.execute(request)
          assert.strictEqual(`${response.status} ${response.reason}`, status)
          assert.strictEqual(yield* response.text, text)
          yield* nothingLeft(transport)
          assert.isFalse(run())
          assert.strictEqual(transport.written(0), head)
          assert.strictEqual(yield* textOf(connection, HttpRequest.get("/")), "next")
          yield* transport.verify
        })))
    }

    it.scoped("is not sent when the server closes, and the failure says that the request was not sent whole", () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connected(T.expect(head), T.eof)
        const { request, run } = make()
        const error = yield* failsWith(connection.execute(request), "RemoteDisconnected")
        assert.deepInclude(error.context, { requestState: "PartiallySent", bytesWritten: head.length })
        yield* nothingLeft(transport)
        assert.isFalse(run())
      })))

    it.scoped("is not sent when the caller is interrupted", () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connected(T.expect(head), T.expectDestroy)
        const { request, run } = make()
        const fiber = yield* started(connection.execute(request))
        yield* Fiber.interrupt(fiber)
        yield* nothingLeft(transport)
        assert.isFalse(run())
        assert.strictEqual(transport.written(0), head)
        yield* transport.verify
      })))
  })
}

const refusal = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno"

describe("a 417 in place of 100", () => {
  for (const { body, head, make, name } of kinds) {
    const without = head.replace("Expect: 100-continue\r\n", "") + body

    it.scoped(`${name} is sent once more without the expectation, at once, on a new connection`, () =>
      contained(Effect.gen(function*() {
        const events: Array<ConnectionEvent> = []
        const { connection, transport } = yield* connectTo([
          T.connection(T.expect(head), T.reply(refusal), T.expectDestroy),
          T.connection(T.expect(without), T.reply(ok("done")), T.expect(getHead()), T.reply(ok("next")))
        ], { onEvent: (event) => void events.push(event) })
        const { request } = make()
        const response = yield* connection.execute(request)
        assert.deepStrictEqual([response.status, response.resends, yield* response.text], [200, 1, "done"])
        assert.strictEqual(yield* textOf(connection, HttpRequest.get("/")), "next")
        const retries = events.filter((event) => event._tag === "Retry")
        assert.deepStrictEqual(retries.map(({ error }) => [error._tag, error.context.status]), [["StatusError", 417]])
        yield* transport.verify
        yield* nothingButIdle(transport)
      })))

    it.scoped(`${name} is sent once more before a listener of events can send another request`, () =>
      contained(Effect.gen(function*() {
        const other = (connection: HttpConnection.HttpConnection) =>
          Effect.match(connection.execute(HttpRequest.get("/other")), {
            onFailure: ({ _tag }) => _tag,
            onSuccess: ({ status }) => String(status)
          })
        const others: Array<Fiber.RuntimeFiber<string>> = []
        const { connection, transport } = yield* connectTo([
          T.connection(T.expect(head), T.reply(refusal), T.expectDestroy),
          T.connection(T.expect(without), T.reply(ok("done")))
        ], {
          onEvent: ({ _tag }) => {
            if (_tag === "Retry") others.push(Effect.runFork(other(connection)))
          }
        })
        const { request } = make()
        assert.strictEqual(yield* textOf(connection, request), "done")
        assert.deepStrictEqual(yield* Effect.forEach(others, Fiber.join), ["CannotSendRequest"])
        assert.strictEqual(transport.opened.length, 2)
        yield* transport.verify
      })))

    it.scoped(`${name} is sent no third time: a 417 without an expectation is a response`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connectTo([
          T.connection(T.expect(head), T.reply(refusal), T.expectDestroy),
          T.connection(T.expect(without), T.reply(refusal))
        ])
        const { request } = make()
        const response = yield* connection.execute(request)
        assert.deepStrictEqual([response.status, response.resends, yield* response.text], [417, 1, "no"])
        yield* transport.verify
      })))

    it.scoped(`${name} is within \`timeouts.total\` both times together`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connectTo([
          T.connection(T.expect(head), T.delay("600 millis"), T.reply(refusal)),
          T.connection(T.expect(without), T.stall)
        ])
        const { request } = make()
        const fiber = yield* started(
          connection.execute(HttpRequest.setOptions(request, { timeouts: { total: "1 second" } }))
        )
        yield* TestClock.adjust("600 millis")
        yield* settled
        yield* TestClock.adjust("399 millis")
        yield* settled
        assert.isFalse(hasEnded(fiber))
        yield* TestClock.adjust("1 millis")
        const error = yield* failsWith(Fiber.join(fiber), "HttpTimeout")
        assert.deepInclude(error.context, { resends: 1 })
        yield* nothingLeft(transport)
      })))

    it.scoped(`${name} whose second connection cannot be opened fails with that, and says that it had been sent`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connectTo([
          T.connection(T.expect(head), T.reply(refusal)),
          T.refuse()
        ])
        const { request } = make()
        const error = yield* failsWith(connection.execute(request), "ConnectError")
        assert.strictEqual(error.context.resends, 1)
        yield* nothingLeft(transport)
      })))

    it.scoped(`${name} leaves nothing where the caller is interrupted in between`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connectTo([
          T.connection(T.expect(head), T.reply(refusal)),
          T.openAfter("1 second", T.connection(T.stall))
        ])
        const { request, run } = make()
        const fiber = yield* started(connection.execute(request))
        yield* Fiber.interrupt(fiber)
        yield* nothingLeft(transport)
        assert.isFalse(run())
      })))

    it.scoped(`${name} is a response where the connection may not be opened again`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connectTo(
          [T.connection(T.expect(head), T.reply(refusal))],
          { autoOpen: false }
        )
        yield* connection.connect
        const { request } = make()
        const response = yield* connection.execute(request)
        assert.deepStrictEqual([response.status, response.resends], [417, 0])
        yield* response.close
        yield* nothingLeft(transport)
      })))

    it.scoped(`${name} is sent once more also where the wait was over, if the body can be sent again`, () =>
      contained(Effect.gen(function*() {
        const isStream = name === "a stream"
        const { connection, transport } = yield* connectTo([
          T.connection(T.expect(head + body), T.reply(refusal)),
          T.connection(T.expect(without), T.reply(ok("done")))
        ])
        const { request } = make()
        const fiber = yield* started(connection.execute(request))
        yield* TestClock.adjust("1 second")
        const response = yield* fiber
        assert.strictEqual(response.status, isStream ? 417 : 200)
        assert.strictEqual(transport.opened.length, isStream ? 1 : 2)
        yield* response.close
      })))
  }

  it.scoped("is a response where the field is the caller's own", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(anyRequest, T.reply(refusal))
      const response = yield* connection.execute(
        HttpRequest.post("/", { headers: { Expect: "100-continue" }, body: HttpBody.bytes(bytesOf("abc")) })
      )
      assert.deepStrictEqual([response.status, response.resends, yield* response.text], [417, 0, "no"])
    })))

  it.scoped("is a response where nothing was expected", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(anyRequest, T.reply(refusal))
      const response = yield* connection.execute(HttpRequest.get("/"))
      assert.deepStrictEqual([response.status, response.resends], [417, 0])
      yield* response.close
    })))
})

describe("a server that has answered in HTTP/1.0", () => {
  it.scoped("is sent no expectation on a connection that it keeps, because it sends no 100", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(getHead()),
        T.reply("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"),
        T.expect(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 3\r\n\r\nabc`),
        T.reply(ok("done"))
      )
      yield* textOf(connection, HttpRequest.get("/"))
      const request = HttpRequest.post("/", { body: HttpBody.bytes(bytesOf("abc")), expectContinue: true })
      assert.strictEqual(yield* textOf(connection, request), "done")
      yield* transport.verify
    })))
})

describe("Expect: 100-continue without a body", () => {
  it.scoped("is refused, because there is nothing to hold back", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected()
      yield* failsWith(connection.execute(HttpRequest.get("/", { expectContinue: true })), "ForbiddenHeader")
      assert.deepStrictEqual(transport.opened, [])
    })))
})
