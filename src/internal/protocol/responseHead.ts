/**
 * The head of a response, as the parts of the protocol pass it on.
 */
import type * as HttpFields from "../../HttpFields.ts"

/** A parsed head. A class and not a literal: see decision 1 in `docs/architecture.md`. */
export class ResponseHead {
  /** 10 or 11, as in `http.client`; a higher minor version counts as 1.1 (RFC 9110 section 2.5). */
  readonly version: 10 | 11
  readonly status: number
  readonly reason: string
  readonly fields: HttpFields.HttpFields
  /** True if a relaxation of `HttpLeniency` was needed. */
  readonly relaxed: boolean
  /**
   * The body's length if the fields are plain: HTTP/1.1, one Content-Length of few digits, no
   * Transfer-Encoding, and no Connection but `keep-alive`. -1 if `decideFraming` must read the
   * fields. A head without such fields has -1 too.
   */
  readonly plainLength: number

  constructor(
    version: 10 | 11,
    status: number,
    reason: string,
    fields: HttpFields.HttpFields,
    relaxed: boolean,
    plainLength: number
  ) {
    this.version = version
    this.status = status
    this.reason = reason
    this.fields = fields
    this.relaxed = relaxed
    this.plainLength = plainLength
  }
}
