/**
 * Limits the retries to one origin to a share of its requests, so that an outage causes little more
 * than the usual traffic.
 *
 * This is a token bucket like those of gRPC and Finagle. A request adds `share` of a token, a
 * second adds `perSecond`, and a retry takes one. Over any period there are at most `burst + share
 * * requests + perSecond * seconds` retries. The bucket has no clock: callers pass the time.
 */

/** The numbers of a bucket, documented in `options.ts`. */
export interface Rates {
  readonly share: number
  readonly perSecond: number
  readonly burst: number
}

/** Compensates for binary fractions, so that ten tenths make one. */
const rounding = 1e-9

export class Bucket {
  readonly #rates: Rates
  #tokens: number
  #at: number

  constructor(rates: Rates, now: number) {
    this.#rates = rates
    this.#tokens = rates.burst
    this.#at = now
  }

  /** Returns the tokens at this time, in milliseconds. A clock that goes backwards removes none. */
  #refill(now: number): number {
    const { burst, perSecond } = this.#rates
    // No elapsed time adds nothing, whatever the rate. `0 * Infinity` would be NaN, and such a
    // bucket would never run out.
    const gained = now > this.#at ? (now - this.#at) / 1000 * perSecond : 0
    this.#at = now
    return this.#tokens = Math.min(burst, this.#tokens + gained)
  }

  /** Counts the first attempt of a request. */
  deposit(now: number): void {
    const { burst, share } = this.#rates
    this.#tokens = Math.min(burst, this.#refill(now) + share)
  }

  /** Takes a token for a retry, if one is left. */
  withdraw(now: number): boolean {
    if (this.#refill(now) < 1 - rounding) return false
    this.#tokens -= 1
    return true
  }

  /** Counts a retry that has already happened. */
  charge(now: number): void {
    this.#tokens = Math.max(0, this.#refill(now) - 1)
  }
}

/**
 * The number of origins whose bucket is kept. The bucket of the least recently used origin is
 * dropped, so it is full when that origin is used again.
 */
const maxOrigins = 1024

/**
 * A separate bucket for each origin, so that an outage of one does not use up the retries to
 * another.
 */
export class Budgets {
  readonly #rates: Rates
  readonly #buckets = new Map<string, Bucket>()

  constructor(rates: Rates) {
    this.#rates = rates
  }

  of(origin: string, now: number): Bucket {
    const bucket = this.#buckets.get(origin) ?? new Bucket(this.#rates, now)
    // A map keeps the order in which entries were added, so the first one is the least recently
    // used.
    this.#buckets.delete(origin)
    if (this.#buckets.size >= maxOrigins) {
      for (const [oldest] of this.#buckets) {
        this.#buckets.delete(oldest)
        break
      }
    }
    this.#buckets.set(origin, bucket)
    return bucket
  }
}
