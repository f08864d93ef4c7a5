/**
 * Where connections go: which waiter receives a free connection, which waiter has one opened, and
 * which connection is closed to make room. Pure; the rules are those of `policy.ts`.
 */
import type { CloseReason } from "../../ConnectionEvent.ts"
import { Inventory } from "./inventory.ts"
import type { Reserve } from "./reserves.ts"
import type { Limits, Slot, Waiter } from "./slots.ts"
import { Group } from "./slots.ts"
import { servable } from "./turns.ts"

/**
 * Creates the slot for a connection that is to be opened, for a waiter or for a reserve. Runs in
 * the middle of a decision, so it must not call the pool; the connection is opened by the command
 * `Open` or `Warm`.
 */
export type MakeSlot<O, S extends Slot<O, S, W>, W extends Waiter<O, S, W>> = (
  group: Group<O, S, W>,
  waiter: W | undefined
) => S

/**
 * True if a connection was closed because its time was over, which does not depend on the server.
 */
const isOfAge = (reason: CloseReason): boolean => reason === "Lifetime" || reason === "IdleTime"

export abstract class Placement<O, S extends Slot<O, S, W>, W extends Waiter<O, S, W>> extends Inventory<O, S, W> {
  readonly #makeSlot: MakeSlot<O, S, W>
  /** True once the pool keeps no connection that no waiter needs. */
  closing = false

  constructor(limits: Limits, random: () => number, makeSlot: MakeSlot<O, S, W>) {
    super(limits, random)
    this.#makeSlot = makeSlot
  }

  // --- assigning connections

  protected acquireSlot(slot: S): void {
    slot.status = "busy"
    slot.served++
    slot.left--
  }

  /** Offers a connection that was acquired before, unless it has reached a limit. */
  protected reoffer(slot: S, now: number): void {
    this.forgetUnread(slot)
    const retired = this.retired.size > 0 ? this.retired.get(slot) : undefined
    if (retired !== undefined) return this.close(slot, retired)
    if (slot.expiresAt <= now) return this.close(slot, "Lifetime")
    if (slot.idleUntil < now && this.isOver(slot, now)) return this.close(slot, "IdleTime")
    if (slot.left <= 0) return this.close(slot, "Requests")
    if (slot.isOutdated) return this.close(slot, "Rotated")
    this.offer(slot)
  }

  /** Assigns a free connection to the first waiter that it suits, or adds it to the idle ones. */
  protected offer(slot: S): void {
    const { group } = slot
    const waiter = servable<O, S, W>(slot)
    if (this.turns.older(slot, waiter, this.full)) return this.close(slot, "Room")
    if (waiter !== undefined) return this.#assign(waiter, slot)
    const reason = this.closing
      ? "Shutdown"
      : slot.isOutdated
      ? "Rotated"
      : this.retired.size > 0
      ? this.retired.get(slot)
      : undefined
    if (reason !== undefined) return this.close(slot, reason)
    this.enterIdle(slot)
    if (group.idle.size > this.limits.idlePerOrigin) this.#replace(group.idle.first?.value, "IdleLimit")
    else if (this.idle.size > this.limits.idle) this.#replace(this.#spare, "IdleLimit")
  }

  /**
   * Returns the connection that has been idle for the longest, if possible one that no reserve
   * needs.
   */
  get #spare(): S | undefined {
    const { first } = this.idle
    if (this.reserves.size === 0) return first
    const isSpare = ({ group: { idle, reserve } }: S): boolean => reserve === undefined || idle.size > reserve.minIdle
    return this.idle.find(first, isSpare) ?? first
  }

  /**
   * True if a connection that no request uses must be closed because it is too old, or has been
   * idle for too long. One that a reserve needs may be idle for longer.
   */
  protected isOver(slot: S, now: number): boolean {
    if (slot.idleUntil > now) return false
    const { idle, reserve } = slot.group
    const others = slot.status === "idle" ? idle.size - 1 : idle.size
    if (reserve === undefined || others >= reserve.minIdle || !this.isKept(slot, now)) return true
    slot.idleUntil = reserve.keptUntil.get(slot) ?? now
    return false
  }

  /** True if a reserve may keep a connection for longer than it may be idle. */
  protected isKept(slot: S, now: number): boolean {
    const keptUntil = slot.group.reserve?.keptUntil.get(slot)
    return keptUntil !== undefined && keptUntil > now && !this.closing
  }

  #assign(waiter: W, slot: S): void {
    const { attempt } = waiter
    this.leaveQueue(waiter)
    waiter.granted = slot
    this.acquireSlot(slot)
    this.commandBoth("Give", slot, waiter)
    if (attempt === undefined) return
    this.disown(attempt)
    if (this.adopt(attempt)) return
    if (this.closing) return this.abort(attempt)
    // The connection is kept when it is open, unless a waiter of another group needs the room.
    this.orphans.add(attempt)
    attempt.group.orphans++
    this.dispatch(attempt.group)
  }

  /** Makes the first waiter without an attempt the owner of an opening. False if there is none. */
  protected adopt(attempt: S): boolean {
    const { group } = attempt
    const waiter = group.firstQueued
    if (waiter === undefined) return false
    this.disown(attempt)
    this.own(attempt, waiter)
    this.turns.rank(group)
    this.commandBoth("Adopt", attempt, waiter)
    return true
  }

  // --- making room

  protected newGroup(key: string, origin: O, now: number): Group<O, S, W> {
    const group = new Group<O, S, W>(key, origin, this.limits.connectionsPerOrigin, this.reserves.get(key))
    group.outage = this.outages.of(key, now)
    this.endPause(group, now)
    return group
  }

  /** Ends the pause of a group if it is over. False if there was none, or it continues. */
  protected endPause({ outage }: Group<O, S, W>, now: number): boolean {
    if (!outage?.pausing || outage.until > now) return false
    outage.pausing = false
    return true
  }

  /** True if a connection would be opened at once for one more waiter of the group. */
  protected roomFor(group: Group<O, S, W>): boolean {
    return group.hasRoom() && (!this.full || this.idle.size > 0 || this.orphans.size > 0 || this.greeting.size > 0)
  }

  /**
   * Opens connections after room was made. If the total limit had been reached, the room goes to
   * the first waiter of all groups. Otherwise it goes to the first waiter of this group.
   */
  protected dispatch(group: Group<O, S, W>, wasFull = this.full): void {
    while (this.openFor(wasFull ? this.turns.first : group.next));
  }

  /** Opens a connection for a waiter whose group has room. False if the total limit prevents it. */
  protected openFor(waiter: W | undefined): boolean {
    const group = waiter?.group
    if (waiter === undefined || group === undefined) return false
    if (group.orphans > 0) {
      for (const orphan of this.orphans) if (orphan.group === group && this.adopt(orphan)) return true
    }
    // Connections of the group are idle here only if the waiter needs a new one.
    if (group.open >= this.limits.connectionsPerOrigin) {
      if (group.idle.size > 0) this.#replace(group.idle.first?.value, "Room")
      else this.#abortGreeting(group)
    }
    if (this.full) {
      if (this.idle.size > 0) this.#replace(this.#spare, "Room")
      else if (!this.#abortOrphan() && !this.#abortGreeting()) return false
    }
    const slot = this.#makeSlot(group, waiter)
    this.own(slot, waiter)
    this.#enterConnecting(slot)
    this.commandBoth("Open", slot, waiter)
    return true
  }

  #enterConnecting(slot: S): void {
    const { group } = slot
    slot.left = this.limits.requestsPerConnection
    this.slots.add(slot)
    group.open++
    group.connecting++
    this.connecting++
    this.turns.rank(group)
  }

  // --- reserves

  /**
   * Opens a connection for a reserve if a connection is missing, there is room, and no pause
   * applies.
   */
  protected openForReserve(reserve: Reserve<O, S>, now: number): boolean {
    const known = this.groups.get(reserve.key)
    const group = known ?? this.newGroup(reserve.key, reserve.origin, now)
    if (!this.#lacks(reserve, group, now)) return false
    this.groups.set(reserve.key, group)
    this.endPause(group, now)
    const slot = this.#makeSlot(group, undefined)
    reserve.openings.add(slot)
    this.orphans.add(slot)
    group.orphans++
    this.#enterConnecting(slot)
    this.commandSlot("Warm", slot)
    return true
  }

  #lacks(reserve: Reserve<O, S>, group: Group<O, S, W>, now: number): boolean {
    const { connecting, greeting, idle, open, orphans, outage, queued } = group
    reserve.retryAt = Infinity
    if (this.full || open >= this.limits.connectionsPerOrigin) return false
    if (idle.size + orphans + greeting >= reserve.minIdle) return false
    // A waiter gets the next opening. During an outage there is one opening at a time.
    if (queued > 0 || (connecting + greeting > 0 && (outage !== undefined || reserve.failures > 0))) return false
    const pausesUntil = Math.max(reserve.until, outage?.pausing ? outage.until : -Infinity)
    if (pausesUntil <= now) return true
    reserve.retryAt = pausesUntil
    return false
  }

  /**
   * True if the request of a reserve is to be sent on a connection that was just opened. No waiter
   * may be able to use it, or its room.
   */
  protected mustGreet(slot: S): boolean {
    const { reserve } = slot.group
    return reserve?.greets === true && reserve.openings.has(slot) && !this.closing && !slot.isOutdated
      && !this.retired.has(slot) && servable<O, S, W>(slot) === undefined
      && !this.turns.older(slot, undefined, this.full)
  }

  /** Closes a connection that is being greeted, if there is one, because its room is needed. */
  #abortGreeting(group?: Group<O, S, W>): boolean {
    for (const slot of this.greeting) {
      if (group !== undefined && slot.group !== group) continue
      this.commandClose(slot, "Room")
      this.remove(slot, false)
      return true
    }
    return false
  }

  /** Aborts an opening without an owner. False if there is none. */
  #abortOrphan(): boolean {
    const [orphan] = this.orphans
    if (orphan === undefined) return false
    this.commandSlot("Abort", orphan)
    this.remove(orphan)
    return true
  }

  // --- closing

  /** Closes an idle connection whose room is used by the caller. */
  #replace(slot: S | undefined, reason: CloseReason): void {
    if (slot === undefined) return
    this.commandClose(slot, reason)
    this.remove(slot)
  }

  protected close(slot: S, reason: CloseReason): void {
    this.commandClose(slot, reason)
    this.free(slot, !isOfAge(reason))
  }

  protected abort(slot: S): void {
    this.commandSlot("Abort", slot)
    this.free(slot)
  }

  /** Removes a slot, and opens connections in the room that this makes. */
  protected free(slot: S, mayBeWaste = true): void {
    const wasFull = this.full
    this.remove(slot, mayBeWaste)
    this.dispatch(slot.group, wasFull)
  }
}
