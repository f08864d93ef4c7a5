/**
 * Makes a request ready to be sent: everything about it is checked here, before anything is opened
 * or written.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import * as HttpBody from "../../HttpBody.ts"
import type { InvalidRequest } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import type * as Origin from "../../Origin.ts"
import * as Proxy from "../../Proxy.ts"
import { copyOf } from "../error/base.ts"
import { InvalidOption } from "../error/request.ts"
import type { BodyLengthMismatch } from "../error/send.ts"
import type { BodyEncoder } from "../protocol/bodyEncoder.ts"
import type { Content, EncodedHead } from "../protocol/encode.ts"
import { checkMethod, encodeHead } from "../protocol/encode.ts"
import type { Target } from "../protocol/target.ts"
import { resolveTarget } from "../protocol/target.ts"
import { listHas } from "../syntax/token.ts"
import type { Asked } from "./about.ts"
import { forwarded, withContextAt } from "./about.ts"
import { outgoingFor } from "./callerChunks.ts"
import { Terms } from "./errorContext.ts"
import type { ConnectionHandle, Settings } from "./handle.ts"
import { toLimits, toMillis } from "./timeouts.ts"

/** Trailers that an Effect gives. */
export type LateTrailers<E> = Effect.Effect<HttpFields.Input, E>

/** A request that can be sent. */
export class Prepared<out E> {
  readonly head: EncodedHead
  readonly body: HttpBody.HttpBody<E>
  readonly outgoing: BodyEncoder
  readonly terms: Terms
  /** Trailers that are known when the body has been written. The body is a stream then. */
  readonly trailers: LateTrailers<E> | undefined

  constructor(
    head: EncodedHead,
    body: HttpBody.HttpBody<E>,
    encoder: BodyEncoder,
    terms: Terms,
    trailers: LateTrailers<E> | undefined
  ) {
    this.head = head
    this.body = body
    this.outgoing = encoder
    this.terms = terms
    this.trailers = trailers
  }
}

/** Why a request cannot be sent. */
export type Unprepared = InvalidRequest | BodyLengthMismatch

/**
 * Whether a request can be sent again as it is. What an Effect for the trailers has gathered of a
 * stream, such as a digest, would count both sendings.
 */
export const isReplayable = ({ body, trailers }: Pick<HttpRequest<unknown>, "body" | "trailers">): boolean =>
  body._tag !== "Streaming" || (body.replayable && !Effect.isEffect(trailers))

/** A body whose end is the work of a fiber. */
const streamOf = <E>(body: HttpBody.HttpBody<E>): HttpBody.HttpBody<E> => {
  if (body._tag === "Streaming") return body
  const stream = body._tag === "Bytes" ? Stream.succeed(body.bytes) : Stream.empty
  return HttpBody.stream(stream, { contentType: body.contentType, replayable: true })
}

const noContent: Content = { kind: "none" }

const contentOf = (body: HttpBody.HttpBody<unknown>): Content => {
  switch (body._tag) {
    case "Empty":
      return noContent
    case "Bytes":
      return { kind: "known", length: body.bytes.length }
    case "Streaming":
      return body.length === undefined ? { kind: "unknown" } : { kind: "known", length: body.length }
  }
}

const authorization = "Proxy-Authorization"
const connection = "Connection"

/**
 * The fields of a request to an origin, and those for the proxy that forwards it, unless the
 * request has its own.
 */
export const withProxyFields = (origin: Origin.Origin, fields: HttpFields.HttpFields): HttpFields.HttpFields => {
  if (!forwarded(origin) || origin.proxy === undefined) return fields
  let all = fields
  const hopByHop = new Map(HttpFields.has(fields, authorization) ? [[authorization.toLowerCase(), authorization]] : [])
  for (const [name, value] of Proxy.fields(origin.proxy)) {
    if (HttpFields.has(fields, name)) continue
    all = HttpFields.append(all, name, value)
    hopByHop.set(name.toLowerCase(), name)
  }
  return hopByHop.size === 0 ? all : nameInConnection(all, [...hopByHop.values()])
}

/**
 * Names fields in Connection, so that the proxy takes them out of what it forwards (RFC 9110
 * section 7.6.1). In one line before all others: tinyproxy 1.11 obeys the first line alone, and
 * passes on even Proxy-Authorization unless that is named there.
 */
const nameInConnection = (fields: HttpFields.HttpFields, names: ReadonlyArray<string>): HttpFields.HttpFields => {
  const given = HttpFields.getAll(fields, connection).filter((line) => line.trim() !== "")
  // The encoder would add a line of its own for it.
  const te = HttpFields.has(fields, "TE") && !given.some((line) => listHas(line, "te")) ? ["TE"] : []
  const line = HttpFields.fromInput([[connection, [...given, ...te, ...names].join(", ")]])
  return HttpFields.fromInput([...line, ...HttpFields.remove(fields, connection)])
}

const targetFor = (origin: Origin.Origin, { method, target, targetForm }: HttpRequest<unknown>) =>
  resolveTarget(method, target, origin, forwarded(origin) ? "absolute" : targetForm ?? "origin")

/** What of a request that was not looked at can be told in an error. */
export const askedOf = ({ origin }: ConnectionHandle, request: HttpRequest<unknown>): Asked | undefined => {
  const { method } = request
  return checkMethod(method) === undefined
    ? { method, target: Either.getOrUndefined(targetFor(origin, request)) }
    : undefined
}

/** Checks and encodes a request for a connection. */
export const prepareFor = <E>(
  { origin, settings }: ConnectionHandle,
  request: HttpRequest<E>
): Prepared<E> | Unprepared => {
  // First, because the method decides what the target may be.
  const wrong = checkMethod(request.method)
  if (wrong !== undefined) return withContextAt<Unprepared>(wrong, origin, undefined)
  const target = targetFor(origin, request)
  return Either.isLeft(target)
    ? withContextAt<Unprepared>(target.left, origin, { method: request.method })
    : prepare(settings, origin, request, target.right, withProxyFields(origin, request.fields), 0)
}

/** Checks and encodes a request whose target is known. `fields` are those that are sent. */
export const prepare = <E>(
  settings: Pick<Settings, "leniency" | "limits" | "timeouts">,
  origin: Origin.Origin,
  request: HttpRequest<E>,
  target: Target,
  fields: HttpFields.HttpFields,
  resends: number
): Prepared<E> | Unprepared => {
  const { invalid, method } = request
  const asked: Asked = { method, target }
  // A copy each time that the request is sent, because it is given its context.
  if (invalid !== undefined) return withContextAt<Unprepared>(copyOf<Unprepared>(invalid, {}), origin, asked)
  const late = Effect.isEffect(request.trailers) ? request.trailers : undefined
  const trailers = Effect.isEffect(request.trailers) ? HttpFields.empty : request.trailers
  const body = late === undefined ? request.body : streamOf(request.body)
  const head = encodeHead({
    method,
    target,
    fields,
    trailers,
    trailersLater: late !== undefined,
    content: contentOf(body),
    contentType: body.contentType,
    skipHost: false,
    acceptEncoding: undefined,
    expectContinue: request.expectContinue ?? false
  })
  if ("_tag" in head) return withContextAt<Unprepared>(head, origin, asked)
  const limits = !request.limits ? settings.limits : toLimits(request.limits, settings.limits)
  if (limits instanceof InvalidOption) return withContextAt(limits, origin, asked)
  const timeouts = !request.timeouts ? settings.timeouts : toMillis(request.timeouts, settings.timeouts)
  if (timeouts instanceof InvalidOption) return withContextAt(timeouts, origin, asked)
  const outgoing = outgoingFor(head, fields, trailers, late !== undefined, body, request.encodeChunked ?? false, false)
  if ("_tag" in outgoing) return withContextAt<Unprepared>(outgoing, origin, asked)
  const replayable = isReplayable(request)
  const leniency = request.leniency ?? settings.leniency
  return new Prepared(
    head,
    body,
    outgoing,
    new Terms(method, head.close, limits, leniency, timeouts, target, replayable, resends),
    late
  )
}
