/**
 * Node's event loop as an `EventLoop`: when all sockets have been polled, and async contexts.
 *
 * An iteration of the loop polls all sockets, then runs the immediates (the check phase). An immediate that is set while the
 * sockets are being read runs right after that, before they are polled again: after one immediate, a FIN that came in the same
 * packet as the bytes that were just read is still unseen, and so is a second TLS record. So it takes two immediates: between
 * the first and the second one lies a whole poll. The first one is shared by all calls of one iteration, and because an
 * immediate is due, that poll does not wait for anything.
 */
import { AsyncResource } from "node:async_hooks"
import type { AsyncContext, EventLoop } from "../../Transport.ts"

// As it is on import: a test that replaces it, and restores it later, must not lose a callback.
const { setImmediate } = globalThis

/** Those whose poll has not begun. */
let registered: Array<() => void> = []

/** The poll that begins now is the one that they wait for. Each gets an immediate of its own: one that throws takes no other with it. */
const beforePoll = (): void => {
  const callbacks = registered
  registered = []
  for (const callback of callbacks) setImmediate(callback)
}

/** An object of one class and not two closures, because one is made for each wait of a fiber. */
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
    // A referenced immediate: one that is not lets the poll wait for a socket.
    if (registered.length === 0) setImmediate(beforePoll)
    registered.push(callback)
  },
  captureContext: (): AsyncContext => new NodeContext()
})
