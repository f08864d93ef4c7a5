/**
 * Prepares a request for sending: checks everything about it before anything is opened or written.
 */
import type { HttpBody } from "../../HttpBody.ts"
import type { InvalidRequest } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import type * as Origin from "../../Origin.ts"
import { copyOf } from "../error/base.ts"
import type { AddressRefused } from "../error/connect.ts"
import { InvalidOption } from "../error/request.ts"
import type { BodyLengthMismatch } from "../error/send.ts"
import type { BodySource, Host } from "../model/ports.ts"
import { fieldsToForward } from "../model/proxy.ts"
import type { OnInformational } from "../model/requestOptions.ts"
import { notListener, notRecord } from "../options.ts"
import type { BodyEncoder } from "../protocol/bodyEncoder.ts"
import { encoderFor } from "../protocol/bodyEncoder.ts"
import type { Content, EncodedHead } from "../protocol/encode.ts"
import { checkMethod, encodeHead } from "../protocol/encode.ts"
import type { Target } from "../protocol/target.ts"
import { resolveServer, resolveTarget } from "../protocol/target.ts"
import { listHas } from "../syntax/token.ts"
import type { Asked } from "./about.ts"
import { forwarded, withContextAt } from "./about.ts"
import { refusedTarget } from "./addressing.ts"
import { Terms } from "./errorContext.ts"
import type { Settings } from "./settings.ts"
import { toLimits, toMillis } from "./settings.ts"

/** A request that can be sent. */
export class Prepared {
  readonly head: EncodedHead
  /** A body in memory. */
  readonly bytes: Uint8Array | undefined
  /** A body that arrives in pieces. */
  readonly source: BodySource | undefined
  readonly encoder: BodyEncoder
  readonly terms: Terms
  readonly onInformational: OnInformational | undefined

  constructor(
    head: EncodedHead,
    bytes: Uint8Array | undefined,
    source: BodySource | undefined,
    encoder: BodyEncoder,
    terms: Terms,
    onInformational: OnInformational | undefined
  ) {
    this.head = head
    this.bytes = bytes
    this.source = source
    this.encoder = encoder
    this.terms = terms
    this.onInformational = onInformational
  }
}

/** Why a request cannot be sent. */
export type Unprepared = InvalidRequest | BodyLengthMismatch | AddressRefused

/** True if the trailers become known when the body has been written. */
const areLate = ({ trailers }: Pick<HttpRequest<unknown>, "trailers">): boolean => !HttpFields.isHttpFields(trailers)

/**
 * True if a request can be sent again. If trailers are an Effect that depends on a stream, such as
 * a digest, a retry would count the data of both attempts.
 */
export const isReplayable = (request: Pick<HttpRequest<unknown>, "body" | "trailers">): boolean =>
  request.body._tag !== "Streaming" || (request.body.replayable && !areLate(request))

const noContent: Content = { kind: "none" }

/** Describes a body for the head. */
export const contentOf = (body: HttpBody<unknown>): Content => {
  switch (body._tag) {
    case "Empty":
      return noContent
    case "Bytes":
      return { kind: "known", length: body.bytes.length }
    case "Streaming":
      return body.length === undefined ? { kind: "unknown" } : { kind: "known", length: body.length }
  }
}

/** Returns the source of a body, if it or its trailers arrive later. */
export const sourceOf = (
  host: Pick<Host, "bodySource">,
  body: HttpBody<unknown>,
  lateTrailers: unknown
): BodySource | undefined =>
  body._tag === "Streaming" || lateTrailers !== undefined ? host.bodySource(body, lateTrailers) : undefined

const authorization = "Proxy-Authorization"
const connection = "Connection"

/**
 * Returns the fields of a request to an origin, and the proxy's fields if it forwards the request.
 * A field of the request replaces the proxy's.
 */
export const withProxyFields = (origin: Origin.Origin, fields: HttpFields.HttpFields): HttpFields.HttpFields => {
  if (!forwarded(origin) || origin.proxy === undefined) return fields
  let all = fields
  const hopByHop = new Map(HttpFields.has(fields, authorization) ? [[authorization.toLowerCase(), authorization]] : [])
  for (const [name, value] of fieldsToForward(origin.proxy)) {
    if (HttpFields.has(fields, name)) continue
    all = HttpFields.append(all, name, value)
    hopByHop.set(name.toLowerCase(), name)
  }
  return hopByHop.size === 0 ? all : nameInConnection(all, [...hopByHop.values()])
}

/**
 * Names fields in Connection, so that the proxy removes them when it forwards the request (RFC 9110
 * section 7.6.1). They are in one line before all others, because tinyproxy 1.11 obeys only the
 * first line. It passes on even Proxy-Authorization unless that is named there.
 */
const nameInConnection = (fields: HttpFields.HttpFields, names: ReadonlyArray<string>): HttpFields.HttpFields => {
  const given = HttpFields.getAll(fields, connection).filter((line) => line.trim() !== "")
  // The encoder would add a separate line for it.
  const te = HttpFields.has(fields, "TE") && !given.some((line) => listHas(line, "te")) ? ["TE"] : []
  const line = HttpFields.fromInput([[connection, [...given, ...te, ...names].join(", ")]])
  return HttpFields.fromInput([...line, ...HttpFields.remove(fields, connection)])
}

/** Returns the fields of a request, and the one that an option stands for. */
export const askedFields = ({ acceptTrailers, fields }: HttpRequest<unknown>): HttpFields.HttpFields =>
  acceptTrailers && !HttpFields.has(fields, "TE") ? HttpFields.append(fields, "TE", "trailers") : fields

/** Returns the target of a request to an origin. */
export const targetFor = (
  origin: Origin.Origin,
  { method, target, targetForm = "origin" }: Pick<HttpRequest<unknown>, "method" | "target" | "targetForm">
): ReturnType<typeof resolveTarget> => {
  const form = forwarded(origin) || targetForm === "absolute" ? "absolute" : "origin"
  return targetForm === "asterisk"
    ? resolveServer(method, target, origin, form)
    : resolveTarget(method, target, origin, form)
}

/** Returns the part of a request that an error can name before the request is prepared. */
export const askedOf = (origin: Origin.Origin, request: HttpRequest<unknown>): Asked | undefined => {
  const { method } = request
  if (checkMethod(method) !== undefined) return undefined
  const target = targetFor(origin, request)
  return "_tag" in target ? { method } : { method, target }
}

/** The details of one attempt. */
export interface Attempt {
  /** The number of times that it was sent before. */
  readonly resends: number
  /** True if `Expect: 100-continue` is sent. */
  readonly expectContinue: boolean
}

const plain: Attempt = { resends: 0, expectContinue: false }
const expecting: Attempt = { resends: 0, expectContinue: true }

/**
 * Returns the first attempt. A server of HTTP/1.0 sends no 100 (RFC 9110 section 15.2), so waiting
 * for it would only cost time.
 */
export const firstAttempt = ({ expectContinue }: HttpRequest<unknown>, isLegacy = false): Attempt =>
  expectContinue && !isLegacy ? expecting : plain

/** The settings with which a request is prepared. */
export interface PrepareSettings extends Pick<Settings, "addresses" | "leniency" | "limits" | "timeouts"> {
  readonly host: Pick<Host, "bodySource" | "millisOf">
}

/** Checks and encodes a request, or an upgrade, for a connection to an origin. */
export const prepareFor = (
  settings: PrepareSettings,
  origin: Origin.Origin,
  request: HttpRequest<unknown>,
  attempt: Attempt,
  upgrade: boolean
): Prepared | Unprepared => {
  // First, because the method decides what the target may be.
  const wrong = checkMethod(request.method)
  if (wrong !== undefined) return withContextAt<Unprepared>(wrong, origin, undefined)
  const target = targetFor(origin, request)
  return "_tag" in target
    ? withContextAt<Unprepared>(target, origin, { method: request.method })
    : prepare(settings, origin, request, target, withProxyFields(origin, askedFields(request)), attempt, upgrade)
}

/** Checks and encodes a request whose target is known. `fields` are those that are sent. */
export const prepare = (
  settings: PrepareSettings,
  origin: Origin.Origin,
  request: HttpRequest<unknown>,
  target: Target,
  fields: HttpFields.HttpFields,
  { expectContinue, resends }: Attempt,
  upgrade: boolean
): Prepared | Unprepared => {
  const { body, invalid, method } = request
  const asked: Asked = { method, target }
  // A copy for each attempt, because the context is added to it.
  if (invalid !== undefined) return withContextAt<Unprepared>(copyOf<Unprepared>(invalid, {}), origin, asked)
  const refused = refusedTarget(settings.addresses, target)
  if (refused !== undefined) return withContextAt<Unprepared>(refused, origin, asked)
  const late = HttpFields.isHttpFields(request.trailers) ? undefined : request.trailers
  const trailers = HttpFields.isHttpFields(request.trailers) ? request.trailers : HttpFields.empty
  const head = encodeHead({
    method,
    target,
    fields,
    trailers,
    trailersLater: late !== undefined,
    content: late !== undefined && body._tag !== "Streaming" ? { kind: "unknown" } : contentOf(body),
    contentType: body.contentType,
    skipHost: false,
    acceptEncoding: undefined,
    expectContinue,
    upgrade
  })
  if ("_tag" in head) return withContextAt<Unprepared>(head, origin, asked)
  // `null` counts as absent.
  const bounds = request.limits ?? undefined
  const limits = bounds === undefined ? settings.limits : toLimits(bounds, settings.limits)
  if (limits instanceof InvalidOption) return withContextAt(limits, origin, asked)
  const times = request.timeouts ?? undefined
  const timeouts = times === undefined ? settings.timeouts : toMillis(times, settings.timeouts, settings.host)
  if (timeouts instanceof InvalidOption) return withContextAt(timeouts, origin, asked)
  const unfit = notListener(request.onInformational) ?? notRecord("leniency", request.leniency ?? undefined)
  if (unfit !== undefined) return withContextAt(unfit, origin, asked)
  const isStream = body._tag === "Streaming" || late !== undefined
  const bytes = body._tag === "Bytes" && !isStream ? body.bytes : undefined
  const encoder = encoderFor(
    head,
    fields,
    trailers,
    late !== undefined,
    isStream ? undefined : bytes ?? noBytes,
    request.encodeChunked ?? false
  )
  if ("_tag" in encoder) return withContextAt<Unprepared>(encoder, origin, asked)
  const leniency = request.leniency ?? settings.leniency
  return new Prepared(
    head,
    bytes,
    sourceOf(settings.host, body, late),
    encoder,
    new Terms(method, head.close, limits, leniency, timeouts, target, isReplayable(request), resends, head.offered),
    request.onInformational
  )
}

const noBytes: Uint8Array = new Uint8Array(0)
