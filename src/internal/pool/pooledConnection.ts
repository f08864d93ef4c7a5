/**
 * One connection of a pool, from the start of its opening to its end. It is its own slot, and the
 * owner of the connection that it opens.
 */
import type { CloseReason } from "../../ConnectionEvent.ts"
import type { HttpError } from "../../HttpError.ts"
import type { Addresses, DuplexFault } from "../../Transport.ts"
import { connectionClosed } from "../connection/closed.ts"
import type { Connection, ConnectionOwner } from "../connection/connection.ts"
import { idleFault, serverNameOf } from "../connection/errorContext.ts"
import type { EventHub } from "../connection/events.ts"
import type { Exchange } from "../connection/exchange.ts"
import type { ConnectionHandle } from "../connection/handle.ts"
import type { Opening, OpeningOwner } from "../connection/open.ts"
import type { AddressChoice, Settings, Traveller, Tunnel, Way } from "../connection/settings.ts"
import { originOf } from "../connection/settings.ts"
import type { Millis } from "../connection/timeouts.ts"
import type { Caller } from "../model/ports.ts"
import type { Destination } from "./route.ts"
import type { Group } from "./slots.ts"
import * as slots from "./slots.ts"

/** A queued request. */
export abstract class Waiter extends slots.Waiter<Destination, PooledConnection, Waiter> {
  /** The program that waits, on whose behalf a connection is opened. */
  abstract readonly caller: Caller
  /** The time limits of the opening. */
  abstract readonly timeouts: Millis
  /** The request has received a connection, which may be closed already. */
  abstract receive(pooled: PooledConnection): void
  abstract fail(error: HttpError): void
  abstract die(defect: unknown): void
  /**
   * Starts or stops the time for which the request may wait for the pool. It stops while a
   * connection is being opened for the request, because an opening has time limits itself.
   */
  abstract limit(on: boolean): void
}

export type Command = slots.Command<PooledConnection, Waiter>

/** The limits of opening a connection. */
export const openingLimits = ["dns", "connect", "tls", "proxy"] as const

export type OpeningLimit = (typeof openingLimits)[number]

/** The pool, as its connections see it. */
export interface Keeper {
  onIdle(pooled: PooledConnection): void
  onClosed(pooled: PooledConnection, reason: CloseReason): void
  onOpened(pooled: PooledConnection, opening: Opening): void
  /** Returns the addresses of a name in the order in which the opening is to try them. */
  orderAddresses(pooled: PooledConnection, answer: Addresses): ReadonlyArray<string>
  onAddressFailed(pooled: PooledConnection, address: string): void
}

export class PooledConnection extends slots.Slot<Destination, PooledConnection, Waiter>
  implements Traveller, ConnectionOwner, OpeningOwner, AddressChoice
{
  /** Set once it has been opened. */
  connection: Connection | undefined = undefined
  /** The exchange in progress. */
  exchange: Exchange | undefined = undefined
  /** Set while it is being opened. */
  opening: Opening | undefined = undefined
  /**
   * The address that it is connected to. While it is being opened, the addresses that are tried, in
   * their order. `undefined` if it is not opened by a name, or the transport does not report it.
   */
  address: string | ReadonlyArray<string> | undefined = undefined
  /** The handle of the lease that holds it. */
  lease: ConnectionHandle | undefined = undefined
  /** How it reaches its origin: the origin's way until the evaluated options are known. */
  way: Way
  /** The limits of its opening: those of the request that it was begun for, or of the pool. */
  readonly timeouts: Millis
  readonly #keeper: Keeper

  constructor(group: Group<Destination, PooledConnection, Waiter>, waiter: Waiter | undefined, keeper: Keeper) {
    super(group, waiter)
    this.way = group.origin
    this.timeouts = waiter?.timeouts ?? group.origin.settings.timeouts
    this.#keeper = keeper
  }

  get settings(): Settings {
    return this.way.settings
  }

  get tunnel(): Tunnel | undefined {
    return this.way.tunnel
  }

  get choice(): AddressChoice | undefined {
    return this.group.origin.hostName === undefined ? undefined : this
  }

  orderAddresses(answer: Addresses): ReadonlyArray<string> {
    return this.#keeper.orderAddresses(this, answer)
  }

  onAddressFailed(address: string): void {
    this.#keeper.onAddressFailed(this, address)
  }

  get events(): EventHub {
    return this.settings.events
  }

  /** True if it was opened for the request that has it, so that it need not be polled before. */
  get openedHere(): boolean {
    return this.served === 1 && this.connection?.wasParked === false
  }

  /** True if its opening may last longer than a request with these limits allows. */
  outlasts(limits: Millis): boolean {
    return openingLimits.some((kind) => this.timeouts[kind] > limits[kind])
  }

  onResolved(way: Way): void {
    this.way = way
  }

  override get isOutdated(): boolean {
    return this.settings.rotation?.isOutdated(this.way) ?? false
  }

  onOpened(opening: Opening): void {
    this.opening = undefined
    this.connection = opening.connection
    this.#keeper.onOpened(this, opening)
  }

  onIdle(): void {
    if (this.lease === undefined) this.#keeper.onIdle(this)
  }

  onFault(connection: Connection, fault: DuplexFault): HttpError {
    return idleFault(connection, serverNameOf(this.settings, originOf(this)), fault)
  }

  onClosed(connection: Connection, reason: CloseReason, error: HttpError | undefined): void {
    connectionClosed(this, connection, reason, error)
    this.#keeper.onClosed(this, reason)
  }
}
