/**
 * Responses that nobody reads: when one gives its connection up, who is told, and what the log
 * says.
 *
 * One that is left unread for long does so by itself (`unreadTime`). One that nobody has begun to
 * read does so for a request that waits and has no connection opened because there is no room:
 * `poolState.ts` decides which. Not before `unreadGrace`, because whoever asked for it may have
 * something else to do first; but at once where it is an error's page too large to be dropped,
 * which combinators such as `filterStatusOk` leave behind. "At once" is when the event loop has
 * been polled, so that the caller has run.
 */
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type { ConnectionEvent, Reclaim } from "../../ConnectionEvent.ts"
import * as Origin from "../../Origin.ts"
import type { ExchangeView } from "../connection/errorContext.ts"
import type { Exchange } from "../connection/exchange.ts"
import type { TimerQueue } from "../connection/timers.ts"
import { Timer } from "../connection/timers.ts"
import { urlOf } from "../protocol/target.ts"
import type { PoolState } from "./policy.ts"
import type { PooledConnection, Waiter } from "./pooledConnection.ts"
import type { Destination } from "./route.ts"
import type { PoolSettings } from "./settings.ts"

/** The least time between two lines in the log about one origin, in milliseconds. */
const logInterval = 60_000

/** What is needed of the pool. */
interface Pool {
  readonly settings: PoolSettings
  readonly timers: TimerQueue
  readonly state: PoolState<Destination, PooledConnection, Waiter>
  readonly counts: { reclaimed: number }
  emit(event: ConnectionEvent): void
  runCommands(): void
}

/** The last line about an origin. */
interface Logged {
  readonly at: number
  /** How many responses were given up since, of which the log says nothing. */
  silent: number
}

const isUnread = ({ handle: { exchange } }: PooledConnection): boolean => {
  return exchange !== undefined && !exchange.body.begun && !exchange.body.discarding && !exchange.body.settled
}

/** Whether it is the page of an error that is too large to be read and dropped. */
const isLargeError = ({ body, framing, head }: Exchange, drainBytes: number): boolean =>
  head !== undefined && head.status >= 400 && framing?.kind === "length" && framing.length - body.received > drainBytes

export class Unread {
  readonly #pool: Pool
  readonly #runtime: Runtime.Runtime<never>
  readonly #deadline = new Timer({ onTimeout: () => this.#reclaim() }, false)
  /** By origin, the oldest line first. */
  readonly #logged = new Map<string, Logged>()

  constructor(pool: Pool, runtime: Runtime.Runtime<never>) {
    this.#pool = pool
    this.#runtime = runtime
  }

  /** The head of a response is there, and not all of its body. */
  arrived(pooled: PooledConnection, exchange: Exchange): void {
    const { timers, settings, state } = this.#pool
    const grace = isLargeError(exchange, settings.drainBytes) ? 0 : settings.unreadGrace
    if (grace === Infinity) return
    const now = timers.now()
    state.unread(pooled, now, now + grace)
    this.look()
  }

  /** To be called when a request may have come to wait in vain. */
  look(): void {
    const { timers, state } = this.#pool
    const oldest = state.unreadSlots.first
    if (oldest === undefined || state.queued === 0) return timers.cancel(this.#deadline)
    if (oldest.unreadFrom >= this.#deadline.at) return
    const now = timers.now()
    timers.start(this.#deadline, Math.max(0, oldest.unreadFrom - now), now)
  }

  #reclaim(): void {
    const { timers, state } = this.#pool
    const now = timers.now()
    const next = state.reclaim(now, isUnread)
    // Where nobody can use the place of any of them, to look again before something has changed
    // would not end.
    if (state.commands.length > 0) return this.#pool.runCommands()
    if (next !== Infinity) timers.start(this.#deadline, next - now, now)
  }

  /** Takes its connection from a response. */
  take({ handle: { exchange }, unreadSince }: PooledConnection): void {
    const { timers, settings: { unreadGrace } } = this.#pool
    if (exchange === undefined) return
    this.givenUp(exchange, timers.now() - unreadSince, "Room")
    exchange.abandon(
      `nobody had begun to read the response when another request waited and there was no room for one more connection `
        + `(\`unreadGrace\` is ${unreadGrace} ms). Read a response as soon as you have it, \`close\` it where you do not want it, or raise `
        + "`connectionsPerOrigin`",
      "Unread"
    )
  }

  /** Counts and tells it, and writes it to the log, once a minute for each origin. */
  givenUp(
    { connectionInfo: { id }, head, origin, terms: { method, target } }: ExchangeView,
    millis: number,
    why: Reclaim["why"]
  ): void {
    const { counts, timers } = this.#pool
    const name = Origin.format(origin)
    counts.reclaimed++
    this.#pool.emit({ _tag: "Reclaim", connection: id, origin: name, method, millis, why })
    // Whoever lets combinators drop error pages cannot do anything about it, and has lost nothing.
    if (why === "Room" && head !== undefined && head.status >= 400) return
    const silent = this.#mayLog(name, timers.now())
    if (silent === undefined) return
    const what = `${method} ${urlOf(origin, target).replace(/\?.*$/s, "")}`
    Runtime.runFork(this.#runtime)(Effect.logWarning(
      `The response to ${what} was left unread for ${Math.round(millis)} ms, `
        + (why === "Time" ? "" : "and another request waited for its connection, ")
        + `so its connection ${id} has been closed. `
        + "Read it (`text`, `stream`), or `close` it."
        + (silent === 0 ? "" : ` (the origin had ${silent} more of these since the last such line)`)
    ))
  }

  /**
   * `undefined` where the last line about the origin is too new; else how many were given up since
   * without one.
   */
  #mayLog(origin: string, now: number): number | undefined {
    const last = this.#logged.get(origin)
    if (last !== undefined && now - last.at < logInterval) {
      last.silent++
      return undefined
    }
    // Those that are old have nothing to say any more, unless something happens again; the map must
    // not grow with each origin.
    for (const [name, { at }] of this.#logged) {
      if (now - at < logInterval) break
      this.#logged.delete(name)
    }
    this.#logged.set(origin, { at: now, silent: 0 })
    return last?.silent ?? 0
  }
}
