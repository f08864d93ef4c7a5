/**
 * Greetings: the request of a warm origin, sent on each connection that was opened for its reserve.
 *
 * The first use of a connection costs more than the next ones: here, in the system and at the
 * server, which may start a worker for it. Any complete response suffices, because it is dropped.
 * The connection is not idle before, and no request waits for it: `policy.ts` closes it if a
 * request needs its room. No program waits for a greeting, so it does not keep the process alive.
 */
import type { CloseReason, ConnectionEvent } from "../../ConnectionEvent.ts"
import type { HttpError } from "../../HttpError.ts"
import { tapHeadOf } from "../connection/call.ts"
import type { ExchangePolicy, ExchangeView } from "../connection/errorContext.ts"
import type { Exchange, HeadObserver } from "../connection/exchange.ts"
import { firstAttempt, prepare } from "../connection/prepare.ts"
import { sendRequest } from "../connection/sendRequest.ts"
import { makeExchange } from "../connection/switching.ts"
import type { TimerQueue } from "../connection/timers.ts"
import { format } from "../model/origin.ts"
import type { Caller, Host } from "../model/ports.ts"
import { urlOf } from "../protocol/target.ts"
import type { LegacyServers } from "./legacyServers.ts"
import { LogLimit } from "./logLimit.ts"
import type { PooledConnection } from "./pooledConnection.ts"
import type { Greeting, PoolSettings } from "./settings.ts"

/** The part of the pool that is used here. */
interface Pool {
  readonly settings: PoolSettings
  readonly requestSettings: Parameters<typeof prepare>[0]
  readonly host: Host
  readonly timers: TimerQueue
  readonly background: Caller
  readonly legacyServers: LegacyServers
  emit(event: ConnectionEvent): void
}

/** Reasons for which the pool itself closes a connection, so that its server is not to blame. */
const own: ReadonlySet<CloseReason> = new Set(["Room", "Shutdown", "Closed", "Lifetime", "Rotated", "AddressGone"])

export class Greetings {
  readonly #pool: Pool
  readonly #byKey = new Map<string, Greeting>()
  readonly #log = new LogLimit()
  readonly #policy: ExchangePolicy

  constructor(pool: Pool) {
    this.#pool = pool
    const { drainBytes, drainMillis, warm } = pool.settings
    for (const { greeting, key } of warm) if (greeting !== undefined) this.#byKey.set(key, greeting)
    this.#policy = {
      drainBytes,
      drainMillis,
      unreadMillis: Infinity,
      onUnread: () => {},
      onEnd: (exchange, error) => this.#ended(exchange, error)
    }
  }

  /** Sends the request on a connection that was just opened. */
  send(pooled: PooledConnection): void {
    const { connection, group, settings, status } = pooled
    const greeting = this.#byKey.get(group.key)
    // A listener of an event may have closed it.
    if (status !== "greeting" || greeting === undefined || !connection?.usable) return
    const { background, legacyServers, requestSettings, timers } = this.#pool
    const { request, route: { fields, origin, target } } = greeting
    // It was prepared once when the pool was made, so only an address policy can refuse it here.
    const prepared = prepare(requestSettings, origin, request, target, fields, firstAttempt(request), false)
    if ("_tag" in prepared) return connection.close("Failure", prepared)
    const now = timers.now()
    const ours = { ...settings, policy: this.#policy }
    const exchange = makeExchange(connection, ours, origin, prepared.terms, now, now, true)
    pooled.exchange = exchange
    const observer: HeadObserver = {
      onHead: () => {
        const { head } = exchange
        if (head === undefined) return
        legacyServers.record(group.key, head.version)
        tapHeadOf(exchange, background)
        exchange.dismiss("the response of a warm connection's request is dropped")
      }
    }
    background.context.run(() => {
      exchange.letProcessEnd()
      sendRequest(exchange, prepared, background, now)
      exchange.whenHead(observer)
    })
  }

  /** A connection was closed while its request was in progress. Writes the reason to the log. */
  closed({ connection, exchange, group }: PooledConnection, reason: CloseReason): void {
    const greeting = this.#byKey.get(group.key)
    if (greeting === undefined || own.has(reason)) return
    const { host, timers } = this.#pool
    const silent = this.#log.mayLog(group.origin.name, timers.now())
    if (silent === undefined) return
    const { request: { method }, route: { origin, target } } = greeting
    const what = `${method} ${urlOf(origin, target).replace(/\?.*$/s, "")}`
    host.logWarning(
      `A connection to ${group.origin.name} is not warm (\`warm\`), because `
        + `${whyClosed(what, reason, exchange, connection?.closedBy)}. `
        + "Others are opened after pauses of up to 10 seconds."
        + (silent === 0 ? "" : ` (the origin had ${silent} more of these since the last such line)`)
    )
  }

  #ended({ connection, head, origin, startedAt, terms: { method } }: ExchangeView, error: HttpError | undefined): void {
    const millis = this.#pool.timers.now() - startedAt
    this.#pool.emit({
      _tag: "WarmEnd",
      connection: connection.id,
      origin: format(origin),
      method,
      status: head?.status,
      error,
      millis
    })
  }
}

const whyClosed = (
  what: string,
  reason: CloseReason,
  exchange: Exchange | undefined,
  error: HttpError | undefined
): string => {
  const status = exchange?.head === undefined ? "" : ` (status ${exchange.head.status})`
  switch (reason) {
    case "NotPersistent":
    case "AnnouncedBody":
      return `the response to ${what}${status} ended it`
    case "Undrained":
      return `the response to ${what}${status} is too long, or too slow, to be dropped (\`drainBytes\`, \`drainTime\`)`
    default:
      return `${what} failed${status}: ${error?.description ?? reason}`.replace(/\.$/, "")
  }
}
