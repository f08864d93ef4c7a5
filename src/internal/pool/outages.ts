/**
 * Origins to which no connection can be opened at the moment, and when it is tried again. Pure, as
 * `poolState.ts`, which asks.
 *
 * An outage begins with an opening that failed before anything was sent, and ends with one that
 * succeeds. While it lasts there is a pause after each failure, which grows, and then one opening
 * at a time, whose failure is that of all who wait. For `retryMillis` after its beginning whoever
 * waits goes on waiting; after that, failures are told.
 */

/** The first pause is this part of the longest, and each is twice the one before. */
const firstPause = 1 / 16

/**
 * While requests wait for the end of an outage, no pause is longer than this part of the time for
 * which they do: they would wait for longer.
 */
const patientPause = 1 / 4

export interface OutageLimits {
  /** For how long requests wait for the end of an outage. */
  readonly retryMillis: number
  /** The longest pause between two openings; 0 for no pauses, and no outages. */
  readonly backoffMillis: number
}

export class Outage {
  readonly key: string
  readonly since: number
  /** How many openings have failed that were begun after the failure before. */
  failures = 0
  failedAt: number
  /** Until when nothing is opened, and whether that is so still. */
  until: number
  pausing = false

  constructor(key: string, now: number) {
    this.key = key
    this.since = now
    this.failedAt = now
    this.until = now
  }
}

export class Outages {
  readonly #limits: OutageLimits
  readonly #random: () => number
  /** The one that failed longest ago first. */
  readonly #byKey = new Map<string, Outage>()

  constructor(limits: OutageLimits, random: () => number) {
    this.#limits = limits
    this.#random = random
  }

  get size(): number {
    return this.#byKey.size
  }

  /** That of an origin; none where nobody has tried for so long that it says nothing any more. */
  of(key: string, now: number): Outage | undefined {
    const outage = this.#byKey.get(key)
    if (outage === undefined || !this.#isOld(outage, now)) return outage
    this.#byKey.delete(key)
    return undefined
  }

  /**
   * An opening failed, before which so many had failed. `undefined` where there are no outages.
   * `ended` is one that had been taken to be over, but what had been opened then was of no use.
   */
  failed(key: string, failuresBefore: number, now: number, ended?: Outage): Outage | undefined {
    const { backoffMillis, retryMillis } = this.#limits
    if (backoffMillis === 0) return undefined
    const going = ended === undefined || this.#isOld(ended, now) ? undefined : ended
    const outage = this.of(key, now) ?? going ?? new Outage(key, now)
    // Those that were begun together fail together.
    if (failuresBefore < outage.failures) return outage
    const longest = this.isLong(outage, now) ? Infinity : retryMillis * patientPause
    const pause = Math.min(Math.min(1, firstPause * 2 ** outage.failures) * backoffMillis, longest)
    outage.failures++
    outage.failedAt = now
    // Between half of it and all of it, so that not all clients come at once when a server is there
    // again.
    outage.until = now + Math.ceil(pause * (1 - this.#random() / 2))
    outage.pausing = true
    this.#byKey.delete(key)
    this.#forgetOld(now)
    this.#byKey.set(key, outage)
    return outage
  }

  /** An opening succeeded. */
  over(outage: Outage): void {
    if (this.#byKey.get(outage.key) === outage) this.#byKey.delete(outage.key)
  }

  /** Whether it has lasted for so long that nobody is kept waiting for its end. */
  isLong(outage: Outage, now: number): boolean {
    return now - outage.since >= this.#limits.retryMillis
  }

  #isOld({ failedAt, until }: Outage, now: number): boolean {
    return now - failedAt > Math.max(until - failedAt, this.#limits.retryMillis)
  }

  #forgetOld(now: number): void {
    for (const [key, outage] of this.#byKey) {
      if (!this.#isOld(outage, now)) return
      this.#byKey.delete(key)
    }
  }
}
