/**
 * Failures of decoding a compressed body. Each ends the reading of that body; the response itself,
 * its status and its fields have been received.
 *
 * @since 0.2.0
 */
import { tagged } from "./base.ts"

/**
 * What is wrong with an encoded body: its bytes are not of that coding, it ends before the coding
 * says so, or bytes follow behind the coding's end. What follows a gzip member and begins as
 * another one does (`1f 8b 08`) is read as that.
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
 * The body is not what its Content-Encoding says.
 *
 * `cause` is the error of Node's zlib, where it was zlib that saw it.
 *
 * @since 0.2.0
 * @category errors of decoding
 */
export class ContentDecodingError extends tagged("ContentDecodingError", "Remote", "decode")<{
  /** The coding that failed: of several, one. */
  readonly coding: string
  readonly reason: ContentDecodingReason
  /** How many bytes this coding had given before it failed. */
  readonly decoded: number
  /** The option of `decompress` with which the body is taken as it is, where there is one. */
  readonly relaxation?: "gzipWithoutTrailer" | undefined
  /** What had been decoded of the body, where it was being collected. */
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
 * Which limit a decoded body reached: `maxBytes` and `maxRatio` are options of `decompress`,
 * `MaxBodySize` is the platform's reference.
 *
 * @since 0.2.0
 * @category models
 */
export type DecompressionLimit = "maxBytes" | "maxRatio" | "MaxBodySize"

/**
 * The body grows beyond a limit when it is decoded. What is beyond was not decoded.
 *
 * @since 0.2.0
 * @category errors of decoding
 */
export class DecompressionBomb extends tagged("DecompressionBomb", "Remote", "decode")<{
  /** The coding whose output was too large: of several, the first that was. */
  readonly coding: string
  readonly limit: DecompressionLimit
  /** The limit's value: bytes, or decoded bytes for each encoded one. */
  readonly maximum: number
  /** Bytes of the body that had been decoded, as received. */
  readonly encoded: number
  /** Bytes that they had become; not the size of the whole. */
  readonly decoded: number
  /** What had been decoded of the body, where it was being collected. */
  readonly partial?: Uint8Array | undefined
}> {
  override get description(): string {
    return `The ${this.coding} body is too large when decoded: ${this.encoded} bytes became ${this.decoded}, and the limit is ${
      this.limit === "maxRatio" ? `${this.maximum} for each` : this.maximum
    } (\`${this.limit}\`). If the server is trusted, raise it.`
  }
}

/**
 * More codings in the Content-Encoding fields of a response than are decoded one after the other.
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
