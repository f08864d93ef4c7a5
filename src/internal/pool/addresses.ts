/**
 * The addresses of the origins of a pool: which one a new connection is opened on, and which ones
 * are suspended after a failure. Pure; time is an argument.
 *
 * - A connection is opened on the address with the fewest connections that are open or being
 *   opened. Of two, the one that the resolver prefers is first, with alternating families (RFC 8305
 *   section 4). The others follow in that order, for happy eyeballs.
 * - An address that was refused, or had no answer while another one had, rests: it is tried last.
 *   Each rest is twice as long as the one before, up to a limit, and varies at random. Of the
 *   resting addresses, the one whose rest ends first is tried first. A success ends the rest. Only
 *   after a minute without a failure the next rest is as short as the first. Otherwise an address
 *   that accepts connections and closes them at once would be chosen again and again, because it
 *   has few connections.
 *
 * Origins without a name have no entry here.
 */
import { interleave, sameAddress } from "../model/families.ts"

/** The first rest, in milliseconds. */
const firstRest = 1000

/** The longest rest, in milliseconds. */
const longestRest = 60_000

/** The state of one address. */
class Place {
  readonly address: string
  /** The number of connections that are open or being opened on it. */
  open = 0
  /** The failures since the last long time without one; failures during a rest do not count. */
  failures = 0
  /** When the last rest ended, or will end. */
  restsUntil = -Infinity

  constructor(address: string) {
    this.address = address
  }

  /** True if its last failure is too old to be relevant. */
  isSound(now: number): boolean {
    return now - this.restsUntil > longestRest
  }

  /** True if it has no connection either. */
  isForgettable(now: number): boolean {
    return this.open === 0 && this.isSound(now)
  }
}

/** The addresses of one origin. */
export class OriginAddresses {
  /** The last answer of the resolver. */
  answer: ReadonlyArray<string> = []
  readonly #random: () => number
  readonly #places = new Map<string, Place>()

  constructor(random: () => number) {
    this.#random = random
  }

  /** The known addresses, with the number of connections. */
  get counts(): ReadonlyMap<string, number> {
    return new Map(Array.from(this.#places.values(), ({ address, open }) => [address, open]))
  }

  /** Returns addresses in the order in which a connection is to try them. */
  order(addresses: ReadonlyArray<string>, now: number): ReadonlyArray<string> {
    this.#forget(now)
    const places = interleave(addresses).map((address) => this.#places.get(address) ?? new Place(address))
    // The sorts are stable.
    const awake = places.filter(({ restsUntil }) => restsUntil <= now).sort((a, b) => a.open - b.open)
    const resting = places.filter(({ restsUntil }) => restsUntil > now).sort((a, b) => a.restsUntil - b.restsUntil)
    return [...awake, ...resting].map(({ address }) => address)
  }

  isResting(address: string, now: number): boolean {
    const place = this.#places.get(address)
    return place !== undefined && place.restsUntil > now
  }

  /** True if the last answer has the address. */
  hasAddress(address: string): boolean {
    return this.answer.some((other) => sameAddress(other, address))
  }

  /** A connection is being opened on an address, or is open there. */
  add(address: string): void {
    this.#place(address).open++
  }

  /** The connection was closed, or could not be opened. */
  remove(address: string, now: number): void {
    const place = this.#places.get(address)
    if (place === undefined) return
    place.open--
    if (place.isForgettable(now)) this.#places.delete(address)
  }

  /** A connection to an address failed, or had no answer in time. */
  failed(address: string, now: number): void {
    const place = this.#place(address)
    // Connections that were begun together fail together, and count once.
    if (place.restsUntil > now) return
    const before = place.isSound(now) ? 0 : place.failures
    const rest = Math.min(firstRest * 2 ** before, longestRest)
    place.failures = before + 1
    // Between half of the rest and all of it, so that not all clients return at once.
    place.restsUntil = now + Math.ceil(rest * (1 - this.#random() / 2))
  }

  /** A connection to an address was opened. */
  succeeded(address: string, now: number): void {
    const place = this.#places.get(address)
    if (place !== undefined) place.restsUntil = Math.min(place.restsUntil, now)
  }

  /** True if none of its state is still relevant. */
  isForgettable(now: number): boolean {
    this.#forget(now)
    return this.#places.size === 0
  }

  #place(address: string): Place {
    const known = this.#places.get(address)
    if (known !== undefined) return known
    const place = new Place(address)
    this.#places.set(address, place)
    return place
  }

  #forget(now: number): void {
    for (const [address, place] of this.#places) if (place.isForgettable(now)) this.#places.delete(address)
  }
}

/** The number of origins without a connection that may be kept because of their failures. */
const mostIdle = 256

/** The addresses of all origins of a pool. */
export class PoolAddresses {
  readonly #random: () => number
  readonly #byKey = new Map<string, OriginAddresses>()

  constructor(random: () => number) {
    this.#random = random
  }

  get size(): number {
    return this.#byKey.size
  }

  /** Returns the addresses of an origin, if it has connections or failures. */
  get(key: string): OriginAddresses | undefined {
    return this.#byKey.get(key)
  }

  /** Returns the addresses of an origin to which a connection is about to be opened. */
  of(key: string, now: number): OriginAddresses {
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    // Origins without failures are removed when their last connection closes.
    if (this.#byKey.size >= mostIdle) this.#forget(now)
    const addresses = new OriginAddresses(this.#random)
    this.#byKey.set(key, addresses)
    return addresses
  }

  /** The last connection to an origin has closed, or could not be opened. */
  forgetIfIdle(key: string, now: number): void {
    if (this.#byKey.get(key)?.isForgettable(now) === true) this.#byKey.delete(key)
  }

  #forget(now: number): void {
    for (const [key, addresses] of this.#byKey) if (addresses.isForgettable(now)) this.#byKey.delete(key)
  }
}
