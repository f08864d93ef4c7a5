/** Starts the service as a process of its own, sends it SIGTERM under load, and looks at what comes of it. */
import { ConnectionPool, HttpRequest, NodeTransport } from "effect-http-client"
import * as Arr from "effect/Array"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { spawn } from "node:child_process"
import * as http from "node:http"
import { join } from "node:path"
import { host, listen } from "../../demo/servers/listen.ts"
import { holds, NotAsDescribed, same } from "../expect.ts"

const root = join(import.meta.dirname, "../../..")

/** A line of the log. */
const Line = Schema.parseJson(Schema.Struct({
  message: Schema.Unknown,
  annotations: Schema.Record({ key: Schema.String, value: Schema.Unknown })
}))

/** The service as a child process: its log, and how it ended. */
const start = (upstream: string, grace: string) =>
  Effect.gen(function*() {
    const log = yield* SubscriptionRef.make<ReadonlyArray<typeof Line.Type>>([])
    const exit = yield* Deferred.make<readonly [code: number | null, signal: string | null]>()
    const errors: Array<string> = []
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, ["--import", "tsx", join(import.meta.dirname, "main.ts")], {
          cwd: root,
          env: { ...process.env, UPSTREAM: upstream, PORT: "0", GRACE: grace },
          stdio: ["ignore", "pipe", "pipe"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text))
    child.on("close", (code, signal) => Deferred.unsafeDone(exit, Effect.succeed([code, signal])))
    const reader = yield* Stream.fromAsyncIterable(child.stdout.setEncoding("utf8") as AsyncIterable<string>, String)
      .pipe(
        Stream.splitLines,
        Stream.mapEffect(Schema.decode(Line)),
        Stream.runForEach((line) => SubscriptionRef.update(log, (lines) => [...lines, line])),
        Effect.forkScoped
      )
    const find = (message: string) => (lines: ReadonlyArray<typeof Line.Type>) =>
      Option.map(Arr.findFirst(lines, (line) => line.message === message), ({ annotations }) => annotations)
    /** Waits for a line of the log, and returns its annotations. Fails if the process ends without it. */
    const logged = (message: string) =>
      Effect.raceFirst(
        Effect.flatten(Stream.runHead(Stream.filterMap(log.changes, find(message)))),
        Effect.zipRight(Fiber.join(reader), Effect.map(log, find(message))).pipe(
          Effect.flatten,
          Effect.mapError(() => new NotAsDescribed({ what: "the log", found: errors, expected: message }))
        )
      )
    const { address } = yield* logged("listening")
    const messages = Effect.map(log, (lines) => lines.map(({ message }) => message))
    return { url: String(address), logged, child, exit: Deferred.await(exit), messages }
  })

/** A server behind the service that answers when it may. */
const upstreamServer = Effect.gen(function*() {
  const held = yield* SubscriptionRef.make<ReadonlyArray<() => void>>([])
  let answered = 0
  let holding = true
  const server = http.createServer((request, response) => {
    const answer = (): void => {
      answered++
      response.end(`order ${request.url?.split("/").at(-1)}`)
    }
    if (holding) Effect.runSync(SubscriptionRef.update(held, (all) => [...all, answer]))
    else answer()
  })
  return {
    url: `http://${host}:${yield* listen(server)}`,
    connections: Effect.async<number>((resume) =>
      void server.getConnections((_error, count) => resume(Effect.succeed(count)))
    ),
    answered: () => answered,
    /** Waits until the server holds so many requests. */
    holds: (count: number) => Stream.runDrain(Stream.takeUntil(held.changes, (all) => all.length >= count)),
    release: Effect.flatMap(held, (all) =>
      Effect.sync(() => {
        holding = false
        for (const answer of all) answer()
      }))
  }
})

const get = (url: string) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.ConnectionPool
    const response = yield* pool.execute(HttpRequest.get(url))
    return { status: response.status, retryAfter: response.getHeader("Retry-After"), text: yield* response.text }
  })

const underLoad = Effect.gen(function*() {
  const upstream = yield* upstreamServer
  const { child, exit, logged, messages, url } = yield* start(upstream.url, "30 seconds")

  const waiting = yield* Effect.fork(
    Effect.forEach(Array.from({ length: 20 }, (_, i) => i), (i) => get(`${url}/orders/${i}`), { concurrency: 20 })
  )
  yield* upstream.holds(20)
  child.kill("SIGTERM")
  yield* same("draining", yield* logged("draining"), { inFlight: 20 })
  const late = yield* Effect.flip(get(`${url}/orders/late`))
  yield* same("a new request", [late._tag, late.context?.processed], ["ConnectError", "No"])

  yield* upstream.release
  yield* same(
    "the answers",
    yield* Fiber.join(waiting),
    Array.from({ length: 20 }, (_, i) => ({ status: 200, retryAfter: undefined, text: `order ${i}` }))
  )
  yield* same("stopped", yield* logged("stopped"), { opened: 20, closed: 20 })
  yield* same("the exit", yield* exit, [0, null])
  yield* same("the log", yield* messages, ["listening", "draining", "stopped"])
  yield* same("connections to the server behind", yield* upstream.connections, 0)
})

const inFullSwing = Effect.gen(function*() {
  const upstream = yield* upstreamServer
  yield* upstream.release
  const { child, exit, logged, messages, url } = yield* start(upstream.url, "30 seconds")
  let answered = 0
  const enough = yield* Deferred.make<void>()
  const one = Effect.tap(get(`${url}/orders/1`), ({ status }) =>
    Effect.sync(() => {
      if (status === 200 && ++answered === 200) Deferred.unsafeDone(enough, Effect.void)
    }))
  const clients = yield* Effect.fork(
    Effect.forEach(
      Array.from({ length: 8 }),
      () =>
        Effect.repeat(one, { while: ({ status }) => status === 200 }).pipe(
          Effect.match({ onFailure: ({ _tag }) => _tag, onSuccess: ({ status }) => String(status) })
        ),
      { concurrency: 8 }
    )
  )
  yield* Deferred.await(enough)
  child.kill("SIGTERM")
  const ends = yield* Fiber.join(clients)
  // The last ones of what crossed the closing: the service has never seen them.
  const crossing = ["503", "ConnectError", "ReadError", "RemoteDisconnected", "StaleConnection"]
  yield* holds("how each client ended", ends.every((tag) => crossing.includes(tag)), ends)
  yield* logged("stopped")
  yield* same("the exit", yield* exit, [0, null])
  yield* same("the log", yield* messages, ["listening", "draining", "stopped"])
  yield* same("what was asked was answered", answered, upstream.answered())
})

const hangingUpstream = Effect.gen(function*() {
  const upstream = yield* upstreamServer
  const { child, exit, logged, url } = yield* start(upstream.url, "100 millis")
  const waiting = yield* Effect.fork(
    Effect.forEach([1, 2, 3], (i) => get(`${url}/orders/${i}`), { concurrency: 3 })
  )
  yield* upstream.holds(3)
  child.kill("SIGTERM")
  yield* same("interrupting", yield* logged("interrupting"), { inFlight: 3 })
  const refusal = { status: 503, retryAfter: "1", text: "This instance is shutting down.\n" }
  yield* same("the answers", yield* Fiber.join(waiting), [refusal, refusal, refusal])
  yield* same("stopped", yield* logged("stopped"), { opened: 3, closed: 3 })
  yield* same("the exit", yield* exit, [0, null])
  yield* same("connections to the server behind", yield* upstream.connections, 0)
})

export const check = Effect.gen(function*() {
  yield* Effect.scoped(underLoad)
  yield* Effect.scoped(inFullSwing)
  yield* Effect.scoped(hangingUpstream)
}).pipe(
  // Each client of a service has its own pool. This one does not wait for a service that has ended.
  Effect.provide(
    ConnectionPool.layer({ connectRetryTime: 0, connectBackoff: 0 }).pipe(Layer.provide(NodeTransport.layer))
  )
)
