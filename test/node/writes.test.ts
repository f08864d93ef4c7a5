/** What is written on several sockets in one iteration of the event loop: it is what the caller gave, in order, and all of it. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as net from "node:net"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import { Transport } from "../../src/index.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import { Events, serve } from "../fixtures/sockets.ts"

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/** A server that notes what comes on each connection, and answers when `whole` says that a request is there. */
const noting = (whole: (text: string) => boolean) =>
  Effect.gen(function*() {
    const texts: Array<string> = []
    const came = new Events<string>()
    const server = net.createServer((socket) => {
      const index = texts.push("") - 1
      socket.on("error", () => {})
      socket.on("data", (bytes: Buffer) => {
        texts[index] += bytes.toString("latin1")
        came.changed()
        if (whole(texts[index] ?? "")) socket.write(ok)
      })
    })
    const { port } = yield* serve(server, "connection", { host: "127.0.0.1", port: 0 })
    return { port, texts, came }
  })

const connectionTo = (port: number) => HttpConnection.make({ host: "127.0.0.1", port })

const bodyOf = (text: string): string => text.slice(text.indexOf("\r\n\r\n") + 4)

layer(NodeTransport.layer, { excludeTestServices: true })("writes of one iteration", (it) => {
  it.scoped("do not keep the caller's array: what is sent is what it held when it was given", () =>
    Effect.gen(function*() {
      const server = yield* noting((text) => bodyOf(text).length === 40)
      const other = yield* connectionTo(server.port)
      const connection = yield* connectionTo(server.port)
      yield* other.connect
      yield* connection.connect
      const buffer = new Uint8Array(10)
      yield* connection.putRequest("POST", "/")
      yield* connection.putHeader("Content-Length", 40)
      // Another write of the turn comes before it.
      yield* other.request("GET", "/first")
      yield* connection.endHeaders()
      for (const letter of "ABCD") {
        buffer.fill(letter.charCodeAt(0))
        yield* connection.send(buffer)
      }
      buffer.fill(0)
      const response = yield* connection.getResponse
      assert.strictEqual(yield* response.text, "ok")
      assert.include(server.texts.map(bodyOf), ["A", "B", "C", "D"].map((letter) => letter.repeat(10)).join(""))
    }))

  it.scoped("are sent though their connection is closed in the same turn", () =>
    Effect.gen(function*() {
      const server = yield* noting(() => false)
      const connections = yield* Effect.all([1, 2, 3].map(() => connectionTo(server.port)))
      for (const connection of connections) yield* connection.connect
      for (const [index, connection] of connections.entries()) yield* connection.request("GET", `/${index}`)
      for (const connection of connections) yield* connection.close
      yield* server.came.until(() => server.texts.filter((text) => text.endsWith("\r\n\r\n")).length === 3)
      assert.deepStrictEqual(server.texts.map((text) => text.split(" ")[1]).toSorted(), ["/0", "/1", "/2"])
    }))

  it.scoped("hold up nothing that follows a head: pieces of a body go as they come", () =>
    Effect.gen(function*() {
      const pieces = 200
      const server = yield* noting((text) => bodyOf(text).length === pieces * 4096)
      const { open } = yield* Transport.Transport
      const endpoint = {
        host: "127.0.0.1",
        port: server.port,
        socketPath: undefined,
        localAddress: undefined,
        tls: undefined
      }
      const limits = { dns: Infinity, connect: Infinity, tls: Infinity }
      const [other, duplex] = yield* Effect.all([open(endpoint, limits), open(endpoint, limits)])
      const piece = new Uint8Array(4096)
      other.write("GET / HTTP/1.1\r\n\r\n")
      duplex.write("PUT / HTTP/1.1\r\n\r\n")
      let taken = 0
      while (taken < 8 && duplex.write(piece)) taken++
      // The system takes more than what Node lets wait.
      assert.strictEqual(taken, 8)
    }))

  it.scoped("leave in order, whoever asks for a stream to be sent behind them", () =>
    Effect.gen(function*() {
      const text = "0123456789".repeat(100)
      const server = yield* noting((received) => bodyOf(received).length === text.length)
      const connections = yield* Effect.all([connectionTo(server.port), connectionTo(server.port)])
      for (const connection of connections) yield* connection.connect
      const body = HttpBody.stream(
        Stream.fromIterable(text.match(/.{1,7}/g) ?? []).pipe(Stream.map((piece) => Buffer.from(piece))),
        { length: text.length }
      )
      const asked = yield* Effect.forEach(
        connections,
        (connection) => Effect.fork(connection.execute(HttpRequest.put("/", { body })))
      )
      for (const fiber of asked) assert.strictEqual((yield* fiber).status, 200)
      assert.deepStrictEqual(server.texts.map(bodyOf), [text, text])
    }))
})
