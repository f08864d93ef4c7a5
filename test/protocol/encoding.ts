/** A request in few words, and what the encoder makes of it. */
import * as Either from "effect/Either"
import * as HttpFields from "../../src/HttpFields.ts"
import type { Content, EncodedHead, EncodeError, RequestParts } from "../../src/internal/protocol/encode.ts"
import { encodeHead } from "../../src/internal/protocol/encode.ts"

export interface RequestText extends Partial<Omit<RequestParts, "content" | "fields" | "target" | "trailers">> {
  readonly target?: string
  readonly host?: string
  readonly content?: Content | undefined
  readonly fields?: ReadonlyArray<readonly [name: string, value: string]>
  readonly trailers?: ReadonlyArray<readonly [name: string, value: string]>
}

export const encoded = (request: RequestText): Either.Either<EncodedHead, EncodeError> => {
  const head = encodeHead({
    method: request.method ?? "GET",
    target: { target: request.target ?? "/", authority: request.host ?? "h" },
    fields: HttpFields.make(...request.fields ?? []),
    trailers: HttpFields.make(...request.trailers ?? []),
    trailersLater: request.trailersLater ?? false,
    content: request.content ?? { kind: "none" },
    contentType: request.contentType,
    skipHost: request.skipHost ?? false,
    acceptEncoding: request.acceptEncoding,
    expectContinue: request.expectContinue ?? false,
    upgrade: request.upgrade
  })
  return "_tag" in head ? Either.left(head) : Either.right(head)
}

export const headOf = (request: RequestText): EncodedHead => Either.getOrThrow(encoded(request))

/** The lines of the head, without the two empty strings behind the last. */
export const lines = (request: RequestText): ReadonlyArray<string> => {
  const { text } = headOf(request)
  if (!text.endsWith("\r\n\r\n")) throw new Error("a head ends with an empty line")
  return text.slice(0, -4).split("\r\n")
}

/** Tag and fields of the error. */
export const refusal = (request: RequestText): Record<string, unknown> => {
  const error = Either.getOrThrow(Either.flip(encoded(request)))
  if (error.context.fault !== "User") throw new Error("what is wrong with a request is the caller's to mend")
  return Object.fromEntries(Object.entries(error).filter(([key]) => key !== "context"))
}

export const known = (length: number): Content => ({ kind: "known", length })
export const unknown: Content = { kind: "unknown" }
export const manual: Content = { kind: "manual" }
