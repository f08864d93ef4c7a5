/** Runs an Effect of the caller that returns an option, for an opening that needs the option. */
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type { Answer, Host } from "../model/ports.ts"
import { isFiberCaller } from "./transport.ts"

/** Converts an exit. Any cause except a single failure counts as a defect. */
const answerOf = (exit: Exit.Exit<unknown, unknown>, aborted: boolean): Answer => {
  if (aborted) return { _tag: "Aborted" }
  if (Exit.isSuccess(exit)) return { _tag: "Given", value: exit.value }
  const failure = Cause.failureOption(exit.cause)
  return Option.isSome(failure) && Chunk.isEmpty(Cause.defects(exit.cause))
    ? { _tag: "Failed", error: failure.value }
    : { _tag: "Died", defect: exit.cause }
}

export const ask: Host["ask"] = (source, caller, done) => {
  if (!isFiberCaller(caller)) {
    done({ _tag: "Died", defect: new TypeError("An option that is an Effect needs a caller of Effect's.") })
    return () => {}
  }
  let aborted = false
  const work = Effect.interruptible(source as unknown as Effect.Effect<unknown, unknown>)
  // Its exit is its value, because a fiber that fails is reported to the log as unhandled. It does
  // not start within this call, because it may use the pool that this call belongs to.
  const fiber = caller.fork(Effect.exit(work), { immediate: false })
  fiber.addObserver((exit) => done(answerOf(Exit.flatten(exit), aborted)))
  return () => {
    aborted = true
    // The Effect may then run code of the caller.
    caller.context.run(() => fiber.unsafeInterruptAsFork(FiberId.none))
  }
}
