/**
 * How a fiber waits for what arrives from outside: in the async context in which it began to wait.
 *
 * A callback of a socket runs in the async context of the code that opened the socket, a timer in that of the code that set it,
 * and a connection that another request releases in the context of that request. A fiber that such a callback resumed would go
 * on with another caller's `AsyncLocalStorage`. So each wait captures the context of its fiber and resumes in it.
 *
 * That is not enough if another fiber is running: Effect's scheduler runs all fibers that are resumed until the next microtask in
 * the context of the first one. Then the resumption waits for a callback of its own. For the same reason one callback of the
 * event loop must not resume the fibers of several callers.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { AsyncContext, EventLoop } from "../../Transport.ts"

/** Resumes a fiber with what it is to do then. */
export type Resume<A, E> = (effect: Effect.Effect<A, E>) => void

/** A fiber that waits. To be made by the fiber itself. */
export class Waiter<A, E = never> {
  readonly context: AsyncContext
  readonly #loop: EventLoop
  readonly #resume: Resume<A, E>
  readonly #fiber = Fiber.getCurrentFiber()

  constructor(loop: EventLoop, resume: Resume<A, E>, context = loop.captureContext()) {
    this.#loop = loop
    this.#resume = resume
    this.context = context
  }

  /** Resumes the fiber in its context, whatever runs now. Once; further calls do nothing. */
  resume(effect: Effect.Effect<A, E>): void {
    const running = Fiber.getCurrentFiber()
    const isOther = Option.isSome(running) && !(Option.isSome(this.#fiber) && running.value === this.#fiber.value)
    if (isOther) this.#loop.afterPoll(() => this.resumeHere(effect))
    else this.resumeHere(effect)
  }

  /** The same, if no fiber of another context is running. */
  resumeHere(effect: Effect.Effect<A, E>): void {
    this.context.run(() => this.#resume(effect))
  }
}

/** `Effect.async`, for a fiber that waits for an event: `register` may return how to stop waiting. */
export const waitFor = <A, E = never>(
  loop: EventLoop,
  register: (waiter: Waiter<A, E>) => Effect.Effect<void> | void
): Effect.Effect<A, E> => Effect.async<A, E>((resume) => register(new Waiter(loop, resume)))
