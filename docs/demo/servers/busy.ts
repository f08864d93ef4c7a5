/**
 * Servers for a pool, over plain `node:http`: they count, and one of them closes connections at
 * random.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import type * as net from "node:net"
import { listen } from "./listen.ts"

/** A server and its counters. */
export interface BusyServer {
  readonly port: number
  /** Connections that were opened to it. */
  connections: number
  /** Requests that it has answered. */
  answered: number
  /** Connections that it closed while no request was on them. */
  closedIdle: number
  /** Connections that it closed instead of a response, as if the request had arrived too late. */
  closedUnderWay: number
}

const body = "Hello, world!\n"

const start = (
  onRequest: (request: http.IncomingMessage, response: http.ServerResponse, seen: BusyServer) => void
): Effect.Effect<BusyServer, never, Scope.Scope> =>
  Effect.suspend(() => {
    const seen = { port: 0, connections: 0, answered: 0, closedIdle: 0, closedUnderWay: 0 }
    const server = http.createServer((request, response) => onRequest(request, response, seen))
    server.on("connection", () => seen.connections++)
    return Effect.map(listen(server), (port) => Object.assign(seen, { port }))
  })

const answer = (response: http.ServerResponse, seen: BusyServer): void => {
  seen.answered++
  response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": body.length }).end(body)
}

/** A server that keeps its connections. */
export const startSteady = start((_request, response, seen) => answer(response, seen))

/** Numbers from 0 to 1 that look random and are the same in every run. */
const dice = (): () => number => {
  let state = 1
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}

/**
 * A server that never sends `Connection: close`, but closes connections. It closes a third of them
 * a few milliseconds after a response, unless a request arrived in between. It also closes the
 * connection instead of responding to every twelfth request on a used connection. It never closes a
 * new connection without a response, because no working server does.
 */
export const startFickle = Effect.suspend(() => {
  const next = dice()
  const idle = new WeakMap<net.Socket, NodeJS.Timeout | undefined>()
  let late = 0
  return start((request, response, seen) => {
    const { socket } = request
    const used = idle.has(socket)
    clearTimeout(idle.get(socket))
    idle.set(socket, undefined)
    if (used && ++late % 12 === 0) {
      seen.closedUnderWay++
      if (next() < 0.5) socket.destroy()
      else socket.resetAndDestroy()
      return
    }
    response.once("finish", () => {
      if (next() > 1 / 3) return
      const close = (): void => {
        seen.closedIdle++
        socket.destroy()
      }
      idle.set(socket, setTimeout(close, 1 + next() * 3))
    })
    answer(response, seen)
  })
})
