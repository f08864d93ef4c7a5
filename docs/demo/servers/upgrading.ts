/**
 * Servers that leave HTTP: WebSocket that echoes messages, and raw streams like `docker attach`.
 */
import * as Effect from "effect/Effect"
import * as http from "node:http"
import type { Duplex } from "node:stream"
import { WebSocketServer } from "ws"
import { listen } from "./listen.ts"

/** Echoes every message of WebSocket. Any other request is 426. */
export const startWebSocket = Effect.suspend(() => {
  const server = http.createServer((_request, response) =>
    response.writeHead(426, { Upgrade: "websocket", "Content-Length": 14 }).end("WebSocket only")
  )
  new WebSocketServer({ server }).on("connection", (socket) => {
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  return listen(server)
})

/** A frame of `docker attach`. */
const frame = (stream: 1 | 2, text: string): Buffer => {
  const head = Buffer.alloc(8)
  head.writeUInt8(stream, 0)
  head.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([head, Buffer.from(text)])
}

/** Echoes the lines of stdin on stdout, and sends their number on stderr when stdin ends. */
export const attachServer = (): http.Server =>
  http.createServer().on("upgrade", (_request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
    let stdin = head.toString()
    socket.on("data", (bytes: Buffer) => (stdin += bytes.toString()))
    socket.on("error", () => {})
    socket.on("end", () => {
      const lines = stdin.split("\n").filter((line) => line !== "")
      for (const line of lines) socket.write(frame(1, line.toUpperCase()))
      socket.end(frame(2, `${lines.length} lines`))
    })
  })
