/**
 * Decides who chunks a body if the caller has set `Transfer-Encoding`. The same rule holds for
 * whole requests and for requests sent in steps.
 *
 * As in `http.client` it is the caller, who has announced it, unless `encodeChunked` leaves it to
 * the library. What the caller has chunked is checked on its way out, so that no other message can
 * be hidden in it. A body in memory is checked before anything is sent.
 */
import * as HttpFields from "../../HttpFields.ts"
import { ConflictingFraming } from "../error/request.ts"
import type { EncodeBodyError } from "../protocol/bodyEncoder.ts"
import { BodyEncoder } from "../protocol/bodyEncoder.ts"
import type { EncodedHead } from "../protocol/encode.ts"

/**
 * The encoder for the body of a request whose head has been encoded, or why it cannot be sent.
 * `whole` is all of the body, if it is in memory.
 */
export const encoderFor = (
  head: EncodedHead,
  fields: HttpFields.HttpFields,
  trailers: HttpFields.HttpFields,
  areTrailersLate: boolean,
  whole: Uint8Array | undefined,
  encodeChunked: boolean
): BodyEncoder | EncodeBodyError => {
  const callerChunks = head.framing.kind === "chunked" && !encodeChunked && HttpFields.has(fields, "transfer-encoding")
  if (callerChunks) {
    if (areTrailersLate || HttpFields.size(trailers) > 0) {
      return new ConflictingFraming({
        reason: "trailers are sent behind the last chunk, which is yours beside a Transfer-Encoding of yours;"
          + " leave that out, or set `encodeChunked`"
      })
    }
    const error = whole === undefined ? undefined : inMemory(head, whole)
    if (error !== undefined) return error
  }
  return new BodyEncoder(head.framing, trailers, callerChunks)
}

/** What is wrong with a body in memory that the caller has chunked. */
const inMemory = (head: EncodedHead, bytes: Uint8Array): EncodeBodyError | undefined => {
  const trial = new BodyEncoder(head.framing, HttpFields.empty, true)
  const framed = trial.encode(bytes)
  if ("_tag" in framed) return framed
  const end = trial.end()
  return typeof end === "string" ? undefined : end
}
