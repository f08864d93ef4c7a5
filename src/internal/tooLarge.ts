/**
 * Bodies that are too large to be had as they were asked for, whatever the limits say: the
 * failures, with the bytes in them.
 */
import type { NoRoom } from "./bytes.ts"
import { withContext } from "./error/base.ts"
import { BodyTooLarge } from "./error/body.ts"
import { unlocated } from "./error/context.ts"

const empty: Uint8Array = new Uint8Array(0)

/** Not the server's fault, which may have meant the body to be read otherwise. */
const ofOurs = (error: BodyTooLarge): BodyTooLarge => withContext(error, unlocated("body", "Local"))

/**
 * There is no room for these bytes in one piece, so the failure has the pieces. `cause` is why they
 * were to be joined, if that was another failure of the body.
 */
export const tooLargeForMemory = (
  { cause, length }: NoRoom,
  pieces: ReadonlyArray<Uint8Array>,
  failure?: unknown
): BodyTooLarge =>
  ofOurs(
    new BodyTooLarge({ reason: "Memory", limit: length, partial: pieces[0] ?? empty, pieces, cause: failure ?? cause })
  )

/** Bytes that are more text than a string can hold. */
export const tooLargeForText = (limit: number, bytes?: Uint8Array, cause?: unknown): BodyTooLarge =>
  ofOurs(
    new BodyTooLarge({
      reason: "Text",
      limit,
      ...(bytes === undefined ? undefined : { partial: bytes }),
      ...(cause === undefined ? undefined : { cause })
    })
  )
