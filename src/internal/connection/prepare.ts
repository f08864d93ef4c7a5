/** Makes a request ready to be sent: everything about it is checked here, before anything is opened or written. */
import * as Either from "effect/Either"
import type * as HttpBody from "../../HttpBody.ts"
import type { InvalidRequest } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import * as Origin from "../../Origin.ts"
import * as Proxy from "../../Proxy.ts"
import { locate } from "../error/base.ts"
import type { BodyLengthMismatch } from "../error/send.ts"
import type { Content, EncodedHead } from "../protocol/encode.ts"
import { checkMethod, encodeHead } from "../protocol/encode.ts"
import type { RequestFacts } from "../protocol/machine.ts"
import { Outgoing } from "../protocol/outgoing.ts"
import type { Target } from "../protocol/target.ts"
import { resolveTarget } from "../protocol/target.ts"
import type { Connection, Settings } from "./connection.ts"
import type { Millis } from "./timeouts.ts"
import { toLimits, toMillis } from "./timeouts.ts"

/** A request that can be sent. */
export interface Prepared<out E> {
  readonly head: EncodedHead
  readonly body: HttpBody.HttpBody<E>
  readonly outgoing: Outgoing
  readonly facts: RequestFacts
  readonly timeouts: Millis
  readonly url: string
  /** How often it was sent before. */
  readonly resends: number
}

const contentOf = (body: HttpBody.HttpBody<unknown>): Content => {
  switch (body._tag) {
    case "Empty":
      return { kind: "none" }
    case "Bytes":
      return { kind: "known", length: body.bytes.length }
    case "Streaming":
      return body.length === undefined ? { kind: "unknown" } : { kind: "known", length: body.length }
  }
}

/** The URL of a target, for the response. That of `*` has no path (RFC 9112 section 3.3). */
export const urlOf = (origin: Origin.Origin, authority: string, target: string): string =>
  target.startsWith("/")
    ? `${origin.scheme}://${authority}${target}`
    : target === "*"
    ? `${origin.scheme}://${authority}`
    : target

/** A proxy forwards requests that are not encrypted, so it sees them: they name their origin, and carry the fields for it. */
export const forwarded = ({ proxy, scheme }: Origin.Origin): boolean => proxy !== undefined && scheme === "http"

/** The fields of a request to an origin, and those for the proxy that forwards it, unless the request has its own. */
export const withProxyFields = (origin: Origin.Origin, fields: HttpFields.HttpFields): HttpFields.HttpFields => {
  if (!forwarded(origin) || origin.proxy === undefined) return fields
  let all = fields
  for (const [name, value] of Proxy.fields(origin.proxy)) {
    if (!HttpFields.has(fields, name)) all = HttpFields.append(all, name, value)
  }
  return all
}

/** Checks and encodes a request for a connection. */
export const prepareFor = <E>(
  { origin, settings }: Connection,
  request: HttpRequest<E>
): Either.Either<Prepared<E>, InvalidRequest | BodyLengthMismatch> => {
  // First, because the method decides what the target may be.
  const wrong = checkMethod(request.method)
  if (wrong !== undefined) return Either.left(locate(wrong, { ...wrong.context, origin: Origin.format(origin) }))
  const form = forwarded(origin) ? "absolute" : request.targetForm ?? "origin"
  const target = resolveTarget(request.method, request.target, origin, form)
  return Either.isLeft(target)
    ? Either.left(locate(target.left, { ...target.left.context, origin: Origin.format(origin) }))
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
): Either.Either<Prepared<E>, InvalidRequest | BodyLengthMismatch> => {
  const { body, method } = request
  const prepared = Either.gen(function*() {
    const head = yield* encodeHead({
      method,
      target,
      fields,
      trailers: request.trailers,
      content: contentOf(body),
      contentType: body.contentType,
      skipHost: false,
      acceptEncoding: undefined,
      expectContinue: request.expectContinue ?? false
    })
    const { leniency, limits, timeouts } = settings
    return {
      head,
      body,
      outgoing: new Outgoing(head.framing, request.trailers, false),
      facts: {
        method,
        close: head.close,
        limits: request.limits ? yield* toLimits(request.limits, limits) : limits,
        leniency: request.leniency ?? leniency
      },
      timeouts: request.timeouts ? yield* toMillis(request.timeouts, timeouts) : timeouts,
      url: urlOf(origin, target.authority, target.target),
      resends
    }
  })
  return Either.mapLeft(prepared, (error) => locate(error, { ...error.context, origin: Origin.format(origin) }))
}
