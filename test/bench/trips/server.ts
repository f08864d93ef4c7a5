/**
 * The server that the trips are made to: bytes on plain sockets, so that it answers in the same way
 * each time. It knows as much of HTTP as the requests of `scenarios.ts` need.
 */
import * as net from "node:net"
import { setTimeout as sleep } from "node:timers/promises"

/** The chunks of an upload and of a download. */
export const chunks = 4
export const chunkBytes = 16_384

const json = JSON.stringify({ name: "hello world", ok: true })

const head = (length: number): string =>
  `HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`

const small = head(json.length) + json

/** Long enough for the client to have read what was written before it. */
const pause = 5

const replies: Readonly<Record<string, (socket: net.Socket, server: Server) => void | Promise<void>>> = {
  "/small": (socket) => void socket.write(small),
  "/upload": (socket) => void socket.write(small),
  "/download": async (socket) => {
    socket.write(head(chunks * chunkBytes))
    for (let sent = 0; sent < chunks; sent++) {
      await sleep(pause)
      socket.write(Buffer.alloc(chunkBytes, 0x61))
    }
  },
  "/reset": (socket) => void socket.resetAndDestroy(),
  "/silent": () => {},
  "/held": (socket, server) => server.hold(() => void socket.write(small))
}

export class Server {
  readonly #server: net.Server
  #held: Array<() => void> = []
  #arrival: (() => void) | undefined

  constructor(server: net.Server) {
    this.#server = server
    server.on("connection", (socket) => this.#serve(socket))
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === "string") throw new Error("The server does not listen")
    return address.port
  }

  /** Resolves when the next request has arrived. */
  arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#arrival = resolve
    })
  }

  hold(answer: () => void): void {
    this.#held.push(answer)
  }

  /** Sends the answers that were held. */
  release(): void {
    const held = this.#held
    this.#held = []
    for (const answer of held) answer()
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  #serve(socket: net.Socket): void {
    let text = ""
    socket.setNoDelay(true)
    // A client that has closed its connection shows in the trip itself.
    socket.on("error", () => socket.destroy())
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1")
      const [headText = "", body] = text.split("\r\n\r\n", 2)
      if (body === undefined || (/^transfer-encoding: chunked/im.test(headText) && !text.endsWith("0\r\n\r\n"))) return
      text = ""
      const path = headText.split(" ", 2)[1] ?? ""
      const reply = replies[path]
      if (reply === undefined) throw new Error(`No reply for ${path}`)
      void reply(socket, this)
      this.#arrival?.()
      this.#arrival = undefined
    })
  }
}

export const startServer = (): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = net.createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => resolve(new Server(server)))
  })
