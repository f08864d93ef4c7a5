/**
 * Pins of certificates (RFC 7469 section 2.4): the SHA-256 of a public key, as `sha256/` and
 * base64.
 *
 * A pin counts if it is that of the server's key, or of an authority whose signature leads to it.
 * Node shows the chain that the server sent, ordered only by the names in it. A server could add
 * the certificate of a pinned authority that has signed nothing of it, so each signature is
 * verified here.
 */
import { createHash, X509Certificate } from "node:crypto"
import type * as tls from "node:tls"
import { systemError } from "../error/systemCodes.ts"

/** Returns the pin of a certificate. */
const pinOf = ({ publicKey }: X509Certificate): string =>
  `sha256/${createHash("sha256").update(publicKey.export({ type: "spki", format: "der" })).digest("base64")}`

/** A number that no verifiable chain reaches. */
const longest = 32

/** Returns the pins of a server's certificate and of those that signed it, the server's first. */
const pinsOf = (certificate: tls.PeerCertificate): ReadonlyArray<string> => {
  let signed = new X509Certificate(certificate.raw)
  const pins = [pinOf(signed)]
  // Only Node's detailed form of a certificate has its issuer.
  let { issuerCertificate: issuer } = certificate as Partial<tls.DetailedPeerCertificate>
  while (issuer !== undefined && pins.length < longest) {
    const signer = new X509Certificate(issuer.raw)
    if (!signer.ca || !signed.checkIssued(signer) || !signed.verify(signer.publicKey)) break
    if (signer.fingerprint256 === signed.fingerprint256) break
    pins.push(pinOf(signer))
    signed = signer
    issuer = issuer.issuerCertificate
  }
  return pins
}

const failure = (pins: ReadonlyArray<string>): Error =>
  Object.assign(systemError("ERR_TLS_PIN_MISMATCH", "No key of the server is one of the pins"), { pins })

/** Returns an error unless one of the pins is wanted. A key that cannot be read has none. */
const compare = (wanted: ReadonlyArray<string>, read: () => ReadonlyArray<string>): Error | undefined => {
  try {
    const found = read()
    return found.some((pin) => wanted.includes(pin)) ? undefined : failure(found)
  } catch {
    return failure([])
  }
}

/** Returns an error with the pins of a verified certificate if none of them is wanted. */
export const mismatch = (wanted: ReadonlyArray<string>, certificate: tls.PeerCertificate): Error | undefined =>
  compare(wanted, () => pinsOf(certificate))

/**
 * Returns the same for a server whose certificate was not verified. Only its own key counts,
 * because it has proven that one.
 */
export const leafMismatch = (wanted: ReadonlyArray<string>, socket: tls.TLSSocket): Error | undefined =>
  compare(wanted, () => {
    const certificate = socket.getPeerX509Certificate()
    return certificate === undefined ? [] : [pinOf(certificate)]
  })
