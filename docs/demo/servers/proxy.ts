/** An embedded proxy that opens tunnels by CONNECT for clients with the password. */
import * as Effect from "effect/Effect"
import * as http from "node:http"
import * as net from "node:net"
import type { Duplex } from "node:stream"
import { listen } from "./listen.ts"

/** The Proxy-Authorization that the proxy expects. */
export const credentials = `Basic ${Buffer.from("demo:open sesame").toString("base64")}`

/** The one host that it refuses for all clients. */
export const forbiddenHost = "forbidden.invalid"

const refuse = (socket: Duplex, head: string, body: string): void => {
  socket.end(`HTTP/1.1 ${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`)
}

/** Starts the proxy and returns its port. */
export const startProxy = Effect.suspend(() => {
  const server = http.createServer((_request, response) => {
    response.writeHead(405).end()
  })
  server.on("connect", (request: http.IncomingMessage, socket: Duplex, first: Buffer) => {
    const { hostname, port } = new URL(`http://${request.url}`)
    socket.on("error", () => {})
    if (request.headers["proxy-authorization"] !== credentials) {
      return refuse(
        socket,
        "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"demo\"",
        "Who are you?\n"
      )
    }
    if (hostname === forbiddenHost) return refuse(socket, "403 Forbidden", "Not there.\n")
    const upstream = net.connect(Number(port === "" ? 80 : port), hostname)
    upstream.on("error", () => socket.destroy())
    upstream.on("connect", () => {
      socket.write("HTTP/1.1 200 Connection established\r\nVia: 1.1 demo-proxy\r\n\r\n")
      upstream.write(first)
      upstream.pipe(socket).pipe(upstream)
    })
    socket.on("close", () => upstream.destroy())
    upstream.on("close", () => socket.destroy())
  })
  return listen(server)
})
