/**
 * Failures of following redirects. Each says what the server's last 3xx response asked for and what
 * this library did not do.
 *
 * No error repeats a Location unchanged, because a query or userinfo may hold a token. A shown URL
 * has only scheme, host, port and path.
 *
 * @since 0.2.0
 */
import { excerpt, tagged } from "./base.ts"

/**
 * A redirect that was received: the request, and the status of its response.
 *
 * @since 0.2.0
 * @category models
 */
export interface RedirectHop {
  /** The status of the redirect. */
  readonly status: number
  /** The method of the redirected request. */
  readonly method: string
  /**
   * The URL of that request for display: without userinfo and fragment, and with `?…` for a query.
   */
  readonly url: string
}

/** Describes the last redirect of a history. The history of an error is never empty. */
const last = (history: ReadonlyArray<RedirectHop>): string => {
  const hop = history[history.length - 1]
  return hop === undefined ? "" : ` The last one was ${hop.status} to ${hop.method} ${excerpt(hop.url)}.`
}

/**
 * The server redirected one more time than `limit` allows.
 *
 * @since 0.2.0
 * @category errors of redirects
 */
export class TooManyRedirects extends tagged("TooManyRedirects", "Remote", "redirect")<{
  readonly limit: number
  /** All redirects of the chain, in order; one more than `limit`. */
  readonly history: ReadonlyArray<RedirectHop>
}> {
  override get description(): string {
    return `The request was redirected more than ${this.limit} times, which is the limit (\`limit\`).${
      last(this.history)
    } See \`history\`, and raise the limit if the way is right.`
  }
}

/**
 * The server redirected to a request that this chain has already sent, with the same method, URL
 * and fields, and has set no cookie since. The response would be the same indefinitely (RFC 9110
 * section 15.4).
 *
 * @since 0.2.0
 * @category errors of redirects
 */
export class RedirectLoop extends tagged("RedirectLoop", "Remote", "redirect")<{
  /** All redirects of the chain, in order. */
  readonly history: ReadonlyArray<RedirectHop>
}> {
  override get description(): string {
    return `The redirects go in a circle: this request has been sent before.${
      last(this.history)
    } See \`history\`; the server may want credentials or a cookie that it does not get.`
  }
}

/**
 * The reason why a Location cannot be followed. It is empty, several values differ, it is not a
 * URL, or it cannot be resolved because the request's own URL is not absolute.
 *
 * @since 0.2.0
 * @category models
 */
export type InvalidRedirectReason = "Empty" | "Conflicting" | "Malformed" | "NoBaseUrl"

const invalidWords: { readonly [K in InvalidRedirectReason]: string } = {
  Empty: "its Location field is empty. Report it to the operator of the server",
  Conflicting: "it has several Location fields that differ. Report it to the operator of the server",
  Malformed: "its Location field is no URL. Report it to the operator of the server",
  NoBaseUrl: "the URL of the request itself is not absolute. Give the client absolute URLs"
}

/**
 * A redirect with an unusable Location (RFC 9110 section 10.2.2). The Location itself is in the
 * response's fields.
 *
 * @since 0.2.0
 * @category errors of redirects
 */
export class InvalidRedirect extends tagged("InvalidRedirect", "Remote", "redirect")<{
  readonly reason: InvalidRedirectReason
  /** All redirects of the chain, in order; the last one is this. */
  readonly history: ReadonlyArray<RedirectHop>
}> {
  override get description(): string {
    return `The redirect cannot be followed: ${invalidWords[this.reason]}.${last(this.history)}`
  }
}

/**
 * The reason why a redirect is not followed. It leads from https to http, to a scheme other than
 * these two, or to a URL with credentials.
 *
 * @since 0.2.0
 * @category models
 */
export type UnsafeRedirectReason = "Downgrade" | "Scheme" | "Credentials"

const unsafeWords: { readonly [K in UnsafeRedirectReason]: string } = {
  Downgrade:
    "It leads from https to http, where everybody can read along: use `allowDowngrade` if that does not matter",
  Scheme: "Only http and https are followed: ask for the target in another way if it is trusted",
  Credentials: "Its Location has a user name or password, which are never sent: ask for the target with your own"
}

/**
 * A redirect that was refused because following it could disclose data. Nothing was sent to its
 * target.
 *
 * @since 0.2.0
 * @category errors of redirects
 */
export class UnsafeRedirect extends tagged("UnsafeRedirect", "Remote", "redirect")<{
  readonly reason: UnsafeRedirectReason
  /**
   * The target for display: without userinfo, query and fragment. If its scheme is neither http nor
   * https, only the scheme.
   */
  readonly target: string
  /** All redirects of the chain, in order; the last one is this. */
  readonly history: ReadonlyArray<RedirectHop>
}> {
  override get description(): string {
    return `The redirect to ${excerpt(this.target)} was not followed. ${unsafeWords[this.reason]}.${last(this.history)}`
  }
}

/**
 * A redirect that requires the body to be sent again, to another URL. The body may differ when it
 * is read a second time.
 *
 * @since 0.2.0
 * @category errors of redirects
 */
export class UnreplayableBody extends tagged("UnreplayableBody", "User", "redirect")<{
  /** The status of the redirect. */
  readonly status: number
  /** The kind of body: a `Stream`, or a `Raw` of something that can be read only once. */
  readonly body: "Stream" | "Raw"
  /** All redirects of the chain, in order; the last one is this. */
  readonly history: ReadonlyArray<RedirectHop>
}> {
  override get description(): string {
    return `The server redirects with ${this.status}, which wants the body again, but it can be read only once. ${
      this.body === "Stream"
        ? "Send it from memory, or say `replayStreams: true` if running the stream once more gives the same bytes"
        : "Send it from memory, or as a stream with `replayStreams: true`"
    }.${last(this.history)}`
  }
}
