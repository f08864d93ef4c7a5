/**
 * Upgraded connections over real sockets: WebSocket of the `ws` package on both sides, raw streams as `docker attach` has them,
 * tunnels through a proxy, and each way of using the bytes.
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Socket from "@effect/platform/Socket"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as http from "node:http"
import * as https from "node:https"
import type * as net from "node:net"
import { join } from "node:path"
import type { Duplex } from "node:stream"
import * as ws from "ws"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import * as Origin from "../../src/Origin.ts"
import * as Upgrade from "../../src/Upgrade.ts"
import { certificates } from "../fixtures/certificates.ts"
import { directory, turnUntil } from "../fixtures/sockets.ts"
import { originOf, proxyAt, proxyServer } from "./poolKit.ts"

/** Starts a server, and ends it with its connections when the scope ends. */
const listening = (
  server: http.Server | https.Server,
  where: net.ListenOptions = { host: "127.0.0.1", port: 0 }
): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<number>((resume) => {
      const sockets = new Set<net.Socket>()
      server.on("connection", (socket: net.Socket) => {
        sockets.add(socket)
        socket.on("error", () => {})
      })
      server.on("close", () => {
        for (const socket of sockets) socket.destroy()
      })
      Object.assign(server, { sockets })
      server.listen(where, () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () =>
      Effect.sync(() => {
        for (const socket of (server as unknown as { readonly sockets: Set<net.Socket> }).sockets) socket.destroy()
        server.close()
      })
  )

/** Says back whatever it receives, in the protocol `echo`. What the client finishes it finishes too. */
const echoServer = (): http.Server => {
  const server = http.createServer((_request, response) => response.writeHead(426, { "content-length": "2" }).end("no"))
  server.on("upgrade", (_request, socket: Duplex, head: Buffer) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
    socket.write(head)
    socket.pipe(socket)
  })
  return server
}

const echo = (port: number) => HttpRequest.get(`http://127.0.0.1:${port}/`, { headers: { Upgrade: "echo" } })

const text = (upgraded: Upgrade.Upgraded): Effect.Effect<string, Upgrade.Failure> =>
  Stream.runFold(Stream.decodeText(upgraded.stream), "", (all, piece) => all + piece)

const run = <A, E>(
  test: Effect.Effect<A, E, Scope.Scope | ConnectionPool.ConnectionPool>,
  options: ConnectionPool.Options = {}
) =>
  Effect.scoped(test).pipe(
    Effect.provide(ConnectionPool.layer(options)),
    Effect.provide(NodeTransport.layer)
  )

/** A client of `ws` on a connection that has been upgraded already. The names are private to it. */
const webSocketOver = (duplex: Duplex): ws.WebSocket => {
  const socket = Reflect.construct(ws.WebSocket, [null, undefined, { autoPong: true, closeTimeout: 30_000 }]) as
    & ws.WebSocket
    & {
      _isServer: boolean
      setSocket(socket: Duplex, head: Buffer, options: object): void
    }
  socket._isServer = false
  socket.setSocket(duplex, Buffer.alloc(0), { allowSynchronousEvents: true, maxPayload: 0, skipUTF8Validation: false })
  return socket
}

const key = "dGhlIHNhbXBsZSBub25jZQ=="

const webSocket = (url: string) =>
  HttpRequest.get(url, { headers: { Upgrade: "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key } })

const event = (socket: ws.WebSocket, name: "message" | "pong" | "close"): Effect.Effect<ReadonlyArray<unknown>> =>
  Effect.async((resume) => void socket.once(name, (...values: Array<unknown>) => resume(Effect.succeed(values))))

/** Text, binary, ping and close, over a server of `ws` that says back what it receives. */
const talks = (request: HttpRequest.HttpRequest) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.ConnectionPool
    const upgraded = yield* pool.upgrade(request)
    assert.deepStrictEqual([upgraded.status, upgraded.protocol?.toLowerCase()], [101, "websocket"])
    const client = webSocketOver(yield* Upgrade.toDuplex(upgraded))
    const big = Buffer.alloc(1_048_576, "x")
    for (const [sent, isBinary] of [["hello", false], [Buffer.from([0, 255, 1]), true], [big, true]] as const) {
      const answer = yield* Effect.fork(event(client, "message"))
      yield* Effect.yieldNow()
      client.send(sent)
      const [data, binary] = yield* Fiber.join(answer)
      assert.strictEqual(binary, isBinary)
      assert.isTrue(Buffer.from(data as Buffer).equals(Buffer.from(sent as string)))
    }
    const pong = yield* Effect.fork(event(client, "pong"))
    yield* Effect.yieldNow()
    client.ping("p")
    assert.strictEqual(String((yield* Fiber.join(pong))[0]), "p")
    assert.strictEqual((yield* pool.stats).busy, 1)
    const closed = yield* Effect.fork(event(client, "close"))
    yield* Effect.yieldNow()
    client.close(1000, "bye")
    assert.strictEqual((yield* Fiber.join(closed))[0], 1000)
    yield* turnUntil(() => client.readyState === ws.WebSocket.CLOSED)
    const { busy, idle } = yield* pool.stats
    assert.deepStrictEqual([busy, idle], [0, 0])
  })

const webSocketServer = (server: http.Server | https.Server): void => {
  const sockets = new ws.WebSocketServer({ server })
  sockets.on(
    "connection",
    (socket) => socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }))
  )
}

describe("WebSocket with ws on both sides", () => {
  it.effect("carries text, binary, 1 MiB, ping and close", () =>
    run(Effect.gen(function*() {
      const server = http.createServer()
      webSocketServer(server)
      const port = yield* listening(server)
      yield* talks(webSocket(`http://127.0.0.1:${port}/`))
    })))

  it.effect("does so over TLS", () =>
    Effect.gen(function*() {
      const { ca, server: { cert, key } } = yield* Effect.promise(certificates)
      yield* run(
        Effect.gen(function*() {
          const server = https.createServer({ cert, key })
          webSocketServer(server)
          const port = yield* listening(server)
          yield* talks(webSocket(`https://localhost:${port}/`))
        }),
        { tls: { ca } }
      )
    }))

  it.effect("does so through a tunnel of a proxy that would forward other requests", () =>
    Effect.scoped(Effect.gen(function*() {
      const { asked, server } = proxyServer()
      const proxy = yield* listening(server)
      yield* run(
        Effect.gen(function*() {
          const server = http.createServer()
          webSocketServer(server)
          const port = yield* listening(server)
          yield* talks(webSocket(`http://127.0.0.1:${port}/`))
        }),
        { proxy: proxyAt(proxy) }
      )
      assert.deepStrictEqual(asked.map(({ method }) => method), ["CONNECT"])
    })))
})

/** A frame of `docker attach`: the stream, three zeros, the length, and the bytes. */
const frame = (stream: 1 | 2, data: string): Buffer => {
  const head = Buffer.alloc(8)
  head[0] = stream
  head.writeUInt32BE(Buffer.byteLength(data), 4)
  return Buffer.concat([head, Buffer.from(data)])
}

const frames = (bytes: Buffer): ReadonlyArray<readonly [stream: number | undefined, data: string]> => {
  const found: Array<readonly [number | undefined, string]> = []
  for (let at = 0; at < bytes.length;) {
    const end = at + 8 + bytes.readUInt32BE(at + 4)
    found.push([bytes[at], bytes.subarray(at + 8, end).toString()])
    at = end
  }
  return found
}

describe("raw streams over a unix socket, as docker attach has them", () => {
  it.effect("carry stdin with its end, and frames of stdout and stderr", () =>
    run(Effect.gen(function*() {
      const socketPath = join(yield* directory, "docker.sock")
      const server = http.createServer()
      server.on("upgrade", (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
        assert.deepStrictEqual([request.method, request.headers.upgrade], ["POST", "tcp"])
        socket.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
        const stdin = [head]
        socket.on("data", (bytes: Buffer) => stdin.push(bytes))
        socket.on("end", () => {
          socket.write(frame(1, `got ${Buffer.concat(stdin).toString()}`))
          socket.end(frame(2, "done"))
        })
      })
      yield* listening(server, { path: socketPath })
      const pool = yield* ConnectionPool.ConnectionPool
      const upgraded = yield* pool.upgrade(
        HttpRequest.post("/containers/x/attach?stream=1&stdin=1&stdout=1&stderr=1", {
          origin: Either.getOrThrow(Origin.make({ scheme: "http", host: "docker", socketPath })),
          headers: { Upgrade: "tcp" }
        })
      )
      yield* Stream.run(Stream.make(Buffer.from("ls "), Buffer.from("-l")), upgraded.sink)
      const chunks = yield* Stream.runCollect(upgraded.stream)
      assert.deepStrictEqual(frames(Buffer.concat([...chunks])), [[1, "got ls -l"], [2, "done"]])
    })))
})

describe("a tunnel of the caller's own", () => {
  it.effect("is opened by CONNECT to the proxy, and leads to the other end", () =>
    run(Effect.gen(function*() {
      const proxy = yield* listening(proxyServer().server)
      const port = yield* listening(echoServer())
      const pool = yield* ConnectionPool.ConnectionPool
      const tunnel = yield* pool.upgrade(
        HttpRequest.make("CONNECT", `127.0.0.1:${port}`, { origin: originOf(`http://127.0.0.1:${proxy}`) })
      )
      yield* tunnel.write(Buffer.from("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
      assert.match(yield* text(tunnel), /^HTTP\/1\.1 426 /)
    })))
})

describe("the socket of the platform", () => {
  it.effect("runs until the server ends, and its writer finishes sending with its scope", () =>
    run(Effect.gen(function*() {
      const port = yield* listening(echoServer())
      const upgraded = yield* Upgrade.execute(
        HttpClientRequest.get(`http://127.0.0.1:${port}/`).pipe(HttpClientRequest.setHeader("upgrade", "echo"))
      )
      const socket = yield* Upgrade.toSocket(upgraded)
      assert.isTrue(Socket.isSocket(socket))
      let seen = ""
      const running = yield* Effect.fork(socket.run((bytes) => {
        seen += Buffer.from(bytes).toString()
      }))
      yield* Effect.scoped(Effect.gen(function*() {
        const write = yield* socket.writer
        yield* write("one, ")
        yield* write(Buffer.from("two"))
      }))
      yield* Fiber.join(running)
      assert.strictEqual(seen, "one, two")
      const error = yield* Effect.flip(socket.run(() => {}))
      assert.strictEqual(error.reason, "Open")
    })))

  it.effect.each([[1000, undefined], [1006, undefined], [4000, "Close"]] as const)(
    "ends by a CloseEvent with %i",
    ([code, reason]) =>
      run(Effect.gen(function*() {
        const port = yield* listening(echoServer())
        const pool = yield* ConnectionPool.ConnectionPool
        const socket = yield* Upgrade.toSocket(yield* pool.upgrade(echo(port)))
        const running = yield* Effect.fork(Effect.either(socket.run(() => Effect.void)))
        yield* Effect.yieldNow()
        const write = yield* socket.writer
        yield* write(new Socket.CloseEvent(code, "enough"))
        const ended = yield* Fiber.join(running)
        assert.strictEqual(Either.isLeft(ended) ? ended.left.reason : undefined, reason)
        assert.strictEqual((yield* pool.stats).busy, 0)
      }))
  )

  it.effect("fails with the failure of its handler", () =>
    run(Effect.gen(function*() {
      const port = yield* listening(echoServer())
      const pool = yield* ConnectionPool.ConnectionPool
      const upgraded = yield* pool.upgrade(echo(port))
      const socket = yield* Upgrade.toSocket(upgraded)
      const running = yield* Effect.fork(Effect.flip(socket.run(() => Effect.fail("no" as const))))
      const write = yield* socket.writer
      yield* write("x")
      assert.strictEqual(yield* Fiber.join(running), "no")
    })))
})

describe("the duplex of Node", () => {
  it.effect("is half-closed by `end`, and closes when both sides have finished", () =>
    run(Effect.gen(function*() {
      const port = yield* listening(echoServer())
      const pool = yield* ConnectionPool.ConnectionPool
      const duplex = yield* Upgrade.toDuplex(yield* pool.upgrade(echo(port)))
      const seen = yield* Effect.async<string, Error>((resume) => {
        let all = ""
        duplex.on("data", (bytes: Buffer) => {
          all += bytes.toString()
        })
        duplex.on("error", (error) => resume(Effect.fail(error)))
        duplex.on("close", () => resume(Effect.succeed(all)))
        duplex.write("a")
        duplex.end("b")
      })
      assert.strictEqual(seen, "ab")
      assert.strictEqual((yield* pool.stats).busy, 0)
    })))

  it.effect("closes without an error when the scope ends or it is destroyed, and the connection with it", () =>
    run(Effect.gen(function*() {
      const port = yield* listening(echoServer())
      const pool = yield* ConnectionPool.ConnectionPool
      const ends: Array<string> = []
      const noted = (duplex: Duplex) =>
        Effect.sync(() => {
          duplex.on("error", () => ends.push("error"))
          duplex.on("close", () => ends.push("close"))
          return duplex
        })
      yield* Effect.scoped(Effect.flatMap(Effect.flatMap(pool.upgrade(echo(port)), Upgrade.toDuplex), noted))
      const duplex = yield* Effect.flatMap(Effect.flatMap(pool.upgrade(echo(port)), Upgrade.toDuplex), noted)
      duplex.destroy()
      yield* turnUntil(() => ends.length === 2)
      assert.deepStrictEqual(ends, ["close", "close"])
      assert.strictEqual((yield* pool.stats).busy, 0)
    })))

  it.effect("whose write is under way when the scope ends reports that to the write alone", () =>
    run(Effect.gen(function*() {
      const server = http.createServer()
      server.on("upgrade", (_request, socket: net.Socket) => {
        socket.pause()
        socket.write("HTTP/1.1 101 Up\r\nUpgrade: echo\r\n\r\n")
      })
      const port = yield* listening(server)
      const pool = yield* ConnectionPool.ConnectionPool
      const ends: Array<string> = []
      yield* Effect.scoped(Effect.gen(function*() {
        const duplex = yield* Upgrade.toDuplex(yield* pool.upgrade(echo(port)))
        duplex.on("error", () => ends.push("error"))
        duplex.on("close", () => ends.push("close"))
        // More than the system takes from a server that does not read.
        duplex.write(Buffer.alloc(67_108_864), (error) => ends.push(error === null ? "written" : "not written"))
        assert.deepStrictEqual(ends, [])
      }))
      // Not within the call that closed it.
      assert.deepStrictEqual(ends, [])
      yield* turnUntil(() => ends.includes("close"))
      assert.deepStrictEqual(ends, ["not written", "close"])
    })))

  it.effect("fails with the system's code if the connection breaks", () =>
    run(Effect.gen(function*() {
      const server = http.createServer()
      server.on("upgrade", (_request, socket: net.Socket) => {
        socket.write("HTTP/1.1 101 Up\r\nUpgrade: echo\r\n\r\n")
        socket.on("data", () => socket.resetAndDestroy())
      })
      const port = yield* listening(server)
      const pool = yield* ConnectionPool.ConnectionPool
      const duplex = yield* Upgrade.toDuplex(yield* pool.upgrade(echo(port)))
      const error = yield* Effect.async<NodeJS.ErrnoException>((resume) => {
        duplex.on("error", (error) => resume(Effect.succeed(error)))
        duplex.resume().write("x")
      })
      assert.strictEqual(error.code, "ECONNRESET")
      assert.deepInclude(error.cause, { _tag: "ConnectionReset" })
    })))
})

describe("a pool", () => {
  it.effect("counts an upgraded connection as busy, never uses it again, and closes it when it is shut down", () =>
    run(Effect.gen(function*() {
      const port = yield* listening(echoServer())
      const pool = yield* ConnectionPool.ConnectionPool
      const reasons: Array<string> = []
      yield* pool.subscribe((event) => void (event._tag === "Close" && reasons.push(event.reason)))
      yield* Effect.scoped(pool.upgrade(echo(port)))
      assert.deepStrictEqual(reasons, ["Upgraded"])
      const upgraded = yield* pool.upgrade(echo(port))
      assert.isFalse(upgraded.connection.reused)
      assert.strictEqual((yield* pool.stats).busy, 1)
      yield* pool.shutdown({ grace: 0 })
      assert.deepStrictEqual(reasons, ["Upgraded", "Shutdown"])
      assert.strictEqual((yield* Effect.flip(text(upgraded)))._tag, "ConnectionClosed")
    })))

  it.effect("uses the connection of a refusal again", () =>
    run(Effect.gen(function*() {
      const server = http.createServer((_request, response) =>
        response.writeHead(401, { "content-length": "2" }).end("no")
      )
      const port = yield* listening(server)
      const pool = yield* ConnectionPool.ConnectionPool
      for (const isReused of [false, true, true]) {
        const response = yield* Effect.scoped(pool.upgrade(echo(port))).pipe(
          Effect.flip,
          Effect.flatMap((error) =>
            error._tag === "UpgradeRefused" ? Effect.succeed(error.response) : Effect.die(error)
          )
        )
        assert.deepStrictEqual([response.status, response.connection.reused], [401, isReused])
        assert.strictEqual(yield* response.text, "no")
      }
    })))
})
