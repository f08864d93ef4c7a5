/**
 * The look at the sockets that comes before a time limit expires.
 *
 * When the event loop was busy, timers run before the sockets are read, so a limit would expire
 * although what it limits has arrived in time. Only the live clock has this problem: under another
 * one, such as `TestClock`, time stands still while something happens.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import type { EventLoop } from "../../Transport.ts"
import { waitFor } from "./wait.ts"

/** The clock that a program has unless it is given another one. */
const live = Context.get(DefaultServices.liveServices, Clock.Clock)

/** True if the clock tells real time. */
export const isLive = (clock: Clock.Clock): boolean => clock === live

/** Waits until the sockets have been polled, if the time is real. */
export const polled = (loop: EventLoop): Effect.Effect<void> =>
  Effect.clockWith((clock) =>
    isLive(clock)
      ? waitFor<void>(loop, (waiter) => loop.afterPoll(() => waiter.resume(Effect.void)))
      : Effect.void
  )
