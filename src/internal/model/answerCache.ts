/**
 * The cache of a resolver: a bounded number of names, from which the least recently used one is
 * removed first. Time is an argument, in milliseconds of any monotonic clock.
 *
 * A name is in one of four states. Its answer is fresh. Its answer is kept because a lookup failed
 * (RFC 8767). It has no addresses, which is cached for a short time (RFC 2308). Or a lookup is due.
 * If the answer is that a name, or an address for it, does not exist, that replaces the previous
 * answer.
 */
import type { Addresses } from "../../Transport.ts"
import type { DnsError } from "../error/connect.ts"

/** The limits of the cache; times are in milliseconds. */
export interface CacheLimits {
  readonly capacity: number
  /** The longest time for which an answer is fresh, whatever its own time is. */
  readonly ttlMillis: number
  /** How long a failure is cached. */
  readonly negativeMillis: number
  /** How long an answer is kept after it was fresh, for lookups that fail. */
  readonly staleMillis: number
}

/** An answer of a lookup. */
export interface LookedUp extends Addresses {
  /** How old it was when it arrived. */
  readonly ageMillis: number
  /** True if it was older than its time allows. */
  readonly stale: boolean
}

interface Entry {
  readonly found: LookedUp | undefined
  /** When the answer was made. */
  readonly madeAt: number
  readonly freshUntil: number
  readonly keptUntil: number
  /** The failure of the last lookup, which is not repeated before `retryAt`. */
  readonly error: DnsError | undefined
  readonly retryAt: number
}

/** True if the resolver has answered that there is no address. */
const isAnswer = ({ reason }: DnsError): boolean => reason === "NotFound" || reason === "NoData"

const kept = ({ found, keptUntil, madeAt }: Entry, now: number): LookedUp | undefined =>
  found !== undefined && now < keptUntil ? { ...found, ttlMillis: 0, ageMillis: now - madeAt, stale: true } : undefined

export class AnswerCache {
  readonly #limits: CacheLimits
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>()

  constructor(limits: CacheLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#entries.size
  }

  clear(): void {
    this.#entries.clear()
  }

  /** Returns the cached state of a name; `undefined` if it must be looked up. */
  get(name: string, now: number): LookedUp | DnsError | undefined {
    const entry = this.#entries.get(name)
    if (entry === undefined) return undefined
    this.#entries.delete(name)
    this.#entries.set(name, entry)
    const { error, found, freshUntil, madeAt, retryAt } = entry
    if (found !== undefined && now < freshUntil) {
      const left = freshUntil - now
      return { ...found, ttlMillis: left === Infinity ? undefined : left, ageMillis: now - madeAt }
    }
    return error !== undefined && now < retryAt ? kept(entry, now) ?? error : undefined
  }

  /** True if there is an answer to use when the lookup fails. */
  hasKept(name: string, now: number): boolean {
    const entry = this.#entries.get(name)
    return entry !== undefined && kept(entry, now) !== undefined
  }

  /** Caches an answer. Returns it as `get` would. */
  succeeded(name: string, answer: LookedUp, now: number): LookedUp {
    const { staleMillis, ttlMillis } = this.#limits
    const ttl = Math.min(ttlMillis, answer.ttlMillis ?? Infinity)
    this.#set(name, {
      found: answer,
      madeAt: now - answer.ageMillis,
      freshUntil: now + ttl,
      keptUntil: now + ttl + staleMillis,
      error: undefined,
      retryAt: now
    }, now)
    return { ...answer, ttlMillis: ttl === Infinity ? undefined : ttl }
  }

  /** Caches a failure. Returns the answer that is kept for this case, or the failure. */
  failed(name: string, error: DnsError, now: number): LookedUp | DnsError {
    const before = this.#entries.get(name)
    const retryAt = now + this.#limits.negativeMillis
    const stale = before === undefined || isAnswer(error) ? undefined : kept(before, now)
    this.#set(
      name,
      before !== undefined && stale !== undefined
        ? { ...before, error, retryAt }
        : { found: undefined, madeAt: now, freshUntil: now, keptUntil: now, error, retryAt },
      now
    )
    return stale ?? error
  }

  #set(name: string, entry: Entry, now: number): void {
    this.#entries.delete(name)
    if (Math.max(entry.keptUntil, entry.retryAt) <= now) return
    this.#entries.set(name, entry)
    if (this.#entries.size <= this.#limits.capacity) return
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      return
    }
  }
}
