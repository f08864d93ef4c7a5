/**
 * Between the service `Transport`, which is made of effects, and the port `Dialer`, which is made
 * of callbacks.
 *
 * `serviceOf` creates a service from a dialer. `dialerOf` returns that dialer again, or adapts a
 * service of another kind. Both keep the promise of the other side: an attempt that is interrupted
 * or aborted has left nothing open when it ends.
 */
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import type { HttpTimeout, TlsError } from "../../HttpError.ts"
import type { Duplex, Service } from "../../Transport.ts"
import type { Abort, Caller, DialCaller, Dialed, Dialer, DialHost } from "../model/ports.ts"
import { defaults, makeDialer } from "../node/dialer.ts"
import { nodeEventLoop } from "../node/eventLoop.ts"
import { EffectTimers } from "./host.ts"

/**
 * The dialers that services were made from. Compared by identity, because a service that wraps such
 * a service may do more.
 */
const dialers = new WeakMap<Service, Dialer>()

/** Returns the cause for a defect, which is a record of Effect's or a thrown value. */
export const causeOf = (defect: unknown): Cause.Cause<never> =>
  Cause.isCause(defect) ? defect as Cause.Cause<never> : Cause.die(defect)

// --- a service made of a dialer

type Opened = Extract<Dialed, { readonly _tag: "Opened" }>
type Start<E> = (host: DialHost, caller: DialCaller, done: (result: Dialed<E>) => void) => Abort

const exitOf = <E>(result: Dialed<E>): Exit.Exit<Opened, E> => {
  switch (result._tag) {
    case "Opened":
      return Exit.succeed(result)
    case "Failed":
      return Exit.fail(result.error)
    case "Died":
      return Exit.failCause(causeOf(result.defect))
    case "Aborted":
      return Exit.interrupt(FiberId.none)
  }
}

/**
 * Returns the finalizer of what was opened. It is a separate function, so that it retains nothing
 * of the attempt. It is used instead of `Effect.addFinalizer`, which retains the whole fiber: 1.5
 * KB.
 */
const ending = ({ duplex, release }: Opened) => (): Effect.Effect<void> =>
  Effect.sync(() => {
    duplex.destroy()
    release?.()
  })

/** An attempt that a fiber has started. */
class FiberAttempt<E> {
  #result: Dialed<E> | undefined
  #abort: Abort | undefined
  #onResult: (result: Dialed<E>) => void = () => {}

  /** Starts the attempt and waits for its result, in the host's async context. */
  run(start: Start<E>, host: EffectTimers): Effect.Effect<Opened, E> {
    return Effect.async<Opened, E>((resume) => {
      this.#onResult = (result) => host.context.run(() => resume(exitOf(result)))
      this.#abort = start(host, host, (result) => {
        this.#result = result
        this.#onResult(result)
      })
    })
  }

  /**
   * Aborts the attempt and waits until nothing of it is left. The attempt may have opened its
   * channel although its fiber was interrupted.
   */
  readonly abort: Effect.Effect<void> = Effect.async<void>((resume) => {
    this.#onResult = (result) => resume(result._tag === "Opened" ? ending(result)() : Effect.void)
    if (this.#result !== undefined) this.#onResult(this.#result)
    else if (this.#abort !== undefined) this.#abort()
    else resume(Effect.void)
  })
}

/** Runs an attempt. The channel that it opens ends with the scope. */
const scoped = <E>(start: Start<E>): Effect.Effect<Duplex, E, Scope.Scope> =>
  Effect.flatMap(
    Effect.all([Effect.clock, Effect.runtime<never>(), Effect.scope]),
    ([clock, runtime, scope]) =>
      Effect.uninterruptibleMask((restore) => {
        const attempt = new FiberAttempt<E>()
        const host = new EffectTimers(clock, runtime, nodeEventLoop)
        return Effect.flatMap(
          Effect.onError(restore(attempt.run(start, host)), () => attempt.abort),
          (opened) => Effect.as(Scope.addFinalizerExit(scope, ending(opened)), opened.duplex)
        )
      })
  )

/** Creates the service that opens its channels by a dialer over Node's sockets. */
export const serviceOf = (dialer: Dialer): Service => {
  const service = Object.freeze<Service>({
    loop: nodeEventLoop,
    open: (endpoint, timeouts) => scoped((host, caller, done) => dialer.dial(endpoint, timeouts, host, caller, done)),
    secure: (duplex, serverName, tls, timeoutMillis) =>
      Effect.onError(
        scoped<TlsError | HttpTimeout>((host, caller, done) =>
          dialer.secure(duplex, serverName, tls, timeoutMillis, host, caller, done)
        ),
        // It must not be used afterwards, even if the fiber was interrupted before it began.
        () => Effect.sync(() => duplex.destroy())
      )
  })
  dialers.set(service, dialer)
  return service
}

// --- a dialer made of a service

/** A caller that is a fiber of Effect 3. */
export interface FiberCaller extends Caller {
  /** Runs an effect in the runtime, the span and the async context of the caller. */
  fork<A, E>(effect: Effect.Effect<A, E>, options?: Runtime.RunForkOptions): Fiber.RuntimeFiber<A, E>
}

export const isFiberCaller = (caller: DialCaller): caller is FiberCaller => "fork" in caller

/**
 * Returns how an opening of a service ended, if not with a channel. The whole cause counts as a
 * defect if it contains more than one failure.
 */
const failed = <E>(cause: Cause.Cause<E>): Dialed<E> => {
  const failure = Cause.failureOption(cause)
  return Option.isSome(failure) && Chunk.isEmpty(Cause.defects(cause))
    ? { _tag: "Failed", error: failure.value }
    : { _tag: "Died", defect: cause }
}

/** A separate function, so that it retains nothing of the attempt. */
const closing = (scope: Scope.CloseableScope, host: EffectTimers) => (): void => {
  host.fork(Scope.close(scope, Exit.void))
}

/**
 * Runs an opening of a service in a fiber of the caller. If it ends without a channel, its scope is
 * closed before `done` is called, and the channel `below`, in which TLS was started, is destroyed.
 */
const attempt = <E>(
  opening: () => Effect.Effect<Duplex, E, Scope.Scope>,
  below: Duplex | undefined,
  host: DialHost,
  caller: DialCaller,
  done: (result: Dialed<E>) => void
): Abort => {
  if (!(host instanceof EffectTimers) || !isFiberCaller(caller)) {
    below?.destroy()
    done({ _tag: "Died", defect: new TypeError("A transport made of effects needs a host and a caller of Effect's.") })
    return () => {}
  }
  const scope = Effect.runSync(Scope.make())
  let aborted = false
  const ended = (exit: Exit.Exit<Duplex, E>): void => {
    if (Exit.isSuccess(exit) && !aborted) {
      return done({ _tag: "Opened", duplex: exit.value, release: closing(scope, host) })
    }
    const close = Effect.ensuring(Scope.close(scope, exit), Effect.sync(() => below?.destroy()))
    caller.fork(Effect.exit(close)).addObserver((closed) => {
      const end = Exit.flatten(closed)
      if (Exit.isSuccess(end)) return done(aborted || Exit.isSuccess(exit) ? { _tag: "Aborted" } : failed(exit.cause))
      done(failed(Exit.isSuccess(exit) ? end.cause : Cause.sequential(exit.cause, end.cause)))
    })
  }
  const work = Effect.interruptible(Effect.suspend(opening))
  // Its exit is its value, because a fiber that fails is reported to the log as unhandled.
  const fiber = caller.fork(Effect.exit(Scope.extend(work, scope)), { immediate: false })
  fiber.addObserver((exit) => ended(Exit.flatten(exit)))
  return () => {
    aborted = true
    // The transport may then run code of the caller.
    caller.context.run(() => fiber.unsafeInterruptAsFork(FiberId.none))
  }
}

/** Opens channels through a service. */
class ServiceDialer implements Dialer {
  readonly #service: Service

  constructor(service: Service) {
    this.#service = service
  }

  readonly dial: Dialer["dial"] = (endpoint, timeouts, host, caller, done) =>
    attempt(() => this.#service.open(endpoint, timeouts), undefined, host, caller, done)

  // A service only opens channels.
  readonly resolve: Dialer["resolve"] = makeDialer(defaults).resolve

  readonly secure: Dialer["secure"] = (duplex, serverName, tls, timeoutMillis, host, caller, done) =>
    attempt(() => this.#service.secure(duplex, serverName, tls, timeoutMillis), duplex, host, caller, done)
}

/**
 * Returns the dialer that a service was made from, or one that opens channels through the service.
 */
export const dialerOf = (service: Service): Dialer => dialers.get(service) ?? new ServiceDialer(service)
