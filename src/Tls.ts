/**
 * TLS options, and what a handshake negotiated.
 *
 * By default the certificate is checked, and SNI and ALPN (`http/1.1`) are sent.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"

/**
 * The input of the option `tls`: options, or an Effect that is run before each connection is
 * opened. With an Effect, certificates and keys can be replaced while the program runs.
 *
 * The Effect runs in the fiber context of the request that the connection is for, with the limit
 * `timeouts.connect`, and is interrupted with it. If it fails, the request fails with
 * `CredentialsError`, whose `cause` is the error. A `Ref` or a `SubscriptionRef` is such an Effect.
 *
 * When a connection of a pool opens with other options than before, the pool closes the older ones
 * as soon as they are idle (`Rotated`). Options with the same content count as the same.
 * Connections are compared by the identity of the Effect, so make it once.
 *
 * @example
 * ```ts
 * import { Effect, Ref } from "effect"
 * import { ConnectionPool } from "effect-http-client"
 * import type { Tls } from "effect-http-client"
 *
 * export const program = Effect.gen(function*() {
 *   const tls = yield* Ref.make<Tls.Options>({ ca: "-----BEGIN CERTIFICATE-----..." })
 *   const pool = yield* ConnectionPool.make({ tls })
 *   // Later: the next connection trusts the other authority.
 *   yield* Ref.set(tls, { ca: "-----BEGIN CERTIFICATE-----..." })
 *   yield* pool.closeIdle
 * })
 * ```
 *
 * @since 0.2.0
 * @category models
 */
export type Input = Options | Effect.Effect<Options, unknown>

/**
 * Options of TLS, named as in OpenSSL and Node: `ssl.SSLContext` in `http.client`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * The name sent in SNI and checked against the certificate. Default: the host (no SNI if that is
   * an address).
   */
  readonly serverName?: string | undefined
  /** PEM certificates of the authorities to trust instead of those that Node includes. */
  readonly ca?: string | ReadonlyArray<string> | undefined
  /**
   * True to trust the authorities of the operating system, together with `ca` if that is given, and
   * instead of those that Node includes. Needs Node 22.15, 23.10 or 24; with an older one opening a
   * connection fails (`TlsError`, `InvalidOptions`). Default: `false`.
   *
   * @since 0.2.0
   */
  readonly caSystem?: boolean | undefined
  /** PEM certificate chain of the client. */
  readonly cert?: string | undefined
  /** PEM private key of the client. Never shown in errors or logs. */
  readonly key?: string | undefined
  /** Passphrase of `key` or `pfx`. Never shown in errors or logs. */
  readonly passphrase?: string | undefined
  /**
   * Certificate chain and private key of the client in one PKCS #12 file, as base64, instead of
   * `cert` and `key`. OpenSSL also trusts the authorities that the file contains. Never shown in
   * errors or logs.
   *
   * @since 0.2.0
   */
  readonly pfx?: string | undefined
  /** PEM revocation lists. */
  readonly crl?: string | ReadonlyArray<string> | undefined
  /** Lowest version. Default: `TLSv1.2`. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3" | undefined
  /** Highest version. Default: `TLSv1.3`. */
  readonly maxVersion?: "TLSv1.2" | "TLSv1.3" | undefined
  /** OpenSSL cipher list. Default: Node's. */
  readonly ciphers?: string | undefined
  /**
   * Groups of the key exchange as a list for OpenSSL, such as `"X25519:P-256"`, best first.
   * Default: Node's.
   *
   * @since 0.2.0
   */
  readonly ecdhCurve?: string | undefined
  /**
   * Signature algorithms as a list for OpenSSL, such as `"ECDSA+SHA256:RSA-PSS+SHA256"`, best
   * first. Default: OpenSSL's.
   *
   * @since 0.2.0
   */
  readonly sigalgs?: string | undefined
  /** Protocols offered in ALPN; an empty list sends none. Default: `["http/1.1"]`. */
  readonly alpn?: ReadonlyArray<"http/1.1" | "http/1.0"> | undefined
  /**
   * True if the certificate must be valid and match the host. Default: `true`. With `false` any
   * intermediary can read and change everything, so use it only in tests.
   */
  readonly verify?: boolean | undefined
  /**
   * Public keys of which the server must prove one, each as `sha256/` and the base64 of the SHA-256
   * of its SubjectPublicKeyInfo (RFC 7469 section 2.4). One must be the key of the server's
   * certificate, or of an authority that signed it. They are checked in addition to everything
   * else. Otherwise the failure is `TlsError` with the reason `PinMismatch`. With `verify: false`
   * only the server's own key counts. Default: any key.
   *
   * @since 0.2.0
   */
  readonly pins?: ReadonlyArray<string> | undefined
  /**
   * Receives the secrets of each handshake as lines of the format of `SSLKEYLOGFILE`, newline
   * included, with which tools such as Wireshark decrypt the connection. What it throws is a
   * warning of the process. Functions are compared by identity, so pass the same one for every
   * request.
   *
   * @since 0.2.0
   */
  readonly keylog?: ((line: string) => void) | undefined
  /**
   * How many sessions are kept for later connections with the same options, at least 1; or `false`
   * to resume none. A resumed connection needs fewer messages and no certificate. A session of a
   * verified connection is used for 24 hours at most, and not beyond the expiry of its
   * certificates. With `verify: false` or `crl` none is kept. A session takes some 2 KB. Default:
   * 100.
   *
   * @since 0.2.0
   */
  readonly sessions?: number | false | undefined
}

/**
 * The result of a handshake.
 *
 * @since 0.1.0
 * @category models
 */
export interface Info {
  /** The TLS version, such as `TLSv1.3`. */
  readonly version: string
  readonly cipher: string
  /** The protocol that the server chose in ALPN, if any. */
  readonly alpn: string | undefined
  /**
   * True if the certificate was checked and is valid. For a resumed session, true if that held for
   * the connection on which the session began.
   */
  readonly verified: boolean
  /**
   * True if the session of an earlier connection was resumed.
   *
   * @since 0.2.0
   */
  readonly resumed: boolean
}
