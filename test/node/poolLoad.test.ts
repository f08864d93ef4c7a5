/**
 * A pool under load over real sockets: 10,000 requests, 200 at once, over 10 connections, to a server that answers whole, slowly, not
 * at all, closes and resets at random, for callers some of whom go away at random. What happens is drawn from a seed, so each run asks
 * the same; how it interleaves is the machine's.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as net from "node:net"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import { isHttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import { leavesNothing, serve, turn } from "../fixtures/sockets.ts"

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
const random = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
}

const afterTurns = (turns: number, run: () => void): void => {
  if (turns <= 0) run()
  else setImmediate(() => afterTurns(turns - 1, run))
}

const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

type Answer = (socket: net.Socket, body: string, next: () => number) => void

const whole: Answer = (socket, body) => {
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
}

/** In pieces, with turns of the event loop between them. */
const slow: Answer = (socket, body, next) => {
  const pieces = [
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ...(body.match(/.{1,6}/g) ?? []).map(chunk)
  ]
  const send = (index: number): void => {
    const piece = pieces[index] ?? "0\r\n\r\n"
    if (socket.destroyed) return
    socket.write(piece)
    if (index < pieces.length) afterTurns(Math.floor(next() * 4), () => send(index + 1))
  }
  send(0)
}

/** What a server may do with a request, and how likely it is. */
const answers: ReadonlyArray<readonly [share: number, answer: Answer]> = [
  [0.74, whole],
  [0.1, slow],
  [
    0.04,
    (socket, body) =>
      socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  ],
  // Says that it goes on, and closes.
  [0.04, (socket, body) => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)],
  [0.02, (socket) => socket.end()],
  [0.02, (socket) => void socket.resetAndDestroy()],
  [0.02, (socket, body) => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length + 5}\r\n\r\n${body}`)],
  [
    0.02,
    (socket) =>
      void socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", () => socket.resetAndDestroy())
  ]
]

const answerFor = (drawn: number): Answer => {
  let sum = 0
  for (const [share, answer] of answers) {
    sum += share
    if (drawn < sum) return answer
  }
  return whole
}

/** The body of the answer to a target; no other has the same. */
const bodyOf = (target: string): string => `this is the answer to ${target} `

const server = (next: () => number) =>
  net.createServer({ noDelay: true }, (socket) => {
    let text = ""
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1")
      for (let at = text.indexOf("\r\n\r\n"); at >= 0; at = text.indexOf("\r\n\r\n")) {
        const target = text.slice(0, at).split(" ")[1] ?? ""
        text = text.slice(at + 4)
        answerFor(next())(socket, bodyOf(target), next)
      }
    })
  })

const descriptors = (): number => fs.existsSync("/proc/self/fd") ? fs.readdirSync("/proc/self/fd").length : 0

const requests = 10_000

/** The ways in which a caller reads, or does not read, a response, and what there is of the body then. */
const run = (pool: ConnectionPool.ConnectionPool, url: string, drawn: number) =>
  Effect.flatMap(pool.execute(HttpRequest.get(url)), (response) => {
    if (drawn < 0.8) return response.text
    if (drawn < 0.9) return Stream.mkString(Stream.decodeText(response.stream))
    if (drawn < 0.95) return Effect.as(response.close, undefined)
    return Effect.as(Stream.runDrain(Stream.take(response.stream, 1)), undefined)
  })

describe("a pool under load", () => {
  it.live(
    "gives each request its answer or a typed failure, and keeps nothing",
    () =>
      leavesNothing(Effect.scoped(Effect.gen(function*() {
        const serverRandom = random(1)
        const clientRandom = random(2)
        const listening = yield* serve(server(serverRandom), "connection", { host: "127.0.0.1", port: 0 })
        yield* turn
        const before = descriptors()
        const ends = { answered: 0, failed: 0, interrupted: 0 }
        yield* Effect.scoped(Effect.gen(function*() {
          const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 10, requestsPerConnection: 500 })
          let most = 0
          const one = (index: number) =>
            Effect.gen(function*() {
              const target = `/${index}`
              const url = `http://127.0.0.1:${listening.port}${target}`
              const [way, going, turns] = [clientRandom(), clientRandom(), Math.floor(clientRandom() * 30)]
              const fiber = yield* Effect.fork(run(pool, url, way))
              if (going < 0.1) {
                for (let i = 0; i < turns; i++) yield* turn
                yield* Fiber.interrupt(fiber)
              }
              const exit = yield* Fiber.await(fiber)
              const { busy, connecting, idle } = yield* pool.stats
              most = Math.max(most, busy + connecting + idle)
              if (Exit.isSuccess(exit)) {
                ends.answered++
                if (exit.value !== undefined) assert.strictEqual(exit.value, bodyOf(target))
              } else if (Cause.isInterruptedOnly(exit.cause)) {
                ends.interrupted++
                assert.isBelow(going, 0.1, "interrupted by nobody")
              } else {
                ends.failed++
                assert.isTrue(isHttpError(Cause.squash(exit.cause)), Cause.pretty(exit.cause))
              }
            })
          yield* Effect.forEach(Array.from({ length: requests }, (_, index) => index), one, {
            concurrency: 200,
            discard: true
          })
          assert.strictEqual(ends.answered + ends.failed + ends.interrupted, requests)
          // Of each there must have been some, or the load was none.
          assert.isAbove(ends.answered, requests / 2)
          assert.isAbove(ends.failed, 100)
          assert.isAbove(ends.interrupted, 100)
          assert.isAtMost(most, 10)
          yield* pool.shutdown({ grace: "5 seconds" })
          const { busy, closed, connecting, idle, opened, origins, retried, waiting } = yield* pool.stats
          assert.deepStrictEqual({ busy, connecting, idle, waiting, origins }, {
            busy: 0,
            connecting: 0,
            idle: 0,
            waiting: 0,
            origins: []
          })
          assert.strictEqual(closed, opened)
          assert.isAbove(retried, 0)
        }))
        // The server's ends of the connections close when it hears of it.
        for (let turns = 0; turns < 5000 && descriptors() > before; turns++) yield* turn
        assert.isAtMost(descriptors(), before)
      }))).pipe(Effect.provide(NodeTransport.layer)),
    { timeout: 120_000 }
  )
})
