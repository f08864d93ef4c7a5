/**
 * Gathers the heads that are written in one turn of the event loop and gives them to the system together, when the sockets that were ready
 * have been read.
 *
 * A client with many connections answers each response that it reads with the next request. Sent one by one, each of them wakes a server
 * that has just gone to sleep, and the reading and the writing get in each other's way: at 50 connections that costs a tenth of the
 * processor's time (see `docs/performance.md`). The first of a turn goes at once, so that one connection alone waits for nothing, and
 * none waits for long, or for many.
 */
import type * as net from "node:net"

// As they are now: a test that puts others in their place, and back, must not leave sockets that wait for a turn that never ends.
const { performance, setImmediate } = globalThis

/** So many wait at most, a multiple of 8, and about so many milliseconds as long as others are written: who does much for a response holds up few. */
const most = 64
const longest = 1

let begun = false
let gathered: Array<net.Socket> = []
let since = 0

const flush = (): void => {
  const sockets = gathered
  gathered = []
  for (const socket of sockets) letGo(socket)
}

const end = (): void => {
  begun = false
  flush()
}

/** To be called before a head is written: it may have to wait, with all that is written to the socket, until `letGo` or the turn's end. */
export const gather = (socket: net.Socket): void => {
  if (!begun) {
    begun = true
    setImmediate(end)
    return
  }
  if (socket.writableCorked > 0) return
  // The clock is looked at now and then: to read it is not free.
  if (gathered.length % 8 === 0) {
    const now = performance.now()
    if (gathered.length >= most || now - since > longest) flush()
    if (gathered.length === 0) since = now
  }
  socket.cork()
  gathered.push(socket)
}

/** Gives the system what waits. Nothing happens where nothing does, or where the socket was destroyed meanwhile. */
export const letGo = (socket: net.Socket): void => {
  if (socket.writableCorked > 0) socket.uncork()
}
