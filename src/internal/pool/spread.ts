/**
 * Spreads the connections of a pool over the addresses of their origins: determines which address
 * is tried first, and counts the outcomes. The decisions are in `addresses.ts`.
 *
 * An address rests after a connection to it failed:
 *
 * - it was refused or had no answer
 * - an address after it in the order was faster
 * - TLS failed
 * - the server closed the connection before it had responded to anything
 */
import type { CloseReason } from "../../ConnectionEvent.ts"
import type { Addresses } from "../../Transport.ts"
import type { Opening } from "../connection/open.ts"
import type { TimerQueue } from "../connection/timers.ts"
import { sameAddress } from "../model/families.ts"
import { PoolAddresses } from "./addresses.ts"
import type { PooledConnection } from "./pooledConnection.ts"

/**
 * The age in milliseconds below which a closed connection counts as a failure: the server did not
 * close it because it was idle.
 */
const soon = 1000

/** The phases in which an address was connected to already. */
const behindConnect = new Set(["tls", "proxy"])

export class Spread {
  readonly addresses: PoolAddresses
  readonly #timers: TimerQueue

  constructor(timers: TimerQueue, random: () => number) {
    this.addresses = new PoolAddresses(random)
    this.#timers = timers
  }

  /** Returns the addresses of an answer in the order in which the opening is to try them. */
  order(pooled: PooledConnection, { addresses }: Addresses): ReadonlyArray<string> {
    const now = this.#timers.now()
    const { group: { key, origin: { settings: { localAddress } } } } = pooled
    this.#stopTrying(pooled, now)
    const known = this.addresses.of(key, now)
    known.answer = addresses
    const reachable = localAddress === undefined
      ? addresses
      : addresses.filter((address) => address.includes(":") === localAddress.includes(":"))
    const order = known.order(reachable.length > 0 ? reachable : addresses, now)
    const [first] = order
    if (first === undefined) return order
    known.add(first)
    pooled.address = order
    return order
  }

  /** The name of an origin was looked up without an opening. */
  answered(key: string, answer: ReadonlyArray<string>): void {
    const known = this.addresses.get(key)
    if (known !== undefined) known.answer = answer
  }

  /** True if the last answer for the name of an origin has the address. */
  hasAddress(key: string, address: string): boolean {
    return this.addresses.get(key)?.hasAddress(address) ?? true
  }

  /** An address could not be connected to. */
  failed(pooled: PooledConnection, address: string): void {
    this.addresses.get(pooled.group.key)?.failed(address, this.#timers.now())
  }

  /** An opening has ended. */
  ended(pooled: PooledConnection, { connection, error }: Opening): void {
    const { group: { key } } = pooled
    const now = this.#timers.now()
    const order = this.#stopTrying(pooled, now)
    const known = this.addresses.get(key)
    if (order === undefined || known === undefined) return
    const remote = connection?.duplex.info.remoteAddress
    const found = remote === undefined ? -1 : order.findIndex((address) => sameAddress(address, remote))
    // A proxy was asked for the first address unless that failed; `remote` is the proxy's own
    // address.
    const index = found >= 0 ? found : Math.max(0, order.findIndex((it) => !known.isResting(it, now)))
    const address = order[index]
    if (connection !== undefined && address !== undefined) {
      for (const slower of order.slice(0, index)) known.failed(slower, now)
      known.succeeded(address, now)
      if (connection.open) {
        known.add(address)
        pooled.address = address
      } else if (!connection.closedByCaller) known.failed(address, now)
    } else if (error !== undefined && address !== undefined && behindConnect.has(error.context.phase)) {
      known.failed(address, now)
    }
    if (pooled.address === undefined) this.addresses.forgetIfIdle(key, now)
  }

  /** An open connection was closed. */
  closed({ address, connection, group: { key } }: PooledConnection, reason: CloseReason): void {
    const known = this.addresses.get(key)
    if (typeof address !== "string" || known === undefined || connection === undefined) return
    const now = this.#timers.now()
    const failed = connection.machine.served === 0
      && (reason === "Failure" || (reason === "Peer" && now - connection.openedAt < soon))
    if (failed) known.failed(address, now)
    known.remove(address, now)
    this.addresses.forgetIfIdle(key, now)
  }

  /** Returns the addresses that were tried. */
  #stopTrying(pooled: PooledConnection, now: number): ReadonlyArray<string> | undefined {
    const { address: order, group: { key } } = pooled
    if (order === undefined || typeof order === "string") return undefined
    const [first] = order
    if (first !== undefined) this.addresses.get(key)?.remove(first, now)
    pooled.address = undefined
    return order
  }
}
