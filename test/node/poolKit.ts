/** What the tests of the pool over real sockets share: servers that come to a halt or work, proxies, and what is counted afterwards. */
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as http from "node:http"
import * as https from "node:https"
import * as net from "node:net"
import * as tls from "node:tls"
import type { ConnectionEvent } from "../../src/ConnectionEvent.ts"
import type * as ConnectionPool from "../../src/ConnectionPool.ts"
import type { HttpError } from "../../src/HttpError.ts"
import type * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpTimeouts } from "../../src/HttpTimeouts.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import * as Origin from "../../src/Origin.ts"
import * as Proxy from "../../src/Proxy.ts"
import type * as Transport from "../../src/Transport.ts"
import { Events, gone, leavesNothing, serve, turn } from "../fixtures/sockets.ts"

export { quietPort } from "../fixtures/children.ts"

const loopback = { host: "127.0.0.1", port: 0 }

// --- counting

/** The descriptors that this process has open; none where the system does not tell. */
export const descriptors = (): number => fs.existsSync("/proc/self/fd") ? fs.readdirSync("/proc/self/fd").length : 0

/** Runs an effect and asserts that it leaves no more descriptors than there were. Closing takes turns of the event loop. */
export const leavesNoDescriptor = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function*() {
    const before = descriptors()
    const result = yield* effect
    for (let turns = 0; turns < 5000 && descriptors() > before; turns++) yield* turn
    assert.isAtMost(descriptors(), before)
    return result
  })

const counted = ["idle", "busy", "connecting", "waiting"] as const

/** Asserts the counts of the moment, those that are not given to be zero. The origins' add up to them, and what is open is counted. */
export const holds = (
  pool: ConnectionPool.ConnectionPool,
  expected: Partial<ConnectionPool.Counts>
): Effect.Effect<void> =>
  Effect.map(pool.stats, (stats) => {
    const all = Object.fromEntries(counted.map((count) => [count, stats[count]]))
    const sum = Object.fromEntries(counted.map((count) => [
      count,
      stats.origins.reduce((sum, origin) => sum + origin[count], 0)
    ]))
    assert.deepStrictEqual(all, { idle: 0, busy: 0, connecting: 0, waiting: 0, ...expected })
    assert.deepStrictEqual(sum, all)
    assert.strictEqual(stats.opened - stats.closed, stats.idle + stats.busy)
  })

/** Lets the event loop turn until the counts are so, for as long as the server takes. */
export const until = (
  pool: ConnectionPool.ConnectionPool,
  so: (stats: ConnectionPool.Stats) => boolean
): Effect.Effect<void> => Effect.asVoid(Effect.repeat(turn, { until: () => Effect.map(pool.stats, so) }))

/** Sends a request and gives the text of its response. */
export const textOf = <E>(pool: ConnectionPool.ConnectionPool, request: HttpRequest.HttpRequest<E>) =>
  Effect.flatMap(pool.execute(request), (response) => response.text)

/** What happens in a pool. */
export const watched = () => {
  const events = new Events<ConnectionEvent>()
  return {
    all: events.all,
    onEvent: (event: ConnectionEvent): void => events.push(event),
    /** Waits until so many connections have been closed. */
    closed: (times: number): Effect.Effect<void> =>
      events.until(() => events.all.filter(({ _tag }) => _tag === "Close").length >= times),
    /** Why connections were closed, in order. */
    reasons: (): ReadonlyArray<string> => events.all.flatMap((event) => event._tag === "Close" ? [event.reason] : [])
  }
}

/**
 * For `connectRetryTime`, in tests in which no connection can be opened: several attempts, but not for the 2 seconds of the default.
 */
export const retryTime = "200 millis"

// --- requests

/** All timeouts with this limit. */
export const allTimeouts = (limit: HttpTimeouts["pool"]): HttpTimeouts => ({
  pool: limit,
  dns: limit,
  connect: limit,
  tls: limit,
  proxy: limit,
  write: limit,
  continue: limit,
  head: limit,
  bodyIdle: limit,
  total: limit
})

/** Every timeout, none of which runs out. */
export const hours = allTimeouts("1 hour")

export type Running = Fiber.RuntimeFiber<unknown, HttpError>

export const interrupted = (fiber: Running) =>
  Effect.map(Fiber.interrupt(fiber), (exit) => {
    assert.isTrue(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause))
  })

export const failsWith = (fiber: Running, tag: HttpError["_tag"]) =>
  Effect.map(Effect.flip(Fiber.join(fiber)), (error) => {
    assert.strictEqual(error._tag, tag, error.message)
  })

/** With everything that it takes, servers too, gone in the end. */
export const contained = <E>(test: Effect.Effect<void, E, Scope.Scope | Transport.Transport>) =>
  leavesNothing(leavesNoDescriptor(Effect.scoped(test))).pipe(Effect.provide(NodeTransport.layer))

export const originOf = (url: string, options: Origin.Options = {}): Origin.Origin =>
  Either.getOrThrow(Origin.fromUrl(url, options)).origin

export const proxyAt = (port: number): Proxy.Proxy => Either.getOrThrow(Proxy.make({ host: "127.0.0.1", port }))

// --- servers

/** What a server does with a connection. */
export type Treatment = (socket: net.Socket) => void

/** A server that treats each connection in one way, until it is told to work; then it is a server of `node:http`, or of `node:https`. */
export interface Stage {
  readonly port: number
  /** `http://127.0.0.1:port/` */
  readonly url: string
  /** Waits until these bytes have come, on whatever connection. */
  readonly received: (part: string) => Effect.Effect<void>
  /** Waits until the other side has closed all connections that there have been. */
  readonly closed: Effect.Effect<void>
  readonly connections: Events<net.Socket>
  readonly work: Effect.Effect<void>
}

/** Answers, whatever it is asked. */
export const works = (): http.Server => http.createServer((_request, response) => response.end("it works"))

const give = (web: http.Server, socket: net.Socket): void => {
  if (!(web instanceof tls.Server)) return void web.emit("connection", socket)
  // A TLS server that is given a socket never hears that the other side had gone before.
  socket.once("readable", () => {
    if (socket.readableLength === 0) socket.destroy()
    else web.emit("connection", socket)
  })
}

/** `treat` is for connections that come before it works; it hears what they send unless `reads` is false. */
export const stage = (
  treat: Treatment,
  { reads = true, web = works() }: { readonly reads?: boolean; readonly web?: http.Server } = {}
): Effect.Effect<Stage, never, Scope.Scope> =>
  Effect.suspend(() => {
    const changes = new Events<never>()
    let text = ""
    let working = false
    let over = false
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      if (working) return give(web, socket)
      socket.on("end", () => socket.destroy())
      if (reads) {
        socket.on("data", (bytes: Buffer) => {
          text += bytes.toString("latin1")
          changes.changed()
        })
      }
      // It was under way when the others were seen to close.
      if (over) socket.resume()
      treat(socket)
    })
    return Effect.map(serve(server, "connection", loopback), ({ connections, port }): Stage => ({
      port,
      url: `http://127.0.0.1:${port}/`,
      received: (part) => changes.until(() => text.includes(part)),
      closed: Effect.suspend(() => {
        over = true
        return Effect.forEach(connections.all, gone, { discard: true })
      }),
      connections,
      work: Effect.sync(() => {
        working = true
        for (const socket of connections.all) socket.resume()
      })
    }))
  })

/** A connection that is answered once it has said something. */
export const answers = (answer: string | Uint8Array): Treatment => (socket) =>
  void socket.once("data", () => socket.write(answer))

// --- proxies

/** What a proxy was asked. */
export interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: http.IncomingHttpHeaders
}

/** Without what is for the next one only (RFC 9110 section 7.6.1): what Connection names. The framing is that of the next message. */
const endToEnd = (headers: http.IncomingHttpHeaders): http.IncomingHttpHeaders => {
  const named = (headers.connection ?? "").toLowerCase().split(",").map((name) => name.trim())
  const gone = new Set([...named, "connection", "keep-alive", "transfer-encoding"])
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !gone.has(name)))
}

/** Opens every tunnel that it is asked for and forwards every request in the absolute form, unless `refuse` answers it. */
export const proxyServer = (
  refuse: (asked: Asked) => { readonly status: number; readonly headers: http.OutgoingHttpHeaders } | undefined = () =>
    undefined,
  identity?: https.ServerOptions
): { readonly server: http.Server; readonly asked: Array<Asked>; readonly tunnels: Array<net.Socket> } => {
  const asked: Array<Asked> = []
  const tunnels: Array<net.Socket> = []
  const note = ({ headers, method = "", url = "" }: http.IncomingMessage): Asked => {
    const one = { method, url, headers }
    asked.push(one)
    return one
  }
  const onRequest: http.RequestListener = (request, response) => {
    const refused = refuse(note(request))
    if (refused !== undefined) return void response.writeHead(refused.status, refused.headers).end("refused")
    const headers = { ...endToEnd(request.headers), via: "1.1 embedded" }
    const onward = http.request(request.url ?? "", { method: request.method, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers))
      answer.pipe(response)
      answer.on("close", () => answer.complete || response.destroy())
    })
    onward.on("error", () => response.headersSent ? response.destroy() : response.writeHead(502).end())
    // What is not read would keep the next request waiting.
    onward.on("close", () => request.resume())
    response.on("close", () => onward.destroy())
    request.pipe(onward)
  }
  const server = identity === undefined ? http.createServer(onRequest) : https.createServer(identity, onRequest)
  server.on("connect", (request: http.IncomingMessage, socket: net.Socket) => {
    const refused = refuse(note(request))
    if (refused !== undefined) {
      const fields = Object.entries(refused.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`).join("")
      return void socket.end(`HTTP/1.1 ${refused.status} Refused\r\n${fields}Content-Length: 7\r\n\r\nrefused`)
    }
    tunnels.push(socket)
    // Whatever the name is, so that nobody asks a resolver.
    const far = net.connect(Number(/\d+$/.exec(request.url ?? "")?.[0]), "127.0.0.1")
    far.on("connect", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n")
      far.pipe(socket).pipe(far)
    })
    for (const [one, other] of [[far, socket], [socket, far]] as const) {
      one.on("error", () => other.destroy()).on("close", () => other.destroy())
    }
  })
  return { server, asked, tunnels }
}
