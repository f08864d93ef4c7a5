/**
 * When a process ends: idle connections do not keep it alive, and what a caller waits for does, up
 * to the last byte of a body. The programs of `programs.ts` run in separate processes, against
 * servers here that keep idle connections for a minute. A process that does not end is killed,
 * which fails the test. Delayed data is sent after a time in which a process that waits for nothing
 * has long ended.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import * as http from "node:http"
import * as https from "node:https"
import * as net from "node:net"
import { afterAll, beforeAll } from "vitest"
import { bundled, type Bundles } from "../fixtures/bundled.ts"
import { certificates } from "../fixtures/certificates.ts"
import { allRoutes, allWays, type Places } from "../fixtures/programs.ts"
import { serve, unanswering } from "../fixtures/sockets.ts"
import { bodyOf } from "../fixtures/web.ts"
import { proxyServer } from "./poolKit.ts"

const programs = "test/fixtures/programs.ts"

/** How late a late answer is, in milliseconds. */
const late = 500

/** How long a process may live after it has printed something, and before that. */
const bound = 10_000
const firstBound = 40_000

// --- servers

const loopback = { host: "127.0.0.1", port: 0 }

const later = (run: () => void): void => void setTimeout(run, late)

const answer = (request: http.IncomingMessage, response: http.ServerResponse): void => {
  const uploaded = (): Promise<unknown> => bodyOf(request).then(({ length }) => response.end(`${length} bytes`))
  switch (request.url) {
    case "/late":
      return later(() => response.end("late answer"))
    case "/late-body":
      response.writeHead(200, { "Content-Length": 11 }).write("late ")
      return later(() => response.end("answer"))
    case "/redirect":
      response.writeHead(302, { "Content-Length": 11, Location: "/" }).write("late ")
      return later(() => response.end("answer"))
    case "/part":
      return void response.writeHead(200, { "Content-Length": 11 }).write("late ")
    case "/never":
      return
    case "/upload":
      return void uploaded()
    case "/late-upload":
      return later(uploaded)
  }
  response.end("hello")
}

const started: Effect.Effect<Places, never, Scope.Scope> = Effect.gen(function*() {
  const { ca, server: identity } = yield* Effect.promise(certificates)
  const web = <Server extends http.Server>(server: Server) => {
    server.keepAliveTimeout = 60_000
    server.on("checkContinue", (request: http.IncomingMessage, response: http.ServerResponse) =>
      later(() => {
        response.writeContinue()
        answer(request, response)
      }))
    return server
  }
  const plain = yield* serve(web(http.createServer(answer)), "connection", loopback)
  const secure = yield* serve(web(https.createServer(identity, answer)), "secureConnection", loopback)
  const proxy = yield* serve(proxyServer().server, "connection", loopback)
  const silent = yield* serve(net.createServer((socket) => void socket.resume()), "connection", loopback)
  return {
    ca,
    port: plain.port,
    securePort: secure.port,
    proxyPort: proxy.port,
    silentPort: silent.port,
    unansweringPort: yield* unanswering
  }
})

const scope = Effect.runSync(Scope.make())
let places: Places
let bundles: Bundles

beforeAll(async () => {
  places = await Effect.runPromise(Scope.extend(started, scope))
  bundles = await bundled([programs])
}, 60_000)

afterAll(async () => {
  await Effect.runPromise(Scope.close(scope, Exit.void))
  await bundles.remove()
})

// --- processes

/** How a process has ended. */
interface Ended {
  /** Its status, or the signal that ended it. */
  readonly status: number | NodeJS.Signals | null
  readonly printed: ReadonlyArray<string>
}

const run = (names: ReadonlyArray<string>): Effect.Effect<Ended> =>
  Effect.async<Ended>((resume) => {
    const child = spawn(process.execPath, [bundles.of(programs), JSON.stringify(places), ...names], {
      stdio: ["ignore", "pipe", "pipe"]
    })
    let output = ""
    const kill = (): void => void child.kill("SIGKILL")
    let timer = setTimeout(kill, firstBound)
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text
      clearTimeout(timer)
      timer = setTimeout(kill, bound)
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text))
    child.on("close", (code, signal) => {
      clearTimeout(timer)
      resume(Effect.succeed({ status: signal ?? code, printed: output.trimEnd().split("\n") }))
    })
    return Effect.sync(kill)
  })

/** How many processes run at a time. Most of their time they wait. */
const turns = Effect.unsafeMakeSemaphore(6)

/** All processes start before the first test, because vitest runs no more than 5 tests at a time. */
const starts: Array<Effect.Effect<void>> = []
beforeAll(() => Effect.runPromise(Effect.all(starts, { discard: true })))

/** Asserts that a process prints what each of these programs is to get, and then ends by itself. */
const test = (name: string, expected: Readonly<Record<string, string>>): void => {
  let running: Fiber.Fiber<Ended> | undefined
  const ended = turns.withPermits(1)(Effect.suspend(() => run(Object.keys(expected))))
  starts.push(Effect.map(Effect.forkIn(ended, scope), (fiber) => {
    running = fiber
  }))
  it.live(name, () =>
    Effect.gen(function*() {
      const printed = Object.entries(expected).map(([name, got]) => `${name}: ${got}`)
      const ended = yield* Fiber.join(yield* Effect.fromNullable(running))
      assert.deepStrictEqual(ended, { status: 0, printed })
    }), 120_000)
}

/** Programs that all get the same. */
const each = (names: ReadonlyArray<string>, got: string): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, got]))

const waysOf = { pool: "a pool", connection: "an HttpConnection", lease: "a lease", steps: "step-by-step calls" }

describe("a process ends by itself", { concurrent: true }, () => {
  for (const way of allWays) {
    test(
      `although the connections of ${waysOf[way]} are idle, in clear, over TLS and in a tunnel`,
      each(allRoutes.map((route) => `${way} ${route}`), "hello")
    )
  }

  test("although a ManagedRuntime with PooledHttpClient was not disposed of", { platform: "hello" })

  test("although several connections are idle", { several: "5 idle" })

  test(
    "although connections are warm, or the request of a warm origin is in progress",
    Object.fromEntries(allRoutes.flatMap((route) => [
      [`warm ${route}`, "1 idle"],
      [`warm ${route}, with a request`, "1 idle"],
      [`warm ${route}, with a request that is not answered`, "1 connecting"]
    ]))
  )

  test("although every limit is hours", { hours: "hello" })

  test("although a limit was reached", { reached: "HttpTimeout head" })

  test("although a request was interrupted", { interrupted: "interrupted" })

  test("although a connection is idle whose opening was for a request that got another one", {
    unserved: "2 opened, 1 reused"
  })

  test("although the rest of a response that was closed is still awaited, within whatever limit", {
    drained: "1 busy",
    "drained, total": "1 busy"
  })

  test("although something was uploaded before", { uploaded: "16000000 bytes, 200000 bytes" })
})

const answered = "late answer"

describe("a process does not end before", { concurrent: true }, () => {
  for (const way of allWays) {
    test(
      `${waysOf[way]} got an answer, on new and on used connections, in clear, over TLS and in a tunnel`,
      Object.fromEntries(allRoutes.flatMap((route) => [
        [`late ${way} ${route}`, answered],
        [`late used ${way} ${route}`, `hello, ${answered}`],
        [`late body ${way} ${route}`, `hello, ${answered}`]
      ]))
    )
  }

  test("a body has come, whole or as a stream", each(["late body", "stream of a late body", "late platform"], answered))

  test("a request has its answer that waits for the connection of another one", {
    "behind a lease": "late answer, hello",
    "behind a request": "late answer, hello",
    "behind a rest": "hello"
  })

  test("a request without a limit has its answer that waits for the rest of a response that was closed", {
    "behind a rest, without a limit": "hello"
  })

  test("a request without a limit has its answer that waits until the rest of a response is given up", {
    "behind a rest, until drainTime": "hello"
  })

  test("the end of a body has come that is dropped, and that a redirect or a caller waits for", {
    "late redirect": "hello",
    ...each(["end of a dropped body", "end of a body that is dropped since"], "ended")
  })

  test("a server that is late has taken the body", {
    continued: "100000 bytes",
    ...each(["late upload", "late upload of a stream", "late upload step by step"], "16000000 bytes")
  })

  test("a pool has been shut down", {
    "shutdown, request": "late answer, 1 closed",
    "shutdown without a limit, request": "late answer, 1 closed",
    "shutdown, rest": "1 closed"
  })

  test("a pool without a limit to its grace has been shut down, and the rest of a response has come", {
    "shutdown without a limit, rest": "1 closed"
  })

  test("a request in the queue has reached its limit", {
    "limit of the queue": "HttpTimeout pool",
    "limit of the queue, after that of an idle connection": "HttpTimeout pool",
    "total in the queue": "HttpTimeout total"
  })

  test(
    "a request has reached its limit",
    Object.fromEntries(
      ["connect", "tls", "proxy", "head", "total", "bodyIdle"].map((kind) => [`limit ${kind}`, `HttpTimeout ${kind}`])
    )
  )
})
