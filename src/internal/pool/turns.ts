/**
 * Decides which waiter is the first that can use a connection, or the room that the connection
 * takes. Pure; used by `placement.ts` and `policy.ts`.
 */
import { Heap } from "./heap.ts"
import type { Group, Slot, Waiter } from "./slots.ts"

/** True if no request was sent on a connection, not even that of a reserve. */
const isNew = <O, S extends Slot<O, S, W>, W extends Waiter<O, S, W>>(slot: S): boolean =>
  slot.served === 0 && slot.group.reserve?.greetedAt.has(slot) !== true

/** Returns the first waiter of the slot's group that its connection suits. */
export const servable = <O, S extends Slot<O, S, W>, W extends Waiter<O, S, W>>(slot: S): W | undefined => {
  const { group } = slot
  if (isNew<O, S, W>(slot) || group.newWaiting === 0) return group.waiting.first
  for (const waiter of group.waiting) {
    if (!waiter.requireNew) return waiter
    // This waiter is earlier, so it gets the room unless no connection can be opened for now.
    if (waiter.attempt === undefined && group.hasRoom(slot)) return undefined
  }
  return undefined
}

export class Turns<O, S extends Slot<O, S, W>, W extends Waiter<O, S, W>> {
  /** The groups that have a `next` waiter, by its order. */
  readonly #wanting = new Heap<Group<O, S, W>>((a, b) => (a.next?.order ?? Infinity) < (b.next?.order ?? Infinity))

  /** The first waiter without an attempt in a group whose own limit allows one more connection. */
  get first(): W | undefined {
    return this.#wanting.first?.next
  }

  /** Updates the rank of a group. Must run after each change of what `Group.claimant` reads. */
  rank(group: Group<O, S, W>): void {
    const next = group.claimant()
    if (next === group.next) return
    this.#wanting.remove(group)
    group.next = next
    if (next !== undefined) this.#wanting.add(group)
  }

  /**
   * True if a waiter that precedes `waiter` could use the room that the connection takes, but not
   * the connection itself.
   */
  older(slot: S, waiter: W | undefined, full: boolean): boolean {
    // A connection that was just opened goes to a waiter of its group. Closing it for a waiter of
    // another group would waste the opening.
    if (isNew<O, S, W>(slot) && waiter !== undefined) return false
    if (!full && slot.group.newWaiting === 0) return false
    const other = this.#claimant(slot, full)
    return other !== undefined && other !== waiter && (waiter === undefined || other.order < waiter.order)
  }

  /** True if a waiter without an attempt would have a connection opened if this one were closed. */
  wants(slot: S, full: boolean): boolean {
    return this.#claimant(slot, full) !== undefined
  }

  /** Returns the first waiter that could use the room that a connection takes. */
  #claimant(slot: S, full: boolean): W | undefined {
    const own = slot.group.claimant(slot)
    const first = full ? this.first : undefined
    return own === undefined || (first !== undefined && first.order < own.order) ? first : own
  }
}
