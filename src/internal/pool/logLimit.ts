/** Limits how often the log has a line about an origin: one a minute. */

/** The least time between two lines about one origin, in milliseconds. */
const interval = 60_000

/** The last line about an origin. */
interface Logged {
  readonly at: number
  /** The number of times without a line since. */
  silent: number
}

export class LogLimit {
  /** By origin, the oldest line first. */
  readonly #logged = new Map<string, Logged>()

  /**
   * Returns `undefined` if the last line about the origin is too recent; otherwise the number of
   * times without a line since.
   */
  mayLog(origin: string, now: number): number | undefined {
    const last = this.#logged.get(origin)
    if (last !== undefined && now - last.at < interval) {
      last.silent++
      return undefined
    }
    // Old lines are removed, because the map must not grow with each origin.
    for (const [name, { at }] of this.#logged) {
      if (now - at < interval) break
      this.#logged.delete(name)
    }
    this.#logged.set(origin, { at: now, silent: 0 })
    return last?.silent ?? 0
  }
}
