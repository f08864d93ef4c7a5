/** Connections to the servers of `node:http` and `node:https`. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as http from "node:http"
import * as net from "node:net"
import { join } from "node:path"
import type { TLSSocket } from "node:tls"
import { gzipSync } from "node:zlib"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpFields from "../../src/HttpFields.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import { certificates } from "../fixtures/certificates.ts"
import { directory, Events, turn } from "../fixtures/sockets.ts"
import {
  answerDigest,
  bodyOf,
  digestOf,
  digestOfBody,
  pieces,
  secureWebServer,
  sendPieces,
  streamOf,
  told,
  watched,
  webServer
} from "../fixtures/web.ts"

const large = 64 * 1024 * 1024

const connect = (port: number, options?: HttpConnection.Options) =>
  HttpConnection.make({ host: "127.0.0.1", port, ...options })

/** Answers with the body of the request. */
const echo: http.RequestListener = (request, response) =>
  void bodyOf(request).then((body) => response.end(body, "latin1"))

/** Refuses at once and closes without reading, which makes the system reset the connection. */
const refuse: http.RequestListener = (request, response) => {
  response.writeHead(413, { Connection: "close", "Content-Length": 9 })
  response.end("too large", () => request.socket.destroy())
}

/** A proxy that opens every tunnel it is asked for, and the heads of the requests for them. */
const proxy = Effect.gen(function*() {
  const asked: Array<http.IncomingMessage> = []
  const server = yield* webServer((_request, response) => response.writeHead(405).end())
  server.raw.on("connect", (request: http.IncomingMessage, socket: net.Socket) => {
    asked.push(request)
    const [, host = "", port = ""] = /^(.+):(\d+)$/.exec(request.url ?? "") ?? []
    const far = net.connect(Number(port), host)
    far.on("connect", () => {
      socket.write("HTTP/1.1 200 OK\r\nVia: 1.1 embedded\r\n\r\n")
      far.pipe(socket).pipe(far)
    })
    for (const [one, other] of [[far, socket], [socket, far]] as const) {
      one.on("error", () => other.destroy()).on("close", () => other.destroy())
    }
  })
  return { port: server.port, asked }
})

layer(NodeTransport.layer, { excludeTestServices: true })("a server of node:http", (it) => {
  it.scoped("answers request after request on one connection", () =>
    Effect.gen(function*() {
      const server = yield* webServer((request, response) => response.end(`${request.method} ${request.url}`))
      const connection = yield* connect(server.port)
      for (let served = 0; served < 5; served++) {
        const response = yield* connection.execute(HttpRequest.get(`/${served}`))
        assert.strictEqual(yield* response.text, `GET /${served}`)
        assert.strictEqual(response.connection.requestsServed, served)
        assert.strictEqual(response.connection.reused, served > 0)
      }
      assert.strictEqual(server.connections.all.length, 1)
    }))

  it.scoped("takes a chunked body and answers with a chunked body", () =>
    Effect.gen(function*() {
      const heads: Array<http.IncomingHttpHeaders> = []
      const server = yield* webServer((request, response) => {
        heads.push(request.headers)
        request.on("data", (bytes) => response.write(bytes))
        request.on("end", () => response.end())
      })
      const connection = yield* connect(server.port)
      const parts = ["one", "two", "three"].map((text) => Buffer.from(text))
      const response = yield* connection.execute(
        HttpRequest.post("/", { body: HttpBody.stream(Stream.fromIterable<Uint8Array>(parts)) })
      )
      assert.deepStrictEqual([response.framing, yield* response.text], ["chunked", "onetwothree"])
      assert.strictEqual(heads[0]?.["transfer-encoding"], "chunked")
      assert.isUndefined(heads[0]?.["content-length"])
    }))

  it.scoped("takes a stream of declared length with Content-Length", () =>
    Effect.gen(function*() {
      const heads: Array<http.IncomingHttpHeaders> = []
      const server = yield* webServer((request, response) => {
        heads.push(request.headers)
        echo(request, response)
      })
      const connection = yield* connect(server.port)
      const body = HttpBody.stream(Stream.make<[Uint8Array]>(Buffer.from("known")), { length: 5 })
      const response = yield* connection.execute(HttpRequest.put("/", { body }))
      assert.deepStrictEqual([response.framing, yield* response.text], ["length", "known"])
      assert.strictEqual(heads[0]?.["content-length"], "5")
      assert.isUndefined(heads[0]?.["transfer-encoding"])
    }))

  it.scoped("answers HEAD, 204 and 304 without a body, whatever length they announce, and the connection goes on", () =>
    Effect.gen(function*() {
      const server = yield* webServer((request, response) => {
        const status = Number(request.url?.slice(1))
        response.writeHead(status, status === 204 ? {} : { "Content-Length": 1000 })
        response.end(request.method === "HEAD" || status !== 200 ? undefined : "x".repeat(1000))
      })
      const connection = yield* connect(server.port)
      for (const request of [HttpRequest.head("/200"), HttpRequest.get("/204"), HttpRequest.get("/304")]) {
        const response = yield* connection.execute(request)
        assert.deepStrictEqual([response.framing, (yield* response.bytes).length], ["none", 0])
        if (response.status !== 204) assert.strictEqual(response.getHeader("content-length"), "1000")
      }
      const last = yield* connection.execute(HttpRequest.get("/200"))
      assert.strictEqual((yield* last.bytes).length, 1000)
      assert.strictEqual(last.connection.requestsServed, 3)
    }))

  it.scoped("gets the body of a request with Expect once it has said 100", () =>
    Effect.gen(function*() {
      const server = yield* webServer(() => assert.fail("the request came without Expect"))
      let pulled = 0
      const pulledBefore = new Events<number>()
      server.raw.on("checkContinue", (request: http.IncomingMessage, response: http.ServerResponse) => {
        pulledBefore.push(pulled)
        response.writeContinue()
        echo(request, response)
      })
      const connection = yield* connect(server.port)
      const body = HttpBody.stream(Stream.fromEffect(Effect.sync(() => {
        pulled++
        return Buffer.from("held back") as Uint8Array
      })))
      const response = yield* connection.execute(
        HttpRequest.post("/", { body, expectContinue: true, timeouts: { continue: Infinity } })
      )
      assert.deepStrictEqual(yield* told(response), [200, "held back"])
      assert.deepStrictEqual(response.informational.map(({ status }) => status), [100])
      assert.deepStrictEqual([pulledBefore.all, pulled], [[0], 1])
    }))

  it.scoped("never gets the body of a request with Expect that it refuses, and the connection is not used again", () =>
    Effect.gen(function*() {
      const server = yield* webServer((_request, response) => response.end("second"))
      server.raw.on("checkContinue", (_request: http.IncomingMessage, response: http.ServerResponse) => {
        response.writeHead(413, { "Content-Length": 2 }).end("no")
      })
      const connection = yield* connect(server.port)
      let pulled = 0
      const body = HttpBody.stream(streamOf(1000, () => pulled++))
      const response = yield* connection.execute(
        HttpRequest.post("/", { body, expectContinue: true, timeouts: { continue: Infinity } })
      )
      assert.deepStrictEqual(yield* told(response), [413, "no"])
      assert.strictEqual(pulled, 0)
      const next = yield* connection.execute(HttpRequest.get("/"))
      assert.deepStrictEqual([yield* next.text, next.connection.reused], ["second", false])
    }))

  it.scoped("gets the body after all, without an expectation, where it fails that with 417", () =>
    Effect.gen(function*() {
      const server = yield* webServer((request, response) => {
        void bodyOf(request).then((body) =>
          response.end(`${body.length} of ${request.headers["expect"] ?? "no expectation"}`)
        )
      })
      server.raw.on("checkContinue", (_request: http.IncomingMessage, response: http.ServerResponse) => {
        response.writeHead(417, { "Content-Length": 2 }).end("no")
      })
      const connection = yield* connect(server.port)
      const body = HttpBody.stream(streamOf(1000, () => {}))
      const response = yield* connection.execute(
        HttpRequest.post("/", { body, expectContinue: true, timeouts: { continue: Infinity } })
      )
      assert.match(yield* response.text, /^\d{4,} of no expectation$/)
      assert.strictEqual(response.resends, 1)
    }))

  it.scoped("sends early hints before its answer", () =>
    Effect.gen(function*() {
      const server = yield* webServer((_request, response) => {
        response.writeEarlyHints({ link: "</style.css>; rel=preload; as=style" }, () => response.end("page"))
      })
      const connection = yield* connect(server.port)
      const response = yield* connection.execute(HttpRequest.get("/"))
      assert.deepStrictEqual(yield* told(response), [200, "page"])
      assert.deepStrictEqual(
        response.informational.map(({ fields, status }) => [status, HttpFields.entries(fields)]),
        [[103, [["Link", "</style.css>; rel=preload; as=style"]]]]
      )
    }))

  it.scoped("gets 64 MiB as a stream, chunked and with a length", () =>
    Effect.gen(function*() {
      const server = yield* webServer(answerDigest)
      const connection = yield* connect(server.port)
      const expected = digestOf(large)
      for (const length of [undefined, large]) {
        const body = HttpBody.stream(streamOf(large), { length })
        const response = yield* connection.execute(HttpRequest.put("/", { body }))
        assert.deepStrictEqual(yield* told(response), [200, expected])
      }
      assert.strictEqual(server.connections.all.length, 1)
    }))

  it.scoped("gets 64 MiB that are in memory", () =>
    Effect.gen(function*() {
      const server = yield* webServer(answerDigest)
      const connection = yield* connect(server.port)
      const body = HttpBody.bytes(Buffer.concat([...pieces(large)]))
      const response = yield* connection.execute(HttpRequest.put("/", { body }))
      assert.deepStrictEqual(yield* told(response), [200, digestOf(large)])
    }))

  it.scoped("sends 64 MiB, chunked and with a length, to be read as a stream and whole", () =>
    Effect.gen(function*() {
      const server = yield* webServer((request, response) => {
        if (request.url === "/length") response.setHeader("Content-Length", large)
        sendPieces(large, response)
      })
      const connection = yield* connect(server.port)
      const expected = digestOf(large)
      for (const framing of ["chunked", "length"]) {
        const streamed = yield* connection.execute(HttpRequest.get(`/${framing}`))
        assert.deepStrictEqual([streamed.framing, yield* digestOfBody(streamed)], [framing, expected])
        const whole = yield* connection.execute(HttpRequest.get(`/${framing}`))
        assert.strictEqual(Buffer.concat([...pieces(large)]).compare(yield* whole.bytes), 0)
      }
      assert.strictEqual(server.connections.all.length, 1)
    }))

  it.scoped("refuses a body with 413 and resets the connection: its answer is delivered, the sending ends", () =>
    Effect.gen(function*() {
      const server = yield* webServer(refuse)
      const { closed, onEvent } = watched()
      const connection = yield* connect(server.port, { onEvent })
      let pulled = 0
      const body = HttpBody.stream(Stream.forever(streamOf(65_521, () => pulled++)))
      const response = yield* connection.execute(HttpRequest.put("/", { body }))
      assert.deepStrictEqual(yield* told(response), [413, "too large"])
      yield* closed()
      const at = pulled
      for (let turns = 0; turns < 50; turns++) yield* turn
      assert.strictEqual(pulled, at)
      assert.isFalse(yield* connection.isOpen)
    }))

  it.scoped("refuses a body in memory with 413 and resets the connection: its answer is delivered", () =>
    Effect.gen(function*() {
      const server = yield* webServer(refuse)
      const connection = yield* connect(server.port)
      const response = yield* connection.execute(HttpRequest.put("/", { body: HttpBody.bytes(Buffer.alloc(large)) }))
      assert.deepStrictEqual(yield* told(response), [413, "too large"])
      const again = yield* connection.execute(HttpRequest.put("/", { body: HttpBody.bytes(Buffer.alloc(large)) }))
      assert.deepStrictEqual(yield* told(again), [413, "too large"])
      assert.strictEqual(server.connections.all.length, 2)
    }))

  it.scoped("sends compressed content, which is given as it came", () =>
    Effect.gen(function*() {
      const compressed = gzipSync("content ".repeat(1000))
      const server = yield* webServer((_request, response) => {
        response.writeHead(200, { "Content-Encoding": "gzip" }).end(compressed)
      })
      const connection = yield* connect(server.port)
      const response = yield* connection.execute(HttpRequest.get("/", { headers: { "Accept-Encoding": "gzip" } }))
      assert.strictEqual(response.getHeader("content-encoding"), "gzip")
      assert.isTrue(compressed.equals(yield* response.bytes))
    }))

  it.scoped("gets trailers behind a body and sends trailers behind its own", () =>
    Effect.gen(function*() {
      const server = yield* webServer((request, response) => {
        void bodyOf(request).then((body) => {
          response.writeHead(200, { Trailer: "X-Length, X-Seen" })
          response.write(body)
          response.addTrailers({ "X-Length": String(body.length), "X-Seen": request.trailers["x-digest"] ?? "nothing" })
          response.end()
        })
      })
      const connection = yield* connect(server.port)
      const response = yield* connection.execute(
        HttpRequest.post("/", { body: HttpBody.bytes(Buffer.from("body")), trailers: { "X-Digest": "abc" } })
      )
      assert.strictEqual(yield* response.text, "body")
      assert.deepStrictEqual(HttpFields.entries(yield* response.trailers), [["X-Length", "4"], ["X-Seen", "abc"]])
    }))

  it.scoped("is reached through a unix socket", () =>
    Effect.gen(function*() {
      const path = join(yield* directory, "http.sock")
      yield* webServer((request, response) => response.end(request.headers.host), { path })
      const connection = yield* HttpConnection.make({ socketPath: path })
      const response = yield* connection.execute(HttpRequest.get("/"))
      assert.strictEqual(yield* response.text, "localhost")
    }))

  it.scoped("is reached over IPv6, with brackets around the address in Host", () =>
    Effect.gen(function*() {
      const server = yield* webServer((request, response) => response.end(request.headers.host), { host: "::1" })
      const ways = [{ host: `[::1]:${server.port}` }, { host: "[::1]", port: server.port }, {
        host: "::1",
        port: server.port
      }]
      for (const way of ways) {
        const connection = yield* HttpConnection.make(way)
        const response = yield* connection.execute(HttpRequest.get("/"))
        assert.deepStrictEqual(
          [yield* response.text, response.connection.remoteAddress],
          [`[::1]:${server.port}`, "::1"]
        )
      }
    }))

  it.scoped("closes an idle connection, and the next request opens another", () =>
    Effect.gen(function*() {
      const server = yield* webServer((_request, response) => response.end("answer"))
      const { closed, onEvent } = watched()
      const connection = yield* connect(server.port, { onEvent })
      for (let times = 1; times <= 3; times++) {
        const response = yield* connection.execute(HttpRequest.get("/"))
        assert.deepStrictEqual([yield* response.text, response.connection.reused], ["answer", false])
        const socket = yield* server.connections.next
        socket.end()
        yield* closed(times)
        assert.isFalse(yield* connection.isOpen)
      }
    }))

  it.scoped("is told with Connection: close that the request is the last, and closes after its answer", () =>
    Effect.gen(function*() {
      const server = yield* webServer(echo)
      const connection = yield* connect(server.port)
      for (let times = 1; times <= 2; times++) {
        const response = yield* connection.execute(
          HttpRequest.post("/", { headers: { Connection: "close" }, body: HttpBody.bytes(Buffer.from("last")) })
        )
        assert.deepStrictEqual([yield* response.text, response.connection.reused], ["last", false])
      }
      assert.strictEqual(server.connections.all.length, 2)
    }))

  it.scoped("is held back by a reader that takes little", () =>
    Effect.gen(function*() {
      let produced = 0
      const server = yield* webServer((_request, response) => {
        sendPieces(large, response, (bytes) => {
          produced += bytes
        })
      })
      const connection = yield* connect(server.port)
      const response = yield* connection.execute(HttpRequest.get("/"))
      // More than enough turns for all of it to come, if it were let in.
      for (let taken = 0; taken < 50; taken++) {
        assert.strictEqual((yield* response.read(1000)).length, 1000)
        for (let turns = 0; turns < 100; turns++) yield* turn
      }
      // What is on its way is in the buffers of the system.
      assert.isBelow(produced, large / 2)
      assert.strictEqual((yield* response.bytes).length, large - 50_000)
    }))

  it.scoped("is asked step by step, as with http.client", () =>
    Effect.gen(function*() {
      const server = yield* webServer((request, response) => {
        void bodyOf(request).then((body) =>
          response.end(`${request.headers["x-step"]} ${request.headers.host} ${body}`)
        )
      })
      const connection = yield* connect(server.port)
      for (let times = 0; times < 2; times++) {
        yield* connection.putRequest("POST", "/steps")
        yield* connection.putHeader("X-Step", "by", "step")
        yield* connection.putHeader("Transfer-Encoding", "chunked")
        yield* connection.endHeaders({ encodeChunked: true })
        yield* connection.send("a body ")
        yield* connection.send(Buffer.from("in pieces"))
        const response = yield* connection.getResponse
        assert.strictEqual(yield* response.text, `by step 127.0.0.1:${server.port} a body in pieces`)
      }
      assert.strictEqual(server.connections.all.length, 1)
    }))

  it.scoped("is reached through a tunnel, whose Host is its own and not the proxy's", () =>
    Effect.gen(function*() {
      const server = yield* webServer((request, response) => response.end(request.headers.host))
      const through = yield* proxy
      const connection = yield* connect(through.port, {
        tunnel: { host: "127.0.0.1", port: server.port, headers: { "Proxy-Authorization": "Basic abc" } }
      })
      for (let times = 0; times < 2; times++) {
        const response = yield* connection.execute(HttpRequest.get("/"))
        assert.strictEqual(yield* response.text, `127.0.0.1:${server.port}`)
      }
      assert.deepStrictEqual(
        through.asked.map(({ headers, url }) => [url, headers.host, headers["proxy-authorization"]]),
        [[`127.0.0.1:${server.port}`, `127.0.0.1:${server.port}`, "Basic abc"]]
      )
    }))
})

layer(NodeTransport.layer, { excludeTestServices: true })("a server of node:https", (it) => {
  const made = Effect.promise(certificates)

  it.scoped("is trusted by its authority and answers request after request on one connection", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* secureWebServer(identity, echo)
      const connection = yield* connect(server.port, { tls: { ca } })
      for (let served = 0; served < 3; served++) {
        const response = yield* connection.execute(
          HttpRequest.post("/", { body: HttpBody.bytes(Buffer.from("secret")) })
        )
        assert.deepStrictEqual(yield* told(response), [200, "secret"])
        assert.strictEqual(response.connection.requestsServed, served)
      }
      assert.strictEqual(server.connections.all.length, 1)
    }))

  it.scoped("is not trusted without its authority, and gets no request", () =>
    Effect.gen(function*() {
      const { server: identity } = yield* made
      let requests = 0
      const server = yield* secureWebServer(identity, () => requests++)
      const connection = yield* connect(server.port, { tls: true })
      const error = yield* Effect.flip(connection.execute(HttpRequest.get("/")))
      assert.deepStrictEqual([error._tag, error.context.requestState, requests], ["TlsError", "NotSent", 0])
    }))

  it.scoped("asks for the client's certificate and gets it", () =>
    Effect.gen(function*() {
      const { ca, client, server: identity } = yield* made
      const server = yield* secureWebServer({ ...identity, ca, requestCert: true }, (request, response) => {
        const socket = request.socket as TLSSocket
        response.end(`${socket.authorized} ${socket.getPeerCertificate().subject.CN}`)
      })
      const connection = yield* connect(server.port, { tls: { ca, cert: client.cert, key: client.key } })
      const response = yield* connection.execute(HttpRequest.get("/"))
      assert.strictEqual(yield* response.text, "true Test 06")
    }))

  it.scoped("gets and sends 64 MiB", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* secureWebServer(identity, (request, response) => {
        if (request.method === "PUT") answerDigest(request, response)
        else sendPieces(large, response)
      })
      const connection = yield* connect(server.port, { tls: { ca } })
      const expected = digestOf(large)
      const up = yield* connection.execute(HttpRequest.put("/", { body: HttpBody.stream(streamOf(large)) }))
      assert.deepStrictEqual(yield* told(up), [200, expected])
      const down = yield* connection.execute(HttpRequest.get("/"))
      assert.strictEqual(yield* digestOfBody(down), expected)
      assert.strictEqual(server.connections.all.length, 1)
    }))

  it.scoped("refuses a body with 413 and resets the connection: its answer is delivered", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* secureWebServer(identity, refuse)
      const connection = yield* connect(server.port, { tls: { ca } })
      const body = HttpBody.stream(Stream.forever(streamOf(65_521)))
      const response = yield* connection.execute(HttpRequest.put("/", { body }))
      assert.deepStrictEqual(yield* told(response), [413, "too large"])
    }))

  it.scoped("is reached through a tunnel, and its certificate is checked, not the proxy's", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* secureWebServer(identity, echo)
      const through = yield* proxy
      const connection = yield* connect(through.port, { tls: { ca }, tunnel: { host: "localhost", port: server.port } })
      for (let served = 0; served < 2; served++) {
        const response = yield* connection.execute(HttpRequest.put("/", { body: HttpBody.stream(streamOf(1_000_000)) }))
        assert.strictEqual((yield* response.bytes).length, 1_000_000)
        assert.strictEqual(response.connection.requestsServed, served)
      }
      assert.deepStrictEqual(through.asked.map(({ url }) => url), [`localhost:${server.port}`])
    }))

  it.scoped("closes an idle connection, and the next request opens another", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* secureWebServer(identity, echo)
      const { closed, onEvent } = watched()
      const connection = yield* connect(server.port, { tls: { ca }, onEvent })
      for (let times = 1; times <= 2; times++) {
        const response = yield* connection.execute(HttpRequest.get("/"))
        assert.deepStrictEqual([response.status, yield* response.text, response.connection.reused], [200, "", false])
        const socket = yield* server.connections.next
        socket.end()
        yield* closed(times)
      }
    }))
})
