/**
 * How a fiber waits for what happens elsewhere: in the async context in which it began to wait.
 *
 * A callback of a socket runs in the async context of the code that opened the socket, a timer in
 * that of the code that set it, and a connection that another request releases in the context of
 * that request. A fiber that such a callback resumed would go on with another caller's
 * `AsyncLocalStorage`. So each wait captures the context of its fiber and resumes in it: Effect's
 * scheduler runs a fiber in the context in which it was resumed (since 3.22 also if another one was
 * resumed before).
 *
 * `Fiber.await` resumes in the context of the fiber that ends, and runs a fiber that is suspended
 * to ask it for its end, in the context of the one that asks. `awaitFiber` does neither.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { AsyncContext, EventLoop } from "../../Transport.ts"

/** Resumes a fiber with what it is to do then. Once: further calls do nothing. */
export type Resume<A, E> = (effect: Effect.Effect<A, E>) => void

/** A fiber that waits. Must be made by the fiber itself. */
export class Waiter<A, E = never> {
  readonly context: AsyncContext
  readonly #resume: Resume<A, E>

  constructor(loop: EventLoop, resume: Resume<A, E>) {
    this.context = loop.captureContext()
    this.#resume = resume
  }

  /** Resumes the fiber, in its context. */
  resume(effect: Effect.Effect<A, E>): void {
    this.context.run(() => this.#resume(effect))
  }
}

/**
 * `Effect.async`, for a fiber that waits for an event: `register` may return how to stop waiting.
 */
export const waitFor = <A, E = never>(
  loop: EventLoop,
  register: (waiter: Waiter<A, E>) => Effect.Effect<void> | void
): Effect.Effect<A, E> => Effect.async<A, E>((resume) => register(new Waiter(loop, resume)))

/** Waits for the end of a fiber. */
export const awaitFiber = <A, E>(
  loop: EventLoop,
  fiber: Fiber.RuntimeFiber<A, E>
): Effect.Effect<Exit.Exit<A, E>> =>
  waitFor<Exit.Exit<A, E>>(loop, (waiter) => {
    const observer = (exit: Exit.Exit<A, E>): void => waiter.resume(Effect.succeed(exit))
    fiber.addObserver(observer)
    return Effect.sync(() => fiber.removeObserver(observer))
  })

/** Interrupts a fiber and waits for its end. */
export const interruptFiber = <A, E>(
  loop: EventLoop,
  fiber: Fiber.RuntimeFiber<A, E>
): Effect.Effect<Exit.Exit<A, E>> =>
  Effect.withFiberRuntime((self) => {
    fiber.unsafeInterruptAsFork(self.id())
    return awaitFiber(loop, fiber)
  })

/**
 * Brings a fiber to a context, for an effect that knows nothing of contexts, such as
 * `Deferred.await` or a queue. Two microtasks: what resumes a fiber that runs is handled within
 * that run, and a run may have been put off to the first one already.
 */
export const returnTo = (context: AsyncContext): Effect.Effect<void> =>
  Effect.async<void>((resume) => context.run(() => queueMicrotask(() => queueMicrotask(() => resume(Effect.void)))))

/** Brings a fiber back to its context when an effect has ended, whatever came of it. */
export const keepContext = <A, E, R>(loop: EventLoop, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const back = returnTo(loop.captureContext())
    return Effect.flatMap(Effect.exit(effect), (exit) => Effect.zipRight(back, exit))
  })
