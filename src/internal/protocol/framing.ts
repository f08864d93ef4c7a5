/**
 * Decides where the body of a response ends, and whether the connection persists after it.
 *
 * Framing is one function, in the order of the list in RFC 9112 section 6.3. Persistence is section
 * 9.3.
 */
import type * as HttpLeniency from "../../HttpLeniency.ts"
import {
  ConflictingContentLength,
  FramingConflict,
  InvalidContentLength,
  UnexpectedUpgrade,
  UnknownTransferEncoding
} from "../error/head.ts"
import type { Relaxation } from "../error/relaxation.ts"
// Imported without the public functions around them, which inspect their argument count.
import * as fields from "../model/fields.ts"
import { listElements, listHas } from "../syntax/token.ts"
import type { ResponseHead } from "./head.ts"
import { protocolsOf } from "./requestFields.ts"

/** Where a body ends. */
export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "close" }
  | { readonly kind: "tunnel" }

/** The faults of the framing of a response. */
export type FramingError =
  | ConflictingContentLength
  | FramingConflict
  | InvalidContentLength
  | UnexpectedUpgrade
  | UnknownTransferEncoding

/** A class, because there is one for each response: see `ResponseHead`. */
class LengthFraming {
  readonly kind = "length"
  readonly length: number

  constructor(length: number) {
    this.length = length
  }
}

/** A length that only a relaxation could read. */
class RelaxedLength extends LengthFraming {}

const none: Framing = { kind: "none" }
const tunnel: Framing = { kind: "tunnel" }
const chunked: Framing = { kind: "chunked" }
const untilClose: Framing = { kind: "close" }
const relaxedChunked: Framing = { kind: "chunked" }
const relaxedClose: Framing = { kind: "close" }

/**
 * True if `decideFraming` needed a relaxation for this framing. Those framings are separate
 * objects, so that no record of framing and relaxation is allocated for each response.
 */
export const isRelaxed = (framing: Framing): boolean =>
  framing === relaxedChunked || framing === relaxedClose || framing instanceof RelaxedLength

const digits = /^[0-9]+$/

/**
 * Parses the Content-Length of one or more lines: `1*DIGIT`, or a list of equal members (RFC 9112
 * section 6.3). Empty list elements are ignored (RFC 9110 section 5.6.1), but a list of nothing
 * else is not a length.
 */
const parseContentLength = (
  lines: ReadonlyArray<string>
): number | InvalidContentLength | ConflictingContentLength => {
  const values = lines.flatMap(listElements)
  const [first] = values
  if (first === undefined) return new InvalidContentLength({ value: lines.join(", "), relaxations: lengthRelaxations })
  for (const value of values) {
    if (!digits.test(value)) return new InvalidContentLength({ value, relaxations: lengthRelaxations })
  }
  const length = Number(first)
  for (const value of values) {
    if (value !== first && (Number(value) !== length)) return conflictingLengths(values)
  }
  return Number.isSafeInteger(length)
    ? length
    : new InvalidContentLength({ value: first, relaxations: lengthRelaxations })
}

const lengthRelaxations: ReadonlyArray<Relaxation> = ["invalidContentLength"]

const conflictingLengths = (values: ReadonlyArray<string>): ConflictingContentLength =>
  new ConflictingContentLength({ values, relaxations: lengthRelaxations })

const signedDigits = /^\+?[0-9]+$/

/**
 * Reads an invalid Content-Length as `http.client` does: its first line counts, and may have a
 * plus.
 */
const firstLength = (lines: ReadonlyArray<string>): Framing => {
  // Callers have checked that the field is present.
  const first = lines[0] as string
  const length = signedDigits.test(first) ? Number(first) : NaN
  return Number.isSafeInteger(length) ? new RelaxedLength(length) : relaxedClose
}

/** True if a Transfer-Encoding is `chunked`, once and nothing else. */
const isChunked = (codings: string): boolean => {
  const [first, second] = listElements(codings)
  return second === undefined && first?.toLowerCase() === "chunked"
}

/**
 * Explains why the framing of a head with Transfer-Encoding is suspicious (RFC 9112 section 6.1).
 */
const framingConflict = (head: ResponseHead): string | undefined =>
  fields.has(head.fields, "content-length")
    ? "it has both Transfer-Encoding and Content-Length"
    : head.version === 10
    ? "it is HTTP/1.0 with Transfer-Encoding"
    : undefined

/**
 * Decides about a 101, which ends HTTP on the connection. It must choose among the protocols that
 * the request has offered (RFC 9110 section 7.8). HTTP/1.0 has neither the status nor the field.
 */
const decideSwitch = (
  head: ResponseHead,
  offered: ReadonlyArray<string> | undefined
): Framing | UnexpectedUpgrade => {
  const protocol = fields.get(head.fields, "upgrade")
  const chosen = protocol === undefined ? [] : protocolsOf(protocol)
  return chosen.length > 0 && head.version === 11 && chosen.every((name) => offered?.includes(name) === true)
    ? tunnel
    : new UnexpectedUpgrade({ protocol, offered })
}

/**
 * Decides where the body of this response to this method ends. `offered` are the protocols of an
 * upgrade.
 */
export const decideFraming = (
  method: string,
  head: ResponseHead,
  leniency: HttpLeniency.HttpLeniency,
  offered?: ReadonlyArray<string> | undefined
): Framing | FramingError => {
  // Not in the list.
  if (head.status === 101) return decideSwitch(head, offered)
  // 2. A tunnel. Before 1., because a 204 opens one too. The list need not distinguish the two, as
  // neither has a body.
  if (method === "CONNECT" && head.status >= 200 && head.status < 300) return tunnel
  // 1. No body, regardless of the fields of the head.
  if (method === "HEAD" || head.status < 200 || head.status === 204 || head.status === 304) return none
  // 6., if the head parser found none of the fields that 3. to 5. ask for.
  if (head.plainLength >= 0) return new LengthFraming(head.plainLength)
  const codings = fields.get(head.fields, "transfer-encoding")
  if (codings !== undefined) {
    // 3. Both, or a Transfer-Encoding in HTTP/1.0.
    const conflict = framingConflict(head)
    if (conflict !== undefined && !leniency.framingConflict) {
      return new FramingConflict({ reason: conflict, relaxations: ["framingConflict"] })
    }
    // 4. Transfer-Encoding. Only chunked can be decoded.
    if (isChunked(codings)) return conflict === undefined ? chunked : relaxedChunked
    if (!leniency.unknownTransferCoding) {
      return new UnknownTransferEncoding({ codings, relaxations: ["unknownTransferCoding"] })
    }
    // As `http.client` does: its first line counts. If that line is not `chunked`, the field is
    // ignored.
    if (isChunked(fields.getAll(head.fields, "transfer-encoding")[0] as string)) return relaxedChunked
  }
  const lengths = fields.getAll(head.fields, "content-length")
  if (lengths.length > 0) {
    // 5. An invalid Content-Length. 6. A valid one.
    const length = parseContentLength(lengths)
    if (typeof length !== "number") return leniency.invalidContentLength ? firstLength(lengths) : length
    return codings === undefined ? new LengthFraming(length) : new RelaxedLength(length)
  }
  // 8. Until close. (7. is about requests.)
  return codings === undefined ? untilClose : relaxedClose
}

/** True if the server keeps the connection open after this response (RFC 9112 section 9.3). */
export const persists = (head: ResponseHead, framing: Framing): boolean => {
  if (framing.kind === "close" || framing.kind === "tunnel") return false
  // HTTP/1.1 without `close`.
  if (head.plainLength >= 0) return true
  const connection = fields.get(head.fields, "connection")
  if (connection === undefined) return head.version === 11
  if (listHas(connection, "close")) return false
  return head.version === 11 || listHas(connection, "keep-alive")
}

/**
 * True if a response without a body has fields that announce one. Bytes may follow that would count
 * as the next response, so the connection must not be reused. The response itself is valid, because
 * its status defines its end.
 *
 * - 1xx and 204 must have no Transfer-Encoding and no Content-Length (RFC 9112 section 6.1, RFC
 *   9110 section 8.6). `Content-Length: 0` is common, and announces nothing.
 * - 304 and responses to HEAD may have both fields, to describe what a 200 to GET would have. They
 *   announce a body only if the fields contradict each other or are invalid.
 *
 * A 205 is framed like any other response (section 6.3 does not list it), so its body is read. The
 * machine then checks that it was empty.
 */
export const announcesBody = (head: ResponseHead): boolean => {
  const mayDescribe = head.status >= 200 && head.status !== 204
  if (head.plainLength >= 0) return !mayDescribe && head.plainLength > 0
  if (fields.has(head.fields, "transfer-encoding")) return !mayDescribe || framingConflict(head) !== undefined
  const lengths = fields.getAll(head.fields, "content-length")
  if (lengths.length === 0) return false
  const length = parseContentLength(lengths)
  return typeof length !== "number" || (!mayDescribe && length > 0)
}

/**
 * True if an informational response announces that the connection will not persist. Its version
 * does not count.
 */
export const saysClose = (head: ResponseHead): boolean => listHas(fields.get(head.fields, "connection") ?? "", "close")
