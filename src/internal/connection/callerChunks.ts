/**
 * A `Transfer-Encoding` of the caller's: who chunks the body then. The same for whole requests and
 * for those of steps.
 *
 * As in `http.client` the caller does, who has announced it, unless `encodeChunked` hands it to the
 * library. What the caller has chunked is checked on the way out, so that no other message can be
 * hidden in it; a body in memory is checked before anything is sent.
 */
import type * as HttpBody from "../../HttpBody.ts"
import * as HttpFields from "../../HttpFields.ts"
import { ConflictingFraming } from "../error/request.ts"
import type { EncodeBodyError } from "../protocol/bodyEncoder.ts"
import { BodyEncoder } from "../protocol/bodyEncoder.ts"
import type { EncodedHead } from "../protocol/encode.ts"

/**
 * What happens to the body of a request whose head has been encoded, or why it cannot be sent.
 * `more`: other pieces will follow.
 */
export const outgoingFor = (
  head: EncodedHead,
  fields: HttpFields.HttpFields,
  trailers: HttpFields.HttpFields,
  trailersLater: boolean,
  body: HttpBody.HttpBody<unknown>,
  encodeChunked: boolean,
  more: boolean
): BodyEncoder | EncodeBodyError => {
  const callerChunks = head.framing.kind === "chunked" && !encodeChunked && HttpFields.has(fields, "transfer-encoding")
  if (callerChunks) {
    if (trailersLater || HttpFields.size(trailers) > 0) {
      return new ConflictingFraming({
        reason: "trailers are sent behind the last chunk, which is yours beside a Transfer-Encoding of yours;"
          + " leave that out, or set `encodeChunked`"
      })
    }
    const error = more || body._tag === "Streaming"
      ? undefined
      : inMemory(head, body._tag === "Bytes" ? body.bytes : new Uint8Array(0))
    if (error !== undefined) return error
  }
  return new BodyEncoder(head.framing, trailers, callerChunks)
}

/** What is wrong with a body that the caller has chunked, all of which is there. */
const inMemory = (head: EncodedHead, bytes: Uint8Array): EncodeBodyError | undefined => {
  const trial = new BodyEncoder(head.framing, HttpFields.empty, true)
  const framed = trial.encode(bytes)
  if ("_tag" in framed) return framed
  const end = trial.end()
  return typeof end === "string" ? undefined : end
}
