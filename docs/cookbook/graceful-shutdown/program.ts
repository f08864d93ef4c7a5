/**
 * A service that calls another one, and stops on SIGTERM without losing a request: it takes no more
 * work, finishes what it has within a grace period, interrupts the rest, and closes its pool.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { ConnectionPool, HttpRequest, HttpResponse, NodeTransport } from "effect-http-client"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { createServer } from "node:http"

export interface Options {
  /** The base URL of the service behind this one. */
  readonly upstream: string
  readonly port: number
  /** How long requests in flight may take after the signal. */
  readonly grace: Duration.DurationInput
}

const unavailable = HttpServerResponse.text("This instance is shutting down.\n", {
  status: 503,
  headers: { connection: "close", "retry-after": "1" }
})

/** Counts the requests in flight, and can end them. */
const makeGate = Effect.gen(function*() {
  const inFlight = yield* SubscriptionRef.make(0)
  const graceIsOver = yield* Deferred.make<void>()
  let isDraining = false
  const empty = Stream.runDrain(Stream.takeUntil(inFlight.changes, (count) => count === 0))

  return {
    /** Goes around the whole application. It waits until the response has been written. */
    middleware: <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
      Effect.suspend(() =>
        isDraining ? unavailable : Effect.acquireUseRelease(
          SubscriptionRef.update(inFlight, (count) => count + 1),
          () => app,
          () => SubscriptionRef.update(inFlight, (count) => count - 1)
        )
      ),
    /** Goes around the routes: what it returns is the response, and the middleware sends it. */
    untilGraceIsOver: <E, R>(routes: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
      // Handlers run in an uninterruptible region. What loses the race must be interruptible.
      Effect.raceFirst(routes, Effect.zipRight(Effect.interruptible(Deferred.await(graceIsOver)), unavailable)),
    drain: (grace: Duration.DurationInput) =>
      Effect.gen(function*() {
        isDraining = true
        yield* Effect.annotateLogs(Effect.logInfo("draining"), { inFlight: yield* inFlight })
        // A finalizer cannot be interrupted, and so no time limit would end it without this.
        const inTime = yield* Effect.timeoutOption(Effect.interruptible(empty), grace)
        if (Option.isNone(inTime)) {
          yield* Effect.annotateLogs(Effect.logWarning("interrupting"), { inFlight: yield* inFlight })
          yield* Deferred.succeed(graceIsOver, undefined)
          // A client that does not read its response must not keep the process.
          yield* Effect.timeoutOption(Effect.interruptible(empty), "1 second")
        }
      })
  }
})

const routes = (upstream: string) =>
  HttpRouter.empty.pipe(
    HttpRouter.get(
      "/orders/:id",
      Effect.gen(function*() {
        const { id = "" } = yield* HttpRouter.params
        const pool = yield* ConnectionPool.ConnectionPool
        const response = yield* pool.execute(HttpRequest.get(`${upstream}/orders/${encodeURIComponent(id)}`))
        const ok = yield* HttpResponse.filterStatusOk(response)
        return HttpServerResponse.text(yield* ok.text)
      }).pipe(
        Effect.tapError((error) => Effect.logError(error)),
        Effect.catchAll(() => HttpServerResponse.text("The orders are not available.\n", { status: 502 }))
      )
    )
  )

export const program = ({ grace, port, upstream }: Options) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.ConnectionPool
    const gate = yield* makeGate
    const node = createServer()
    const server = yield* NodeHttpServer.make(() => node, { host: "127.0.0.1", port })
    yield* HttpServer.serveEffect(gate.untilGraceIsOver(routes(upstream)), gate.middleware).pipe(
      Effect.provideService(HttpServer.HttpServer, server)
    )

    // Registered last, so it runs first when the scope closes.
    yield* Effect.addFinalizer(() =>
      Effect.gen(function*() {
        // New connections are refused from here, and idle ones are closed.
        node.close()
        yield* gate.drain(grace)
        yield* pool.shutdown({ grace: "1 second" })
        const { closed, opened } = yield* pool.stats
        yield* Effect.annotateLogs(Effect.logInfo("stopped"), { opened, closed })
      }).pipe(Effect.orDie)
    )
    yield* Effect.annotateLogs(Effect.logInfo("listening"), { address: HttpServer.formatAddress(server.address) })
    return yield* Effect.never
  }).pipe(Effect.scoped, Effect.provide(connections))

const connections = ConnectionPool.layer({ connectionsPerOrigin: 50 }).pipe(Layer.provide(NodeTransport.layer))
