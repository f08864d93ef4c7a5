/**
 * Node's event loop as an `EventLoop`: when all sockets have been polled, and async contexts.
 *
 * An iteration of the loop polls all sockets, then runs the immediates (the check phase). An
 * immediate that is set while the sockets are being read runs right after that, before they are
 * polled again. After one immediate, a FIN in the same packet as the bytes just read is still
 * unseen, and so is a second TLS record. So two immediates are needed: between the first and the
 * second one lies a whole poll. All calls of one iteration share both. Because an immediate is due,
 * that poll does not block.
 *
 * Deno (2.9) does not poll between immediates, but before a timer that is not yet due. What that
 * poll has found is read before the next immediate. So there it takes a timer of a millisecond, and
 * another one, because the first can become due before the poll if the processor is busy.
 */
import { AsyncResource } from "node:async_hooks"
import type { AsyncContext, EventLoop } from "../../Transport.ts"
import { isDeno } from "./deno.ts"

// Captured on import: a test that replaces them, and restores them later, must not lose a callback.
const { performance, setImmediate, setTimeout } = globalThis

/**
 * How old a poll may be when a callback runs, in milliseconds, and how often a callback waits for a
 * newer one.
 *
 * Many callbacks may follow one poll, and each writes a request. The first request wakes the
 * server, which may close all other connections before the last one is written. While nginx or
 * haproxy reloaded under full load, this bound made lost POSTs 4 to 90 times fewer, and fewer than
 * with undici (see `docs/performance.md`).
 */
const oldest = 0.5
const mostPolls = 4

/** The callbacks whose poll has not begun. */
let registered: Array<() => void> = []

/** Calls back from the callback `next` on, when the sockets have been polled once more. */
const poll = (callbacks: ReadonlyArray<() => void>, next: number, polls: number): void => {
  const afterIt = (): void => void setImmediate(afterPoll, callbacks, next, performance.now(), polls)
  if (isDeno) setTimeout(() => setTimeout(afterIt, 1), 1)
  else afterIt()
}

/** Runs right before the poll that the callbacks wait for. */
const beforePoll = (): void => {
  const callbacks = registered
  registered = []
  poll(callbacks, 0, 1)
}

/** Calls back from the callback `next` on. The poll began at `begunAt` and is the `polls`th. */
const afterPoll = (callbacks: ReadonlyArray<() => void>, next: number, begunAt: number, polls: number): void => {
  let i = next
  try {
    while (i < callbacks.length) {
      // In the check phase, one more immediate means one more poll.
      if (polls < mostPolls && performance.now() - begunAt > oldest) {
        poll(callbacks, i, polls + 1)
        i = callbacks.length
      } else callbacks[i++]?.()
    }
  } finally {
    // If one callback throws, the others still run.
    if (i < callbacks.length) setImmediate(afterPoll, callbacks, i, begunAt, polls)
  }
}

/** A class and not two closures: see decision 2 in `docs/architecture.md`. */
class NodeContext extends AsyncResource implements AsyncContext {
  constructor() {
    super("effect-http-client")
  }

  run<A>(f: () => A): A {
    return this.runInAsyncScope(f)
  }
}

export const nodeEventLoop: EventLoop = Object.freeze({
  afterPoll: (callback: () => void): void => {
    // A referenced immediate, because with an unreferenced one the poll may block until a socket is
    // ready.
    if (registered.length === 0) setImmediate(beforePoll)
    registered.push(callback)
  },
  captureContext: (): AsyncContext => new NodeContext()
})
