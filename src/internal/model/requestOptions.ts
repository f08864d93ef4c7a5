/** The options of a single request: `HttpRequest.Options`. */
import type { HttpLeniency } from "../../HttpLeniency.ts"
import type * as HttpLimits from "../../HttpLimits.ts"
import type * as HttpTimeouts from "../../HttpTimeouts.ts"
import type { Origin } from "../../Origin.ts"

/** Options of one request. They override those of the connection. */
export interface RequestOptions {
  /**
   * Where a pool sends the request, and the options of that connection. The target may then be a
   * path. A standalone connection ignores it. Default: the origin of the target, a URL.
   */
  readonly origin?: Origin | undefined
  /** Default: those of the connection. */
  readonly timeouts?: HttpTimeouts.Options | undefined
  /** Default: those of the connection. */
  readonly limits?: HttpLimits.Options | undefined
  /** Default: those of the connection. */
  readonly leniency?: HttpLeniency | undefined
  /** `absolute` sends a URL, for a forward proxy (RFC 9112 section 3.2.2). Default: `origin`. */
  readonly targetForm?: "origin" | "absolute" | undefined
  /**
   * Sends `Expect: 100-continue`, and the body after 100 or `timeouts.continue`. Default: `false`.
   */
  readonly expectContinue?: boolean | undefined
  /**
   * Matters only if the fields have a `Transfer-Encoding`. `true` chunks the body. `false` sends
   * chunks of the caller and checks them (`ConflictingFraming`). Without that field, a body of
   * unknown length is always chunked. `encode_chunked` of `http.client`. Default: `false`.
   */
  readonly encodeChunked?: boolean | undefined
}
