/**
 * The look at a connection between its last use and the next one.
 *
 * A connection that was used before, or was idle while the event loop was busy, may have something
 * in store that arrived in the meantime: an answer that no request asked for, a FIN, a reset, a TLS
 * alert. If the next request were written before that is read, a stray answer would count as its
 * answer, and a close as its failure. So a request that takes such a connection waits until the
 * event loop has polled the socket. An idle connection reads what it is sent and closes at once
 * (`link.ts`), so that afterwards it is either closed or has nothing in store, but for packets that
 * are still on their way.
 */
import * as Effect from "effect/Effect"
import type { EventLoop } from "../../Transport.ts"
import type { Waiter } from "../effect/wait.ts"
import { waitFor } from "../effect/wait.ts"
import type { Connection } from "./connection.ts"

/**
 * Reserves a usable link, and calls `begin` when it has been polled. `begin` must ask again whether
 * the link is `usable`, and use it in the same step; the fiber waits until `begin`, or what it
 * leads to, resumes it. If the fiber is interrupted before, the caller must `free` the link.
 *
 * `begin` runs in the async context of the fiber but not in the fiber: so a request needs no hop of
 * its fiber for the poll.
 */
export const whenPolled = <A, E = never>(
  loop: EventLoop,
  connection: Connection,
  begin: (waiter: Waiter<A, E>) => void
): Effect.Effect<A, E> =>
  waitFor<A, E>(loop, (waiter) =>
    connection.reserve(loop, () => {
      try {
        waiter.context.run(() => begin(waiter))
      } catch (defect) {
        // It is in no fiber, but it is its fiber's.
        connection.close("Failure")
        waiter.resume(Effect.die(defect))
      }
    }))

/**
 * Reserves a usable link and waits until it has been polled. What holds for `begin` holds for what
 * follows this.
 */
export const awaitPoll = (loop: EventLoop, connection: Connection): Effect.Effect<void> =>
  whenPolled<void>(loop, connection, (waiter) => waiter.resume(Effect.void))
