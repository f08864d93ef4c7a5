/**
 * The attributes of a span for a request and its response: those of the platform's own clients, and
 * others by OpenTelemetry's conventions for HTTP clients.
 */
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"
import type { ConnectionInfo, HttpError } from "../../HttpError.ts"
import { peerOf } from "../effect/response.ts"
import { name, size, value } from "../model/fields.ts"
import type { PlatformResponse } from "./response.ts"
import { SourceId } from "./response.ts"
import type { SpanUrl } from "./url.ts"

/** Proxy credentials are always redacted, whichever names are configured. */
const always = "proxy-authorization"

const redacts = (names: ReadonlyArray<string | RegExp>, field: string): boolean =>
  field === always
  // `search`, because `test` with a global expression remembers its last position.
  || names.some((name) => typeof name === "string" ? name.toLowerCase() === field : field.search(name) >= 0)

/** How a field becomes an attribute. */
interface FieldAttribute {
  /** The name of its attribute. */
  readonly attribute: string
  readonly secret: boolean
  /** The number of the last response that had the field. */
  lastResponse: number
}

/** A cache of the attributes of fields, by their names as received and in lower case. */
class AttributeCache {
  readonly #prefix: string
  readonly #redacted: ReadonlyArray<string | RegExp>
  readonly #known = new Map<string, FieldAttribute>()

  constructor(prefix: string, redacted: ReadonlyArray<string | RegExp>) {
    this.#prefix = prefix
    this.#redacted = redacted
  }

  get(name: string): FieldAttribute {
    return this.#known.get(name) ?? this.#make(name)
  }

  /**
   * Must be called before each head. Removes old names, because a peer may invent new ones each
   * time.
   */
  evict(): void {
    if (this.#known.size > maxCached) this.#known.clear()
  }

  #make(name: string): FieldAttribute {
    // A copy, because a slice of a head retains the whole head, with values that must stay secret.
    const copy = Buffer.from(name, "latin1").toString("latin1")
    const field = copy.toLowerCase()
    const cached = this.#known.get(field) ?? {
      attribute: this.#prefix + field,
      secret: redacts(this.#redacted, field),
      lastResponse: 0
    }
    this.#known.set(field, cached)
    this.#known.set(copy, cached)
    return cached
  }
}

const maxCached = 500

/**
 * The caches for the last redacted names, which are nearly always the same. For each field they
 * save lower-casing its name, matching it and building its attribute's name. Together these cost
 * more than the rest of a span.
 */
let last:
  | { readonly redacted: unknown; readonly request: AttributeCache; readonly response: AttributeCache }
  | undefined

const attributesFor = (of: "request" | "response", redacted: ReadonlyArray<string | RegExp>): AttributeCache => {
  if (last?.redacted !== redacted) {
    last = {
      redacted,
      request: new AttributeCache("http.request.header.", redacted),
      response: new AttributeCache("http.response.header.", redacted)
    }
  }
  const fields = last[of]
  fields.evict()
  return fields
}

const setHeaderAttributes = (
  span: Tracer.Span,
  of: "request" | "response",
  headers: Headers.Headers,
  redacted: ReadonlyArray<string | RegExp>
): void => {
  const fields = attributesFor(of, redacted)
  for (const field of Object.keys(headers)) {
    const { attribute, secret } = fields.get(field)
    span.attribute(attribute, secret ? "<redacted>" : String(headers[field]))
  }
}

let responses = 0

/** Sets the headers of a response, without creating the record of them, which few callers need. */
const setFieldAttributes = (
  span: Tracer.Span,
  response: PlatformResponse,
  redacted: ReadonlyArray<string | RegExp>
): void => {
  const { fields } = response
  const known = attributesFor("response", redacted)
  const lastResponse = ++responses
  for (let i = 0; i < size(fields); i++) {
    const field = known.get(name(fields, i))
    // Several lines of one field are one value.
    if (field.lastResponse === lastResponse) return setHeaderAttributes(span, "response", response.headers, redacted)
    field.lastResponse = lastResponse
    span.attribute(field.attribute, field.secret ? "<redacted>" : value(fields, i))
  }
}

/**
 * Returns a service of the caller's context, or else of the context that the client was created in.
 */
const inherit = <I, S>(
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  inherited: Context.Context<never>,
  tag: Context.Tag<I, S> | Context.Reference<I, S>
): S | undefined => (fiber.currentContext.unsafeMap.get(tag.key) ?? inherited.unsafeMap.get(tag.key)) as S | undefined

/** Returns the nearest span that propagates to children. */
const propagated = (span: Tracer.AnySpan | undefined): Tracer.AnySpan | undefined => {
  let at = span
  while (at !== undefined && Context.get(at.context, Tracer.DisablePropagation)) {
    at = at._tag === "Span" && at.parent._tag === "Some" ? at.parent.value : undefined
  }
  return at
}

/**
 * Returns name and options of the span. The parent is the caller's span, or else the span in which
 * the client was created.
 */
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

export const setRequestAttributes = (
  span: Tracer.Span,
  request: HttpClientRequest,
  url: SpanUrl | undefined,
  redacted: ReadonlyArray<string | RegExp>
): void => {
  span.attribute("http.request.method", request.method)
  if (url !== undefined) {
    span.attribute("server.address", url.origin)
    if (url.port !== "") span.attribute("server.port", Number(url.port))
    span.attribute("url.full", url.href)
    span.attribute("url.path", url.path)
    span.attribute("url.scheme", url.scheme)
    if (url.query !== "") span.attribute("url.query", url.query)
  }
  setHeaderAttributes(span, "request", request.headers, redacted)
}

const setPeerAttributes = (
  span: Tracer.Span,
  { remoteAddress, remotePort }: Pick<ConnectionInfo, "remoteAddress" | "remotePort">
): void => {
  if (remoteAddress !== undefined) span.attribute("network.peer.address", remoteAddress)
  if (remotePort !== undefined) span.attribute("network.peer.port", remotePort)
}

const setResendCount = (span: Tracer.Span, resends: number): void => {
  if (resends > 0) span.attribute("http.request.resend_count", resends)
}

export const setResponseAttributes = (
  span: Tracer.Span,
  response: PlatformResponse,
  redacted: ReadonlyArray<string | RegExp>
): void => {
  const source = response[SourceId]
  const { resends, status, version } = source
  span.attribute("http.response.status_code", status)
  setFieldAttributes(span, response, redacted)
  span.attribute("network.protocol.version", version === 11 ? "1.1" : "1.0")
  setPeerAttributes(span, peerOf(source))
  setResendCount(span, resends)
  if (status >= 400) span.attribute("error.type", String(status))
}

export const setFailureAttributes = (span: Tracer.Span, { _tag, context }: HttpError): void => {
  span.attribute("error.type", _tag)
  if (context.connection !== undefined) setPeerAttributes(span, context.connection)
  setResendCount(span, context.resends)
}
