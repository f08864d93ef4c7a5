/**
 * `HttpClient.withScope`: a request ends with the scope that is around it, and so does its response.
 *
 * The platform notes such requests in a registry, each with an `AbortController` that the scope's end aborts.
 */
import type { RequestError } from "@effect/platform/HttpClientError"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { globalValue } from "effect/GlobalValue"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { ConnectionClosed } from "../error/state.ts"
import { requestError } from "./errors.ts"
import { ReleaseId } from "./release.ts"
import type { PlatformResponse } from "./response.ts"

const scopedRequests = globalValue(
  "@effect/platform/HttpClient/scopedRequests",
  () => new WeakMap<HttpClientRequest, AbortController>()
)

/** What ends a request early. */
export interface RequestScope {
  readonly scope: Scope.Scope
  readonly signal: AbortSignal
}

/** The scope of a request that has one. */
export const scopeOf = (request: HttpClientRequest, context: Context.Context<never>): RequestScope | undefined => {
  const controller = scopedRequests.get(request)
  if (controller === undefined) return undefined
  const scope = Context.getOption(context, Scope.Scope)
  return Option.isNone(scope) ? undefined : { scope: scope.value, signal: controller.signal }
}

/**
 * Ends a response with a scope. Once its body was read nothing of it is held any longer: a scope may last as long as the program.
 */
const tie = (response: PlatformResponse, scope: Scope.Scope): Effect.Effect<void> => {
  let tied: PlatformResponse | undefined = response
  response.whenRead(() => {
    tied = undefined
  })
  return Scope.addFinalizer(scope, Effect.suspend(() => tied === undefined ? Effect.void : tied[ReleaseId]))
}

/** Calls back when the scope ends. Returns how to forget it. */
const whenEnded = (signal: AbortSignal, callback: () => void): () => void => {
  if (signal.aborted) callback()
  else signal.addEventListener("abort", callback, { once: true })
  return () => signal.removeEventListener("abort", callback)
}

/**
 * A request that the end of its scope ends, or its response. It runs in a fiber of its own, which can be interrupted where the
 * caller is not.
 */
export const scoped = (
  request: HttpClientRequest,
  sent: Effect.Effect<PlatformResponse, RequestError>,
  { scope, signal }: RequestScope
): Effect.Effect<PlatformResponse, RequestError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkDaemon(Effect.interruptible(sent)), (fiber) => {
      const forget = whenEnded(signal, () => fiber.unsafeInterruptAsFork(fiber.id()))
      const ended = Effect.onInterrupt(restore(Fiber.await(fiber)), () => {
        forget()
        return Effect.flatMap(
          Fiber.interrupt(fiber),
          (exit) => Exit.isSuccess(exit) ? exit.value[ReleaseId] : Effect.void
        )
      })
      return Effect.flatMap(ended, (exit) => {
        forget()
        if (Exit.isSuccess(exit)) return Effect.as(tie(exit.value, scope), exit.value)
        return signal.aborted && Exit.isInterrupted(exit)
          ? Effect.fail(requestError(request, new ConnectionClosed({ reason: "the scope of the request has ended" })))
          : exit
      })
    })
  )
