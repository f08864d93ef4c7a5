/** Lends a connection of the pool to one holder for as long as a scope lasts. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Origin from "../../Origin.ts"
import { isOrigin, key } from "../../Origin.ts"
import { ConnectionHandle } from "../connection/handle.ts"
import type { InvalidOption } from "../error/request.ts"
import type { CheckoutFailure } from "../pool/checkout.ts"
import { checkout } from "../pool/checkout.ts"
import type { Pool } from "../pool/pool.ts"
import type { PooledConnection } from "../pool/pooledConnection.ts"
import { identity } from "../pool/pooledConnection.ts"
import { notAnOrigin } from "../pool/route.ts"
import { HttpConnectionImpl } from "./httpConnection.ts"
import type { Trace } from "./trace.ts"

/** What `lease` can fail with. */
export type LeaseFailure = CheckoutFailure | InvalidOption

/** A handle of its own on the connection, so that the holder of an ended lease has nothing. */
const openLease = (pooled: PooledConnection): ConnectionHandle => {
  const { handle: { connection, settings, tunnel } } = pooled
  const { policy } = settings
  // The holder has it until the end of the scope anyway, so an unread response holds up nobody; and
  // what is let go ends the connection at once, because the next call could not wait for a rest
  // that is being dropped.
  const kept = policy && { ...policy, unreadMillis: Infinity, drainBytes: -1 }
  const held = new ConnectionHandle({ ...settings, policy: kept }, tunnel)
  held.connection = connection
  held.leased = true
  pooled.lease = held
  return held
}

const endLease = (pool: Pool, pooled: PooledConnection, held: ConnectionHandle): Effect.Effect<void> =>
  Effect.suspend(() => {
    const head = held.exchange?.head
    const idle = held.quiet && held.connection?.usable === true
    held.closed = true
    if (!idle) held.disconnect("its lease has ended")
    // From here on it is another's, whom a late `close` must not hit.
    held.connection = undefined
    pooled.lease = undefined
    if (idle) pool.release(pooled, head)
    return held.exchange?.writerDone ?? Effect.void
  })

/** A connection for the caller alone, until the end of the scope. */
export const lease = (
  pool: Pool,
  origin: Origin.Origin,
  trace: Trace | undefined
): Effect.Effect<HttpConnectionImpl, LeaseFailure, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      if (!isOrigin(origin)) return Effect.fail(notAnOrigin())
      const { timeouts } = pool.settings
      const startedAt = pool.timers.now()
      const demand = {
        key: key(origin),
        origin,
        timeouts,
        startedAt,
        fresh: false,
        place: pool.place(),
        surround: identity
      }
      const take = (): Effect.Effect<HttpConnectionImpl, LeaseFailure, Scope.Scope> => {
        const found = checkout(pool, demand, restore)
        pool.inFlight++
        return Effect.matchCauseEffect(found, {
          onFailure: (cause) => {
            pool.requestFinished()
            return Effect.failCause(cause)
          },
          onSuccess: (pooled): Effect.Effect<HttpConnectionImpl, LeaseFailure, Scope.Scope> => {
            // It was usable when it was given, but the runtime may have let others run since.
            const again = pooled.handle.connection?.usable ? undefined : take()
            pool.requestFinished()
            if (again !== undefined) return again
            const held = openLease(pooled)
            return Effect.as(
              Effect.addFinalizer(() => endLease(pool, pooled, held)),
              new HttpConnectionImpl(held, trace)
            )
          }
        })
      }
      return take()
    })
  )
