/**
 * What a span tells of a request and its response: what the platform's own clients tell, and by OpenTelemetry's conventions for
 * HTTP clients what else is known here.
 */
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"
import type { ConnectionInfo, HttpError } from "../../HttpError.ts"
import type { PlatformResponse } from "./response.ts"
import { SourceId } from "./response.ts"

/** What is a credential for a proxy is nobody's to see, whatever names are asked to be redacted. */
const always = "proxy-authorization"

const redacts = (names: ReadonlyArray<string | RegExp>, field: string): boolean =>
  field === always
  // `search`, because `test` with a global expression remembers where it stopped.
  || names.some((name) => typeof name === "string" ? name.toLowerCase() === field : field.search(name) >= 0)

const tellHeaders = (
  span: Tracer.Span,
  prefix: string,
  headers: Headers.Headers,
  redacted: ReadonlyArray<string | RegExp>
): void => {
  for (const field of Object.keys(headers)) {
    span.attribute(prefix + field, redacts(redacted, field) ? "<redacted>" : String(headers[field]))
  }
}

/** What a context has of a tag, else what the context has in which the client was made. */
const inherit = <I, S>(
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  inherited: Context.Context<never>,
  tag: Context.Tag<I, S> | Context.Reference<I, S>
): S | undefined => (fiber.currentContext.unsafeMap.get(tag.key) ?? inherited.unsafeMap.get(tag.key)) as S | undefined

/** The nearest span that children may be told to. */
const propagated = (span: Tracer.AnySpan | undefined): Tracer.AnySpan | undefined => {
  let at = span
  while (at !== undefined && Context.get(at.context, Tracer.DisablePropagation)) {
    at = at._tag === "Span" && at.parent._tag === "Some" ? at.parent.value : undefined
  }
  return at
}

/** Name and options of the span. The parent is the caller's, else that of whoever made the client. */
export const spanOf = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  inherited: Context.Context<never>,
  request: HttpClientRequest
): { readonly name: string; readonly options: Tracer.SpanOptions } => {
  const generator = inherit(fiber, inherited, HttpClient.SpanNameGenerator)
  const parent = fiber.currentSpan === undefined
    ? propagated(inherited.unsafeMap.get(Tracer.ParentSpan.key) as Tracer.AnySpan | undefined)
    : undefined
  return {
    name: (generator ?? Context.get(inherited, HttpClient.SpanNameGenerator))(request),
    options: { kind: "client", captureStackTrace: false, ...(parent === undefined ? undefined : { parent }) }
  }
}

export const tellRequest = (
  span: Tracer.Span,
  request: HttpClientRequest,
  url: URL | undefined,
  redacted: ReadonlyArray<string | RegExp>
): void => {
  span.attribute("http.request.method", request.method)
  if (url !== undefined) {
    span.attribute("server.address", url.origin)
    if (url.port !== "") span.attribute("server.port", Number(url.port))
    span.attribute("url.full", url.href)
    span.attribute("url.path", url.pathname)
    span.attribute("url.scheme", url.protocol.slice(0, -1))
    if (url.search.length > 1) span.attribute("url.query", url.search.slice(1))
  }
  tellHeaders(span, "http.request.header.", request.headers, redacted)
}

const tellPeer = (span: Tracer.Span, { remoteAddress, remotePort }: ConnectionInfo): void => {
  if (remoteAddress !== undefined) span.attribute("network.peer.address", remoteAddress)
  if (remotePort !== undefined) span.attribute("network.peer.port", remotePort)
}

const tellResends = (span: Tracer.Span, resends: number): void => {
  if (resends > 0) span.attribute("http.request.resend_count", resends)
}

export const tellResponse = (
  span: Tracer.Span,
  response: PlatformResponse,
  redacted: ReadonlyArray<string | RegExp>
): void => {
  const { connection, resends, status, version } = response[SourceId]
  span.attribute("http.response.status_code", status)
  tellHeaders(span, "http.response.header.", response.headers, redacted)
  span.attribute("network.protocol.version", version === 11 ? "1.1" : "1.0")
  tellPeer(span, connection)
  tellResends(span, resends)
  if (status >= 400) span.attribute("error.type", String(status))
}

export const tellFailure = (span: Tracer.Span, { _tag, context }: HttpError): void => {
  span.attribute("error.type", _tag)
  if (context.connection !== undefined) tellPeer(span, context.connection)
  tellResends(span, context.resends)
}
