/**
 * Frames the body of a request, piece by piece, and refuses what its framing does not allow.
 *
 * Pure: takes data, returns bytes for the wire. A declared length is enforced before a byte too
 * many is returned. A body that the caller chunks itself is checked to be valid chunked coding.
 */
import * as HttpFields from "../../HttpFields.ts"
import * as HttpLeniency from "../../HttpLeniency.ts"
import * as HttpLimits from "../../HttpLimits.ts"
import { ConflictingFraming } from "../error/request.ts"
import { BodyLengthMismatch } from "../error/send.ts"
import { ChunkedDecoder, encodeChunk, encodeLastChunk } from "./chunked.ts"
import type { EncodedHead, RequestFraming } from "./encode.ts"

/** The faults of a body while it is sent. */
export type EncodeBodyError = BodyLengthMismatch | ConflictingFraming

const nothing: Uint8Array = new Uint8Array(0)

const ownCodingHint = "which is yours beside a Transfer-Encoding of yours; leave that out, or set `encodeChunked`"

/** A caller that chunks its body itself may use any extensions. */
const ownLimits: HttpLimits.HttpLimits = HttpLimits.make({ chunkExtensions: Infinity, chunkLine: Infinity })

export class BodyEncoder {
  /** True if the body is complete. */
  done: boolean
  /** Bytes of the body received from the caller. */
  taken = 0
  readonly #framing: RequestFraming
  /** The trailers that end the body; they may be set after construction. */
  trailers: HttpFields.HttpFields
  /** Checks a body that the caller chunks itself; `undefined` if this encoder chunks it. */
  readonly #raw: ChunkedDecoder | undefined

  constructor(framing: RequestFraming, trailers: HttpFields.HttpFields, callerChunks: boolean) {
    this.#framing = framing
    this.trailers = trailers
    this.#raw = callerChunks && framing.kind === "chunked"
      ? new ChunkedDecoder(ownLimits, HttpLeniency.strict)
      : undefined
    this.done = framing.kind === "none" || (framing.kind === "length" && framing.length === 0)
  }

  /**
   * Returns the bytes that carry this piece. An empty piece has none, because an empty chunk would
   * end the body.
   */
  encode(data: Uint8Array): Uint8Array | EncodeBodyError {
    if (data.length === 0) return nothing
    this.taken += data.length
    if (this.#framing.kind === "none") {
      return new ConflictingFraming({
        reason: "it has content, but neither Content-Length nor Transfer-Encoding: chunked says so"
      })
    }
    if (this.#framing.kind === "length") return this.#withinLength(data, this.#framing.length)
    if (this.done) return new ConflictingFraming({ reason: "there is content behind its last chunk" })
    return this.#raw === undefined ? encodeChunk(data) : this.#checked(data, this.#raw)
  }

  /** Returns the bytes that end the body, as text. */
  end(): string | EncodeBodyError {
    if (this.done) return ""
    if (this.#framing.kind === "length") {
      return new BodyLengthMismatch({ declared: this.#framing.length, actual: this.taken })
    }
    if (this.#raw !== undefined) {
      return new ConflictingFraming({ reason: `the content has no last chunk, ${ownCodingHint}` })
    }
    this.done = true
    return encodeLastChunk(this.trailers)
  }

  #withinLength(data: Uint8Array, length: number): Uint8Array | EncodeBodyError {
    if (this.taken > length) return new BodyLengthMismatch({ declared: length, actual: this.taken })
    this.done = this.taken === length
    return data
  }

  #checked(data: Uint8Array, decoder: ChunkedDecoder): Uint8Array | EncodeBodyError {
    let position = 0
    while (position < data.length && !decoder.done && decoder.error === undefined) {
      position = decoder.decode(data, position)
    }
    this.done = decoder.done
    return decoder.error === undefined && position === data.length
      ? data
      : new ConflictingFraming({
        reason: `the content is not the chunked coding that its fields announce, ${ownCodingHint}`
      })
  }
}

/**
 * Decides who chunks a body if the caller has set `Transfer-Encoding`. As in `http.client` it is
 * the caller, unless `encodeChunked` leaves it to the library. The caller's chunks are checked when
 * they are sent, so that no other message can be hidden in them. A body in memory is checked before
 * anything is sent.
 *
 * Returns the encoder for a request whose head has been encoded, or why it cannot be sent. `whole`
 * is the complete body, if it is in memory.
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

/** Returns the fault of a body in memory that the caller has chunked. */
const inMemory = (head: EncodedHead, bytes: Uint8Array): EncodeBodyError | undefined => {
  const trial = new BodyEncoder(head.framing, HttpFields.empty, true)
  const framed = trial.encode(bytes)
  if ("_tag" in framed) return framed
  const end = trial.end()
  return typeof end === "string" ? undefined : end
}
