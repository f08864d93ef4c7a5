/**
 * The fiber that asks for something, as the core sees it.
 *
 * It also prevents an interruption from splitting a step of the fiber. `uninterruptibleMask` with a
 * last check at the end costs 11 runtime operations. This costs 3, because the fiber itself reports
 * whether it has been interrupted.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"
import type { AsyncContext, EventLoop } from "../../Transport.ts"
import type { Pending } from "../connection/acquisition.ts"
import type { CallObserver } from "../connection/call.ts"
import type { Resume } from "./wait.ts"
import { awaitEnd, suspended } from "./wait.ts"

/**
 * Runs the observable parts of a request inside its span: body streams, transports, log output and
 * failures. Wrapping the whole request, or one that is queued, would copy the fiber's references
 * twice.
 */
export type InSpan = <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>

export const identity: InSpan = (effect) => effect

/** The names of fields whose values the log must not show. */
export type RedactedNames = Effect.Effect<ReadonlyArray<string | RegExp>>

/** A fiber that runs with these flags, and can be interrupted if they allow it. */
export class Interruptible {
  protected readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
  protected readonly flags: RuntimeFlags.RuntimeFlags

  constructor(fiber: Fiber.RuntimeFiber<unknown, unknown>, flags: RuntimeFlags.RuntimeFlags) {
    this.fiber = fiber
    this.flags = flags
  }

  get #isInterruptible(): boolean {
    return RuntimeFlags.interruptible(this.flags)
  }

  /** Makes an effect as interruptible as the fiber was. */
  restore<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return this.#isInterruptible ? Effect.interruptible(effect) : effect
  }

  /** Returns why the fiber was interrupted; empty if it was not, or if nothing can interrupt it. */
  interrupted(): Cause.Cause<never> {
    return this.#isInterruptible ? this.fiber.getFiberRef(FiberRef.interruptedCause) : Cause.empty
  }
}

/**
 * The operation that a fiber waits for: a machine of the core, which has its outcome when it calls
 * `onDone`.
 */
export interface Waited {
  start(caller: FiberCaller): void
  /** Ends it in any state. Returns what must end before the caller continues. */
  cancel(): Pending | undefined
}

/**
 * Fails with the cause of an interruption, when the operations that the caller had started have
 * ended.
 */
export const cancelled = (waited: Waited, cause: Cause.Cause<never>, loop: EventLoop): Effect.Effect<never> => {
  const pending = waited.cancel()
  return pending === undefined
    ? Effect.failCause(cause)
    : Effect.zipRight(awaitEnd(loop, pending), Effect.failCause(cause))
}

/** The fiber that runs a request. */
export class FiberCaller extends Interruptible implements CallObserver {
  readonly inSpan: InSpan
  readonly #redactedNames: RedactedNames
  #context: AsyncContext | undefined = undefined
  #resume: Resume<void, never> | undefined = undefined

  constructor(
    fiber: Fiber.RuntimeFiber<unknown, unknown>,
    flags: RuntimeFlags.RuntimeFlags,
    redactedNames: RedactedNames,
    inSpan: InSpan
  ) {
    super(fiber, flags)
    this.#redactedNames = redactedNames
    this.inSpan = inSpan
  }

  /**
   * Starts an operation, and waits once for its outcome, with which `onDone` continues.
   * Interrupting it is one call of `cancel`. Must run in an uninterruptible region.
   */
  await<A, E>(waited: Waited, loop: EventLoop, onDone: () => Effect.Effect<A, E>): Effect.Effect<A, E> {
    const waiting = suspended<void>((resume) => {
      this.wait(loop, resume)
      waited.start(this)
    })
    return Effect.matchCauseEffect(this.restore(waiting), {
      onFailure: (cause) => cancelled(waited, cause, loop),
      onSuccess: onDone
    })
  }

  /** Begins to wait. Must be called by the fiber itself. */
  wait(loop: EventLoop, resume: Resume<void, never>): void {
    this.#context = loop.captureContext()
    this.#resume = resume
  }

  /** The context in which the fiber began to wait, which is before it asks for anything. */
  get context(): AsyncContext {
    return this.#context as AsyncContext
  }

  onDone(): void {
    const resume = this.#resume
    this.#resume = undefined
    if (resume !== undefined) this.context.run(() => resume(Effect.void))
  }

  /** Runs an effect in the runtime, the span and the async context of the fiber. */
  fork<A, E>(effect: Effect.Effect<A, E>, options?: Runtime.RunForkOptions): Fiber.RuntimeFiber<A, E> {
    const runtime = Runtime.make({
      context: this.fiber.currentContext as Context.Context<never>,
      runtimeFlags: this.flags,
      fiberRefs: this.fiber.getFiberRefs()
    })
    return this.context.run(() => Runtime.runFork(runtime)(this.inSpan(effect), options))
  }

  /** Throws what a logger throws, as if it had been called here. */
  log(lines: (redactedNames: ReadonlyArray<string | RegExp>) => ReadonlyArray<string>): void {
    const logging = Effect.flatMap(this.#redactedNames, (names) => Effect.logInfo(...lines(names)))
    const exit = this.fork(Effect.exit(logging)).unsafePoll()
    if (exit !== null && Exit.isSuccess(exit) && Exit.isFailure(exit.value)) throw Cause.squash(exit.value.cause)
  }
}

/** Runs an operation for the current fiber. Nothing in it is interrupted unless restored. */
export const uninterrupted = <A, E, R = never>(
  body: (caller: Interruptible) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime<A, E, R>((fiber, { runtimeFlags }) =>
    Effect.uninterruptible(body(new Interruptible(fiber, runtimeFlags)))
  )

/** Does the same for a request, whose log must not show the values of some fields. */
export const uninterruptedCall = <A, E>(
  redactedNames: RedactedNames,
  body: (caller: FiberCaller) => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.withFiberRuntime<A, E>((fiber, { runtimeFlags }) =>
    Effect.uninterruptible(body(new FiberCaller(fiber, runtimeFlags, redactedNames, identity)))
  )

/**
 * Does the same for a step. Its `body` checks what no other fiber may change until the step has
 * reserved its connection. So it runs in one operation inside the uninterruptible region.
 */
export const uninterruptedStep = <A, E>(
  redactedNames: RedactedNames,
  body: (caller: FiberCaller) => Effect.Effect<A, E>
): Effect.Effect<A, E> => uninterruptedCall(redactedNames, (caller) => Effect.suspend(() => body(caller)))
