/**
 * A pool with a connection that has served a request, so that the next one finds it idle; and the
 * events of requests.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ConnectionEvent } from "../../src/ConnectionEvent.ts"
import type * as ConnectionPool from "../../src/ConnectionPool.ts"
import type { ExecuteFailure } from "../../src/ConnectionPool.ts"
import type { InvalidOption } from "../../src/HttpError.ts"
import * as T from "../../src/TestTransport.ts"
import type { PoolKit } from "./harness.ts"
import { get, serves, textOf, watchedPool } from "./harness.ts"

export type EventOf<Tag extends ConnectionEvent["_tag"]> = Extract<ConnectionEvent, { readonly _tag: Tag }>

export interface WatchedKit extends PoolKit {
  readonly events: ReadonlyArray<ConnectionEvent>
}

/** A pool that has one idle connection, with these steps to come; then these connections. Its events are those after that. */
export const warmed = (
  steps: ReadonlyArray<T.Step>,
  others: T.Script = [],
  options: ConnectionPool.Options = {}
): Effect.Effect<WatchedKit, InvalidOption | ExecuteFailure, Scope.Scope> =>
  Effect.gen(function*() {
    const { events, pool, transport } = yield* watchedPool(
      [T.connection(...serves("/warm"), ...steps), ...others],
      options
    )
    yield* Effect.orDie(textOf(pool, get("/warm")))
    const before = events.length
    return {
      pool,
      transport,
      get events() {
        return events.slice(before)
      }
    }
  })

/** The events of this tag. */
export const eventsOf = <const Tag extends ConnectionEvent["_tag"]>(
  events: ReadonlyArray<ConnectionEvent>,
  tag: Tag
): ReadonlyArray<EventOf<Tag>> => events.filter((event): event is EventOf<Tag> => event._tag === tag)

/** The ends of requests: status, and the failure where there is one. */
export const endings = (events: ReadonlyArray<ConnectionEvent>): ReadonlyArray<string> =>
  eventsOf(events, "RequestEnd").map(({ error, method, status }) =>
    `${method} ${status ?? "-"} ${error?._tag ?? "whole"}`
  )
