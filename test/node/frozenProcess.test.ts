/**
 * A process is stopped (SIGSTOP) while servers close its idle connections or send something on
 * them, and continues (SIGCONT) with a request. The bytes in the system's buffers are read before
 * the request is written.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import type * as net from "node:net"
import { afterAll, beforeAll } from "vitest"
import { bundled, type Bundles } from "../fixtures/bundled.ts"
import { Events, tcpServer, turnUntil } from "../fixtures/sockets.ts"

const program = "test/fixtures/frozen.ts"

let bundles: Bundles
beforeAll(async () => {
  bundles = await bundled([program])
})
afterAll(() => bundles.remove())

/** The program, which is asked for one answer at a time. */
const frozen = (port: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [bundles.of(program), String(port)], { stdio: ["pipe", "pipe", "inherit"] })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    ),
    (child) => {
      const lines = new Events<string>()
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        for (const line of text.trimEnd().split("\n")) lines.push(line)
      })
      return {
        ask: (way: string) => Effect.sync(() => void child.stdin.write(`${way}\n`)),
        answer: lines.next,
        /** Linux says `T` for a process that is stopped. */
        stop: Effect.suspend(() => {
          child.kill("SIGSTOP")
          return turnUntil(() => /\) T /.test(readFileSync(`/proc/${child.pid}/stat`, "latin1")))
        }),
        goOn: Effect.sync(() => child.kill("SIGCONT"))
      }
    }
  )

/** What the server does with all connections while the process is stopped. Each calls back when the system has it. */
const doings: ReadonlyArray<readonly [name: string, act: (socket: net.Socket, done: () => void) => void]> = [
  ["closes", (socket, done) => socket.end(done)],
  ["resets", (socket, done) => socket.once("close", done).resetAndDestroy()],
  [
    "sends a 408 and closes",
    (socket, done) => socket.end("HTTP/1.1 408 R\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", done)
  ],
  ["sends a stray answer", (socket, done) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray", done)]
]

it.live(
  "a POST of a process that was stopped goes elsewhere, whatever its connection had in store",
  () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* tcpServer()
      const sockets = new Set<net.Socket>()
      let answers = 0
      server.raw.on("connection", (socket: net.Socket) => {
        sockets.add(socket)
        // What follows an answer must not wait until that is acknowledged.
        socket.setNoDelay(true)
        socket.on("close", () => sockets.delete(socket))
        socket.on("end", () => socket.destroy())
        socket.on("data", (bytes: Buffer) => {
          if (!bytes.includes("POST")) return
          const body = `answer ${++answers}`
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
        })
      })
      const child = yield* frozen(server.port)
      let expected = 0
      for (const way of ["pool", "connection", "client"]) {
        for (const [name, act] of doings) {
          yield* child.ask(way)
          assert.strictEqual(yield* child.answer, `answer ${++expected}`, `${way}, before the server ${name}`)
          yield* child.stop
          // The line that asks is the first that the process finds when it goes on. What the server did lies there, too.
          yield* child.ask(way)
          yield* Effect.forEach(sockets, (socket) =>
            Effect.async<void>((resume) => act(socket, () => resume(Effect.void))))
          yield* child.goOn
          assert.strictEqual(yield* child.answer, `answer ${++expected}`, `${way}, when the server ${name}`)
        }
      }
    })),
  60_000
)
