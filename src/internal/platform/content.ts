/** What is made of the bytes of a body, and how many there may be. */
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import type * as Context from "effect/Context"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { copy, NoRoom } from "../bytes.ts"
import type { BodyTooLarge } from "../error/body.ts"
import type { TextFailure } from "../text.ts"
import { decodeJson } from "../text.ts"
import { tooLargeForMemory } from "../tooLarge.ts"

/** Where it is that text is no JSON, which is all of V8's message that cannot repeat the text. */
const position = / at position \d+(?: \(line \d+ column \d+\))?$/

const causeOf = (error: unknown): SyntaxError =>
  new SyntaxError(`The text is no JSON${error instanceof Error ? position.exec(error.message)?.[0] ?? "" : ""}`)

/** What a body says as JSON. An empty one is null, as in the platform's own responses. */
export const jsonOf = (bytes: Uint8Array, charset: string | undefined): Either.Either<unknown, TextFailure> =>
  decodeJson(bytes, charset, causeOf, null)

/**
 * A buffer of exactly this size, and the caller's own: nothing that is remembered changes when it
 * is written to.
 */
export const bufferOf = (bytes: Uint8Array): Either.Either<ArrayBuffer, BodyTooLarge> => {
  try {
    // The allocator makes no other kind.
    return Either.right(copy(bytes).buffer as ArrayBuffer)
  } catch (error) {
    if (error instanceof NoRoom) return Either.left(tooLargeForMemory(error, [bytes]))
    throw error
  }
}

/** The bytes that a whole body may have: those of the platform's `MaxBodySize`. */
export const maxBodySize = (context: Context.Context<never>): number => {
  const size = context.unsafeMap.get(HttpIncomingMessage.MaxBodySize.key) as
    | Option.Option<bigint | number>
    | undefined
  return size === undefined || Option.isNone(size) ? Infinity : Number(size.value)
}

/** Which limits a body can be too large for. */
export const limitNames = "the limit is `MaxBodySize` of the platform, or `limits.body`"

/** The Content-Type that tells the parser of forms which of the two it is. */
export const formOf = async (bytes: Uint8Array, contentType: string | undefined): Promise<FormData> =>
  new Response(bytes as Uint8Array<ArrayBuffer>, {
    headers: contentType === undefined ? {} : { "content-type": contentType }
  }).formData()
