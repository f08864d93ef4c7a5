/**
 * What a pool has: connections, origins and requests that wait, in lists and counts that agree with
 * each other. Pure bookkeeping, in which nothing is decided; `poolState.ts` does that.
 */
import { Entry, List } from "./list.ts"
import { Outages } from "./outages.ts"
import type { Command, Group, Limits, Slot, Ticket } from "./slots.ts"
import { Turns } from "./turns.ts"

export class Inventory<O, C, W> {
  readonly limits: Limits
  readonly groups = new Map<string, Group<O, C, W>>()
  /** All slots that are not gone. */
  readonly slots = new Set<Slot<O, C, W>>()
  /** All idle slots, oldest first. */
  readonly idle = new List<Slot<O, C, W>>()
  /**
   * Busy slots whose response nobody had begun to read when it came, by when each may be taken for
   * another request.
   */
  readonly unreadSlots = new List<Slot<O, C, W>>()
  protected readonly turns = new Turns<O, C, W>()
  waiting = 0
  connecting = 0
  /** Openings that are nobody's. */
  protected readonly orphans = new Set<Slot<O, C, W>>()
  /** What is to be carried out, in order. Whoever does so empties it. */
  commands: Array<Command<O, C, W>> = []

  protected readonly outages: Outages

  constructor(limits: Limits, random: () => number) {
    this.limits = limits
    this.outages = new Outages(limits, random)
  }

  get open(): number {
    return this.slots.size
  }

  get busy(): number {
    return this.open - this.connecting - this.idle.size
  }

  protected get full(): boolean {
    return this.open >= this.limits.connections
  }

  /** How many wait for whom no connection is being opened. */
  get queued(): number {
    return this.waiting - (this.connecting - this.orphans.size)
  }

  protected disown(attempt: Slot<O, C, W>): void {
    const { owner } = attempt
    attempt.owner = undefined
    if (owner !== undefined) {
      owner.attempt = undefined
      if (owner.waiting) owner.queueUp()
    }
    if (this.orphans.delete(attempt)) attempt.group.orphans--
  }

  protected leaveQueue(ticket: Ticket<O, C, W>): void {
    const { group } = ticket
    group.waiting.remove(ticket.entry)
    group.queue.remove(ticket.inQueue)
    this.waiting--
    if (ticket.requireNew) group.newWaiting--
    this.turns.rank(group)
    this.forget(group)
  }

  protected leaveIdle(slot: Slot<O, C, W>): void {
    slot.group.idle.remove(slot.inGroup)
    this.idle.remove(slot.inAll)
  }

  protected listUnread(slot: Slot<O, C, W>, now: number, from: number): void {
    this.forgetUnread(slot)
    slot.unreadSince = now
    slot.unreadFrom = from
    this.unreadSlots.insertBefore(slot.inUnread ??= new Entry(slot), (other) => other.unreadFrom > from)
  }

  protected forgetUnread(slot: Slot<O, C, W>): void {
    if (slot.inUnread !== undefined) this.unreadSlots.remove(slot.inUnread)
  }

  protected endConnecting(slot: Slot<O, C, W>): void {
    slot.group.connecting--
    this.connecting--
  }

  /** Takes a slot out, without looking for who can use its place. */
  protected remove(slot: Slot<O, C, W>): void {
    if (slot.status === "connecting") this.endConnecting(slot)
    if (slot.status === "idle") this.leaveIdle(slot)
    this.forgetUnread(slot)
    slot.status = "gone"
    this.slots.delete(slot)
    this.disown(slot)
    slot.group.open--
    this.turns.rank(slot.group)
    this.forget(slot.group)
  }

  protected forget(group: Group<O, C, W>): void {
    if (group.open === 0 && group.waiting.size === 0 && this.groups.get(group.key) === group) {
      this.groups.delete(group.key)
    }
  }
}
