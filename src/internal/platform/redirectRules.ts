/**
 * What a redirect asks for, and whether it is done (RFC 9110 sections 15.4 and 10.2.2). Decides
 * only: no effect, no client.
 *
 * Credentials leave a request at the first change of origin. What is decided next starts from the
 * request that was sent last, so that nothing which was taken away can come back.
 */
import type { HttpBody } from "@effect/platform/HttpBody"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import * as Either from "effect/Either"
import * as Body from "../../HttpBody.ts"
import type { InvalidRedirectReason, RedirectHop, UnsafeRedirectReason } from "../error/redirect.ts"
import { InvalidRedirect, RedirectLoop, TooManyRedirects, UnreplayableBody, UnsafeRedirect } from "../error/redirect.ts"
import { kindOf } from "../given.ts"
import { copyOf, resolveUrl } from "./zonedUrl.ts"

/** What the rules need to know of a request. */
export interface Asked {
  readonly method: HttpMethod
  /** `undefined` where it is not absolute. */
  readonly url: URL | undefined
  /** The names of its fields. */
  readonly fields: ReadonlyArray<string>
  readonly body: BodyKind
}

/** What the rules need to know of a response. */
export interface Answered {
  readonly status: number
  /** Every Location, in order; at least one. */
  readonly locations: ReadonlyArray<string>
  readonly setsCookies: boolean
}

/** What has happened so far. */
export interface Chain {
  readonly history: ReadonlyArray<RedirectHop>
  /** The requests that were sent since a cookie was set last, as `keyOf` writes them. */
  readonly sent: ReadonlySet<string>
  /** Whether the bodies that were sent so far can be sent again. */
  readonly replayable: boolean
}

/** What the caller allows. */
export interface Policy {
  readonly limit: number
  readonly allowDowngrade: boolean
  readonly replayStreams: boolean
  /** Further fields that are for one origin only. */
  readonly sensitive: ReadonlyArray<string | RegExp>
}

/** The next request. */
export interface Next {
  readonly method: HttpMethod
  readonly url: URL
  readonly keepsBody: boolean
  /** The names of the fields that stay. */
  readonly fields: ReadonlyArray<string>
  readonly chain: Chain
}

export type RedirectError = TooManyRedirects | RedirectLoop | InvalidRedirect | UnsafeRedirect | UnreplayableBody

export const emptyChain: Chain = { history: [], sent: new Set(), replayable: true }

/**
 * Whether a status asks for another request. Not so 300, which leaves the choice to the user, 304,
 * which is about a cache, and 305 and 306, which are no longer in use.
 */
export const isRedirect = (status: number): boolean =>
  (status >= 301 && status <= 303) || status === 307 || status === 308

/** Whether a body can be sent a second time. */
export type BodyKind = "Empty" | "Replayable" | "Stream" | "Raw"

export const bodyKind = (body: HttpBody): BodyKind => {
  switch (body._tag) {
    case "Empty":
    case "Stream":
      return body._tag
    case "Raw":
      return isReplayable(body.body) ? "Replayable" : "Raw"
    default:
      return "Replayable"
  }
}

/** By what they call themselves: those of polyfills and other realms are of another class. */
const inMemory: ReadonlySet<string> = new Set([
  "ArrayBuffer",
  "Blob",
  "File",
  "FormData",
  "SharedArrayBuffer",
  "URLSearchParams"
])

/**
 * What is in memory can be read again; of anything else (a Readable, a ReadableStream, a generator)
 * that is not known.
 */
const isReplayable = (raw: unknown): boolean =>
  typeof raw !== "object"
  || raw === null
  || ArrayBuffer.isView(raw)
  || Array.isArray(raw)
  || inMemory.has(kindOf(raw))
  || (Body.isHttpBody(raw) && (raw._tag !== "Streaming" || raw.replayable))
  || (Either.isEither(raw) && isReplayable(Either.merge(raw)))

/**
 * The Locations of a response whose fields are one string a name, which is how the platform has
 * them: several lines of one name are joined by a comma and a space, which no URL has. Only where
 * every part could stand alone are they taken for several; a file name with a comma in it is more
 * likely.
 */
export const splitLocations = (joined: string): ReadonlyArray<string> => {
  const parts = joined.split(", ")
  return parts.every((part) => part === parts[0] || /^(?:[a-z][a-z0-9+.-]*:|\/)/i.test(part)) ? parts : [joined]
}

/**
 * A URL that can be shown. Neither userinfo nor query nor fragment: all three are places for
 * secrets.
 */
export const showUrl = (url: URL): string =>
  isHttp(url) ? `${url.origin}${url.pathname}${url.search === "" ? "" : "?…"}` : url.protocol

const isHttp = (url: URL): boolean => url.protocol === "https:" || url.protocol === "http:"

const hasControl = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code === 0x7f) return true
  }
  return false
}

/**
 * A Location with the bytes beyond ASCII percent-encoded one by one, as browsers do: field values
 * are bytes, and servers that send UTF-8 mean its bytes. Text with characters that are no bytes was
 * decoded by somebody and is left to `URL`.
 */
const encodeBytes = (location: string): string =>
  /[\u0100-\uffff]/.test(location)
    ? location
    : location.replace(/[\u0080-\u00ff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`)

/** The URL without userinfo. */
const withoutUserinfo = (url: URL): URL => {
  const bare = copyOf(url)
  bare.username = ""
  bare.password = ""
  return bare
}

/**
 * The URL that the Locations lead to. Where it has no fragment, that of the request stays (RFC 9110
 * section 10.2.2). It is resolved without the request's userinfo, so that what it has of that is
 * its own.
 */
const resolve = (locations: ReadonlyArray<string>, base: URL): URL | InvalidRedirectReason => {
  const [location = "", ...others] = locations
  if (others.some((other) => other !== location)) return "Conflicting"
  if (location === "") return "Empty"
  // `URL` drops tabs and line ends, which makes another host of "/\t/host".
  if (hasControl(location)) return "Malformed"
  const encoded = encodeBytes(location)
  const from = withoutUserinfo(base)
  const url = resolveUrl(encoded, from)
  if (url === undefined) return "Malformed"
  if (!encoded.includes("#")) url.hash = base.hash
  return url
}

/** Why nothing may be sent to a URL, if so. */
const dangerOf = (url: URL, from: URL, policy: Policy): UnsafeRedirectReason | undefined => {
  if (!isHttp(url)) return "Scheme"
  if (url.username !== "" || url.password !== "") return "Credentials"
  return from.protocol === "https:" && url.protocol === "http:" && !policy.allowDowngrade ? "Downgrade" : undefined
}

/**
 * The fields that are for one origin, and are left out for another: credentials of the server and
 * of the proxy, cookies, and what names the origin itself (RFC 9110 section 15.4). Referer is among
 * them because it shows URLs of the one to the other.
 */
const originFields: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "cookie2",
  "host",
  "origin",
  "referer",
  "www-authenticate"
])

/** The fields that speak of the body, beside those that begin with `content-`. */
const bodyFields: ReadonlySet<string> = new Set([
  "digest",
  "expect",
  "last-modified",
  "repr-digest",
  "trailer",
  "transfer-encoding"
])

/**
 * `search` and not `test`, which in a pattern with the flag `g` begins where the last match ended.
 */
const matches = (name: string, pattern: string | RegExp): boolean =>
  typeof pattern === "string" ? name === pattern.toLowerCase() : name.search(pattern) >= 0

const isForOrigin = (field: string, sensitive: ReadonlyArray<string | RegExp>): boolean => {
  const name = field.toLowerCase()
  return originFields.has(name)
    || name.startsWith("proxy-")
    || sensitive.some((pattern) => matches(name, pattern) || (name !== field && matches(field, pattern)))
}

const isForBody = (field: string): boolean => {
  const name = field.toLowerCase()
  return name.startsWith("content-") || bodyFields.has(name)
}

/**
 * The method of the next request, and whether it has the body: 303 is GET whatever was asked (RFC
 * 9110 section 15.4.4), and 301 and 302 make GET of POST, as all clients do (sections 15.4.2 and
 * 15.4.3). HEAD stays HEAD.
 */
export const rewrite = (status: number, method: HttpMethod): Pick<Next, "method" | "keepsBody"> => {
  if (status === 303) return { method: method === "HEAD" ? "HEAD" : "GET", keepsBody: false }
  return method === "POST" && (status === 301 || status === 302)
    ? { method: "GET", keepsBody: false }
    : { method, keepsBody: true }
}

/**
 * A request as far as the server can tell it from another. The names of the fields say which
 * credentials it has: they only ever become fewer.
 */
const keyOf = (method: HttpMethod, url: URL, hasBody: boolean, fields: ReadonlyArray<string>): string => {
  const sent = copyOf(url)
  sent.hash = ""
  return [method, sent.href, hasBody, ...fields.map((name) => name.toLowerCase()).sort()].join(" ")
}

/** What comes after a redirect: the next request, or why there is none. */
export const decide = (
  chain: Chain,
  asked: Asked,
  answered: Answered,
  policy: Policy
): Either.Either<Next, RedirectError> => {
  const { status } = answered
  const base = asked.url
  const history = [
    ...chain.history,
    { status, method: asked.method, url: base === undefined ? "" : showUrl(base) }
  ]
  if (base === undefined) return Either.left(new InvalidRedirect({ reason: "NoBaseUrl", history }))
  const url = resolve(answered.locations, base)
  if (typeof url === "string") return Either.left(new InvalidRedirect({ reason: url, history }))
  const danger = dangerOf(url, base, policy)
  if (danger !== undefined) return Either.left(new UnsafeRedirect({ reason: danger, target: showUrl(url), history }))
  const sameOrigin = url.origin === base.origin
  if (sameOrigin) {
    // Userinfo that the caller put into the URL is a credential like any other: it goes with the
    // origin.
    url.username = base.username
    url.password = base.password
  }
  const { keepsBody, method } = rewrite(status, asked.method)
  const fields = asked.fields.filter((name) =>
    (sameOrigin || !isForOrigin(name, policy.sensitive)) && (keepsBody || !isForBody(name))
  )
  const hadBody = asked.body !== "Empty"
  // Who has been given a cookie may be answered otherwise: sites send a visitor to the same page to
  // see whether it comes back.
  const sent = answered.setsCookies
    ? new Set<string>()
    : new Set(chain.sent).add(keyOf(asked.method, base, hadBody, asked.fields))
  if (sent.has(keyOf(method, url, hadBody && keepsBody, fields))) return Either.left(new RedirectLoop({ history }))
  if (history.length > policy.limit) return Either.left(new TooManyRedirects({ limit: policy.limit, history }))
  const { body } = asked
  if (keepsBody && (body === "Raw" || (body === "Stream" && !policy.replayStreams))) {
    return Either.left(new UnreplayableBody({ status, body, history }))
  }
  const replayable = chain.replayable
    && (body === "Empty" || body === "Replayable" || (body === "Stream" && policy.replayStreams))
  return Either.right({ method, url, keepsBody, fields, chain: { history, sent, replayable } })
}
