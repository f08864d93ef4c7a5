/**
 * What the decisions of a pool are about: groups (one for each origin), slots (places for a
 * connection), tickets (requests that wait), and the commands that come of them. Data alone;
 * `poolState.ts` changes it.
 *
 * `O` is what the pool keeps of an origin, `C` of a connection, `W` of a waiting request. No
 * decision looks into them.
 */
import type { CloseReason } from "../../ConnectionEvent.ts"
import { Entry, List } from "./list.ts"
import type { Outage, OutageLimits } from "./outages.ts"

/**
 * `connecting` until a connection is open, then in turns `busy` and `idle`, and `gone` for ever as
 * soon as it is decided that it is to be closed, so that its place is free at once.
 */
export type SlotStatus = "connecting" | "busy" | "idle" | "gone"

export class Slot<O, C, W> {
  readonly group: Group<O, C, W>
  status: SlotStatus = "connecting"
  /**
   * Whose request the connection is being opened for; nobody's where it got another one meanwhile.
   */
  owner: Ticket<O, C, W> | undefined
  /** Set by the pool when it opens it. */
  connection: C | undefined
  /** How many openings had failed in the outage, if any, in which it was begun. */
  readonly failuresBefore: number
  /** The outage that ended when it was opened. */
  ended: Outage | undefined
  /** How often it was given out. */
  served = 0
  /** How often it may still be given out. */
  left: number
  /** When it is too old to be kept, and when it has been idle for too long. */
  expiresAt = Infinity
  idleUntil = Infinity
  /** Its places among the idle of its group and of all. */
  readonly inGroup = new Entry<Slot<O, C, W>>(this)
  readonly inAll = new Entry<Slot<O, C, W>>(this)
  /**
   * Its place among those whose response nobody has begun to read, since when that is so, and when
   * the response may lose the connection.
   */
  inUnread: Entry<Slot<O, C, W>> | undefined
  unreadSince = 0
  unreadFrom = Infinity

  constructor(group: Group<O, C, W>, owner: Ticket<O, C, W>, left: number) {
    this.group = group
    this.owner = owner
    this.left = left
    this.failuresBefore = group.outage?.failures ?? 0
  }
}

export class Ticket<O, C, W> {
  readonly group: Group<O, C, W>
  readonly waiter: W
  /** The order in which all tickets were drawn. */
  readonly order: number
  /** Whether only a connection that has served nobody will do. */
  readonly requireNew: boolean
  /** The connection that is being opened for it. */
  attempt: Slot<O, C, W> | undefined
  /** The connection that it was given. */
  granted: Slot<O, C, W> | undefined
  readonly entry = new Entry<Ticket<O, C, W>>(this)
  /** Its place among those for whom no connection is being opened. */
  readonly inQueue = new Entry<Ticket<O, C, W>>(this)

  constructor(group: Group<O, C, W>, waiter: W, order: number, fresh: boolean) {
    this.group = group
    this.waiter = waiter
    this.order = order
    this.requireNew = fresh
  }

  get waiting(): boolean {
    return this.entry.list !== undefined
  }

  /** It waits, and no connection is being opened for it. */
  queueUp(): void {
    this.group.queue.insertBefore(this.inQueue, (other) => other.order > this.order)
  }
}

export class Group<O, C, W> {
  readonly key: string
  readonly origin: O
  /** How many slots it may have. */
  readonly limit: number
  /** Oldest first. */
  readonly idle = new List<Slot<O, C, W>>()
  /** First come first. */
  readonly waiting = new List<Ticket<O, C, W>>()
  /** Those of them for whom no connection is being opened, in the same order. */
  readonly queue = new List<Ticket<O, C, W>>()
  /** Slots that are not gone. */
  open = 0
  connecting = 0
  /** How many of those that are being opened are nobody's. */
  orphans = 0
  /** How many of those who wait want a connection that has served nobody. */
  newWaiting = 0
  /** While none can be opened: pauses, and one opening at a time. */
  outage: Outage | undefined
  /** What `queued` gave last, by which it stands among the groups that have such a ticket. */
  next: Ticket<O, C, W> | undefined

  constructor(key: string, origin: O, limit: number) {
    this.key = key
    this.origin = origin
    this.limit = limit
  }

  /**
   * Whether it may have one more, if need be in place of one that is idle or nobody's. `leaving` is
   * one of its own that counts as gone.
   */
  hasRoom(leaving?: Slot<O, C, W>): boolean {
    if (this.outage !== undefined && this.orphans === 0 && (this.outage.pausing || this.connecting > 0)) return false
    const open = leaving === undefined ? this.open : this.open - 1
    return open - this.idle.size - this.orphans < this.limit
  }

  /** The first ticket that has no connection being opened, if there is room for one. */
  queued(leaving?: Slot<O, C, W>): Ticket<O, C, W> | undefined {
    return this.hasRoom(leaving) ? this.queue.first?.value : undefined
  }

  get busy(): number {
    return this.open - this.connecting - this.idle.size
  }
}

export interface Limits extends OutageLimits {
  readonly connectionsPerOrigin: number
  readonly connections: number
  readonly idlePerOrigin: number
  readonly idle: number
  readonly waiters: number
  readonly requestsPerConnection: number
  /** How long a connection may be idle, in milliseconds. */
  readonly idleMillis: number
}

export type Command<O, C, W> =
  /** Open a connection in the slot, for the ticket. */
  | { readonly _tag: "Open"; readonly slot: Slot<O, C, W>; readonly ticket: Ticket<O, C, W> }
  /** The ticket has its connection: the slot in `granted`. */
  | { readonly _tag: "Give"; readonly ticket: Ticket<O, C, W> }
  /** An opening that was another's is the ticket's now. */
  | { readonly _tag: "Adopt"; readonly ticket: Ticket<O, C, W> }
  /** The opening that was the ticket's has served another, who was there before. */
  | { readonly _tag: "Orphan"; readonly ticket: Ticket<O, C, W> }
  /** The opening that was the ticket's has failed, and is tried again later. */
  | { readonly _tag: "Postpone"; readonly ticket: Ticket<O, C, W> }
  /**
   * The ticket came in a pause of an outage that has lasted for long: it has the failure of the
   * last opening.
   */
  | { readonly _tag: "Fail"; readonly ticket: Ticket<O, C, W> }
  /** The pool is closed, the ticket gets nothing. */
  | { readonly _tag: "Refuse"; readonly ticket: Ticket<O, C, W> }
  /** Close the connection. */
  | { readonly _tag: "Close"; readonly slot: Slot<O, C, W>; readonly reason: CloseReason }
  /** Close the connection, because its response is unread and a request waits for the place. */
  | { readonly _tag: "Reclaim"; readonly slot: Slot<O, C, W> }
  /** Give up the opening. */
  | { readonly _tag: "Abort"; readonly slot: Slot<O, C, W> }

/** What the server says of keeping its connection: `Keep-Alive: timeout, max`. */
export interface Hint {
  readonly idleMillis: number
  /** How often it may still be given out. */
  readonly left: number
}
