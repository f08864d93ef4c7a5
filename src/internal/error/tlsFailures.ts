/**
 * Turns what Node and OpenSSL report about TLS into a `TlsError`.
 *
 * Pure. Every function is total: an unknown code becomes `Other` and is kept in `code`, and the
 * original error is kept in `cause`.
 */
import { withContext } from "./base.ts"
import { codeOf, systemError } from "./systemCodes.ts"
import { TlsError } from "./tls.ts"
import type { TlsReason } from "./tlsCodes.ts"
import { explain, explainAlert } from "./tlsCodes.ts"

/** Codes of the system that mean a close, when a handshake was expected. */
const closings: ReadonlySet<string> = new Set(["ECONNRESET", "ECONNABORTED", "EPIPE"])

/**
 * The reasons that only the caller can fix. Because of the fault `User` they do not count as
 * failures of the network, which would be retried.
 */
const callers: ReadonlySet<TlsReason> = new Set(["ClientCertificate", "InvalidOptions"])

/** The properties of a refused certificate's error: Node's, and this library's `pins`. */
interface Refused {
  readonly cert?: {
    readonly subjectaltname?: string | undefined
    readonly subject?: { readonly CN?: unknown } | undefined
  } | undefined
  readonly pins?: ReadonlyArray<string> | undefined
}

const refusedBy = (cause: unknown): Refused => typeof cause === "object" && cause !== null ? cause : {}

/**
 * Returns the names in the certificate that did not match. Without alternative names the common
 * name counts (`CN`).
 */
const certificateNames = ({ cert }: Refused): string | undefined => {
  const name = cert?.subject?.CN
  return cert?.subjectaltname ?? (typeof name === "string" ? `CN:${name}` : undefined)
}

const withFault = (error: TlsError): TlsError =>
  callers.has(error.reason)
    ? withContext(error, { ...error.context, fault: "User" })
    : error.reason === "OutOfMemory"
    ? withContext(error, { ...error.context, fault: "Local" })
    : error

/**
 * Returns the failure of a handshake. `chosen` is true if the server had chosen a cipher: see
 * `explain`.
 */
export const tlsError = (serverName: string, cause: unknown, chosen = true): TlsError => {
  const code = codeOf(cause)
  const reason = closings.has(code) ? "Closed" : explain(code, cause, chosen)?.reason ?? "Other"
  const refused = refusedBy(cause)
  const names = reason === "HostnameMismatch" ? certificateNames(refused) : undefined
  const pins = reason === "PinMismatch" ? refused.pins : undefined
  return withFault(new TlsError({ reason, code, serverName, names, pins, cause }))
}

/** Returns a failure of TLS for which Node has no error. */
export const tlsFailure = (serverName: string, reason: TlsReason, code: string, message: string): TlsError =>
  withFault(new TlsError({ reason, code, serverName, names: undefined, cause: systemError(code, message) }))

/**
 * Returns the failure if bytes arrived before the handshake. In TLS the client speaks first, and
 * such bytes must not count as content of TLS.
 */
export const earlyBytes = (serverName: string): TlsError =>
  tlsFailure(serverName, "NotTls", "ERR_EARLY_BYTES", "Bytes came before the handshake had begun")

/** Returns the failure for options that OpenSSL refuses. */
export const invalidTlsOptions = (serverName: string, cause: unknown): TlsError =>
  withFault(new TlsError({ reason: "InvalidOptions", code: codeOf(cause), serverName, names: undefined, cause }))

/** The reason why a channel broke: a `DuplexFault`. */
interface Fault {
  readonly code: string
  readonly cause: unknown
}

/**
 * Returns the server's refusal of the client's certificate, or of its absence, if that is why a
 * channel broke. With TLS 1.3 the refusal always arrives after the handshake. With a renegotiation,
 * or an authentication after the handshake, it arrives at any time.
 */
export const refusal = (serverName: string, { cause, code }: Fault): TlsError | undefined =>
  explainAlert(code, cause)?.reason === "ClientCertificate" ? tlsError(serverName, cause) : undefined
