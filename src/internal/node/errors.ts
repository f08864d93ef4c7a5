/**
 * What the codes of the system, the resolver and OpenSSL mean: the one place that turns them into
 * our errors.
 *
 * Does no I/O. Rules: every function here is total, a code that is not known becomes `Other` and is
 * kept in `code`, and the error that came is kept in `cause`.
 */
import type { DuplexFault } from "../../Transport.ts"
import { withContext } from "../error/base.ts"
import type { ConnectReason, DnsReason } from "../error/connect.ts"
import { ConnectError, DnsError } from "../error/connect.ts"
import { TlsError } from "../error/tls.ts"
import type { TlsReason } from "../error/tlsCodes.ts"
import { explain, explainAlert } from "../error/tlsCodes.ts"

/** The `code` of an error of Node's, or `UNKNOWN`. */
export const codeOf = (error: unknown): string => {
  const code = typeof error === "object" && error !== null ? (error as { readonly code?: unknown }).code : undefined
  return typeof code === "string" ? code : "UNKNOWN"
}

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
 * The failure of all attempts. Where they failed differently, the first that got as far as an
 * answer gives the reason: that IPv6 has no route says less than that IPv4 was refused.
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

/** Codes of the system, where a handshake was waited for. */
const closings: ReadonlySet<string> = new Set(["ECONNRESET", "ECONNABORTED", "EPIPE"])

/**
 * What the caller has to mend, so that nobody takes it for a failure of the network and tries
 * again.
 */
const callers: ReadonlySet<TlsReason> = new Set(["ClientCertificate", "InvalidOptions"])

/** The names in the certificate that came with a mismatch. */
const certificateNames = (cause: unknown): string | undefined => {
  const certificate = (cause as { readonly cert?: { readonly subjectaltname?: string } } | undefined)?.cert
  return certificate?.subjectaltname
}

const faulted = (error: TlsError): TlsError =>
  callers.has(error.reason)
    ? withContext(error, { ...error.context, fault: "User" })
    : error.reason === "OutOfMemory"
    ? withContext(error, { ...error.context, fault: "Local" })
    : error

/** `chosen` says whether the server had chosen a cipher: see `explain`. */
export const tlsError = (serverName: string, cause: unknown, chosen = true): TlsError => {
  const code = codeOf(cause)
  const reason = closings.has(code) ? "Closed" : explain(code, cause, chosen)?.reason ?? "Other"
  const names = reason === "HostnameMismatch" ? certificateNames(cause) : undefined
  return faulted(new TlsError({ reason, code, serverName, names, cause }))
}

/** A failure of TLS that Node knows nothing of. */
export const tlsFailure = (serverName: string, reason: TlsReason, code: string, message: string): TlsError =>
  faulted(new TlsError({ reason, code, serverName, names: undefined, cause: systemError(code, message) }))

/**
 * In TLS the client speaks first, and what came before it must not be taken for what comes inside.
 */
export const earlyBytes = (serverName: string): TlsError =>
  tlsFailure(serverName, "NotTls", "ERR_EARLY_BYTES", "Bytes came before the handshake had begun")

/** Options that cannot be used. */
export const invalidTlsOptions = (serverName: string, cause: unknown): TlsError =>
  faulted(new TlsError({ reason: "InvalidOptions", code: codeOf(cause), serverName, names: undefined, cause }))

/**
 * The server's refusal of the client's certificate, or of the lack of one, where a channel broke
 * with that after the handshake: with TLS 1.3 it always comes then, and with a renegotiation or an
 * authentication after the handshake at any time.
 */
export const refusal = (serverName: string, { cause, code }: DuplexFault): TlsError | undefined =>
  explainAlert(code, cause)?.reason === "ClientCertificate" ? tlsError(serverName, cause) : undefined
