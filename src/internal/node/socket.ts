/**
 * A socket of `node:net` or `node:tls` as a `Duplex`.
 *
 * Neither opens sockets (`dialer.ts`) nor decides when to deliver what has arrived (`inbound.ts`).
 * A socket has an `error` listener from its creation and keeps it, because a destroyed socket can
 * still emit `error`. No byte is copied on the way out. Bytes arrive through one buffer that all
 * sockets of the process share.
 */
import type * as net from "node:net"
import type { Duplex, DuplexInfo, Receiver } from "../../Transport.ts"
import { codeOf, systemError } from "../error/systemCodes.ts"
import { endProven, watchEnd } from "./closeNotify.ts"
import { Inbound } from "./inbound.ts"
import { close } from "./sessions.ts"

// One for all sockets, so that an idle connection costs no memory. libuv asks for the buffer right
// before `read(2)`, and the view is not used after the next read. It has twice the size that libuv
// suggests, so that a response of 64 KiB and its head fit. In two reads it was copied twice. With a
// larger buffer, large downloads were slower.
const buffer = Buffer.allocUnsafeSlow(131_072)

/**
 * The last view of the shared buffer. Responses of a server often have one length, and making a
 * view costs as much as parsing a field.
 */
let view = buffer

const viewOf = (length: number): Uint8Array => {
  if (view.length !== length) view = buffer.subarray(0, length)
  return view
}

/** Makes the `onread` option, by which `inbound` receives views of the shared buffer. */
export const onread = (inbound: Inbound): net.OnReadOpts => ({
  buffer,
  callback: (length) => inbound.data(viewOf(length))
})

/**
 * Delivers the bytes of a socket that cannot have `onread`: TLS over an existing socket, and every
 * socket in Deno. Does not pause a socket that the receiver has just released for TLS over it.
 */
export const listenToData = (socket: net.Socket, inbound: Inbound): void => {
  socket.on("data", (bytes: Buffer) => {
    if (!inbound.data(bytes) && !inbound.over) socket.pause()
  })
}

// All sockets share the listeners, which find the `Inbound` on the socket that Node passes as
// `this`. Separate closures would cost 330 bytes for each idle connection.
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
  close(this)
  this[inboundOf].fault({ code: codeOf(error), cause: error })
}

function onClose(this: Listened): void {
  close(this)
  const inbound = this[inboundOf]
  if (inbound.over || (inbound.ended && this.writableFinished)) return
  inbound.fault({ code: "ECONNRESET", cause: systemError("ECONNRESET", "The socket closed without an error") })
}

/**
 * Delivers the end and faults of a socket to `inbound`. Must run in the tick in which the socket
 * was made.
 */
export const listen = (socket: net.Socket, inbound: Inbound): void => {
  const listened = Object.assign(socket, { [inboundOf]: inbound })
  watchEnd(socket)
  listened.on("end", onEnd)
  listened.on("error", onError)
  listened.on("close", onClose)
}

/**
 * Lets a socket with `onread` read for one more iteration of the event loop after a write failed.
 *
 * If a server responds early and closes, the next write fails with EPIPE or ECONNRESET. The
 * response is then still in the system's receive buffer, which Node discards with the socket. An
 * error of the poll itself is no problem, because libuv reads before it writes. It takes two
 * immediates, because the first may belong to the iteration in which the write failed. This does
 * not help if the receiver has paused, for TLS in a tunnel (its stream drops what follows an
 * error), or on Windows.
 */
export const readOnAfterWriteError = (socket: net.Socket): void => {
  socket.destroy = destroyLater
}

/** Sockets whose destruction is delayed. */
const leaving = new WeakSet<net.Socket>()

/** All sockets share this function, as they share the listeners. */
function destroyLater(this: net.Socket, error?: Error): net.Socket {
  // The method that this one shadows.
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

/** An open socket as a `Duplex`. */
export class SocketDuplex implements Duplex {
  readonly info: DuplexInfo
  readonly #socket: net.Socket
  readonly #inbound: Inbound
  /** Callbacks that wait until all is written, if any. */
  #waiting: Array<() => void> | undefined
  /**
   * Called by Node after each write. `undefined` if nothing is to be sent, so that an idle
   * connection keeps no closure.
   */
  #written: ((error?: Error | null) => void) | undefined

  constructor(socket: net.Socket, inbound: Inbound, info: DuplexInfo) {
    this.#socket = socket
    this.#inbound = inbound
    this.info = info
  }

  /**
   * Releases the socket of a duplex, for TLS in a tunnel. The duplex receives nothing more but can
   * still destroy the socket. `early` is true if bytes had already arrived. Returns `undefined` for
   * a duplex of another kind.
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
      // Sends both in one system call.
      socket.cork()
      this.#put(bytes)
      this.#put(more)
      socket.uncork()
    } else {
      this.#put(bytes)
    }
    // Not what `socket.write` returns: that is false after every large piece, even if the system
    // took it at once.
    return socket.errored === null && socket.writableLength < socket.writableHighWaterMark
  }

  /** Calls back at once if no bytes are pending. */
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

  // Skips empty pieces: an empty write on TLS makes Node decrypt, and so call the receiver, within
  // `write`.
  #put(bytes: Uint8Array | string): void {
    if (bytes.length === 0) return
    // One function for all writes in flight: Node then counts them instead of scheduling each.
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
