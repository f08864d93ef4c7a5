/**
 * Timeouts and a busy event loop: data that has arrived when the timer runs, but was not read yet,
 * takes precedence over the timeout. The servers run in a separate thread. Each test blocks its
 * thread in the event-loop iteration in which the timeout has started, until the server has
 * answered and the timeout has passed. Therefore nothing depends on the speed of the machine. Every
 * timeout is also tested with a server that did not answer: then it expires, after the same block.
 */
import { afterAll, assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as net from "node:net"
import type { ConnectionEvent } from "../../src/ConnectionEvent.ts"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpTimeouts } from "../../src/HttpTimeouts.ts"
import { serviceOf } from "../../src/internal/effect/transport.ts"
import * as dialer from "../../src/internal/node/dialer.ts"
import * as Transport from "../../src/Transport.ts"
import {
  type BusyServer,
  busyServer,
  endBusyServers,
  settled,
  soon,
  type Step,
  unanswered,
  whenSocket
} from "../fixtures/busyServer.ts"
import { certificates } from "../fixtures/certificates.ts"
import { turn, unanswering } from "../fixtures/sockets.ts"
import {
  allRoutes,
  aPool,
  asked,
  expires,
  host,
  limit,
  live,
  makeConnection,
  makePool,
  type Route,
  routes,
  sends,
  steps,
  textOf,
  tunnels,
  type Way,
  ways
} from "../fixtures/ways.ts"

afterAll(endBusyServers)

/** For `onEvent`: blocks the thread when the request of this number has been written. */
const blocksAtSend = (block: () => void, number = 1) => {
  let count = 0
  return (event: ConnectionEvent): void => {
    // Not before TLS has written it, which Node 24 does at the end of the callback that ended the handshake.
    if (event._tag === "Send" && ++count === number) setImmediate(block)
  }
}

/** A server behind a route, which then follows the plan; and a way to ask it. */
const begun = (
  route: Route,
  way: Way,
  plan: ReadonlyArray<Step>,
  onEvent: (server: BusyServer) => (event: ConnectionEvent) => void = () => () => {}
) =>
  Effect.gen(function*() {
    const { server: identity } = yield* Effect.promise(certificates)
    const server = yield* busyServer([...routes[route], ...plan], identity)
    return { server, ask: yield* way({ route, port: server.port, onEvent: onEvent(server) }) }
  })

// --- the limits of an exchange

describe("the answer has arrived while the loop was busy", () => {
  for (const route of allRoutes) {
    for (const [name, way] of Object.entries({ ...ways, steps })) {
      live(`head, ${name} ${route}: it wins over the limit`, () =>
        Effect.gen(function*() {
          const plan = [asked, sends("in time"), "reports"] as const
          const { ask } = yield* begun(route, way, plan, (server) => blocksAtSend(() => server.answered(limit)))
          assert.strictEqual(yield* textOf(ask({ head: limit })), "in time")
        }))

      live(`head, ${name} ${route}: without an answer the limit expires`, () =>
        Effect.gen(function*() {
          const { ask } = yield* begun(route, way, [asked], () => blocksAtSend(() => unanswered(limit)))
          yield* expires("head", ask({ head: limit }))
        }))
    }

    for (const [name, way] of Object.entries(ways)) {
      live(`bodyIdle, ${name} ${route}: the rest of the body wins over the limit`, () =>
        Effect.gen(function*() {
          const plan = [asked, sends("in time", "in "), "waits", { sends: "time" }, "reports"] as const
          const { ask, server } = yield* begun(route, way, plan)
          const response = yield* ask({ bodyIdle: limit })
          soon(() => server.answered(limit))
          assert.strictEqual(yield* response.text, "in time")
        }))

      live(`bodyIdle, ${name} ${route}: without the rest of the body the limit expires`, () =>
        Effect.gen(function*() {
          const { ask } = yield* begun(route, way, [asked, sends("in time", "in ")])
          const response = yield* ask({ bodyIdle: limit })
          soon(() => unanswered(limit))
          yield* expires("bodyIdle", response.text)
        }))

      // On a connection that is open already, so that the limit begins in the iteration in which the request is written.
      live(`total, ${name} ${route}: the whole answer wins over the limit`, () =>
        Effect.gen(function*() {
          const plan = [asked, sends("first"), asked, sends("in time"), "reports"] as const
          const { ask } = yield* begun(route, way, plan, (server) => blocksAtSend(() => server.answered(limit), 2))
          assert.strictEqual(yield* textOf(ask()), "first")
          assert.strictEqual(yield* textOf(ask({ total: limit })), "in time")
        }))

      live(`total, ${name} ${route}: without an answer the limit expires`, () =>
        Effect.gen(function*() {
          const plan = [asked, sends("first")] as const
          const { ask } = yield* begun(route, way, plan, () => blocksAtSend(() => unanswered(limit), 2))
          assert.strictEqual(yield* textOf(ask()), "first")
          yield* expires("total", ask({ total: limit }))
        }))
    }

    // The limit has begun before the head came, so it must be longer than that takes.
    const long = 400
    live(`total, a pool ${route}: the rest of the body wins over the limit`, () =>
      Effect.gen(function*() {
        const plan = [asked, sends("in time", "in "), "waits", { sends: "time" }, "reports"] as const
        const { ask, server } = yield* begun(route, aPool, plan)
        const response = yield* ask({ total: long })
        soon(() => server.answered(long))
        assert.strictEqual(yield* response.text, "in time")
      }))

    live(`total, a pool ${route}: an answer of which a part is missing does not`, () =>
      Effect.gen(function*() {
        const plan = [asked, sends("in time", "in "), "waits", { sends: "tim" }, "reports"] as const
        const { ask, server } = yield* begun(route, aPool, plan)
        const response = yield* ask({ total: long })
        soon(() => server.answered(long))
        yield* expires("total", response.text)
      }))
  }
})

// --- the limits of sending

describe("the server has done something for the request while the loop was busy", () => {
  const post = (port: number) =>
    HttpRequest.post(`http://${host}:${port}/`, {
      body: HttpBody.bytes(new TextEncoder().encode("body")),
      expectContinue: true,
      timeouts: { continue: limit }
    })

  live("continue: an answer that refuses the body keeps it from being sent", () =>
    Effect.gen(function*() {
      const refuses = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"
      const server = yield* busyServer([asked, { sends: refuses }, "reports"])
      let writes = 0
      const block = blocksAtSend(() => server.answered(limit))
      const onEvent = (event: ConnectionEvent): void => {
        if (event._tag === "Send") writes++
        block(event)
      }
      const { pool } = yield* makePool({ route: "in clear", port: server.port, onEvent })
      const { status } = yield* pool.execute(post(server.port))
      assert.deepStrictEqual({ status, writes }, { status: 413, writes: 1 })
    }))

  live("continue: without an answer the limit expires, and the body is sent", () =>
    Effect.gen(function*() {
      const server = yield* busyServer([asked, { awaits: "body" }, sends("taken")])
      const onEvent = blocksAtSend(() => unanswered(limit))
      const { pool } = yield* makePool({ route: "in clear", port: server.port, onEvent })
      assert.strictEqual(yield* textOf(pool.execute(post(server.port))), "taken")
    }))

  const piece = new Uint8Array(65_536)

  /** An upload whose server reads nothing, until the system takes no more: then one piece is being sent, since this iteration of the loop. */
  const upload = (port: number) =>
    Effect.gen(function*() {
      const connection = yield* HttpConnection.make({ host, port, timeouts: { write: limit } })
      yield* connection.putRequest("POST", "/")
      yield* connection.putHeader("Content-Length", 1e9)
      yield* connection.endHeaders()
      let taken = 0
      return Effect.gen(function*() {
        for (;;) {
          yield* turn
          const sending = yield* Effect.fork(connection.send(piece))
          yield* settled
          if (sending.unsafePoll() === null) return { sending, taken }
          yield* Fiber.join(sending)
          taken += piece.length
        }
      })
    })

  live("write: what the server has taken wins over the limit", () =>
    Effect.gen(function*() {
      const server = yield* busyServer(["waits", "takes", "reports"])
      const { sending, taken } = yield* yield* upload(server.port)
      server.answered(limit, taken)
      yield* Fiber.join(sending)
    }))

  live("write: if the server takes nothing the limit expires", () =>
    Effect.gen(function*() {
      const server = yield* busyServer(["waits"])
      const stuck = yield* upload(server.port)
      // The system may find room for a few more pieces.
      const sends = Effect.flatMap(
        stuck,
        ({ sending }) => Effect.zipRight(Effect.sync(() => unanswered(limit)), sending)
      )
      yield* expires("write", Effect.forever(sends))
    }))
})

// --- the limits of opening

describe("the connection made progress while the loop was busy", () => {
  /** Asks a server behind a route, and blocks when a socket is at this point. */
  const opens = (
    route: Route,
    plan: ReadonlyArray<Step>,
    at: Parameters<typeof whenSocket>[0],
    block: (server: BusyServer) => void,
    timeouts: Partial<HttpTimeouts>,
    way: Way = steps
  ) =>
    Effect.gen(function*() {
      const { server: identity } = yield* Effect.promise(certificates)
      const server = yield* busyServer(plan, identity)
      const ask = yield* way({ route, port: server.port })
      // A block in a timer would be followed by a poll.
      yield* turn
      yield* whenSocket(at, () => block(server))
      return textOf(ask(timeouts))
    })

  const answers = [asked, sends("in time")] as const
  const answered = (server: BusyServer) => server.answered(limit)
  const silence = () => unanswered(limit)

  for (const [name, way] of Object.entries({ "a pool": aPool, steps })) {
    live(`connect, ${name}: a connection that the system has made wins over the limit`, () =>
      Effect.gen(function*() {
        const timeouts = { connect: limit }
        const got = yield* opens("in clear", answers, "connecting", silence, timeouts, way)
        assert.strictEqual(yield* got, "in time")
      }))

    live(`connect, ${name}: if the server does not accept it the limit expires`, () =>
      Effect.gen(function*() {
        const ask = yield* way({ route: "in clear", port: yield* unanswering })
        yield* turn
        yield* whenSocket("connecting", silence)
        yield* expires("connect", ask({ connect: limit }))
      }))

    live(`tls, ${name}: what the server says of the handshake wins over the limit`, () =>
      Effect.gen(function*() {
        const plan = ["waits", "secures", "reports", ...answers] as const
        const got = yield* opens("over TLS", plan, "connected", answered, { tls: limit }, way)
        assert.strictEqual(yield* got, "in time")
      }))

    live(
      `tls, ${name} in a tunnel: what the server says of the handshake wins over the limit`,
      () =>
        Effect.gen(function*() {
          const plan = [...tunnels, "waits", "secures", "reports", ...answers] as const
          const got = yield* opens("in a tunnel", plan, "securing", answered, { tls: limit }, way)
          assert.strictEqual(yield* got, "in time")
        })
    )

    for (const [route, plan, at] of [["over TLS", [], "connected"], ["in a tunnel", tunnels, "securing"]] as const) {
      live(`tls, ${name} ${route}: without a handshake the limit expires`, () =>
        Effect.gen(function*() {
          yield* expires("tls", yield* opens(route, plan, at, silence, { tls: limit }, way))
        }))
    }

    live(`proxy, ${name}: the answer to CONNECT wins over the limit`, () =>
      Effect.gen(function*() {
        const plan = [...tunnels, "reports", "secures", ...answers] as const
        const got = yield* opens("in a tunnel", plan, "connected", answered, { proxy: limit }, way)
        assert.strictEqual(yield* got, "in time")
      }))

    live(`proxy, ${name}: without an answer to CONNECT the limit expires`, () =>
      Effect.gen(function*() {
        const plan = [asked] as const
        yield* expires("proxy", yield* opens("in a tunnel", plan, "connected", silence, { proxy: limit }, way))
      }))
  }

  live("total, a connection that opens: what the system has done wins over the limit", () =>
    Effect.gen(function*() {
      const { port } = yield* busyServer([])
      const connection = yield* makeConnection({ route: "in clear", port }, { total: limit })
      yield* turn
      yield* whenSocket("connecting", silence)
      yield* connection.connect
      assert.isTrue(yield* connection.isOpen)
    }))

  /** A resolver that asks a server, over a connection that is open. */
  const resolver = (plan: ReadonlyArray<Step>, block: (server: BusyServer) => void) =>
    Effect.gen(function*() {
      const server = yield* busyServer(plan)
      const socket = yield* Effect.acquireRelease(
        Effect.async<net.Socket>((resume) => {
          const socket = net.connect(server.port, host, () => resume(Effect.succeed(socket)))
        }),
        (socket) => Effect.sync(() => socket.destroy())
      )
      return serviceOf(dialer.makeDialer({
        ...dialer.defaults,
        lookup: (_host, callback) => {
          socket.once("data", (address: Buffer) => callback(null, [{ address: address.toString() }]))
          socket.write("?")
          soon(() => block(server))
        }
      }))
    })

  const named = (port: number) => HttpRequest.get(`http://server.test:${port}/`, { timeouts: { dns: limit } })

  live("dns: an address that has come wins over the limit", () =>
    Effect.gen(function*() {
      const { port } = yield* busyServer(answers)
      const transport = yield* resolver([{ awaits: "?" }, { sends: host }, "reports"], answered)
      const asking = Effect.flatMap(ConnectionPool.make(), (pool) => textOf(pool.execute(named(port))))
      assert.strictEqual(yield* Effect.provideService(asking, Transport.Transport, transport), "in time")
    }))

  live("dns: without an address the limit expires", () =>
    Effect.gen(function*() {
      const { port } = yield* busyServer(answers)
      const transport = yield* resolver([{ awaits: "?" }], silence)
      const pool = yield* Effect.provideService(ConnectionPool.make(), Transport.Transport, transport)
      yield* expires("dns", pool.execute(named(port)))
    }))

  live("a second address is not tried beside the first one, if that has been connected", () =>
    Effect.gen(function*() {
      const { port } = yield* busyServer(answers)
      const transport = serviceOf(dialer.makeDialer({
        staggerMillis: limit,
        lookup: (_host, callback) => callback(null, [{ address: host }, { address: "127.0.0.2" }])
      }))
      const pool = yield* Effect.provideService(ConnectionPool.make(), Transport.Transport, transport)
      yield* turn
      const { connects } = yield* whenSocket("connecting", silence)
      assert.strictEqual(yield* textOf(pool.execute(named(port))), "in time")
      assert.strictEqual(connects(), 1)
    }))
})
