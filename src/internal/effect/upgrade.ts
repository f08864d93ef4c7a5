/** Upgrades as Effects: a request whose connection leaves HTTP, for as long as a scope lasts. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { HttpError } from "../../HttpError.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import type * as Origin from "../../Origin.ts"
import type { EventLoop } from "../../Transport.ts"
import type { Call, Outcome } from "../connection/call.ts"
import { HandleCall } from "../connection/call.ts"
import type { ConnectionHandle } from "../connection/handle.ts"
import { Switching } from "../connection/switching.ts"
import { makeCall, PoolCall } from "../pool/call.ts"
import type { ExecuteFailure as PoolFailure } from "../pool/call.ts"
import type { Pool } from "../pool/pool.ts"
import type { FiberCaller, RedactedNames } from "./caller.ts"
import { cancelled, uninterruptedCall } from "./caller.ts"
import type { ExecuteFailure } from "./execute.ts"
import { failed } from "./execute.ts"
import { isProxyRefusal, refuse } from "./proxyRefusal.ts"
import { makeResponse } from "./response.ts"
import type { Trace } from "./trace.ts"
import { UpgradedImpl } from "./upgraded.ts"
import { UpgradeRefused } from "./upgradeRefused.ts"

/** Runs the call of an upgrade for a fiber. Must run in an uninterruptible region. */
const runUpgrade = (
  call: Call,
  caller: FiberCaller,
  loop: EventLoop,
  scope: Scope.Scope
): Effect.Effect<UpgradedImpl, HttpError | UpgradeRefused> =>
  caller.await(call, loop, (): Effect.Effect<UpgradedImpl, HttpError | UpgradeRefused> => {
    // Set before the fiber was resumed.
    const outcome = call.outcome as Outcome
    if ("_tag" in outcome) return failed(outcome, caller)
    const cause = caller.interrupted()
    if (!Cause.isEmpty(cause)) return cancelled(call, cause, loop)
    const head = call.deliver(outcome)
    if (outcome instanceof Switching && outcome.isChannel) {
      const upgraded = new UpgradedImpl(outcome, head)
      return Effect.as(Scope.addFinalizer(scope, Effect.sync(() => UpgradedImpl.ended(upgraded))), upgraded)
    }
    const response = makeResponse(outcome, head)
    return isProxyRefusal(outcome, head)
      ? refuse(outcome, head, response, caller)
      : caller.inSpan(Effect.fail(new UpgradeRefused({ response })))
  })

type Failure = HttpError | UpgradeRefused

/** Runs an upgrade in the scope of the caller, in a span if `trace` is given. */
const upgradeIn = <E>(
  request: HttpRequest<E>,
  origin: Origin.Origin | undefined,
  redactedNames: RedactedNames,
  trace: Trace | undefined,
  start: (
    request: HttpRequest<E>,
    caller: FiberCaller,
    scope: Scope.Scope
  ) => Effect.Effect<UpgradedImpl, Failure>
): Effect.Effect<UpgradedImpl, Failure, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => {
    const upgrade = (request: HttpRequest<E>): Effect.Effect<UpgradedImpl, Failure> =>
      uninterruptedCall(redactedNames, (caller) => start(request, caller, scope))
    return trace === undefined ? upgrade(request) : traced(trace, request, origin, upgrade)
  })

/**
 * Runs an upgrade in the span of its request, which ends with the head. A refusal is a response to
 * it, so the span has its status.
 */
const traced = <E>(
  trace: Trace,
  request: HttpRequest<E>,
  origin: Origin.Origin | undefined,
  upgrade: (request: HttpRequest<E>) => Effect.Effect<UpgradedImpl, Failure>
): Effect.Effect<UpgradedImpl, Failure> =>
  Effect.suspend(() => {
    let ended: Effect.Effect<UpgradedImpl, UpgradeRefused> | undefined
    const send = (request: HttpRequest<E>): Effect.Effect<HttpResponse, HttpError> =>
      Effect.matchEffect(upgrade(request), {
        onFailure: (error) => {
          if (!(error instanceof UpgradeRefused)) return Effect.fail(error)
          ended = Effect.fail(error)
          return Effect.succeed(error.response)
        },
        onSuccess: (upgraded) => {
          ended = Effect.succeed(upgraded)
          return Effect.succeed(UpgradedImpl.response(upgraded))
        }
      })
    // Set by `send`, whose response this is.
    return Effect.flatMap(trace(request, origin, send), () => ended as Effect.Effect<UpgradedImpl, UpgradeRefused>)
  })

/** Upgrades the connection of a handle. */
export const upgradeHandle = <E>(
  handle: ConnectionHandle,
  request: HttpRequest<E>,
  redactedNames: RedactedNames,
  trace: Trace | undefined
): Effect.Effect<UpgradedImpl, ExecuteFailure<E> | UpgradeRefused, Scope.Scope> =>
  upgradeIn(
    request,
    handle.origin,
    redactedNames,
    trace,
    (request, caller, scope) => runUpgrade(new HandleCall(handle, request, true), caller, handle.settings.loop, scope)
  ) as Effect.Effect<UpgradedImpl, ExecuteFailure<E> | UpgradeRefused, Scope.Scope>

/** Upgrades a connection of a pool, which never returns to it. */
export const upgradePooled = <E>(
  pool: Pool,
  request: HttpRequest<E>,
  redactedNames: RedactedNames,
  trace: Trace | undefined
): Effect.Effect<UpgradedImpl, PoolFailure<E> | UpgradeRefused, Scope.Scope> =>
  upgradeIn(request, undefined, redactedNames, trace, (request, caller, scope) => {
    const call = makeCall(pool, request, undefined, true)
    return call instanceof PoolCall
      ? runUpgrade(call, caller, pool.loop, scope)
      : caller.inSpan(Effect.fail(call))
  }) as Effect.Effect<UpgradedImpl, PoolFailure<E> | UpgradeRefused, Scope.Scope>
