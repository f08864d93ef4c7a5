/**
 * Creates options of `tls.connect` from `Tls.Options`, and reads the result of a handshake.
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
import { invalidTlsOptions, tlsError, tlsFailure } from "../error/tlsFailures.ts"
import { isBase64, isPins } from "../model/tlsOptions.ts"
import { parseHost } from "../syntax/host.ts"
import { leafMismatch, mismatch } from "./pins.ts"
import { accept, endOf, follow, sessionsOf, Visit } from "./sessions.ts"

/** Options of `tls.connect`, except the destination. */
export interface Security {
  readonly serverName: string
  readonly offered: ReadonlyArray<string>
  readonly options: tls.ConnectionOptions
  /** The options of the caller. */
  readonly given: Tls.Options
  /** The expiry of the verified chain, in milliseconds since the epoch. */
  chainEnd: number
}

// Most of the cost of a context is reading its certificates and keys. Options are immutable and an
// origin keeps its own, so the map is keyed by their identity. It keeps nothing alive.
const contexts = new WeakMap<Tls.Options, tls.SecureContext>()

/** Returns the authorities of the operating system. Not in the types of Node 20. */
const systemAuthorities = (): ReadonlyArray<string> => {
  const { getCACertificates } = tls as { readonly getCACertificates?: (type: "system") => ReadonlyArray<string> }
  if (getCACertificates !== undefined) return getCACertificates("system")
  const message = `The option "tls.caSystem" needs Node 22.15, 23.10 or 24, and this is Node ${process.versions.node}`
  throw systemError("ERR_FEATURE_UNAVAILABLE_ON_PLATFORM", message)
}

/** Returns the authorities to trust; `undefined` for those of Node. */
const authoritiesOf = ({ ca, caSystem }: Tls.Options): Array<string> | undefined => {
  if (caSystem !== true) return ca === undefined ? undefined : [ca].flat()
  return [...systemAuthorities(), ...(ca === undefined ? [] : [ca].flat())]
}

const contextOf = (options: Tls.Options): tls.SecureContext => {
  const known = contexts.get(options)
  if (known !== undefined) return known
  // Node skips an entry that is not a certificate. The handshake would then fail for an untrusted
  // peer, although the option is wrong.
  for (const pem of options.ca === undefined ? [] : [options.ca].flat()) new X509Certificate(pem)
  const { cert, ciphers, crl, ecdhCurve, key, passphrase, pfx, sigalgs } = options
  const ca = authoritiesOf(options)
  const made = tls.createSecureContext({
    minVersion: options.minVersion ?? "TLSv1.2",
    maxVersion: options.maxVersion ?? "TLSv1.3",
    ...(ca === undefined ? undefined : { ca }),
    ...(cert === undefined ? undefined : { cert }),
    ...(key === undefined ? undefined : { key }),
    ...(passphrase === undefined ? undefined : { passphrase }),
    ...(pfx === undefined ? undefined : { pfx: Buffer.from(pfx, "base64") }),
    ...(crl === undefined ? undefined : { crl: [crl].flat() }),
    ...(ciphers === undefined ? undefined : { ciphers }),
    ...(ecdhCurve === undefined ? undefined : { ecdhCurve }),
    ...(sigalgs === undefined ? undefined : { sigalgs })
  })
  contexts.set(options, made)
  return made
}

/**
 * Returns the name for SNI: never an address (RFC 6066 section 3), and without the trailing dot.
 * Empty for none.
 */
const sni = (serverName: string): string =>
  net.isIP(serverName) !== 0 ? "" : serverName.endsWith(".") ? serverName.slice(0, -1) : serverName

/** Returns the host in canonical form, or its fault. */
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

/** Returns the fault of options that OpenSSL does not see. */
const fault = ({ alpn, keylog, pfx, pins }: Tls.Options): Error | undefined =>
  alpn !== undefined && !(Array.isArray(alpn) && alpn.every(isProtocolName))
    ? systemError(
      "ERR_INVALID_ALPN",
      `The option "tls.alpn" is not valid: it must be a list of names of 1 to 255 printable ASCII characters`
    )
    : pins !== undefined && !isPins(pins)
    ? systemError("ERR_INVALID_PINS", `The option "tls.pins" is not valid: it must be a list of sha256/ and base64`)
    : pfx !== undefined && !isBase64(pfx)
    ? systemError("ERR_INVALID_PFX", `The option "tls.pfx" is not valid: it must be base64`)
    : keylog !== undefined && typeof keylog !== "function"
    ? systemError("ERR_INVALID_KEYLOG", `The option "tls.keylog" is not valid: it must be a function`)
    : undefined

/**
 * Returns the fault of the certificate: its names first, then its pins. Node throws for some names
 * that it cannot read. It calls this from the socket, so a throw here would end the process.
 */
const checked = (
  { given: { pins }, serverName }: Pick<Security, "given" | "serverName">,
  certificate: tls.PeerCertificate
): Error | undefined => {
  try {
    const wrong = tls.checkServerIdentity(serverName, certificate)
    return wrong === undefined && pins !== undefined ? mismatch(pins, certificate) : wrong
  } catch (thrown) {
    return thrown as Error
  }
}

/** Creates the options for a host, or fails if OpenSSL would refuse them. */
export const make = (host: string, given: Tls.Options): Security | TlsError => {
  const parsed = parseServerName(given.serverName ?? host)
  if (typeof parsed === "string") {
    return invalidTlsOptions(
      host,
      systemError("ERR_INVALID_SERVER_NAME", `The option "tls.serverName" is not valid: ${parsed}`)
    )
  }
  const serverName = parsed.host
  const wrong = fault(given)
  if (wrong !== undefined) return invalidTlsOptions(serverName, wrong)
  const offered: ReadonlyArray<string> = given.alpn ?? ["http/1.1"]
  try {
    const security: Security = {
      serverName,
      offered,
      given,
      chainEnd: 0,
      options: {
        secureContext: contextOf(given),
        servername: sni(serverName),
        // Always given, so that NODE_TLS_REJECT_UNAUTHORIZED in the environment has no effect.
        rejectUnauthorized: given.verify !== false,
        checkServerIdentity: (_dialled: string, certificate: tls.PeerCertificate) => {
          security.chainEnd = endOf(certificate)
          return checked(security, certificate)
        },
        ...(offered.length === 0 ? undefined : { ALPNProtocols: [...offered] })
      }
    }
    return security
  } catch (error) {
    return invalidTlsOptions(serverName, error)
  }
}

let keylogWarned = false

/** Passes a line of secrets to the caller, whose error must not end the process. */
const logKeys = (keylog: (line: string) => void, line: Buffer): void => {
  try {
    keylog(line.toString("latin1"))
  } catch (error) {
    if (keylogWarned) return
    keylogWarned = true
    process.emitWarning(`The option "tls.keylog" threw ${error instanceof Error ? error.name : typeof error}`)
  }
}

/**
 * Creates the socket, and starts the handshake as soon as the socket below is connected. `place`
 * names the server, for the sessions that are resumed.
 */
export const connect = (
  { given, options, serverName }: Security,
  below: tls.ConnectionOptions,
  place: string
): tls.TLSSocket => {
  const { keylog } = given
  const sessions = sessionsOf(given)
  const visit = sessions && new Visit(sessions, `${serverName} ${place}`)
  // In a channel that is already open, the handshake starts within `tls.connect`.
  const isConnected = below.socket !== undefined
  const session = isConnected ? visit?.offer() : undefined
  const socket = tls.connect({ ...below, ...options, ...(session === undefined ? undefined : { session }) })
  if (keylog !== undefined) socket.on("keylog", (line: Buffer) => logKeys(keylog, line))
  if (visit !== undefined) follow(socket, visit, isConnected)
  return socket
}

/**
 * Returns the result of the handshake. Fails for a protocol that was not offered, because it would
 * be read as HTTP/1.1.
 */
export const negotiated = (security: Security, socket: tls.TLSSocket): Tls.Info | TlsError => {
  const { given: { pins, verify }, offered, serverName } = security
  const alpn = typeof socket.alpnProtocol === "string" ? socket.alpnProtocol : undefined
  if (alpn !== undefined && !offered.includes(alpn)) {
    return tlsFailure(serverName, "AlpnMismatch", "ALPN_MISMATCH", "The server chose a protocol that was not offered")
  }
  // Node ignores faults of the certificate if it is not to be verified.
  const wrong = verify === false && pins !== undefined ? leafMismatch(pins, socket) : undefined
  if (wrong !== undefined) return tlsError(serverName, wrong)
  accept(socket, security.chainEnd)
  return {
    version: socket.getProtocol() ?? "unknown",
    cipher: socket.getCipher()?.name ?? "unknown",
    alpn,
    verified: socket.authorized,
    resumed: socket.isSessionReused()
  }
}
