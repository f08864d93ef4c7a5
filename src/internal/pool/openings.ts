/**
 * Opens the connections of a pool, each on behalf of the request that it is for, and reports the
 * outcome to the policy. If nothing was sent and the failure may pass soon, the policy decides when
 * to try again, and which requests fail.
 */
import type { HttpError } from "../../HttpError.ts"
import type { OpenFailure } from "../connection/open.ts"
import { closedAtOnce, Opening, withOpeningContext } from "../connection/open.ts"
import type { TimerQueue } from "../connection/timers.ts"
import { Timer } from "../connection/timers.ts"
import { ConnectionClosed } from "../error/state.ts"
import type { Caller } from "../model/ports.ts"
import type { Follow } from "./follow.ts"
import type { Outage } from "./outages.ts"
import type { PoolState } from "./policy.ts"
import type { PooledConnection, Waiter } from "./pooledConnection.ts"
import { isRecoverable, sharedCopyOf } from "./recoverable.ts"
import type { Destination } from "./route.ts"
import type { PoolSettings } from "./settings.ts"
import type { Spread } from "./spread.ts"

/** The part of the pool that is used here. */
interface Pool {
  readonly settings: PoolSettings
  readonly timers: TimerQueue
  readonly state: PoolState<Destination, PooledConnection, Waiter>
  readonly counts: { opened: number }
  readonly spread: Spread
  readonly follow: Follow | undefined
  readonly background: Caller
  runCommands(): void
  expireAt(pooled: PooledConnection): void
}

export class Openings {
  readonly #pool: Pool
  readonly #running = new Set<Opening>()
  /** The last failure of each outage. */
  readonly #failures = new WeakMap<Outage, HttpError>()
  readonly #pause = new Timer({ onTimeout: () => this.#tryAgain() }, false)

  constructor(pool: Pool) {
    this.#pool = pool
  }

  /** The openings that have not ended, including aborted ones. */
  get running(): Iterable<Opening> {
    return this.#running
  }

  /** Opens a connection for a request, or on behalf of the pool for a reserve. */
  open(pooled: PooledConnection, waiter: Waiter | undefined): void {
    const caller = waiter?.caller ?? this.#pool.background
    waiter?.limit(false)
    // The total time of the request does not limit the opening, which may finally serve another
    // request.
    const opening = new Opening(pooled, { ...pooled.timeouts, total: Infinity }, caller, pooled, pooled)
    pooled.opening = opening
    this.#running.add(opening)
    // Another request may have made room for this one, but the opening belongs to the waiter.
    caller.context.run(() => opening.start())
  }

  /** An opening has ended. */
  ended(pooled: PooledConnection, opening: Opening): void {
    this.#running.delete(opening)
    this.#pool.spread.ended(pooled, opening)
    const { counts, state, timers } = this.#pool
    const { connection } = pooled
    if (connection !== undefined) counts.opened++
    if (pooled.status !== "connecting") return connection?.close("Closed")
    if (connection?.usable) {
      const isNewest = pooled.settings.rotation?.opened(pooled.way)
      state.connected(pooled, timers.now(), this.#lifetime())
      this.#pool.follow?.opened(pooled)
      if (isNewest) state.rotated(pooled.group)
      this.#pool.runCommands()
      return this.#pool.expireAt(pooled)
    }
    connection?.close("Closed")
    if (opening.defect === undefined) this.#failed(pooled, errorOf(pooled, opening))
    else for (const waiter of state.failed(pooled, timers.now(), false).lost) waiter.die(opening.defect.thrown)
    this.#pool.follow?.closed(pooled)
    this.#pool.runCommands()
  }

  #failed(pooled: PooledConnection, error: OpenFailure): void {
    const { state, timers } = this.#pool
    const { lost, outage } = state.failed(pooled, timers.now(), isRecoverable(error))
    // A copy, because the first waiter gets the error itself, to which its request is added.
    if (outage !== undefined) this.#failures.set(outage, sharedCopyOf(error))
    this.schedule()
    for (const [index, waiter] of lost.entries()) waiter.fail(index === 0 ? error : sharedCopyOf(error))
  }

  /** Fails a request that was queued just after the failure of an outage. */
  fail(waiter: Waiter): void {
    const failure = this.#failureOf(waiter.group?.outage)
    if (failure !== undefined) waiter.fail(failure)
  }

  /**
   * Returns the last failure of an outage, for a request that has waited since then because of a
   * failure, or of the pause after one.
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
   * A connection that had served no request was closed before one could use it. This is handled as
   * an outage. If the connection had ended an outage, that outage continues. Returns true if
   * requests wait for its end.
   */
  lost({ ended, group }: PooledConnection, failure: HttpError): boolean {
    const { settings: { places: { retryMillis } }, state, timers } = this.#pool
    const now = timers.now()
    const outage = state.lost(group.key, now, ended)
    if (outage !== undefined) this.#failures.set(outage, sharedCopyOf(failure))
    this.schedule()
    return outage !== undefined && now - outage.since < retryMillis
  }

  /** Must be called when a request may have begun to wait for the end of a pause. */
  schedule(): void {
    const { state, timers } = this.#pool
    const next = state.pausesUntil
    if (next === Infinity) return timers.cancel(this.#pause)
    if (next >= this.#pause.at) return
    const now = timers.now()
    timers.start(this.#pause, Math.max(0, next - now), now)
  }

  #tryAgain(): void {
    this.#pool.state.tryAgain(this.#pool.timers.now())
    this.#pool.runCommands()
    this.schedule()
  }

  /** Varies a lifetime, so that connections that were opened at once do not end at once. */
  #lifetime(): number {
    const { lifetimeJitter, lifetimeMillis } = this.#pool.settings
    return lifetimeMillis * (1 + lifetimeJitter * (2 * Math.random() - 1))
  }
}

/** Returns the reason why an opening returned no usable connection. */
const errorOf = (pooled: PooledConnection, { connection, error }: Opening): OpenFailure =>
  error ?? withOpeningContext(
    pooled,
    connection === undefined
      // The transport did this itself: an opening that the pool aborts has no slot any more.
      ? new ConnectionClosed({ reason: "the opening of the connection was interrupted" })
      : closedAtOnce(connection)
  ) as OpenFailure
