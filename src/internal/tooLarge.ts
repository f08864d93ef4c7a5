/**
 * Errors for bodies that are too large for the requested form, whatever the limits say. They
 * contain the bytes.
 */
import type { NoRoom } from "./bytes.ts"
import { withContext } from "./error/base.ts"
import { BodyTooLarge } from "./error/body.ts"
import { unlocated } from "./error/context.ts"

const empty: Uint8Array = new Uint8Array(0)

/** Marks the error as local, because the server may have meant the body to be read differently. */
const ofOurs = (error: BodyTooLarge): BodyTooLarge => withContext(error, unlocated("body", "Local"))

/**
 * Creates the error for bytes that do not fit in memory in one piece; it contains the pieces.
 * `cause` is the reason for joining them, if that was another failure of the body.
 */
export const tooLargeForMemory = (
  { cause, length }: NoRoom,
  pieces: ReadonlyArray<Uint8Array>,
  failure?: unknown
): BodyTooLarge =>
  ofOurs(
    new BodyTooLarge({ reason: "Memory", limit: length, partial: pieces[0] ?? empty, pieces, cause: failure ?? cause })
  )

/** Creates the error for bytes that decode to more text than a string can hold. */
export const tooLargeForText = (limit: number, bytes?: Uint8Array, cause?: unknown): BodyTooLarge =>
  ofOurs(
    new BodyTooLarge({
      reason: "Text",
      limit,
      ...(bytes === undefined ? undefined : { partial: bytes }),
      ...(cause === undefined ? undefined : { cause })
    })
  )
