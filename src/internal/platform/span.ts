/**
 * What a span tells of a request and its response: what the platform's own clients tell, and by
 * OpenTelemetry's conventions for HTTP clients what else is known here.
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

/** What is a credential for a proxy is nobody's to see, whatever names are asked to be redacted. */
const always = "proxy-authorization"

const redacts = (names: ReadonlyArray<string | RegExp>, field: string): boolean =>
  field === always
  // `search`, because `test` with a global expression remembers where it stopped.
  || names.some((name) => typeof name === "string" ? name.toLowerCase() === field : field.search(name) >= 0)

/** How a field is told. */
interface Told {
  /** The name of its attribute. */
  readonly attribute: string
  readonly secret: boolean
  /** The last response that it was told of. */
  turn: number
}

/** Fields that have been told, by their names as they came, and in lower case. */
class ToldFields {
  readonly #prefix: string
  readonly #redacted: ReadonlyArray<string | RegExp>
  readonly #known = new Map<string, Told>()

  constructor(prefix: string, redacted: ReadonlyArray<string | RegExp>) {
    this.#prefix = prefix
    this.#redacted = redacted
  }

  get(name: string): Told {
    return this.#known.get(name) ?? this.#make(name)
  }

  /**
   * To be called before a head is told: names that a peer makes up anew each time must not stay.
   */
  tidy(): void {
    if (this.#known.size > mostTold) this.#known.clear()
  }

  #make(name: string): Told {
    // A copy, because a slice of a head keeps all of it, with the values that are nobody's to see.
    const own = Buffer.from(name, "latin1").toString("latin1")
    const field = own.toLowerCase()
    const told = this.#known.get(field) ?? {
      attribute: this.#prefix + field,
      secret: redacts(this.#redacted, field),
      turn: 0
    }
    this.#known.set(field, told)
    this.#known.set(own, told)
    return told
  }
}

const mostTold = 500

/**
 * By the names that were asked to be redacted last, which are nearly always the same. To lower the
 * case of a name, to look for it among them and to make the name of its attribute costs more than
 * all else of a span.
 */
let last: { readonly redacted: unknown; readonly request: ToldFields; readonly response: ToldFields } | undefined

const toldFields = (of: "request" | "response", redacted: ReadonlyArray<string | RegExp>): ToldFields => {
  if (last?.redacted !== redacted) {
    last = {
      redacted,
      request: new ToldFields("http.request.header.", redacted),
      response: new ToldFields("http.response.header.", redacted)
    }
  }
  const fields = last[of]
  fields.tidy()
  return fields
}

const setHeaderAttributes = (
  span: Tracer.Span,
  of: "request" | "response",
  headers: Headers.Headers,
  redacted: ReadonlyArray<string | RegExp>
): void => {
  const fields = toldFields(of, redacted)
  for (const field of Object.keys(headers)) {
    const { attribute, secret } = fields.get(field)
    span.attribute(attribute, secret ? "<redacted>" : String(headers[field]))
  }
}

let turns = 0

/** The headers of a response, without making the record of them that few ask for. */
const setFieldAttributes = (
  span: Tracer.Span,
  response: PlatformResponse,
  redacted: ReadonlyArray<string | RegExp>
): void => {
  const { fields } = response
  const known = toldFields("response", redacted)
  const turn = ++turns
  for (let i = 0; i < size(fields); i++) {
    const field = known.get(name(fields, i))
    // Its lines are told as one value.
    if (field.turn === turn) return setHeaderAttributes(span, "response", response.headers, redacted)
    field.turn = turn
    span.attribute(field.attribute, field.secret ? "<redacted>" : value(fields, i))
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

/**
 * Name and options of the span. The parent is the caller's, else that of whoever made the client.
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
