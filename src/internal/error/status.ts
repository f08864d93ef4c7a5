/**
 * A response whose status the caller does not accept. No call of this library fails with this error
 * unless a filter was asked to, because a status is a response.
 *
 * @since 0.2.0
 */
import * as HttpFields from "../../HttpFields.ts"
import type { ProxyStatus } from "../model/proxyStatus.ts"
import { fromFields } from "../model/proxyStatus.ts"
import { excerpt, otherEnd, tagged } from "./base.ts"
import { reported } from "./proxyStatus.ts"

/**
 * A status that `HttpResponse.filterStatusOk` or `filterStatus` refused. The error keeps the start
 * of the body; the response has been closed.
 *
 * `context.fault` is `User` for 400 to 499 without 408, 425 and 429, because such a request cannot
 * succeed when it is retried. It is `Remote` for all others. A retry also needs `status` and
 * `retryAfter`.
 *
 * @since 0.2.0
 * @category errors of the status
 */
export class StatusError extends tagged("StatusError", "Remote", "body")<{
  readonly status: number
  /** The reason phrase, for display only; often empty. */
  readonly reason: string
  readonly fields: HttpFields.HttpFields
  /**
   * The first bytes of the body, at most 4096. There are fewer if the body was shorter, had been
   * read, or failed; `cause` then has that failure.
   */
  readonly bodyPrefix: Uint8Array
  /** The reason why the whole prefix could not be read. */
  readonly cause?: unknown
}> {
  /**
   * The value of the first Retry-After field as sent: a number of seconds or a date (RFC 9110
   * section 10.2.3). `undefined` without one.
   *
   * @since 0.2.0
   */
  get retryAfter(): string | undefined {
    return HttpFields.getUnsafe(this.fields, "retry-after")
  }
  /**
   * The reports of the proxies and gateways on the way (RFC 9209), the one nearest to the origin
   * server first. The first that reports an error is in the message. Empty without a Proxy-Status
   * field.
   *
   * @since 0.2.0
   */
  get proxyStatus(): ReadonlyArray<ProxyStatus> {
    return fromFields(this.fields)
  }
  override get description(): string {
    const reason = this.reason === "" ? "" : ` ${excerpt(this.reason)}`
    const after = this.retryAfter === undefined ? "" : ` It asks to retry after ${excerpt(this.retryAfter)}.`
    const said = this.bodyPrefix.length === 0 ? "" : " What it said about that begins in `bodyPrefix`."
    return `${otherEnd(this.context)} answered with the status ${this.status}${reason}, which is not accepted here.${
      reported(this.proxyStatus)
    }${after}${said}`
  }
}
