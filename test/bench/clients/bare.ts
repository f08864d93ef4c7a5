/**
 * The limit: sockets that read into one buffer which all of them share, write a request that was made once, and only look for the end of the
 * reply. Nothing is parsed, and no body is made. No client can be faster; how near one comes is what it costs.
 */
import * as net from "node:net"
import * as tls from "node:tls"
import type { Load, Start, Turns } from "./load.ts"
import { contentType, originOf, pathOf } from "./load.ts"

const shared = Buffer.alloc(65_536)
const endOfHead = "\r\n\r\n"

/** One connection, which asks again as soon as the reply has come. */
class Wire {
  readonly #request: string
  readonly #length: number
  readonly #socket: net.Socket
  #turns: Turns | undefined
  #began = 0
  #resolve: () => void = () => {}
  #reject: (error: Error) => void = () => {}
  /** What came of a head that is not whole. */
  #held: Buffer | undefined
  /** Bytes of the body that are to come; -1 before its head has come. */
  #left = -1

  constructor(load: Load, request: string) {
    this.#request = request
    this.#length = load.length
    this.#socket = this.#connect(load)
    this.#socket.setNoDelay(true)
    this.#socket.on("error", (error) => this.#reject(error))
    this.#socket.on("close", () => this.#reject(new Error("The server closed the connection")))
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed
  }

  ask(turns: Turns): Promise<void> {
    this.#turns = turns
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#send(turns, turns.next())
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #connect({ ca, urls }: Load): net.Socket {
    const { hostname, port, protocol } = new URL(urls[0] ?? "")
    const onread = { buffer: shared, callback: (size: number) => this.#read(size) }
    if (protocol !== "https:") return net.connect({ host: hostname, port: Number(port), onread })
    // Not in the types of `node:tls`, but documented for it as for `node:net`.
    const options = { host: hostname, port: Number(port), onread, servername: hostname, ca }
    return tls.connect(options)
  }

  #send(turns: Turns, index: number): void {
    this.#began = turns.now
    if (index >= 0) this.#socket.write(this.#request, "latin1")
    else this.#resolve()
  }

  #read(size: number): boolean {
    if (this.#left < 0) this.#readHead(size)
    else this.#left -= size
    if (this.#left === 0) {
      this.#left = -1
      if (this.#turns !== undefined) this.#send(this.#turns, this.#turns.nextAfter(this.#began))
    }
    return true
  }

  #readHead(size: number): void {
    const bytes = this.#held === undefined ? shared : Buffer.concat([this.#held, shared.subarray(0, size)])
    const end = this.#held === undefined ? size : bytes.length
    const head = bytes.indexOf(endOfHead)
    // The shared buffer is not cut to what came, which would cost an object: beyond it are older bytes.
    if (head < 0 || head + 4 > end) {
      this.#held = Buffer.from(bytes.subarray(0, end))
      return
    }
    this.#held = undefined
    this.#left = head + 4 + this.#length - end
    // "200" of "HTTP/1.1 200 OK".
    if (bytes[9] !== 50 || bytes[10] !== 48 || bytes[11] !== 48 || this.#left < 0) {
      this.#reject(new Error(`Not the reply to expect: ${bytes.toString("latin1", 0, Math.min(end, 1000))}`))
    }
  }
}

const requestOf = ({ body, urls }: Load): string => {
  const [url = ""] = urls
  const start = `${body === undefined ? "GET" : "POST"} ${pathOf(url)} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n`
  return body === undefined
    ? `${start}\r\n`
    : `${start}Content-Type: ${contentType}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

export const start: Start = async (load) => {
  originOf(load)
  const request = requestOf(load)
  let wires: Array<Wire> = []
  return {
    // Where there are more loops than connections, a connection has one of them and the rest would wait for ever.
    ask: async (turns, loops) => {
      wires = wires.filter((wire) => wire.isOpen)
      while (wires.length < Math.min(loops, load.connections)) wires.push(new Wire(load, request))
      await Promise.all(wires.map((wire) => wire.ask(turns)))
    },
    stop: async () => {
      for (const wire of wires) wire.close()
    }
  }
}
