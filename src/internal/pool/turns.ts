/**
 * Whose turn it is where there are not enough connections: which request is the first that could
 * use one, or its place. Pure, as `poolState.ts`, which asks.
 */
import { Heap } from "./heap.ts"
import type { Group, Slot, Ticket } from "./slots.ts"

/** The first ticket of its group that the connection will do for. */
export const servable = <O, C, W>(slot: Slot<O, C, W>): Ticket<O, C, W> | undefined => {
  const { group, served } = slot
  if (served === 0 || group.newWaiting === 0) return group.waiting.first?.value
  for (const ticket of group.waiting) {
    if (!ticket.requireNew) return ticket
    // It is older, and the place is its, unless nothing can be opened there for the moment.
    if (ticket.attempt === undefined && group.hasRoom(slot)) return undefined
  }
  return undefined
}

export class Turns<O, C, W> {
  /** The groups that have a `next` ticket, by its order. */
  readonly #wanting = new Heap<Group<O, C, W>>((a, b) => (a.next?.order ?? Infinity) < (b.next?.order ?? Infinity))

  /**
   * Of all groups whose own limit allows one more connection, the first ticket that has none
   * opened.
   */
  get first(): Ticket<O, C, W> | undefined {
    return this.#wanting.first?.next
  }

  /** To be called when a group may have another ticket that is `next`. */
  rank(group: Group<O, C, W>): void {
    const next = group.queued()
    if (next === group.next) return
    this.#wanting.remove(group)
    group.next = next
    if (next !== undefined) this.#wanting.add(group)
  }

  /**
   * Whether a ticket that is older than this one, if there is one, could use the place of a
   * connection, but not the connection.
   */
  older(slot: Slot<O, C, W>, ticket: Ticket<O, C, W> | undefined, full: boolean): boolean {
    // One that was just opened is for whoever is there: closing it for another would serve nobody.
    if (slot.served === 0 && ticket !== undefined) return false
    if (!full && slot.group.newWaiting === 0) return false
    const other = this.#claimant(slot, full)
    return other !== undefined && other !== ticket && (ticket === undefined || other.order < ticket.order)
  }

  /** Whether a ticket that has no connection opened would have one in the place of this one. */
  wants(slot: Slot<O, C, W>, full: boolean): boolean {
    return this.#claimant(slot, full) !== undefined
  }

  /** The first ticket that could use the place of a connection. */
  #claimant(slot: Slot<O, C, W>, full: boolean): Ticket<O, C, W> | undefined {
    const own = slot.group.queued(slot)
    const first = full ? this.first : undefined
    return own === undefined || (first !== undefined && first.order < own.order) ? first : own
  }
}
