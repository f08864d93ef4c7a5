/**
 * Failures of reading the body of a response.
 *
 * @since 0.1.0
 */
import { excerpt, hasLeftHttp, tagged } from "./base.ts"
import type { Relaxation } from "./relaxation.ts"
import { remedy } from "./relaxation.ts"

/**
 * The body ended before it was complete: `http.client.IncompleteRead`.
 *
 * `expected` is the total number of bytes announced (Python reports the missing bytes). It is
 * `undefined` if the framing is chunked or until close.
 *
 * `partial`, which every failure of reading a body has, holds the bytes that the failed read had
 * collected (`bytes`, `text`, `json`, `read`, `readInto`, `readLine`). It is `undefined` if the
 * read collects nothing: a `stream` has already passed its bytes to the caller.
 *
 * @since 0.1.0
 * @category errors of the body
 */
export class IncompleteRead extends tagged("IncompleteRead", "Remote", "body")<{
  readonly received: number
  readonly expected: number | undefined
  readonly partial: Uint8Array | undefined
  /**
   * True if the body ended with a TLS connection that closed without close_notify, so that it may
   * have been truncated (RFC 9112 section 9.8).
   */
  readonly unproven?: boolean | undefined
  /**
   * The relaxations of `HttpLeniency` that accept the received bytes as the whole body, best first.
   */
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
 * A chunk size that is not `1*HEXDIG` (RFC 9112 section 7.1). Python reports it as
 * `IncompleteRead(b'')`.
 *
 * @since 0.1.0
 * @category errors of the body
 */
export class InvalidChunkSize extends tagged("InvalidChunkSize", "Remote", "body")<{
  /** The line as received, up to the invalid byte, cut at 120 bytes. */
  readonly line: string
  /** The bytes collected so far; see `IncompleteRead`. */
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
  /** The offset in the decoded body. */
  readonly offset: number
  /** The bytes collected so far; see `IncompleteRead`. */
  readonly partial?: Uint8Array | undefined
  /** The relaxations of `HttpLeniency` that accept it, best first. */
  readonly relaxations?: ReadonlyArray<Relaxation> | undefined
}> {
  override get description(): string {
    return `The chunk that ends at byte ${this.offset} of the body is not followed by CRLF.` + remedy(this.relaxations)
  }
}

/**
 * A chunk size beyond 2^53 - 1. Leading zeros do not make a size too large; they count towards
 * `HttpLimits.chunkLine`.
 *
 * @since 0.1.0
 * @category errors of the body
 */
export class ChunkTooLarge extends tagged("ChunkTooLarge", "Remote", "body")<{
  /** The line as received, up to the digit that makes it too large, cut at 120 bytes. */
  readonly size: string
  /** The bytes collected so far; see `IncompleteRead`. */
  readonly partial?: Uint8Array | undefined
}> {
  override get description(): string {
    return `The chunk size ${excerpt(this.size)} is larger than can be read.`
  }
}

/**
 * Chunk extensions that exceed `HttpLimits.chunkExtensions` in total over the body.
 *
 * @since 0.1.0
 * @category errors of the body
 */
export class ChunkExtensionsTooLong extends tagged("ChunkExtensionsTooLong", "Remote", "body")<{
  readonly limit: number
  /** The bytes collected so far; see `IncompleteRead`. */
  readonly partial?: Uint8Array | undefined
}> {
  override get description(): string {
    return `The body's chunk extensions are longer than ${this.limit} bytes (the limit is \`limits.chunkExtensions\`).`
  }
}

/**
 * A trailer section larger than `HttpLimits.trailers`, or with more lines than `HttpLimits.fields`.
 *
 * @since 0.1.0
 * @category errors of the body
 */
export class TrailersTooLarge extends tagged("TrailersTooLarge", "Remote", "body")<{
  readonly limit: number
  /** The bytes collected so far; see `IncompleteRead`. */
  readonly partial?: Uint8Array | undefined
}> {
  override get description(): string {
    return `The trailer section is larger than its limit of ${this.limit} (see \`limits.trailers\` and \`limits.fields\`).`
  }
}

/**
 * The constraint other than a limit that a body exceeds: memory for one piece, or V8's longest
 * string.
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
 * A body larger than `HttpLimits.body`, or too large for the requested form: one piece of memory,
 * or text. `reason` says which. `Memory` and `Text` are not the server's fault.
 *
 * @since 0.1.0
 * @category errors of the body
 */
export class BodyTooLarge extends tagged("BodyTooLarge", "Remote", "body")<{
  /** The constraint that the body exceeds; `undefined` for a limit. */
  readonly reason?: BodyTooLargeReason | undefined
  /**
   * The limit in bytes. For `Memory`, the size of the array that cannot be allocated. For `Text`,
   * the longest string in UTF-16 code units.
   */
  readonly limit: number
  /**
   * The bytes collected so far; see `IncompleteRead`. For `Memory` only the beginning, because they
   * do not fit in one piece.
   */
  readonly partial?: Uint8Array | undefined
  /** For `Memory`, all bytes collected so far, in the order of arrival. */
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
      + (this.expected === undefined ? "" : ` of ${this.expected}`)
      + (hasLeftHttp(this.context) ? " bytes of the upgraded connection." : " bytes of the body.")
  }
}

const described = { text: "valid text", json: "valid JSON", form: "a valid form" }

/**
 * The body is complete but is not valid as the requested text, JSON or form.
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
   * The status of the response with this body.
   *
   * @since 0.2.0
   */
  get status(): number | undefined {
    return this.context.status
  }
  /**
   * The Content-Type of the response with this body.
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
 * The failure of a status check, which reads the start of the body.
 *
 * @since 0.2.0
 * @category errors of the status
 */
export * from "./status.ts"

/**
 * Failures of reading a response as server-sent events, such as `NotEventStream`.
 *
 * @since 0.2.0
 * @category errors of event streams
 */
export * from "./eventStream.ts"
