/**
 * Checks the fields of a request and collects what they say about the encoder's decisions.
 *
 * An invalid field is refused, never fixed. The error names it and never repeats its value.
 */
import type * as HttpFields from "../../HttpFields.ts"
import { ForbiddenHeader, InvalidHeaderName, InvalidHeaderValue } from "../error/request.ts"
import {
  describeCharacter,
  invalidTokenAt,
  invalidValueAt,
  listElements,
  listHas,
  shownName,
  trimSpace
} from "../syntax/token.ts"

/** The faults of one field. */
export type FieldError = ForbiddenHeader | InvalidHeaderName | InvalidHeaderValue

/**
 * The characters that RFC 3986 section 3.2 allows in host and port, without the comma. A recipient
 * that splits lists would read a comma as two hosts.
 */
const hostCharacters = /^[A-Za-z0-9\-._~!$&'()*+;=:%[\]]*$/

/**
 * Fields that `Connection` must not name. A proxy that obeyed and removed one would see another
 * message than the server (RFC 9110 section 7.6.1).
 */
const endToEnd: ReadonlyArray<string> = ["content-length", "host", "transfer-encoding"]

/** Checks the name and value of one field. */
export const checkField = (name: string, value: string): InvalidHeaderName | InvalidHeaderValue | undefined => {
  if (invalidTokenAt(name) >= 0) return new InvalidHeaderName({ field: JSON.stringify(shownName(name)) })
  const offset = invalidValueAt(value)
  return offset < 0
    ? undefined
    : new InvalidHeaderValue({ field: name, offset, reason: describeCharacter(value, offset) })
}

const none: ReadonlyArray<string> = []

/** Returns the protocols of an Upgrade field, in lower case. */
export const protocolsOf = (value: string): ReadonlyArray<string> =>
  listElements(value).map((protocol) => protocol.toLowerCase())

/** What the fields say about the encoder's decisions. A class, because V8 copies records slowly. */
export class FieldFacts {
  host: string | undefined = undefined
  lengths = none
  codings = none
  close = false
  connectionTe = false
  te: string | undefined = undefined
  expect: string | undefined = undefined
  contentType = false
  acceptEncoding = false
  trailer = false
  /** The protocols that the request offers, in lower case. */
  upgrade: ReadonlyArray<string> | undefined = undefined
  connectionUpgrade = false
  /** The first field with a credential. */
  secret: string | undefined = undefined
}

const noFacts: FieldFacts = Object.freeze(new FieldFacts())

/** Checks every field and collects what matters for framing. */
export const scanFields = (fields: HttpFields.HttpFields): FieldFacts | FieldError => {
  if (fields.names.length === 0) return noFacts
  const facts = new FieldFacts()
  for (let i = 0; i < fields.names.length; i++) {
    const name = fields.names[i] as string
    const value = fields.values[i] as string
    const error = checkField(name, value) ?? recordField(facts, name.toLowerCase(), trimSpace(value))
    if (error !== undefined) return error
  }
  return facts
}

/** Records one field. */
const recordField = (facts: FieldFacts, name: string, value: string): FieldError | undefined => {
  switch (name) {
    case "host":
      if (facts.host !== undefined) return new ForbiddenHeader({ field: "Host", reason: "it is there twice" })
      if (!hostCharacters.test(value)) {
        return new InvalidHeaderValue({ field: "Host", offset: 0, reason: "a character that no host and port has" })
      }
      facts.host = value
      return undefined
    case "content-length":
      facts.lengths = [...facts.lengths, value]
      return undefined
    case "transfer-encoding":
      facts.codings = [...facts.codings, value]
      return undefined
    case "connection":
      if (endToEnd.some((framing) => listHas(value, framing))) {
        return new ForbiddenHeader({
          field: "Connection",
          reason: "it must not name Host or a field that frames the body"
        })
      }
      facts.close ||= listHas(value, "close")
      facts.connectionTe ||= listHas(value, "te")
      facts.connectionUpgrade ||= listHas(value, "upgrade")
      return undefined
    case "te":
      facts.te = value
      return listElements(value).every((coding) => trimSpace(coding).toLowerCase() === "trailers")
        ? undefined
        : new ForbiddenHeader({
          field: "TE",
          reason: `it may list "trailers" alone: no coding but chunked can be decoded, and that is always accepted`
        })
    case "upgrade":
      facts.upgrade = [...facts.upgrade ?? none, ...protocolsOf(value)]
      return undefined
    case "expect":
      facts.expect = value
      return value.toLowerCase() === "100-continue"
        ? undefined
        : new ForbiddenHeader({ field: "Expect", reason: `the only expectation there is is "100-continue"` })
    case "content-type":
      facts.contentType = true
      return undefined
    case "accept-encoding":
      facts.acceptEncoding = true
      return undefined
    case "trailer":
      facts.trailer = true
      return undefined
    case "authorization":
    case "cookie":
    case "proxy-authorization":
      facts.secret ??= name
      return undefined
    default:
      return undefined
  }
}
