/**
 * Tells whether a TLS connection ended within TLS (close_notify) or only by the system's FIN, which
 * an attacker on the path can send.
 *
 * Node emits the same `end` for both. They differ in the socket below TLS: after close_notify it
 * still reads, after a FIN it has ended too. Its handle is asked in the call in which Node detects
 * the end, because later the FIN may have followed. The handle is not documented. If it differs
 * from the one in Node 20 to 24 (libuv 1.46 to 1.51), the answer is `undefined`.
 */
import type * as net from "node:net"
import * as tls from "node:tls"
import { getSystemErrorName } from "node:util"

/** The parts of a socket's handle that are used here. */
interface Handle {
  /** True if Node reads from it. False while the receiver has paused. */
  readonly reading?: unknown
  /** For TLS: the handle below. */
  readonly _parent?: { readStart?(): unknown; readStop?(): unknown } | undefined
}

const ends = new WeakMap<net.Socket, boolean | undefined>()

/**
 * Returns true if the end came by close_notify. Asks the handle below to read: if it reads already,
 * libuv reports that. If it has ended, it starts again or, on Windows, reports that it cannot.
 */
export const saidClose = (handle: Handle | null | undefined): boolean | undefined => {
  const below = handle?._parent
  if (typeof below?.readStart !== "function" || typeof below.readStop !== "function") return undefined
  // A socket that does not read detects no FIN, so the end was in data that had arrived before.
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
 * Replaces `push` of a socket, which Node calls with `null` when it detects the end. All sockets
 * share this function, as they share the listeners in `socket.ts`.
 */
function push(this: net.Socket, chunk: unknown, encoding?: BufferEncoding): boolean {
  if (chunk === null && !ends.has(this)) {
    ends.set(this, saidClose((this as unknown as { readonly _handle?: Handle | null })._handle))
  }
  return (Reflect.getPrototypeOf(this) as net.Socket).push.call(this, chunk, encoding)
}

/** Watches for the end of a TLS socket. Must run in the tick in which the socket was made. */
export const watchEnd = (socket: net.Socket): void => {
  if (socket instanceof tls.TLSSocket) socket.push = push
}

/**
 * True if the connection ended by close_notify, false if it ended without. `undefined` before the
 * end, without TLS, and if it cannot be determined.
 */
export const endProven = (socket: net.Socket): boolean | undefined => ends.get(socket)
