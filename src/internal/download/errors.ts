/** The failures that only a download has. */
import * as Data from "effect/Data"

/**
 * The server answered a request for the rest of a content with another part of it, or with a part
 * of another content. The partial file was discarded, so the next call starts from the beginning.
 *
 * @since 0.3.0
 * @category errors
 */
export class UnexpectedRange extends Data.TaggedError("UnexpectedRange")<{
  /** The first byte that was requested; `undefined` if the whole content was requested. */
  readonly requested: number | undefined
  /** The Content-Range of the response; `undefined` without that field. */
  readonly contentRange: string | undefined
  readonly reason: string
}> {
  override get message(): string {
    const { reason, requested } = this
    if (requested === undefined) return `The server was asked for all bytes, and its answer does not fit: ${reason}.`
    return `The server was asked for the bytes from ${requested}, and its answer does not fit: ${reason}. What had arrived `
      + "before was discarded. If the server is known to be wrong about ranges, set `resume: false` and `retry: false`."
  }
}

/**
 * The downloaded content has another checksum than expected. The partial file was discarded, so the
 * next call starts from the beginning.
 *
 * @since 0.3.0
 * @category errors
 */
export class ChecksumMismatch extends Data.TaggedError("ChecksumMismatch")<{
  /** The expected SHA-256, in hexadecimal. */
  readonly expected: string
  /** The SHA-256 of the received bytes, in hexadecimal. */
  readonly actual: string
  readonly bytes: number
}> {
  override get message(): string {
    return `The ${this.bytes} bytes have the SHA-256 ${this.actual}, and not ${this.expected}. They were discarded. Check that `
      + "the checksum belongs to this version of the content."
  }
}
