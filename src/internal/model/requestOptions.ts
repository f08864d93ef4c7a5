/** The options of a single request: `HttpRequest.Options`. */
import type { HttpFields } from "../../HttpFields.ts"
import type { HttpLeniency } from "../../HttpLeniency.ts"
import type * as HttpLimits from "../../HttpLimits.ts"
import type * as HttpTimeouts from "../../HttpTimeouts.ts"
import type { Origin } from "../../Origin.ts"

/** An interim response (1xx): `HttpResponse.Informational`. */
export interface Informational {
  readonly status: number
  readonly reason: string
  readonly fields: HttpFields
}

/** Receives an interim response as it arrives. */
export type OnInformational = (informational: Informational) => void

/** Options of one request. They override those of the connection. */
export interface RequestOptions {
  /**
   * Where a pool sends the request, and the options of that connection. The target may then be a
   * path. A standalone connection ignores it. Default: the origin of the target, which is then a
   * URL.
   */
  readonly origin?: Origin | undefined
  /** Default: those of the connection. */
  readonly timeouts?: HttpTimeouts.Options | undefined
  /** Default: those of the connection. */
  readonly limits?: HttpLimits.Options | undefined
  /** Default: those of the connection. */
  readonly leniency?: HttpLeniency | undefined
  /**
   * `absolute` sends a URL, for a forward proxy (RFC 9112 section 3.2.2). `asterisk` sends `*`, for
   * an OPTIONS request about the server as a whole (section 3.2.4). The target is then `*` or a URL
   * without a path, and through a proxy the URL is sent. Default: `origin`.
   */
  readonly targetForm?: "origin" | "absolute" | "asterisk" | undefined
  /**
   * True if `Expect: 100-continue` is sent, and the body after 100 or `timeouts.continue`. After a
   * 417 the request is retried without it (RFC 9110 section 10.1.1); a request with an Expect field
   * of the caller's receives the 417. Not sent to a server that has answered in HTTP/1.0 before.
   * Default: `false`.
   */
  readonly expectContinue?: boolean | undefined
  /**
   * True if this library chunks the body although the fields have a `Transfer-Encoding`. With
   * `false` the caller must send chunks, which are checked (`ConflictingFraming`). Without that
   * field, a body of unknown length is always chunked. `encode_chunked` of `http.client`. Default:
   * `false`.
   */
  readonly encodeChunked?: boolean | undefined
  /**
   * Called with each interim response (1xx: 100, 102, 103 and others) as it arrives, synchronously
   * and in the async context of the caller. It must return quickly, because it runs while the
   * socket is read. What it throws goes to the log and does not affect the request. If a request is
   * sent again, the interim responses of each attempt are reported. `Interim.stream` makes a stream
   * of them. Default: none.
   */
  readonly onInformational?: OnInformational | undefined
  /**
   * True if `TE: trailers` is sent, named in Connection, to say that trailer fields of the response
   * are wanted (RFC 9110 section 10.1.4). They are received in any case, in `response.trailers`.
   * Default: `false`.
   */
  readonly acceptTrailers?: boolean | undefined
}

/** Options over others; those that are missing or `undefined` keep the other's. */
export const optionsOver = (self: RequestOptions, options: RequestOptions | undefined): RequestOptions => ({
  origin: options?.origin ?? self.origin,
  timeouts: options?.timeouts ?? self.timeouts,
  limits: options?.limits ?? self.limits,
  leniency: options?.leniency ?? self.leniency,
  targetForm: options?.targetForm ?? self.targetForm,
  expectContinue: options?.expectContinue ?? self.expectContinue,
  encodeChunked: options?.encodeChunked ?? self.encodeChunked,
  onInformational: options?.onInformational ?? self.onInformational,
  acceptTrailers: options?.acceptTrailers ?? self.acceptTrailers
})
