/**
 * The meaning of OpenSSL's verdicts on a certificate, of TLS alerts, and of OpenSSL's own
 * complaints: a reason and a text for each.
 *
 * Pure tables and their lookup. Verdicts (`X509_V_ERR_*`) are those of OpenSSL 3.5. Node names some
 * 30 of them in `code`. It reports the rest as `UNSPECIFIED` with OpenSSL's text as the message, so
 * that text is a key too. Alerts are those of the IANA registry for TLS.
 */

/**
 * The kind of a TLS failure.
 *
 * @since 0.1.0
 * @category models
 */
export type TlsReason =
  | "CertificateExpired"
  | "CertificateNotYetValid"
  | "HostnameMismatch"
  | "UntrustedIssuer"
  | "SelfSigned"
  | "PinMismatch"
  | "Revoked"
  | "RevocationUnknown"
  | "WrongPurpose"
  | "InvalidCertificate"
  | "WeakCryptography"
  | "NoCommonCipher"
  | "ProtocolVersion"
  | "UnrecognizedName"
  | "ClientCertificate"
  | "AlpnMismatch"
  | "NotTls"
  | "BrokenTls"
  | "Alert"
  | "Closed"
  | "InvalidOptions"
  | "OutOfMemory"
  | "Other"

/** The text for a reason if the code says nothing more specific. */
export const advice: { readonly [K in TlsReason]: string } = {
  CertificateExpired: "The certificate has expired: the server's owner must renew it.",
  CertificateNotYetValid: "The certificate is not valid yet: check the clocks.",
  HostnameMismatch: "The certificate is for other names: check the host, or set `tls.serverName`.",
  UntrustedIssuer: "The certificate's issuer is not trusted: pass its CA as `tls.ca`.",
  SelfSigned: "The certificate is self-signed: pass it as `tls.ca` if you trust it.",
  PinMismatch: "No public key of the server, or of an authority that signed it, is one of `tls.pins`:"
    + " compare them with what the server's owner publishes.",
  Revoked: "The certificate was revoked: the server's owner must replace it.",
  RevocationUnknown: "Whether the certificate was revoked cannot be told: see `tls.crl`.",
  WrongPurpose: "The certificate is not meant for servers: the server's owner must get one that is.",
  InvalidCertificate: "The server's certificate, or one above it, is not valid: its owner must replace it.",
  WeakCryptography: "The server's TLS is too weak to be safe: its owner must correct that.",
  NoCommonCipher:
    "The two sides share no cipher suite, group or signature algorithm: see `tls.ciphers`, and what the server allows.",
  ProtocolVersion: "The two sides share no TLS version: see `tls.minVersion` and `tls.maxVersion`.",
  UnrecognizedName: "The server knows no host of this name: check the host, or set `tls.serverName`.",
  ClientCertificate: "The server refused the client's certificate, or wants one: see `tls.cert` and `tls.key`.",
  AlpnMismatch: "The server chose another protocol than http/1.1.",
  NotTls: "The server does not speak TLS on this port: did you mean http?",
  BrokenTls: "What the server sent breaks the rules of TLS, or was changed on its way.",
  Alert: "The server refused the handshake.",
  Closed: "The server closed the connection during the handshake and did not say why:"
    + " it may want another client certificate, or know no host of this name.",
  InvalidOptions: "One of the options in `tls` cannot be used, see `cause`: nothing was sent.",
  OutOfMemory: "There was no memory left for it.",
  Other: "See `cause`."
}

/** A reason, and the text for one code. */
export interface Meaning {
  readonly reason: TlsReason
  readonly words: string
}

type Table = { readonly [code: string]: Meaning }

const meaning = (reason: TlsReason, words: string): Meaning => ({ reason, words })

const known = (reason: TlsReason): Meaning => meaning(reason, advice[reason])

const broken = (what: string): Meaning =>
  meaning(
    "InvalidCertificate",
    `The server's certificate, or one above it, is not valid: ${what}. Its owner must replace it.`
  )

const crl = (what: string, advice: string): Meaning =>
  meaning("RevocationUnknown", `Whether the certificate was revoked cannot be told: ${what}. ${advice}`)

const otherList = "Get a new list for `tls.crl`."

/** Node's codes for OpenSSL's verdicts. */
const verdicts: Table = {
  CERT_HAS_EXPIRED: known("CertificateExpired"),
  CERT_NOT_YET_VALID: known("CertificateNotYetValid"),
  ERR_TLS_CERT_ALTNAME_INVALID: known("HostnameMismatch"),
  HOSTNAME_MISMATCH: known("HostnameMismatch"),
  ERR_TLS_PIN_MISMATCH: known("PinMismatch"),
  DEPTH_ZERO_SELF_SIGNED_CERT: known("SelfSigned"),
  // Not `SelfSigned`: the root is self-signed, as all roots are, and it is not trusted.
  SELF_SIGNED_CERT_IN_CHAIN: meaning(
    "UntrustedIssuer",
    "The authority at the end of the certificate's chain is not trusted: pass its certificate as `tls.ca`."
  ),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: meaning(
    "UntrustedIssuer",
    "The certificate's issuer is not known: pass its CA as `tls.ca`, or have the server send its intermediate certificates."
  ),
  UNABLE_TO_GET_ISSUER_CERT: meaning(
    "UntrustedIssuer",
    "The issuer of a certificate in the chain is not known: pass all of the chain's authorities as `tls.ca`."
  ),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: known("UntrustedIssuer"),
  CERT_UNTRUSTED: meaning("UntrustedIssuer", "The authority is not trusted for servers: pass another one as `tls.ca`."),
  CERT_REJECTED: meaning(
    "UntrustedIssuer",
    "The authority is marked as rejected for servers: pass another one as `tls.ca`."
  ),
  CERT_REVOKED: known("Revoked"),
  UNABLE_TO_GET_CRL: crl(
    "`tls.crl` has no list of its issuer",
    "Give it one of every authority in the chain, or leave `tls.crl` out."
  ),
  CRL_HAS_EXPIRED: crl("the list in `tls.crl` has expired", otherList),
  CRL_NOT_YET_VALID: crl("the list in `tls.crl` is not valid yet", "Check the clocks."),
  CRL_SIGNATURE_FAILURE: crl("the signature of the list in `tls.crl` is wrong", otherList),
  UNABLE_TO_DECRYPT_CRL_SIGNATURE: crl("the signature of the list in `tls.crl` cannot be read", otherList),
  ERROR_IN_CRL_LAST_UPDATE_FIELD: crl("the list in `tls.crl` has an unreadable date of its making", otherList),
  ERROR_IN_CRL_NEXT_UPDATE_FIELD: crl("the list in `tls.crl` has an unreadable date of its end", otherList),
  INVALID_PURPOSE: meaning(
    "WrongPurpose",
    "The certificate, or one above it, is not meant for servers (extended key usage): the server's owner must get one that is."
  ),
  CERT_SIGNATURE_FAILURE: broken("its signature is wrong"),
  UNABLE_TO_DECRYPT_CERT_SIGNATURE: broken("its signature cannot be read"),
  UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: broken("its issuer's key cannot be read"),
  ERROR_IN_CERT_NOT_BEFORE_FIELD: broken("the date of its beginning cannot be read"),
  ERROR_IN_CERT_NOT_AFTER_FIELD: broken("the date of its end cannot be read"),
  INVALID_CA: broken("a certificate that is none of an authority has signed another"),
  PATH_LENGTH_EXCEEDED: broken("there are more authorities in its chain than one of them allows"),
  CERT_CHAIN_TOO_LONG: broken("its chain is too long"),
  OUT_OF_MEM: meaning("OutOfMemory", "There was no memory left for checking the certificate.")
}

/**
 * OpenSSL's texts for verdicts without a Node code, by how they continue, and their reasons. The
 * first match counts.
 */
const texts: ReadonlyArray<readonly [RegExp, TlsReason]> = [
  [/\bCRL\b|^OCSP/i, "RevocationUnknown"],
  [/too weak|^suite b/i, "WeakCryptography"],
  [/mismatch$/i, "HostnameMismatch"],
  [/purpose/i, "WrongPurpose"],
  [/^DANE|no matching DANE|no valid SCTs|explicit policy|not trusted|RPK/i, "UntrustedIssuer"]
]

/** Texts that also end in "mismatch" but do not concern the host. */
const inner = /^(subject issuer|authority and|subject signature|cert info)/i

const introductions: { readonly [K in TlsReason]?: string } = {
  RevocationUnknown: "Whether the certificate was revoked cannot be told",
  WeakCryptography: "The server's certificate, or one above it, is too weak to be trusted",
  HostnameMismatch: "The certificate is for other names",
  WrongPurpose: "The certificate is not meant for servers",
  UntrustedIssuer: "The certificate is not trusted",
  InvalidCertificate: "The server's certificate, or one above it, is not valid"
}

/**
 * Returns the meaning of a verdict for which Node has only OpenSSL's text. Newer versions of Node
 * append advice to it.
 */
const verdictOf = (message: string): Meaning | undefined => {
  const text = message.split(";")[0]?.trim() ?? ""
  if (text === "" || text === "unspecified certificate verification error") return undefined
  const found = inner.test(text) ? undefined : texts.find(([pattern]) => pattern.test(text))
  const reason = found?.[1] ?? "InvalidCertificate"
  return meaning(reason, `${introductions[reason]}: ${text}.`)
}

const refusedCertificate = (why: string): Meaning =>
  meaning("ClientCertificate", `The server refused the client's certificate: ${why}. See \`tls.cert\` and \`tls.key\`.`)

const alert = (words: string): Meaning => meaning("Alert", words)

/**
 * A server refuses with `HANDSHAKE_FAILURE` before it has chosen a cipher. After that it does so
 * because it lacks a certificate.
 */
const noCommon = known("NoCommonCipher")

const wanted = meaning("ClientCertificate", "The server wants a client certificate: set `tls.cert` and `tls.key`.")

const wantsCertificate = meaning(
  "ClientCertificate",
  "The server refused the handshake: it may want a client certificate. See `tls.cert` and `tls.key`."
)

const versions = known("ProtocolVersion")

const protocols = meaning("AlpnMismatch", "The server speaks none of the protocols that were offered: see `tls.alpn`.")

/** Alerts, by the number that is sent and OpenSSL's name for it. */
const alerts: ReadonlyArray<readonly [number, string, Meaning]> = [
  [10, "UNEXPECTED_MESSAGE", alert("The server did not expect what was sent: its TLS, or what is between, is broken.")],
  [20, "BAD_RECORD_MAC", alert("What reached the server had been changed on its way.")],
  [21, "DECRYPTION_FAILED", alert("The server could not decrypt what was sent.")],
  [22, "RECORD_OVERFLOW", alert("The server found a record too long: its TLS, or what is between, is broken.")],
  [30, "DECOMPRESSION_FAILURE", alert("The server could not decompress what was sent.")],
  [40, "HANDSHAKE_FAILURE", wantsCertificate],
  [
    41,
    "NO_CERTIFICATE",
    wanted
  ],
  [42, "BAD_CERTIFICATE", refusedCertificate("it is broken, or not one that it accepts")],
  [43, "UNSUPPORTED_CERTIFICATE", refusedCertificate("it is of a kind that the server does not support")],
  [44, "CERTIFICATE_REVOKED", refusedCertificate("it was revoked")],
  [45, "CERTIFICATE_EXPIRED", refusedCertificate("it has expired")],
  [46, "CERTIFICATE_UNKNOWN", refusedCertificate("the server did not say why")],
  [47, "ILLEGAL_PARAMETER", alert("The server found what was sent contradictory.")],
  [48, "UNKNOWN_CA", refusedCertificate("it does not trust the authority that signed it")],
  [49, "ACCESS_DENIED", refusedCertificate("it is valid, but may not do this")],
  [50, "DECODE_ERROR", alert("The server could not read what was sent.")],
  [51, "DECRYPT_ERROR", alert("The server found a signature wrong: `tls.key` may not belong to `tls.cert`.")],
  [60, "EXPORT_RESTRICTION", alert("The server refuses keys of this length.")],
  [70, "PROTOCOL_VERSION", versions],
  [
    71,
    "INSUFFICIENT_SECURITY",
    meaning("NoCommonCipher", "The server wants stronger ciphers than were offered: see `tls.ciphers`.")
  ],
  [80, "INTERNAL_ERROR", alert("The server failed by a fault of its own: see its log.")],
  [
    86,
    "INAPPROPRIATE_FALLBACK",
    meaning("ProtocolVersion", "The server speaks a newer version of TLS than was offered: see `tls.maxVersion`.")
  ],
  [90, "USER_CANCELLED", alert("The server gave up for a reason that has nothing to do with TLS.")],
  [100, "NO_RENEGOTIATION", alert("The server does not renegotiate.")],
  [109, "MISSING_EXTENSION", alert("The server misses an extension of TLS that was not sent.")],
  [110, "UNSUPPORTED_EXTENSION", alert("The server was sent an extension of TLS that it did not ask for.")],
  [111, "CERTIFICATE_UNOBTAINABLE", refusedCertificate("it could not get it from its URL")],
  [
    112,
    "UNRECOGNIZED_NAME",
    known("UnrecognizedName")
  ],
  [113, "BAD_CERTIFICATE_STATUS_RESPONSE", alert("The server found an OCSP response wrong.")],
  [114, "BAD_CERTIFICATE_HASH_VALUE", refusedCertificate("it is another one than was announced")],
  [115, "UNKNOWN_PSK_IDENTITY", alert("The server does not know the pre-shared key.")],
  [
    116,
    "CERTIFICATE_REQUIRED",
    wanted
  ],
  [120, "NO_APPLICATION_PROTOCOL", protocols]
]

const plain = known("NotTls")

const weak = (what: string): Meaning =>
  meaning("WeakCryptography", `The server's TLS is too weak to be safe: ${what}. Its owner must correct that.`)

/**
 * Faults that OpenSSL itself detects, by its names. Any other fault that it names is the peer's:
 * see `explain`.
 */
const complaints: Table = {
  WRONG_VERSION_NUMBER: plain,
  HTTP_REQUEST: plain,
  HTTPS_PROXY_REQUEST: plain,
  PACKET_LENGTH_TOO_LONG: plain,
  NO_PROTOCOLS_AVAILABLE: versions,
  UNSUPPORTED_PROTOCOL: versions,
  UNSUPPORTED_SSL_VERSION: versions,
  WRONG_SSL_VERSION: versions,
  VERSION_TOO_LOW: versions,
  VERSION_TOO_HIGH: versions,
  NO_APPLICATION_PROTOCOL: protocols,
  NO_CIPHERS_AVAILABLE: noCommon,
  NO_SHARED_CIPHER: noCommon,
  WRONG_CIPHER_RETURNED: noCommon,
  UNKNOWN_CIPHER_RETURNED: noCommon,
  NO_SHARED_GROUPS: noCommon,
  NO_SUITABLE_GROUPS: noCommon,
  NO_SUITABLE_KEY_SHARE: noCommon,
  NO_SUITABLE_SIGNATURE_ALGORITHM: noCommon,
  NO_SHARED_SIGNATURE_ALGORITHMS: noCommon,
  WRONG_SIGNATURE_TYPE: noCommon,
  WRONG_CURVE: noCommon,
  DH_KEY_TOO_SMALL: weak("its Diffie-Hellman key is too short"),
  BAD_DH_VALUE: weak("its Diffie-Hellman values are no good"),
  EE_KEY_TOO_SMALL: weak("the key of its certificate is too short"),
  CA_KEY_TOO_SMALL: weak("the key of its authority is too short"),
  CA_MD_TOO_WEAK: weak("its certificate is signed with a broken digest"),
  LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED: weak("it signs with a broken digest"),
  UNSAFE_LEGACY_RENEGOTIATION_DISABLED: weak("it does not renegotiate safely (RFC 5746)"),
  UNEXPECTED_EOF_WHILE_READING: meaning("Closed", "The server closed the connection during the handshake.")
}

/**
 * Returns the text for a server that closed the connection over this TLS version without a reason,
 * before the first byte of its response. node:tls refuses a client's certificate this way. Before
 * TLS 1.3 such a refusal is a failure of the handshake.
 */
export const silentRefusal = (version: string | undefined): string =>
  version === "TLSv1.3"
    ? " With TLS 1.3 it may also be that the server refuses the client's certificate, or wants one, without saying so:"
      + " see `tls.cert` and `tls.key`."
    : ""

const byNumber: ReadonlyMap<number, Meaning> = new Map(alerts.map(([number, , what]) => [number, what]))
const byName: ReadonlyMap<string, Meaning> = new Map(alerts.map(([, name, what]) => [name, what]))

/** Alerts whose names do not say that they are alerts (`ERR_SSL_TLSV1_UNRECOGNIZED_NAME`). */
const unmarked =
  /^TLSV1_(BAD_CERTIFICATE_(?:STATUS_RESPONSE|HASH_VALUE)|CERTIFICATE_UNOBTAINABLE|UNRECOGNIZED_NAME|UNSUPPORTED_EXTENSION)$/

/**
 * OpenSSL's names for alerts in `code`: `SSLV3_ALERT_…`, `TLSV1_ALERT_…`, `TLSV13_ALERT_…`, and
 * since OpenSSL 3.2 `SSL/TLS_ALERT_…`.
 */
const marked = /(?:^|_)ALERT_(\w+)$/

/**
 * Returns OpenSSL's name for the fault. It is in the code. If Node detected the fault while writing
 * (`EPROTO`), it is in the message: `error:0A000410:SSL routines::sslv3 alert handshake failure:`.
 */
const nameOf = (code: string, message: string): string | undefined => {
  if (code.startsWith("ERR_SSL_")) return code.slice(8)
  if (code !== "EPROTO") return undefined
  return /SSL routines:[^:]*:([^:]+)/.exec(message)?.[1]?.trim().toUpperCase().replaceAll(" ", "_")
}

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : ""

/** Returns the meaning of an alert of the peer; `undefined` if the code is not an alert. */
export const explainAlert = (code: string, cause: unknown): Meaning | undefined => {
  const message = messageOf(cause)
  const name = nameOf(code, message)
  if (name === undefined) return undefined
  const found = byName.get((marked.exec(name) ?? unmarked.exec(name))?.[1] ?? "")
  if (found !== undefined) return found
  const number = /SSL alert number (\d+)/.exec(message)?.[1]
  if (number !== undefined) return byNumber.get(Number(number)) ?? alert(`The server sent the alert ${number}.`)
  return marked.test(name) ? alert("The server broke off.") : undefined
}

const brokenTls = known("BrokenTls")

/**
 * Returns the meaning of a code; `undefined` if it is unknown. `chosen` says whether the server had
 * already chosen a cipher. If not, it may have refused because no cipher is common.
 */
export const explain = (code: string, cause: unknown, chosen = true): Meaning | undefined => {
  const said = explainAlert(code, cause)
  if (said !== undefined) return said === wantsCertificate && !chosen ? noCommon : said
  const message = messageOf(cause)
  const name = nameOf(code, message)
  if (name !== undefined) return complaints[name] ?? brokenTls
  // If OpenSSL cannot name what arrived instead of a handshake, it was not TLS. EPROTO means
  // nothing else.
  if (code === "EPROTO") return plain
  return code === "UNSPECIFIED" ? verdictOf(message) : verdicts[code]
}
