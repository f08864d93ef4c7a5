/**
 * Decides whether a redirect is followed, and with which request (RFC 9110 sections 15.4 and
 * 10.2.2). No effect, no client.
 *
 * Credentials are removed at the first change of origin. Each decision starts from the request that
 * was sent last, so that removed fields cannot return.
 */
import type { HttpBody } from "@effect/platform/HttpBody"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import * as Either from "effect/Either"
import * as Body from "../../HttpBody.ts"
import type { InvalidRedirectReason, RedirectHop, UnsafeRedirectReason } from "../error/redirect.ts"
import { InvalidRedirect, RedirectLoop, TooManyRedirects, UnreplayableBody, UnsafeRedirect } from "../error/redirect.ts"
import { kindOf } from "../given.ts"
import { copyOf, resolveUrl } from "./zonedUrl.ts"

/** The parts of a request that the rules need. */
export interface Asked {
  readonly method: HttpMethod
  /** `undefined` if the URL is not absolute. */
  readonly url: URL | undefined
  /** The names of its fields. */
  readonly fields: ReadonlyArray<string>
  readonly body: BodyKind
}

/** The parts of a response that the rules need. */
export interface Answered {
  readonly status: number
  /** Every Location, in order; at least one. */
  readonly locations: ReadonlyArray<string>
  readonly setsCookies: boolean
}

/** The previous requests of a chain of redirects. */
export interface Chain {
  readonly history: ReadonlyArray<RedirectHop>
  /** The requests that were sent since the last Set-Cookie, in the form of `keyOf`. */
  readonly sent: ReadonlySet<string>
  /** True if all bodies that were sent can be sent again. */
  readonly replayable: boolean
}

/** The options of the caller. */
export interface Policy {
  readonly limit: number
  readonly allowDowngrade: boolean
  readonly replayStreams: boolean
  /** Additional fields that are meant for one origin only. */
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
 * True if a status asks for another request. 300 leaves the choice to the user, 304 is about a
 * cache, and 305 and 306 are no longer in use.
 */
export const isRedirect = (status: number): boolean =>
  (status >= 301 && status <= 303) || status === 307 || status === 308

/** Whether and how a body can be sent a second time. */
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

/** By their tags, because objects of polyfills and other realms have another class. */
const inMemory: ReadonlySet<string> = new Set([
  "ArrayBuffer",
  "Blob",
  "File",
  "FormData",
  "SharedArrayBuffer",
  "URLSearchParams"
])

/**
 * True if a body is in memory. Any other body (a Readable, a ReadableStream, a generator) may not
 * be readable twice.
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
 * Splits the Locations of a response. The platform joins the lines of one name by a comma and a
 * space, which no URL contains. They are split only if every part could be a Location, because a
 * file name with a comma is more likely.
 */
export const splitLocations = (joined: string): ReadonlyArray<string> => {
  const parts = joined.split(", ")
  return parts.every((part) => part === parts[0] || /^(?:[a-z][a-z0-9+.-]*:|\/)/i.test(part)) ? parts : [joined]
}

/** Formats a URL without userinfo, query and fragment, which may contain secrets. */
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
 * Percent-encodes the bytes of a Location beyond ASCII one by one, as browsers do. Field values are
 * bytes, and servers that send UTF-8 mean its bytes. Text with characters that are not bytes has
 * been decoded already, and `URL` encodes it.
 */
const encodeBytes = (location: string): string =>
  /[\u0100-\uffff]/.test(location)
    ? location
    : location.replace(/[\u0080-\u00ff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`)

/** Removes the userinfo of a URL. */
const withoutUserinfo = (url: URL): URL => {
  const bare = copyOf(url)
  bare.username = ""
  bare.password = ""
  return bare
}

/**
 * Resolves the Locations to a URL. If it has no fragment, the fragment of the request is kept (RFC
 * 9110 section 10.2.2). The base has no userinfo, so any userinfo of the result comes from the
 * server.
 */
const resolve = (locations: ReadonlyArray<string>, base: URL): URL | InvalidRedirectReason => {
  const [location = "", ...others] = locations
  if (others.some((other) => other !== location)) return "Conflicting"
  if (location === "") return "Empty"
  // `URL` drops tabs and line ends, which turns "/\t/host" into another host.
  if (hasControl(location)) return "Malformed"
  const encoded = encodeBytes(location)
  const from = withoutUserinfo(base)
  const url = resolveUrl(encoded, from)
  if (url === undefined) return "Malformed"
  if (!encoded.includes("#")) url.hash = base.hash
  return url
}

/** Returns the reason why no request may be sent to a URL, if any. */
const dangerOf = (url: URL, from: URL, policy: Policy): UnsafeRedirectReason | undefined => {
  if (!isHttp(url)) return "Scheme"
  if (url.username !== "" || url.password !== "") return "Credentials"
  return from.protocol === "https:" && url.protocol === "http:" && !policy.allowDowngrade ? "Downgrade" : undefined
}

/**
 * Fields that are meant for one origin, and are removed for another. They are credentials of the
 * server and of the proxy, cookies, and fields that name the origin itself (RFC 9110 section 15.4).
 * Referer is one because it shows URLs of one origin to another.
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

/** Fields that describe the body, besides those that begin with `content-`. */
const bodyFields: ReadonlySet<string> = new Set([
  "digest",
  "expect",
  "last-modified",
  "repr-digest",
  "trailer",
  "transfer-encoding"
])

/** `search`, because `test` with the flag `g` begins at the end of the last match. */
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
 * Returns the method of the next request, and whether it keeps the body. 303 becomes GET (RFC 9110
 * section 15.4.4). 301 and 302 turn POST into GET, as all clients do (sections 15.4.2 and 15.4.3).
 * HEAD stays HEAD.
 */
export const rewrite = (status: number, method: HttpMethod): Pick<Next, "method" | "keepsBody"> => {
  if (status === 303) return { method: method === "HEAD" ? "HEAD" : "GET", keepsBody: false }
  return method === "POST" && (status === 301 || status === 302)
    ? { method: "GET", keepsBody: false }
    : { method, keepsBody: true }
}

/**
 * Returns the parts of a request that the server can distinguish. The names of the fields represent
 * the credentials, because fields are only ever removed.
 */
const keyOf = (method: HttpMethod, url: URL, hasBody: boolean, fields: ReadonlyArray<string>): string => {
  const sent = copyOf(url)
  sent.hash = ""
  return [method, sent.href, hasBody, ...fields.map((name) => name.toLowerCase()).sort()].join(" ")
}

/** Returns the next request of a redirect, or the reason why there is none. */
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
    // Userinfo that the caller put into the URL is a credential like any other, and is kept for the
    // same origin.
    url.username = base.username
    url.password = base.password
  }
  const { keepsBody, method } = rewrite(status, asked.method)
  const fields = asked.fields.filter((name) =>
    (sameOrigin || !isForOrigin(name, policy.sensitive)) && (keepsBody || !isForBody(name))
  )
  const hadBody = asked.body !== "Empty"
  // A new cookie may change the response: some sites redirect a visitor to the same page to check
  // whether the cookie returns.
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
