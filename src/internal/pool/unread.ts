/**
 * Unread responses: when one loses its connection, what is emitted, and what the log says.
 *
 * A response that is unread for long loses its connection without a request (`unreadTime`). If
 * there is no room to open a connection for a queued request, a response loses its connection to
 * that request. No caller has begun to read such a response; `policy.ts` decides which one it is.
 * That happens only after `unreadGrace`, because the caller may have something else to do first.
 *
 * The page of an error that is too large to be discarded loses it at once, because combinators such
 * as `filterStatusOk` leave such pages unread. "At once" means after the event loop has been
 * polled, so that the caller has run.
 */
import type { ConnectionEvent, Reclaim } from "../../ConnectionEvent.ts"
import type { ExchangeView } from "../connection/errorContext.ts"
import type { Exchange } from "../connection/exchange.ts"
import type { TimerQueue } from "../connection/timers.ts"
import { Timer } from "../connection/timers.ts"
import { format } from "../model/origin.ts"
import type { Host } from "../model/ports.ts"
import { urlOf } from "../protocol/target.ts"
import { LogLimit } from "./logLimit.ts"
import type { PoolState } from "./policy.ts"
import type { PooledConnection, Waiter } from "./pooledConnection.ts"
import type { Destination } from "./route.ts"
import type { PoolSettings } from "./settings.ts"

/** The part of the pool that is used here. */
interface Pool {
  readonly host: Host
  readonly settings: PoolSettings
  readonly timers: TimerQueue
  readonly state: PoolState<Destination, PooledConnection, Waiter>
  readonly counts: { reclaimed: number }
  emit(event: ConnectionEvent): void
  runCommands(): void
}

const isUnread = ({ exchange }: PooledConnection): boolean => {
  return exchange !== undefined && !exchange.body.begun && !exchange.body.discarding && !exchange.body.settled
}

/** True if it is the page of an error that is too large to be discarded. */
const isLargeError = ({ body, framing, head }: Exchange, drainBytes: number): boolean =>
  head !== undefined && head.status >= 400 && framing?.kind === "length" && framing.length - body.received > drainBytes

export class Unread {
  readonly #pool: Pool
  readonly #timer = new Timer({ onTimeout: () => this.#reclaimDue() }, false)
  readonly #log = new LogLimit()

  constructor(pool: Pool) {
    this.#pool = pool
  }

  /** A response is delivered whose body has not arrived completely. */
  arrived(pooled: PooledConnection, exchange: Exchange): void {
    const { timers, settings, state } = this.#pool
    const grace = isLargeError(exchange, settings.drainBytes) ? 0 : settings.unreadGrace
    if (grace === Infinity) return
    const now = timers.now()
    state.unread(pooled, now, now + grace)
    this.schedule()
  }

  /** Must be called when a request may have begun to wait for room. */
  schedule(): void {
    const { timers, state } = this.#pool
    const oldest = state.unreadSlots.first
    if (oldest === undefined || state.queued === 0) return timers.cancel(this.#timer)
    if (oldest.unreadFrom >= this.#timer.at) return
    const now = timers.now()
    timers.start(this.#timer, Math.max(0, oldest.unreadFrom - now), now)
  }

  #reclaimDue(): void {
    const { timers, state } = this.#pool
    const now = timers.now()
    const next = state.reclaim(now, isUnread)
    // If no waiter can use the room of any of them, looking again would never end unless something
    // changes.
    if (state.commands.length > 0) return this.#pool.runCommands()
    if (next !== Infinity) timers.start(this.#timer, next - now, now)
  }

  /** Closes the connection of an unread response. */
  reclaim({ exchange, unreadSince }: PooledConnection): void {
    const { timers, settings: { unreadGrace } } = this.#pool
    if (exchange === undefined) return
    this.reportReclaimed(exchange, timers.now() - unreadSince, "Room")
    exchange.abandon(
      `no caller had begun to read the response when another request waited and there was no room for one more connection `
        + `(\`unreadGrace\` is ${unreadGrace} ms). Read a response as soon as you have it, \`close\` it if you do not want it, or raise `
        + "`connectionsPerOrigin`",
      "Unread"
    )
  }

  /**
   * Counts the response and emits its event, and writes to the log once a minute for each origin.
   */
  reportReclaimed(
    { connectionInfo: { id }, head, origin, terms: { method, target } }: ExchangeView,
    millis: number,
    why: Reclaim["why"]
  ): void {
    const { counts, timers } = this.#pool
    const name = format(origin)
    counts.reclaimed++
    this.#pool.emit({ _tag: "Reclaim", connection: id, origin: name, method, millis, why })
    // A caller that uses combinators which drop error pages cannot change that, and has lost
    // nothing.
    if (why === "Room" && head !== undefined && head.status >= 400) return
    const silent = this.#log.mayLog(name, timers.now())
    if (silent === undefined) return
    const what = `${method} ${urlOf(origin, target).replace(/\?.*$/s, "")}`
    this.#pool.host.logWarning(
      `The response to ${what} was left unread for ${Math.round(millis)} ms, `
        + (why === "Time" ? "" : "and another request waited for its connection, ")
        + `so its connection ${id} has been closed. `
        + "Read it (`text`, `stream`), or `close` it."
        + (silent === 0 ? "" : ` (the origin had ${silent} more of these since the last such line)`)
    )
  }
}
