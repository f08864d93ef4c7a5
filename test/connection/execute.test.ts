/** `execute`: what goes over the wire, in which calls, and in which order. Answers, errors and times are elsewhere. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import type { ConnectionEvent } from "../../src/ConnectionEvent.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import {
  bytesOf,
  connected,
  connectedWith,
  connectTo,
  failsWith,
  getHead,
  hasEnded,
  host,
  lengthHead,
  ok,
  settled,
  started,
  textOf
} from "./harness.ts"

describe("what is sent", () => {
  it.scoped("a GET is its request line, Host and nothing else", () =>
    Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(`GET /a?b=c HTTP/1.1\r\nHost: ${host}\r\n\r\n`),
        T.reply(ok())
      )
      yield* connection.execute(HttpRequest.get("/a?b=c#fragment"))
      yield* transport.verify
    }))

  it.scoped("Host comes first, then what the body needs, then the fields in their order and case", () =>
    Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(
          `PUT /x HTTP/1.1\r\nHost: ${host}\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n`
            + "x-First: 1\r\nX-Second: 2\r\nx-first: 3\r\n\r\nabc"
        ),
        T.reply(ok())
      )
      yield* connection.execute(HttpRequest.put("/x", {
        headers: [["x-First", "1"], ["X-Second", "2"], ["x-first", "3"]],
        body: HttpBody.bytes(bytesOf("abc"), "text/plain")
      }))
      yield* transport.verify
    }))

  it.scoped("the port is in Host where it is not that of the scheme", () =>
    Effect.gen(function*() {
      const { connection, transport } = yield* connectedWith(
        { port: 8080 },
        T.expect(`GET / HTTP/1.1\r\nHost: ${host}:8080\r\n\r\n`),
        T.reply(ok())
      )
      yield* connection.execute(HttpRequest.get("/"))
      yield* transport.verify
    }))

  it.scoped("head and small body leave in one write", () =>
    Effect.gen(function*() {
      const writes: Array<number> = []
      const onEvent = (event: ConnectionEvent): void => {
        if (event._tag === "Send") writes.push(event.bytes)
      }
      const head = lengthHead(65_536)
      const { connection } = yield* connectedWith({ onEvent }, T.discard(head.length + 65_536), T.reply(ok()))
      yield* connection.execute(HttpRequest.post("/", { body: HttpBody.bytes(new Uint8Array(65_536)) }))
      assert.deepStrictEqual(writes, [head.length + 65_536])
    }))

  it.scoped("a larger body goes in pieces of `blockSize`, the first of them with its head", () =>
    Effect.gen(function*() {
      const writes: Array<number> = []
      const onEvent = (event: ConnectionEvent): void => {
        if (event._tag === "Send") writes.push(event.bytes)
      }
      const head = lengthHead(65_537)
      const { connection } = yield* connectedWith(
        { onEvent, blockSize: 40_000 },
        T.discard(head.length + 65_537),
        T.reply(ok())
      )
      yield* connection.execute(HttpRequest.post("/", { body: HttpBody.bytes(new Uint8Array(65_537)) }))
      assert.deepStrictEqual(writes, [head.length + 40_000, 25_537])
    }))

  for (const method of ["POST", "PUT", "PATCH"]) {
    it.scoped(`${method} without a body says Content-Length: 0`, () =>
      Effect.gen(function*() {
        const { connection, transport } = yield* connected(
          T.expect(`${method} / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`),
          T.reply(ok())
        )
        yield* connection.execute(HttpRequest.make(method, "/"))
        yield* transport.verify
      }))
  }

  it.scoped("DELETE with a body says how long it is", () =>
    Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(`DELETE / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 2\r\n\r\nab`),
        T.reply(ok())
      )
      yield* connection.execute(HttpRequest.del("/", { body: HttpBody.bytes(bytesOf("ab")) }))
      yield* transport.verify
    }))
})

describe("targets", () => {
  const cases: ReadonlyArray<readonly [name: string, request: HttpRequest.HttpRequest, head: string, url: string]> = [
    ["a path", HttpRequest.get("/p?q"), `GET /p?q HTTP/1.1\r\nHost: ${host}`, `http://${host}/p?q`],
    ["nothing is the root", HttpRequest.get(""), `GET / HTTP/1.1\r\nHost: ${host}`, `http://${host}/`],
    [
      "two slashes stay a path",
      HttpRequest.get("//evil/x"),
      `GET //evil/x HTTP/1.1\r\nHost: ${host}`,
      `http://${host}//evil/x`
    ],
    [
      "a URL of the origin becomes its path",
      HttpRequest.get(`http://${host}/p`),
      `GET /p HTTP/1.1\r\nHost: ${host}`,
      `http://${host}/p`
    ],
    [
      "the absolute form of a path",
      HttpRequest.get("/p", { targetForm: "absolute" }),
      `GET http://${host}/p HTTP/1.1\r\nHost: ${host}`,
      `http://${host}/p`
    ],
    [
      "the absolute form names another server",
      HttpRequest.get("http://other.test:81/p", { targetForm: "absolute" }),
      "GET http://other.test:81/p HTTP/1.1\r\nHost: other.test:81",
      "http://other.test:81/p"
    ],
    ["the asterisk", HttpRequest.options("*"), `OPTIONS * HTTP/1.1\r\nHost: ${host}`, `http://${host}`],
    [
      "CONNECT",
      HttpRequest.make("CONNECT", "far.test:443"),
      "CONNECT far.test:443 HTTP/1.1\r\nHost: far.test:443",
      "far.test:443"
    ]
  ]
  for (const [name, request, head, url] of cases) {
    it.scoped(`${name}: ${request.method} ${request.target}`, () =>
      Effect.gen(function*() {
        const { connection, transport } = yield* connected(T.expect(`${head}\r\n\r\n`), T.reply(ok()))
        const response = yield* connection.execute(request)
        assert.strictEqual(response.url, url)
        yield* transport.verify
      }))
  }

  it.scoped("a CONNECT that is granted leaves HTTP, so that its connection carries no other request", () =>
    Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.discardUntil("\r\n\r\n"), T.reply("HTTP/1.1 200 OK\r\n\r\n"))
      const response = yield* connection.execute(HttpRequest.make("CONNECT", "far.test:443"))
      assert.strictEqual(response.status, 200)
      assert.strictEqual(yield* response.text, "")
      assert.strictEqual(transport.openCount, 0)
    }))
})

describe("one connection after another request", () => {
  it.scoped("requests follow each other on it, each told how many came before", () =>
    Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(getHead("/1")),
        T.reply(ok("one")),
        T.expect(getHead("/2")),
        T.reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"),
        T.expect(getHead("/3")),
        T.reply("HTTP/1.1 204 No Content\r\n\r\n")
      )
      assert.strictEqual(yield* textOf(connection, HttpRequest.get("/1")), "one")
      yield* TestClock.adjust("3 seconds")
      const second = yield* connection.execute(HttpRequest.get("/2"))
      assert.strictEqual(yield* second.text, "two")
      const third = yield* connection.execute(HttpRequest.get("/3"))
      assert.deepInclude(second.connection, { reused: true, requestsServed: 1, idleMillis: 3000 })
      assert.deepInclude(third.connection, { reused: true, requestsServed: 2, id: second.connection.id })
      assert.strictEqual(transport.opened.length, 1)
      yield* transport.verify
    }))

  it.scoped("where the server closes, the next request opens another", () =>
    Effect.gen(function*() {
      const { connection, transport } = yield* connectTo([
        T.connection(T.expect(getHead()), T.reply(ok("1", "Connection: close"))),
        T.connection(T.expect(getHead()), T.reply(ok("2")), T.eof),
        T.connection(T.expect(getHead()), T.reply(ok("3")))
      ])
      for (const body of ["1", "2", "3"]) {
        const response = yield* connection.execute(HttpRequest.get("/"))
        assert.strictEqual(yield* response.text, body)
        assert.deepInclude(response.connection, { reused: false, requestsServed: 0, idleMillis: 0 })
        yield* settled
      }
      assert.strictEqual(transport.opened.length, 3)
      yield* transport.verify
    }))

  it.scoped("a request that says Connection: close ends it", () =>
    Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.discardUntil("\r\n\r\n"), T.reply(ok("1")))
      yield* textOf(connection, HttpRequest.get("/", { headers: { Connection: "close" } }))
      assert.strictEqual(transport.openCount, 0)
    }))

  it.scoped("HTTP/1.0 persists only with Connection: keep-alive", () =>
    Effect.gen(function*() {
      const keeps = ok("1", "Connection: Keep-Alive").replace("1.1", "1.0")
      const { connection, transport } = yield* connected(
        T.expect(getHead()),
        T.reply(keeps),
        T.expect(getHead()),
        T.reply(ok("2").replace("1.1", "1.0"))
      )
      const first = yield* connection.execute(HttpRequest.get("/"))
      assert.strictEqual(first.version, 10)
      assert.strictEqual(transport.openCount, 1)
      assert.strictEqual(yield* first.text, "1")
      assert.strictEqual(yield* textOf(connection, HttpRequest.get("/")), "2")
      assert.strictEqual(transport.openCount, 0)
    }))

  it.scoped("a body that came with its head stands against the next request until it is read, as one that did not", () =>
    Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(getHead("/1")),
        T.reply(ok("one")),
        T.expect(getHead("/2")),
        T.reply(ok("two"))
      )
      const first = yield* connection.execute(HttpRequest.get("/1"))
      assert.strictEqual(yield* connection.state, "ResponseUnread")
      assert.strictEqual((yield* Effect.flip(connection.execute(HttpRequest.get("/2"))))._tag, "CannotSendRequest")
      assert.strictEqual(yield* first.text, "one")
      assert.strictEqual(yield* connection.state, "Idle")
      assert.strictEqual(yield* textOf(connection, HttpRequest.get("/2")), "two")
    }))

  // 64 KiB is where the buffer asks for a pause: a body that ends there must not leave the connection deaf.
  for (const size of [65_535, 65_536, 131_072]) {
    it.scoped(`a body of ${size} bytes that nobody had read leaves the connection usable`, () =>
      Effect.gen(function*() {
        const { connection } = yield* connected(
          T.expect(getHead("/1")),
          T.reply(ok("x".repeat(size))),
          T.expect(getHead("/2")),
          T.reply(ok("two"))
        )
        const first = yield* connection.execute(HttpRequest.get("/1"))
        yield* settled
        assert.strictEqual((yield* first.bytes).length, size)
        assert.strictEqual(yield* textOf(connection, HttpRequest.get("/2")), "two")
      }))
  }

  it.scoped("a second request while one is under way is `CannotSendRequest` and touches nothing", () =>
    Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(getHead("/1")),
        T.delay("1 second"),
        T.reply(ok("one"))
      )
      const first = yield* started(textOf(connection, HttpRequest.get("/1")))
      const error = yield* failsWith(connection.execute(HttpRequest.get("/2")), "CannotSendRequest")
      assert.strictEqual(error.state, "RequestSent")
      assert.strictEqual(error.context.origin, `http://${host}:80`)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* first, "one")
      yield* transport.verify
    }))

  it.scoped("a second request while a body is unread is `CannotSendRequest`", () =>
    Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(getHead("/1")), T.reply(ok("one").slice(0, -1)), T.stall)
      yield* connection.execute(HttpRequest.get("/1"))
      const error = yield* failsWith(connection.execute(HttpRequest.get("/2")), "CannotSendRequest")
      assert.strictEqual(error.state, "ResponseUnread")
    }))

  it.scoped("a second request while the connection opens is `CannotSendRequest`", () =>
    Effect.gen(function*() {
      const { connection, transport } = yield* connectTo([T.openStalls])
      const first = yield* started(connection.execute(HttpRequest.get("/1")))
      yield* failsWith(connection.execute(HttpRequest.get("/2")), "CannotSendRequest")
      assert.isFalse(hasEnded(first))
      assert.strictEqual(transport.opened.length, 1)
    }))
})
