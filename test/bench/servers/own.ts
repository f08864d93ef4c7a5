/**
 * Our server for benchmarks, over bare sockets: replies made before, heads found but not checked, bodies counted but not kept.
 *
 * It is for clients that are known to send what is right. It answers request after request on a connection, pipelined or split
 * anyhow, and writes no faster than the client takes.
 */
import * as net from "node:net"
import * as tls from "node:tls"
import type { Identity } from "../../fixtures/certificates.ts"
import { chunkSize, files, goOn, head, many, notFound, small, tinyCount, tinySize, whole } from "./replies.ts"
import { RequestBody } from "./requestBody.ts"

/** A body too large for one buffer: a first part, then so many blocks of which each is as large, then a last part. */
interface Blocks {
  readonly first: Buffer
  readonly block: Buffer
  readonly count: number
  readonly last: Buffer
}

type Reply = Buffer | Blocks

const blockSize = 1024 * 1024
const none = Buffer.alloc(0)
const letters = Buffer.alloc(blockSize, "abcdefghijklmnop")

const fileOf = (size: number): Reply => {
  const first = Buffer.from(head("application/octet-stream", `Content-Length: ${size}`), "latin1")
  if (size <= blockSize) return Buffer.concat([first, letters.subarray(0, size)])
  return { first, block: letters, count: size / blockSize, last: none }
}

const chunkOf = (size: number): Buffer =>
  Buffer.concat([Buffer.from(`${size.toString(16)}\r\n`), letters.subarray(0, size), Buffer.from("\r\n")])

const chunkedHead = Buffer.from(head("application/octet-stream", "Transfer-Encoding: chunked"), "latin1")
const lastChunk = Buffer.from("0\r\n\r\n")

const chunked = (size: number): Reply => ({
  first: chunkedHead,
  block: Buffer.concat(Array.from({ length: blockSize / chunkSize }, () => chunkOf(chunkSize))),
  count: size / blockSize,
  last: lastChunk
})

const replies: ReadonlyMap<string, Reply> = new Map<string, Reply>([
  ["GET /small", small],
  ["GET /fields", many],
  ["GET /chunked/16m", chunked(16 * blockSize)],
  ["GET /chunked/256m", chunked(256 * blockSize)],
  ["GET /tiny", Buffer.concat([chunkedHead, ...Array.from({ length: tinyCount }, () => chunkOf(tinySize)), lastChunk])],
  ...Array.from(files, ([path, size]): [string, Reply] => [`GET ${path}`, fileOf(size)])
])

const blankLine = Buffer.from("\r\n\r\n")

/** The requests of one connection, and what is answered to them. */
class Serving {
  readonly #socket: net.Socket
  /** What came before it could be read. */
  #rest: Buffer | undefined
  /** Whether a large reply goes out: what comes meanwhile has to wait. */
  #busy = false
  #body: RequestBody | undefined
  #counts = false

  constructor(socket: net.Socket) {
    this.#socket = socket
    socket.on("error", () => socket.destroy())
  }

  /** Takes what came. The buffer is read during the call only. */
  take(incoming: Buffer, length: number): void {
    let [buffer, end, at] = [incoming, length, 0]
    if (this.#rest !== undefined) {
      buffer = Buffer.concat([this.#rest, incoming.subarray(0, length)])
      end = buffer.length
      this.#rest = undefined
    }
    while (at < end) {
      if (this.#body !== undefined) {
        at = this.#body.take(buffer, at, end)
        this.#answerIfDone(this.#body)
        continue
      }
      const found = this.#busy ? -1 : buffer.indexOf(blankLine, at)
      if (found < 0 || found + 4 > end) {
        this.#rest = Buffer.from(buffer.subarray(at, end))
        return
      }
      this.#begin(buffer, at, found)
      at = found + 4
    }
  }

  #begin(buffer: Buffer, start: number, end: number): void {
    const method = buffer.indexOf(32, start)
    const key = buffer.toString("latin1", start, buffer.indexOf(32, method + 1))
    if (key === "POST /post" || key === "PUT /upload") {
      const fields = buffer.toString("latin1", start, end)
      const length = /\r\ncontent-length:[ \t]*(\d+)/i.exec(fields)?.[1]
      if (/\r\nexpect:/i.test(fields)) this.#socket.write(goOn)
      this.#body = new RequestBody(length === undefined ? undefined : Number(length))
      this.#counts = key === "PUT /upload"
      return this.#answerIfDone(this.#body)
    }
    const reply = replies.get(key) ?? notFound
    if ("block" in reply) this.#send(reply)
    else this.#socket.write(reply)
  }

  #answerIfDone(body: RequestBody): void {
    if (!body.done) return
    this.#body = undefined
    this.#socket.write(this.#counts ? whole("text/plain", String(body.length)) : small)
  }

  #send(reply: Blocks): void {
    const socket = this.#socket
    let sent = 0
    this.#busy = true
    socket.write(reply.first)
    const go = (): void => {
      while (sent < reply.count) {
        sent++
        if (!socket.write(reply.block)) return void socket.once("drain", go)
      }
      if (reply.last.length > 0) socket.write(reply.last)
      this.#busy = false
      if (this.#rest !== undefined) this.take(none, 0)
    }
    go()
  }
}

/** Read into by all plain connections, one after the other: what is in it is looked at during the call only. */
const shared = Buffer.allocUnsafe(64 * 1024)

/**
 * Serves a plain connection by `onread`. A server has no such option, so its socket is made once more around the same handle, which Node
 * gives out under `_handle` and takes as `handle`: some 1.3 times as fast as `data` events.
 */
const serveFast = (accepted: net.Socket): void => {
  const inner = accepted as unknown as { _handle: unknown }
  const options = {
    handle: inner._handle,
    onread: {
      buffer: shared,
      callback: (length: number): boolean => {
        serving.take(shared, length)
        return true
      }
    }
  }
  inner._handle = null
  const serving: Serving = new Serving(new net.Socket(options as object))
}

const listen = (server: net.Server, host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen({ host, port: 0, backlog: 16_384 }, () => {
      const address = server.address()
      resolve(address !== null && typeof address === "object" ? address.port : 0)
    })
  })

/** Listens on all addresses, and gives the port. */
export const servePlain = (): Promise<number> =>
  listen(net.createServer({ pauseOnConnect: true, noDelay: true }, serveFast), "0.0.0.0")

/** The same over TLS 1.3, on 127.0.0.1. */
export const serveSecure = (identity: Identity): Promise<number> =>
  listen(
    tls.createServer({ ...identity, minVersion: "TLSv1.3", noDelay: true }, (socket) => {
      const serving = new Serving(socket)
      socket.on("data", (data: Buffer) => serving.take(data, data.length))
    }).on("tlsClientError", () => {}),
    "127.0.0.1"
  )
