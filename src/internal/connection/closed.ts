/** The steps after a connection has closed, for every owner. */
import type { CloseReason } from "../../ConnectionEvent.ts"
import type { HttpError } from "../../HttpError.ts"
import { format } from "../model/origin.ts"
import type { Connection } from "./connection.ts"
import type { Way } from "./settings.ts"
import { originOf } from "./settings.ts"

/** Ends what the connection held beside its duplex, and emits its `Close` event. */
export const connectionClosed = (
  way: Way,
  { id, machine, openedAt, release }: Connection,
  reason: CloseReason,
  error: HttpError | undefined
): void => {
  const { events, timers } = way.settings
  timers.rest()
  release?.()
  if (!events.active) return
  events.emit({
    _tag: "Close",
    connection: id,
    origin: format(originOf(way)),
    requestsServed: machine.served,
    millis: timers.now() - openedAt,
    reason,
    error
  })
}
