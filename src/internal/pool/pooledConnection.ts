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
import type { Watcher } from "../connection/handle.ts"
import { ConnectionHandle } from "../connection/handle.ts"
import type { OpenFailure } from "../connection/open.ts"
import type { Millis } from "../connection/timeouts.ts"
import type { Destination } from "./route.ts"
import type { Group } from "./slots.ts"
import * as slots from "./slots.ts"

/**
 * Puts what surrounds a request, such as its span, around what it does that anybody could notice it
 * in: what runs the caller's code or a transport's, what writes to the log, and failures. Nothing
 * else needs it, and to put it around a whole request, or one that waits, costs two copies of the
 * fiber's references.
 */
export type InSpan = <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>

export const identity: InSpan = (effect) => effect

/** A queued request. */
export abstract class Waiter extends slots.Waiter<Destination, PooledConnection, Waiter> {
  /** The runtime of the opening, so that it is the request's own work. */
  abstract readonly runtime: Runtime.Runtime<never>
  /** The async context of the request, for the opening. */
  abstract readonly context: AsyncContext
  /** The span of the request, for the opening. */
  abstract readonly surround: InSpan
  /** The time limits of the opening. */
  abstract readonly timeouts: Millis
  abstract give(pooled: PooledConnection): void
  abstract fail(error: HttpError): void
  abstract die(exit: Exit.Exit<never, OpenFailure>): void
  /**
   * Starts or stops the time for which the request may wait for the pool. It stops while a
   * connection is being opened for the request, because an opening has time limits itself.
   */
  abstract limit(on: boolean): void
}

/** What a request keeps each time that it is queued. */
export class Place {
  /** Its order in the queue, drawn when the request begins. */
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

export type Command = slots.Command<PooledConnection, Waiter>

/** The limits of opening a connection. */
export const openingLimits = ["dns", "connect", "tls", "proxy"] as const

export type OpeningLimit = (typeof openingLimits)[number]

/** What a member tells. */
export interface Keeper {
  onIdle(pooled: PooledConnection): void
  onClosed(pooled: PooledConnection): void
}

export class PooledConnection extends slots.Slot<Destination, PooledConnection, Waiter> implements Watcher {
  readonly handle: ConnectionHandle
  /** The limits of its opening: those of the request that it was begun for. */
  readonly timeouts: Millis
  /** Opens it. */
  opening: Fiber.RuntimeFiber<Exit.Exit<Connection, OpenFailure>> | undefined
  /** The connection that it is lent as, whose holder has it until the lease ends. */
  lease: ConnectionHandle | undefined
  readonly #keeper: Keeper

  constructor(group: Group<Destination, PooledConnection, Waiter>, waiter: Waiter, keeper: Keeper) {
    super(group, waiter)
    this.handle = new ConnectionHandle(group.origin.settings, group.origin.tunnel)
    this.timeouts = waiter.timeouts
    this.#keeper = keeper
    this.handle.watcher = this
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
    return this.served === 1 && this.handle.connection?.wasParked === false
  }

  /** Whether its opening may last longer than it may for a request with these limits. */
  outlasts(limits: Millis): boolean {
    return openingLimits.some((kind) => this.timeouts[kind] > limits[kind])
  }
}
