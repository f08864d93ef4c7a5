/**
 * The forms into which the bytes of a body are decoded, and the limit of those bytes.
 */
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import type * as Context from "effect/Context"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { copy, NoRoom } from "../bytes.ts"
import type { BodyTooLarge } from "../error/body.ts"
import type { TextFailure } from "../text.ts"
import { decodeJson } from "../text.ts"
import { tooLargeForMemory } from "../tooLarge.ts"

/** The position of a JSON error, the only part of V8's message that cannot repeat the text. */
const position = / at position \d+(?: \(line \d+ column \d+\))?$/

const causeOf = (error: unknown): SyntaxError =>
  new SyntaxError(`The text is no JSON${error instanceof Error ? position.exec(error.message)?.[0] ?? "" : ""}`)

/** Parses a body as JSON. An empty body is null, as in the platform's own responses. */
export const jsonOf = (bytes: Uint8Array, charset: string | undefined): Either.Either<unknown, TextFailure> =>
  decodeJson(bytes, charset, causeOf, null)

/**
 * Copies the bytes into a buffer of exactly this size. The caller may write to it without changing
 * a cached body.
 */
export const bufferOf = (bytes: Uint8Array): Either.Either<ArrayBuffer, BodyTooLarge> => {
  try {
    // The allocator creates no other kind.
    return Either.right(copy(bytes).buffer as ArrayBuffer)
  } catch (error) {
    if (error instanceof NoRoom) return Either.left(tooLargeForMemory(error, [bytes]))
    throw error
  }
}

/** The maximum size of a whole body: the platform's `MaxBodySize`. */
export const maxBodySize = (context: Context.Context<never>): number => {
  const size = context.unsafeMap.get(HttpIncomingMessage.MaxBodySize.key) as
    | Option.Option<bigint | number>
    | undefined
  return size === undefined || Option.isNone(size) ? Infinity : Number(size.value)
}

/** The limits that a body can exceed. */
export const limitNames = "the limit is `MaxBodySize` of the platform, or `limits.body`"

/** Parses a form; the Content-Type decides which of the two kinds it is. */
export const formOf = async (bytes: Uint8Array, contentType: string | undefined): Promise<FormData> =>
  new Response(bytes as Uint8Array<ArrayBuffer>, {
    headers: contentType === undefined ? {} : { "content-type": contentType }
  }).formData()
