/**
 * The fiber that asks for something, and how what is done for it is kept from being cut in two.
 *
 * `uninterruptibleMask` with a last look at the end costs 11 runtime operations, this costs 3: the
 * fiber itself says whether it has been interrupted.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as RuntimeFlags from "effect/RuntimeFlags"

/** Makes an effect as interruptible as the caller was. */
export type Restore = <A, E, R = never>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export interface Caller {
  readonly restore: Restore
  /**
   * Why the caller is not there any more; empty while it is, and where nothing can interrupt it.
   */
  interrupted(): Cause.Cause<never>
}

const fixed: Caller = { restore: (effect) => effect, interrupted: () => Cause.empty }

class InterruptibleCaller implements Caller {
  readonly #fiber: Fiber.RuntimeFiber<unknown, unknown>

  constructor(fiber: Fiber.RuntimeFiber<unknown, unknown>) {
    this.#fiber = fiber
  }

  get restore(): Restore {
    return Effect.interruptible
  }

  interrupted(): Cause.Cause<never> {
    return this.#fiber.getFiberRef(FiberRef.interruptedCause)
  }
}

/**
 * Does something for a fiber, which runs with these flags, without interruption but where it is
 * restored.
 */
export const uninterruptedFor = <A, E, R = never>(
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  flags: RuntimeFlags.RuntimeFlags,
  body: (caller: Caller) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const caller = RuntimeFlags.interruptible(flags) ? new InterruptibleCaller(fiber) : fixed
  return Effect.uninterruptible(Effect.suspend(() => body(caller)))
}

/** The same for the fiber that runs this. */
export const uninterrupted = <A, E, R = never>(
  body: (caller: Caller) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime<A, E, R>((fiber, { runtimeFlags }) => uninterruptedFor(fiber, runtimeFlags, body))
