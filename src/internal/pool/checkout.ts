/**
 * Acquires a connection of the pool for a request: an idle one, or the first that becomes
 * available.
 *
 * A request is one object in every state, and a synchronous state machine: each callback moves it,
 * and none of them throws (`guard`). Interruption, a timeout and a failure leave no position in the
 * queue, no opening, and no connection without a request. A connection that was used or idle before
 * is polled before it is used (`Connection.reserve`). If it turns out to be closed, it costs the
 * request only time, because nothing has been written on it.
 */
import type { WaitEnd } from "../../ConnectionEvent.ts"
import type { HttpError, PoolFailure } from "../../HttpError.ts"
import type * as Origin from "../../Origin.ts"
import { withContextAt } from "../connection/about.ts"
import type { Pending } from "../connection/acquisition.ts"
import type { CallObserver } from "../connection/call.ts"
import type { Connection, Reserver } from "../connection/connection.ts"
import type { OpenFailure } from "../connection/open.ts"
import { closedAtOnce, withOpeningContext } from "../connection/open.ts"
import type { Millis } from "../connection/timeouts.ts"
import type { Timed } from "../connection/timers.ts"
import { PoolQueueFull } from "../error/pool.ts"
import { HttpTimeout } from "../error/timeout.ts"
import { format } from "../model/origin.ts"
import { moves, State } from "./callState.ts"
import { closedError } from "./closedError.ts"
import type { Pool } from "./pool.ts"
import type { OpeningLimit, PooledConnection } from "./pooledConnection.ts"
import { openingLimits, Waiter } from "./pooledConnection.ts"
import { isRecoverable } from "./recoverable.ts"

/** The failures of a request before it has a connection. */
export type CheckoutFailure = PoolFailure | OpenFailure

/** True if a time limit of opening a connection was reached. */
const isOfOpening = (error: HttpError): error is HttpTimeout & { readonly kind: OpeningLimit } =>
  error._tag === "HttpTimeout" && openingLimits.some((kind) => kind === error.kind)

export abstract class Checkout extends Waiter implements Reserver, Timed {
  state: State = State.New
  /** The connection that it has, from the reservation on. */
  protected pooled: PooledConnection | undefined = undefined
  protected readonly pool: Pool
  protected readonly key: string
  protected readonly origin: Origin.Origin
  protected readonly startedAt: number
  protected observer: CallObserver | undefined = undefined
  /**
   * The time at which the wait for the pool reaches its limit, and the time at which the request
   * reaches its total limit.
   */
  #turnAt = Infinity
  #totalAt = Infinity
  /** How long it has waited for the pool, in milliseconds, and when the current wait began. */
  #waited = 0
  #waitsSince: number | undefined = undefined
  #isHeld = false
  /** When it first received a new connection that was closed before it could be used. */
  #lostSince: number | undefined = undefined
  /** The operations that must end before it fails. */
  #pending: Pending | undefined = undefined
  /** The start of its wait, as events report it. */
  #waitBegan: number | undefined = undefined
  at = Infinity
  awaited = true
  previousTimed: Timed | undefined = undefined
  nextTimed: Timed | undefined = undefined

  /** Draws the position of a request that begins at `startedAt`. */
  constructor(pool: Pool, key: string, origin: Origin.Origin, startedAt: number) {
    super()
    this.pool = pool
    this.key = key
    this.origin = origin
    this.startedAt = startedAt
    this.order = pool.state.drawOrder()
  }

  abstract override get timeouts(): Millis

  /** Uses the connection, in this call. */
  protected abstract use(pooled: PooledConnection, connection: Connection): void
  /** Ends without a connection. */
  protected abstract failed(error: HttpError): void
  abstract override die(defect: unknown): void

  override get caller(): CallObserver {
    // Set when it starts.
    return this.observer as CallObserver
  }

  /**
   * Acquires a connection, and uses it. Must be called in the state `New` or after a connection is
   * lost.
   */
  protected checkout(now: number): void {
    const { pool } = this
    if (pool.ended || (pool.state.closing && !this.accepted)) {
      return this.#fail(closedError(format(this.origin)))
    }
    const idle = this.requireNew ? undefined : pool.acquireIdle(this.key, now)
    if (idle === undefined) this.#enqueue(now)
    else this.#rest(idle)
  }

  /** Ends the wait for a connection. Returns what must end before the caller continues. */
  protected cancelCheckout(): Pending | undefined {
    const { granted, pooled } = this
    this.#stopWaiting()
    this.pooled = undefined
    pooled?.connection?.free()
    // The request acquired an idle connection itself, so the policy does not know that one as
    // granted.
    if (pooled !== undefined && granted === undefined) this.pool.releaseUnused(pooled)
    return this.pool.cancel(this) ?? this.#pending
  }

  protected move(to: State): void {
    if ((moves[this.state] & to) === 0) throw new Error(`a call moved from ${this.state} to ${to}`)
    this.state = to
  }

  /**
   * Runs code of a callback in the context of the caller. An exception is a defect of the call.
   */
  protected guard(run: () => void): void {
    try {
      run()
    } catch (thrown) {
      this.die(thrown)
    }
  }

  // --- waiting

  #enqueue(now: number): void {
    const { pool, timeouts } = this
    this.move(State.Queued)
    if (this.#waitBegan === undefined && pool.events.active) {
      this.#waitBegan = now
      pool.emit({ _tag: "Wait", origin: format(this.origin) })
    }
    // The connection that it waits for may be one that keeps no process alive, such as one whose
    // response is being discarded.
    if (!this.#isHeld) pool.timers.hold()
    this.#isHeld = true
    this.#totalAt = this.startedAt + timeouts.total
    this.#limit(true, now)
    if (!pool.enqueue(this.key, this.origin, this)) {
      this.#failHere(new PoolQueueFull({ limit: pool.settings.places.waiters }), "pool")
    }
  }

  #stopWaiting(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#totalAt = Infinity
    this.#limit(false, this.pool.timers.now())
    this.pool.timers.release()
  }

  limit(on: boolean): void {
    this.#limit(on, this.pool.timers.now())
  }

  #limit(on: boolean, now: number): void {
    if (this.#waitsSince !== undefined) this.#waited += now - this.#waitsSince
    this.#waitsSince = on ? now : undefined
    this.#turnAt = on ? now + Math.max(0, this.timeouts.pool - this.#waited) : Infinity
    if (this.state === State.Queued && !on && this.attempt !== undefined) this.move(State.Opening)
    else if (this.state === State.Opening && on) this.move(State.Queued)
    this.pool.timers.start(this, Math.max(0, Math.min(this.#turnAt, this.#totalAt) - now), now)
  }

  onTimeout(): void {
    const { timeouts } = this
    if (this.#totalAt <= this.#turnAt) {
      const phase = this.attempt === undefined ? "pool" : "connect"
      return this.#failHere(new HttpTimeout({ kind: "total", millis: timeouts.total }), phase)
    }
    // The reason for the wait says more than the wait itself.
    const failure = this.pool.openings.failureSince(this.group?.outage, this.startedAt)
    if (failure !== undefined) return this.fail(failure)
    this.#failHere(new HttpTimeout({ kind: "pool", millis: timeouts.pool }), "pool")
  }

  // --- receiving

  receive(pooled: PooledConnection): void {
    this.#stopWaiting()
    const { connection } = pooled
    if (!pooled.openedHere && connection?.usable) return this.#rest(pooled)
    this.pooled = pooled
    this.move(State.Resting)
    this.caller.context.run(() => this.guard(() => this.#polled(pooled)))
  }

  /** Waits until the connection has been polled. */
  #rest(pooled: PooledConnection): void {
    this.pooled = pooled
    this.move(State.Resting)
    // An idle connection has a connection object.
    const connection = pooled.connection as Connection
    connection.reserve(this.pool.loop, this)
  }

  onPolled(): void {
    const { pooled } = this
    if (pooled !== undefined) this.caller.context.run(() => this.guard(() => this.#polled(pooled)))
  }

  #polled(pooled: PooledConnection): void {
    const { pool } = this
    const { connection } = pooled
    if (connection?.usable) {
      this.accepted = true
      this.granted = undefined
      pool.markAcquired(pooled)
      this.#emitWaitEnd("Connection")
      // A listener of these events may have closed it.
      if (connection.usable) return this.use(pooled, connection)
    }
    this.pooled = undefined
    this.granted = undefined
    this.#lost(pooled)
  }

  /** The connection was closed before it could be used. */
  #lost(pooled: PooledConnection): void {
    const { pool } = this
    const { connection } = pooled
    // The pool may have become empty before the limits of the waiting were cleared.
    pool.runCommands()
    if (pool.ended) return this.#fail(closedError(format(this.origin)))
    const error = pooled.openedHere && connection !== undefined
      ? withOpeningContext(pooled, closedAtOnce(connection))
      : undefined
    // A server that closes a connection which has served no request might do so indefinitely.
    if (error !== undefined && !this.#isPatient(pooled, error)) return this.#fail(error)
    this.#again()
  }

  /** Starts over. The request keeps its position, because it was accepted before. */
  #again(): void {
    this.accepted = true
    this.checkout(this.pool.timers.now())
  }

  /**
   * True if the request continues to wait after a new connection was closed before it could be
   * used.
   */
  #isPatient(pooled: PooledConnection, error: HttpError): boolean {
    if (!isRecoverable(error)) return false
    const now = this.pool.timers.now()
    this.#lostSince ??= now
    return now - this.#lostSince < this.pool.settings.places.retryMillis && this.pool.openings.lost(pooled, error)
  }

  // --- failing

  fail(error: HttpError): void {
    this.#stopWaiting()
    const pending = this.pool.cancel(this)
    // The opening had been begun for another request, whose limit was lower.
    const isTooSoon = isOfOpening(error) && error.millis < this.timeouts[error.kind]
    const next = (): void => {
      this.#pending = undefined
      if (this.state !== State.Cancelled) this.guard(() => isTooSoon ? this.#again() : this.#fail(error))
    }
    if (pending === undefined) return next()
    // Operations that were started for it end first.
    this.move(State.Ending)
    this.#pending = pending
    pending.whenEnded(next)
  }

  #failHere(error: HttpTimeout | PoolQueueFull, phase: "pool" | "connect"): void {
    this.fail(withContextAt(error, this.origin, undefined, { phase }))
  }

  #fail(error: HttpError): void {
    this.#stopWaiting()
    const isLimit = error._tag === "HttpTimeout" && (error.kind === "pool" || error.kind === "total")
    this.#emitWaitEnd(isLimit ? "Timeout" : "Failed")
    this.failed(error)
  }

  /** Must be called when the wait ends without a failure that this class knows of. */
  protected waitEnded(outcome: "Interrupted" | "Failed"): void {
    this.#stopWaiting()
    this.#emitWaitEnd(outcome)
  }

  #emitWaitEnd(outcome: WaitEnd["outcome"]): void {
    if (this.#waitBegan === undefined) return
    const millis = this.pool.timers.now() - this.#waitBegan
    this.#waitBegan = undefined
    this.pool.emit({ _tag: "WaitEnd", origin: format(this.origin), millis, outcome })
  }
}
