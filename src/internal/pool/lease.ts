/** Lends a connection of the pool to one holder for as long as a scope lasts. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Origin from "../../Origin.ts"
import { key } from "../../Origin.ts"
import { Connection } from "../connection/connection.ts"
import { Face } from "../connection/face.ts"
import type { CheckoutFailure } from "./checkout.ts"
import { checkout } from "./checkout.ts"
import type { Member } from "./member.ts"
import type { Pool } from "./pool.ts"

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
    const idle = held.state === "Idle" && held.link?.usable === true
    held.closed = true
    if (!idle) held.disconnect("its lease has ended")
    // From here on it is another's, whom a late `close` must not hit.
    held.link = undefined
    member.lease = undefined
    if (idle) pool.checkin(member, head)
    return held.exchange?.senderEnded ?? Effect.void
  })

/** A connection for the caller alone, until the end of the scope. */
export const lease = (pool: Pool, origin: Origin.Origin): Effect.Effect<Face, CheckoutFailure, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const { timeouts } = pool.settings
      const demand = { key: key(origin), origin, timeouts, startedAt: pool.deadlines.now(), fresh: false }
      const take = (): Effect.Effect<Face, CheckoutFailure, Scope.Scope> =>
        Effect.flatMap(checkout(pool, demand, restore), (member) => {
          // It was usable when it was given, but the runtime may have let others run since.
          if (!member.connection.link?.usable) return take()
          const held = lend(member)
          return Effect.as(Effect.addFinalizer(() => takeBack(pool, member, held)), new Face(held))
        })
      return take()
    })
  )
