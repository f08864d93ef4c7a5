/** Creates a pool in a scope, with its public methods. */
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type * as RuntimeFlags from "effect/RuntimeFlags"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ConnectionEvent } from "../../ConnectionEvent.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import type * as Origin from "../../Origin.ts"
import type * as Tls from "../../Tls.ts"
import { Transport } from "../../Transport.ts"
import { Timer } from "../connection/timers.ts"
import { InvalidOption } from "../error/request.ts"
import type { ParsedUrl } from "../model/origin.ts"
import { notRecord } from "../options.ts"
import type { ExecuteFailure } from "../pool/call.ts"
import { makeCall, PoolCall } from "../pool/call.ts"
import { Pool } from "../pool/pool.ts"
import type { PoolSettings } from "../pool/settings.ts"
import { Background } from "./background.ts"
import type { InSpan, RedactedNames } from "./caller.ts"
import { FiberCaller, Interruptible, uninterruptedCall } from "./caller.ts"
import { readDuration } from "./duration.ts"
import { runCall } from "./execute.ts"
import { hosted } from "./hosted.ts"
import type { HttpConnectionImpl } from "./httpConnection.ts"
import type { LeaseFailure } from "./lease.ts"
import { lease } from "./lease.ts"
import type { PoolOptions } from "./poolOptions.ts"
import { toSettings } from "./poolSettings.ts"
import { rehearse } from "./rehearsal.ts"
import { systemLookUp } from "./resolver.ts"
import type { Trace } from "./trace.ts"
import { upgradePooled } from "./upgrade.ts"
import type { Upgraded } from "./upgradedModel.ts"
import type { UpgradeRefused } from "./upgradeRefused.ts"
import { awaitEnd, returnTo, waitFor, waitForOrCancel } from "./wait.ts"

/** The most events that are kept for a slow reader of the stream. */
const eventBuffer = 4096

const durationRule = `it must be a duration of at least 0, such as 500 or "5 seconds"`

/** The numbers of connections and queued requests. */
interface Counts {
  readonly idle: number
  readonly busy: number
  readonly connecting: number
  readonly waiting: number
}

/** Documented in `ConnectionPool`. */
export interface Stats extends Counts, Readonly<Pool["counts"]> {
  readonly origins: ReadonlyArray<Counts & { readonly origin: string }>
}

/**
 * Returns a generator of pseudo-random numbers from 0 to 1, always the same ones for a seed
 * (mulberry32). The pool needs them in code that runs no effect. The seed is from Effect's
 * `Random`, so that a test that replaces `Random` knows the numbers.
 */
const numbers = (seed: number): () => number => {
  let state = Math.floor(seed * 2 ** 32)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Creates a pool from checked settings. The end of the scope shuts it down. */
export const unsafeMake = (
  settings: PoolSettings,
  redactedNames: RedactedNames,
  trace?: Trace
): Effect.Effect<ConnectionPoolImpl, never, Scope.Scope | Transport> =>
  Effect.gen(function*() {
    const { addresses, dialer, host, timers } = yield* hosted(yield* Transport)
    const random = numbers(yield* Random.next)
    const background = new Background(host, redactedNames)
    const lookUp = addresses?.lookUp ?? systemLookUp
    const pool = new Pool(settings, { addresses, background, dialer, host, lookUp, timers }, random)
    yield* Effect.addFinalizer(() =>
      // Requests that the shutdown has refused must still report it.
      Effect.zipRight(
        shutdown(pool, settings.graceMillis),
        Effect.zipRight(quiet(pool), Effect.sync(() => pool.events.end()))
      )
    )
    if (settings.warm.length > 0) {
      pool.warm()
      yield* Effect.forkScoped(rehearse(unsafeMake(rehearsalSettings(), redactedNames)))
    }
    return new ConnectionPoolImpl(pool, redactedNames, trace)
  })

/**
 * Returns the settings of the pool that is only rehearsed with: the defaults, without listeners.
 */
const rehearsalSettings = (): PoolSettings => Either.getOrThrow(toSettings({}))

/** Creates a pool. The end of the scope shuts it down. */
export const make = (
  options: PoolOptions,
  redactedNames: RedactedNames,
  trace: Trace
): Effect.Effect<ConnectionPoolImpl, InvalidOption, Scope.Scope | Transport> =>
  Effect.flatMap(
    Effect.suspend(() => toSettings(options)),
    (settings) => unsafeMake(settings, redactedNames, options.tracing === true ? trace : undefined)
  )

/** Keeps the process alive while a caller waits. */
const holding = (pool: Pool, waiting: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.acquireUseRelease(
    Effect.sync(() => pool.timers.hold()),
    () => waiting,
    () => Effect.sync(() => pool.timers.release())
  )

/** Waits until no request is in flight. */
const quiet = (pool: Pool): Effect.Effect<void> =>
  holding(
    pool,
    waitForOrCancel<void>(pool.loop, (waiter) => pool.whenQuiet(() => waiter.resume(Effect.void)))
  )

/** Waits until the pool is empty and stays so, or the time is over. */
const drained = (pool: Pool, graceMillis: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { timers } = pool
    let over = false
    let wake = (): void => {}
    let forget = (): void => {}
    const timer = new Timer({
      onTimeout: () => {
        over = true
        wake()
      }
    })
    const empty = waitFor<void>(pool.loop, (waiter) => {
      wake = () => waiter.resume(Effect.void)
      forget()
      forget = pool.whenQuiet(() => wake())
    })
    const loop: Effect.Effect<void> = Effect.zipRight(
      empty,
      Effect.suspend(() => over || pool.isQuiet ? Effect.void : loop)
    )
    timers.start(timer, graceMillis)
    return Effect.ensuring(
      holding(pool, loop),
      Effect.sync(() => {
        forget()
        timers.cancel(timer)
        timers.rest()
      })
    )
  })

const shutdown = (pool: Pool, graceMillis: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    pool.state.shutdown()
    pool.runCommands()
    const destroy = Effect.suspend(() => {
      pool.ended = true
      pool.state.destroy()
      pool.runCommands()
      return Effect.forEach(pool.endings, (pending) => awaitEnd(pool.loop, pending), { discard: true })
    })
    return Effect.zipRight(graceMillis === 0 ? Effect.void : drained(pool, graceMillis), destroy)
  })

/** The methods, documented in `ConnectionPool`. */
export class ConnectionPoolImpl {
  readonly #pool: Pool
  readonly #redactedNames: RedactedNames
  readonly #trace: Trace | undefined

  constructor(pool: Pool, redactedNames: RedactedNames, trace: Trace | undefined) {
    this.#pool = pool
    this.#redactedNames = redactedNames
    this.#trace = trace
  }

  execute<E>(request: HttpRequest<E>): Effect.Effect<HttpResponse, ExecuteFailure<E>> {
    return this.#trace === undefined
      ? this.#execute(request)
      : this.#trace(request, undefined, (request) => this.#execute(request))
  }

  #execute<E>(request: HttpRequest<E>): Effect.Effect<HttpResponse, ExecuteFailure<E>> {
    return uninterruptedCall(this.#redactedNames, (caller) => startCall(this.#pool, request, caller, undefined))
  }

  upgrade<E>(
    request: HttpRequest<E>
  ): Effect.Effect<Upgraded, ExecuteFailure<E> | UpgradeRefused, Scope.Scope> {
    return upgradePooled(this.#pool, request, this.#redactedNames, this.#trace)
  }

  static startCall<E>(
    pool: ConnectionPoolImpl,
    request: HttpRequest<E>,
    fiber: Fiber.RuntimeFiber<unknown, unknown>,
    flags: RuntimeFlags.RuntimeFlags,
    inSpan: InSpan,
    parsed: ParsedUrl<Tls.Input> | undefined
  ): Effect.Effect<HttpResponse, ExecuteFailure<E>> {
    return startCall(pool.#pool, request, new FiberCaller(fiber, flags, pool.#redactedNames, inSpan), parsed)
  }

  lease(origin: Origin.Origin): Effect.Effect<HttpConnectionImpl, LeaseFailure, Scope.Scope> {
    return lease(this.#pool, origin, this.#redactedNames, this.#trace)
  }

  get connectionOptions(): Pick<PoolOptions, "localAddress" | "proxy" | "tls"> {
    const { localAddress, proxy, tls } = this.#pool.settings
    return { localAddress, proxy, tls }
  }

  get stats(): Effect.Effect<Stats> {
    return Effect.sync(() => {
      const { counts, state } = this.#pool
      return {
        idle: state.idle.size,
        busy: state.busy,
        connecting: state.connecting + state.greeting.size,
        waiting: state.waiting,
        ...counts,
        origins: [...state.groups.values()].map((group) => ({
          origin: group.origin.name,
          idle: group.idle.size,
          busy: group.busy,
          connecting: group.connecting + group.greeting,
          waiting: group.waiting.size
        }))
      }
    })
  }

  get events(): Stream.Stream<ConnectionEvent> {
    const { events, loop } = this.#pool
    return Stream.suspend(() => {
      // The pool emits events in the async contexts of requests, so the reader returns to its
      // context.
      const back = returnTo(loop.captureContext())
      const emitted = Stream.asyncPush<ConnectionEvent>(
        (emit) =>
          Effect.acquireRelease(
            Effect.sync(() => events.subscribe((event) => void emit.single(event), () => emit.end())),
            (unsubscribe) => Effect.sync(unsubscribe)
          ),
        { bufferSize: eventBuffer, strategy: "sliding" }
      )
      return Stream.mapChunksEffect(emitted, (chunk) => Effect.as(back, chunk))
    })
  }

  subscribe(listener: (event: ConnectionEvent) => void): Effect.Effect<void, never, Scope.Scope> {
    return Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() => this.#pool.events.subscribe(listener)),
      (unsubscribe) => Effect.sync(unsubscribe)
    ))
  }

  get closeIdle(): Effect.Effect<void> {
    return Effect.sync(() => {
      this.#pool.state.closeIdle("Closed")
      this.#pool.runCommands()
    })
  }

  shutdown(): Effect.Effect<void>
  shutdown(options: { readonly grace?: Duration.DurationInput | undefined }): Effect.Effect<void, InvalidOption>
  shutdown(
    options: { readonly grace?: Duration.DurationInput | undefined } = {}
  ): Effect.Effect<void, InvalidOption> {
    return Effect.suspend((): Effect.Effect<void, InvalidOption> => {
      const wrong = notRecord("options", options)
      if (wrong !== undefined) return wrong
      const { grace } = options
      const millis = grace === undefined ? this.#pool.settings.graceMillis : readDuration(grace)
      return millis === undefined
        ? new InvalidOption({ option: "grace", reason: durationRule })
        : shutdown(this.#pool, millis)
    })
  }

  toJSON(): unknown {
    const { idle: { size }, open, waiting } = this.#pool.state
    return { _tag: "ConnectionPool", connections: open, idle: size, waiting }
  }
}

/**
 * Runs a request for a fiber. Must run in an uninterruptible region. The returned effect must be
 * run, because the request may have taken its position in the queue.
 */
const startCall = <E>(
  pool: Pool,
  request: HttpRequest<E>,
  caller: FiberCaller,
  parsed: ParsedUrl<Tls.Input> | undefined
): Effect.Effect<HttpResponse, ExecuteFailure<E>> => {
  const call = makeCall(pool, request, parsed)
  const response = call instanceof PoolCall
    ? runCall(call, caller, pool.loop)
    : caller.inSpan(Effect.fail(call))
  return response as Effect.Effect<HttpResponse, ExecuteFailure<E>>
}

/**
 * `execute` for a layer above this one. That layer has a span in which to run parts of the request,
 * and may have parsed the URL. Must run in an uninterruptible region.
 */
export type Execute<F> = (
  request: HttpRequest<unknown>,
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  flags: RuntimeFlags.RuntimeFlags,
  inSpan: InSpan,
  parsed: ParsedUrl<Tls.Input> | undefined
) => Effect.Effect<HttpResponse, F>

/**
 * Returns the `execute` of a pool. If the pool has been wrapped, so that its `execute` is not the
 * one of this file, the span surrounds all of it.
 */
export const executeOf = <F>(pool: {
  execute(request: HttpRequest<unknown>): Effect.Effect<HttpResponse, F>
}): Execute<F | ExecuteFailure<unknown>> =>
  pool instanceof ConnectionPoolImpl && pool.execute === ConnectionPoolImpl.prototype.execute
    ? (request, fiber, flags, inSpan, parsed) =>
      ConnectionPoolImpl.startCall(pool, request, fiber, flags, inSpan, parsed)
    : (request, fiber, flags, inSpan) => {
      const caller = new Interruptible(fiber, flags)
      return Effect.flatMap(inSpan(caller.restore(pool.execute(request))), (response) => {
        const interrupted = caller.interrupted()
        // An interrupted caller would not receive the response.
        return Cause.isEmpty(interrupted)
          ? Effect.succeed(response)
          : Effect.zipRight(response.close, Effect.failCause(interrupted))
      })
    }
