/**
 * The platform's `HttpClient` over a pool. Maps a request, sends it in the caller's fiber, and maps
 * its response or failure back. The span around it is the one of the platform's own clients.
 *
 * Built on `HttpClient.makeWith`, because `HttpClient.make` creates a `URL`, an `AbortController`
 * and a finalizer for each request, which costs more than sending it. A response is released by
 * reading it, by the scope of `HttpClient.withScope`, or by the pool.
 */
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import type { RequestError } from "@effect/platform/HttpClientError"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import type * as RuntimeFlags from "effect/RuntimeFlags"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as HttpBody from "../../HttpBody.ts"
import { fromPlatform } from "../../HttpError.ts"
import * as HttpRequest from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import type * as Tls from "../../Tls.ts"
import type { InSpan } from "../effect/caller.ts"
import { identity, Interruptible } from "../effect/caller.ts"
import type { Execute } from "../effect/connectionPool.ts"
import { executeOf } from "../effect/connectionPool.ts"
import { UnsupportedBody } from "../error/request.ts"
import { fromUrl } from "../model/origin.ts"
import type { RequestFailure } from "./errors.ts"
import { requestError } from "./errors.ts"
import { isReady } from "./parts.ts"
import type { RequestOptions } from "./references.ts"
import { CurrentOptions, merge } from "./references.ts"
import { ReleaseId } from "./release.ts"
import { toRequest } from "./request.ts"
import { PlatformResponse } from "./response.ts"
import type { ConnectionOptions } from "./route.ts"
import { applyOptions } from "./route.ts"
import { scoped, scopeOf } from "./scoped.ts"
import { setFailureAttributes, setRequestAttributes, setResponseAttributes, spanOf } from "./span.ts"
import { spanUrlOf, targetOf } from "./url.ts"

/** The part of a pool that the client needs. */
export interface Pool {
  execute(request: HttpRequest.HttpRequest<unknown>): Effect.Effect<HttpResponse, RequestFailure>
  /** The options of connections for requests that have none. */
  readonly connectionOptions?: ConnectionOptions | undefined
}

type Sent = Effect.Effect<PlatformResponse, RequestError>

type Running = Fiber.RuntimeFiber<unknown, unknown>

/**
 * Creates a client; `inherited` is the context that it was created in. It applies if the context of
 * a request lacks a service.
 */
export const make = (pool: Pool, inherited: Context.Context<never> = Context.empty()): HttpClient.HttpClient => {
  const client = new Client(pool, inherited)
  return HttpClient.makeWith(
    // The request is available at once if no `mapRequest` was added.
    (sending: Effect.Effect<HttpClientRequest>) =>
      isReady(sending) ? client.execute(sending.value) : Effect.flatMap(sending, (request) => client.execute(request)),
    Effect.succeed
  )
}

class Client {
  readonly #execute: Execute<RequestFailure>
  readonly #connectionOptions: ConnectionOptions | undefined
  readonly #inherited: Context.Context<never>

  constructor(pool: Pool, inherited: Context.Context<never>) {
    this.#execute = executeOf(pool)
    this.#connectionOptions = pool.connectionOptions
    this.#inherited = inherited
  }

  execute(request: HttpClientRequest): Sent {
    return Effect.withFiberRuntime<PlatformResponse, RequestError>((fiber, { runtimeFlags }) => {
      const scope = scopeOf(request, fiber.currentContext)
      return scope === undefined
        ? this.#run(request, fiber, runtimeFlags)
        : scoped(
          request,
          Effect.withFiberRuntime((fiber, { runtimeFlags }) => this.#run(request, fiber, runtimeFlags)),
          scope
        )
    })
  }

  #run(request: HttpClientRequest, fiber: Running, flags: RuntimeFlags.RuntimeFlags): Sent {
    const traced = fiber.getFiberRef(FiberRef.currentTracerEnabled)
      && !fiber.getFiberRef(HttpClient.currentTracerDisabledWhen)(request)
    return Effect.uninterruptible(traced ? this.#traced(request, fiber, flags) : this.#untraced(request, fiber, flags))
  }

  #untraced(request: HttpClientRequest, fiber: Running, flags: RuntimeFlags.RuntimeFlags): Sent {
    const ready = this.#prepare(request, targetOf(request), undefined, fiber.currentContext)
    if ("_tag" in ready) return Effect.fail(requestError(request, ready))
    return Effect.matchEffect(this.#execute(ready, fiber, flags, identity, undefined), {
      onFailure: (error) => Effect.fail(requestError(request, error)),
      onSuccess: (response) => Effect.succeed(new PlatformResponse(request, response, undefined))
    })
  }

  #prepare(
    request: HttpClientRequest,
    target: string,
    trace: Headers.Headers | undefined,
    context: Context.Context<never>
  ): HttpRequest.HttpRequest<unknown> | RequestFailure {
    const options = this.#options(context)
    const routed = options === undefined ? undefined : applyOptions(target, options, this.#connectionOptions)
    if (routed !== undefined && Either.isLeft(routed)) return routed.left
    const ready = toRequest(request, routed?.right.target ?? target, trace, routed?.right.options)
    return ready instanceof UnsupportedBody || ready.body._tag !== "Streaming" ? ready : this.#within(ready, ready.body)
  }

  /** Returns the options of the request, merged over those of the client. */
  #options(context: Context.Context<never>): RequestOptions | undefined {
    const { key } = CurrentOptions
    const own = context.unsafeMap.get(key) as RequestOptions | undefined
    const inherited = this.#inherited.unsafeMap.get(key) as RequestOptions | undefined
    return own === undefined || inherited === undefined ? own ?? inherited : merge(inherited, own)
  }

  /** Adds the context of the client to a body that is a stream, as the platform's own layers do. */
  #within(
    request: HttpRequest.HttpRequest<unknown>,
    { contentType, length, replayable, stream }: HttpBody.Streaming<unknown>
  ): HttpRequest.HttpRequest<unknown> {
    if (this.#inherited.unsafeMap.size === 0) return request
    const provided = Stream.mapInputContext(
      stream,
      (context: Context.Context<never>) => Context.merge(this.#inherited, context)
    )
    return HttpRequest.setBody(request, HttpBody.stream(provided, { contentType, length, replayable }))
  }

  /**
   * Sends a request within a span, which ends when the head has arrived, as in the platform's
   * clients.
   */
  #traced(request: HttpClientRequest, fiber: Running, flags: RuntimeFlags.RuntimeFlags): Sent {
    const target = targetOf(request)
    const read = fromUrl<Tls.Input>(target, undefined)
    const parsed = "_tag" in read ? undefined : read
    const url = spanUrlOf(request, target, parsed)
    // A URL that cannot be requested has no span.
    if ("_tag" in read && (url === undefined || url.hasCredentials)) return Effect.fail(requestError(request, read))
    const caller = new Interruptible(fiber, flags)
    const { name, options } = spanOf(fiber, this.#inherited, request)
    const redacted = fiber.getFiberRef(Headers.currentRedactedNames)

    // Written out, because `useSpan` and `withParentSpan` cost 35 operations together.
    return Effect.flatMap(Effect.makeSpan(name, options), (span) => {
      const inSpan: InSpan = (effect) => Effect.provideService(effect, Tracer.ParentSpan, span)
      let trace: Headers.Headers | undefined
      // A suspension, so that an exception in here, such as of the caller's tracer, ends the span.
      const send = Effect.suspend((): Effect.Effect<HttpResponse, RequestError> => {
        setRequestAttributes(span, request, url, redacted)
        trace = fiber.getFiberRef(HttpClient.currentTracerPropagation) ? HttpTraceContext.toHeaders(span) : undefined
        const ready = this.#prepare(request, target, trace, fiber.currentContext)
        if ("_tag" in ready) return inSpan(Effect.fail(requestError(request, ready)))
        // The caller may have been interrupted while the span was created. In that case nothing is
        // sent.
        const interrupted = caller.interrupted()
        if (!Cause.isEmpty(interrupted)) return Effect.failCause(interrupted)
        // If `#prepare` has parsed the URL itself, the request has an origin, which takes
        // precedence.
        return Effect.catchAll(
          this.#execute(ready, fiber, flags, inSpan, parsed),
          (error) => inSpan(Effect.fail(requestError(request, error)))
        )
      })
      return Effect.matchCauseEffect(send, {
        onFailure: (cause) => {
          const failure = Cause.failureOption(cause)
          if (failure._tag === "Some") {
            const error = fromPlatform(failure.value)
            if (error._tag === "Some") setFailureAttributes(span, error.value)
          }
          end(span, fiber, Exit.failCause(cause))
          return Effect.failCause(cause)
        },
        onSuccess: (source) => {
          const response = new PlatformResponse(request, source, trace)
          const interrupted = caller.interrupted()
          try {
            setResponseAttributes(span, response, redacted)
            // The exit must not hold the response, because an exporter may keep spans for long.
            end(span, fiber, Cause.isEmpty(interrupted) ? Exit.void : Exit.failCause(interrupted))
          } catch (error) {
            return this.#broken(span, fiber, response, error)
          }
          // If the caller was interrupted, it would not receive the response. The runtime sees the
          // interruption when this returns.
          return Cause.isEmpty(interrupted) ? Effect.succeed(response) : Effect.as(response[ReleaseId], response)
        }
      })
    })
  }

  /**
   * Handles an exception of the caller's tracer: releases the response, which the caller cannot
   * receive.
   */
  #broken(span: Tracer.Span, fiber: Running, response: PlatformResponse, error: unknown): Effect.Effect<never> {
    return Effect.ensuring(
      Effect.suspend(() => {
        end(span, fiber, Exit.die(error))
        return Effect.die(error)
      }),
      response[ReleaseId]
    )
  }
}

const end = (span: Tracer.Span, fiber: Running, exit: Exit.Exit<unknown, unknown>): void => {
  if (span.status._tag === "Ended") return
  const timed = fiber.getFiberRef(FiberRef.currentTracerTimingEnabled)
  span.end(timed ? Context.get(fiber.currentDefaultServices, Clock.Clock).unsafeCurrentTimeNanos() : 0n, exit)
}
