/**
 * Failures of TLS: of the handshake, and of a server that refuses the client after the client's
 * side of the handshake.
 *
 * @since 0.1.0
 */
import { excerpt, tagged } from "./base.ts"
import type { TlsReason as Reason } from "./tlsCodes.ts"
import { advice, explain } from "./tlsCodes.ts"

/**
 * The kind of a TLS failure. `Other` means that the cause is unknown: see `code` and `cause`.
 *
 * @since 0.1.0
 * @category models
 */
export type TlsReason = Reason

/**
 * The TLS handshake or the certificate check failed, or the server refused the client's
 * certificate: `ssl.SSLError`, `ssl.SSLCertVerificationError`.
 *
 * The server has processed nothing, whenever the failure arrives. With TLS 1.3 a server refuses a
 * client's certificate, or its absence, after the client has completed its side of the handshake.
 * The error can therefore fail a request that was sent (`context.requestState`). Faults that the
 * caller must correct (`ClientCertificate`, `InvalidOptions`) have the fault `User`.
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
  /** The names in the certificate, if they did not match. */
  readonly names: string | undefined
  /**
   * The pins of the server's certificate and of the authorities that signed it, the server's first,
   * if none of them was wanted.
   *
   * @since 0.2.0
   */
  readonly pins?: ReadonlyArray<string> | undefined
  readonly cause: unknown
}> {
  override get description(): string {
    const meaning = explain(this.code, this.cause)
    const words = meaning?.reason === this.reason ? meaning.words : advice[this.reason]
    const what = this.context.peer === "Proxy" ? "the proxy " : ""
    return `TLS with ${what}${JSON.stringify(this.serverName)} failed (${this.code}). ${words}`
      + (this.names === undefined ? "" : ` It is for ${excerpt(this.names)}.`)
      + (this.pins === undefined || this.pins.length === 0 ? "" : ` Its pins are ${this.pins.join(" and ")}.`)
  }
}
