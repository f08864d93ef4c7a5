/**
 * One connection of a pool, from the beginning of its opening to its end: whoever watches it tells
 * the pool what becomes of it.
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Runtime from "effect/Runtime"
import type { HttpError } from "../../HttpError.ts"
import type { AsyncContext } from "../../Transport.ts"
import type { Connection } from "../connection/connection.ts"
import type { ConnectionHandle, Watcher } from "../connection/handle.ts"
import type { OpenFailure } from "../connection/open.ts"
import type { Millis } from "../connection/timeouts.ts"
import type { Destination } from "./route.ts"
import type * as places from "./slots.ts"

/**
 * Puts what surrounds a request, such as its span, around what it does that anybody could notice it
 * in: what runs the caller's code or a transport's, what writes to the log, and failures. Nothing
 * else needs it, and to put it around a whole request, or one that waits, costs two copies of the
 * fiber's references.
 */
export type InSpan = <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>

export const identity: InSpan = (effect) => effect

/** A request that waits. */
export interface Waiter {
  /** In which a connection is opened for it, so that it is the request's own work. */
  readonly runtime: Runtime.Runtime<never>
  /** The async context of the request, for the opening. */
  readonly context: AsyncContext
  /** For the opening. */
  readonly surround: InSpan
  /** The limits of opening. */
  readonly timeouts: Millis
  readonly give: (pooled: PooledConnection) => void
  readonly fail: (error: HttpError) => void
  readonly die: (exit: Exit.Exit<never, OpenFailure>) => void
  /**
   * Whether the time that it may wait for the pool counts: not while a connection is being opened
   * for it, which has limits of its own.
   */
  readonly limit: (on: boolean) => void
}

/** Where a request stands in the queue, however often it asks for a connection. */
export class Place {
  /** As if a ticket had been drawn when the request began. */
  order: number
  /** For how long it has waited for its turn, in milliseconds. */
  waited = 0
  /** When it was first given a new connection that was gone before it could be used. */
  lostSince: number | undefined
  /**
   * Whether it has had its turn: it may finish while the pool is being shut down, and no queue is
   * too full for it.
   */
  accepted = false

  constructor(order: number) {
    this.order = order
  }
}

export type Slot = places.Slot<Destination, PooledConnection, Waiter>
export type Ticket = places.Ticket<Destination, PooledConnection, Waiter>
export type Command = places.Command<Destination, PooledConnection, Waiter>

/** The limits of opening a connection. */
export const openingLimits = ["dns", "connect", "tls", "proxy"] as const

export type OpeningLimit = (typeof openingLimits)[number]

/** What a member tells. */
export interface Keeper {
  onIdle(pooled: PooledConnection): void
  onClosed(pooled: PooledConnection): void
}

export class PooledConnection implements Watcher {
  readonly slot: Slot
  readonly handle: ConnectionHandle
  /** The limits of its opening: those of the request that it was begun for. */
  readonly timeouts: Millis
  /** Opens it. */
  opening: Fiber.RuntimeFiber<Exit.Exit<Connection, OpenFailure>> | undefined
  /** The connection that it is lent as, whose holder has it until the lease ends. */
  lease: ConnectionHandle | undefined
  readonly #keeper: Keeper

  constructor(slot: Slot, handle: ConnectionHandle, timeouts: Millis, keeper: Keeper) {
    this.slot = slot
    this.handle = handle
    this.timeouts = timeouts
    this.#keeper = keeper
    handle.watcher = this
  }

  idle(): void {
    if (this.lease === undefined) this.#keeper.onIdle(this)
  }

  closed(): void {
    this.#keeper.onClosed(this)
  }

  /**
   * True if its link was opened for the request that has it now, so that it need not be polled
   * before it is used.
   */
  get openedHere(): boolean {
    return this.slot.served === 1 && this.handle.connection?.wasParked === false
  }

  /** Whether its opening may last longer than it may for a request with these limits. */
  outlasts(limits: Millis): boolean {
    return openingLimits.some((kind) => this.timeouts[kind] > limits[kind])
  }
}
