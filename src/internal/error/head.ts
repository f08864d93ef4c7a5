/**
 * Failures of waiting for and parsing the head of a response.
 *
 * @since 0.1.0
 */
import { excerpt, otherEnd, tagged } from "./base.ts"
import type { Relaxation } from "./relaxation.ts"
import { remedy } from "./relaxation.ts"
import { ofCassette } from "./systemCodes.ts"
import { explainAlert, silentRefusal } from "./tlsCodes.ts"

/**
 * The server closed a new connection without a response: `http.client.RemoteDisconnected`, which is
 * also a `BadStatusLine`.
 *
 * @since 0.1.0
 * @category errors of the head
 */
export class RemoteDisconnected extends tagged("RemoteDisconnected", "Remote", "head")<{
  readonly cause?: unknown
  /** The TLS version of the connection, if it uses TLS. */
  readonly tls?: string | undefined
}> {
  override get description(): string {
    return `${
      otherEnd(this.context)
    } closed the connection without sending a response. It may have crashed or be restarting`
      + (this.tls === undefined ? ", or the port may want TLS" : "")
      + `: see the server's log.${silentRefusal(this.tls)}`
  }
}

/**
 * The server closed a reused or pooled idle connection before the first byte of a response: the
 * keep-alive race.
 *
 * `context.processed` and `context.replayable` say whether a retry is safe.
 *
 * @since 0.1.0
 * @category errors of the head
 */
export class StaleConnection extends tagged("StaleConnection", "Remote", "head")<{ readonly cause?: unknown }> {
  override get description(): string {
    return `${otherEnd(this.context)} closed the idle connection just as the request was sent on it.`
      + " Sending again on a new connection is safe where the request may be repeated."
  }
}

/**
 * The connection broke before the head of the response had arrived.
 *
 * @since 0.1.0
 * @category errors of the head
 */
export class ReadError extends tagged("ReadError", "Network", "head")<{
  /** The system's code, such as `ECONNRESET`. */
  readonly code: string
  readonly cause: unknown
  /** The TLS version of the connection, if it uses TLS and nothing was received over it. */
  readonly tls?: string | undefined
}> {
  override get description(): string {
    const played = ofCassette(this.code, this.cause)
    if (played !== undefined) return played
    const said = explainAlert(this.code, this.cause)
    return `The connection broke while the response was awaited (${this.code}). The server may have processed the request.`
      + (said === undefined ? silentRefusal(this.tls) : ` ${said.words}`)
  }
}

/**
 * A status line that breaks the grammar: `http.client.BadStatusLine`.
 *
 * @since 0.1.0
 * @category errors of the head
 */
export class BadStatusLine extends tagged("BadStatusLine", "Remote", "head")<{
  /** The line as received, cut at 120 characters. */
  readonly line: string
  /** The relaxations of `HttpLeniency` that accept it, best first. */
  readonly relaxations?: ReadonlyArray<Relaxation> | undefined
}> {
  override get description(): string {
    return `${otherEnd(this.context)}'s answer does not begin with a status line of HTTP/1: ${excerpt(this.line)}.`
      + (remedy(this.relaxations) || " Check that the port is one for HTTP.")
  }
}

/**
 * Matches `HTTP-version` (RFC 9112 section 2.3), and versions after 1 written without a minor
 * digit.
 */
const isVersion = /^HTTP\/(?:[0-9]\.[0-9]|[2-9])$/

/**
 * A status line of an HTTP version that is not 1.x: `http.client.UnknownProtocol`.
 *
 * @since 0.1.0
 * @category errors of the head
 */
export class UnknownProtocol extends tagged("UnknownProtocol", "Remote", "head")<{ readonly version: string }> {
  override get description(): string {
    return isVersion.test(this.version)
      ? `${otherEnd(this.context)} answered with ${excerpt(this.version)}, but only HTTP/1 is spoken here.`
      : `${otherEnd(this.context)} answered with the version ${
        excerpt(this.version)
      }, which is none: a version is "HTTP/", one digit, a dot and one digit.`
  }
}

/**
 * A status code that is not three digits from 100 to 999.
 *
 * @since 0.1.0
 * @category errors of the head
 */
export class InvalidStatusCode extends tagged("InvalidStatusCode", "Remote", "head")<{
  readonly code: string
  /** The relaxations of `HttpLeniency` that accept it, best first. */
  readonly relaxations?: ReadonlyArray<Relaxation> | undefined
}> {
  override get description(): string {
    return `${otherEnd(this.context)}'s status code ${excerpt(this.code)} is not a number from 100 to 999.`
      + remedy(this.relaxations)
  }
}

const limitOf = {
  "status line": "statusLine",
  "field line": "fieldLine",
  "chunk size line": "chunkLine",
  "trailer line": "fieldLine"
} as const

/**
 * A line longer than its limit in `HttpLimits`: `http.client.LineTooLong`.
 *
 * @since 0.1.0
 * @category errors of the head
 */
export class LineTooLong extends tagged("LineTooLong", "Remote", "head")<{
  readonly what: "status line" | "field line" | "chunk size line" | "trailer line"
  /** The limit, in bytes. */
  readonly limit: number
  /** The bytes collected so far, for a line in the body; see `IncompleteRead`. */
  readonly partial?: Uint8Array | undefined
}> {
  override get description(): string {
    return `${otherEnd(this.context)} sent a ${this.what} of more than ${this.limit} bytes (the limit is \`limits.${
      limitOf[this.what]
    }\`).`
  }
}

/**
 * A head larger than `HttpLimits.head`.
 *
 * @since 0.1.0
 * @category errors of the head
 */
export class HeadersTooLarge extends tagged("HeadersTooLarge", "Remote", "head")<{ readonly limit: number }> {
  override get description(): string {
    return `The head of the response is larger than ${this.limit} bytes (the limit is \`limits.head\`).`
  }
}

/**
 * More field lines than `HttpLimits.fields`; a plain `HTTPException` in Python.
 *
 * @since 0.1.0
 * @category errors of the head
 */
export class TooManyHeaders extends tagged("TooManyHeaders", "Remote", "head")<{ readonly limit: number }> {
  override get description(): string {
    return `The response has more than ${this.limit} field lines (the limit is \`limits.fields\`).`
  }
}

/**
 * A field line that breaks the grammar of RFC 9112 section 5.
 *
 * @since 0.1.0
 * @category errors of the head
 */
export class InvalidHeaderLine extends tagged("InvalidHeaderLine", "Remote", "head")<{
  /** The offset of the first invalid byte in the head. */
  readonly offset: number
  readonly reason: string
  /** The relaxations of `HttpLeniency` that accept it, best first. */
  readonly relaxations?: ReadonlyArray<Relaxation> | undefined
}> {
  override get description(): string {
    return `A field line of the response is malformed: ${this.reason}, at byte ${this.offset} of the head.`
      + remedy(this.relaxations)
  }
}

/**
 * A Content-Length that is not `1*DIGIT`, or is beyond 2^53 - 1.
 *
 * @since 0.1.0
 * @category errors of the head
 */
export class InvalidContentLength extends tagged("InvalidContentLength", "Remote", "head")<{
  readonly value: string
  /** The relaxations of `HttpLeniency` that accept it, best first. */
  readonly relaxations?: ReadonlyArray<Relaxation> | undefined
}> {
  override get description(): string {
    return `The response's Content-Length ${excerpt(this.value)} is no length that can be read.`
      + remedy(this.relaxations)
  }
}

/**
 * Several Content-Length values that differ.
 *
 * @since 0.1.0
 * @category errors of the head
 */
export class ConflictingContentLength extends tagged("ConflictingContentLength", "Remote", "head")<{
  readonly values: ReadonlyArray<string>
  /** The relaxations of `HttpLeniency` that accept it, best first. */
  readonly relaxations?: ReadonlyArray<Relaxation> | undefined
}> {
  override get description(): string {
    return `The response has Content-Length values that differ: ${excerpt(this.values.join(", "))}.`
      + remedy(this.relaxations)
  }
}

/**
 * A Transfer-Encoding other than exactly `chunked`: `http.client.UnknownTransferEncoding`, which
 * this library raises.
 *
 * @since 0.1.0
 * @category errors of the head
 */
export class UnknownTransferEncoding extends tagged("UnknownTransferEncoding", "Remote", "head")<{
  readonly codings: string
  /** The relaxations of `HttpLeniency` that accept it, best first. */
  readonly relaxations?: ReadonlyArray<Relaxation> | undefined
}> {
  override get description(): string {
    return `The response's Transfer-Encoding ${
      excerpt(this.codings)
    } is not "chunked", the only one that can be decoded.`
      + remedy(this.relaxations)
  }
}

/**
 * Transfer-Encoding together with Content-Length, or in an HTTP/1.0 message: a sign of request
 * smuggling (RFC 9112 section 6.1).
 *
 * @since 0.1.0
 * @category errors of the head
 */
export class FramingConflict extends tagged("FramingConflict", "Remote", "head")<{
  readonly reason: string
  /** The relaxations of `HttpLeniency` that accept it, best first. */
  readonly relaxations?: ReadonlyArray<Relaxation> | undefined
}> {
  override get description(): string {
    return `The response's framing contradicts itself: ${this.reason}. This is what response smuggling looks like.`
      + remedy(this.relaxations)
  }
}

/**
 * The connection ended inside a head.
 *
 * @since 0.1.0
 * @category errors of the head
 */
export class IncompleteHeaders extends tagged("IncompleteHeaders", "Remote", "head")<{
  /** The number of bytes of the head that had been received. */
  readonly received: number
  /** The relaxations of `HttpLeniency` that accept it, best first. */
  readonly relaxations?: ReadonlyArray<Relaxation> | undefined
}> {
  override get description(): string {
    return `The connection ended after ${this.received} bytes of a response head that was not complete.`
      + remedy(this.relaxations)
  }
}

/**
 * More 1xx responses than `HttpLimits.informational`.
 *
 * @since 0.1.0
 * @category errors of the head
 */
export class TooManyInformational extends tagged("TooManyInformational", "Remote", "head")<{
  readonly limit: number
}> {
  override get description(): string {
    return `${otherEnd(this.context)} sent more than ${this.limit} informational (1xx) responses before the final one`
      + " (the limit is `limits.informational`)."
  }
}

/**
 * A 101 (Switching Protocols) response that the request did not ask for, or that chooses another
 * protocol than it offered.
 *
 * @since 0.1.0
 * @category errors of the head
 */
export class UnexpectedUpgrade extends tagged("UnexpectedUpgrade", "Remote", "head")<{
  /** The protocol that the server named, if it named one. */
  readonly protocol: string | undefined
  /**
   * The protocols that the request offered, in lower case. Empty if it asked for none.
   *
   * @since 0.2.0
   */
  readonly offered?: ReadonlyArray<string> | undefined
}> {
  override get description(): string {
    const { offered = [], protocol } = this
    return `${otherEnd(this.context)} switched protocols (101) `
      + (offered.length === 0
        ? "although no upgrade was offered"
        : `and did not choose what was offered (${excerpt(offered.join(", "))})`)
      + (protocol === undefined ? "." : ` (to ${excerpt(protocol)}).`)
  }
}

/**
 * Bytes on a connection without an outstanding request. They are never used as a response, and the
 * connection has been closed.
 *
 * @since 0.1.0
 * @category errors of the head
 */
export class UnexpectedMessage extends tagged("UnexpectedMessage", "Remote", "idle")<{
  readonly received: number
}> {
  override get description(): string {
    return `${
      otherEnd(this.context)
    } sent ${this.received} bytes while no request was outstanding. They answer nothing: the connection was closed.`
  }
}
