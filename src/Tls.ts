/**
 * TLS options and what a handshake negotiated.
 *
 * The certificate is checked and SNI and ALPN (`http/1.1`) are sent unless an option says otherwise.
 *
 * @since 0.1.0
 */

/**
 * Options of TLS, as OpenSSL and Node name them: `ssl.SSLContext` in `http.client`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The name sent in SNI and checked against the certificate. Default: the host (no SNI where that is an address). */
  readonly serverName?: string | undefined
  /** PEM certificates to trust in place of the system's. */
  readonly ca?: string | ReadonlyArray<string> | undefined
  /** PEM certificate chain of the client. */
  readonly cert?: string | undefined
  /** PEM private key of the client. Never shown in errors or logs. */
  readonly key?: string | undefined
  /** Passphrase of `key`. Never shown in errors or logs. */
  readonly passphrase?: string | undefined
  /** PEM revocation lists. */
  readonly crl?: string | ReadonlyArray<string> | undefined
  /** Lowest version. Default: `TLSv1.2`. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3" | undefined
  /** Highest version. Default: `TLSv1.3`. */
  readonly maxVersion?: "TLSv1.2" | "TLSv1.3" | undefined
  /** OpenSSL cipher list. Default: Node's. */
  readonly ciphers?: string | undefined
  /** Protocols offered in ALPN; an empty list sends none. Default: `["http/1.1"]`. */
  readonly alpn?: ReadonlyArray<"http/1.1" | "http/1.0"> | undefined
  /**
   * Whether the certificate must be valid and for this host. Default: `true`. With `false` anybody between can read and
   * change everything: for tests only.
   */
  readonly verify?: boolean | undefined
}

/**
 * What a handshake negotiated.
 *
 * @since 0.1.0
 * @category models
 */
export interface Info {
  /** Such as `TLSv1.3`. */
  readonly version: string
  readonly cipher: string
  /** The protocol chosen in ALPN, where the server chose one. */
  readonly alpn: string | undefined
  /** Whether the certificate was checked and found valid. */
  readonly verified: boolean
}
