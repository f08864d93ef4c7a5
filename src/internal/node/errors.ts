/**
 * Turns the codes of the resolver and of the system into a `DnsError` or a `ConnectError`.
 *
 * Does no I/O. Every function is total: an unknown code becomes `Other` and is kept in `code`, and
 * the original error is kept in `cause`. For TLS see `error/tlsFailures.ts`.
 */
import type { ConnectAttempt, ConnectReason, DnsReason } from "../error/connect.ts"
import { ConnectError, DnsError } from "../error/connect.ts"
import { codeOf } from "../error/systemCodes.ts"

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

/** Returns the failure of a lookup. */
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
  ENOENT: "NoEntry",
  ENAMETOOLONG: "PathTooLong",
  ENOTSUP: "NotSupported"
}

const connectReason = (cause: unknown): ConnectReason =>
  // `bind` fails with EINVAL if the local address and the peer's are of different families.
  codeOf(cause) === "EINVAL" && (cause as { readonly syscall?: unknown }).syscall === "bind"
    ? "AddressNotAvailable"
    : connectReasons[codeOf(cause)] ?? "Other"

/** An address that was tried, and its failure. */
export interface FailedAttempt {
  readonly address: string
  readonly port: number | undefined
  readonly cause: unknown
}

/** Returns an attempt as errors show it. */
export const toAttempt = ({ address, cause, port }: FailedAttempt): ConnectAttempt =>
  Object.defineProperty({ address, port, code: codeOf(cause) }, "cause", { value: cause })

/**
 * Returns the failure of all attempts. If their reasons differ, the first attempt that got an
 * answer determines the reason: "IPv4 was refused" says more than "IPv6 has no route".
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
    attempts: attempts.map(toAttempt),
    cause: attempts.length > 1 ? new AggregateError(attempts.map(({ cause }) => cause)) : telling?.cause
  })
}
