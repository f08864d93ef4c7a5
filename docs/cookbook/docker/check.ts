/** Runs the program against an imitation of Docker on a unix socket, which cuts its bytes anywhere. */
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { mkdtemp, rm } from "node:fs/promises"
import * as http from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Duplex } from "node:stream"
import { same } from "../expect.ts"
import { demultiplex, linesOf } from "./frames.ts"
import { connections, make } from "./program.ts"

const frame = (stream: number, text: string): Buffer => {
  const head = Buffer.alloc(8)
  head.writeUInt8(stream, 0)
  head.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([head, Buffer.from(text)])
}

const log = Buffer.concat([
  frame(1, "listening on 80"),
  frame(2, "no certificate: € 5 f"),
  frame(1, "80\n"),
  frame(2, "ine\n"),
  frame(1, ""),
  frame(1, `${"x".repeat(100_000)}\nlast`)
])

const sendJson = (response: http.ServerResponse, status: number, value: unknown): void =>
  void response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value))

/** The containers `web`, whose log it has, and `shell`, which says back what it reads. */
const imitation = Effect.gen(function*() {
  const closed = yield* Deferred.make<void>()
  const server = http.createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://docker")
    if (pathname === "/v1.43/containers/json") {
      sendJson(response, 200, [
        { Id: "c1", Names: ["/web"], State: "running", Image: "nginx", Ports: [] },
        { Id: "c2", Names: ["/shell"], State: "created", Image: "busybox", Ports: [] }
      ])
    } else if (pathname === "/v1.43/containers/web/logs") {
      response.writeHead(200, { "Content-Type": "application/vnd.docker.multiplexed-stream" })
      if (searchParams.get("follow") === "true") {
        response.on("close", () => Deferred.unsafeDone(closed, Effect.void))
        response.write(log)
      } else response.end(log)
    } else if (pathname === "/v1.43/containers/tty/logs") response.end("plain text of a terminal\n")
    else sendJson(response, 404, { message: `No such container: ${pathname.split("/")[3]}` })
  })
  server.on("upgrade", (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url?.includes("/containers/shell/attach") !== true) {
      const text = JSON.stringify({ message: "No such container: none" })
      return void socket.end(
        `HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`
      )
    }
    socket.write(
      "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
    )
    const answer = (bytes: Buffer): void => {
      if (bytes.toString() === "exit\n") socket.end(frame(2, "bye\n"))
      else if (bytes.length > 0) socket.write(frame(1, bytes.toString().toUpperCase()))
    }
    answer(head)
    socket.on("data", answer).on("error", () => {}).on("end", () => socket.end(frame(2, "end of stdin\n")))
  })
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "docker-"))),
    (directory) => Effect.promise(() => rm(directory, { recursive: true }))
  )
  const socketPath = join(directory, "docker.sock")
  yield* Effect.acquireRelease(
    Effect.async<void>((resume) => void server.listen(socketPath, () => resume(Effect.void))),
    () =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  return { socketPath, closed }
})

const text = (piece: { readonly from: string; readonly bytes: Uint8Array }) =>
  `${piece.from}: ${Buffer.from(piece.bytes).toString().trim()}`

const frames = Effect.gen(function*() {
  const expected = ["listening on 8080", "x".repeat(100_000), "last"]
  for (const size of [1, 3, 8, 9, 4096, log.length]) {
    const pieces = Array.from(
      { length: Math.ceil(log.length / size) },
      (_, i) => log.subarray(i * size, (i + 1) * size)
    )
    const output = demultiplex(Stream.fromIterable(pieces))
    yield* same(
      `stdout, ${size} bytes at once`,
      Chunk.toReadonlyArray(yield* Stream.runCollect(linesOf(output, "stdout"))),
      expected
    )
    yield* same("stderr", Chunk.toReadonlyArray(yield* Stream.runCollect(linesOf(output, "stderr"))), [
      "no certificate: € 5 fine"
    ])
  }
  const cut = yield* Effect.flip(Stream.runDrain(demultiplex(Stream.make(log.subarray(0, 20)))))
  yield* same("the end within a frame", cut._tag, "CutFrame")
})

export const check = Effect.gen(function*() {
  yield* frames
  const { closed, socketPath } = yield* imitation
  const docker = yield* make(socketPath)
  yield* same(
    "the containers",
    (yield* docker.containers).map(({ id, names, state }) => ({ id, names, state })),
    [{ id: "c1", names: ["/web"], state: "running" }, { id: "c2", names: ["/shell"], state: "created" }]
  )

  const past = yield* Stream.runCollect(linesOf(docker.logs("web", { follow: false, tail: 10 }), "stderr"))
  yield* same("the log", Chunk.toReadonlyArray(past), ["no certificate: € 5 fine"])
  // A log that is followed does not end by itself. The end of the stream closes its connection.
  const first = yield* Stream.runHead(linesOf(docker.logs("web", { follow: true, tail: 10 }), "stdout"))
  yield* same("the first line", first, Option.some("listening on 8080"))
  yield* Deferred.await(closed)
  const none = yield* Effect.flip(Stream.runDrain(docker.logs("none", { follow: true, tail: 10 })))
  yield* same("no container", [none._tag, none.message], ["DockerError", "No such container: none"])
  const terminal = yield* Effect.flip(Stream.runDrain(docker.logs("tty", { follow: false, tail: 10 })))
  yield* same("a terminal", terminal._tag, "NotFrames")

  // A conversation: what is sent depends on what has arrived.
  const typed = yield* Queue.unbounded<string>()
  const stdin = Stream.encodeText(Stream.fromQueue(typed))
  const talk = yield* Effect.fork(
    docker.attach("shell", stdin).pipe(
      Stream.tap(({ bytes }) => Buffer.from(bytes).toString() === "ONE\n" ? Queue.offer(typed, "exit\n") : Effect.void),
      Stream.runCollect
    )
  )
  yield* Queue.offer(typed, "one\n")
  yield* same("a conversation", Array.from(yield* Fiber.join(talk), text), ["stdout: ONE", "stderr: bye"])
  const whole = yield* Stream.runCollect(docker.attach("shell", Stream.encodeText(Stream.make("one\n"))))
  yield* same("the end of stdin", Array.from(whole, text), ["stdout: ONE", "stderr: end of stdin"])
  const refused = yield* Effect.flip(Stream.runDrain(docker.attach("none", stdin)))
  const missing = yield* Effect.flip(Effect.flatMap(make(`${socketPath}.none`), ({ containers }) => containers))
  yield* same("no socket", [missing._tag, "reason" in missing ? missing.reason : ""], ["ConnectError", "NoEntry"])
  yield* same("attach to none", [refused._tag, refused.message], ["DockerError", "No such container: none"])
}).pipe(Effect.provide(connections))
