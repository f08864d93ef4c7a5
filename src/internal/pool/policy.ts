/**
 * The decisions of a pool: who gets which connection, when one is opened, when one is closed. Pure: no I/O, no clock, no Effect.
 *
 * Each method is one event. It changes the state at once, so that the next event finds it true, and leaves in `commands` what
 * the pool has to carry out. The rules:
 * - The newest idle connection is given out first. Whoever finds none draws a ticket; tickets are served in order.
 * - A ticket whose group has room gets a connection of its own opened. Whichever connection is free first is taken: the
 *   openings of a group belong to its first tickets, and pass on to the next ones.
 * - Nobody waits for room that an idle connection holds, or an opening that nobody waits for.
 * - Where the total is the limit, a connection that comes free goes to the oldest ticket of all that could use its place: if that
 *   is another group's it is closed, and one opened there.
 * - Where nothing can be opened for the moment, all who wait share one opening at a time, with pauses between (`outages.ts`).
 * - Nobody waits for room that a response holds which nobody reads: the oldest one gives its connection up.
 */
import type { CloseReason } from "../../ConnectionEvent.ts"
import { Inventory } from "./inventory.ts"
import type { List } from "./list.ts"
import type { Outage } from "./outages.ts"
import type { Hint } from "./slots.ts"
import { Group, Slot, Ticket } from "./slots.ts"
import { servable } from "./turns.ts"

/** What comes of an opening that failed. */
export interface Failed<O, C, W> {
  /** Those who have its failure. */
  readonly lost: ReadonlyArray<Ticket<O, C, W>>
  readonly outage: Outage | undefined
}

export class PoolState<O, C, W> extends Inventory<O, C, W> {
  #order = 0
  closing = false
  #destroyed = false

  /** Takes the newest idle connection that is not too old. */
  acquire(key: string, now: number): Slot<O, C, W> | undefined {
    const group = this.groups.get(key)
    if (group === undefined) return undefined
    for (let entry = group.idle.last; entry !== undefined; entry = group.idle.last) {
      const slot = entry.value
      if (slot.idleUntil > now) {
        this.leaveIdle(slot)
        this.#lend(slot)
        return slot
      }
      this.#close(slot, slot.expiresAt <= now ? "Lifetime" : "IdleTime")
    }
    return undefined
  }

  /**
   * Draws a ticket for a request that has found nothing to `take`; `undefined` if too many wait. `order` is that of a ticket whose
   * connection had closed, which has waited enough; after `destroy` it is refused. A group without connections and tickets is dropped.
   */
  enqueue(
    key: string,
    origin: () => O,
    waiter: W,
    fresh: boolean,
    now: number,
    order?: number
  ): Ticket<O, C, W> | undefined {
    const group = this.groups.get(key) ?? this.#newGroup(key, origin(), now)
    // Those for whom a connection is being opened do not wait for others.
    if (order === undefined && this.queued >= this.limits.waiters && !this.#roomFor(group)) return undefined
    const ticket = new Ticket(group, waiter, order ?? this.#order++, fresh)
    if (this.#destroyed) {
      this.commands.push({ _tag: "Refuse", ticket })
      return ticket
    }
    // Nothing that could come free, and what was told just now is true of this one too.
    const { outage } = group
    if (group.open === 0 && outage?.pausing && outage.until > now && this.outages.isLong(outage, now)) {
      this.commands.push({ _tag: "Fail", ticket })
      return ticket
    }
    group.waiting.insertBefore(ticket.entry, (other) => other.order > ticket.order)
    ticket.queueUp()
    this.groups.set(key, group)
    this.waiting++
    if (fresh) group.newWaiting++
    this.turns.rank(group)
    this.#openFor(group.next)
    return ticket
  }

  /** A connection was opened. It is given out, or kept. */
  connected(slot: Slot<O, C, W>, now: number, lifetimeMillis: number): void {
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
    // Somebody gets it, however short its life is.
    this.#offer(slot)
    // The opening that belonged to whoever got this one is the owner's now, unless there was none.
    if (owner?.waiting && owner.attempt === undefined) this.commands.push({ _tag: "Orphan", ticket: owner })
    // Those who waited for its end have theirs opened.
    if (outage !== undefined) this.#dispatch(group)
  }

  /**
   * A connection could not be opened, which may be over in a moment where it is `recoverable`. Gives those whose failure that is: whose it was
   * or, at the end of patience, all who wait where nothing else is open or being opened.
   */
  failed(slot: Slot<O, C, W>, now: number, recoverable: boolean): Failed<O, C, W> {
    const { group, owner } = slot
    this.disown(slot)
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
    for (const ticket of lost) this.leaveQueue(ticket)
    if (patient && owner !== undefined) this.commands.push({ _tag: "Postpone", ticket: owner })
    this.#free(slot)
    return { lost, outage }
  }

  /** A connection was gone before the first request on it was sent. Gives the outage that this begins, or goes on with. */
  lost(key: string, now: number, ended?: Outage): Outage | undefined {
    const outage = this.outages.failed(key, Infinity, now, ended)
    const group = this.groups.get(key)
    if (group === undefined) return outage
    group.outage = outage
    this.turns.rank(group)
    return outage
  }

  /** When the first of the pauses ends in which somebody waits; `Infinity` where nobody does. */
  get pausesUntil(): number {
    let first = Infinity
    for (const { outage, queue } of this.groups.values()) {
      if (outage?.pausing && queue.size > 0 && outage.until < first) first = outage.until
    }
    return first
  }

  /** Ends the pauses that are over. */
  tryAgain(now: number): void {
    for (const group of this.groups.values()) if (this.#endPause(group, now)) this.turns.rank(group)
    while (this.#openFor(this.turns.first));
  }

  /** A connection is free again, and can be used again. */
  release(slot: Slot<O, C, W>, now: number, hint: Hint | undefined): void {
    if (slot.status !== "busy") return
    if (hint !== undefined) slot.left = Math.min(slot.left, hint.left)
    slot.idleUntil = Math.min(now + Math.min(this.limits.idleMillis, hint?.idleMillis ?? Infinity), slot.expiresAt)
    this.#reoffer(slot, now)
  }

  /** A connection was given out and not used: for the server it has been idle all the time. */
  giveBack(slot: Slot<O, C, W>, now: number): void {
    if (slot.status !== "busy") return
    slot.served--
    slot.left++
    this.#reoffer(slot, now)
  }

  /** A connection was closed. */
  gone(slot: Slot<O, C, W>): void {
    if (slot.status === "gone") return
    this.#free(slot)
  }

  /** A request waits no longer. Gives the opening that no request wants now, whose end is to be waited for; a connection goes back. */
  cancel(ticket: Ticket<O, C, W>, now: number): Slot<O, C, W> | undefined {
    const { attempt, granted } = ticket
    ticket.granted = undefined
    if (granted !== undefined) this.giveBack(granted, now)
    if (!ticket.waiting) return undefined
    this.leaveQueue(ticket)
    if (attempt === undefined) return undefined
    this.disown(attempt)
    if (this.#adopt(attempt)) return undefined
    this.#abort(attempt)
    return attempt
  }

  /** Closes what has been idle for too long. Gives when to look again; `Infinity` where nothing is idle. */
  expire(now: number): number {
    let next = Infinity
    // Closing one may close others, to make room.
    for (const slot of Array.from(this.idle)) {
      if (slot.status !== "idle") continue
      if (slot.idleUntil <= now) this.#close(slot, slot.expiresAt <= now ? "Lifetime" : "IdleTime")
      else if (slot.idleUntil < next) next = slot.idleUntil
    }
    return next
  }

  /** Nobody has begun to read the response that came on a connection. From `from` on it may be taken for another request. */
  unread(slot: Slot<O, C, W>, now: number, from: number): void {
    if (slot.status !== "busy") return
    this.listUnread(slot, now, from)
  }

  /**
   * Takes connections whose response nobody has begun to read, the oldest first, for requests that wait and have none opened because
   * there is no room. Gives when to look again; `Infinity` where that is no use.
   */
  reclaim(now: number, isUnread: (slot: Slot<O, C, W>) => boolean): number {
    for (const slot of Array.from(this.unreadSlots)) {
      // One that is being read, or was let go of, comes free by itself.
      if (!isUnread(slot)) this.forgetUnread(slot)
      else if (this.turns.wants(slot, this.full)) {
        if (slot.unreadFrom > now) return slot.unreadFrom
        this.commands.push({ _tag: "Reclaim", slot })
        this.#free(slot)
      }
    }
    return Infinity
  }

  /** Closes what is idle. */
  closeIdle(reason: CloseReason): void {
    for (const slot of Array.from(this.idle)) if (slot.status === "idle") this.#close(slot, reason)
  }

  /** Ends the pool: nothing is kept. Who waits already may still be served. */
  shutdown(): void {
    this.closing = true
    this.closeIdle("Shutdown")
    for (const slot of this.orphans) this.#abort(slot)
  }

  /** Ends everything. */
  destroy(): void {
    this.closing = true
    this.#destroyed = true
    for (const group of this.groups.values()) {
      for (const ticket of Array.from(group.waiting)) {
        if (ticket.attempt !== undefined) this.disown(ticket.attempt)
        this.leaveQueue(ticket)
        this.commands.push({ _tag: "Refuse", ticket })
      }
    }
    for (const slot of this.slots) {
      if (slot.status === "connecting") this.#abort(slot)
      else this.#close(slot, "Shutdown")
    }
  }

  // --- giving out

  #lend(slot: Slot<O, C, W>): void {
    slot.status = "busy"
    slot.served++
    slot.left--
  }

  /** A connection that was given out before is offered again, unless it has reached a limit. */
  #reoffer(slot: Slot<O, C, W>, now: number): void {
    this.forgetUnread(slot)
    if (slot.expiresAt <= now) return this.#close(slot, "Lifetime")
    if (slot.idleUntil < now) return this.#close(slot, "IdleTime")
    if (slot.left <= 0) return this.#close(slot, "Requests")
    this.#offer(slot)
  }

  /** A connection that nobody uses: to whom does it go? */
  #offer(slot: Slot<O, C, W>): void {
    const { group } = slot
    const ticket = servable(slot)
    if (this.turns.older(slot, ticket, this.full)) return this.#close(slot, "Room")
    if (ticket !== undefined) return this.#give(ticket, slot)
    if (this.closing) return this.#close(slot, "Shutdown")
    slot.status = "idle"
    group.idle.push(slot.inGroup)
    this.idle.push(slot.inAll)
    if (group.idle.size > this.limits.idlePerOrigin) this.#closeOldest(group.idle, "IdleLimit")
    else if (this.idle.size > this.limits.idle) this.#closeOldest(this.idle, "IdleLimit")
  }

  #give(ticket: Ticket<O, C, W>, slot: Slot<O, C, W>): void {
    const { attempt } = ticket
    this.leaveQueue(ticket)
    ticket.granted = slot
    this.#lend(slot)
    this.commands.push({ _tag: "Give", ticket })
    if (attempt === undefined) return
    this.disown(attempt)
    if (this.#adopt(attempt)) return
    if (this.closing) return this.#abort(attempt)
    // It is kept when it is done, unless its place is wanted.
    this.orphans.add(attempt)
    attempt.group.orphans++
    this.#dispatch(ticket.group)
  }

  /** An opening that has lost its ticket goes to the next one that has none. Whether there is one. */
  #adopt(attempt: Slot<O, C, W>): boolean {
    const { group } = attempt
    const ticket = group.queue.first?.value
    if (ticket === undefined) return false
    this.disown(attempt)
    ticket.attempt = attempt
    attempt.owner = ticket
    group.queue.remove(ticket.inQueue)
    this.turns.rank(group)
    this.commands.push({ _tag: "Adopt", ticket })
    return true
  }

  // --- making room

  /** Whether there was one that is over. */
  #endPause({ outage }: Group<O, C, W>, now: number): boolean {
    if (!outage?.pausing || outage.until > now) return false
    outage.pausing = false
    return true
  }

  #newGroup(key: string, origin: O, now: number): Group<O, C, W> {
    const group = new Group<O, C, W>(key, origin, this.limits.connectionsPerOrigin)
    group.outage = this.outages.of(key, now)
    this.#endPause(group, now)
    return group
  }

  #roomFor(group: Group<O, C, W>): boolean {
    return group.hasRoom() && (this.open < this.limits.connections || this.idle.size > 0 || this.orphans.size > 0)
  }

  /** A place has come free: opens a connection for whoever can use it. Only where the total was the limit that may be another group. */
  #dispatch(group: Group<O, C, W>, wasFull = this.full): void {
    while (this.#openFor(wasFull ? this.turns.first : group.next));
  }

  /** Opens a connection for a ticket whose group has room. Whether there was a place. */
  #openFor(ticket: Ticket<O, C, W> | undefined): boolean {
    if (ticket === undefined) return false
    const { group } = ticket
    if (group.orphans > 0) {
      for (const orphan of this.orphans) if (orphan.group === group && this.#adopt(orphan)) return true
    }
    // Only whoever wants a new one waits while connections of its group are idle.
    if (group.open >= this.limits.connectionsPerOrigin) this.#closeOldest(group.idle, "Room")
    if (this.full) {
      if (this.idle.size > 0) this.#closeOldest(this.idle, "Room")
      else if (!this.#giveUpOrphan()) return false
    }
    const slot = new Slot(group, ticket, this.limits.requestsPerConnection)
    ticket.attempt = slot
    group.queue.remove(ticket.inQueue)
    this.slots.add(slot)
    group.open++
    group.connecting++
    this.connecting++
    this.turns.rank(group)
    this.commands.push({ _tag: "Open", slot, ticket })
    return true
  }

  #giveUpOrphan(): boolean {
    const [orphan] = this.orphans
    if (orphan === undefined) return false
    this.commands.push({ _tag: "Abort", slot: orphan })
    this.remove(orphan)
    return true
  }

  // --- closing

  #closeOldest(idle: List<Slot<O, C, W>>, reason: CloseReason): void {
    const slot = idle.first?.value
    if (slot === undefined) return
    this.commands.push({ _tag: "Close", slot, reason })
    this.remove(slot)
  }

  #close(slot: Slot<O, C, W>, reason: CloseReason): void {
    this.commands.push({ _tag: "Close", slot, reason })
    this.#free(slot)
  }

  #abort(slot: Slot<O, C, W>): void {
    this.commands.push({ _tag: "Abort", slot })
    this.#free(slot)
  }

  #free(slot: Slot<O, C, W>): void {
    const wasFull = this.full
    this.remove(slot)
    this.#dispatch(slot.group, wasFull)
  }
}
