/**
 * Node's event loop as an `EventLoop`: when all sockets have been polled, and async contexts.
 *
 * An iteration of the loop polls all sockets, then runs the immediates (the check phase). An
 * immediate that is set while the sockets are being read runs right after that, before they are
 * polled again. After one immediate, a FIN in the same packet as the bytes just read is still
 * unseen, and so is a second TLS record. So two immediates are needed: between the first and the
 * second one lies a whole poll. All calls of one iteration share both. Because an immediate is due,
 * that poll does not block.
 */
import { AsyncResource } from "node:async_hooks"
import type { AsyncContext, EventLoop } from "../../Transport.ts"

// Captured on import: a test that replaces them, and restores them later, must not lose a callback.
const { performance, setImmediate } = globalThis

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

/** Runs right before the poll that the callbacks wait for. */
const beforePoll = (): void => {
  const callbacks = registered
  registered = []
  setImmediate(afterPoll, callbacks, 0, performance.now(), 1)
}

/** Calls back from the callback `next` on. The poll began at `begunAt` and is the `polls`th. */
const afterPoll = (callbacks: ReadonlyArray<() => void>, next: number, begunAt: number, polls: number): void => {
  let i = next
  try {
    while (i < callbacks.length) {
      const now = performance.now()
      // In the check phase, one more immediate means one more poll.
      if (polls < mostPolls && now - begunAt > oldest) {
        setImmediate(afterPoll, callbacks, i, now, polls + 1)
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
