/**
 * The origins whose server spoke HTTP/1.0, which has no chunked coding (RFC 9112 section 6.1). Only
 * the most recently noticed origins are kept.
 */

/** The highest number of origins that are kept. */
const most = 1024

export class LegacyServers {
  readonly #keys = new Set<string>()

  has(key: string): boolean {
    return this.#keys.has(key)
  }

  /** Records the version that the server of an origin spoke last. */
  record(key: string, version: 10 | 11): void {
    if (version === 11) {
      if (this.#keys.size > 0) this.#keys.delete(key)
      return
    }
    this.#keys.delete(key)
    this.#keys.add(key)
    if (this.#keys.size <= most) return
    for (const oldest of this.#keys) {
      this.#keys.delete(oldest)
      return
    }
  }
}
