/** What codes of OpenSSL and Node mean. What real servers make of them is in `test/node/NodeTransportTls.test.ts`. */
import { assert, describe, it } from "@effect/vitest"
import type { TlsReason } from "../../src/HttpError.ts"
import { TlsError } from "../../src/HttpError.ts"
import { explainAlert } from "../../src/internal/error/tlsCodes.ts"
import { tlsError } from "../../src/internal/error/tlsFailures.ts"

const error = (code: string, message = "") => tlsError("a.test", Object.assign(new Error(message), { code }))

/** All that Node has a code for (`tls.md`, "X509 certificate error codes"). */
const verdicts: ReadonlyArray<readonly [code: string, reason: TlsReason]> = [
  ["UNABLE_TO_GET_ISSUER_CERT", "UntrustedIssuer"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "UntrustedIssuer"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UntrustedIssuer"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "UntrustedIssuer"],
  ["CERT_UNTRUSTED", "UntrustedIssuer"],
  ["CERT_REJECTED", "UntrustedIssuer"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "SelfSigned"],
  ["CERT_NOT_YET_VALID", "CertificateNotYetValid"],
  ["CERT_HAS_EXPIRED", "CertificateExpired"],
  ["HOSTNAME_MISMATCH", "HostnameMismatch"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "HostnameMismatch"],
  ["CERT_REVOKED", "Revoked"],
  ["UNABLE_TO_GET_CRL", "RevocationUnknown"],
  ["UNABLE_TO_DECRYPT_CRL_SIGNATURE", "RevocationUnknown"],
  ["CRL_SIGNATURE_FAILURE", "RevocationUnknown"],
  ["CRL_NOT_YET_VALID", "RevocationUnknown"],
  ["CRL_HAS_EXPIRED", "RevocationUnknown"],
  ["ERROR_IN_CRL_LAST_UPDATE_FIELD", "RevocationUnknown"],
  ["ERROR_IN_CRL_NEXT_UPDATE_FIELD", "RevocationUnknown"],
  ["INVALID_PURPOSE", "WrongPurpose"],
  ["UNABLE_TO_DECRYPT_CERT_SIGNATURE", "InvalidCertificate"],
  ["UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY", "InvalidCertificate"],
  ["CERT_SIGNATURE_FAILURE", "InvalidCertificate"],
  ["ERROR_IN_CERT_NOT_BEFORE_FIELD", "InvalidCertificate"],
  ["ERROR_IN_CERT_NOT_AFTER_FIELD", "InvalidCertificate"],
  ["CERT_CHAIN_TOO_LONG", "InvalidCertificate"],
  ["INVALID_CA", "InvalidCertificate"],
  ["PATH_LENGTH_EXCEEDED", "InvalidCertificate"],
  ["OUT_OF_MEM", "OutOfMemory"]
]

/** Texts of verdicts that Node gives as `UNSPECIFIED`. */
const unspecified: ReadonlyArray<readonly [text: string, reason: TlsReason]> = [
  ["unable to get CRL issuer certificate", "RevocationUnknown"],
  ["different CRL scope", "RevocationUnknown"],
  ["OCSP verification needed", "RevocationUnknown"],
  ["EE certificate key too weak", "WeakCryptography"],
  ["CA signature digest algorithm too weak", "WeakCryptography"],
  ["Suite B: curve not allowed for this LOS", "WeakCryptography"],
  ["IP address mismatch", "HostnameMismatch"],
  ["email address mismatch", "HostnameMismatch"],
  ["subject issuer mismatch", "InvalidCertificate"],
  ["authority and subject key identifier mismatch", "InvalidCertificate"],
  ["unsuitable certificate purpose", "WrongPurpose"],
  ["no matching DANE TLSA records", "UntrustedIssuer"],
  ["unhandled critical extension", "InvalidCertificate"],
  ["permitted subtree violation", "InvalidCertificate"],
  ["Certificate public key has explicit ECC parameters; try something", "InvalidCertificate"]
]

describe("a verdict on a certificate", () => {
  it("has a reason for each of Node's codes, and words of its own", () => {
    for (const [code, reason] of verdicts) assert.strictEqual(error(code).reason, reason, code)
    // Two codes for a host of another name; else none says what another says.
    const words = new Set(verdicts.map(([code]) => error(code).message.replace(code, "")))
    assert.strictEqual(words.size, verdicts.length - 1)
  })

  it("has a reason and OpenSSL's words where Node has no code for it", () => {
    for (const [text, reason] of unspecified) {
      const { message, reason: found } = error("UNSPECIFIED", text)
      assert.strictEqual(found, reason, text)
      assert.include(message, `: ${text.split(";")[0]}.`)
    }
  })

  it("is `Other` where OpenSSL itself has no words for it", () => {
    assert.strictEqual(error("UNSPECIFIED", "unspecified certificate verification error").reason, "Other")
    assert.strictEqual(error("UNSPECIFIED").reason, "Other")
  })

  it("blames this machine where that has no memory left", () => {
    assert.strictEqual(error("OUT_OF_MEM").context.fault, "Local")
    assert.strictEqual(error("CERT_HAS_EXPIRED").context.fault, "Remote")
  })
})

describe("an alert", () => {
  it("is known by all names that OpenSSL has given it, and by its number", () => {
    const unknownCa = error("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA")
    assert.deepInclude(unknownCa, { reason: "ClientCertificate" })
    for (const code of ["ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE", "ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE"]) {
      assert.strictEqual(error(code).reason, "ClientCertificate", code)
    }
    assert.strictEqual(error("ERR_SSL_TLSV1_UNRECOGNIZED_NAME").reason, "UnrecognizedName")
    assert.strictEqual(
      error("ERR_SSL_SOMETHING", "1:error:1:SSL routines::x:f.c:1:SSL alert number 116\n").reason,
      "ClientCertificate"
    )
  })

  it("that nobody has a name for is an alert all the same", () => {
    const numbered = error("ERR_SSL_SOMETHING", "1:error:1:SSL routines::x:f.c:1:SSL alert number 200\n")
    assert.strictEqual(numbered.reason, "Alert")
    assert.include(numbered.message, "The server sent the alert 200.")
    assert.strictEqual(error("ERR_SSL_TLSV1_ALERT_NEW").reason, "Alert")
  })

  it("is none where OpenSSL complains itself, or the system", () => {
    for (const code of ["ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_UNSUPPORTED_EXTENSION", "ECONNRESET", "EPROTO"]) {
      assert.isUndefined(explainAlert(code, new Error("no message of OpenSSL")), code)
    }
  })
})

describe("a complaint of OpenSSL", () => {
  it("has a reason", () => {
    const known: ReadonlyArray<readonly [code: string, reason: TlsReason]> = [
      ["ERR_SSL_PACKET_LENGTH_TOO_LONG", "NotTls"],
      ["ERR_SSL_NO_CIPHERS_AVAILABLE", "NoCommonCipher"],
      ["ERR_SSL_DH_KEY_TOO_SMALL", "WeakCryptography"],
      ["ERR_SSL_UNSAFE_LEGACY_RENEGOTIATION_DISABLED", "WeakCryptography"],
      ["ERR_SSL_UNEXPECTED_EOF_WHILE_READING", "Closed"],
      ["ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "BrokenTls"]
    ]
    for (const [code, reason] of known) assert.strictEqual(error(code).reason, reason, code)
  })

  it("that Node met while it wrote stands in the message", () => {
    const message =
      "write EPROTO 1:error:0A000152:SSL routines:final_renegotiate:unsafe legacy renegotiation disabled:f.c:1:\n"
    assert.strictEqual(error("EPROTO", message).reason, "WeakCryptography")
    assert.include(error("EPROTO", message).message, "RFC 5746")
  })
})

describe("a TlsError that was made with another reason than its code has", () => {
  it("says what its reason says", () => {
    const made = new TlsError({
      reason: "Revoked",
      code: "CERT_HAS_EXPIRED",
      serverName: "a.test",
      names: undefined,
      cause: undefined
    })
    assert.include(made.message, "was revoked")
  })
})
