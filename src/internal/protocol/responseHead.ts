/** What the head of a response says, as the parts of the protocol hand it on. */
import type * as HttpFields from "../../HttpFields.ts"

/**
 * A parsed head. A class and no literal: see `Terms` of the connection for what V8 makes of
 * literals.
 */
export class ResponseHead {
  /** 10 or 11, as in `http.client`; a higher minor version counts as 1.1 (RFC 9110 section 2.5). */
  readonly version: 10 | 11
  readonly status: number
  readonly reason: string
  readonly fields: HttpFields.HttpFields
  /** Whether a relaxation of `HttpLeniency` was needed. */
  readonly relaxed: boolean
  /**
   * The body's length where the fields leave nothing to weigh up: HTTP/1.1, one Content-Length of
   * few digits, no Transfer-Encoding, no Connection but `keep-alive`. -1 where it takes a look at
   * them; a head without such fields has it too.
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
