/**
 * Failures of reading the body of a response.
 *
 * @since 0.1.0
 */
import { excerpt, tagged } from "./base.ts"
import type { Relaxation } from "./relaxation.ts"
import { remedy } from "./relaxation.ts"

/**
 * The body ended before it was complete: `http.client.IncompleteRead`.
 *
 * `expected` is how many bytes were to come in all (Python gives how many were missing);
 * `undefined` where the framing is chunked or until close.
 *
 * `partial`, which every failure of reading a body has, holds the bytes that the failed reading had
 * collected (`bytes`, `text`, `json`, `read`, `readInto`, `readLine`). It is `undefined` if the
 * reading collects nothing: a `stream` has given them to the caller.
 *
 * @since 0.1.0
 * @category errors of the body
 */
export class IncompleteRead extends tagged("IncompleteRead", "Remote", "body")<{
  readonly received: number
  readonly expected: number | undefined
  readonly partial: Uint8Array | undefined
  /**
   * True where the body ended with a connection of TLS that did not say that it ends, so that it
   * may have been cut (RFC 9112 section 9.8).
   */
  readonly unproven?: boolean | undefined
  /** The relaxations of `HttpLeniency` that take what came for the whole body, best first. */
  readonly relaxations?: ReadonlyArray<Relaxation> | undefined
  readonly cause?: unknown
}> {
  override get description(): string {
    return (this.unproven === true
      ? `The body may have been cut: after ${this.received} bytes the connection ended, and TLS did not say so (close_notify).`
      : this.expected === undefined
      ? `The body ended early, after ${this.received} bytes: the connection closed before the body's end.`
      : `The body ended early: ${this.received} of ${this.expected} bytes had come when the connection closed.`)
      + (this.partial === undefined ? "" : " What came is in `partial`.")
      + remedy(this.relaxations)
  }
}

/**
 * A chunk size that is not `1*HEXDIG` (RFC 9112 section 7.1); Python reports it as
 * `IncompleteRead(b'')`.
 *
 * @since 0.1.0
 * @category errors of the body
 */
export class InvalidChunkSize extends tagged("InvalidChunkSize", "Remote", "body")<{
  /** The line as received, up to the byte that is wrong, cut at 120 bytes. */
  readonly line: string
  /** The bytes that had been collected; see `IncompleteRead`. */
  readonly partial?: Uint8Array | undefined
  /** The relaxations of `HttpLeniency` that accept it, best first. */
  readonly relaxations?: ReadonlyArray<Relaxation> | undefined
}> {
  override get description(): string {
    return `A chunk of the body begins with ${excerpt(this.line)}, which is no chunk size.` + remedy(this.relaxations)
  }
}

/**
 * Chunk data that is not followed by exactly CRLF.
 *
 * @since 0.1.0
 * @category errors of the body
 */
export class InvalidChunkEnd extends tagged("InvalidChunkEnd", "Remote", "body")<{
  /** Offset in the decoded body. */
  readonly offset: number
  /** The bytes that had been collected; see `IncompleteRead`. */
  readonly partial?: Uint8Array | undefined
  /** The relaxations of `HttpLeniency` that accept it, best first. */
  readonly relaxations?: ReadonlyArray<Relaxation> | undefined
}> {
  override get description(): string {
    return `The chunk that ends at byte ${this.offset} of the body is not followed by CRLF.` + remedy(this.relaxations)
  }
}

/**
 * A chunk size beyond 2^53 - 1. Leading zeros are no matter of size: they count towards
 * `HttpLimits.chunkLine`.
 *
 * @since 0.1.0
 * @category errors of the body
 */
export class ChunkTooLarge extends tagged("ChunkTooLarge", "Remote", "body")<{
  /** The line as received, up to the digit that makes it too large, cut at 120 bytes. */
  readonly size: string
  /** The bytes that had been collected; see `IncompleteRead`. */
  readonly partial?: Uint8Array | undefined
}> {
  override get description(): string {
    return `The chunk size ${excerpt(this.size)} is larger than can be read.`
  }
}

/**
 * Chunk extensions beyond `HttpLimits.chunkExtensions`, in sum over the body.
 *
 * @since 0.1.0
 * @category errors of the body
 */
export class ChunkExtensionsTooLong extends tagged("ChunkExtensionsTooLong", "Remote", "body")<{
  readonly limit: number
  /** The bytes that had been collected; see `IncompleteRead`. */
  readonly partial?: Uint8Array | undefined
}> {
  override get description(): string {
    return `The body's chunk extensions are longer than ${this.limit} bytes (the limit is \`limits.chunkExtensions\`).`
  }
}

/**
 * A trailer section larger than `HttpLimits.trailers`, or of more lines than `HttpLimits.fields`.
 *
 * @since 0.1.0
 * @category errors of the body
 */
export class TrailersTooLarge extends tagged("TrailersTooLarge", "Remote", "body")<{
  readonly limit: number
  /** The bytes that had been collected; see `IncompleteRead`. */
  readonly partial?: Uint8Array | undefined
}> {
  override get description(): string {
    return `The trailer section is larger than its limit of ${this.limit} (see \`limits.trailers\` and \`limits.fields\`).`
  }
}

/**
 * What a body is too large for, if that is no limit: the memory in which it was to be in one piece,
 * or the longest text that V8 can hold.
 *
 * @since 0.2.0
 * @category models
 */
export type BodyTooLargeReason = "Memory" | "Text"

const tooLargeFor: { readonly [K in BodyTooLargeReason]: (limit: number) => string } = {
  Memory: (limit) =>
    `The body cannot be held in memory: there is no room for an array of ${limit} bytes. Read it as a \`stream\`, or in `
    + "pieces with `read(n)`; what came is in `pieces`.",
  Text: (limit) =>
    `The body is too large to be text: the longest string has ${limit} characters. Read it as \`bytes\` or as a \`stream\`.`
}

/**
 * A body larger than `HttpLimits.body`, or too large to be had as it was asked for: in one piece of
 * memory, or as text. The `reason` says which. `Memory` and `Text` are no fault of the server's.
 *
 * @since 0.1.0
 * @category errors of the body
 */
export class BodyTooLarge extends tagged("BodyTooLarge", "Remote", "body")<{
  /** What it is too large for; `undefined` for a limit. */
  readonly reason?: BodyTooLargeReason | undefined
  /**
   * Bytes; of `Memory` the size of the array that cannot be made; of `Text` the longest string in
   * UTF-16 code units.
   */
  readonly limit: number
  /**
   * The bytes that had been collected; see `IncompleteRead`. Of `Memory` only the beginning,
   * because there is no room for all in one piece.
   */
  readonly partial?: Uint8Array | undefined
  /** Of `Memory` all bytes that had been collected, in the order in which they came. */
  readonly pieces?: ReadonlyArray<Uint8Array> | undefined
  readonly cause?: unknown
}> {
  override get description(): string {
    return this.reason === undefined
      ? `The body is larger than ${this.limit} bytes (the limit is \`limits.body\`).`
      : tooLargeFor[this.reason](this.limit)
  }
}

/**
 * The connection was reset or broke while the body was being read.
 *
 * @since 0.1.0
 * @category errors of the body
 */
export class ConnectionReset extends tagged("ConnectionReset", "Network", "body")<{
  readonly code: string
  readonly received: number
  readonly expected: number | undefined
  readonly partial: Uint8Array | undefined
  readonly cause: unknown
}> {
  override get description(): string {
    return `The connection broke (${this.code}) after ${this.received}`
      + (this.expected === undefined ? "" : ` of ${this.expected}`) + " bytes of the body."
  }
}

const described = { text: "valid text", json: "valid JSON", form: "a valid form" }

/**
 * The body is complete but is not the text, JSON or form that was asked for.
 *
 * @since 0.1.0
 * @category errors of the body
 */
export class BodyDecodeError extends tagged("BodyDecodeError", "Remote", "body")<{
  readonly format: "text" | "json" | "form"
  readonly reason: string
  /** The body. */
  readonly partial?: Uint8Array | undefined
  readonly cause?: unknown
}> {
  /**
   * The status of the response that it is the body of.
   *
   * @since 0.2.0
   */
  get status(): number | undefined {
    return this.context.status
  }
  /**
   * The Content-Type of the response that it is the body of.
   *
   * @since 0.2.0
   */
  get contentType(): string | undefined {
    return this.context.contentType
  }
  override get description(): string {
    const { contentType, status } = this.context
    const of = status === undefined
      ? ""
      : ` The response has the status ${status} and ${
        contentType === undefined ? "no Content-Type" : `the Content-Type ${excerpt(contentType)}`
      }.`
    return `The body is not ${described[this.format]}: ${this.reason}.${of}`
  }
}

/**
 * The failure of a check of the status, which reads the start of the body.
 *
 * @since 0.2.0
 * @category errors of the status
 */
export * from "./status.ts"
