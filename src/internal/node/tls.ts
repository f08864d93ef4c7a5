/**
 * What `tls.connect` needs to know, made of `Tls.Options`, and what came of a handshake.
 *
 * Opens nothing. Rules: keys and passphrases go to OpenSSL and nowhere else; options that OpenSSL
 * refuses are a typed error; names are checked here, because Node ends the process over some that
 * OpenSSL refuses; the certificate is checked against the name that the caller meant, never against
 * the address that was dialled.
 */
import * as Effect from "effect/Effect"
import { X509Certificate } from "node:crypto"
import * as net from "node:net"
import * as tls from "node:tls"
import type * as Tls from "../../Tls.ts"
import { InvalidUrl } from "../error/request.ts"
import type { TlsError } from "../error/tls.ts"
import { parseHost } from "../syntax/host.ts"
import { invalidTlsOptions, systemError, tlsFailure } from "./errors.ts"

/** Options of `tls.connect` that say nothing of where to connect to. */
export interface Security {
  readonly serverName: string
  readonly offered: ReadonlyArray<string>
  readonly options: tls.ConnectionOptions
}

// Reading certificates and keys is the costly part of a context. Options are immutable and an
// origin keeps its own, so their identity is the key; the map holds nothing alive.
const contexts = new WeakMap<Tls.Options, tls.SecureContext>()

const list = (pem: string | ReadonlyArray<string>): string | Array<string> => typeof pem === "string" ? pem : [...pem]

const contextOf = (options: Tls.Options): tls.SecureContext => {
  const known = contexts.get(options)
  if (known !== undefined) return known
  // Node skips what is no certificate here: the peer would be called untrusted in place of the
  // option being called wrong.
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

/** The name for SNI: no address (RFC 6066 section 3) and no trailing dot. Empty for none. */
const sni = (serverName: string): string =>
  net.isIP(serverName) !== 0 ? "" : serverName.endsWith(".") ? serverName.slice(0, -1) : serverName

/** The host that was meant, in canonical form, or what is wrong with it. */
const parseServerName = (given: unknown): { readonly host: string } | string => {
  if (typeof given !== "string") return "it is not a string"
  const host = parseHost(given)
  return host instanceof InvalidUrl ? host.reason : { host }
}

/**
 * RFC 7301 section 3.1 counts bytes; no registered protocol that is ours to speak has others than
 * these.
 */
const isProtocolName = (name: unknown): boolean => typeof name === "string" && /^[!-~]{1,255}$/.test(name)

/**
 * What is wrong with the names of a certificate. Node throws for some that it cannot read, and the
 * socket calls this, which would end the process.
 */
const checked = (serverName: string, certificate: tls.PeerCertificate): Error | undefined => {
  try {
    return tls.checkServerIdentity(serverName, certificate)
  } catch (thrown) {
    return thrown as Error
  }
}

export const make = (host: string, options: Tls.Options): Effect.Effect<Security, TlsError> => {
  const parsed = parseServerName(options.serverName ?? host)
  if (typeof parsed === "string") {
    return Effect.fail(
      invalidTlsOptions(
        host,
        systemError("ERR_INVALID_SERVER_NAME", `The option "tls.serverName" is not valid: ${parsed}`)
      )
    )
  }
  const serverName = parsed.host
  const offered: ReadonlyArray<string> = options.alpn ?? ["http/1.1"]
  if (!Array.isArray(offered) || !offered.every(isProtocolName)) {
    return Effect.fail(invalidTlsOptions(
      serverName,
      systemError(
        "ERR_INVALID_ALPN",
        `The option "tls.alpn" is not valid: it must be a list of names of 1 to 255 printable ASCII characters`
      )
    ))
  }
  return Effect.try({
    try: () => ({
      serverName,
      offered,
      options: {
        secureContext: contextOf(options),
        servername: sni(serverName),
        // Given always, so that NODE_TLS_REJECT_UNAUTHORIZED in the environment has no say.
        rejectUnauthorized: options.verify !== false,
        checkServerIdentity: (_dialled: string, certificate: tls.PeerCertificate) => checked(serverName, certificate),
        ...(offered.length === 0 ? undefined : { ALPNProtocols: [...offered] })
      }
    }),
    catch: (error) => invalidTlsOptions(serverName, error)
  })
}

/**
 * What was negotiated. That ALPN was offered is asked here, because a protocol nobody asked for
 * would be read as HTTP/1.1.
 */
export const negotiated = (security: Security, socket: tls.TLSSocket): Effect.Effect<Tls.Info, TlsError> => {
  const alpn = typeof socket.alpnProtocol === "string" ? socket.alpnProtocol : undefined
  if (alpn !== undefined && !security.offered.includes(alpn)) {
    return Effect.fail(
      tlsFailure(
        security.serverName,
        "AlpnMismatch",
        "ALPN_MISMATCH",
        "The server chose a protocol that was not offered"
      )
    )
  }
  return Effect.succeed({
    version: socket.getProtocol() ?? "unknown",
    cipher: socket.getCipher()?.name ?? "unknown",
    alpn,
    verified: socket.authorized
  })
}
