/**
 * Exchanges over real sockets that are interrupted, or time out, at every step. The connection's
 * scope continues, no socket, timer, listener or fiber of them is left, and the server sees the
 * close.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Supervisor from "effect/Supervisor"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpTimeouts } from "../../src/HttpTimeouts.ts"
import { serviceOf } from "../../src/internal/effect/transport.ts"
import { makeDialer } from "../../src/internal/node/dialer.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { certificates } from "../fixtures/certificates.ts"
import {
  Events,
  gone,
  leavesNothing,
  type Server,
  socketCount,
  tcpServer,
  tlsServer,
  turn,
  turnUntil,
  unanswering
} from "../fixtures/sockets.ts"
import { streamOf } from "../fixtures/web.ts"

type Exchange = (connection: HttpConnection.HttpConnection) => Effect.Effect<unknown, HttpError>

/** An exchange that has come to a halt and does not end by itself. */
interface Halt {
  readonly options: HttpConnection.Options
  readonly transport?: Transport.Service
  readonly exchange: Exchange
  /** Waits until the exchange has come to the halt. */
  readonly reached: Effect.Effect<void>
  /** Waits until the server has seen the close, if it had seen the connection. */
  readonly closed: Effect.Effect<void>
  /** How often the finalizer of the request's body has run. */
  readonly finalized?: () => number
}

interface Step {
  readonly name: string
  readonly halt: Effect.Effect<Halt, never, Scope.Scope>
  /** The timeouts that can run out there. */
  readonly timeouts: ReadonlyArray<keyof HttpTimeouts>
  /** Milliseconds in which they do, each. Default: 50. */
  readonly millis?: Partial<Record<keyof HttpTimeouts, number>>
}

const get = HttpRequest.get("/")
const execute = (request: HttpRequest.HttpRequest): Exchange => (connection) => connection.execute(request)
const turns = (count: number) => Effect.repeatN(turn, count)

/** A server for each run of a step, not one for all. */
const tcp = Effect.suspend(() => tcpServer())

/** The options for a server, and what it sees. */
const seen = (server: Server) => {
  const changes = new Events<never>()
  let text = ""
  /** Waits until the server has received something. */
  const received = (part: string): Effect.Effect<void> => changes.until(() => text.includes(part))
  server.raw.on("connection", (socket) => {
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1")
      changes.changed()
    })
  })
  return { options: { host: "127.0.0.1", port: server.port }, received, closed: closedOf(server) }
}

const closedOf = (server: Server): Effect.Effect<void> =>
  Effect.suspend(() => Effect.forEach(server.connections.all, gone, { discard: true }))

/** A server that receives and never answers, which is waited for to have received something. */
const silent = (part: string, exchange: Exchange, options?: HttpConnection.Options) =>
  Effect.map(tcp, (server): Halt => {
    const { closed, options: where, received } = seen(server)
    return { options: { ...where, ...options }, exchange, reached: received(part), closed }
  })

/** A server that answers the first bytes that come. `reached` is for the exchange to tell that it has come to the halt. */
const answering = (
  server: Effect.Effect<Server, never, Scope.Scope>,
  answer: string | Uint8Array,
  exchange: (reached: Effect.Effect<unknown>) => Exchange,
  options?: HttpConnection.Options
) =>
  Effect.gen(function*() {
    const running = yield* server
    const { closed, options: where } = seen(running)
    const event = "setSecureContext" in running.raw ? "secureConnection" : "connection"
    running.raw.on(event, (socket) => void socket.once("data", () => socket.write(answer)))
    const reached = yield* Deferred.make<void>()
    const halt: Halt = {
      options: { ...where, ...options },
      exchange: exchange(Deferred.succeed(reached, undefined)),
      // What comes after it has been told runs in the same turn, or the next.
      reached: Effect.zipRight(Deferred.await(reached), turns(5)),
      closed
    }
    return halt
  })

const head = "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"

/** A request whose body is a stream, and how often the stream's finalizer has run. */
const uploading = (stream: Stream.Stream<Uint8Array>) => {
  let finalized = 0
  const body = HttpBody.stream(Stream.ensuring(
    stream,
    Effect.sync(() => {
      finalized++
    })
  ))
  return { request: HttpRequest.put("/", { body }), finalized: () => finalized }
}

const firstThenNone = Stream.concat(Stream.make<[Uint8Array]>(Buffer.from("first")), Stream.never)

const steps: ReadonlyArray<Step> = [
  {
    name: "while the name is looked up",
    timeouts: ["dns", "total"],
    halt: Effect.map(Deferred.make<void>(), (asked) => ({
      options: { host: "name.test" },
      transport: serviceOf(makeDialer({ lookup: () => Deferred.unsafeDone(asked, Effect.void), staggerMillis: 250 })),
      exchange: execute(get),
      reached: Deferred.await(asked),
      closed: Effect.void
    }))
  },
  {
    name: "while it connects",
    timeouts: ["connect", "total"],
    halt: Effect.map(unanswering, (port) => {
      const before = socketCount()
      return {
        options: { host: "127.0.0.1", port },
        exchange: execute(get),
        reached: turnUntil(() => socketCount() > before),
        closed: Effect.void
      }
    })
  },
  {
    name: "while the server does not answer the TLS handshake",
    timeouts: ["tls", "total"],
    halt: silent("\x16\x03", execute(get), { tls: true })
  },
  {
    name: "while the proxy does not answer CONNECT",
    timeouts: ["proxy", "total"],
    halt: silent("CONNECT far.test:80 ", execute(get), { tunnel: { host: "far.test" } })
  },
  {
    name: "while the far end of a tunnel does not answer the TLS handshake",
    timeouts: ["tls", "total"],
    halt: Effect.gen(function*() {
      const server = yield* tcp
      const { closed, options, received } = seen(server)
      server.raw.on("connection", (socket) => void socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\n\r\n")))
      return {
        options: { ...options, tls: true, tunnel: { host: "far.test" } },
        exchange: execute(get),
        reached: received("\x16\x03"),
        closed
      }
    })
  },
  {
    name: "while the server does not say 100",
    timeouts: ["total"],
    halt: Effect.suspend(() => {
      const { finalized, request } = uploading(firstThenNone)
      const expecting = HttpRequest.setOptions(request, { expectContinue: true })
      // The stream has not begun, so there is nothing to finalize.
      return Effect.map(
        silent("\r\n\r\n", execute(expecting)),
        (halt) => ({ ...halt, finalized: () => 1 - finalized() })
      )
    })
  },
  {
    name: "while the server takes nothing of the body",
    timeouts: ["write", "total"],
    halt: Effect.gen(function*() {
      const server = yield* tcp
      let pulled = 0
      let before = 0
      let still = 0
      const { finalized, request } = uploading(Stream.forever(streamOf(65_521, () => pulled++)))
      return {
        options: { host: "127.0.0.1", port: server.port },
        exchange: execute(request),
        reached: turnUntil(() => {
          still = pulled > 0 && pulled === before ? still + 1 : 0
          before = pulled
          return still > 50
        }),
        closed: closedOf(server),
        finalized
      }
    })
  },
  {
    name: "while the body waits for its next piece",
    timeouts: ["total"],
    halt: Effect.suspend(() => {
      const { finalized, request } = uploading(firstThenNone)
      return Effect.map(silent("first", execute(request)), (halt) => ({ ...halt, finalized }))
    })
  },
  {
    name: "while the server does not answer",
    timeouts: ["head", "total"],
    halt: silent("\r\n\r\n", execute(get))
  },
  {
    name: "while the server has sent half a head",
    timeouts: ["head", "total"],
    halt: Effect.gen(function*() {
      const server = yield* tcp
      const { closed, options } = seen(server)
      const sent = yield* Deferred.make<void>()
      server.raw.on("connection", (socket) => {
        socket.once(
          "data",
          () => socket.write("HTTP/1.1 200 OK\r\nContent-", () => Deferred.unsafeDone(sent, Effect.void))
        )
      })
      return { options, exchange: execute(get), reached: Effect.zipRight(Deferred.await(sent), turns(10)), closed }
    })
  },
  {
    name: "while a stream waits for the next piece of the response",
    timeouts: ["bodyIdle", "total"],
    halt: answering(
      tcp,
      `${head}piece`,
      (reached) => (connection) =>
        Effect.flatMap(connection.execute(get), ({ stream }) => Stream.runForEach(stream, () => reached))
    )
  },
  {
    name: "while the whole response is waited for",
    timeouts: ["bodyIdle", "total"],
    halt: answering(
      tcp,
      `${head}piece`,
      (reached) => (connection) =>
        Effect.flatMap(connection.execute(get), ({ bytes }) => Effect.zipRight(reached, bytes))
    )
  },
  {
    name: "while a part of the response is waited for",
    timeouts: ["bodyIdle", "total"],
    halt: answering(
      tcp,
      `${head}piece`,
      (reached) => (connection) =>
        Effect.flatMap(connection.execute(get), (response) => Effect.zipRight(reached, response.read(10)))
    )
  },
  {
    name: "while the next piece of a response over TLS is waited for",
    timeouts: ["bodyIdle", "total"],
    // Enough for a handshake wherever this runs: of a client that goes away in the middle of one the server keeps its socket.
    // `bodyIdle` begins after the handshake.
    millis: { total: 1500 },
    halt: Effect.flatMap(
      Effect.promise(certificates),
      ({ ca, server: identity }) =>
        answering(
          Effect.suspend(() => tlsServer(identity)),
          `${head}piece`,
          (reached) => (connection) =>
            Effect.flatMap(connection.execute(get), ({ stream }) => Stream.runForEach(stream, () => reached)),
          { tls: { ca } }
        )
    )
  },
  {
    name: "while the response comes and the body still goes up",
    timeouts: ["bodyIdle", "total"],
    halt: Effect.suspend(() => {
      const { finalized, request } = uploading(firstThenNone)
      return Effect.map(
        answering(
          tcp,
          `${head}piece`,
          (reached) => (connection) =>
            Effect.flatMap(connection.execute(request), ({ stream }) => Stream.runForEach(stream, () => reached))
        ),
        (halt) => ({ ...halt, finalized })
      )
    })
  },
  {
    name: "while the reader of the response is busy and the server is held back",
    timeouts: [],
    halt: answering(
      tcp,
      Buffer.concat([Buffer.from(head), Buffer.alloc(50_000_000)]),
      (reached) => (connection) =>
        Effect.flatMap(
          connection.execute(get),
          ({ stream }) => Stream.runForEach(stream, () => Effect.zipRight(reached, Effect.never))
        )
    )
  }
]

/** Every timeout, none of which runs out. */
const hours: HttpTimeouts = {
  pool: "1 hour",
  dns: "1 hour",
  connect: "1 hour",
  tls: "1 hour",
  proxy: "1 hour",
  write: "1 hour",
  continue: "1 hour",
  head: "1 hour",
  bodyIdle: "1 hour",
  total: "1 hour"
}

const unlimited: HttpTimeouts = {
  pool: Infinity,
  dns: Infinity,
  connect: Infinity,
  tls: Infinity,
  proxy: Infinity,
  write: Infinity,
  continue: Infinity,
  head: Infinity,
  bodyIdle: Infinity,
  total: Infinity
}

/** Listeners that whatever runs in this process shares. */
const processListeners = () => process.eventNames().map((name) => [name, process.listenerCount(name)] as const)

/**
 * Runs the exchange of a halt on a connection and asserts that it leaves nothing though the connection's scope goes on.
 * `run` ends when the exchange has ended.
 */
const leavesNoTrace = <E>(
  halt: Halt,
  timeouts: HttpTimeouts,
  run: (exchange: Effect.Effect<unknown, HttpError>) => Effect.Effect<void, E>
) =>
  Effect.gen(function*() {
    const supervisor = yield* Supervisor.track
    const supervised = Effect.supervised(supervisor)
    const connection = yield* supervised(HttpConnection.make({ ...halt.options, timeouts }))
    const listeners = processListeners()
    yield* leavesNothing(Effect.gen(function*() {
      yield* supervised(run(halt.exchange(connection)))
      yield* halt.closed
      assert.deepStrictEqual([yield* connection.isOpen, yield* connection.state], [false, "Idle"])
      let fibers: ReadonlyArray<unknown> = []
      for (let looks = 0; looks < 5000; looks++) {
        fibers = yield* supervisor.value
        if (fibers.length === 0) break
        yield* turn
      }
      assert.deepStrictEqual(fibers, [])
    }))
    assert.deepStrictEqual(processListeners(), listeners)
    assert.strictEqual(halt.finalized?.() ?? 1, 1)
  }).pipe(Effect.provideService(Transport.Transport, halt.transport ?? NodeTransport.transport))

describe("an exchange that is interrupted leaves nothing", () => {
  for (const { halt, name } of steps) {
    it.scopedLive(name, () =>
      Effect.flatMap(halt, (halt) =>
        // With all timeouts set, whose timers must go too.
        leavesNoTrace(halt, hours, (exchange) =>
          Effect.gen(function*() {
            const fiber = yield* Effect.fork(exchange)
            yield* halt.reached
            const exit = yield* Fiber.interrupt(fiber)
            assert.isTrue(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause))
          }))))
  }
})

describe("an exchange that runs out of time leaves nothing", () => {
  for (const { halt, millis: limits, name, timeouts } of steps) {
    for (const kind of timeouts) {
      const millis = limits?.[kind] ?? 50
      it.scopedLive(`${name}: ${kind}`, () =>
        Effect.flatMap(
          halt,
          (halt) =>
            leavesNoTrace(halt, { ...unlimited, [kind]: millis }, (exchange) =>
              Effect.map(Effect.flip(exchange), (error) => {
                assert.deepInclude(error, { _tag: "HttpTimeout", kind, millis })
              }))
        ))
    }
  }
})
