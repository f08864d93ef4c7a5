/**
 * The idle connections that some origins must have at all times, and when to try again if they
 * cannot be opened. Pure; used by `policy.ts`.
 *
 * After a failure there is a pause, during which no connection is opened for the reserve. Each
 * pause is twice as long as the one before. A connection that closed before it served a request is
 * a failure too: a server might close all of them.
 *
 * A reserve may have a request, which is sent on each connection that was opened for it before the
 * connection is idle: its greeting (`greetings.ts`). If that fails, the opening has failed. A
 * greeted connection has served a request, and servers close such connections after a while. Its
 * end is therefore a failure only if it happens soon.
 */
import type { CloseReason } from "../../ConnectionEvent.ts"

/** The longest pause, in milliseconds. No request waits for its end. */
const longestPause = 10_000

/** The first pause as a part of the longest between two openings for requests. */
const firstPause = 1 / 16

/** The least first pause, in milliseconds, if there are no pauses for requests. */
const leastPause = 10

/** How long a useful greeted connection is open at least, in milliseconds. */
const leastUse = 1000

export class Reserve<O, S> {
  readonly key: string
  readonly origin: O
  /** The required number of idle connections, including those being opened without an owner. */
  readonly minIdle: number
  /** True if it has a request. */
  readonly greets: boolean
  /** The failures since a request was served, or since the last long time without a failure. */
  failures = 0
  /** When the last pause ends. */
  until = -Infinity
  /**
   * When to try again; `Infinity` if no connection is missing, or if it does not wait for a time.
   */
  retryAt = Infinity
  /**
   * Set when a connection was closed that had served no request, until that is counted. It is the
   * time when the last one of these was greeted, or `Infinity` if one was not.
   */
  wasted = -Infinity
  /**
   * Returns when a connection of the origin must be closed even if it is needed here. That is at
   * the end of its lifetime, or when the server may close it.
   */
  readonly keptUntil = new Map<S, number>()
  /** The connections that are being opened for it, and not for a waiter. */
  readonly openings = new Set<S>()
  /** When its request was answered on each connection. */
  readonly greetedAt = new Map<S, number>()

  constructor(key: string, origin: O, minIdle: number, greets: boolean) {
    this.key = key
    this.origin = origin
    this.minIdle = minIdle
    this.greets = greets
  }

  /** A connection could not be opened, or closed before it served a request. */
  failed(now: number, backoffMillis: number, random: number): void {
    // Connections that were begun together fail together, and count once.
    if (this.until > now) return
    const before = now - this.until > 2 * longestPause ? 0 : this.failures
    const first = Math.max(leastPause, backoffMillis * firstPause)
    const pause = Math.min(first * 2 ** before, longestPause)
    this.failures = before + 1
    this.until = now + Math.ceil(pause * (1 - random / 2))
  }

  /** Counts the connections that were closed before they served a request. */
  countWasted(now: number, backoffMillis: number, random: () => number): void {
    const { wasted } = this
    if (wasted === -Infinity) return
    this.wasted = -Infinity
    if (now - wasted < leastUse) this.failed(now, backoffMillis, random())
    // The origin answers, and keeps connections for a while.
    else this.served()
  }

  /** A connection was opened. The next ones are opened one at a time until one has served. */
  opened(now: number): void {
    this.until = Math.min(this.until, now)
  }

  /** A connection was closed. */
  closed(slot: S): void {
    this.openings.delete(slot)
    this.keptUntil.delete(slot)
    this.greetedAt.delete(slot)
  }

  /** A request was served. */
  served(): void {
    this.failures = 0
  }
}

/** Connections that must not be used again, and why they are closed as soon as they are free. */
export type Retired<S> = Map<S, CloseReason>
