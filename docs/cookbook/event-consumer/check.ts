/** Runs the consumer against a server that breaks, dies, restarts, refuses, and is faster than it. */
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as http from "node:http"
import type * as net from "node:net"
import { holds, same } from "../expect.ts"
import type { Order } from "./program.ts"
import { capacity, concurrency, connections, make, program, received, skipped } from "./program.ts"

/** A server that can go away and come back on the same port. */
class Server {
  readonly asked: Array<string | undefined> = []
  #server: http.Server | undefined
  #port = 0
  readonly answer: (request: http.IncomingMessage, response: http.ServerResponse, count: number) => void

  constructor(answer: Server["answer"]) {
    this.answer = answer
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/orders`
  }

  readonly start = Effect.async<void>((resume) => {
    const server = this.#server = http.createServer((request, response) => {
      this.asked.push(request.headers["last-event-id"]?.toString())
      this.answer(request, response, this.asked.length)
    })
    server.listen(this.#port, "127.0.0.1", () => {
      this.#port = (server.address() as net.AddressInfo).port
      resume(Effect.void)
    })
  })

  readonly stop = Effect.async<void>((resume) => {
    this.#server?.close(() => resume(Effect.void))
    this.#server?.closeAllConnections()
  })
}

const serve = (answer: Server["answer"]) =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      const server = new Server(answer)
      return Effect.as(server.start, server)
    }),
    ({ stop }) => stop
  )

const open = (response: http.ServerResponse) => response.writeHead(200, { "Content-Type": "text/event-stream" })
const placed = (id: number, padding = "") =>
  `id: ${id}\nevent: placed\ndata: {"order":"o${id}","cents":${id},"padding":"${padding}"}\n\n`

/** A checkpoint in memory, and what was handled. */
const memory = () => {
  const handled: Array<string> = []
  const saved: Array<string> = []
  return {
    handled,
    saved,
    handle: (order: Order) => Effect.sync(() => void handled.push(`${order._tag} ${order.order}`)),
    checkpoint: {
      load: Effect.sync(() => saved.at(-1) ?? ""),
      save: (id: string) => Effect.sync(() => void saved.push(id))
    }
  }
}

const rest = { waits: Schedule.spaced("5 millis"), grace: "1 minute" } as const

/** One event-loop iteration. */
const iteration = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))

const breaksAndRestarts = Effect.gen(function*() {
  const server = yield* serve((_request, response, count) => {
    if (count === 1) {
      open(response).write(
        `retry: 5\n\n${placed(1)}id: 2\nevent: shipped\ndata: {"order":"o1","carrier":"post"}\n\n`
          + `id: 3\nevent: archived\ndata: 1\n\nid: 4\nevent: placed\ndata: not JSON\n\nid: 5\nevent: pla`,
        () => Effect.runFork(server.stop)
      )
    } else if (count === 2) open(response).end(placed(5) + placed(6))
    else response.writeHead(204).end()
  })
  const { handled, saved, ...store } = memory()
  const skippedBefore = yield* Metric.value(skipped)
  const { done, health } = yield* make({ ...store, ...rest, url: server.url })
  // The server is dead: the consumer asks again and again, and says so.
  const dead = yield* Stream.runHead(Stream.filter(health.changes, ({ attempts }) => attempts >= 3))
  yield* holds("why there are no events", JSON.stringify(dead).includes("ECONNREFUSED"), dead)
  yield* server.start
  yield* done
  yield* same("handled", handled, ["Placed o1", "Shipped o1", "Placed o5", "Placed o6"])
  yield* same("checkpoints", saved, ["1", "2", "3", "4", "5", "6"])
  yield* same("Last-Event-ID", server.asked, [undefined, "4", "6"])
  yield* same("skipped", (yield* Metric.value(skipped)).count - skippedBefore.count, 1)
}).pipe(Effect.provide(connections))

const many = 2000

const slowAndStopped = Effect.gen(function*() {
  let written = 0
  const closed = yield* Deferred.make<void>()
  const server = yield* serve((request, response, count) => {
    if (count === 1) {
      response.on("close", () => Deferred.unsafeDone(closed, Effect.void))
      open(response)
      const write = (): void => {
        while (written < many) {
          if (!response.write(placed(++written, "x".repeat(20_000)))) return void response.once("drain", write)
        }
        response.end()
      }
      write()
    } else if (count === 2) {
      const from = Number(request.headers["last-event-id"]) + 1
      open(response).end(placed(from) + placed(from + 1))
    } else response.writeHead(204).end()
  })
  const { handled, saved, ...store } = memory()
  const latch = yield* Deferred.make<void>()
  const scope = yield* Scope.make()
  const receivedBefore = (yield* Metric.value(received)).count
  const taken = Effect.map(Metric.value(received), ({ count }) => count - receivedBefore)
  yield* make({
    ...store,
    ...rest,
    handle: (order) => Effect.zipRight(Deferred.await(latch), store.handle(order)),
    url: server.url
  }).pipe(Scope.extend(scope))
  // The handlers and the queue are full, and one event waits for room in the queue.
  const full = capacity + concurrency
  yield* Effect.repeat(Effect.zipRight(iteration, taken), { until: (count) => count > full })
  yield* Effect.repeatN(iteration, 50)
  const count = yield* taken
  yield* holds("what is taken of a fast server", count <= full + 4, count)
  yield* holds("a fast server waits", written < many, written)

  // The end of the scope closes the connection at once, and waits for the events in hand.
  const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
  yield* Deferred.await(closed)
  yield* same("handled before", handled, [])
  yield* Deferred.succeed(latch, undefined)
  yield* Fiber.join(closing)
  const inHand = handled.length
  yield* same("the checkpoint is that of the last handled event", saved.at(-1), String(inHand))
  yield* holds("what was in the queue was not handled", inHand >= concurrency && inHand < capacity, inHand)

  // The next start continues after the last handled event: none is lost, none is handled twice.
  const { done } = yield* make({ ...store, ...rest, url: server.url })
  yield* done
  yield* same("Last-Event-ID", server.asked, [undefined, String(inHand), String(inHand + 2)])
  yield* same("handled", handled, Array.from({ length: inHand + 2 }, (_, i) => `Placed o${i + 1}`))
}).pipe(Effect.provide(connections))

const refused = Effect.gen(function*() {
  const server = yield* serve((_request, response) => void response.writeHead(401).end("Who are you?"))
  const failure = yield* Effect.flip(program({ ...memory(), ...rest, url: server.url }))
  yield* same("a server that refuses", [failure._tag, server.asked.length], ["StatusError", 1])
})

class Broken extends Data.TaggedError("Broken") {}

const failing = Effect.gen(function*() {
  const server = yield* serve((_request, response) => void open(response).write(placed(1) + placed(2) + placed(3)))
  const { saved, ...store } = memory()
  const handle = (order: Order) => order.order === "o2" ? Effect.fail(new Broken()) : store.handle(order)
  const failure = yield* Effect.flip(program<Broken>({ ...store, ...rest, handle, url: server.url }))
  yield* same("a handler that fails", [failure._tag, saved], ["Broken", ["1"]])
})

const tooSlow = Effect.gen(function*() {
  const server = yield* serve((_request, response) => void open(response).write(placed(1)))
  const { saved, ...store } = memory()
  const started = yield* Deferred.make<void>()
  const interrupted = yield* Deferred.make<void>()
  const handle = () =>
    Effect.zipRight(Deferred.succeed(started, undefined), Effect.never).pipe(
      Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
    )
  const running = yield* Effect.fork(program({ ...store, ...rest, grace: "20 millis", handle, url: server.url }))
  yield* Deferred.await(started)
  yield* Fiber.interrupt(running)
  yield* holds("a handler beyond the grace is interrupted", yield* Deferred.isDone(interrupted))
  yield* same("and its event is not saved", saved, [])
})

export const check = Effect.gen(function*() {
  yield* Effect.scoped(breaksAndRestarts)
  yield* Effect.scoped(slowAndStopped)
  yield* Effect.scoped(refused)
  yield* Effect.scoped(failing)
  yield* Effect.scoped(tooSlow)
}).pipe(Logger.withMinimumLogLevel(LogLevel.None))
