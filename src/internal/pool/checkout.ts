/**
 * Waits for a connection of the pool: in the queue, and for the opening of one.
 *
 * Interruption, a timeout and a failure leave no place in the queue, no opening, and no connection that nobody has.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { WaitEnd } from "../../ConnectionEvent.ts"
import type { PoolFailure } from "../../HttpError.ts"
import * as Origin from "../../Origin.ts"
import type { Restore } from "../connection/caller.ts"
import { Deadline } from "../connection/deadlines.ts"
import type { OpenFailure } from "../connection/open.ts"
import { goneAtOnce, locateOpening } from "../connection/open.ts"
import type { Millis } from "../connection/timeouts.ts"
import { locate } from "../error/base.ts"
import { PoolQueueFull } from "../error/pool.ts"
import { HttpTimeout } from "../error/timeout.ts"
import type { Member, OpeningLimit, Place, Ticket, Waiter } from "./member.ts"
import { openingLimits } from "./member.ts"
import type { Pool } from "./pool.ts"

/** What can go wrong before a request has a connection. */
export type CheckoutFailure = PoolFailure | OpenFailure

/** What is asked for. */
export interface Demand {
  readonly key: string
  readonly origin: Origin.Origin
  readonly timeouts: Millis
  /** When the request began, in the deadlines' milliseconds. */
  readonly startedAt: number
  /** Whether it must be a connection that has served nobody. */
  readonly fresh: boolean
  readonly place: Place
}

/** Whether nobody gets a connection any more who has not had a turn. */
const refuses = (pool: Pool, place: Place): boolean => pool.ended || (pool.state.closing && !place.accepted)

/** The newest idle connection, if there is one. To be used at once. */
export const takeIdle = (pool: Pool, key: string, place: Place, now: number): Member | undefined => {
  const member = refuses(pool, place) ? undefined : pool.take(key, now)
  if (member !== undefined) lend(pool, place, member)
  return member
}

/** The connection of a demand: the newest idle one, or the first that there is. To be called, and used, uninterruptible. */
export const checkout = (
  pool: Pool,
  demand: Demand,
  restore: Restore
): Effect.Effect<Member, CheckoutFailure> => {
  const { fresh, key, origin, place } = demand
  if (refuses(pool, place)) return Effect.fail(pool.closedError(Origin.format(origin)))
  const idle = fresh ? undefined : takeIdle(pool, key, place, pool.deadlines.now())
  return idle === undefined ? told(pool, demand, wait(pool, demand, restore)) : Effect.succeed(idle)
}

const lend = (pool: Pool, place: Place, member: Member): Member => {
  place.accepted = true
  pool.lent(member)
  return member
}

/** Waits for a turn. */
const wait = (
  pool: Pool,
  demand: Demand,
  restore: Restore
): Effect.Effect<Member, CheckoutFailure> =>
  Effect.flatMap(Effect.runtime<never>(), (runtime) => {
    const { deadlines, settings } = pool
    const { fresh, key, origin, place, startedAt, timeouts } = demand
    const name = Origin.format(origin)
    let ticket: Ticket | undefined
    let waitsSince: number | undefined
    let settle = (_effect: Effect.Effect<Member, CheckoutFailure>): void => {}
    const fail = (error: HttpTimeout | PoolQueueFull, phase: "pool" | "connect" = "pool"): void =>
      settle(Effect.fail(locate(error, { ...error.context, phase, origin: name })))
    const turn = new Deadline({
      expire: () => fail(new HttpTimeout({ kind: "pool", millis: timeouts.pool }))
    })
    const total = new Deadline({
      expire: () =>
        fail(
          new HttpTimeout({ kind: "total", millis: timeouts.total }),
          ticket?.attempt === undefined ? "pool" : "connect"
        )
    })
    const limit = (on: boolean): void => {
      const now = deadlines.now()
      if (waitsSince !== undefined) place.waited += now - waitsSince
      waitsSince = on ? now : undefined
      deadlines.arm(turn, on ? Math.max(0, timeouts.pool - place.waited) : Infinity)
    }
    const waiter: Waiter = {
      runtime,
      timeouts,
      give: (member) => settle(Effect.succeed(member)),
      fail: (error) => settle(Effect.fail(error as CheckoutFailure)),
      die: (exit) => settle(exit),
      limit
    }
    const waiting = Effect.async<Member, CheckoutFailure>((resume) => {
      settle = resume
      limit(true)
      if (timeouts.total !== Infinity) {
        deadlines.arm(total, Math.max(0, timeouts.total - (deadlines.now() - startedAt)))
      }
      ticket = pool.enqueue(key, origin, waiter, fresh, place)
      if (ticket === undefined) fail(new PoolQueueFull({ limit: settings.places.waiters }))
    })
    const ended = Effect.onExit(restore(waiting), (exit) => {
      limit(false)
      deadlines.disarm(total)
      return Exit.isSuccess(exit) || ticket === undefined ? Effect.void : pool.cancel(ticket)
    })
    const again = (): Effect.Effect<Member, CheckoutFailure> => {
      // Another one may have come free meanwhile.
      const idle = fresh ? undefined : pool.take(key, deadlines.now())
      place.accepted = true
      return idle === undefined ? wait(pool, demand, restore) : Effect.succeed(lend(pool, place, idle))
    }
    return Effect.matchEffect(ended, {
      // The opening had been begun for another request, whose limit was lower.
      onFailure: (error) => isOfOpening(error) && error.millis < timeouts[error.kind] ? again() : Effect.fail(error),
      onSuccess: (member): Effect.Effect<Member, CheckoutFailure> => {
        const { connection, slot } = member
        if (connection.link?.usable) return Effect.succeed(lend(pool, place, member))
        // It has been closed since it was given. The pool may have become empty before the limits above were cleared.
        pool.carryOut()
        if (pool.ended) return Effect.fail(pool.closedError(name))
        // The server closed it. One that had served nobody might do so for ever.
        return slot.served === 1 && connection.link !== undefined
          ? Effect.fail(locateOpening(connection, goneAtOnce(connection.link)))
          : again()
      }
    })
  })

/** Whether a time limit of opening a connection was reached. */
const isOfOpening = (error: CheckoutFailure): error is HttpTimeout & { readonly kind: OpeningLimit } =>
  error._tag === "HttpTimeout" && openingLimits.some((kind) => kind === error.kind)

/** Tells of the waiting, where anybody listens. */
const told = (
  pool: Pool,
  { origin }: Demand,
  waiting: Effect.Effect<Member, CheckoutFailure>
): Effect.Effect<Member, CheckoutFailure> => {
  if (!pool.events.active) return waiting
  const begunAt = pool.deadlines.now()
  const name = Origin.format(origin)
  pool.tell({ _tag: "Wait", origin: name })
  return Effect.onExit(waiting, (exit) =>
    Effect.sync(() => {
      const millis = pool.deadlines.now() - begunAt
      pool.tell({ _tag: "WaitEnd", origin: name, millis, outcome: outcomeOf(exit) })
    }))
}

const outcomeOf = (exit: Exit.Exit<Member, CheckoutFailure>): WaitEnd["outcome"] => {
  if (Exit.isSuccess(exit)) return "Connection"
  if (Exit.isInterrupted(exit)) return "Interrupted"
  const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
  return error?._tag === "HttpTimeout" && (error.kind === "pool" || error.kind === "total") ? "Timeout" : "Failed"
}
