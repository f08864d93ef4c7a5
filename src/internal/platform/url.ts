/**
 * The URL of a platform request: the text that the pool is asked for, and its parts as a span tells
 * them.
 *
 * `UrlParams.makeUrl`, which the platform's own clients use, costs some 26 microseconds a request.
 * The query is the same, byte for byte, and so is the path: a URL with what `URL` would change in
 * it, dot segments and spaces, goes through `URL` here too. Whether it is a URL is not decided
 * here: the pool's own parser does that.
 */
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as Option from "effect/Option"
import * as Origin from "../../Origin.ts"
import type * as Tls from "../../Tls.ts"
import { encodeText } from "../body/fields.ts"
import type { ParsedUrl } from "../model/origin.ts"
import { parseUrl } from "./zonedUrl.ts"

/** What `application/x-www-form-urlencoded` leaves as it is (WHATWG URL section 5.2). */
const plain = /^[A-Za-z0-9*\-._]*$/

const loneSurrogate = /\p{Surrogate}/gu

/** A name or value of a query, encoded as a form does. */
export const encodeParam = (text: string): string =>
  plain.test(text)
    ? text
    : encodeText(text.replace(loneSurrogate, "\ufffd"))

const beyondAscii = /[^\0-\x7f]/

/** `URL` drops tabs and line ends; the pool refuses them, so they must reach it. */
const refused = /[\0-\x20\x7f]/

/**
 * A segment of the path that `URL` resolves (WHATWG URL section 4.4), written out or
 * percent-encoded, or a space.
 */
const unsettled = / |[/](?:\.|%2e){1,2}(?:[/?#]|$)/i

/** What the pool refuses for a reason, though `URL` would make something of it. */
const suspect = /[^ -~\u0080-\uffff]|\\/

/**
 * A query of nothing, which to `URL` is none. What stands before it is looked at so that one in a
 * fragment is none either.
 */
const emptyQuery = /^([^?#]*)\?(?=#|$)/

/**
 * A URL with its dot segments resolved, its spaces encoded and no empty query, as the platform's
 * own clients send it.
 */
const settled = (url: string): string => {
  const href = (unsettled.test(url) && !suspect.test(url) ? parseUrl(url)?.href : undefined) ?? url
  return href.endsWith("?") || href.includes("?#") ? href.replace(emptyQuery, "$1") : href
}

/**
 * The absolute URL that is asked for. As in the platform the parameters follow what the URL has of
 * a query, which is then written anew as a form. A fragment stays; the pool does not send it.
 */
export const targetOf = ({ url: written, urlParams }: HttpClientRequest): string => {
  const url = settled(written)
  let added = ""
  for (const [name, value] of urlParams) {
    // Types forbid it, and the platform leaves it out.
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
  // Node's `URLSearchParams` loses letters beyond ASCII that stand beside an escape, unless `URL`
  // has encoded them before.
  const form = new URLSearchParams(beyondAscii.test(query) ? new URL(`http://a/${query}`).search : query).toString()
  return `${bare.slice(0, question)}?${form}${form === "" ? "" : "&"}${added}${fragment}`
}

/** What a span says of a URL. */
export interface SpanUrl {
  readonly origin: string
  readonly port: string
  readonly href: string
  readonly path: string
  readonly scheme: string
  /** Without its question mark. */
  readonly query: string
  readonly hasCredentials: boolean
}

/**
 * A path and query that `URL` leaves as they are. What has dot segments has been through it
 * already.
 */
const settledTarget = /^\/[A-Za-z0-9\-._~!$&()*+,;=:@%/]*(?:\?[A-Za-z0-9\-._~!$&()*+,;=:@%/?]*)?$/

/**
 * The parts of a URL that `URL` would not change. It need not read those: to make one, and to take
 * it apart, is a tenth of what a traced request costs.
 */
const plainUrlOf = (target: string, { origin, target: asked }: ParsedUrl<Tls.Options>): SpanUrl | undefined => {
  const { port, scheme } = origin
  const written = `${scheme}://${Origin.authority(origin)}`
  // Written otherwise, it is not what `URL` makes of it, though it may be as long.
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
 * What is said of the URL of a request, which `located` is, if it can be asked for; `undefined`
 * where it is none.
 */
export const spanUrlOf = (
  request: HttpClientRequest,
  target: string,
  parsed: ParsedUrl<Tls.Options> | undefined
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

/**
 * The URL as the platform's clients have it, for what is said of it; the fragment is never sent.
 */
export const parsedOf = ({ hash }: HttpClientRequest, target: string): URL | undefined => {
  const url = parseUrl(target)
  if (url !== undefined && Option.isSome(hash)) url.hash = hash.value
  return url
}

/** Everything before the host that is no scheme. */
const userinfo = /^((?:[a-z][a-z0-9+.-]*:[\\/]+)?)[^\\/]*@/i

/**
 * A URL as messages show it: without what may be a secret, that is userinfo, query and fragment.
 */
export const shownUrl = (url: string): string => {
  const end = url.search(/[?#]/)
  const shown = (end < 0 ? url : url.slice(0, end)).replace(userinfo, "$1")
  return url[end] === "?" ? `${shown}?…` : shown
}
