/**
 * A socket of `node:net` or `node:tls` as a `Duplex`.
 *
 * Does not open sockets (`connect.ts`) and does not decide when what came in is told
 * (`inbound.ts`). Rules: a socket has an `error` listener from its creation and keeps it, because a
 * destroyed socket can still emit `error`; no byte is copied on the way out; bytes come in through
 * one buffer that all sockets of the process share.
 */
import type * as net from "node:net"
import type { Duplex, DuplexInfo, Receiver } from "../../Transport.ts"
import { endProven, watchEnd } from "./closeNotify.ts"
import { codeOf, systemError } from "./errors.ts"
import { Inbound } from "./inbound.ts"

// One for all sockets: libuv asks for the buffer right before `read(2)` and the view is given up
// before the next read, so an idle connection costs no memory. Twice what libuv itself asks for, so
// that a response of 64 KiB comes whole with its head: read in two pieces it was copied twice. With
// a larger one large downloads came out slower.
const buffer = Buffer.allocUnsafeSlow(131_072)

/**
 * The view of the shared buffer that was made last. Responses of a server are often of one length,
 * and a view costs as much as a field.
 */
let view = buffer

const viewOf = (length: number): Uint8Array => {
  if (view.length !== length) view = buffer.subarray(0, length)
  return view
}

/** The `onread` option: bytes go to `inbound` as a view of the shared buffer. */
export const onread = (inbound: Inbound): net.OnReadOpts => ({
  buffer,
  callback: (length) => inbound.data(viewOf(length))
})

/** For a socket that cannot have `onread`: TLS over a socket that exists already. */
export const listenToData = (socket: net.Socket, inbound: Inbound): void => {
  socket.on("data", (bytes: Buffer) => {
    if (!inbound.data(bytes)) socket.pause()
  })
}

// The listeners are the same functions for all sockets, and find what is of one on the socket
// itself, which Node gives them as `this`: functions of each would be 330 bytes more for a
// connection that is idle.
const inboundOf = Symbol("effect-http-client/inbound")

interface Listened extends net.Socket {
  [inboundOf]: Inbound
}

function onEnd(this: Listened): void {
  this[inboundOf].end()
}

function onError(this: Listened, error: Error): void {
  // TLS reports a bad record after the handshake without destroying the socket.
  this.destroy()
  this[inboundOf].fault({ code: codeOf(error), cause: error })
}

function onClose(this: Listened): void {
  const inbound = this[inboundOf]
  if (inbound.over || (inbound.ended && this.writableFinished)) return
  inbound.fault({ code: "ECONNRESET", cause: systemError("ECONNRESET", "The socket closed without an error") })
}

/**
 * Tells `inbound` of the end and of faults. To be called in the tick in which the socket was made.
 */
export const listen = (socket: net.Socket, inbound: Inbound): void => {
  const listened = Object.assign(socket, { [inboundOf]: inbound })
  watchEnd(socket)
  listened.on("end", onEnd)
  listened.on("error", onError)
  listened.on("close", onClose)
}

/**
 * Lets a socket with `onread` read on for one turn of the event loop after a write failed.
 *
 * A server that answers early and closes makes our next write fail with EPIPE or ECONNRESET while
 * its answer is still in the system's receive buffer, which Node then throws away with the socket.
 * An error of the poll itself is no problem, as libuv reads before it writes. Two immediates,
 * because the first may still belong to the turn in which the write failed. Not helped: bytes
 * behind a pause; TLS in a tunnel, whose stream drops what comes after an error; systems other than
 * Unix.
 */
export const readOnAfterWriteError = (socket: net.Socket): void => {
  socket.destroy = destroyLater
}

/** Sockets that are about to be destroyed. */
const leaving = new WeakSet<net.Socket>()

/** The same for all sockets, as the listeners are. */
function destroyLater(this: net.Socket, error?: Error): net.Socket {
  // What it stands in front of.
  const { destroy } = Reflect.getPrototypeOf(this) as net.Socket
  const code = codeOf(error)
  const writing = error !== undefined && (error as { readonly syscall?: unknown }).syscall === "write"
  if (!writing || leaving.has(this) || this.destroyed || (code !== "EPIPE" && code !== "ECONNRESET")) {
    return destroy.call(this, error)
  }
  leaving.add(this)
  setImmediate(() => setImmediate(() => destroy.call(this, error)))
  return this
}

/** A socket that is ready to use, as a `Duplex`. */
export class SocketDuplex implements Duplex {
  readonly info: DuplexInfo
  readonly #socket: net.Socket
  readonly #inbound: Inbound
  /** Who waits for what was written, where there is anybody. */
  #waiting: Array<() => void> | undefined
  /**
   * Told by Node of each write. There while something is to be sent: an idle connection does
   * without.
   */
  #written: ((error?: Error | null) => void) | undefined

  constructor(socket: net.Socket, inbound: Inbound, info: DuplexInfo) {
    this.#socket = socket
    this.#inbound = inbound
    this.info = info
  }

  /**
   * Gives the socket away, as TLS in a tunnel needs it. The duplex hears nothing any more but can
   * still destroy it. `early` says whether bytes had come already. `undefined` for a duplex of
   * another kind.
   */
  static release(duplex: Duplex): { readonly socket: net.Socket; readonly early: boolean } | undefined {
    if (!(#socket in duplex)) return undefined
    const early = duplex.#inbound.holding
    duplex.#inbound.close()
    return { socket: duplex.#socket, early }
  }

  get endProven(): boolean | undefined {
    return endProven(this.#socket)
  }

  write(bytes: Uint8Array | string, more?: Uint8Array): boolean {
    const socket = this.#socket
    if (this.#inbound.over) return false
    if (more !== undefined && more.length > 0) {
      // Both in one call of the system.
      socket.cork()
      this.#put(bytes)
      this.#put(more)
      socket.uncork()
    } else {
      this.#put(bytes)
    }
    // What `socket.write` returns says "wait" after every large piece, even where the system took
    // it at once.
    return socket.errored === null && socket.writableLength < socket.writableHighWaterMark
  }

  /** Calls back at once where nothing waits to be sent. */
  drained(callback: () => void): void {
    if (this.#inbound.over) return
    if (this.#socket.writableLength === 0 && this.#socket.errored === null) callback()
    else (this.#waiting ??= []).push(callback)
  }

  attach(receiver: Receiver): void {
    if (this.#inbound.attach(receiver)) this.#socket.resume()
  }

  resume(): void {
    if (this.#inbound.resume()) this.#socket.resume()
  }

  end(): void {
    if (!this.#inbound.over) this.#socket.end()
  }

  destroy(): void {
    this.#inbound.close()
    this.#waiting = undefined
    this.#socket.destroy()
  }

  ref(): void {
    this.#socket.ref()
  }

  unref(): void {
    this.#socket.unref()
  }

  // Nothing is written for no bytes: an empty write on TLS makes Node decrypt, and so call the
  // receiver, within `write`.
  #put(bytes: Uint8Array | string): void {
    if (bytes.length === 0) return
    // One function for all writes that are under way: Node then counts them in place of scheduling
    // each.
    const written = this.#written ??= (error) => this.#sent(error)
    if (typeof bytes === "string") this.#socket.write(bytes, "latin1", written)
    else this.#socket.write(bytes, written)
  }

  #sent(error: Error | null | undefined): void {
    if (error || this.#socket.writableLength > 0) return
    this.#written = undefined
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = undefined
    for (const callback of waiting) callback()
  }
}
