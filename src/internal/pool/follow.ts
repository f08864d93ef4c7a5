/**
 * Follows the addresses of names (`followDns: "drain"`): connections to an address that a name no
 * longer has are not used again.
 *
 * An answer arrives with each opening. As long as an origin has connections, its name is also
 * looked up when the last answer has expired. There is one such lookup at a time, on behalf of the
 * pool, and it keeps no process alive. If it fails, nothing changes.
 */
import type { Addresses } from "../../Transport.ts"
import type { TimerQueue } from "../connection/timers.ts"
import { Timer } from "../connection/timers.ts"
import { DnsError } from "../error/connect.ts"
import { isAddress } from "../model/addressPolicy.ts"
import type { Abort, Caller, NameLookup } from "../model/ports.ts"
import type { PoolState } from "./policy.ts"
import type { PooledConnection, Waiter } from "./pooledConnection.ts"
import type { Destination } from "./route.ts"
import type { PoolSettings } from "./settings.ts"
import type { Spread } from "./spread.ts"

/** The least time between two lookups, in milliseconds, however short the TTL is. */
const leastInterval = 1000

/** The time between two lookups if the resolver knows no TTL, in milliseconds. */
const usualInterval = 30_000

/** The part of the pool that is used here. */
interface Pool {
  readonly settings: PoolSettings
  readonly timers: TimerQueue
  readonly state: PoolState<Destination, PooledConnection, Waiter>
  readonly spread: Spread
  readonly background: Caller
  runCommands(): void
}

/** The state of one origin. */
class Watch {
  readonly timer: Timer
  interval = usualInterval
  /** True if an answer is new, so that connections may have to be closed. */
  isNew = false
  /** Stops the lookup in progress. */
  stop: Abort | undefined

  constructor(onTimeout: (watch: Watch) => void) {
    this.timer = new Timer({ onTimeout: () => onTimeout(this) }, false)
  }
}

export class Follow {
  readonly #pool: Pool
  readonly #lookUp: NameLookup
  readonly #watches = new Map<string, Watch>()

  constructor(pool: Pool, lookUp: NameLookup) {
    this.#pool = pool
    this.#lookUp = lookUp
  }

  /**
   * The name of an origin was looked up. The work is done later, because this is called in the
   * middle of an opening.
   */
  answered(key: string, { ttlMillis = usualInterval }: Addresses): void {
    const watch = this.#watch(key)
    watch.interval = Math.max(leastInterval, ttlMillis)
    watch.isNew = true
    this.#pool.timers.start(watch.timer, 0)
  }

  /** A connection was opened. Its name may have been looked up again in the meantime. */
  opened({ address, group: { key } }: PooledConnection): void {
    if (typeof address !== "string" || this.#pool.spread.hasAddress(key, address)) return
    const watch = this.#watch(key)
    watch.isNew = true
    this.#pool.timers.start(watch.timer, 0)
  }

  /** A connection was closed, or could not be opened. */
  closed({ group: { key } }: PooledConnection): void {
    if (!this.#pool.state.groups.has(key)) this.#end(key)
  }

  /** The pool is empty. */
  end(): void {
    for (const key of this.#watches.keys()) this.#end(key)
  }

  #watch(key: string): Watch {
    const known = this.#watches.get(key)
    if (known !== undefined) return known
    const watch = new Watch((watch) => this.#due(key, watch))
    this.#watches.set(key, watch)
    return watch
  }

  #end(key: string): void {
    const watch = this.#watches.get(key)
    if (watch === undefined) return
    this.#watches.delete(key)
    this.#pool.timers.cancel(watch.timer)
    watch.stop?.()
  }

  #due(key: string, watch: Watch): void {
    const { stop } = watch
    watch.stop = undefined
    if (watch.isNew) {
      watch.isNew = false
      this.#wait(watch)
      // A lookup in progress is not needed any more.
      stop?.()
      return this.#retire(key)
    }
    // A lookup that takes too long has failed.
    if (stop !== undefined) {
      this.#wait(watch)
      return stop()
    }
    this.#lookUpAgain(key, watch)
  }

  #wait(watch: Watch): void {
    this.#pool.timers.start(watch.timer, watch.interval)
  }

  #lookUpAgain(key: string, watch: Watch): void {
    const { background, settings: { timeouts }, spread, state, timers } = this.#pool
    const group = state.groups.get(key)
    const name = group?.origin.hostName
    if (group === undefined || name === undefined || group.open === 0) return this.#end(key)
    let isOver = false
    const failed = (): void => {
      isOver = true
      watch.stop = undefined
      this.#wait(watch)
    }
    timers.start(watch.timer, timeouts.dns)
    const stop = this.#lookUp(name, background, (answer) => {
      if (answer instanceof DnsError) return failed()
      const addresses = answer.addresses.filter(isAddress)
      if (addresses.length === 0) return failed()
      isOver = true
      watch.stop = undefined
      spread.answered(key, addresses)
      this.answered(key, answer)
    }, failed)
    if (!isOver) watch.stop = stop
  }

  #retire(key: string): void {
    const { spread, state } = this.#pool
    for (const slot of Array.from(state.slots)) {
      if (slot.group.key !== key || typeof slot.address !== "string") continue
      if (!spread.hasAddress(key, slot.address)) state.retire(slot, "AddressGone")
    }
    this.#pool.runCommands()
  }
}
