/** Bare sockets: no client can be faster. Reads into one buffer by `onread`, and only counts what comes after the head. */
import { once } from "node:events"
import * as net from "node:net"
import * as tls from "node:tls"
import { check, counted, piece, pieceSize, repeat, type Start } from "./transfer.ts"

const blankLine = Buffer.from("\r\n\r\n")
/** How many pieces of an upload go out in one call. */
const together = 16

/** One response: its head is looked for, its body counted. */
class Reading {
  body = 0
  #wanted = -1
  #headed = false
  readonly #chunks: Array<Buffer> | undefined
  readonly #done: (size: number, whole: Buffer | undefined) => void

  /** `wanted` is the size of the body; without it Content-Length counts. */
  constructor(wanted: number | undefined, keep: boolean, done: (size: number, whole: Buffer | undefined) => void) {
    if (wanted !== undefined) this.#wanted = wanted
    this.#chunks = keep ? [] : undefined
    this.#done = done
  }

  take(buffer: Buffer, length: number): void {
    let start = 0
    if (!this.#headed) {
      // The servers send a head in one piece.
      start = buffer.indexOf(blankLine) + 4
      const head = buffer.toString("latin1", 0, start)
      check(Number(head.slice(9, 12)))
      if (this.#wanted < 0) this.#wanted = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1])
      this.#headed = true
    }
    this.body += length - start
    this.#chunks?.push(Buffer.from(buffer.subarray(start, length)))
    if (this.body < this.#wanted) return
    this.#done(this.body, this.#chunks === undefined ? undefined : Buffer.concat(this.#chunks))
  }
}

/** `net` or `tls` alone. */
export const bareSockets: Start = async (transfer, way) => {
  const { protocol, hostname, port, pathname } = new URL(transfer.url)
  const buffer = Buffer.allocUnsafe(64 * 1024)
  let reading: Reading | undefined
  const onread = {
    buffer,
    callback: (length: number): boolean => {
      reading?.take(buffer, length)
      return true
    }
  }
  const secure = protocol === "https:"
  const socket = secure
    // The types of `tls` do not have `onread`, which it hands to `net`.
    ? tls.connect({ host: hostname, port: Number(port), ca: transfer.ca, servername: hostname, onread } as object)
    : net.connect({ host: hostname, port: Number(port), onread })
  const failed = new Promise<never>((_, reject) => {
    socket.once("error", reject)
    socket.once("close", () => reject(new Error("the server closed the connection")))
  })
  failed.catch(() => {})
  await Promise.race([once(socket, secure ? "secureConnect" : "connect"), failed])
  socket.setNoDelay(true)

  const answer = (wanted: number | undefined, keep: boolean): Promise<{ size: number; whole: Buffer | undefined }> =>
    Promise.race([
      new Promise<{ size: number; whole: Buffer | undefined }>((resolve) => {
        reading = new Reading(wanted, keep, (size, whole) => resolve({ size, whole }))
      }),
      failed
    ])
  const get = Buffer.from(`GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`)
  const put = Buffer.from(
    `PUT ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Length: ${transfer.size}\r\n\r\n`
  )
  const download = async (keep: boolean): Promise<number> => {
    const answered = answer(transfer.wireSize, keep)
    socket.write(get)
    const { size, whole } = await answered
    const received = whole === undefined ? size : whole.length
    return received === transfer.wireSize ? transfer.size : received
  }
  const upload = async (): Promise<number> => {
    const answered = answer(undefined, true)
    socket.write(put)
    for (let sent = 0; sent < transfer.size;) {
      socket.cork()
      for (let i = 0; i < together && sent < transfer.size; i++, sent += pieceSize) socket.write(piece)
      socket.uncork()
      if (socket.writableNeedDrain) await Promise.race([once(socket, "drain"), failed])
    }
    const { whole } = await answered
    return counted(whole?.toString("latin1") ?? "")
  }
  const ways = { stream: () => download(false), memory: () => download(true), upload }
  return repeat(transfer, ways[way], async () => void socket.destroy())
}
