/**
 * What the codes of the system, the resolver and OpenSSL mean: the one place that turns them into our errors.
 *
 * Does no I/O. Rules: every function here is total, a code that is not known becomes `Other` and is kept in `code`, and the
 * error that came is kept in `cause`.
 */
import type { ConnectReason, DnsReason, TlsReason } from "../error/connect.ts"
import { ConnectError, DnsError, TlsError } from "../error/connect.ts"

/** The `code` of an error of Node's, or `UNKNOWN`. */
export const codeOf = (error: unknown): string => {
  const code = typeof error === "object" && error !== null ? (error as { readonly code?: unknown }).code : undefined
  return typeof code === "string" ? code : "UNKNOWN"
}

const messageOf = (error: unknown): string => error instanceof Error ? error.message : ""

/** An error as Node would have made it, for what Node reports without one. */
export const systemError = (code: string, message: string): Error => Object.assign(new Error(message), { code })

const dnsReasons: { readonly [code: string]: DnsReason } = {
  ENOTFOUND: "NotFound",
  EAI_NONAME: "NotFound",
  EAI_AGAIN: "Temporary",
  ESERVFAIL: "Temporary",
  ETIMEOUT: "Temporary",
  ECONNREFUSED: "Temporary",
  ENODATA: "NoData",
  EAI_NODATA: "NoData",
  EAI_ADDRFAMILY: "NoData"
}

export const dnsError = (host: string, cause: unknown): DnsError => {
  const code = codeOf(cause)
  return new DnsError({ host, reason: dnsReasons[code] ?? "Other", code, cause })
}

const connectReasons: { readonly [code: string]: ConnectReason } = {
  ECONNREFUSED: "Refused",
  EHOSTUNREACH: "Unreachable",
  ENETUNREACH: "Unreachable",
  EHOSTDOWN: "Unreachable",
  ENETDOWN: "Unreachable",
  ECONNRESET: "Reset",
  ECONNABORTED: "Reset",
  EPIPE: "Reset",
  ETIMEDOUT: "TimedOut",
  EADDRNOTAVAIL: "AddressNotAvailable",
  ERR_INVALID_IP_ADDRESS: "AddressNotAvailable",
  EMFILE: "TooManyFiles",
  ENFILE: "TooManyFiles",
  EACCES: "PermissionDenied",
  EPERM: "PermissionDenied",
  ENOENT: "NoEntry"
}

const connectReason = (cause: unknown): ConnectReason =>
  // `bind` with a local address of the other family than the peer's says EINVAL.
  codeOf(cause) === "EINVAL" && (cause as { readonly syscall?: unknown }).syscall === "bind"
    ? "AddressNotAvailable"
    : connectReasons[codeOf(cause)] ?? "Other"

/** An address that was tried, and what came of it. */
export interface FailedAttempt {
  readonly address: string
  readonly port: number | undefined
  readonly cause: unknown
}

/**
 * The failure of all attempts. Where they failed differently, the first that got as far as an answer gives the reason: that
 * IPv6 has no route says less than that IPv4 was refused.
 */
export const connectError = (target: string, attempts: ReadonlyArray<FailedAttempt>): ConnectError => {
  const telling = attempts.find(({ cause }) => {
    const reason = connectReason(cause)
    return reason !== "Unreachable" && reason !== "AddressNotAvailable"
  }) ?? attempts[0]
  return new ConnectError({
    reason: connectReason(telling?.cause),
    code: codeOf(telling?.cause),
    target,
    attempts: attempts.map(({ address, cause, port }) => ({ address, port, code: codeOf(cause) })),
    cause: attempts.length > 1 ? new AggregateError(attempts.map(({ cause }) => cause)) : telling?.cause
  })
}

const tlsReasons: { readonly [code: string]: TlsReason } = {
  CERT_HAS_EXPIRED: "CertificateExpired",
  CERT_NOT_YET_VALID: "CertificateNotYetValid",
  ERR_TLS_CERT_ALTNAME_INVALID: "HostnameMismatch",
  HOSTNAME_MISMATCH: "HostnameMismatch",
  DEPTH_ZERO_SELF_SIGNED_CERT: "SelfSigned",
  // Not `SelfSigned`: it is the root that is self-signed, as all are, and what lacks is trust in it.
  SELF_SIGNED_CERT_IN_CHAIN: "UntrustedIssuer",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "UntrustedIssuer",
  UNABLE_TO_GET_ISSUER_CERT: "UntrustedIssuer",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "UntrustedIssuer",
  CERT_UNTRUSTED: "UntrustedIssuer",
  CERT_REVOKED: "Revoked",
  ERR_SSL_WRONG_VERSION_NUMBER: "NotTls",
  ERR_SSL_NO_PROTOCOLS_AVAILABLE: "ProtocolVersion",
  ECONNRESET: "Closed",
  ECONNABORTED: "Closed",
  EPIPE: "Closed"
}

// In this order: alerts about the version and about ALPN are alerts too. OpenSSL's reason stands in the code
// (`ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION`) or, where Node met it while writing (`EPROTO`), in the message with spaces.
const tlsPatterns: ReadonlyArray<readonly [RegExp, TlsReason]> = [
  [/NO_APPLICATION_PROTOCOL/, "AlpnMismatch"],
  [/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/, "ProtocolVersion"],
  [/WRONG_VERSION_NUMBER/, "NotTls"],
  [/ALERT/, "Alert"]
]

const tlsReason = (cause: unknown): TlsReason => {
  const code = codeOf(cause)
  const known = tlsReasons[code]
  if (known !== undefined) return known
  const text = `${code} ${messageOf(cause)}`.toUpperCase().replaceAll(" ", "_")
  const found = code === "EPROTO" || code.startsWith("ERR_SSL_")
    ? tlsPatterns.find(([pattern]) => pattern.test(text))
    : undefined
  // What OpenSSL cannot name when it came in place of a handshake was no TLS: EPROTO stands for nothing else.
  return found?.[1] ?? (code === "EPROTO" ? "NotTls" : "Other")
}

/** The names in the certificate that came with a mismatch. */
const certificateNames = (cause: unknown): string | undefined => {
  const certificate = (cause as { readonly cert?: { readonly subjectaltname?: string } } | undefined)?.cert
  return certificate?.subjectaltname
}

export const tlsError = (serverName: string, cause: unknown): TlsError => {
  const reason = tlsReason(cause)
  return new TlsError({
    reason,
    code: codeOf(cause),
    serverName,
    names: reason === "HostnameMismatch" ? certificateNames(cause) : undefined,
    cause
  })
}

/** A failure of TLS that Node knows nothing of. */
export const tlsFailure = (serverName: string, reason: TlsReason, code: string, message: string): TlsError =>
  new TlsError({ reason, code, serverName, names: undefined, cause: systemError(code, message) })
