/**
 * Where connections go: which waiter receives a free connection, which waiter has one opened, and
 * which connection is closed to make room. Pure; the rules are those of `policy.ts`.
 */
import type { CloseReason } from "../../ConnectionEvent.ts"
import { Inventory } from "./inventory.ts"
import type { Limits, Slot, Waiter } from "./slots.ts"
import { Group } from "./slots.ts"
import { servable } from "./turns.ts"

/**
 * Creates the slot for a connection that is to be opened. Runs in the middle of a decision, so it
 * must not call the pool; the connection is opened by the command `Open`.
 */
export type MakeSlot<O, S extends Slot<O, S, W>, W extends Waiter<O, S, W>> = (
  group: Group<O, S, W>,
  waiter: W
) => S

export abstract class Placement<O, S extends Slot<O, S, W>, W extends Waiter<O, S, W>> extends Inventory<O, S, W> {
  readonly #makeSlot: MakeSlot<O, S, W>
  /** True once the pool keeps no connection that no waiter needs. */
  closing = false

  constructor(limits: Limits, random: () => number, makeSlot: MakeSlot<O, S, W>) {
    super(limits, random)
    this.#makeSlot = makeSlot
  }

  // --- assigning connections

  protected lend(slot: S): void {
    slot.status = "busy"
    slot.served++
    slot.left--
  }

  /** Offers a connection that was acquired before, unless it has reached a limit. */
  protected reoffer(slot: S, now: number): void {
    this.forgetUnread(slot)
    if (slot.expiresAt <= now) return this.close(slot, "Lifetime")
    if (slot.idleUntil < now) return this.close(slot, "IdleTime")
    if (slot.left <= 0) return this.close(slot, "Requests")
    this.offer(slot)
  }

  /** Assigns a free connection to the first waiter that it suits, or adds it to the idle ones. */
  protected offer(slot: S): void {
    const { group } = slot
    const waiter = servable<O, S, W>(slot)
    if (this.turns.older(slot, waiter, this.full)) return this.close(slot, "Room")
    if (waiter !== undefined) return this.#give(waiter, slot)
    if (this.closing) return this.close(slot, "Shutdown")
    this.enterIdle(slot)
    if (group.idle.size > this.limits.idlePerOrigin) this.#replace(group.idle.first?.value, "IdleLimit")
    else if (this.idle.size > this.limits.idle) this.#replace(this.idle.first, "IdleLimit")
  }

  #give(waiter: W, slot: S): void {
    const { attempt } = waiter
    this.leaveQueue(waiter)
    waiter.granted = slot
    this.lend(slot)
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
    const group = new Group<O, S, W>(key, origin, this.limits.connectionsPerOrigin)
    group.outage = this.outages.of(key, now)
    this.endPause(group, now)
    return group
  }

  /** Ends the pause of a group if it is over. False if there was none, or it goes on. */
  protected endPause({ outage }: Group<O, S, W>, now: number): boolean {
    if (!outage?.pausing || outage.until > now) return false
    outage.pausing = false
    return true
  }

  /** True if a connection would be opened at once for one more waiter of the group. */
  protected roomFor(group: Group<O, S, W>): boolean {
    return group.hasRoom() && (this.open < this.limits.connections || this.idle.size > 0 || this.orphans.size > 0)
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
    if (group.open >= this.limits.connectionsPerOrigin) this.#replace(group.idle.first?.value, "Room")
    if (this.full) {
      if (this.idle.size > 0) this.#replace(this.idle.first, "Room")
      else if (!this.#giveUpOrphan()) return false
    }
    const slot = this.#makeSlot(group, waiter)
    slot.left = this.limits.requestsPerConnection
    this.own(slot, waiter)
    this.slots.add(slot)
    group.open++
    group.connecting++
    this.connecting++
    this.turns.rank(group)
    this.commandBoth("Open", slot, waiter)
    return true
  }

  /** Aborts an opening without an owner. False if there is none. */
  #giveUpOrphan(): boolean {
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
    this.free(slot)
  }

  protected abort(slot: S): void {
    this.commandSlot("Abort", slot)
    this.free(slot)
  }

  /** Removes a slot, and opens connections in the room that this makes. */
  protected free(slot: S): void {
    const wasFull = this.full
    this.remove(slot)
    this.dispatch(slot.group, wasFull)
  }
}
