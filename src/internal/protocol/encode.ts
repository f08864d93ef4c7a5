/**
 * Encodes the head of a request (RFC 9112 sections 3 and 6).
 *
 * Everything is checked before anything is encoded. An error names the field that breaks the
 * grammar and never its value. Decides the framing of the request: Content-Length if the length is
 * known, chunked if not, and never both.
 */
import type * as HttpFields from "../../HttpFields.ts"
import type { InvalidHeaderName, InvalidTrailer } from "../error/request.ts"
import {
  ConflictingFraming,
  ForbiddenHeader,
  InvalidHeaderValue,
  InvalidMethod,
  InvalidOption,
  UnsupportedBody
} from "../error/request.ts"
import { BodyLengthMismatch } from "../error/send.ts"
import { invalidTokenAt, trimSpace } from "../syntax/token.ts"
import type { FieldFacts } from "./requestFields.ts"
import { checkField, scanFields } from "./requestFields.ts"
import type { Target } from "./target.ts"
import { checkTrailers } from "./trailers.ts"

export { checkField } from "./requestFields.ts"

/**
 * The size of the body, known before it is sent. `manual` is a body that the caller sends piece by
 * piece and frames by fields.
 */
export type Content =
  | { readonly kind: "none" }
  | { readonly kind: "known"; readonly length: number }
  | { readonly kind: "unknown" }
  | { readonly kind: "manual" }

/** How the body of a request is framed. */
export type RequestFraming =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" }

/** The input of the encoder. */
export interface RequestParts {
  readonly method: string
  readonly target: Target
  readonly fields: HttpFields.HttpFields
  readonly trailers: HttpFields.HttpFields
  /** True if there will be trailers that are not known yet. */
  readonly trailersLater: boolean
  readonly content: Content
  /** Sent as Content-Type if the fields have none. */
  readonly contentType: string | undefined
  /** True if only the fields may provide Host. */
  readonly skipHost: boolean
  /** Sent as Accept-Encoding if the fields have none. */
  readonly acceptEncoding: string | undefined
  /** True if `Expect: 100-continue` is to be sent. */
  readonly expectContinue: boolean
  /** True if the connection is to leave HTTP: by Upgrade, or by CONNECT. Default: false. */
  readonly upgrade?: boolean | undefined
}

/** An encoded head. */
export class EncodedHead {
  /** The whole head, including the empty line; every character is one byte. */
  readonly text: string
  readonly framing: RequestFraming
  /** True if the request has `Connection: close`. */
  readonly close: boolean
  /** True if the request has `Expect: 100-continue`. */
  readonly expectContinue: boolean
  /**
   * The protocols that an upgrade offers; none for CONNECT. `undefined` if it is not an upgrade.
   */
  readonly offered: ReadonlyArray<string> | undefined

  constructor(
    text: string,
    framing: RequestFraming,
    close: boolean,
    expectContinue: boolean,
    offered: ReadonlyArray<string> | undefined
  ) {
    this.text = text
    this.framing = framing
    this.close = close
    this.expectContinue = expectContinue
    this.offered = offered
  }
}

/** The faults of a request. */
export type EncodeError =
  | BodyLengthMismatch
  | ConflictingFraming
  | ForbiddenHeader
  | InvalidHeaderName
  | InvalidHeaderValue
  | InvalidMethod
  | InvalidOption
  | InvalidTrailer
  | UnsupportedBody

/**
 * Methods whose requests usually have content, so an empty body is announced (RFC 9110 section
 * 8.6).
 */
const expectsContent: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH", "QUERY"])

const noProtocols: ReadonlyArray<string> = []

/** Methods whose requests have no content. */
const withoutContent: ReadonlySet<string> = new Set(["CONNECT", "TRACE"])

/** Checks a method. */
export const checkMethod = (method: string): InvalidMethod | undefined => {
  const offset = invalidTokenAt(method)
  return offset < 0 ? undefined : new InvalidMethod({ offset })
}

/**
 * True if `chunked` is the last of these codings and occurs once (RFC 9112 section 6.1). The caller
 * has applied the codings before it. No registered coding has parameters, and `identity` is no
 * longer a coding.
 */
const endsInChunked = (lines: ReadonlyArray<string>): boolean => {
  const codings = lines.join().split(",").map((coding) => trimSpace(coding).toLowerCase())
  return codings.every((coding, index) =>
    invalidTokenAt(coding) < 0 && coding !== "identity" && (coding === "chunked") === (index === codings.length - 1)
  )
}

/**
 * Returns the framing that fields and content agree on, or the error that explains why they do not.
 */
const chooseFraming = (parts: RequestParts, facts: FieldFacts): RequestFraming | EncodeError => {
  const { content } = parts
  if (content.kind === "known" && !(Number.isSafeInteger(content.length) && content.length >= 0)) {
    return new InvalidOption({ option: "length", reason: "the length of a body is a whole number from 0 to 2^53 - 1" })
  }
  const hasTrailers = parts.trailersLater || parts.trailers.names.length > 0
  if (facts.lengths.length > 0 && facts.codings.length > 0) {
    return new ConflictingFraming({ reason: "it has both Content-Length and Transfer-Encoding" })
  }
  if (facts.codings.length > 0) {
    return endsInChunked(facts.codings)
      ? { kind: "chunked" }
      : new ForbiddenHeader({
        field: "Transfer-Encoding",
        reason: `it must be a list of codings with "chunked" last, and once (RFC 9112 section 6.1)`
      })
  }
  if (facts.lengths.length > 0) {
    if (facts.lengths.length > 1) return new ConflictingFraming({ reason: "it has Content-Length twice" })
    if (hasTrailers) return new ConflictingFraming({ reason: "trailers need chunked, but there is a Content-Length" })
    // Checked first, because `Number` accepts more than `1*DIGIT`.
    const declared = /^[0-9]+$/.test(facts.lengths.join()) ? Number(facts.lengths.join()) : NaN
    if (!Number.isSafeInteger(declared)) {
      return new InvalidHeaderValue({ field: "Content-Length", offset: 0, reason: "something that is no length" })
    }
    const actual = content.kind === "known" ? content.length : content.kind === "none" ? 0 : declared
    return actual === declared ? { kind: "length", length: declared } : new BodyLengthMismatch({ declared, actual })
  }
  if (hasTrailers || content.kind === "unknown") return { kind: "chunked" }
  if (content.kind === "known") return { kind: "length", length: content.length }
  return content.kind === "none" && expectsContent.has(parts.method) ? noLength : noFraming
}

/** Checks that a request offers a protocol if it is an upgrade, and only then. */
const checkUpgrade = (
  { method, upgrade = false }: RequestParts,
  { upgrade: offered }: FieldFacts
): EncodeError | undefined => {
  if (!upgrade || method === "CONNECT") {
    return offered !== undefined
      ? new ForbiddenHeader({
        field: "Upgrade",
        reason: upgrade
          ? "CONNECT opens a tunnel without it; send it inside the tunnel"
          : "the response would be in HTTP/1.1; use `upgrade` to change to another protocol"
      })
      : undefined
  }
  if (offered === undefined || offered.length === 0) {
    return new InvalidOption({
      option: "headers",
      reason: `an upgrade needs an Upgrade field with the protocols that it offers, such as "websocket"`
    })
  }
  return offered.every(isProtocol)
    ? undefined
    : new InvalidHeaderValue({ field: "Upgrade", offset: 0, reason: "something that is no list of protocols" })
}

/** True for a token, perhaps with a version after a slash (RFC 9110 section 7.8). */
const isProtocol = (protocol: string): boolean => {
  const slash = protocol.indexOf("/")
  return slash < 0
    ? invalidTokenAt(protocol) < 0
    : invalidTokenAt(protocol.slice(0, slash)) < 0 && invalidTokenAt(protocol.slice(slash + 1)) < 0
}

const noFraming: RequestFraming = { kind: "none" }
const noLength: RequestFraming = { kind: "length", length: 0 }

/** Encodes a head. */
export const encodeHead = (parts: RequestParts): EncodedHead | EncodeError => {
  const facts = scanFields(parts.fields)
  const error = checkMethod(parts.method) ?? checkTrailers(parts.trailers)
  if (error !== undefined) return error
  if ("_tag" in facts) return facts
  const unoffered = checkUpgrade(parts, facts)
  if (unoffered !== undefined) return unoffered
  const framing = chooseFraming(parts, facts)
  if ("_tag" in framing) return framing
  const hasContent = framing.kind === "chunked" || (framing.kind === "length" && framing.length > 0)
  const expectContinue = facts.expect !== undefined || parts.expectContinue
  if (expectContinue && !hasContent) {
    return new ForbiddenHeader({ field: "Expect", reason: "a request without content cannot wait with it" })
  }
  if (hasContent && withoutContent.has(parts.method)) {
    return new UnsupportedBody({ reason: `${parts.method} has no content (RFC 9110 section 9.3)` })
  }
  if (parts.method === "QUERY" && !facts.contentType && parts.contentType === undefined) {
    return new UnsupportedBody({
      reason: "QUERY needs a Content-Type, without which a server must refuse it (RFC 10008); "
        + "give the body one, or send the field"
    })
  }
  if (parts.method === "TRACE" && facts.secret !== undefined) {
    return new ForbiddenHeader({
      field: facts.secret,
      reason: "TRACE sends it back for all to see (RFC 9110 section 9.3.8)"
    })
  }
  if (parts.skipHost && facts.host === undefined) {
    return new InvalidOption({ option: "skipHost", reason: "HTTP/1.1 needs a Host field: put one yourself" })
  }
  const derived = derivedFields(parts, facts, framing)
  if (typeof derived !== "string") return derived
  const host = facts.host ?? parts.target.authority
  const lines = derived + fieldText(parts.fields)
  const text = `${parts.method} ${parts.target.target} HTTP/1.1\r\nHost: ${host}\r\n${lines}\r\n`
  return new EncodedHead(
    text,
    framing,
    facts.close,
    expectContinue,
    parts.upgrade === true ? facts.upgrade ?? noProtocols : undefined
  )
}

/**
 * Returns the fields that follow from the request. Values from other options of the caller are
 * checked like fields.
 */
const derivedFields = (
  parts: RequestParts,
  facts: FieldFacts,
  framing: RequestFraming
): string | EncodeError => {
  let text = ""
  if (parts.acceptEncoding !== undefined && !facts.acceptEncoding) {
    const error = checkField("Accept-Encoding", parts.acceptEncoding)
    if (error !== undefined) return error
    text += `Accept-Encoding: ${trimSpace(parts.acceptEncoding)}\r\n`
  }
  if (parts.contentType !== undefined && !facts.contentType) {
    const error = checkField("Content-Type", parts.contentType)
    if (error !== undefined) return error
    text += `Content-Type: ${trimSpace(parts.contentType)}\r\n`
  }
  if (framing.kind === "length" && facts.lengths.length === 0) text += `Content-Length: ${framing.length}\r\n`
  if (framing.kind === "chunked" && facts.codings.length === 0) text += "Transfer-Encoding: chunked\r\n"
  if (parts.expectContinue && facts.expect === undefined) text += "Expect: 100-continue\r\n"
  // Both are hop by hop and must be named in Connection (RFC 9110 sections 7.8 and 10.1.4). They
  // are in one line before the caller's, because some servers read only the first line.
  const upgrades = facts.upgrade !== undefined && !facts.connectionUpgrade
  if (facts.te !== undefined && !facts.connectionTe) {
    text += upgrades
      ? "Connection: Upgrade, TE\r\n"
      : "Connection: TE\r\n"
  } else if (upgrades) text += "Connection: Upgrade\r\n"
  if (parts.trailers.names.length > 0 && !facts.trailer) {
    text += `Trailer: ${[...new Set(parts.trailers.names)].join(", ")}\r\n`
  }
  return text
}

const fieldText = (fields: HttpFields.HttpFields): string => {
  let text = ""
  for (let i = 0; i < fields.names.length; i++) {
    const name = fields.names[i] as string
    if (name.length === 4 && name.toLowerCase() === "host") continue
    text += `${name}: ${trimSpace(fields.values[i] as string)}\r\n`
  }
  return text
}
