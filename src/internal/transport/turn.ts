/**
 * Gathers the small writes of one turn of the event loop and gives them to the system together, when all sockets that were ready have been
 * read.
 *
 * A client with many connections answers each response that it reads with the next request. Sent one by one, each of them wakes a server
 * that has just gone to sleep, and the reading and the writing get in each other's way: at 50 connections that costs a tenth of the
 * processor's time (see `docs/performance.md`). The first write of a turn goes at once, so that one connection alone waits for nothing.
 */
import type * as net from "node:net"

/** A larger write is worth a call of its own. */
const largest = 16_384

let begun = false
let gathered: Array<net.Socket> = []

const end = (): void => {
  begun = false
  const sockets = gathered
  gathered = []
  // One that was destroyed meanwhile sends nothing.
  for (const socket of sockets) socket.uncork()
}

/** To be called before `length` bytes are written. */
export const beforeWrite = (socket: net.Socket, length: number): void => {
  if (!begun) {
    begun = true
    setImmediate(end)
  } else if (length <= largest && socket.writableCorked === 0) {
    socket.cork()
    gathered.push(socket)
  }
}
