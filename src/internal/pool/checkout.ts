/**
 * Waits for a connection of the pool: in the queue, and for the opening of one.
 *
 * Interruption, a timeout and a failure leave no place in the queue, no opening, and no connection
 * that nobody has.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import type * as RuntimeFlags from "effect/RuntimeFlags"
import type { WaitEnd } from "../../ConnectionEvent.ts"
import type { HttpError, PoolFailure } from "../../HttpError.ts"
import * as Origin from "../../Origin.ts"
import type { AsyncContext } from "../../Transport.ts"
import { withContextAt } from "../connection/about.ts"
import type { Connection } from "../connection/connection.ts"
import type { OpenFailure } from "../connection/open.ts"
import { goneAtOnce, withOpeningContext } from "../connection/open.ts"
import { awaitPoll } from "../connection/reuse.ts"
import type { Millis } from "../connection/timeouts.ts"
import type { TimerOwner } from "../connection/timers.ts"
import { Timer } from "../connection/timers.ts"
import type { Restore } from "../effect/caller.ts"
import { type Resume, Waiter as FiberWaiter } from "../effect/wait.ts"
import { PoolQueueFull } from "../error/pool.ts"
import { HttpTimeout } from "../error/timeout.ts"
import type { Pool } from "./pool.ts"
import type { InSpan, OpeningLimit, Place, PooledConnection } from "./pooledConnection.ts"
import { openingLimits, Waiter } from "./pooledConnection.ts"
import { isRecoverable } from "./recoverable.ts"

/** What can go wrong before a request has a connection. */
export type CheckoutFailure = PoolFailure | OpenFailure

/** What is asked for. */
export interface Demand {
  readonly key: string
  readonly origin: Origin.Origin
  readonly timeouts: Millis
  /** When the request began, in the deadlines' milliseconds. */
  readonly startedAt: number
  /** Whether it must be a connection that has served nobody. */
  readonly fresh: boolean
  readonly place: Place
  readonly surround: InSpan
}

/** Whether nobody gets a connection any more who has not had a turn. */
const refuses = (pool: Pool, place: Place): boolean => pool.ended || (pool.state.closing && !place.accepted)

/**
 * The newest idle connection, if there is one. It may be used when it has been polled, and must be
 * given back where it is not.
 */
export const takeIdle = (pool: Pool, key: string, place: Place, now: number): PooledConnection | undefined =>
  refuses(pool, place) ? undefined : pool.acquireIdle(key, now)

/**
 * The connection of a demand: the newest idle one, or the first that there is. To be called, and
 * used, uninterruptible.
 */
export const checkout = (
  pool: Pool,
  demand: Demand,
  restore: Restore
): Effect.Effect<PooledConnection, CheckoutFailure> => {
  const { fresh, key, origin, place } = demand
  if (refuses(pool, place)) return Effect.fail(pool.closedError(Origin.format(origin)))
  const idle = fresh ? undefined : takeIdle(pool, key, place, pool.timers.now())
  return idle === undefined
    ? told(pool, demand, wait(pool, demand, restore))
    : ifAlive(pool, demand, restore, idle, () => checkout(pool, demand, restore))
}

/**
 * An idle connection, if a poll shows that it is still open; `otherwise` if not, where nothing has
 * been written.
 */
const ifAlive = (
  pool: Pool,
  { place }: Demand,
  restore: Restore,
  idle: PooledConnection,
  otherwise: () => Effect.Effect<PooledConnection, CheckoutFailure>
): Effect.Effect<PooledConnection, CheckoutFailure> => {
  // An idle connection has a link.
  const connection = idle.handle.connection as Connection
  return Effect.matchCauseEffect(restore(awaitPoll(pool.loop, connection)), {
    onFailure: (cause) => {
      pool.giveBack(idle)
      return Effect.failCause(cause)
    },
    onSuccess: () => {
      if (connection.usable) return Effect.succeed(acquired(pool, place, idle))
      // It has had its turn, and keeps its place.
      place.accepted = true
      return otherwise()
    }
  })
}

/** A connection is used from now on. */
export const acquired = (pool: Pool, place: Place, pooled: PooledConnection): PooledConnection => {
  place.accepted = true
  pool.markAcquired(pooled)
  return pooled
}

/**
 * A request that waits for its turn. One object, and nothing made that is needed only by the few
 * for whom a connection is opened: thousands may wait at once, and all that they hold is copied by
 * the collector as long as they do.
 */
class Waiting extends Waiter implements TimerOwner {
  readonly #pool: Pool
  readonly #demand: Demand
  readonly #fiber: Fiber.RuntimeFiber<unknown, unknown>
  readonly #flags: RuntimeFlags.RuntimeFlags
  readonly #turn = new Timer(this)
  #total: Timer | undefined
  #waitsSince: number | undefined
  #stopped = false
  readonly #waiter: FiberWaiter<PooledConnection, CheckoutFailure>
  /** The connection that it was given, until that has been polled. */
  #reserved: Connection | undefined

  constructor(
    pool: Pool,
    demand: Demand,
    fiber: Fiber.RuntimeFiber<unknown, unknown>,
    flags: RuntimeFlags.RuntimeFlags,
    resume: Resume<PooledConnection, CheckoutFailure>
  ) {
    super()
    this.order = demand.place.order
    this.accepted = demand.place.accepted
    this.requireNew = demand.fresh
    this.#pool = pool
    this.#demand = demand
    this.#fiber = fiber
    this.#flags = flags
    this.#waiter = new FiberWaiter(pool.loop, resume)
  }

  get context(): AsyncContext {
    return this.#waiter.context
  }

  get runtime(): Runtime.Runtime<never> {
    return Runtime.make({
      context: this.#fiber.currentContext,
      runtimeFlags: this.#flags,
      fiberRefs: this.#fiber.getFiberRefs()
    })
  }

  get surround(): InSpan {
    return this.#demand.surround
  }

  get timeouts(): Millis {
    return this.#demand.timeouts
  }

  start(): void {
    const { timers, settings } = this.#pool
    const { key, origin, place, startedAt, timeouts } = this.#demand
    const now = timers.now()
    // The connection that it waits for may be one that holds no process, such as one whose response
    // is being dropped.
    timers.hold()
    this.#limit(true, now)
    if (timeouts.total !== Infinity) {
      this.#total = new Timer(this)
      timers.start(this.#total, Math.max(0, timeouts.total - (now - startedAt)), now)
    }
    const queued = this.#pool.enqueue(key, origin, this)
    place.order = this.order
    if (!queued) this.#fail(new PoolQueueFull({ limit: settings.places.waiters }), "pool")
  }

  /** It waits no longer. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.limit(false)
    this.#pool.timers.release()
    if (this.#total !== undefined) this.#pool.timers.cancel(this.#total)
  }

  /** It has got nothing: gives its place up, and ends when what was begun for it has ended. */
  get cancelled(): Effect.Effect<void> {
    this.#reserved?.free()
    return this.#pool.cancel(this)
  }

  give(pooled: PooledConnection): void {
    this.stop()
    const { connection } = pooled.handle
    if (pooled.openedHere || !connection?.usable) return this.#waiter.resume(Effect.succeed(pooled))
    this.#reserved = connection
    connection.reserve(this.#pool.loop, () => {
      this.#reserved = undefined
      this.#waiter.resume(Effect.succeed(pooled))
    })
  }

  fail(error: HttpError): void {
    this.#waiter.resume(Effect.fail(error as CheckoutFailure))
  }

  die(exit: Exit.Exit<never, OpenFailure>): void {
    this.#waiter.resume(exit)
  }

  limit(on: boolean): void {
    this.#limit(on, this.#pool.timers.now())
  }

  onTimeout(timer: Timer): void {
    const { startedAt, timeouts } = this.#demand
    if (timer === this.#turn) {
      // What kept it waiting says more than that it waited.
      const failure = this.#pool.openings.failureSince(this.group?.outage, startedAt)
      if (failure !== undefined) return this.fail(failure)
      return this.#fail(new HttpTimeout({ kind: "pool", millis: timeouts.pool }), "pool")
    }
    const phase = this.attempt === undefined ? "pool" : "connect"
    this.#fail(new HttpTimeout({ kind: "total", millis: timeouts.total }), phase)
  }

  #limit(on: boolean, now: number): void {
    const { place, timeouts } = this.#demand
    if (this.#waitsSince !== undefined) place.waited += now - this.#waitsSince
    this.#waitsSince = on ? now : undefined
    this.#pool.timers.start(this.#turn, on ? Math.max(0, timeouts.pool - place.waited) : Infinity, now)
  }

  #fail(error: HttpTimeout | PoolQueueFull, phase: "pool" | "connect"): void {
    this.fail(withContextAt(error, this.#demand.origin, undefined, { phase }))
  }
}

/** Waits for a turn. */
const wait = (
  pool: Pool,
  demand: Demand,
  restore: Restore
): Effect.Effect<PooledConnection, CheckoutFailure> =>
  Effect.withFiberRuntime<PooledConnection, CheckoutFailure>((fiber, { runtimeFlags }) => {
    let waiting: Waiting | undefined
    const turn = Effect.async<PooledConnection, CheckoutFailure>((resume) => {
      waiting = new Waiting(pool, demand, fiber, runtimeFlags, resume)
      waiting.start()
    })
    return Effect.matchCauseEffect(restore(turn), {
      onFailure: (cause) => {
        waiting?.stop()
        const failure = Cause.failureOption(cause)
        // The opening had been begun for another request, whose limit was lower.
        const tooSoon = Option.isSome(failure) && isOfOpening(failure.value)
          && failure.value.millis < demand.timeouts[failure.value.kind]
        return Effect.zipRight(
          waiting?.cancelled ?? Effect.void,
          tooSoon ? Effect.suspend(() => again(pool, demand, restore)) : Effect.failCause(cause)
        )
      },
      onSuccess: (pooled): Effect.Effect<PooledConnection, CheckoutFailure> => {
        return taken(pool, demand, restore, pooled)
      }
    })
  })

/** Another one may have come free meanwhile. */
const again = (pool: Pool, demand: Demand, restore: Restore): Effect.Effect<PooledConnection, CheckoutFailure> => {
  const { fresh, key, place } = demand
  const idle = fresh ? undefined : pool.acquireIdle(key, pool.timers.now())
  place.accepted = true
  return idle === undefined
    ? wait(pool, demand, restore)
    : ifAlive(pool, demand, restore, idle, () => again(pool, demand, restore))
}

/** It was given a connection, which may have been closed since. */
const taken = (
  pool: Pool,
  demand: Demand,
  restore: Restore,
  pooled: PooledConnection
): Effect.Effect<PooledConnection, CheckoutFailure> => {
  const { handle } = pooled
  if (handle.connection?.usable) return Effect.succeed(acquired(pool, demand.place, pooled))
  // The pool may have become empty before the limits of the waiting were cleared.
  pool.runCommands()
  if (pool.ended) return Effect.fail(pool.closedError(Origin.format(demand.origin)))
  // The server closed it. One that had served nobody might do so for ever.
  if (!pooled.openedHere || handle.connection === undefined) return again(pool, demand, restore)
  const error = withOpeningContext(handle, goneAtOnce(handle.connection))
  return isPatient(pool, demand.place, pooled, error) ? again(pool, demand, restore) : Effect.fail(error)
}

/**
 * Whether a request goes on to wait after it was given a new connection that was gone before it
 * could be used.
 */
const isPatient = (pool: Pool, place: Place, pooled: PooledConnection, error: HttpError): boolean => {
  if (!isRecoverable(error)) return false
  const now = pool.timers.now()
  place.lostSince ??= now
  return now - place.lostSince < pool.settings.places.retryMillis && pool.openings.lost(pooled, error)
}

/** Whether a time limit of opening a connection was reached. */
const isOfOpening = (error: CheckoutFailure): error is HttpTimeout & { readonly kind: OpeningLimit } =>
  error._tag === "HttpTimeout" && openingLimits.some((kind) => kind === error.kind)

/** Tells of the waiting, where anybody listens. */
const told = (
  pool: Pool,
  { origin }: Demand,
  waiting: Effect.Effect<PooledConnection, CheckoutFailure>
): Effect.Effect<PooledConnection, CheckoutFailure> => {
  if (!pool.events.active) return waiting
  const begunAt = pool.timers.now()
  const name = Origin.format(origin)
  pool.emit({ _tag: "Wait", origin: name })
  return Effect.onExit(waiting, (exit) =>
    Effect.sync(() => {
      const millis = pool.timers.now() - begunAt
      pool.emit({ _tag: "WaitEnd", origin: name, millis, outcome: outcomeOf(exit) })
    }))
}

const outcomeOf = (exit: Exit.Exit<PooledConnection, CheckoutFailure>): WaitEnd["outcome"] => {
  if (Exit.isSuccess(exit)) return "Connection"
  if (Exit.isInterrupted(exit)) return "Interrupted"
  const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
  return error?._tag === "HttpTimeout" && (error.kind === "pool" || error.kind === "total") ? "Timeout" : "Failed"
}
