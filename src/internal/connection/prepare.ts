/** Makes a request ready to be sent: everything about it is checked here, before anything is opened or written. */
import * as Either from "effect/Either"
import type * as HttpBody from "../../HttpBody.ts"
import type { InvalidRequest } from "../../HttpError.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import * as Origin from "../../Origin.ts"
import { locate } from "../error/base.ts"
import type { BodyLengthMismatch } from "../error/send.ts"
import type { Content, EncodedHead } from "../protocol/encode.ts"
import { checkMethod, encodeHead } from "../protocol/encode.ts"
import type { RequestFacts } from "../protocol/machine.ts"
import { Outgoing } from "../protocol/outgoing.ts"
import { resolveTarget } from "../protocol/target.ts"
import type { Connection } from "./connection.ts"
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

/** Checks and encodes a request. */
export const prepare = <E>(
  connection: Connection,
  request: HttpRequest<E>
): Either.Either<Prepared<E>, InvalidRequest | BodyLengthMismatch> => {
  const { origin, settings } = connection
  const { body, method } = request
  const prepared = Either.gen(function*() {
    // First, because the method decides what the target may be.
    const wrong = checkMethod(method)
    if (wrong !== undefined) return yield* Either.left(wrong)
    const target = yield* resolveTarget(method, request.target, origin, request.targetForm ?? "origin")
    const head = yield* encodeHead({
      method,
      target,
      fields: request.fields,
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
      url: urlOf(origin, target.authority, target.target)
    }
  })
  return Either.mapLeft(prepared, (error) => locate(error, { ...error.context, origin: Origin.format(origin) }))
}
