/**
 * Outages: origins to which no connection can be opened for now, and when to try again. Pure; used
 * by `policy.ts`.
 *
 * An outage begins with an opening that failed before anything was sent, and ends with one that
 * succeeds. While it lasts, each failure is followed by a pause, which grows, and then by a single
 * opening. For `retryMillis` after its beginning, queued requests continue to wait. After that,
 * each failure fails all of them.
 */

/** The first pause as a part of the longest. Each pause is twice as long as the one before. */
const firstPause = 1 / 16

/**
 * The longest pause as a part of `retryMillis`, as long as requests wait for the end of the outage.
 * After a longer pause they would have waited for more than `retryMillis`.
 */
const patientPause = 1 / 4

export interface OutageLimits {
  /** How long requests wait for the end of an outage. */
  readonly retryMillis: number
  /** The longest pause between two openings; 0 for no pauses, and no outages. */
  readonly backoffMillis: number
}

export class Outage {
  readonly key: string
  /** When it began. */
  readonly since: number
  /** The number of failures. Openings that began together count once. */
  failures = 0
  /** The time of the last failure. */
  failedAt: number
  /** When the last pause ends. */
  until: number
  /** True while no connection is opened because of a pause. */
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
  /** By key, the outage with the oldest failure first. */
  readonly #byKey = new Map<string, Outage>()

  constructor(limits: OutageLimits, random: () => number) {
    this.#limits = limits
    this.#random = random
  }

  get size(): number {
    return this.#byKey.size
  }

  /** Returns the outage of an origin. Forgets it if the last failure is too old to be relevant. */
  of(key: string, now: number): Outage | undefined {
    const outage = this.#byKey.get(key)
    if (outage === undefined || !this.#isOld(outage, now)) return outage
    this.#byKey.delete(key)
    return undefined
  }

  /**
   * An opening failed that began after `failuresBefore` failures. Returns `undefined` if outages
   * are disabled. `ended` is an outage that continues, because the connection that seemed to end it
   * was closed before its first request.
   */
  failed(key: string, failuresBefore: number, now: number, ended?: Outage): Outage | undefined {
    const { backoffMillis, retryMillis } = this.#limits
    if (backoffMillis === 0) return undefined
    const going = ended === undefined || this.#isOld(ended, now) ? undefined : ended
    const outage = this.of(key, now) ?? going ?? new Outage(key, now)
    // Openings that began together fail together, and count once.
    if (failuresBefore < outage.failures) return outage
    const longest = this.isLong(outage, now) ? Infinity : retryMillis * patientPause
    const pause = Math.min(Math.min(1, firstPause * 2 ** outage.failures) * backoffMillis, longest)
    outage.failures++
    outage.failedAt = now
    // Between half of the pause and all of it, so that not all clients connect at once when a
    // server is available again.
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

  /** True if it has lasted for so long that requests do not wait for its end any more. */
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
