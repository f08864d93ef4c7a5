/**
 * The URL of a platform request: the text for the pool, and its parts for a span.
 *
 * `UrlParams.makeUrl`, which the platform's own clients use, costs some 26 microseconds a request.
 * The query here is the same, byte for byte, and so is the path. If `URL` would change a URL,
 * because of dot segments or spaces, it goes through `URL` here too. The pool's parser decides
 * whether it is valid.
 */
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as Option from "effect/Option"
import * as Origin from "../../Origin.ts"
import type * as Tls from "../../Tls.ts"
import { encodeText } from "../body/fields.ts"
import type { ParsedUrl } from "../model/origin.ts"
import { parseUrl } from "./zonedUrl.ts"

/**
 * The characters that `application/x-www-form-urlencoded` leaves unchanged (WHATWG URL section
 * 5.2).
 */
const plain = /^[A-Za-z0-9*\-._]*$/

const loneSurrogate = /\p{Surrogate}/gu

/** Encodes a name or value of a query like a form. */
export const encodeParam = (text: string): string =>
  plain.test(text)
    ? text
    : encodeText(text.replace(loneSurrogate, "\ufffd"))

const beyondAscii = /[^\0-\x7f]/

/** `URL` drops tabs and line ends; the pool refuses them, so they must reach it. */
const refused = /[\0-\x20\x7f]/

/**
 * A segment of the path that `URL` resolves (WHATWG URL section 4.4), literal or percent-encoded,
 * or a space.
 */
const unsettled = / |[/](?:\.|%2e){1,2}(?:[/?#]|$)/i

/** Characters that the pool refuses for a reason, although `URL` would convert them. */
const suspect = /[^ -~\u0080-\uffff]|\\/

/**
 * An empty query, which `URL` drops. The text before it must match too, so that a question mark in
 * a fragment does not.
 */
const emptyQuery = /^([^?#]*)\?(?=#|$)/

/**
 * Resolves the dot segments of a URL, encodes its spaces and drops an empty query, as the
 * platform's own clients do.
 */
const settled = (url: string): string => {
  const href = (unsettled.test(url) && !suspect.test(url) ? parseUrl(url)?.href : undefined) ?? url
  return href.endsWith("?") || href.includes("?#") ? href.replace(emptyQuery, "$1") : href
}

/**
 * Returns the absolute URL of a request. As in the platform, the parameters follow the query of the
 * URL, which is then encoded again as a form. A fragment stays; the pool does not send it.
 */
export const targetOf = ({ url: written, urlParams }: HttpClientRequest): string => {
  const url = settled(written)
  let added = ""
  for (const [name, value] of urlParams) {
    // Types forbid it, and the platform drops it.
    if (value === undefined) continue
    added += `${added === "" ? "" : "&"}${encodeParam(name)}=${encodeParam(value)}`
  }
  if (added === "") return url
  const hash = url.indexOf("#")
  const bare = hash < 0 ? url : url.slice(0, hash)
  const fragment = hash < 0 ? "" : url.slice(hash)
  const question = bare.indexOf("?")
  if (question < 0) return `${bare}?${added}${fragment}`
  const query = bare.slice(question)
  if (refused.test(query)) return url
  // Node's `URLSearchParams` loses letters beyond ASCII next to an escape, unless `URL` has encoded
  // them before.
  const form = new URLSearchParams(beyondAscii.test(query) ? new URL(`http://a/${query}`).search : query).toString()
  return `${bare.slice(0, question)}?${form}${form === "" ? "" : "&"}${added}${fragment}`
}

/** The parts of a URL for a span. */
export interface SpanUrl {
  readonly origin: string
  readonly port: string
  readonly href: string
  readonly path: string
  readonly scheme: string
  /** The query without its question mark. */
  readonly query: string
  readonly hasCredentials: boolean
}

/** A path and query that `URL` leaves unchanged. `URL` has resolved dot segments before. */
const settledTarget = /^\/[A-Za-z0-9\-._~!$&()*+,;=:@%/]*(?:\?[A-Za-z0-9\-._~!$&()*+,;=:@%/?]*)?$/

/**
 * Returns the parts of a URL that `URL` would not change. It avoids `URL`, because creating one and
 * reading its parts is a tenth of the cost of a traced request.
 */
const plainUrlOf = (target: string, { origin, target: asked }: ParsedUrl<Tls.Input>): SpanUrl | undefined => {
  const { port, scheme } = origin
  const written = `${scheme}://${Origin.authority(origin)}`
  // Another spelling is not what `URL` would return, even if it has the same length.
  const same = target.length === written.length + asked.length && target.startsWith(written)
    && target.startsWith(asked, written.length)
  if (!same || !settledTarget.test(asked)) return undefined
  const question = asked.indexOf("?")
  return {
    origin: written,
    port: port === Origin.defaultPort(scheme) ? "" : String(port),
    href: target,
    path: question < 0 ? asked : asked.slice(0, question),
    scheme,
    query: question < 0 ? "" : asked.slice(question + 1),
    hasCredentials: false
  }
}

/**
 * Returns the parts of the URL of a request. `parsed` is the URL as the pool parses it, if it is
 * valid; the result is `undefined` if `URL` cannot parse it.
 */
export const spanUrlOf = (
  request: HttpClientRequest,
  target: string,
  parsed: ParsedUrl<Tls.Input> | undefined
): SpanUrl | undefined => {
  const plain = parsed !== undefined && Option.isNone(request.hash) ? plainUrlOf(target, parsed) : undefined
  if (plain !== undefined) return plain
  const url = parsedOf(request, target)
  return url && {
    origin: url.origin,
    port: url.port,
    href: url.href,
    path: url.pathname,
    scheme: url.protocol.slice(0, -1),
    query: url.search.slice(1),
    hasCredentials: url.username !== "" || url.password !== ""
  }
}

/** Parses the URL as the platform's clients do, for display. The fragment is never sent. */
export const parsedOf = ({ hash }: HttpClientRequest, target: string): URL | undefined => {
  const url = parseUrl(target)
  if (url !== undefined && Option.isSome(hash)) url.hash = hash.value
  return url
}

/** Matches the userinfo before the host; the scheme is the first group. */
const userinfo = /^((?:[a-z][a-z0-9+.-]*:[\\/]+)?)[^\\/]*@/i

/**
 * Formats a URL for messages, without the parts that may be secret: userinfo, query and fragment.
 */
export const shownUrl = (url: string): string => {
  const end = url.search(/[?#]/)
  const shown = (end < 0 ? url : url.slice(0, end)).replace(userinfo, "$1")
  return url[end] === "?" ? `${shown}?…` : shown
}
