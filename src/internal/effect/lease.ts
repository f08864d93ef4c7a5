/** Lends a connection of the pool to one holder for as long as a scope lasts. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Origin from "../../Origin.ts"
import { isOrigin, key } from "../../Origin.ts"
import { Connection } from "../connection/handle.ts"
import type { InvalidOption } from "../error/request.ts"
import type { CheckoutFailure } from "../pool/checkout.ts"
import { checkout } from "../pool/checkout.ts"
import type { Pool } from "../pool/pool.ts"
import type { Member } from "../pool/pooledConnection.ts"
import { asItIs } from "../pool/pooledConnection.ts"
import { notAnOrigin } from "../pool/route.ts"
import { Face } from "./httpConnection.ts"
import type { Trace } from "./trace.ts"

/** What `lease` can fail with. */
export type LeaseFailure = CheckoutFailure | InvalidOption

/** A handle of its own on the connection, so that the holder of an ended lease has nothing. */
const lend = (member: Member): Connection => {
  const { connection: { link, settings, tunnel } } = member
  const { care } = settings
  // The holder has it until the end of the scope anyway, so an unread response holds up nobody; and what is let go ends the
  // connection at once, because the next call could not wait for a rest that is being dropped.
  const kept = care && { ...care, unreadMillis: Infinity, drainBytes: -1 }
  const held = new Connection({ ...settings, care: kept }, tunnel)
  held.link = link
  held.leased = true
  member.lease = held
  return held
}

const takeBack = (pool: Pool, member: Member, held: Connection): Effect.Effect<void> =>
  Effect.suspend(() => {
    const head = held.exchange?.head
    const idle = held.quiet && held.link?.usable === true
    held.closed = true
    if (!idle) held.disconnect("its lease has ended")
    // From here on it is another's, whom a late `close` must not hit.
    held.link = undefined
    member.lease = undefined
    if (idle) pool.checkin(member, head)
    return held.exchange?.senderEnded ?? Effect.void
  })

/** A connection for the caller alone, until the end of the scope. */
export const lease = (
  pool: Pool,
  origin: Origin.Origin,
  trace: Trace | undefined
): Effect.Effect<Face, LeaseFailure, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      if (!isOrigin(origin)) return Effect.fail(notAnOrigin())
      const { timeouts } = pool.settings
      const startedAt = pool.deadlines.now()
      const demand = {
        key: key(origin),
        origin,
        timeouts,
        startedAt,
        fresh: false,
        place: pool.place(),
        surround: asItIs
      }
      const take = (): Effect.Effect<Face, LeaseFailure, Scope.Scope> => {
        const found = checkout(pool, demand, restore)
        pool.underWay++
        return Effect.matchCauseEffect(found, {
          onFailure: (cause) => {
            pool.leave()
            return Effect.failCause(cause)
          },
          onSuccess: (member): Effect.Effect<Face, LeaseFailure, Scope.Scope> => {
            // It was usable when it was given, but the runtime may have let others run since.
            const again = member.connection.link?.usable ? undefined : take()
            pool.leave()
            if (again !== undefined) return again
            const held = lend(member)
            return Effect.as(Effect.addFinalizer(() => takeBack(pool, member, held)), new Face(held, trace))
          }
        })
      }
      return take()
    })
  )
