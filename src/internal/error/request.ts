/**
 * Failures of building a request. All are found before the first byte is sent, and the caller must
 * fix them.
 *
 * @since 0.1.0
 */
import { tagged } from "./base.ts"
import type { Relaxation } from "./relaxation.ts"
import { remedy } from "./relaxation.ts"

/**
 * An unusable URL, host, port or request target: `http.client.InvalidURL`.
 *
 * The input is not repeated, because it may hold a password.
 *
 * @since 0.1.0
 * @category errors of the request
 */
export class InvalidUrl extends tagged("InvalidUrl", "User", "build")<{
  /** The invalid part. */
  readonly part: "url" | "host" | "port" | "target" | "userinfo" | "tunnel" | "socketPath"
  /** The fault in it. */
  readonly reason: string
}> {
  override get description(): string {
    return `The ${this.part === "socketPath" ? "socket path" : this.part} is not valid: ${this.reason}.`
  }
}

/**
 * A URL whose scheme is neither `http` nor `https`.
 *
 * @since 0.1.0
 * @category errors of the request
 */
export class UnsupportedScheme extends tagged("UnsupportedScheme", "User", "build")<{ readonly scheme: string }> {
  override get description(): string {
    return `The scheme ${JSON.stringify(this.scheme)} is not supported. Use "http" or "https".`
  }
}

/**
 * A method that is not a token (RFC 9110 section 9.1); a plain `ValueError` in `http.client`.
 *
 * @since 0.1.0
 * @category errors of the request
 */
export class InvalidMethod extends tagged("InvalidMethod", "User", "build")<{
  /** The offset of the first character that a method must not contain; 0 if it is empty. */
  readonly offset: number
}> {
  override get description(): string {
    return `The method is not a token: the character at offset ${this.offset} is missing or not allowed. `
      + "Methods are made of letters, digits and !#$%&'*+-.^_`|~ (RFC 9110 section 9.1)."
  }
}

/**
 * A field name that is not a token (RFC 9110 section 5.1); a plain `ValueError` in `http.client`.
 *
 * @since 0.1.0
 * @category errors of the request
 */
export class InvalidHeaderName extends tagged("InvalidHeaderName", "User", "build")<{
  /** The name, with unprintable characters escaped. */
  readonly field: string
}> {
  override get description(): string {
    return `The field name ${this.field} cannot be sent. `
      + "Names are made of letters, digits and !#$%&'*+-.^_`|~ (RFC 9110 section 5.1)."
  }
}

/**
 * A field value that cannot be sent: it has CR, LF, NUL, another control character, or a character
 * beyond ISO-8859-1.
 *
 * The error names the field and never repeats its value.
 *
 * @since 0.1.0
 * @category errors of the request
 */
export class InvalidHeaderValue extends tagged("InvalidHeaderValue", "User", "build")<{
  readonly field: string
  readonly offset: number
  readonly reason: string
}> {
  override get description(): string {
    return `The value of the field ${
      JSON.stringify(this.field)
    } cannot be sent: ${this.reason} at offset ${this.offset}.`
  }
}

/**
 * A field that the caller must not set here, because the library controls what it says.
 *
 * @since 0.1.0
 * @category errors of the request
 */
export class ForbiddenHeader extends tagged("ForbiddenHeader", "User", "build")<{
  readonly field: string
  readonly reason: string
}> {
  override get description(): string {
    return `The field ${JSON.stringify(this.field)} cannot be set here: ${this.reason}.`
  }
}

/**
 * Framing fields that contradict each other or the body: Content-Length together with
 * Transfer-Encoding, two lengths, or no framing.
 *
 * @since 0.1.0
 * @category errors of the request
 */
export class ConflictingFraming extends tagged("ConflictingFraming", "User", "build")<{ readonly reason: string }> {
  override get description(): string {
    return `The request's framing contradicts itself: ${this.reason} (RFC 9112 section 6).`
  }
}

/**
 * A trailer field that must not be sent, or a trailer field of the peer that breaks the grammar
 * (RFC 9110 section 6.5.1).
 *
 * @since 0.1.0
 * @category errors of the request
 */
export class InvalidTrailer extends tagged("InvalidTrailer", "User", "build")<{
  /** The name of the field; empty if a line of the peer has none. */
  readonly field: string
  readonly reason: string
  /** The bytes collected so far, if this is about a response; see `IncompleteRead`. */
  readonly partial?: Uint8Array | undefined
  /** The relaxations of `HttpLeniency` that accept it from a peer, best first. */
  readonly relaxations?: ReadonlyArray<Relaxation> | undefined
}> {
  override get description(): string {
    const what = this.field === "" ? "A line of the trailers" : `The trailer field ${JSON.stringify(this.field)}`
    return `${what} is not valid: ${this.reason}.` + remedy(this.relaxations)
  }
}

/**
 * A body that cannot be sent in the requested form, such as text beyond ISO-8859-1
 * (`UnicodeEncodeError`) or a wrong type (`TypeError`).
 *
 * @since 0.1.0
 * @category errors of the request
 */
export class UnsupportedBody extends tagged("UnsupportedBody", "User", "build")<{
  readonly reason: string
  readonly cause?: unknown
}> {
  override get description(): string {
    return `The body cannot be sent: ${this.reason}.`
  }
}

/**
 * A file or handle that cannot be read, such as a directory or a handle opened for writing:
 * `http.client.UnimplementedFileMode`.
 *
 * @since 0.1.0
 * @category errors of the request
 */
export class UnimplementedFileMode extends tagged("UnimplementedFileMode", "User", "build")<{
  readonly reason: string
  /** The error of the file system, if it was accessed. */
  readonly cause?: unknown
}> {
  override get description(): string {
    return `The file cannot be read to send it as a body: ${this.reason}.`
  }
}

/**
 * An option with an invalid value, such as a negative limit.
 *
 * @since 0.1.0
 * @category errors of the request
 */
export class InvalidOption extends tagged("InvalidOption", "User", "build")<{
  readonly option: string
  readonly reason: string
}> {
  override get description(): string {
    return `The option ${JSON.stringify(this.option)} is not valid: ${this.reason}.`
  }
}
