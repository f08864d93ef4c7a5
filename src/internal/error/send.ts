/**
 * Failures of sending a request.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import { excerpt, nameOf, otherEnd, tagged } from "./base.ts"
import { explainAlert, silentRefusal } from "./tlsCodes.ts"

/**
 * The transport failed to write the request: `BrokenPipeError` and `ConnectionResetError` in
 * Python.
 *
 * @since 0.1.0
 * @category errors of sending
 */
export class WriteError extends tagged("WriteError", "Network", "write")<{
  /** The system's code, such as `EPIPE` or `ECONNRESET`. */
  readonly code: string
  readonly cause: unknown
  /** The TLS version of the connection, if it uses TLS and nothing was received over it. */
  readonly tls?: string | undefined
}> {
  override get description(): string {
    const said = explainAlert(this.code, this.cause)
    return `The request could not be sent: the connection broke (${this.code}).`
      + (this.context.processed === "No"
        ? ` ${otherEnd(this.context)} has not seen it.`
        : ` ${otherEnd(this.context)} may have processed part of it.`)
      + (said === undefined ? silentRefusal(this.tls) : ` ${said.words}`)
  }
}

const lengthAdvice = "Declare the length that it has, or none to send it chunked."

/**
 * The body was shorter or longer than its declared Content-Length. Nothing beyond the declared
 * length was sent.
 *
 * @since 0.1.0
 * @category errors of sending
 */
export class BodyLengthMismatch extends tagged("BodyLengthMismatch", "User", "write")<{
  readonly declared: number
  /** The length of the body: exact if the body was too short, a lower bound if it was too long. */
  readonly actual: number
}> {
  override get description(): string {
    return this.actual > this.declared
      ? `The body is longer (at least ${this.actual} bytes) than its declared Content-Length of ${this.declared}. ${lengthAdvice}`
      : `The body ended after ${this.actual} bytes, before its declared Content-Length of ${this.declared}. ${lengthAdvice}`
  }
}

/** Returns the message of the caller's error. A text is its own message. */
const messageOf = (error: unknown): string => {
  if (typeof error === "string") return error
  try {
    return Predicate.hasProperty(error, "message") && typeof error.message === "string" ? error.message : ""
  } catch {
    // The getter is the caller's code. If it throws, that must not hide the failure of the stream.
    return ""
  }
}

/** Returns the name and message of the caller's error. */
const summaryOf = (error: unknown): string => {
  const message = messageOf(error)
  return message === "" ? nameOf(error) : `${nameOf(error)}: ${excerpt(message)}`
}

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
  override get description(): string {
    return `The stream of the request's body failed with ${summaryOf(this.error)}; see \`error\`.`
  }
  /**
   * Shows only the name and message of the caller's error, because it may hold anything.
   *
   * @since 0.1.0
   */
  override toJSON(): unknown {
    const { cause: _, ...json } = super.toJSON() as Record<string, unknown>
    return { ...json, error: summaryOf(this.error) }
  }
}
