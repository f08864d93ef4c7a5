/**
 * Failures of a SOCKS proxy: it refused, could not reach the server, or does not speak SOCKS.
 *
 * @since 0.2.0
 */
import { tagged, theProxy } from "./base.ts"

/**
 * The reason why a SOCKS proxy opened no connection. The first eight are the replies of SOCKS5 (RFC
 * 1928 section 6), the next three those of SOCKS4.
 *
 * @since 0.2.0
 * @category models
 */
export type SocksReason =
  | "GeneralFailure"
  | "NotAllowed"
  | "NetworkUnreachable"
  | "HostUnreachable"
  | "Refused"
  | "TtlExpired"
  | "CommandNotSupported"
  | "AddressTypeNotSupported"
  | "Rejected"
  | "IdentdUnreachable"
  | "IdentdMismatch"
  /** The proxy accepts neither a client without credentials nor a user name with a password. */
  | "NoMethod"
  /** The bytes of the proxy are not SOCKS, or not of this version. */
  | "NotSocks"
  /** The address or name of the server cannot be sent in this version of SOCKS. */
  | "InvalidTarget"
  /** A reply with a code that no standard defines. */
  | "Other"

const words: { readonly [R in SocksReason]: string } = {
  GeneralFailure: "could not connect: a general failure",
  NotAllowed: "does not allow the connection",
  NetworkUnreachable: "cannot reach the network",
  HostUnreachable: "cannot reach the host",
  Refused: "could not connect: the host refused the connection",
  TtlExpired: "could not connect: the TTL of its packets expired",
  CommandNotSupported: "does not support CONNECT",
  AddressTypeNotSupported: "does not support this kind of address",
  Rejected: "rejected the request, or could not connect",
  IdentdUnreachable: "rejected the request, because it cannot reach the identd of this machine",
  IdentdMismatch: "rejected the request, because the identd of this machine names another user",
  NoMethod: "accepts neither a client without credentials nor a user name with a password",
  NotSocks: "does not answer in SOCKS",
  InvalidTarget: "cannot be asked for this address",
  Other: "refused for a reason that no standard defines"
}

const advice: { readonly [R in SocksReason]: string } = {
  GeneralFailure: "See the log of the proxy.",
  NotAllowed: "Ask its owner whether it may go there.",
  NetworkUnreachable: "Check the network of the proxy.",
  HostUnreachable: "Check the name and the address, as the proxy sees them.",
  Refused: "Check that the server runs, and the port.",
  TtlExpired: "Check the network of the proxy.",
  CommandNotSupported: "Use another proxy.",
  AddressTypeNotSupported: "Try `socks5h`, so that the proxy resolves the name, or an address of the other family.",
  Rejected: "See the log of the proxy, and check the user name.",
  IdentdUnreachable: "Use SOCKS5, or run an identd on this machine.",
  IdentdMismatch: "Give the proxy the user name that identd reports.",
  NoMethod: "Use a proxy with another authentication, such as user name and password.",
  NotSocks: "Check the scheme and the port of the proxy.",
  InvalidTarget:
    "Use `socks5` or `socks5h`: SOCKS4 has neither IPv6 addresses nor 0.0.0.1 to 0.0.0.255, and a name has at most 255 bytes.",
  Other: "See the log of the proxy."
}

/**
 * One address that a SOCKS proxy was asked for, and its reply.
 *
 * @since 0.2.0
 * @category models
 */
export interface SocksAttempt {
  /** `address:port`. */
  readonly target: string
  readonly reason: SocksReason
  /** The code of the reply; `undefined` if there was no readable one. */
  readonly code: number | undefined
}

/**
 * A SOCKS proxy opened no connection to the server: it refused, could not reach it, or does not
 * speak SOCKS. Nothing of the request was sent. If it requires credentials, or refuses the given
 * ones, the error is `ProxyAuthRequired`.
 *
 * @since 0.2.0
 * @category errors of connecting
 */
export class SocksError extends tagged("SocksError", "Remote", "proxy")<{
  readonly version: 4 | 5
  readonly reason: SocksReason
  /** The code of the proxy's reply; `undefined` if it sent no readable one. */
  readonly code: number | undefined
  /** The requested target: `host:port`, or with `socks4` and `socks5` the address. */
  readonly target: string
  /**
   * All addresses of a name that the proxy was asked for, in order, if there are several (`socks4`
   * and `socks5`). The other fields are those of the last one.
   */
  readonly attempts?: ReadonlyArray<SocksAttempt> | undefined
}> {
  override get description(): string {
    const { attempts = [], code, reason, target, version } = this
    const tried = attempts.length > 1
      ? ` It was asked for ${attempts.length} addresses: ${
        attempts.map(({ reason, target }) => `${target} (${reason})`).join(", ")
      }.`
      : ""
    const reply = code === undefined ? `SOCKS${version}` : `SOCKS${version}, code ${code}`
    return `${theProxy(this.context)} ${words[reason]} (${reply}, for ${target}). ${advice[reason]}${tried}`
  }
}
