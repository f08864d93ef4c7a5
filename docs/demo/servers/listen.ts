/** Listens on a free port of 127.0.0.1 until the scope closes, and then closes every socket. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as net from "node:net"

/** The host of every embedded server. */
export const host = "127.0.0.1"

/** The port of the server. */
export const listen = (server: net.Server): Effect.Effect<number, never, Scope.Scope> => {
  const sockets = new Set<net.Socket>()
  server.on("connection", (socket: net.Socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.once("close", () => sockets.delete(socket))
  })
  return Effect.acquireRelease(
    Effect.async<number>((resume) => {
      server.once("error", (error) => resume(Effect.die(error)))
      server.listen(0, host, () => {
        const address = server.address()
        resume(Effect.succeed(address !== null && typeof address === "object" ? address.port : 0))
      })
    }),
    () =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const socket of sockets) socket.destroy()
      })
  )
}

/** A server of raw bytes, for what no HTTP server would do. */
export const raw = (onSocket: (socket: net.Socket) => void): Effect.Effect<number, never, Scope.Scope> =>
  listen(net.createServer(onSocket))

/** A port without a listener: one that was free a moment ago. */
export const unusedPort: Effect.Effect<number> = Effect.scoped(raw((socket) => socket.destroy()))
