/** A time limit on an opening. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type { EventLoop } from "../../Transport.ts"
import type { TimeoutKind } from "../error/timeout.ts"
import { HttpTimeout } from "../error/timeout.ts"
import { polled } from "./polled.ts"
import { awaitFiber, interruptFiber } from "./wait.ts"

/**
 * Ends the work with `HttpTimeout` when it takes longer; `Infinity` is no limit. What has arrived in time wins over the limit,
 * although the loop was too busy to read it.
 *
 * In place of `Effect.timeoutFail`, which waits for ever when it is interrupted after its fibers were made and before they have
 * started.
 */
export const within = <A, E, R>(
  work: Effect.Effect<A, E, R>,
  kind: TimeoutKind,
  millis: number,
  loop: EventLoop
): Effect.Effect<A, E | HttpTimeout, R> =>
  millis === Infinity ? work : Effect.uninterruptibleMask((restore) => {
    let late = false
    // Their exits are their values, because a fiber that fails is reported to the log as unhandled.
    return Effect.flatMap(Effect.forkDaemon(Effect.exit(Effect.interruptible(work))), (worker) => {
      const expire = Effect.sync(() => {
        late = true
        worker.unsafeInterruptAsFork(FiberId.none)
      })
      return Effect.flatMap(
        Effect.forkDaemon(
          Effect.zipRight(Effect.interruptible(Effect.zipRight(Effect.sleep(millis), polled(loop))), expire)
        ),
        (timer) =>
          Effect.flatMap(
            Effect.ensuring(
              Effect.onInterrupt(restore(awaitFiber(loop, worker)), () => interruptFiber(loop, worker)),
              interruptFiber(loop, timer)
            ),
            (exit): Exit.Exit<A, E | HttpTimeout> =>
              late && Exit.isInterrupted(Exit.flatten(exit))
                ? Exit.fail(new HttpTimeout({ kind, millis }))
                : Exit.flatten(exit)
          )
      )
    })
  })
