/**
 * How a fiber waits for an event outside the runtime: it resumes in the async context in which it
 * began to wait.
 *
 * A callback of a socket runs in the async context of the code that opened the socket. A timer runs
 * in the context of the code that set it. A connection that another request releases is delivered
 * in the context of that request. A fiber that such a callback resumed would continue with another
 * caller's `AsyncLocalStorage`. So each wait captures the context of its fiber and resumes in it.
 * Effect's scheduler runs a fiber in the context in which it was resumed (since 3.22 also if
 * another one was resumed before).
 *
 * `Fiber.await` resumes in the context of the fiber that ends. To ask a suspended fiber for its
 * end, it runs that fiber in the context of the fiber that asks. `awaitFiber` does neither.
 */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type { AsyncContext, EventLoop } from "../../Transport.ts"

/** Resumes a fiber with its next effect. Further calls do nothing. */
export type Resume<A, E> = (effect: Effect.Effect<A, E>) => void

type Register<A, E> = (resume: Resume<A, E>) => void

/**
 * The operation in which a fiber waits, without what `Effect.async` adds to it.
 *
 * `Effect.async` makes three closures and one operation more for each wait. With them, and with the
 * queue of that time, every request was promoted to V8's old generation on Node 24. That took a
 * quarter more processor time there. Removing either ended that; no heap snapshot shows why. The
 * names of the operation and of its fields are private to Effect 3, so they are compared with those
 * that `Effect.async` makes. If they differ, `Effect.async` is used.
 */
class AsyncOperation<A, E> {
  readonly _op = "Async"
  readonly effect_instruction_i0: Register<A, E>
  readonly effect_instruction_i1 = FiberId.none

  constructor(register: Register<A, E>) {
    this.effect_instruction_i0 = register
  }
}
Object.setPrototypeOf(AsyncOperation.prototype, Effectable.EffectPrototype)

/**
 * True if the operations of this version of Effect are the known ones. The tested function has a
 * parameter, because without one Effect adds an operation for its signal.
 */
const isKnown = ((): boolean => {
  const made: { readonly commit?: () => Partial<AsyncOperation<void, never>> } = Effect.async<void>(
    (_resume) => {}
  ) as never
  const operation = made.commit?.()
  return operation?._op === "Async" && typeof operation.effect_instruction_i0 === "function"
    && operation.effect_instruction_i1 === FiberId.none
})()

/**
 * Waits until `register`, or a later callback, resumes the fiber. It has no cleanup, so an
 * interruption must be handled around it.
 */
export const suspended = <A, E = never>(register: Register<A, E>): Effect.Effect<A, E> =>
  isKnown ? new AsyncOperation(register) as never : Effect.async<A, E>((resume) => register(resume))

/** A fiber that waits. Must be created by the fiber itself. */
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

/** Waits for an event. */
export const waitFor = <A, E = never>(
  loop: EventLoop,
  register: (waiter: Waiter<A, E>) => void
): Effect.Effect<A, E> => suspended<A, E>((resume) => register(new Waiter(loop, resume)))

/** Waits for an event, with a cleanup for an interruption. */
export const waitForOrCancel = <A, E = never>(
  loop: EventLoop,
  register: (waiter: Waiter<A, E>) => () => void
): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    let cancel = (): void => {}
    return Effect.onInterrupt(
      waitFor<A, E>(loop, (waiter) => {
        cancel = register(waiter)
      }),
      () => Effect.sync(() => cancel())
    )
  })

/** Waits for a callback that may be called before the fiber waits. */
export class Gate {
  #isOpen = false
  #resume: (() => void) | undefined

  readonly open = (): void => {
    this.#isOpen = true
    this.#resume?.()
  }

  /** Waits until the gate was opened, and closes it. */
  readonly passed: Effect.Effect<void> = suspended((resume) => {
    this.#resume = () => {
      this.#resume = undefined
      this.#isOpen = false
      resume(Effect.void)
    }
    if (this.#isOpen) this.#resume()
  })
}

/** Waits for the end of a fiber. */
export const awaitFiber = <A, E>(
  loop: EventLoop,
  fiber: Fiber.RuntimeFiber<A, E>
): Effect.Effect<Exit.Exit<A, E>> =>
  waitForOrCancel<Exit.Exit<A, E>>(loop, (waiter) => {
    const observer = (exit: Exit.Exit<A, E>): void => waiter.resume(Effect.succeed(exit))
    fiber.addObserver(observer)
    return () => fiber.removeObserver(observer)
  })

/** Waits for the end of an operation that reports it. */
export const awaitEnd = (
  loop: EventLoop,
  pending: { whenEnded(callback: () => void): () => void }
): Effect.Effect<void> => waitForOrCancel<void>(loop, (waiter) => pending.whenEnded(() => waiter.resume(Effect.void)))

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
 * Returns a fiber to its context, for an effect that knows nothing of contexts, such as
 * `Deferred.await` or a queue. It takes two microtasks. A callback that resumes a running fiber is
 * handled within that run, and a run may have been postponed to the first microtask already.
 */
export const returnTo = (context: AsyncContext): Effect.Effect<void> =>
  suspended<void>((resume) => context.run(() => queueMicrotask(() => queueMicrotask(() => resume(Effect.void)))))

/** Returns a fiber to its context when an effect has ended, whatever the outcome. */
export const keepContext = <A, E, R>(loop: EventLoop, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const back = returnTo(loop.captureContext())
    return Effect.flatMap(Effect.exit(effect), (exit) => Effect.zipRight(back, exit))
  })
