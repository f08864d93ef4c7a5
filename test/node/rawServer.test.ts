/** Answers of a bare TCP server, where what the socket does is the point: FIN and RST at every place, and one segment a byte. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import { rawServer, type Reply } from "../fixtures/rawServer.ts"
import { gone } from "../fixtures/sockets.ts"
import { told, watched } from "../fixtures/web.ts"

const whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole"
const good: ReadonlyArray<Reply> = [{ send: whole }]

/** A connection to a server that does something on the first connection and answers well on the second. */
const connectTo = (...first: ReadonlyArray<Reply>) =>
  Effect.gen(function*() {
    const server = yield* rawServer(first, good)
    const { closed, onEvent } = watched()
    const connection = yield* HttpConnection.make({ host: "127.0.0.1", port: server.port, onEvent })
    return { connection, closed, server }
  })

const get = (connection: HttpConnection.HttpConnection) => connection.execute(HttpRequest.get("/"))

/** The connection is closed and opens anew for the next request. */
const opensAnew = (connection: HttpConnection.HttpConnection) =>
  Effect.gen(function*() {
    assert.isFalse(yield* connection.isOpen)
    const response = yield* get(connection)
    assert.deepStrictEqual([...(yield* told(response)), response.connection.reused], [200, "whole", false])
  })

layer(NodeTransport.layer, { excludeTestServices: true })("a bare server", (it) => {
  it.scoped("that resets before the head is a ReadError, and the connection opens anew", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectTo({ send: "", ending: "rst" })
      const error = yield* Effect.flip(get(connection))
      assert.deepInclude(error, { _tag: "ReadError", code: "ECONNRESET" })
      assert.deepInclude(error.context, { requestState: "Sent", processed: "Unknown", fault: "Network", phase: "head" })
      yield* opensAnew(connection)
    }))

  it.scoped("that resets within the head is a ReadError, and the connection opens anew", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectTo({ send: "HTTP/1.1 200 OK\r\nContent-Le", ending: "rstLater" })
      assert.deepInclude(yield* Effect.flip(get(connection)), { _tag: "ReadError", code: "ECONNRESET" })
      yield* opensAnew(connection)
    }))

  it.scoped("that resets a connection it had answered on, before any byte, is a StaleConnection", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectTo({ send: whole }, { send: "", ending: "rst" })
      assert.deepStrictEqual(yield* Effect.flatMap(get(connection), told), [200, "whole"])
      assert.strictEqual((yield* Effect.flip(get(connection)))._tag, "StaleConnection")
      yield* opensAnew(connection)
    }))

  it.scoped("that resets within the body is a ConnectionReset with what had come", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectTo({
        send: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        ending: "rstLater"
      })
      const response = yield* get(connection)
      const error = yield* Effect.flip(response.text)
      assert.deepInclude(error, { _tag: "ConnectionReset", code: "ECONNRESET", received: 4, expected: 10 })
      assert.deepInclude(error, { partial: new Uint8Array(Buffer.from("half")) })
      yield* opensAnew(connection)
    }))

  it.scoped("that resets a body whose end is the end of the connection does not end it", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectTo({ send: "HTTP/1.1 200 OK\r\n\r\nhalf", ending: "rstLater" })
      const response = yield* get(connection)
      const error = yield* Effect.flip(Stream.runDrain(response.stream))
      assert.deepInclude(error, { _tag: "ConnectionReset", received: 4, expected: undefined })
      yield* opensAnew(connection)
    }))

  it.scoped("that closes before the head is RemoteDisconnected, and the connection opens anew", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectTo({ send: "", ending: "fin" })
      assert.strictEqual((yield* Effect.flip(get(connection)))._tag, "RemoteDisconnected")
      yield* opensAnew(connection)
    }))

  it.scoped("that closes within the head is IncompleteHeaders, and the connection opens anew", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectTo({ send: "HTTP/1.1 200 OK\r\nContent-Le", ending: "fin" })
      assert.strictEqual((yield* Effect.flip(get(connection)))._tag, "IncompleteHeaders")
      yield* opensAnew(connection)
    }))

  it.scoped("that closes within the body is an IncompleteRead with what had come", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectTo({
        send: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        ending: "fin"
      })
      const response = yield* get(connection)
      const error = yield* Effect.flip(response.bytes)
      assert.deepInclude(error, { _tag: "IncompleteRead", received: 4, expected: undefined })
      yield* opensAnew(connection)
    }))

  for (const ending of ["fin", "rst"] as const) {
    it.scoped(`that sends ${ending.toUpperCase()} right behind the last byte has answered, and the connection opens anew`, () =>
      Effect.gen(function*() {
        const { closed, connection } = yield* connectTo({ send: whole, ending })
        assert.deepStrictEqual(yield* Effect.flatMap(get(connection), told), [200, "whole"])
        yield* closed()
        yield* opensAnew(connection)
      }))
  }

  it.scoped("that closes to end the body has answered, and the connection opens anew", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectTo({ send: "HTTP/1.1 200 OK\r\n\r\nuntil the end", ending: "fin" })
      const response = yield* get(connection)
      assert.deepStrictEqual([response.framing, yield* response.text], ["close", "until the end"])
      yield* opensAnew(connection)
    }))

  it.scoped("that answers and closes its side while the body still goes up ends the sending", () =>
    Effect.gen(function*() {
      const { closed, connection, server } = yield* connectTo({ send: whole, ending: "fin" })
      const body = HttpBody.stream(Stream.concat(Stream.make<[Uint8Array]>(Buffer.from("first")), Stream.never))
      const response = yield* connection.execute(HttpRequest.post("/", { body }))
      assert.deepStrictEqual(yield* told(response), [200, "whole"])
      yield* closed()
      yield* gone(yield* server.connections.next)
      yield* opensAnew(connection)
    }))

  it.scoped("that closes its side without an answer while the body still goes up is RemoteDisconnected", () =>
    Effect.gen(function*() {
      const { connection, server } = yield* connectTo({ send: "", ending: "fin" })
      const body = HttpBody.stream(Stream.concat(Stream.make<[Uint8Array]>(Buffer.from("first")), Stream.never))
      const error = yield* Effect.flip(connection.execute(HttpRequest.post("/", { body })))
      assert.strictEqual(error._tag, "RemoteDisconnected")
      assert.strictEqual(error.context.requestState, "PartiallySent")
      yield* gone(yield* server.connections.next)
      yield* opensAnew(connection)
    }))

  it.scoped("that sends every byte in a segment of its own has answered", () =>
    Effect.gen(function*() {
      const chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n5;a=b\r\nchunk\r\n0\r\nX-End: yes\r\n\r\n"
      const { connection } = yield* connectTo({ send: [...chunked] }, { send: [...whole] })
      for (const expected of ["chunk", "whole"]) {
        assert.deepStrictEqual(yield* Effect.flatMap(get(connection), told), [200, expected])
      }
      assert.isTrue(yield* connection.isOpen)
    }))

  it.scoped("that sends more than its answer is not believed: the connection closes, the next request opens another", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectTo({ send: whole + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged" })
      assert.deepStrictEqual(yield* Effect.flatMap(get(connection), told), [200, "whole"])
      yield* opensAnew(connection)
    }))

  it.scoped("that sends something while the connection is idle is not believed either", () =>
    Effect.gen(function*() {
      const { closed, connection, server } = yield* connectTo({ send: whole })
      assert.deepStrictEqual(yield* Effect.flatMap(get(connection), told), [200, "whole"])
      const socket = yield* server.connections.next
      socket.write("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
      yield* closed()
      yield* gone(socket)
      yield* opensAnew(connection)
    }))
})
