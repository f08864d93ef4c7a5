/**
 * The connections, groups and waiters of a pool, in lists and counts that agree with each other.
 * Bookkeeping only: the decisions are in `placement.ts` and `policy.ts`.
 */
import type { CloseReason } from "../../ConnectionEvent.ts"
import { Entry, List } from "./list.ts"
import { Outages } from "./outages.ts"
import type { Reserve, Retired } from "./reserves.ts"
import type { Command, Group, Limits, Slot, Waiter } from "./slots.ts"
import { Turns } from "./turns.ts"

export abstract class Inventory<O, S extends Slot<O, S, W>, W extends Waiter<O, S, W>> {
  readonly limits: Limits
  readonly groups = new Map<string, Group<O, S, W>>()
  /** All slots that are not gone. */
  readonly slots = new Set<S>()
  /** All idle slots, oldest first. */
  readonly idle = new List<S>()
  /**
   * Busy slots with an unread response, ordered by the time at which each response may lose its
   * connection.
   */
  readonly unreadSlots = new List<S>()
  protected readonly turns = new Turns<O, S, W>()
  /** The number of queued requests. */
  waiting = 0
  connecting = 0
  /** Openings without an owner. */
  protected readonly orphans = new Set<S>()
  /** Connections on which the request of a reserve is being sent. */
  readonly greeting = new Set<S>()
  /** By key, the idle connections that an origin must have at all times. */
  readonly reserves = new Map<string, Reserve<O, S>>()
  protected readonly retired: Retired<S> = new Map()
  /** What the pool must do, in order. The pool replaces the array when it takes the commands. */
  commands: Array<Command<S, W>> = []

  protected readonly outages: Outages
  protected readonly random: () => number

  constructor(limits: Limits, random: () => number) {
    this.limits = limits
    this.random = random
    this.outages = new Outages(limits, random)
  }

  get open(): number {
    return this.slots.size
  }

  get busy(): number {
    return this.open - this.connecting - this.greeting.size - this.idle.size
  }

  /** True if the limit on all connections is reached. */
  protected get full(): boolean {
    return this.open >= this.limits.connections
  }

  /** The number of waiters without an attempt. */
  get queued(): number {
    return this.waiting - (this.connecting - this.orphans.size)
  }

  // --- waiters

  /** Adds a waiter, which has no attempt, to the list of its group. */
  protected enterQueue(waiter: W, group: Group<O, S, W>): void {
    group.waiting.insertBefore(waiter, (other) => other.order > waiter.order)
    group.addQueued(waiter)
    this.waiting++
    if (waiter.requireNew) group.newWaiting++
  }

  protected leaveQueue(waiter: W): void {
    const { group } = waiter
    if (group === undefined) return
    if (waiter.attempt === undefined) group.removeQueued(waiter)
    group.waiting.remove(waiter)
    this.waiting--
    if (waiter.requireNew) group.newWaiting--
    this.turns.rank(group)
    this.forget(group)
  }

  /** Makes a waiter without an attempt the owner of an opening. */
  protected own(attempt: S, waiter: W): void {
    attempt.group.removeQueued(waiter)
    waiter.attempt = attempt
    attempt.owner = waiter
  }

  /** Detaches an opening from its owner, which is then without an attempt. */
  protected disown(attempt: S): void {
    const { group, owner } = attempt
    attempt.owner = undefined
    if (owner !== undefined) {
      owner.attempt = undefined
      if (owner.waiting) group.addQueued(owner)
    }
    if (this.orphans.delete(attempt)) group.orphans--
  }

  // --- slots

  protected enterIdle(slot: S): void {
    slot.status = "idle"
    slot.group.idle.push(slot.inGroup ??= new Entry(slot))
    this.idle.push(slot)
  }

  protected leaveIdle(slot: S): void {
    if (slot.inGroup !== undefined) slot.group.idle.remove(slot.inGroup)
    this.idle.remove(slot)
  }

  protected listUnread(slot: S, now: number, from: number): void {
    this.forgetUnread(slot)
    slot.unreadSince = now
    slot.unreadFrom = from
    this.unreadSlots.insertBefore(slot, (other) => other.unreadFrom > from)
  }

  protected forgetUnread(slot: S): void {
    this.unreadSlots.remove(slot)
  }

  protected endConnecting(slot: S): void {
    slot.group.connecting--
    this.connecting--
  }

  protected enterGreeting(slot: S): void {
    slot.status = "greeting"
    this.greeting.add(slot)
    slot.group.greeting++
    this.turns.rank(slot.group)
  }

  protected leaveGreeting(slot: S): void {
    this.greeting.delete(slot)
    slot.group.greeting--
  }

  /**
   * Removes a slot, without opening a connection in the freed room. With `mayBeWaste` its reserve
   * pauses if the connection has served no request.
   */
  protected remove(slot: S, mayBeWaste = true): void {
    const { reserve } = slot.group
    if (reserve !== undefined) {
      this.#countWaste(reserve, slot, mayBeWaste)
      reserve.closed(slot)
    }
    if (slot.status === "connecting") this.endConnecting(slot)
    if (slot.status === "greeting") this.leaveGreeting(slot)
    if (slot.status === "idle") this.leaveIdle(slot)
    if (this.retired.size > 0) this.retired.delete(slot)
    this.forgetUnread(slot)
    slot.status = "gone"
    this.slots.delete(slot)
    this.disown(slot)
    slot.group.open--
    this.turns.rank(slot.group)
    this.forget(slot.group)
  }

  /** However long a greeted connection may be idle: that it was for a short time is a failure. */
  #countWaste(reserve: Reserve<O, S>, slot: S, mayBeWaste: boolean): void {
    const { served, status } = slot
    const greetedAt = reserve.greetedAt.get(slot) ?? Infinity
    const isGreeted = greetedAt !== Infinity
    if (served > 0 || !(isGreeted || (mayBeWaste && (status === "idle" || status === "greeting")))) return
    reserve.wasted = Math.max(reserve.wasted, greetedAt)
  }

  /** Drops a group that has neither connections nor waiters. */
  protected forget(group: Group<O, S, W>): void {
    if (group.open === 0 && group.waiting.size === 0 && this.groups.get(group.key) === group) {
      this.groups.delete(group.key)
    }
  }

  // --- commands

  protected commandWaiter(_tag: "Orphan" | "Postpone" | "Fail" | "Refuse", waiter: W): void {
    this.commands.push({ _tag, slot: undefined, waiter, reason: undefined })
  }

  protected commandBoth(_tag: "Open" | "Give" | "Adopt", slot: S, waiter: W): void {
    this.commands.push({ _tag, slot, waiter, reason: undefined })
  }

  protected commandSlot(_tag: "Warm" | "Greet" | "Reclaim" | "Abort", slot: S): void {
    this.commands.push({ _tag, slot, waiter: undefined, reason: undefined })
  }

  protected commandClose(slot: S, reason: CloseReason): void {
    this.commands.push({ _tag: "Close", slot, waiter: undefined, reason })
  }
}
