/**
 * Node's event loop as an `EventLoop`: polls of the sockets, and async contexts.
 *
 * An iteration of the loop polls all sockets, then runs the immediates (the check phase). An
 * immediate that is set while the sockets are read runs right after that, before the next poll. A
 * FIN in the same packet as the bytes that were just read is then still unseen, and so is a second
 * TLS record. It therefore takes two immediates, because a whole poll lies between them. All calls
 * of one iteration share the first one. That poll does not block, because an immediate is due.
 */
import { AsyncResource } from "node:async_hooks"
import type { AsyncContext, EventLoop } from "../../Transport.ts"

// Captured on import: a test that replaces them, and restores them later, must not lose a callback.
const { performance, setImmediate } = globalThis

/**
 * How old a poll may be when its callback runs, in milliseconds, and for how many polls a callback
 * waits at most.
 *
 * Many callbacks may follow one poll, and each writes a request. The first request wakes the
 * server, which may close all other connections before the last request is written. While nginx or
 * haproxy reloaded under full load, this bound reduced lost POSTs to between a quarter and a
 * ninetieth, fewer than with undici (see `docs/performance.md`).
 */
const oldest = 0.5
const mostPolls = 4

/** A callback, and the number of polls it has waited for. */
interface Waiting {
  readonly callback: () => void
  polls: number
}

/** The callbacks whose poll has not begun. */
let registered: Array<Waiting> = []

/**
 * Runs before the poll that the callbacks wait for. Each gets a separate immediate, so that one
 * that throws does not stop the others.
 */
const beforePoll = (): void => {
  const begunAt = performance.now()
  const all = registered
  registered = []
  for (const waiting of all) setImmediate(afterPoll, waiting, begunAt)
}

const afterPoll = (waiting: Waiting, begunAt: number): void => {
  const now = performance.now()
  // In the check phase one more immediate is one more poll.
  if (++waiting.polls < mostPolls && now - begunAt > oldest) setImmediate(afterPoll, waiting, now)
  else waiting.callback()
}

/** A class rather than two closures, because each wait of a fiber makes one. */
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
    // A ref'd immediate, because an unref'd one lets the poll block until a socket is ready.
    if (registered.length === 0) setImmediate(beforePoll)
    registered.push({ callback, polls: 0 })
  },
  captureContext: (): AsyncContext => new NodeContext()
})
