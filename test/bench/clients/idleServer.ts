/**
 * A server that holds requests until a message tells it to answer all of them. A client that sends
 * many requests at once must therefore open as many connections. It never closes one.
 */
import type { ChildProcess } from "node:child_process"
import { fork } from "node:child_process"
import { once } from "node:events"
import * as net from "node:net"
import { fileURLToPath } from "node:url"
import { smallJson } from "../servers/addresses.ts"

/** Nine header lines, as `/small` has. No `Keep-Alive`, because clients would heed it. */
export const response = [
  "HTTP/1.1 200 OK",
  "Server: bench",
  "Date: Tue, 04 Mar 2025 16:10:27 GMT",
  "Content-Type: application/json",
  `Content-Length: ${smallJson.length}`,
  "Last-Modified: Mon, 03 Mar 2025 09:14:02 GMT",
  "Connection: keep-alive",
  "ETag: \"67c5a6fa-3a\"",
  "Cache-Control: no-cache",
  "Accept-Ranges: bytes",
  "",
  smallJson
].join("\r\n")

type Command = { readonly until: number } | "answer"

interface Told {
  readonly port?: number
  /** Connections that are open. */
  readonly open: number
}

// --- the side of the child

const serve = async (): Promise<void> => {
  const sockets = new Set<net.Socket>()
  const waiting = new Set<net.Socket>()
  let until = Infinity
  const tell = (told: Told): void => void process.send?.(told)
  const look = (): void => {
    if (waiting.size < until) return
    until = Infinity
    tell({ open: sockets.size })
  }
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.on("close", () => {
      sockets.delete(socket)
      waiting.delete(socket)
    })
    // A small request comes in one piece.
    socket.on("data", () => {
      waiting.add(socket)
      look()
    })
  })
  process.on("message", (command: Command) => {
    if (command !== "answer") {
      until = command.until
      return look()
    }
    for (const socket of waiting) socket.write(response)
    waiting.clear()
    tell({ open: sockets.size })
  })
  process.once("disconnect", () => process.exit())
  server.listen({ host: "127.0.0.1", port: 0, backlog: 1024 })
  await once(server, "listening")
  const address = server.address()
  if (address !== null && typeof address === "object") tell({ port: address.port, open: 0 })
}

// --- the side of the client

export interface IdleServer {
  readonly port: number
  /** Ends when so many requests wait. Gives how many connections are open. */
  readonly until: (requests: number) => Promise<number>
  /** Answers every request that waits. */
  readonly answer: () => Promise<number>
  readonly stop: () => void
}

const told = async (child: ChildProcess): Promise<Told> => {
  const [message] = await once(child, "message", { signal: AbortSignal.timeout(60_000) })
  return message as Told
}

const ask = async (child: ChildProcess, command: Command): Promise<number> => {
  const answer = told(child)
  child.send(command)
  return (await answer).open
}

export const start = async (): Promise<IdleServer> => {
  const child = fork(fileURLToPath(import.meta.url), ["serve"])
  const { port } = await told(child)
  if (port === undefined) throw new Error("the server has no port")
  return {
    port,
    until: (requests) => ask(child, { until: requests }),
    answer: () => ask(child, "answer"),
    stop: () => child.kill()
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2] === "serve") await serve()
