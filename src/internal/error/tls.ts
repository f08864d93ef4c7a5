/**
 * Failures of TLS: of the handshake, and of a server that refuses the client after its side of it.
 *
 * @since 0.1.0
 */
import { excerpt, tagged } from "./base.ts"
import type { TlsReason as Reason } from "./tlsCodes.ts"
import { advice, explain } from "./tlsCodes.ts"

/**
 * What kind of failure of TLS it was. `Other` is for what nobody knows: see `code` and `cause`.
 *
 * @since 0.1.0
 * @category models
 */
export type TlsReason = Reason

/**
 * The TLS handshake or the certificate check failed, or the server refused the client's
 * certificate: `ssl.SSLError`, `ssl.SSLCertVerificationError`.
 *
 * Nothing was processed, whenever it comes. With TLS 1.3 a server refuses a client's certificate,
 * or the lack of one, after the client has done its side of the handshake, so that this can be the
 * failure of a request that was sent (`context.requestState`). What the caller has to correct
 * (`ClientCertificate`, `InvalidOptions`) has the fault `User`.
 *
 * @since 0.1.0
 * @category errors of connecting
 */
export class TlsError extends tagged("TlsError", "Remote", "tls")<{
  readonly reason: TlsReason
  /** Node's or OpenSSL's code, such as `CERT_HAS_EXPIRED` or `ERR_SSL_TLSV1_ALERT_UNKNOWN_CA`. */
  readonly code: string
  /** The name that the certificate was checked against. */
  readonly serverName: string
  /** The names that the certificate is for, where it was a mismatch. */
  readonly names: string | undefined
  readonly cause: unknown
}> {
  override get description(): string {
    const meaning = explain(this.code, this.cause)
    const words = meaning?.reason === this.reason ? meaning.words : advice[this.reason]
    return `TLS with ${JSON.stringify(this.serverName)} failed (${this.code}). ${words}`
      + (this.names === undefined ? "" : ` It is for ${excerpt(this.names)}.`)
  }
}
