/** A live table of the events of a pool: how often each kind occurred while the pool was used. */
import type { ConnectionEvent, ConnectionPool } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Report } from "../report.ts"
import { size } from "../report.ts"

type Kind = ConnectionEvent.ConnectionEvent["_tag"]

/** The events so far. */
export interface Seen {
  readonly events: { [K in Kind]: number }
  /** Why connections were closed. */
  readonly reasons: Map<ConnectionEvent.CloseReason, number>
  bytesSent: number
  bytesReceived: number
}

const nothing = (): Seen => ({
  events: {
    Connect: 0,
    Connected: 0,
    ConnectFailed: 0,
    Wait: 0,
    WaitEnd: 0,
    Acquire: 0,
    Release: 0,
    Send: 0,
    Receive: 0,
    RequestEnd: 0,
    WarmEnd: 0,
    Retry: 0,
    Reclaim: 0,
    Close: 0
  },
  reasons: new Map(),
  bytesSent: 0,
  bytesReceived: 0
})

const note = (seen: Seen, event: ConnectionEvent.ConnectionEvent): void => {
  seen.events[event._tag]++
  if (event._tag === "Send") seen.bytesSent += event.bytes
  if (event._tag === "Receive") seen.bytesReceived += event.bytes
  if (event._tag === "Close") seen.reasons.set(event.reason, (seen.reasons.get(event.reason) ?? 0) + 1)
}

const columns = 3

/** The table, narrow enough that no terminal wraps its lines. */
export const table = ({ bytesReceived, bytesSent, events }: Seen): ReadonlyArray<string> => {
  const cells = [...Object.entries(events), ["bytes sent", size(bytesSent)], ["bytes received", size(bytesReceived)]]
    .map(([name, value]) => `${String(name).padEnd(15)}${String(value).padStart(8)}`)
  const rows = Math.ceil(cells.length / columns)
  return Array.from(
    { length: rows },
    (_, row) => `   ${cells.filter((_, index) => index % rows === row).join("   ")}`
  )
}

/** Uses a pool, and shows its events at the same time. */
export const watch = <A, E, R>(
  report: Report,
  pool: Pick<ConnectionPool.ConnectionPool, "subscribe">,
  work: Effect.Effect<A, E, R>
): Effect.Effect<readonly [A, Seen], E, R> =>
  Effect.gen(function*() {
    const seen = nothing()
    const draw = report.live()
    // Called synchronously with every event. The stream `pool.events` loses some if its reader is
    // too slow.
    yield* pool.subscribe((event) => note(seen, event))
    yield* Effect.forkScoped(Effect.repeat(
      Effect.sync(() => draw(table(seen), false)),
      Schedule.spaced("50 millis")
    ))
    const value = yield* Effect.ensuring(work, Effect.sync(() => draw(table(seen), true)))
    return [value, seen] as const
  }).pipe(Effect.scoped)
