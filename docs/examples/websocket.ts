/** WebSocket: the handshake over a pool, and the frames by the package `ws` over the duplex. */
import { ConnectionPool, HttpFields, HttpRequest, NodeTransport, Upgrade } from "effect-http-client"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { createHash, randomBytes } from "node:crypto"
import type { Duplex } from "node:stream"
import { WebSocket } from "ws"

/** The server has no WebSocket, or it failed. */
class WebSocketFailure
  extends Data.TaggedError("WebSocketFailure")<{ readonly reason: string; readonly cause?: unknown }>
{}

/** A client of `ws` on an upgraded connection. It uses private names of ws 8. */
const over = (duplex: Duplex): WebSocket => {
  const socket = Reflect.construct(WebSocket, [null, undefined, { autoPong: true, closeTimeout: 30_000 }]) as
    & WebSocket
    & {
      _isServer: boolean
      setSocket(duplex: Duplex, head: Uint8Array, options: object): void
    }
  socket._isServer = false
  socket.setSocket(duplex, Buffer.alloc(0), { maxPayload: 1_048_576, skipUTF8Validation: false })
  return socket
}

/** Sends a text and returns the reply. */
const ask = (socket: WebSocket, text: string) =>
  Effect.async<string, WebSocketFailure>((resume) => {
    socket.once("message", (data) => resume(Effect.succeed(String(data))))
    socket.once("error", (cause) => resume(Effect.fail(new WebSocketFailure({ reason: cause.message, cause }))))
    socket.send(text)
  })

const closed = (socket: WebSocket) =>
  Effect.async<number>((resume) => {
    socket.once("close", (code) => resume(Effect.succeed(code)))
    socket.close(1000)
  })

export const program = (url: string) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.make()
    const key = randomBytes(16).toString("base64")
    const upgraded = yield* pool.upgrade(HttpRequest.get(url, {
      headers: { Upgrade: "websocket", "Sec-WebSocket-Version": 13, "Sec-WebSocket-Key": key }
    }))
    // RFC 6455 section 4.1: only a server that implements WebSocket can compute this.
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64")
    if (HttpFields.getUnsafe(upgraded.fields, "sec-websocket-accept") !== accept) {
      return yield* new WebSocketFailure({ reason: "the server speaks no WebSocket" })
    }
    const socket = over(yield* Upgrade.toDuplex(upgraded))
    const answer = yield* ask(socket, "hello")
    return { answer, code: yield* closed(socket) }
  }).pipe(
    Effect.catchTag("UpgradeRefused", ({ status }) => new WebSocketFailure({ reason: `refused with ${status}` })),
    Effect.scoped,
    Effect.provide(NodeTransport.layer)
  )
