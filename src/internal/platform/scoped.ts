/**
 * `HttpClient.withScope`: a request and its response end with the surrounding scope.
 *
 * The platform registers such requests, each with an `AbortController` that is aborted when the
 * scope closes.
 */
import type { RequestError } from "@effect/platform/HttpClientError"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { globalValue } from "effect/GlobalValue"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { HttpResponse } from "../../HttpResponse.ts"
import { awaitFiber, interruptFiber } from "../effect/wait.ts"
import { ConnectionClosed } from "../error/state.ts"
import { nodeEventLoop } from "../node/eventLoop.ts"
import { requestError } from "./errors.ts"
import { ReleaseId } from "./release.ts"
import type { PlatformResponse } from "./response.ts"
import { SourceId } from "./response.ts"

/** The registry of the platform's `withScope`: requests that end with a scope, by identity. */
export const scopedRequests = globalValue(
  "@effect/platform/HttpClient/scopedRequests",
  () => new WeakMap<HttpClientRequest, AbortController>()
)

/** The scope of a request, and the signal that ends the request early. */
export interface RequestScope {
  readonly scope: Scope.Scope
  readonly signal: AbortSignal
}

/** Returns the scope of a request, if it has one. */
export const scopeOf = (request: HttpClientRequest, context: Context.Context<never>): RequestScope | undefined => {
  const controller = scopedRequests.get(request)
  if (controller === undefined) return undefined
  const scope = Context.getOption(context, Scope.Scope)
  return Option.isNone(scope) ? undefined : { scope: scope.value, signal: controller.signal }
}

/** The responses that end with a scope. */
interface Ties {
  readonly open: Set<HttpResponse>
  /** The number of responses at which the ended ones are removed. */
  threshold: number
  ended: boolean
}

const minThreshold = 32

const tiesOf = new WeakMap<Scope.Scope, Ties>()

/** Returns how many responses a scope holds. */
export const tiedTo = (scope: Scope.Scope): number => tiesOf.get(scope)?.open.size ?? 0

/**
 * True if nothing of a response can arrive or be read any more, so its connection is no longer
 * assigned to it.
 */
const isOver = (source: HttpResponse): Effect.Effect<boolean> =>
  source.timings.total === undefined ? source.closed : Effect.succeed(true)

const makeTies = (scope: Scope.Scope): Effect.Effect<Ties> =>
  Effect.suspend(() => {
    const ties: Ties = { open: new Set(), threshold: minThreshold, ended: false }
    tiesOf.set(scope, ties)
    const end = Effect.suspend(() => {
      ties.ended = true
      const open = [...ties.open]
      ties.open.clear()
      return Effect.forEach(open, (source) => source.close, { discard: true })
    })
    return Effect.as(Scope.addFinalizer(scope, end), ties)
  })

/**
 * Ties a response to a scope. A scope may last as long as the program, so responses that have ended
 * are removed. A complete response is not tied, and one that was read is removed at once. Responses
 * that were released otherwise are searched for when there are many.
 */
const tie = (response: PlatformResponse, scope: Scope.Scope): Effect.Effect<void> =>
  Effect.gen(function*() {
    const source = response[SourceId]
    if (yield* isOver(source)) return
    const ties = tiesOf.get(scope) ?? (yield* makeTies(scope))
    if (ties.ended) return yield* source.close
    ties.open.add(source)
    response.whenRead(() => {
      ties.open.delete(source)
    })
    if (ties.open.size < ties.threshold) return
    for (const other of ties.open) {
      if (yield* isOver(other)) ties.open.delete(other)
    }
    ties.threshold = Math.max(minThreshold, 2 * ties.open.size)
  })

/** Calls back when the scope closes. Returns a function that removes the listener. */
const whenEnded = (signal: AbortSignal, callback: () => void): () => void => {
  if (signal.aborted) callback()
  else signal.addEventListener("abort", callback, { once: true })
  return () => signal.removeEventListener("abort", callback)
}

/**
 * Sends a request that ends with its scope, as its response does. It runs in a separate fiber,
 * which can be interrupted even if the caller cannot.
 */
export const scoped = (
  request: HttpClientRequest,
  sent: Effect.Effect<PlatformResponse, RequestError>,
  { scope, signal }: RequestScope
): Effect.Effect<PlatformResponse, RequestError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkDaemon(Effect.interruptible(sent)), (fiber) => {
      const context = nodeEventLoop.captureContext()
      const removeListener = whenEnded(signal, () => context.run(() => fiber.unsafeInterruptAsFork(fiber.id())))
      const ended = Effect.onInterrupt(restore(awaitFiber(nodeEventLoop, fiber)), () => {
        removeListener()
        return Effect.flatMap(
          interruptFiber(nodeEventLoop, fiber),
          (exit) => Exit.isSuccess(exit) ? exit.value[ReleaseId] : Effect.void
        )
      })
      return Effect.flatMap(ended, (exit) => {
        removeListener()
        if (Exit.isSuccess(exit)) return Effect.as(tie(exit.value, scope), exit.value)
        return signal.aborted && Exit.isInterrupted(exit)
          ? Effect.fail(requestError(request, new ConnectionClosed({ reason: "the scope of the request has ended" })))
          : exit
      })
    })
  )
