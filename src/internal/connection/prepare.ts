/** Makes a request ready to be sent: everything about it is checked here, before anything is opened or written. */
import * as Either from "effect/Either"
import type * as HttpBody from "../../HttpBody.ts"
import type { InvalidRequest } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import * as Origin from "../../Origin.ts"
import * as Proxy from "../../Proxy.ts"
import { locate } from "../error/base.ts"
import { InvalidOption, InvalidUrl, UnsupportedBody } from "../error/request.ts"
import type { BodyLengthMismatch } from "../error/send.ts"
import type { Content, EncodedHead } from "../protocol/encode.ts"
import { checkMethod, encodeHead } from "../protocol/encode.ts"
import type { Outgoing } from "../protocol/outgoing.ts"
import type { Target } from "../protocol/target.ts"
import { resolveTarget } from "../protocol/target.ts"
import { listHas } from "../syntax/token.ts"
import { outgoingFor } from "./callerChunks.ts"
import type { Connection, Settings } from "./connection.ts"
import { Terms } from "./exchangeContext.ts"
import { toLimits, toMillis } from "./timeouts.ts"

/** A request that can be sent. */
export class Prepared<out E> {
  readonly head: EncodedHead
  readonly body: HttpBody.HttpBody<E>
  readonly outgoing: Outgoing
  readonly terms: Terms

  constructor(head: EncodedHead, body: HttpBody.HttpBody<E>, outgoing: Outgoing, terms: Terms) {
    this.head = head
    this.body = body
    this.outgoing = outgoing
    this.terms = terms
  }
}

/** Why a request cannot be sent. */
export type Unprepared = InvalidRequest | BodyLengthMismatch

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

/** A proxy forwards requests that are not encrypted, so it sees them: they name their origin, and carry the fields for it. */
export const forwarded = ({ proxy, scheme }: Origin.Origin): boolean => proxy !== undefined && scheme === "http"

const authorization = "Proxy-Authorization"
const connection = "Connection"

/** The fields of a request to an origin, and those for the proxy that forwards it, unless the request has its own. */
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
 * Names fields in Connection, so that the proxy takes them out of what it forwards (RFC 9110 section 7.6.1). In one line before all
 * others: tinyproxy 1.11 obeys the first line alone, and passes on even Proxy-Authorization unless that is named there.
 */
const nameInConnection = (fields: HttpFields.HttpFields, names: ReadonlyArray<string>): HttpFields.HttpFields => {
  const given = HttpFields.getAll(fields, connection).filter((line) => line.trim() !== "")
  // The encoder would add a line of its own for it.
  const te = HttpFields.has(fields, "TE") && !given.some((line) => listHas(line, "te")) ? ["TE"] : []
  const line = HttpFields.fromInput([[connection, [...given, ...te, ...names].join(", ")]])
  return HttpFields.fromInput([...line, ...HttpFields.remove(fields, connection)])
}

const atOrigin = (error: Unprepared, origin: Origin.Origin): Unprepared =>
  locate<Unprepared>(error, { ...error.context, origin: Origin.format(origin) })

/** New each time that a request is sent, because it is given its context. */
const again = (error: InvalidUrl | UnsupportedBody): InvalidUrl | UnsupportedBody => {
  if (error._tag === "InvalidUrl") return new InvalidUrl({ part: error.part, reason: error.reason })
  const { cause, reason } = error
  return new UnsupportedBody(cause === undefined ? { reason } : { reason, cause })
}

/** Checks and encodes a request for a connection. */
export const prepareFor = <E>({ origin, settings }: Connection, request: HttpRequest<E>): Prepared<E> | Unprepared => {
  // First, because the method decides what the target may be.
  const wrong = checkMethod(request.method)
  if (wrong !== undefined) return atOrigin(wrong, origin)
  const form = forwarded(origin) ? "absolute" : request.targetForm ?? "origin"
  const target = resolveTarget(request.method, request.target, origin, form)
  return Either.isLeft(target)
    ? atOrigin(target.left, origin)
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
  const { body, invalid, method, trailers } = request
  if (invalid !== undefined) return atOrigin(again(invalid), origin)
  const head = encodeHead({
    method,
    target,
    fields,
    trailers,
    content: contentOf(body),
    contentType: body.contentType,
    skipHost: false,
    acceptEncoding: undefined,
    expectContinue: request.expectContinue ?? false
  })
  if ("_tag" in head) return atOrigin(head, origin)
  const limits = !request.limits ? settings.limits : toLimits(request.limits, settings.limits)
  if (limits instanceof InvalidOption) return atOrigin(limits, origin)
  const timeouts = !request.timeouts ? settings.timeouts : toMillis(request.timeouts, settings.timeouts)
  if (timeouts instanceof InvalidOption) return atOrigin(timeouts, origin)
  const outgoing = outgoingFor(head, fields, trailers, body, request.encodeChunked ?? false, false)
  if ("_tag" in outgoing) return atOrigin(outgoing, origin)
  const replayable = body._tag !== "Streaming" || body.replayable
  const leniency = request.leniency ?? settings.leniency
  return new Prepared(
    head,
    body,
    outgoing,
    new Terms(method, head.close, limits, leniency, timeouts, target, replayable, resends)
  )
}
