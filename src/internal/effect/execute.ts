/**
 * A whole request as an Effect: one wait of the fiber over a call of the core.
 *
 * Interruption in any state is one synchronous `cancel`. The fiber then waits for the finalizers of
 * the body's stream, or for the end of the opening that was for it. A failure does not wait,
 * because a timeout must not wait for what is slow.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type {
  CannotSendRequest,
  ConnectionClosed,
  HeadFailure,
  HttpError,
  InvalidRequest,
  NotConnected,
  RequestBodyError,
  SendFailure
} from "../../HttpError.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import type { EventLoop } from "../../Transport.ts"
import type { Call, Outcome } from "../connection/call.ts"
import { HandleCall } from "../connection/call.ts"
import type { ConnectionHandle } from "../connection/handle.ts"
import type { OpenFailure } from "../connection/open.ts"
import type { FiberCaller, RedactedNames } from "./caller.ts"
import { cancelled, uninterruptedCall } from "./caller.ts"
import { isProxyRefusal, refuse } from "./proxyRefusal.ts"
import { makeResponse } from "./response.ts"
import { causeOf } from "./transport.ts"

/** The failures of `execute`. */
export type ExecuteFailure<E> =
  | InvalidRequest
  | CannotSendRequest
  | ConnectionClosed
  | NotConnected
  | OpenFailure
  | SendFailure
  | HeadFailure
  | ([E] extends [never] ? never : RequestBodyError<E>)

/** Runs a call for a fiber. Must run in an uninterruptible region. */
export const runCall = (
  call: Call,
  caller: FiberCaller,
  loop: EventLoop
): Effect.Effect<HttpResponse, HttpError> => caller.await(call, loop, () => respond(call, caller, loop))

/**
 * Delivers the response, unless the fiber was interrupted in the meantime, because it would not
 * receive it then. Must be the last step: an interruption after it is no longer seen.
 */
const respond = (call: Call, caller: FiberCaller, loop: EventLoop): Effect.Effect<HttpResponse, HttpError> => {
  // Set before the fiber was resumed.
  const outcome = call.outcome as Outcome
  if ("_tag" in outcome) return failed(outcome, caller)
  const cause = caller.interrupted()
  if (!Cause.isEmpty(cause)) return cancelled(call, cause, loop)
  const head = call.deliver(outcome)
  const response = makeResponse(outcome, head)
  return isProxyRefusal(outcome, head) ? refuse(outcome, head, response, caller) : Effect.succeed(response)
}

/** Fails as a call did. An error ends the span that it failed in, so it fails inside of it. */
export const failed = (
  outcome: Exclude<Outcome, { readonly connection: unknown }>,
  caller: FiberCaller
): Effect.Effect<never, HttpError> =>
  outcome._tag === "Failed"
    ? caller.inSpan(Effect.fail(outcome.error))
    : Effect.failCause(causeOf(outcome.defect))

/**
 * Sends a request on the connection of a handle, and returns its response when its head arrived.
 */
export const execute = <E>(
  handle: ConnectionHandle,
  request: HttpRequest<E>,
  redactedNames: RedactedNames
): Effect.Effect<HttpResponse, ExecuteFailure<E>> =>
  uninterruptedCall(
    redactedNames,
    (caller) => runCall(new HandleCall(handle, request), caller, handle.settings.loop)
  ) as Effect.Effect<HttpResponse, ExecuteFailure<E>>
