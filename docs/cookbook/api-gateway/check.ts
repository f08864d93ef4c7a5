/** Runs the gateway against upstreams on 127.0.0.1, and fails if anything is not as the page says. */
import {
  ConnectionPool,
  HttpBody,
  HttpConnection,
  HttpFields,
  type HttpRequest,
  HttpRequest as Request,
  NodeTransport
} from "effect-http-client"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as assert from "node:assert/strict"
import * as http from "node:http"
import * as net from "node:net"
import { host, listen, raw, unusedPort } from "../../demo/servers/listen.ts"
import * as gateway from "./program.ts"

const equal = (found: unknown, expected: unknown) => Effect.sync(() => assert.deepEqual(found, expected))

/** An upstream that answers any head with these bytes, and then ends the connection or lets it be. */
const answering = (bytes: string, then: "end" | "stay" = "end") => {
  const heads: Array<string> = []
  return Effect.map(
    raw((socket) => {
      socket.once("data", (piece) => {
        heads.push(piece.toString("latin1"))
        if (then === "end") socket.end(bytes, "latin1")
        else socket.write(bytes, "latin1")
      })
    }),
    (port) => ({ port, heads })
  )
}

/** What a raw client gets for these bytes until the connection ends. */
const exchange = (port: number, bytes: string) =>
  Effect.async<string>((resume) => {
    let text = ""
    const socket = net.connect(port, host, () => socket.write(bytes))
    socket.setEncoding("latin1").on("data", (piece: string) => (text += piece))
    // A reset after the gateway has read too little of a request is an end as well.
    socket.on("error", () => {}).on("close", () => resume(Effect.succeed(text)))
  })

const last = "Host: shop.example\r\nConnection: close\r\n\r\n"

/** One connection to the gateway, and what it answers to one request. */
const asking = <E>(port: number, request: HttpRequest.HttpRequest<E>) =>
  Effect.flatMap(HttpConnection.make({ host, port }), (connection) => connection.execute(request))

const start = (paths: Readonly<Record<string, number>>, options: ConnectionPool.Options = {}) => {
  const routes = Object.fromEntries(Object.entries(paths).map(([path, port]) => [path, `http://${host}:${port}`]))
  return Effect.flatMap(
    ConnectionPool.make(options),
    (pool) =>
      Effect.provideService(gateway.make({ name: "gate", host, port: 0, routes }), ConnectionPool.ConnectionPool, pool)
  )
}

/** The fields of one connection stay on it; those of the message are forwarded, in their order and spelling. */
const fields = Effect.gen(function*() {
  const upstream = yield* answering(
    "HTTP/1.1 200 Fine\r\nset-COOKIE: a=1\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nConnection: close, x-hop\r\n"
      + "Set-Cookie: b=2\r\nContent-Length: 2\r\n\r\nhi"
  )
  const port = yield* start({ "/": upstream.port })
  const text = yield* exchange(
    port,
    "GET /a/../b?q=%7e HTTP/1.1\r\nHost: shop.example\r\nX-Custom: 1\r\nX-Secret: 1\r\nTE: trailers\r\n"
      + "Forwarded: for=10.0.0.1\r\nX-Forwarded-For: 10.0.0.1\r\nProxy-Authorization: Basic c3BhbQ==\r\n"
      + "Keep-Alive: 9\r\nUpgrade: h2c\r\nConnection: close, X-Secret, Upgrade\r\n\r\n"
  )
  yield* equal(upstream.heads, [
    `GET /a/../b?q=%7e HTTP/1.1\r\nHost: ${host}:${upstream.port}\r\nConnection: TE\r\nX-Custom: 1\r\n`
    + "Via: 1.1 gate\r\nForwarded: for=127.0.0.1;host=\"shop.example\";proto=http\r\nTE: trailers\r\n\r\n"
  ])
  const [head = "", body] = text.split("\r\n\r\n")
  yield* equal(head.split("\r\n").filter((line) => !line.startsWith("Date:")), [
    "HTTP/1.1 200 Fine",
    "set-COOKIE: a=1",
    "Set-Cookie: b=2",
    "Content-Length: 2",
    "Via: 1.1 gate",
    "Connection: close"
  ])
  yield* equal(body, "hi")
})

/** What the gateway answers itself, and which error is which status. */
const refusals = Effect.gen(function*() {
  const silent = yield* raw(() => {})
  const closing = yield* answering("")
  const babbling = yield* answering("SSH-2.0-OpenSSH_9.2\r\n")
  const port = yield* start(
    { "/gone": yield* unusedPort, "/silent": silent, "/closing": closing.port, "/babbling": babbling.port },
    { connectRetryTime: 0, timeouts: { head: "50 millis" } }
  )
  const first = (start: string) =>
    Effect.map(exchange(port, `${start}${last}`), (text) => {
      const [status = ""] = text.split("\r\n")
      return [status, /^Proxy-Status: (.*)\r$/m.exec(text)?.[1]]
    })
  yield* equal(yield* first("GET /gone HTTP/1.1\r\n"), ["HTTP/1.1 502 Bad Gateway", "gate; error=connection_refused"])
  yield* equal(yield* first("GET /silent/1 HTTP/1.1\r\n"), [
    "HTTP/1.1 504 Gateway Timeout",
    "gate; error=http_response_timeout"
  ])
  yield* equal(yield* first("GET /closing?a HTTP/1.1\r\n"), [
    "HTTP/1.1 502 Bad Gateway",
    "gate; error=connection_terminated"
  ])
  yield* equal(yield* first("GET /babbling HTTP/1.1\r\n"), [
    "HTTP/1.1 502 Bad Gateway",
    "gate; error=http_protocol_error"
  ])
  yield* equal(yield* first("GET /goner HTTP/1.1\r\n"), ["HTTP/1.1 404 Not Found", undefined])
  yield* equal(yield* first("GET http://127.0.0.1/gone HTTP/1.1\r\n"), ["HTTP/1.1 404 Not Found", undefined])
  yield* equal(yield* first("POST /gone HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n"), [
    "HTTP/1.1 501 Not Implemented",
    undefined
  ])
})

/** A pool that has no room answers 503 at once. */
const overload = Effect.gen(function*() {
  const waits = yield* Deferred.make<void>()
  const upstream = yield* raw((socket) => {
    socket.once("data", () => Deferred.unsafeDone(waits, Effect.void))
  })
  const port = yield* start({ "/": upstream }, { connectionsPerOrigin: 1, waiters: 0 })
  yield* Effect.fork(asking(port, Request.get("/first")))
  yield* Deferred.await(waits)
  const response = yield* asking(port, Request.get("/second"))
  yield* equal([response.status, response.getHeader("Retry-After"), response.proxyStatus[0]?.error], [
    503,
    "1",
    "connection_limit_reached"
  ])
})

/** Trailers pass in both directions, and a 103 before them. */
const trailers = Effect.gen(function*() {
  const upstream = yield* listen(
    http.createServer((request, response) => {
      response.writeEarlyHints({ link: "</style.css>; rel=preload; as=style" })
      request.resume().on("end", () => {
        response.writeHead(200, { Trailer: "X-Sum" })
        response.write("body")
        response.addTrailers({ "X-Sum": String(request.trailers["x-sum"]) })
        response.end()
      })
    })
  )
  const port = yield* start({ "/": upstream })
  const response = yield* asking(
    port,
    Request.post("/", {
      body: HttpBody.stream(Stream.make(new Uint8Array(10))),
      trailers: Effect.succeed({ "X-Sum": "10" }),
      acceptTrailers: true
    })
  )
  yield* equal(yield* response.text, "body")
  yield* equal(HttpFields.entries(yield* response.trailers), [["X-Sum", "10"]])
  yield* equal(response.informational.map(({ fields, status }) => [status, HttpFields.getAll(fields, "link")]), [
    [103, ["</style.css>; rel=preload; as=style"]]
  ])
})

const size = 64 * 1024 * 1024

/** Small requests pass until a count has not changed for 100 of them: what could flow has flowed. */
const settled = (port: number, count: () => number) =>
  Effect.gen(function*() {
    const connection = yield* HttpConnection.make({ host, port })
    let [before, same] = [-1, 0]
    while (same < 100) {
      yield* Effect.flatMap(connection.execute(Request.get("/small")), (response) => response.text)
      same = count() === before ? same + 1 : 0
      before = count()
    }
    return before
  })

/** A receiver that reads nothing stops the sender, in both directions; then everything arrives. */
const backPressure = Effect.gen(function*() {
  let [sent, received] = [0, 0]
  const ready = yield* Deferred.make<http.IncomingMessage>()
  const pieces = (onPiece: () => void) => {
    const piece = new Uint8Array(64 * 1024)
    return Stream.tap(Stream.take(Stream.repeatValue(piece), size / piece.length), () => Effect.sync(onPiece))
  }
  const upstream = yield* listen(
    http.createServer((request, response) => {
      if (request.url === "/small") response.end("small")
      else if (request.method === "POST") Deferred.unsafeDone(ready, Effect.succeed(request.pause()))
      else {
        const piece = Buffer.alloc(64 * 1024)
        const write = (): void => {
          while (sent < size && response.write(piece)) sent += piece.length
          if (sent < size) response.once("drain", () => ((sent += piece.length), write()))
          else response.end()
        }
        write()
      }
    })
  )
  const port = yield* start({ "/": upstream })

  const download = yield* asking(port, Request.get("/large"))
  const paused = yield* settled(port, () => sent)
  yield* equal(paused < size, true)
  const bytes = yield* Stream.runFold(download.stream, 0, (sum, piece) => sum + piece.length)
  yield* equal(bytes >= size, true)

  let given = 0
  const upload = yield* Effect.fork(
    asking(port, Request.post("/upload", { body: HttpBody.stream(pieces(() => (given += 64 * 1024))) }))
  )
  const request = yield* Deferred.await(ready)
  yield* equal((yield* settled(port, () => given)) < size, true)
  yield* Effect.async<void>((resume) => {
    request.on("data", (piece: Buffer) => (received += piece.length)).on("end", () => resume(Effect.void)).resume()
  })
  yield* equal(received, size)
  yield* Fiber.interrupt(upload)
})

/** A 413 while the body is still being sent reaches the client, even though the upstream closes its connection. */
const earlyAnswer = Effect.gen(function*() {
  const upstream = yield* answering(
    "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig"
  )
  const port = yield* start({ "/": upstream.port })
  const endless = HttpBody.stream(Stream.concat(Stream.make(new Uint8Array(1000)), Stream.never))
  const response = yield* asking(port, Request.put("/", { body: endless }))
  yield* equal([response.status, yield* response.text], [413, "big"])

  // A client that writes all of it before it reads gets there, because the gateway drops what the upstream did not want.
  const answered = yield* Effect.async<string>((resume) => {
    const client = net.connect(port, host, () => {
      client.write(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`)
      client.write(Buffer.alloc(size), () => {
        client.setEncoding("latin1").once("data", (text: string) => {
          client.destroy()
          resume(Effect.succeed(text))
        })
      })
    })
  })
  yield* equal(answered.split("\r\n")[0], "HTTP/1.1 413 Content Too Large")
})

/** With `Expect: 100-continue` the upstream decides, and a body that it refuses is not sent. */
const expectations = Effect.gen(function*() {
  const server = http.createServer((request, response) => {
    let bytes = 0
    request.on("data", (piece: Buffer) => (bytes += piece.length)).on("end", () => response.end(`${bytes} bytes`))
  })
  server.on("checkContinue", (request: http.IncomingMessage, response: http.ServerResponse) => {
    if (request.headers["content-length"] === "1000") response.writeHead(413, { Connection: "close" }).end()
    else {
      response.writeContinue()
      server.emit("request", request, response)
    }
  })
  const port = yield* start({ "/": yield* listen(server) })
  let begun = 0
  const put = (length: number) => {
    const body = Stream.suspend(() => (begun++, Stream.make(new Uint8Array(length))))
    return asking(
      port,
      Request.put("/", {
        body: HttpBody.stream(body, { length }),
        expectContinue: true,
        timeouts: { continue: "1 minute" }
      })
    )
  }
  yield* equal((yield* put(1000)).status, 413)
  yield* equal(begun, 0)
  yield* equal(yield* Effect.flatMap(put(10), (response) => response.text), "10 bytes")
})

/** An upstream that breaks off in the middle of a body breaks the client's connection, with either framing. */
const cutUpstream = Effect.gen(function*() {
  const long = yield* answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
  const chunked = yield* answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
  const port = yield* start({ "/long": long.port, "/chunked": chunked.port })
  for (const path of ["/long", "/chunked"]) {
    const response = yield* asking(port, Request.get(path))
    const error = yield* Effect.flip(response.text)
    yield* equal([response.status, error._tag], [200, "IncompleteRead"])
    yield* equal("partial" in error && Buffer.from(error.partial ?? []).toString(), "half")
  }
})

/** A client that leaves closes the upstream's connection: before the head, in the response's body, in the request's. */
const aborts = Effect.gen(function*() {
  const begun = yield* Deferred.make<net.Socket>()
  const replies: Record<string, string> = { "/body": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf" }
  let current = begun
  const upstream = yield* raw((socket) => {
    socket.once("data", (piece) => {
      const [, path = ""] = piece.toString().split(" ")
      socket.write(replies[path] ?? "")
      Deferred.unsafeDone(current, Effect.succeed(socket))
    })
  })
  const port = yield* start({ "/": upstream })
  const starts = [
    "GET /head HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /body HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
  ]
  for (const start of starts) {
    current = yield* Deferred.make<net.Socket>()
    const client = net.connect(port, host, () => client.write(start))
    const socket = yield* Deferred.await(current)
    const closed = yield* Effect.fork(Effect.async<void>((resume) => {
      socket.on("close", () => resume(Effect.void))
    }))
    client.destroy()
    yield* Fiber.join(closed)
  }
})

/** The end of the gateway's scope cuts what is under way; the upstream is not left waiting. */
const ends = Effect.gen(function*() {
  const upstream = yield* answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "stay")
  const scope = yield* Scope.make()
  const port = yield* Scope.extend(start({ "/": upstream.port }), scope)
  const response = yield* asking(port, Request.get("/"))
  yield* Scope.close(scope, Exit.void)
  yield* equal((yield* Effect.flip(response.text))._tag, "IncompleteRead")
})

const parts = {
  fields,
  refusals,
  overload,
  trailers,
  backPressure,
  earlyAnswer,
  expectations,
  cutUpstream,
  aborts,
  ends
}

export const check = Effect.forEach(
  Object.entries(parts),
  ([name, part]) => Effect.withSpan(Effect.scoped(part), name),
  { discard: true }
).pipe(Logger.withMinimumLogLevel(LogLevel.None), Effect.provide(NodeTransport.layer))
