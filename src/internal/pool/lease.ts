/** A connection of the pool that one holder has until the holder releases it. */
import type { HttpError } from "../../HttpError.ts"
import type * as Origin from "../../Origin.ts"
import type { Pending } from "../connection/acquisition.ts"
import type { CallObserver } from "../connection/call.ts"
import type { Connection } from "../connection/connection.ts"
import { ConnectionHandle } from "../connection/handle.ts"
import type { Millis } from "../connection/timeouts.ts"
import { keyOf } from "../model/origin.ts"
import { State } from "./callState.ts"
import { Checkout } from "./checkout.ts"
import type { Pool } from "./pool.ts"
import type { PooledConnection } from "./pooledConnection.ts"

/** The outcome of a checkout for a lease. */
export type LeaseOutcome =
  | { readonly _tag: "Leased"; readonly handle: ConnectionHandle }
  | { readonly _tag: "Failed"; readonly error: HttpError }
  | { readonly _tag: "Died"; readonly defect: unknown }

/**
 * Creates a separate handle on the connection, so that the holder of an ended lease has no access.
 */
const openLease = (pooled: PooledConnection, connection: Connection): ConnectionHandle => {
  const { settings, tunnel } = pooled
  const { policy } = settings
  // The holder has the connection until the end of the lease anyway, so an unread response delays
  // no other request. A discarded body closes the connection at once, because the next call could
  // not wait for the rest.
  const kept = policy && { ...policy, unreadMillis: Infinity, drainBytes: -1 }
  const handle = new ConnectionHandle({ ...settings, policy: kept }, tunnel)
  handle.connection = connection
  handle.leased = true
  pooled.lease = handle
  return handle
}

export class Lease extends Checkout {
  outcome: LeaseOutcome | undefined = undefined

  constructor(pool: Pool, origin: Origin.Origin) {
    super(pool, keyOf(origin), origin, pool.timers.now())
  }

  get timeouts(): Millis {
    return this.pool.settings.timeouts
  }

  start(observer: CallObserver): void {
    this.observer = observer
    this.pool.inFlight++
    this.guard(() => this.checkout(this.startedAt))
  }

  /**
   * The holder was interrupted before it received the connection. Returns what must end before it
   * continues.
   */
  cancel(): Pending | undefined {
    const { pool, state } = this
    if (state === State.Answered) {
      this.end()
      return undefined
    }
    if (state === State.Failed || state === State.Cancelled || state === State.New) return undefined
    this.move(State.Cancelled)
    const pending = this.cancelCheckout()
    const ended = (): void => {
      this.waitEnded("Interrupted")
      pool.requestFinished()
    }
    if (pending === undefined) ended()
    else pending.whenEnded(ended)
    return pending
  }

  /** Ends the lease. Returns the body that is still being sent, whose finalizers may run longer. */
  end(): Pending | undefined {
    const { outcome, pool, pooled } = this
    if (outcome?._tag !== "Leased" || pooled === undefined) return undefined
    const { handle } = outcome
    const head = handle.exchange?.head
    const idle = handle.quiet && handle.connection?.usable === true
    handle.closed = true
    if (!idle) handle.disconnect("its lease has ended")
    // From now on it may belong to another request, which a late `close` must not affect.
    handle.connection = undefined
    pooled.lease = undefined
    this.pooled = undefined
    if (idle) pool.release(pooled, head)
    return handle.exchange?.run
  }

  protected use(pooled: PooledConnection, connection: Connection): void {
    this.move(State.Sending)
    const handle = openLease(pooled, connection)
    this.move(State.Answered)
    this.#done({ _tag: "Leased", handle })
  }

  protected failed(error: HttpError): void {
    this.move(State.Failed)
    this.#done({ _tag: "Failed", error })
  }

  die(defect: unknown): void {
    this.waitEnded("Failed")
    this.pool.cancel(this)
    if (this.state === State.Cancelled) return
    this.state = State.Failed
    this.#done({ _tag: "Died", defect })
  }

  #done(outcome: LeaseOutcome): void {
    if (this.outcome !== undefined) return
    this.outcome = outcome
    this.pool.requestFinished()
    this.caller.onDone()
  }
}
