/** A time limit on opening a connection. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type { EventLoop } from "../../Transport.ts"
import type { TimeoutKind } from "../error/timeout.ts"
import { HttpTimeout } from "../error/timeout.ts"
import { isLive } from "./polled.ts"
import { awaitFiber, interruptFiber } from "./wait.ts"

// Captured together on import, because a timer of one of them must not be cleared by a replacement
// of the other.
const { clearTimeout, setTimeout } = globalThis

/**
 * The longest time that Node's timers can wait, in milliseconds. A limit of more than 24 days
 * counts as no limit, as it does for Effect's clock.
 */
const longestTimer = 2 ** 31 - 1

/**
 * Calls `expire` when the time is over and the sockets have been polled. Returns an effect that
 * cancels this. If the clock tells real time, it is a timer and not a fiber.
 */
const startTimer = (
  clock: Clock.Clock,
  millis: number,
  loop: EventLoop,
  expire: () => void
): Effect.Effect<Effect.Effect<unknown>> =>
  isLive(clock)
    ? Effect.sync(() => {
      let over = false
      const timer = millis > longestTimer
        ? undefined
        : setTimeout(() => loop.afterPoll(() => over ? undefined : expire()), Math.ceil(millis))
      return Effect.sync(() => {
        over = true
        clearTimeout(timer)
      })
    })
    : Effect.map(
      Effect.forkDaemon(Effect.andThen(Effect.interruptible(Effect.sleep(millis)), expire)),
      (timer: Fiber.RuntimeFiber<unknown>) => interruptFiber(loop, timer)
    )

/**
 * Ends the work with `HttpTimeout` if it takes longer; `Infinity` is no limit. A result that
 * arrives in time takes precedence over the limit, even if the event loop was too busy to read it.
 *
 * Used instead of `Effect.timeoutFail`, which waits indefinitely if it is interrupted after its
 * fibers were created and before they have started.
 */
export const within = <A, E, R>(
  work: Effect.Effect<A, E, R>,
  kind: TimeoutKind,
  millis: number,
  loop: EventLoop
): Effect.Effect<A, E | HttpTimeout, R> =>
  millis === Infinity ? work : Effect.uninterruptibleMask((restore) => {
    let late = false
    // The fiber succeeds with the exit of the work, because a fiber that fails is logged as
    // unhandled.
    return Effect.flatMap(Effect.forkDaemon(Effect.exit(Effect.interruptible(work))), (worker) => {
      const context = loop.captureContext()
      const expire = (): void => {
        late = true
        // The interrupted work may run the caller's code.
        context.run(() => worker.unsafeInterruptAsFork(FiberId.none))
      }
      return Effect.flatMap(
        Effect.clockWith((clock) => startTimer(clock, millis, loop, expire)),
        (stop) =>
          Effect.flatMap(
            Effect.ensuring(
              Effect.onInterrupt(restore(awaitFiber(loop, worker)), () => interruptFiber(loop, worker)),
              stop
            ),
            (exit): Exit.Exit<A, E | HttpTimeout> =>
              late && Exit.isInterrupted(Exit.flatten(exit))
                ? Exit.fail(new HttpTimeout({ kind, millis }))
                : Exit.flatten(exit)
          )
      )
    })
  })
