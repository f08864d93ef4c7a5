/**
 * Whether the end of a TLS connection was said within TLS (close_notify) or only by the system's
 * FIN, which anybody on the way can send.
 *
 * Node tells both as the same `end`. They differ in who ended: after close_notify the socket below
 * still reads, after a FIN it has come to its own end. That is asked of the handle below, in the
 * call in which Node learns of the end: later the FIN may have followed. The handle is none of
 * Node's documented things, so where it is not as it is known (Node 20 to 24, libuv 1.46 to 1.51)
 * the answer is that nobody knows.
 */
import type * as net from "node:net"
import * as tls from "node:tls"
import { getSystemErrorName } from "node:util"

/** What is asked of a handle of Node's. */
interface Handle {
  /** Whether Node reads from it; false while the receiver has paused. */
  readonly reading?: unknown
  /** Of TLS: what it runs over. */
  readonly _parent?: { readStart?(): unknown; readStop?(): unknown } | undefined
}

const ends = new WeakMap<net.Socket, boolean | undefined>()

/**
 * By libuv a handle that reads already says so. One that has come to its end begins again, or
 * cannot, on Windows.
 */
export const saidClose = (handle: Handle | null | undefined): boolean | undefined => {
  const below = handle?._parent
  if (typeof below?.readStart !== "function" || typeof below.readStop !== "function") return undefined
  // Whoever does not read hears of no FIN, so what ended was already there, decrypted.
  if (handle?.reading === false) return true
  const answer = below.readStart()
  if (answer === 0) {
    below.readStop()
    return false
  }
  const name = typeof answer === "number" && answer < 0 ? getSystemErrorName(answer) : ""
  return name === "EALREADY" ? true : name === "ENOTCONN" ? false : undefined
}

/**
 * Node calls this with `null` when it learns of the end. One function for all sockets, as the
 * listeners are.
 */
function push(this: net.Socket, chunk: unknown, encoding?: BufferEncoding): boolean {
  if (chunk === null && !ends.has(this)) {
    ends.set(this, saidClose((this as unknown as { readonly _handle?: Handle | null })._handle))
  }
  return (Reflect.getPrototypeOf(this) as net.Socket).push.call(this, chunk, encoding)
}

/** To be called in the tick in which the socket was made. */
export const watchEnd = (socket: net.Socket): void => {
  if (socket instanceof tls.TLSSocket) socket.push = push
}

/**
 * True where the end was said within TLS, false where it was not; `undefined` before it, without
 * TLS, and where nobody knows.
 */
export const endProven = (socket: net.Socket): boolean | undefined => ends.get(socket)
