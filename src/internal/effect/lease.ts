/** Leases a connection of the pool to one holder for as long as a scope lasts. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { HttpError } from "../../HttpError.ts"
import type * as Origin from "../../Origin.ts"
import { isOrigin } from "../../Origin.ts"
import type { ConnectionHandle } from "../connection/handle.ts"
import type { InvalidOption } from "../error/request.ts"
import type { CheckoutFailure } from "../pool/checkout.ts"
import type { LeaseOutcome } from "../pool/lease.ts"
import { Lease } from "../pool/lease.ts"
import type { Pool } from "../pool/pool.ts"
import { notAnOrigin } from "../pool/route.ts"
import type { FiberCaller, RedactedNames } from "./caller.ts"
import { uninterruptedCall } from "./caller.ts"
import { HttpConnectionImpl } from "./httpConnection.ts"
import type { Trace } from "./trace.ts"
import { causeOf } from "./transport.ts"
import { awaitEnd } from "./wait.ts"

/** The failures of `lease`. */
export type LeaseFailure = CheckoutFailure | InvalidOption

/** Acquires a connection for the caller alone, until the end of the scope. */
export const lease = (
  pool: Pool,
  origin: Origin.Origin,
  redactedNames: RedactedNames,
  trace: Trace | undefined
): Effect.Effect<HttpConnectionImpl, LeaseFailure, Scope.Scope> => {
  const leased = Effect.flatMap(
    Effect.scope,
    (scope) =>
      uninterruptedCall(redactedNames, (caller): Effect.Effect<HttpConnectionImpl, HttpError> => {
        if (!isOrigin(origin)) return Effect.fail(notAnOrigin())
        const lease = new Lease(pool, origin)
        return Effect.flatMap(acquired(pool, lease, caller), (handle) =>
          Effect.as(
            Scope.addFinalizer(scope, Effect.suspend(() => ended(pool, lease))),
            new HttpConnectionImpl(handle, redactedNames, trace)
          ))
      })
  )
  return leased as Effect.Effect<HttpConnectionImpl, LeaseFailure, Scope.Scope>
}

/** Returns the handle of a lease that has its connection. */
const acquired = (pool: Pool, lease: Lease, caller: FiberCaller): Effect.Effect<ConnectionHandle, HttpError> =>
  caller.await(lease, pool.loop, (): Effect.Effect<ConnectionHandle, HttpError> => {
    // Set before the fiber was resumed.
    const outcome = lease.outcome as LeaseOutcome
    switch (outcome._tag) {
      case "Leased":
        return Effect.succeed(outcome.handle)
      case "Failed":
        return Effect.fail(outcome.error)
      case "Died":
        return Effect.failCause(causeOf(outcome.defect))
    }
  })

const ended = (pool: Pool, lease: Lease): Effect.Effect<void> => {
  const pending = lease.end()
  return pending === undefined ? Effect.void : awaitEnd(pool.loop, pending)
}
