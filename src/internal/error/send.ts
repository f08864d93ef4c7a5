/**
 * Failures of sending a request.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import { tagged } from "./base.ts"
import { explainAlert, silentRefusal } from "./tlsCodes.ts"

/**
 * The transport failed to take the request: `BrokenPipeError` and `ConnectionResetError` in Python.
 *
 * @since 0.1.0
 * @category errors of sending
 */
export class WriteError extends tagged("WriteError", "Network", "write")<{
  /** The system's code, such as `EPIPE` or `ECONNRESET`. */
  readonly code: string
  readonly cause: unknown
  /** The version of TLS on the connection, where there was TLS and nothing had come over it. */
  readonly tls?: string | undefined
}> {
  override get message(): string {
    const said = explainAlert(this.code, this.cause)
    return `The request could not be sent: the connection broke (${this.code}).`
      + (this.context.processed === "No"
        ? " The server has not seen it."
        : " The server may have processed part of it.")
      + (said === undefined ? silentRefusal(this.tls) : ` ${said.words}`)
  }
}

const lengthAdvice = "Declare the length that it has, or none to send it chunked."

/**
 * The body was shorter or longer than its declared Content-Length; nothing beyond the declared length was sent.
 *
 * @since 0.1.0
 * @category errors of sending
 */
export class BodyLengthMismatch extends tagged("BodyLengthMismatch", "User", "write")<{
  readonly declared: number
  /** What came: exact where the body was too short, at least this much where it was too long. */
  readonly actual: number
}> {
  override get message(): string {
    return this.actual > this.declared
      ? `The body is longer (at least ${this.actual} bytes) than its declared Content-Length of ${this.declared}. ${lengthAdvice}`
      : `The body ended after ${this.actual} bytes, before its declared Content-Length of ${this.declared}. ${lengthAdvice}`
  }
}

/** Tag, name or type of an error of the caller's. */
const nameOf = (error: unknown): string =>
  Predicate.hasProperty(error, "_tag") ? String(error._tag) : error instanceof Error ? error.name : typeof error

/**
 * The caller's own body stream failed; `error` is its error, typed. The connection has been closed.
 *
 * @since 0.1.0
 * @category errors of sending
 */
export class RequestBodyError<out E = unknown> extends tagged("RequestBodyError", "User", "write")<{
  readonly error: unknown
  readonly cause: unknown
}> {
  /**
   * The error of the caller's stream.
   *
   * @since 0.1.0
   */
  declare readonly error: E
  constructor(args: { readonly error: E }) {
    super({ error: args.error, cause: args.error })
  }
  override get message(): string {
    return `The stream of the request's body failed with ${nameOf(this.error)}; see \`error\`.`
  }
  /**
   * Shows of the caller's error no more than its name, because it may hold anything.
   *
   * @since 0.1.0
   */
  override toJSON(): unknown {
    return { _tag: this._tag, message: this.message, error: nameOf(this.error), context: this.context }
  }
}
