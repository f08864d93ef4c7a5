/**
 * Decides what the response to a request for a content, or for its rest, means for the partial file
 * (RFC 9110 sections 13.1.5, 14 and 15.3.7).
 *
 * Pure: status and fields in, a plan out.
 */
import * as HttpFields from "../../HttpFields.ts"
import { parseContentRange } from "../syntax/contentRange.ts"
import { parseHttpDate } from "../syntax/httpDate.ts"
import { UnexpectedRange } from "./errors.ts"

/** The validator which proves that two responses are parts of the same content. */
export interface Validator {
  readonly name: "etag" | "last-modified"
  readonly value: string
}

/** The state of the partial file. */
export interface Kept {
  readonly bytes: number
  readonly validator: Validator
  /** The length of the content; `undefined` if it is not known. */
  readonly total: number | undefined
}

export interface Head {
  readonly status: number
  readonly fields: HttpFields.HttpFields
  readonly framing: string
}

export type Plan =
  /** Write the body from the beginning. */
  | { readonly _tag: "Start"; readonly validator: Validator | undefined; readonly total: number | undefined }
  /** Append the body, which ends before the byte `end`. */
  | { readonly _tag: "Append"; readonly end: number; readonly total: number | undefined }
  /** The partial file is the whole content. */
  | { readonly _tag: "Complete" }
  /** The partial file has become worthless. Request the content from the beginning. */
  | { readonly _tag: "Discard" }

/** True for the statuses that a plan is made for; any other is refused. */
export const isPlannable = (kept: Kept | undefined) => (status: number): boolean =>
  status === 200 || status === 206 || (status === 416 && kept !== undefined)

const isCoded = (fields: HttpFields.HttpFields): boolean =>
  (HttpFields.getUnsafe(fields, "content-encoding") ?? "identity").toLowerCase() !== "identity"

/**
 * Returns the value of If-Range: a strong ETag, or a Last-Modified that is at least a second older
 * than the response (RFC 9110 section 8.8.2.2). A coded content has none, because its bytes may
 * differ next time.
 */
export const validatorOf = (fields: HttpFields.HttpFields, now: number): Validator | undefined => {
  if (isCoded(fields)) return undefined
  const etag = HttpFields.getUnsafe(fields, "etag")
  if (etag !== undefined && /^"[\x21\x23-\x7e\x80-\xff]*"$/.test(etag)) return { name: "etag", value: etag }
  const value = HttpFields.getUnsafe(fields, "last-modified")
  const date = HttpFields.getUnsafe(fields, "date")
  const modified = value === undefined ? undefined : parseHttpDate(value, now)
  const sent = date === undefined ? undefined : parseHttpDate(date, now)
  return value !== undefined && modified !== undefined && sent !== undefined && sent - modified >= 1000
    ? { name: "last-modified", value }
    : undefined
}

/** True unless the fields have another validator than the partial file. */
const isSameVersion = ({ validator }: Kept, fields: HttpFields.HttpFields): boolean => {
  const now = HttpFields.getUnsafe(fields, validator.name)
  return now === undefined || now === validator.value
}

/**
 * True if a 416 says that the partial file is the whole content. A server may look at Range before
 * If-Range, so it may mean another version of the content.
 */
const saysComplete = (kept: Kept, fields: HttpFields.HttpFields): boolean => {
  const { complete, part } = parseContentRange(HttpFields.getUnsafe(fields, "content-range") ?? "") ?? {}
  return part === undefined && complete === kept.bytes && (kept.total === undefined || kept.total === complete)
    && isSameVersion(kept, fields)
}

const appended = (kept: Kept | undefined, { fields }: Head): Plan | UnexpectedRange => {
  const contentRange = HttpFields.getUnsafe(fields, "content-range")
  const wrong = (reason: string) => new UnexpectedRange({ requested: kept?.bytes, contentRange, reason })
  if (kept === undefined) return wrong("it has a part (206), and no part was requested")
  // A part of coded bytes is a part of another representation (RFC 9110 section 8.4).
  if (isCoded(fields)) return wrong("it has a content coding that was not requested")
  if (/^multipart\/byteranges\b/i.test(HttpFields.getUnsafe(fields, "content-type") ?? "")) {
    return wrong("it has several parts (multipart/byteranges), and one was requested")
  }
  const { complete, part } = (contentRange === undefined ? undefined : parseContentRange(contentRange)) ?? {}
  if (part === undefined) return wrong("its Content-Range is missing or not valid")
  if (part.first !== kept.bytes) return wrong(`it begins with byte ${part.first}`)
  if (kept.total !== undefined && complete !== undefined && kept.total !== complete) {
    return wrong(`the content has ${complete} bytes now, and had ${kept.total}`)
  }
  const total = complete ?? kept.total
  if (total !== undefined && part.last >= total) return wrong(`it ends behind the content, which has ${total} bytes`)
  if (!isSameVersion(kept, fields)) return wrong("it is a part of another version of the content")
  return { _tag: "Append", end: part.last + 1, total }
}

/** Returns what to do with the response, or the error in it. */
export const planOf = (kept: Kept | undefined, head: Head, now: number): Plan | UnexpectedRange => {
  const { fields, framing, status } = head
  if (status === 206) return appended(kept, head)
  if (status === 416) {
    return { _tag: kept !== undefined && saysComplete(kept, fields) ? "Complete" : "Discard" }
  }
  const length = Number(HttpFields.getUnsafe(fields, "content-length") ?? NaN)
  return {
    _tag: "Start",
    validator: validatorOf(fields, now),
    total: framing === "length" && Number.isSafeInteger(length) ? length : undefined
  }
}
