/**
 * The objects of a pool's decisions. There is one group for each origin. Slots are pooled
 * connections, from the start of their opening. Waiters are queued requests, and commands are what
 * the pool must do. Data only; `policy.ts` changes it.
 *
 * The pool's connection class extends `Slot` and its request class extends `Waiter`. A connection
 * and its slot are therefore one object, and so is a queued request. The type parameters `S` and
 * `W` are these classes: `class PooledConnection extends Slot<O, PooledConnection, W>`. `O` is the
 * pool's data of an origin. No decision reads what the subclasses add.
 */
import type { CloseReason } from "../../ConnectionEvent.ts"
import type { Entry } from "./list.ts"
import { Linked, List } from "./list.ts"
import type { Outage, OutageLimits } from "./outages.ts"
import type { Reserve } from "./reserves.ts"

/**
 * `connecting` until the connection is open, then alternately `busy` and `idle`. `greeting` before
 * that, while the request of a reserve is sent on a new connection. `gone` as soon as the
 * connection must be closed, so that its place is free at once.
 */
export type SlotStatus = "connecting" | "greeting" | "busy" | "idle" | "gone"

/** A pooled connection. Its own links are those of the list of all idle or all unread slots. */
export abstract class Slot<O, S extends Slot<O, S, W>, W extends Waiter<O, S, W>> extends Linked<S> {
  readonly group: Group<O, S, W>
  status: SlotStatus = "connecting"
  /**
   * The waiter that the connection is being opened for. `undefined` once the connection is open, if
   * that waiter received another connection or was removed, or if it is opened for a reserve.
   */
  owner: W | undefined
  /** How many openings had failed in the current outage when this one began. */
  readonly failuresBefore: number
  /** The outage that ended when this connection was opened. */
  ended: Outage | undefined
  /** The number of times that the connection was acquired. */
  served = 0
  /** The number of times that the connection may still be acquired. */
  left = Infinity
  /** The end of the connection's lifetime. */
  expiresAt = Infinity
  /** When the connection has been idle for too long, or reaches the end of its lifetime. */
  idleUntil = Infinity
  /** Its node in the list of the group's idle slots, created when it first becomes idle. */
  inGroup: Entry<S> | undefined
  /** When the response on it became unread. */
  unreadSince = 0
  /** The time from which its unread response may lose the connection. */
  unreadFrom = Infinity

  constructor(group: Group<O, S, W>, owner: W | undefined) {
    super()
    this.group = group
    this.owner = owner
    this.failuresBefore = group.outage?.failures ?? 0
  }

  /** True if its options were replaced after it was opened, so that it serves no more requests. */
  get isOutdated(): boolean {
    return false
  }
}

/** A request that may be queued. Its links are those of its group's list of waiters. */
export abstract class Waiter<O, S extends Slot<O, S, W>, W extends Waiter<O, S, W>> extends Linked<W> {
  /** The group in which it is or was queued last. `undefined` before its first `enqueue`. */
  group: Group<O, S, W> | undefined
  /**
   * Its position among all waiters, which is unique. -1 until it is drawn: by the request when it
   * begins (`PoolState.drawOrder`), or else by `enqueue`.
   */
  order = -1
  /**
   * True once the request has reached the head of the queue. It then keeps its `order` if it queues
   * again, and no limit on the length of the queue refuses it.
   */
  accepted = false
  /** True if it needs a connection that has served no request. Must not change while it waits. */
  requireNew = false
  /** The slot that is being opened for it. */
  attempt: S | undefined
  /**
   * The slot that it received. The request clears it when it starts to use the connection; until
   * then `PoolState.cancel` returns the connection to the pool.
   */
  granted: S | undefined

  /** True while it is queued. */
  get waiting(): boolean {
    return this.list !== undefined
  }
}

/** True if no connection is being opened for a waiter. */
const isQueued = (waiter: { readonly attempt: unknown }): boolean => waiter.attempt === undefined

/** The connections and waiters of one origin. */
export class Group<O, S extends Slot<O, S, W>, W extends Waiter<O, S, W>> {
  readonly key: string
  readonly origin: O
  /** The number of slots that it may have. */
  readonly limit: number
  /** Idle slots, oldest first. */
  readonly idle = new List<Entry<S>>()
  /** Waiters by their `order`. */
  readonly waiting = new List<W>()
  /** The first waiter without an attempt. */
  firstQueued: W | undefined
  /** The number of waiters without an attempt. */
  queued = 0
  /** The number of slots that are not gone. */
  open = 0
  connecting = 0
  /** The number of openings without an owner. */
  orphans = 0
  /** The number of slots on which the request of the reserve is being sent. */
  greeting = 0
  /** The number of waiters that need a connection that has served no request. */
  newWaiting = 0
  /** Set while no connection can be opened: openings then pause, and run one at a time. */
  outage: Outage | undefined
  /** The idle connections that it must have at all times. */
  readonly reserve: Reserve<O, S> | undefined
  /** The last result of `claimant`, by which `Turns` ranks the group. */
  next: W | undefined

  constructor(key: string, origin: O, limit: number, reserve: Reserve<O, S> | undefined) {
    this.key = key
    this.origin = origin
    this.limit = limit
    this.reserve = reserve
  }

  get busy(): number {
    return this.open - this.connecting - this.greeting - this.idle.size
  }

  /**
   * True if one more connection may be opened, if necessary instead of an idle one, a greeting or
   * an opening without an owner. `leaving` is a slot of this group that counts as removed.
   */
  hasRoom(leaving?: S): boolean {
    if (this.outage !== undefined && this.orphans === 0 && (this.outage.pausing || this.connecting > 0)) return false
    const open = leaving === undefined ? this.open : this.open - 1
    return open - this.idle.size - this.orphans - this.greeting < this.limit
  }

  /** Returns the first waiter without an attempt, if there is room for one. */
  claimant(leaving?: S): W | undefined {
    return this.hasRoom(leaving) ? this.firstQueued : undefined
  }

  /** Counts a waiter of `waiting` that has no attempt, or has lost it. */
  addQueued(waiter: W): void {
    this.queued++
    if (this.firstQueued === undefined || waiter.order < this.firstQueued.order) this.firstQueued = waiter
  }

  /**
   * Discounts a waiter that receives an attempt, or is removed. Must run while it is in `waiting`.
   *
   * The search for the next one passes only waiters with an attempt. There are few, because
   * attempts go to the first waiters: in most cases the next waiter is the result.
   */
  removeQueued(waiter: W): void {
    this.queued--
    if (this.firstQueued !== waiter) return
    this.firstQueued = this.queued === 0 ? undefined : this.waiting.find(waiter.next, isQueued)
  }
}

/**
 * Which idle connection is used next: the one used last, the one idle for the longest, or the one
 * with the fewest requests.
 */
export type Selection = "newest" | "oldest" | "leastUsed"

export interface Limits extends OutageLimits {
  readonly connectionsPerOrigin: number
  readonly connections: number
  readonly idlePerOrigin: number
  readonly idle: number
  readonly waiters: number
  readonly requestsPerConnection: number
  /** How long a connection may be idle, in milliseconds. */
  readonly idleMillis: number
  readonly selection: Selection
}

/** All commands have the same fields, so that V8 needs one hidden class for them. */
interface CommandOf<Tag, S, W, Reason = undefined> {
  readonly _tag: Tag
  readonly slot: S
  readonly waiter: W
  readonly reason: Reason
}

/**
 * A command for the pool. A later decision may have changed a waiter before its command is
 * executed. `Give` is therefore void unless `waiter.granted` still is `slot`.
 */
export type Command<S, W> =
  /** Open a connection in the slot, for the waiter. */
  | CommandOf<"Open", S, W>
  /** Open a connection in the slot, for a reserve. */
  | CommandOf<"Warm", S, undefined>
  /** Send the request of the reserve on the connection. */
  | CommandOf<"Greet", S, undefined>
  /** Resume the waiter with the connection. */
  | CommandOf<"Give", S, W>
  /** The slot is being opened for this waiter from now on. It was opened for another one before. */
  | CommandOf<"Adopt", S, W>
  /**
   * The waiter has no attempt any more: its connection went to an earlier waiter (`Orphan`), or
   * could not be opened and is retried later (`Postpone`).
   */
  | CommandOf<"Orphan" | "Postpone", undefined, W>
  /**
   * Fail the request with the last failure of the outage: it was queued in a pause of an outage
   * that has lasted for long.
   */
  | CommandOf<"Fail", undefined, W>
  /** Fail the request, because the pool is closed. */
  | CommandOf<"Refuse", undefined, W>
  /** Close the connection. */
  | CommandOf<"Close", S, undefined, CloseReason>
  /** Close the connection, because its response is unread and a request waits for the room. */
  | CommandOf<"Reclaim", S, undefined>
  /** Abort the opening. */
  | CommandOf<"Abort", S, undefined>

/** The limits that a server announces for its connection: `Keep-Alive: timeout, max`. */
export interface Hint {
  readonly idleMillis: number
  /** The number of times that the connection may still be acquired. */
  readonly left: number
}
