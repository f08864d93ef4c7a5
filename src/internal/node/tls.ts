/**
 * Makes options of `tls.connect` out of `Tls.Options`, and reads the result of a handshake.
 *
 * Opens nothing. Keys and passphrases go to OpenSSL and nowhere else. Options that OpenSSL refuses
 * are a typed error. Names are checked here, because some that OpenSSL refuses make Node end the
 * process. The certificate is checked against the name that the caller meant, never against the
 * address that was dialled.
 */
import { X509Certificate } from "node:crypto"
import * as net from "node:net"
import * as tls from "node:tls"
import type * as Tls from "../../Tls.ts"
import { InvalidUrl } from "../error/request.ts"
import { systemError } from "../error/systemCodes.ts"
import type { TlsError } from "../error/tls.ts"
import { invalidTlsOptions, tlsFailure } from "../error/tlsFailures.ts"
import { parseHost } from "../syntax/host.ts"

/** Options of `tls.connect`, without those that say where to connect to. */
export interface Security {
  readonly serverName: string
  readonly offered: ReadonlyArray<string>
  readonly options: tls.ConnectionOptions
}

// Most of the cost of a context is to read its certificates and keys. Options are immutable and an
// origin keeps its own, so the map is keyed by their identity. It keeps nothing alive.
const contexts = new WeakMap<Tls.Options, tls.SecureContext>()

const list = (pem: string | ReadonlyArray<string>): string | Array<string> => typeof pem === "string" ? pem : [...pem]

const contextOf = (options: Tls.Options): tls.SecureContext => {
  const known = contexts.get(options)
  if (known !== undefined) return known
  // Node skips an entry that is not a certificate. The handshake would then fail for an untrusted
  // peer, although the option is wrong.
  for (const pem of options.ca === undefined ? [] : [options.ca].flat()) new X509Certificate(pem)
  const made = tls.createSecureContext({
    minVersion: options.minVersion ?? "TLSv1.2",
    maxVersion: options.maxVersion ?? "TLSv1.3",
    ...(options.ca === undefined ? undefined : { ca: list(options.ca) }),
    ...(options.cert === undefined ? undefined : { cert: options.cert }),
    ...(options.key === undefined ? undefined : { key: options.key }),
    ...(options.passphrase === undefined ? undefined : { passphrase: options.passphrase }),
    ...(options.crl === undefined ? undefined : { crl: list(options.crl) }),
    ...(options.ciphers === undefined ? undefined : { ciphers: options.ciphers })
  })
  contexts.set(options, made)
  return made
}

/**
 * The name for SNI: never an address (RFC 6066 section 3), and without the trailing dot. Empty for
 * none.
 */
const sni = (serverName: string): string =>
  net.isIP(serverName) !== 0 ? "" : serverName.endsWith(".") ? serverName.slice(0, -1) : serverName

/** Returns the host in canonical form, or what is wrong with it. */
const parseServerName = (given: unknown): { readonly host: string } | string => {
  if (typeof given !== "string") return "it is not a string"
  const host = parseHost(given)
  return host instanceof InvalidUrl ? host.reason : { host }
}

/**
 * True for 1 to 255 printable ASCII characters. RFC 7301 section 3.1 counts bytes, but every
 * registered protocol that this library could speak has such a name.
 */
const isProtocolName = (name: unknown): boolean => typeof name === "string" && /^[!-~]{1,255}$/.test(name)

/**
 * Returns what is wrong with the names of a certificate. Node throws for some names that it cannot
 * read. It calls this from the socket, so what is thrown here would end the process.
 */
const checked = (serverName: string, certificate: tls.PeerCertificate): Error | undefined => {
  try {
    return tls.checkServerIdentity(serverName, certificate)
  } catch (thrown) {
    return thrown as Error
  }
}

/** Makes the options for a host, or fails if OpenSSL would refuse them. */
export const make = (host: string, options: Tls.Options): Security | TlsError => {
  const parsed = parseServerName(options.serverName ?? host)
  if (typeof parsed === "string") {
    return invalidTlsOptions(
      host,
      systemError("ERR_INVALID_SERVER_NAME", `The option "tls.serverName" is not valid: ${parsed}`)
    )
  }
  const serverName = parsed.host
  const offered: ReadonlyArray<string> = options.alpn ?? ["http/1.1"]
  if (!Array.isArray(offered) || !offered.every(isProtocolName)) {
    return invalidTlsOptions(
      serverName,
      systemError(
        "ERR_INVALID_ALPN",
        `The option "tls.alpn" is not valid: it must be a list of names of 1 to 255 printable ASCII characters`
      )
    )
  }
  try {
    return {
      serverName,
      offered,
      options: {
        secureContext: contextOf(options),
        servername: sni(serverName),
        // Always given, so that NODE_TLS_REJECT_UNAUTHORIZED in the environment has no effect.
        rejectUnauthorized: options.verify !== false,
        checkServerIdentity: (_dialled: string, certificate: tls.PeerCertificate) => checked(serverName, certificate),
        ...(offered.length === 0 ? undefined : { ALPNProtocols: [...offered] })
      }
    }
  } catch (error) {
    return invalidTlsOptions(serverName, error)
  }
}

/**
 * Returns what was negotiated. Fails for a protocol that was not offered, because it would be read
 * as HTTP/1.1.
 */
export const negotiated = (security: Security, socket: tls.TLSSocket): Tls.Info | TlsError => {
  const alpn = typeof socket.alpnProtocol === "string" ? socket.alpnProtocol : undefined
  if (alpn !== undefined && !security.offered.includes(alpn)) {
    return tlsFailure(
      security.serverName,
      "AlpnMismatch",
      "ALPN_MISMATCH",
      "The server chose a protocol that was not offered"
    )
  }
  return {
    version: socket.getProtocol() ?? "unknown",
    cipher: socket.getCipher()?.name ?? "unknown",
    alpn,
    verified: socket.authorized
  }
}
