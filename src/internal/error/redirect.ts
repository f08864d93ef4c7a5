/**
 * Failures of following redirects. Each is what the server's last 3xx response asked for and what
 * was not done.
 *
 * None repeats a Location as it came: a query may hold a token, and so may userinfo. What is shown
 * of a URL is scheme, host, port and path.
 *
 * @since 0.2.0
 */
import { excerpt, tagged } from "./base.ts"

/**
 * A redirect that was received: what had been asked for, and the status of the answer.
 *
 * @since 0.2.0
 * @category models
 */
export interface RedirectHop {
  /** The status of the redirect. */
  readonly status: number
  /** The method of the request that it answered. */
  readonly method: string
  /** The URL of that request, to show: without userinfo and fragment, and with `?…` for a query. */
  readonly url: string
}

/** The last redirect of a history as words; the history is never empty where an error has one. */
const last = (history: ReadonlyArray<RedirectHop>): string => {
  const hop = history[history.length - 1]
  return hop === undefined ? "" : ` The last one was ${hop.status} to ${hop.method} ${excerpt(hop.url)}.`
}

/**
 * The server redirected once more than `limit` allows.
 *
 * @since 0.2.0
 * @category errors of redirects
 */
export class TooManyRedirects extends tagged("TooManyRedirects", "Remote", "redirect")<{
  readonly limit: number
  /** Every redirect of the chain, in order; one more than `limit`. */
  readonly history: ReadonlyArray<RedirectHop>
}> {
  override get description(): string {
    return `The request was redirected more than ${this.limit} times, which is the limit (\`limit\`).${
      last(this.history)
    } See \`history\`, and raise the limit if the way is right.`
  }
}

/**
 * The server redirected to a request that this chain has sent already, with the same method, URL
 * and fields, and without having set a cookie since; it would be answered the same way for ever
 * (RFC 9110 section 15.4).
 *
 * @since 0.2.0
 * @category errors of redirects
 */
export class RedirectLoop extends tagged("RedirectLoop", "Remote", "redirect")<{
  /** Every redirect of the chain, in order. */
  readonly history: ReadonlyArray<RedirectHop>
}> {
  override get description(): string {
    return `The redirects go in a circle: this request has been sent before.${
      last(this.history)
    } See \`history\`; the server may want credentials or a cookie that it does not get.`
  }
}

/**
 * Why a Location cannot be followed: it is empty, there are several that differ, it is no URL, or
 * it cannot be resolved because the request's own URL is not absolute.
 *
 * @since 0.2.0
 * @category models
 */
export type InvalidRedirectReason = "Empty" | "Conflicting" | "Malformed" | "NoBaseUrl"

const invalidWords: { readonly [K in InvalidRedirectReason]: string } = {
  Empty: "its Location field is empty. Report it to whoever runs the server",
  Conflicting: "it has several Location fields that differ. Report it to whoever runs the server",
  Malformed: "its Location field is no URL. Report it to whoever runs the server",
  NoBaseUrl: "the URL of the request itself is not absolute. Give the client absolute URLs"
}

/**
 * A redirect whose Location cannot be understood (RFC 9110 section 10.2.2). The Location itself is
 * in the response's fields.
 *
 * @since 0.2.0
 * @category errors of redirects
 */
export class InvalidRedirect extends tagged("InvalidRedirect", "Remote", "redirect")<{
  readonly reason: InvalidRedirectReason
  /** Every redirect of the chain, in order; the last one is this. */
  readonly history: ReadonlyArray<RedirectHop>
}> {
  override get description(): string {
    return `The redirect cannot be followed: ${invalidWords[this.reason]}.${last(this.history)}`
  }
}

/**
 * Why a redirect is not followed: it leads from https to http, to a scheme other than the two, or
 * to a URL with credentials in it.
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
 * A redirect that was refused because following it could give something away. Nothing was sent to
 * its target.
 *
 * @since 0.2.0
 * @category errors of redirects
 */
export class UnsafeRedirect extends tagged("UnsafeRedirect", "Remote", "redirect")<{
  readonly reason: UnsafeRedirectReason
  /**
   * Where it leads, to show: without userinfo, query and fragment; of a scheme other than http and
   * https, the scheme alone.
   */
  readonly target: string
  /** Every redirect of the chain, in order; the last one is this. */
  readonly history: ReadonlyArray<RedirectHop>
}> {
  override get description(): string {
    return `The redirect to ${excerpt(this.target)} was not followed. ${unsafeWords[this.reason]}.${last(this.history)}`
  }
}

/**
 * A redirect that wants the body sent again, to another URL, and the body is not known to be the
 * same when it is read once more.
 *
 * @since 0.2.0
 * @category errors of redirects
 */
export class UnreplayableBody extends tagged("UnreplayableBody", "User", "redirect")<{
  /** The status of the redirect. */
  readonly status: number
  /** The kind of body: a `Stream`, or a `Raw` of something that can be read only once. */
  readonly body: "Stream" | "Raw"
  /** Every redirect of the chain, in order; the last one is this. */
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
