/**
 * The client span around `execute` of a pool or a connection. Name, attributes and propagation are
 * those of the platform's client over the pool, by the same references (`SpanNameGenerator`,
 * `currentTracerDisabledWhen`, `currentTracerPropagation`, redacted names).
 */
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import type * as Tracer from "effect/Tracer"
import { isHttpError } from "../../HttpError.ts"
import * as HttpRequest from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import * as Origin from "../../Origin.ts"
import type * as Tls from "../../Tls.ts"
import { uninterrupted } from "../effect/caller.ts"
import type { Trace } from "../effect/trace.ts"
import { fromUrl } from "../model/origin.ts"
import { headersOf } from "./headers.ts"
import { PlatformResponse } from "./response.ts"
import { setFailureAttributes, setRequestAttributes, setResponseAttributes, spanOf } from "./span.ts"
import { spanUrlOf } from "./url.ts"

/** Returns the URL of a request, whose target may be only a path. */
const urlOf = ({ origin, target }: HttpRequest.HttpRequest<unknown>, connected: Origin.Origin | undefined): string => {
  const destination = connected ?? origin
  return destination === undefined || !target.startsWith("/")
    ? target
    : `${destination.scheme}://${Origin.authority(destination)}${target}`
}

const setCauseAttributes = (span: Tracer.Span, cause: Cause.Cause<unknown>): void => {
  const failure = Cause.failureOption(cause)
  if (failure._tag === "Some" && isHttpError(failure.value)) setFailureAttributes(span, failure.value)
}

/** True for a valid request. Untyped code may pass others, which the pool or connection refuses. */
const isWhole = (request: HttpRequest.HttpRequest<unknown>): boolean =>
  HttpRequest.isHttpRequest(request) && typeof request.target === "string" && typeof request.method === "string"

export const trace: Trace = <E, F>(
  request: HttpRequest.HttpRequest<E>,
  origin: Origin.Origin | undefined,
  send: (request: HttpRequest.HttpRequest<E>) => Effect.Effect<HttpResponse, F>
): Effect.Effect<HttpResponse, F> =>
  Effect.withFiberRuntime<HttpResponse, F>((fiber) => {
    if (!isWhole(request) || !fiber.getFiberRef(FiberRef.currentTracerEnabled)) return send(request)
    const target = urlOf(request, origin)
    const shown = HttpClientRequest.setHeaders(
      HttpClientRequest.make(request.method as HttpMethod)(target),
      headersOf(request.fields)
    )
    if (fiber.getFiberRef(HttpClient.currentTracerDisabledWhen)(shown)) return send(request)
    const read = fromUrl<Tls.Input>(target, undefined)
    const url = "_tag" in read ? undefined : spanUrlOf(shown, target, read)
    // A URL that cannot be requested has no span.
    if (url === undefined) return send(request)
    const { name, options } = spanOf(fiber, Context.empty(), shown)
    const redacted = fiber.getFiberRef(Headers.currentRedactedNames)
    return uninterrupted((caller) =>
      Effect.useSpan(name, options, (span) => {
        setRequestAttributes(span, shown, url, redacted)
        const propagates = fiber.getFiberRef(HttpClient.currentTracerPropagation)
        const fields: Readonly<Record<string, string>> = propagates ? HttpTraceContext.toHeaders(span) : {}
        let traced = request
        for (const [name, value] of Object.entries(fields)) traced = HttpRequest.setHeader(traced, name, value)
        const sent = Effect.withParentSpan(caller.restore(send(traced)), span)
        return Effect.flatMap(
          Effect.tapErrorCause(sent, (cause) => Effect.sync(() => setCauseAttributes(span, cause))),
          (response) => {
            setResponseAttributes(span, new PlatformResponse(shown, response, undefined), redacted)
            // An interrupted caller would not receive the response, so it is closed.
            const interrupted = caller.interrupted()
            return Cause.isEmpty(interrupted)
              ? Effect.succeed(response)
              : Effect.zipRight(response.close, Effect.failCause(interrupted))
          }
        )
      })
    )
  })
