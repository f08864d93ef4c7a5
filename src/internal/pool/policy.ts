/**
 * The decisions of a pool: which request receives which connection, when a connection is opened,
 * and when one is closed. Pure: no I/O, no clock, no Effect.
 *
 * Each method is one event. It changes the state at once, so that the next event sees the result,
 * and leaves in `commands` what the pool must do. The rules:
 * - Idle connections are reused newest first, unless `selection` says otherwise. If none is idle,
 *   a request is queued, and the queue is first in, first out.
 * - If its group has room, a connection is opened for a waiter. A waiter receives whichever
 *   connection is free first. Openings therefore belong to the first waiters of their group, and
 *   pass on to the next ones.
 * - No waiter waits for room that an idle connection takes, or an opening without an owner.
 * - Once the total limit is reached, a free connection serves the earliest waiter of all groups
 *   that could use its room. If that waiter is in another group, the connection is closed and one
 *   is opened there.
 * - If no connection can be opened at present, all waiters of the group share one opening at a
 *   time. There are pauses between the attempts (`outages.ts`).
 * - No waiter waits for room that an unread response takes. The oldest such response loses its
 *   connection.
 * - A reserve (`reserves.ts`) has its idle connections as long as there is room that no waiter
 *   needs. A waiter takes neither a connection that is being greeted nor waits for its room: it is
 *   closed if there is no other.
 *
 * A queued request is one object, a subclass of `Waiter`. A connection and its slot are one object,
 * a subclass of `Slot` that the pool creates in `makeSlot`. The rules for a waiter:
 * - The same object may be queued again once it is not `waiting` any more.
 * - Its `order` is unique, because every order comes from `drawOrder`. A request may draw one when
 *   it begins, and be queued after it was `accepted`. It then keeps that position. This happens,
 *   for example, if its idle connection turns out to be closed.
 * - If it is not `accepted`, `enqueue` draws its order, and may refuse it if too many requests
 *   wait.
 */
import type { CloseReason } from "../../ConnectionEvent.ts"
import type { Outage } from "./outages.ts"
import { Placement } from "./placement.ts"
import { Reserve } from "./reserves.ts"
import type { Group, Hint, Slot, Waiter } from "./slots.ts"

/** The consequences of an opening that failed. */
export interface Failed<W> {
  /** The waiters that fail with it. They are not queued any more. */
  readonly lost: ReadonlyArray<W>
  readonly outage: Outage | undefined
}

export class PoolState<O, S extends Slot<O, S, W>, W extends Waiter<O, S, W>> extends Placement<O, S, W> {
  #drawn = -1
  #destroyed = false

  /** Returns a position after all that were drawn before. */
  drawOrder(): number {
    return ++this.#drawn
  }

  /** Acquires the idle connection that must be used next. It is not too old. */
  acquire(key: string, now: number): S | undefined {
    const group = this.groups.get(key)
    if (group === undefined) return undefined
    for (let slot = this.#select(group); slot !== undefined; slot = this.#select(group)) {
      // A connection that a reserve has kept is usable, even if enough others are idle.
      if (slot.idleUntil > now || this.isKept(slot, now)) {
        this.leaveIdle(slot)
        this.acquireSlot(slot)
        return slot
      }
      this.close(slot, slot.expiresAt <= now ? "Lifetime" : "IdleTime")
    }
    return undefined
  }

  #select({ idle }: Group<O, S, W>): S | undefined {
    const { selection } = this.limits
    if (selection === "newest") return idle.last?.value
    let selected = idle.first?.value
    if (selection === "oldest" || selected === undefined) return selected
    for (const { value } of idle) if (value.served < selected.served) selected = value
    return selected
  }

  /**
   * Queues a request for which `acquire` returned nothing. Returns false if too many requests wait,
   * which changes nothing. The commands may fail or refuse the waiter at once; it then does not
   * wait. `origin` is called if the group is new.
   */
  enqueue(waiter: W, key: string, origin: () => O, now: number): boolean {
    const group = this.groups.get(key) ?? this.newGroup(key, origin(), now)
    // The limit does not count waiters with an attempt: they do not wait for other requests.
    if (!waiter.accepted && this.queued >= this.limits.waiters && !this.roomFor(group)) return false
    if (!waiter.accepted || waiter.order < 0) waiter.order = this.drawOrder()
    waiter.group = group
    waiter.granted = undefined
    if (this.#destroyed) {
      this.commandWaiter("Refuse", waiter)
      return true
    }
    // No connection could become free, and the last failure was reported just now.
    const { outage } = group
    if (group.open === 0 && outage?.pausing && outage.until > now && this.outages.isLong(outage, now)) {
      this.commandWaiter("Fail", waiter)
      return true
    }
    this.enterQueue(waiter, group)
    this.groups.set(key, group)
    this.turns.rank(group)
    this.openFor(group.next)
    return true
  }

  /** A connection was opened. Assigns it, or keeps it idle. */
  connected(slot: S, now: number, lifetimeMillis: number): void {
    const { group, owner } = slot
    this.disown(slot)
    this.endConnecting(slot)
    const outage = slot.ended = group.outage
    if (outage !== undefined) this.outages.over(outage)
    group.outage = undefined
    this.turns.rank(group)
    slot.status = "busy"
    slot.expiresAt = now + lifetimeMillis
    slot.idleUntil = Math.min(now + this.limits.idleMillis, slot.expiresAt)
    group.reserve?.opened(now)
    group.reserve?.keptUntil.set(slot, slot.expiresAt)
    // A waiter receives it however short its lifetime is.
    if (this.mustGreet(slot)) {
      this.enterGreeting(slot)
      this.commandSlot("Greet", slot)
    } else this.offer(slot)
    group.reserve?.openings.delete(slot)
    // If another waiter received it, the owner has adopted that waiter's attempt, if there was one.
    if (owner?.waiting && owner.attempt === undefined) this.commandWaiter("Orphan", owner)
    // The waiters for the end of the outage have their connections opened.
    if (outage !== undefined) this.dispatch(group)
  }

  /**
   * A connection could not be opened. `recoverable` is true if the reason may pass soon. Returns
   * the waiters that fail with it. These are all waiters of the group if the outage has lasted for
   * long and no other connection is open or being opened. Otherwise it is the owner at most.
   */
  failed(slot: S, now: number, recoverable: boolean): Failed<W> {
    const { group, owner } = slot
    this.disown(slot)
    group.reserve?.failed(now, this.limits.backoffMillis, this.random())
    const outage = recoverable ? this.outages.failed(group.key, slot.failuresBefore, now) : undefined
    if (outage === undefined && group.outage !== undefined) this.outages.over(group.outage)
    group.outage = outage
    const patient = outage !== undefined && !this.outages.isLong(outage, now)
    const lost = patient
      ? []
      : outage !== undefined && group.open === 1
      ? Array.from(group.waiting)
      : owner
      ? [owner]
      : []
    for (const waiter of lost) this.leaveQueue(waiter)
    if (patient && owner !== undefined) this.commandWaiter("Postpone", owner)
    this.free(slot)
    return { lost, outage }
  }

  /**
   * A connection was closed before the first request on it was sent. Returns the outage that this
   * begins, or continues.
   */
  lost(key: string, now: number, ended?: Outage): Outage | undefined {
    const outage = this.outages.failed(key, Infinity, now, ended)
    const group = this.groups.get(key)
    if (group === undefined) return outage
    group.outage = outage
    this.turns.rank(group)
    return outage
  }

  /**
   * Returns the end of the first pause for which a request or a reserve waits; `Infinity` if there
   * is none.
   */
  get pausesUntil(): number {
    let first = Infinity
    for (const { outage, queued } of this.groups.values()) {
      if (outage?.pausing && queued > 0 && outage.until < first) first = outage.until
    }
    for (const { retryAt } of this.reserves.values()) first = Math.min(first, retryAt)
    return first
  }

  /** Ends the pauses that are over. */
  tryAgain(now: number): void {
    for (const group of this.groups.values()) if (this.endPause(group, now)) this.turns.rank(group)
    while (this.openFor(this.turns.first));
  }

  /** A connection is free, and may be reused. */
  release(slot: S, now: number, hint: Hint | undefined): void {
    if (slot.status !== "busy") return
    this.#answered(slot, now, hint)
    slot.group.reserve?.served()
    this.reoffer(slot, now)
  }

  /** The request of a reserve was answered on a new connection, which may be used from now on. */
  greeted(slot: S, now: number, hint: Hint | undefined): void {
    if (slot.status !== "greeting") return
    this.leaveGreeting(slot)
    slot.status = "busy"
    slot.group.reserve?.greetedAt.set(slot, now)
    this.turns.rank(slot.group)
    this.#answered(slot, now, hint)
    this.reoffer(slot, now)
  }

  #answered(slot: S, now: number, hint: Hint | undefined): void {
    if (hint !== undefined) slot.left = Math.min(slot.left, hint.left)
    const keptUntil = Math.min(now + (hint?.idleMillis ?? Infinity), slot.expiresAt)
    slot.idleUntil = Math.min(now + this.limits.idleMillis, keptUntil)
    slot.group.reserve?.keptUntil.set(slot, keptUntil)
  }

  /** A connection was acquired and not used. For the server it was idle all the time. */
  releaseUnused(slot: S, now: number): void {
    if (slot.status !== "busy") return
    slot.served--
    slot.left++
    this.reoffer(slot, now)
  }

  /** A connection was closed. */
  gone(slot: S): void {
    if (slot.status === "gone") return
    this.free(slot)
  }

  /**
   * A request stops waiting. A connection that it received and did not use returns to the pool.
   * Returns the opening that this aborts, whose end the request must await.
   */
  cancel(waiter: W, now: number): S | undefined {
    const { attempt, granted } = waiter
    waiter.granted = undefined
    if (granted !== undefined) this.releaseUnused(granted, now)
    if (!waiter.waiting) return undefined
    this.leaveQueue(waiter)
    if (attempt === undefined) return undefined
    this.disown(attempt)
    if (this.adopt(attempt)) return undefined
    this.abort(attempt)
    return attempt
  }

  /**
   * Closes connections that have been idle for too long. Returns when to call this again;
   * `Infinity` if no connection is idle.
   */
  expire(now: number): number {
    let next = Infinity
    // Closing one connection may close others to make room.
    for (const slot of Array.from(this.idle)) {
      if (slot.status !== "idle") continue
      if (this.isOver(slot, now)) this.close(slot, slot.expiresAt <= now ? "Lifetime" : "IdleTime")
      else if (slot.idleUntil < next) next = slot.idleUntil
    }
    return next
  }

  /**
   * The response on a connection is unread so far. From `from` on it may lose the connection to a
   * waiter.
   */
  unread(slot: S, now: number, from: number): void {
    if (slot.status !== "busy") return
    this.listUnread(slot, now, from)
  }

  /**
   * Takes connections from unread responses, the oldest first, for waiters without an attempt that
   * lack room. Returns when to call this again; `Infinity` if that is unnecessary.
   */
  reclaim(now: number, isUnread: (slot: S) => boolean): number {
    for (const slot of Array.from(this.unreadSlots)) {
      // The connection of a response that is being read or discarded becomes free without
      // intervention.
      if (!isUnread(slot)) this.forgetUnread(slot)
      else if (this.turns.wants(slot, this.full)) {
        if (slot.unreadFrom > now) return slot.unreadFrom
        this.commandSlot("Reclaim", slot)
        this.free(slot)
      }
    }
    return Infinity
  }

  /**
   * Lets an origin have idle connections at all times. `greets` is true if a request is sent on
   * each before. Must precede everything else.
   */
  reserve(key: string, origin: O, minIdle: number, greets = false): void {
    this.reserves.set(key, new Reserve(key, origin, minIdle, greets))
  }

  /** Opens the connections that reserves lack. Must be called after each event if there are any. */
  fill(now: number): void {
    for (const reserve of this.reserves.values()) {
      reserve.countWasted(now, this.limits.backoffMillis, this.random)
      while (this.openForReserve(reserve, now));
    }
  }

  /** A connection must not be used again. It is closed as soon as no request uses it. */
  retire(slot: S, reason: CloseReason): void {
    if (slot.status === "idle") this.close(slot, reason)
    else if (slot.status !== "gone") this.retired.set(slot, reason)
  }

  /**
   * A connection of the group was opened with other options than those before. Closes the idle ones
   * that are outdated now; the others are closed when they are free.
   */
  rotated(group: Group<O, S, W>): void {
    // Closing one connection may close others to make room.
    for (const { value } of Array.from(group.idle)) {
      if (value.status === "idle" && value.isOutdated) this.close(value, "Rotated")
    }
  }

  /** Closes all idle connections. */
  closeIdle(reason: CloseReason): void {
    for (const slot of Array.from(this.idle)) if (slot.status === "idle") this.close(slot, reason)
  }

  /** Shuts the pool down: no connection is kept. Queued requests are still served. */
  shutdown(): void {
    this.closing = true
    this.reserves.clear()
    this.closeIdle("Shutdown")
    for (const slot of this.orphans) this.abort(slot)
    for (const slot of this.greeting) this.close(slot, "Shutdown")
  }

  /** Refuses all waiters, and closes all connections. */
  destroy(): void {
    this.closing = true
    this.reserves.clear()
    this.#destroyed = true
    for (const group of this.groups.values()) {
      for (const waiter of Array.from(group.waiting)) {
        const { attempt } = waiter
        this.leaveQueue(waiter)
        if (attempt !== undefined) this.disown(attempt)
        this.commandWaiter("Refuse", waiter)
      }
    }
    for (const slot of this.slots) {
      if (slot.status === "connecting") this.abort(slot)
      else this.close(slot, "Shutdown")
    }
  }
}
