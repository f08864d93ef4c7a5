/**
 * Failures of decoding a compressed body. Each ends the read of that body. The response itself,
 * with status and fields, has been received.
 *
 * @since 0.2.0
 */
import { tagged } from "./base.ts"

/**
 * The fault in an encoded body. Its bytes are invalid for the coding, it ends before the end of the
 * coding, or bytes follow that end. Bytes that follow a gzip member and start like another one
 * (`1f 8b 08`) are decoded as a further member.
 *
 * @since 0.2.0
 * @category models
 */
export type ContentDecodingReason = "Corrupt" | "Truncated" | "TrailingData"

const wrong: { readonly [K in ContentDecodingReason]: string } = {
  Corrupt: "its bytes are not valid",
  Truncated: "it ends too early",
  TrailingData: "more bytes follow behind its end"
}

/**
 * The body does not match its Content-Encoding.
 *
 * `cause` is the error of Node's zlib, if zlib detected the fault.
 *
 * @since 0.2.0
 * @category errors of decoding
 */
export class ContentDecodingError extends tagged("ContentDecodingError", "Remote", "decode")<{
  /** The coding that failed; one of them if there are several. */
  readonly coding: string
  readonly reason: ContentDecodingReason
  /** The number of bytes that this coding had produced before it failed. */
  readonly decoded: number
  /** The option of `decompress` that accepts the body, if there is one. */
  readonly relaxation?: "gzipWithoutTrailer" | undefined
  /** The decoded part of the body, if it was being collected. */
  readonly partial?: Uint8Array | undefined
  readonly cause?: unknown
}> {
  override get description(): string {
    const what = this.relaxation === undefined ? wrong[this.reason] : "its data is complete, and its trailer is missing"
    return `The body cannot be decoded from ${this.coding}: ${what} (after ${this.decoded} decoded bytes). `
      + (this.relaxation === undefined ? "" : `The option \`${this.relaxation}\` of \`decompress\` accepts it. `)
      + "To have it without compression, send the field Accept-Encoding with \"identity\"."
  }
}

/**
 * The limit that a decoded body reached. `maxBytes` and `maxRatio` are options of `decompress`;
 * `MaxBodySize` is the platform's reference.
 *
 * @since 0.2.0
 * @category models
 */
export type DecompressionLimit = "maxBytes" | "maxRatio" | "MaxBodySize"

/**
 * The decoded body exceeds a limit. Nothing beyond the limit was decoded.
 *
 * @since 0.2.0
 * @category errors of decoding
 */
export class DecompressionBomb extends tagged("DecompressionBomb", "Remote", "decode")<{
  /** The first coding whose output was too large. */
  readonly coding: string
  readonly limit: DecompressionLimit
  /** The value of the limit: bytes, or decoded bytes for each encoded byte. */
  readonly maximum: number
  /** The number of bytes of the body, as received, that had been decoded. */
  readonly encoded: number
  /** The number of bytes decoded from them; not the size of the whole body. */
  readonly decoded: number
  /** The decoded part of the body, if it was being collected. */
  readonly partial?: Uint8Array | undefined
}> {
  override get description(): string {
    return `The ${this.coding} body is too large when decoded: ${this.encoded} bytes became ${this.decoded}, and the limit is ${
      this.limit === "maxRatio" ? `${this.maximum} for each` : this.maximum
    } (\`${this.limit}\`). If the server is trusted, raise it.`
  }
}

/**
 * The Content-Encoding fields of a response list more codings than this library decodes.
 *
 * @since 0.2.0
 * @category errors of decoding
 */
export class TooManyContentCodings extends tagged("TooManyContentCodings", "Remote", "decode")<{
  readonly count: number
  readonly limit: number
}> {
  override get description(): string {
    return `The body was encoded ${this.count} times, and at most ${this.limit} codings are undone. `
      + "No honest server does so; to have the body as it came, use a client without `decompress`."
  }
}
