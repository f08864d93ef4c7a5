/**
 * Opens the connections of a pool: each in a fiber of the request that it is for, in its async
 * context, and says what came of it. Where that is that nothing was sent and it may be over in a
 * moment, `poolState.ts` says when it is tried again, and whose failure it is.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import type { HttpError } from "../../HttpError.ts"
import type { Connection } from "../connection/connection.ts"
import type { ConnectionHandle } from "../connection/handle.ts"
import type { OpenFailure } from "../connection/open.ts"
import { goneAtOnce, openLink, withOpeningContext } from "../connection/open.ts"
import type { TimerQueue } from "../connection/timers.ts"
import { Timer } from "../connection/timers.ts"
import type { Outage } from "./outages.ts"
import type { PoolState } from "./policy.ts"
import type { Keeper, PooledConnection, Waiter } from "./pooledConnection.ts"
import { isRecoverable, sharedCopyOf } from "./recoverable.ts"
import type { Destination } from "./route.ts"
import type { PoolSettings } from "./settings.ts"

/** What is needed of the pool. */
interface Pool extends Keeper {
  readonly settings: PoolSettings
  readonly timers: TimerQueue
  readonly state: PoolState<Destination, PooledConnection, Waiter>
  readonly counts: { opened: number }
  runCommands(): void
  expireAt(pooled: PooledConnection): void
}

export class Openings {
  readonly #pool: Pool
  readonly #fibers = new Set<Fiber.RuntimeFiber<unknown, unknown>>()
  /** What the last opening of an outage failed with. */
  readonly #failures = new WeakMap<Outage, HttpError>()
  readonly #pause = new Timer({ onTimeout: () => this.#tryAgain() }, false)

  constructor(pool: Pool) {
    this.#pool = pool
  }

  /** Those that have not ended, the ones that were given up included. */
  get fibers(): Iterable<Fiber.RuntimeFiber<unknown, unknown>> {
    return this.#fibers
  }

  open(pooled: PooledConnection, waiter: Waiter): void {
    const { context, runtime, surround, timeouts } = waiter
    waiter.limit(false)
    // The time of the request as a whole is not that of the opening, which may serve another one in
    // the end.
    const opening = openLink(pooled.handle, { ...timeouts, total: Infinity })
    // It may be another request that has made room for this one: what is opened belongs to the
    // waiter's async context.
    const fiber = context.run(() => Runtime.runFork(runtime)(Effect.exit(Effect.interruptible(surround(opening)))))
    pooled.opening = fiber
    this.#fibers.add(fiber)
    fiber.addObserver((exit) => {
      this.#fibers.delete(fiber)
      this.#opened(pooled, Exit.flatten(exit))
    })
  }

  #opened(pooled: PooledConnection, exit: Exit.Exit<Connection, OpenFailure>): void {
    const { counts, timers, state } = this.#pool
    const { handle } = pooled
    const { connection } = handle
    if (connection !== undefined) counts.opened++
    pooled.opening = undefined
    if (pooled.status !== "connecting") return connection?.close("Closed")
    if (Exit.isSuccess(exit) && connection?.usable) {
      state.connected(pooled, timers.now(), this.#lifetime())
      this.#pool.runCommands()
      return this.#pool.expireAt(pooled)
    }
    connection?.close("Closed")
    this.#failed(pooled, causeOf(handle, exit))
    this.#pool.runCommands()
  }

  #failed(pooled: PooledConnection, cause: Cause.Cause<OpenFailure>): void {
    const { timers, state } = this.#pool
    const failure = Cause.failureOrCause(cause)
    const recoverable = failure._tag === "Left" && isRecoverable(failure.left)
    const { lost, outage } = state.failed(pooled, timers.now(), recoverable)
    if (failure._tag === "Right") {
      for (const waiter of lost) waiter.die(Exit.failCause(failure.right))
      return
    }
    const error = failure.left
    // A copy, because the first who waits has the error itself, and what is true of that request
    // alone is written into it.
    if (outage !== undefined) this.#failures.set(outage, sharedCopyOf(error))
    this.look()
    for (const [index, waiter] of lost.entries()) waiter.fail(index === 0 ? error : sharedCopyOf(error))
  }

  /** A request came when an outage had been told to others just now. */
  fail(waiter: Waiter): void {
    const failure = this.#failureOf(waiter.group?.outage)
    if (failure !== undefined) waiter.fail(failure)
  }

  /**
   * What an outage failed with last, for a request that it has kept waiting since then: by a
   * failure, or by the pause after one.
   */
  failureSince(outage: Outage | undefined, since: number): HttpError | undefined {
    return outage !== undefined && Math.max(outage.failedAt, outage.until) >= since
      ? this.#failureOf(outage)
      : undefined
  }

  #failureOf(outage: Outage | undefined): HttpError | undefined {
    const failure = outage && this.#failures.get(outage)
    return failure && sharedCopyOf(failure)
  }

  /**
   * A connection that had served nobody was gone before a request could use it: what comes next is
   * a matter of an outage, which did not end if this was its end. Gives whether requests wait for
   * that.
   */
  lost({ ended, group }: PooledConnection, failure: HttpError): boolean {
    const { timers, settings: { places: { retryMillis } }, state } = this.#pool
    const now = timers.now()
    const outage = state.lost(group.key, now, ended)
    if (outage !== undefined) this.#failures.set(outage, sharedCopyOf(failure))
    this.look()
    return outage !== undefined && now - outage.since < retryMillis
  }

  /** To be called when a request may have come to wait for the end of a pause. */
  look(): void {
    const { timers, state } = this.#pool
    const next = state.pausesUntil
    if (next === Infinity) return timers.cancel(this.#pause)
    if (next >= this.#pause.at) return
    const now = timers.now()
    timers.start(this.#pause, Math.max(0, next - now), now)
  }

  #tryAgain(): void {
    this.#pool.state.tryAgain(this.#pool.timers.now())
    this.#pool.runCommands()
    this.look()
  }

  /** Varies, so that connections that were opened at once do not end at once. */
  #lifetime(): number {
    const { lifetimeJitter, lifetimeMillis } = this.#pool.settings
    return lifetimeMillis * (1 + lifetimeJitter * (2 * Math.random() - 1))
  }
}

/** Why there is no connection. */
const causeOf = (handle: ConnectionHandle, exit: Exit.Exit<Connection, OpenFailure>): Cause.Cause<OpenFailure> =>
  Exit.isSuccess(exit) ? Cause.fail(withOpeningContext(handle, goneAtOnce(exit.value))) : exit.cause
