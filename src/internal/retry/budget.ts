/**
 * Limits the retries to one origin to a share of the requests to it, so that an outage is met with
 * little more than the usual traffic.
 *
 * A token bucket, as gRPC and Finagle have it: a request puts `share` of a token in, a second
 * `perSecond`, a retry takes one out. Over any time there are at most `burst + share * requests +
 * perSecond * seconds` retries. Knows no clock: the time is given.
 */

/** The numbers of a bucket, documented in `options.ts`. */
export interface Rates {
  readonly share: number
  readonly perSecond: number
  readonly burst: number
}

/** Ten tenths are one, also as binary fractions. */
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

  /** The tokens at this time, in milliseconds. A clock that goes back takes nothing away. */
  #refill(now: number): number {
    const { burst, perSecond } = this.#rates
    // No time gives nothing, whatever the rate: `0 * Infinity` is no number, and would never be
    // used up.
    const gained = now > this.#at ? (now - this.#at) / 1000 * perSecond : 0
    this.#at = now
    return this.#tokens = Math.min(burst, this.#tokens + gained)
  }

  /** Counts a request that is sent for the first time. */
  deposit(now: number): void {
    const { burst, share } = this.#rates
    this.#tokens = Math.min(burst, this.#refill(now) + share)
  }

  /** Takes a token for a retry, if there is one. */
  withdraw(now: number): boolean {
    if (this.#refill(now) < 1 - rounding) return false
    this.#tokens -= 1
    return true
  }

  /** Counts a retry that has happened already. */
  charge(now: number): void {
    this.#tokens = Math.max(0, this.#refill(now) - 1)
  }
}

/**
 * Origins whose bucket is kept. That of the origin that was not asked for the longest is dropped,
 * which makes it full again.
 */
const maxOrigins = 1024

/** A bucket for each origin: an outage of one does not use up the retries to another. */
export class Budgets {
  readonly #rates: Rates
  readonly #buckets = new Map<string, Bucket>()

  constructor(rates: Rates) {
    this.#rates = rates
  }

  of(origin: string, now: number): Bucket {
    const bucket = this.#buckets.get(origin) ?? new Bucket(this.#rates, now)
    // A map keeps the order in which entries were added, so the first is the one that was asked for
    // least recently.
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
