/**
 * Failures of opening a connection: DNS, TCP or unix socket, TLS, proxy.
 *
 * @since 0.1.0
 */
import type * as HttpFields from "../../HttpFields.ts"
import type { ProxyStatus } from "../model/proxyStatus.ts"
import { fromFields } from "../model/proxyStatus.ts"
import type { Rule } from "../model/specialAddresses.ts"
import { parseChallenges } from "../syntax/challenges.ts"
import { excerpt, nameOf, tagged, theProxy } from "./base.ts"
import { reported } from "./proxyStatus.ts"
import { InvalidOption } from "./request.ts"
import { listAttempts, ofCassette } from "./systemCodes.ts"

/**
 * Failures of a SOCKS proxy: `SocksError`.
 *
 * @since 0.2.0
 * @category errors of connecting
 */
export * from "./socks.ts"

/**
 * The kind of failure that a resolver reported.
 *
 * @since 0.1.0
 * @category models
 */
export type DnsReason = "NotFound" | "Temporary" | "NoData" | "Other"

/**
 * The host name could not be resolved: `socket.gaierror`.
 *
 * @since 0.1.0
 * @category errors of connecting
 */
export class DnsError extends tagged("DnsError", "Network", "dns")<{
  readonly host: string
  readonly reason: DnsReason
  /** The system's code, such as `ENOTFOUND` or `EAI_AGAIN`. */
  readonly code: string
  readonly cause: unknown
}> {
  override get description(): string {
    const advice = this.reason === "NotFound"
      ? "There is no such name: check its spelling."
      : this.reason === "Temporary"
      ? "The resolver did not answer: try again, or check the network."
      : "Check the name and the resolver."
    const whose = this.context.peer === "Proxy" ? " of the proxy" : ""
    return `The host name ${JSON.stringify(this.host)}${whose} could not be resolved (${this.code}). ${advice}`
  }
}

/**
 * The kind of failure that the system reported for a connect.
 *
 * @since 0.1.0
 * @category models
 */
export type ConnectReason =
  | "Refused"
  | "Unreachable"
  | "Reset"
  | "TimedOut"
  | "AddressNotAvailable"
  | "TooManyFiles"
  | "PermissionDenied"
  | "NoEntry"
  | "PathTooLong"
  | "NotSupported"
  | "Other"

/**
 * One address that was tried.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectAttempt {
  readonly address: string
  readonly port: number | undefined
  /** The system's code; `ETIMEDOUT` if there was no answer when `timeouts.connect` expired. */
  readonly code: string
  /**
   * The system's error. Not enumerable, as the cause of an error, so `toJSON` shows only the code.
   */
  readonly cause?: unknown
}

const connectAdvice: { readonly [K in ConnectReason]: string } = {
  Refused: "Nothing listens there: check that the server runs, and the port.",
  Unreachable: "There is no route: check the network.",
  Reset: "The other side closed while the connection was being opened.",
  TimedOut: "The system gave up waiting: the host may be down, or a firewall drops what is sent to it.",
  AddressNotAvailable: "The local address is not one of this machine.",
  TooManyFiles: "This process has too many files open: close connections, or raise its limit.",
  PermissionDenied: "This process may not connect there.",
  NoEntry: "There is no such socket file.",
  PathTooLong: "A socket path has at most 108 bytes on Linux and 104 on macOS: use a shorter one, or a link to it.",
  NotSupported: "Abstract unix sockets need Linux, and Node.js 22 or newer.",
  Other: "See `cause`."
}

/**
 * The connection could not be opened: `ConnectionRefusedError`, `OSError`.
 *
 * @since 0.1.0
 * @category errors of connecting
 */
export class ConnectError extends tagged("ConnectError", "Network", "connect")<{
  readonly reason: ConnectReason
  readonly code: string
  /** The destination: `host:port` or a socket path. */
  readonly target: string
  /** Every address that was tried, in order. */
  readonly attempts: ReadonlyArray<ConnectAttempt>
  readonly cause: unknown
}> {
  override get description(): string {
    const { attempts, code, reason, target } = this
    const played = ofCassette(code, this.cause)
    if (played !== undefined) return played
    const tried = attempts.length > 1
      ? ` All ${attempts.length} addresses were tried: ${listAttempts(attempts)}.`
      : ""
    const what = this.context.peer === "Proxy" ? "the proxy " : ""
    const length = reason === "PathTooLong" ? `It has ${new TextEncoder().encode(target).length} bytes. ` : ""
    return `Could not connect to ${what}${target} (${code}). ${length}${connectAdvice[reason]}${tried}`
  }
}

/** The kinds of refused addresses, in the words of messages. */
const refusedKinds: { readonly [K in Exclude<Rule, "Deny">]: string } = {
  Benchmarking: "an address for benchmarks",
  Broadcast: "the broadcast address",
  DiscardOnly: "an address whose packets are discarded",
  Documentation: "an address for documentation",
  Ipv4Compatible: "an IPv6 address that stands for an IPv4 address",
  Ipv4Mapped: "an IPv6 address that stands for an IPv4 address",
  Ipv4Translated: "an IPv6 address that stands for an IPv4 address",
  Isatap: "an IPv6 address that leads to an IPv4 address (ISATAP)",
  LinkLocal: "a link-local address",
  Loopback: "a loopback address",
  Metadata: "the metadata service of a cloud",
  Multicast: "a multicast address",
  Nat64: "an IPv6 address that leads to an IPv4 address (NAT64)",
  NotAnAddress: "no IP address",
  Private: "a private address",
  ProtocolAssignment: "an address of a protocol",
  Reserved: "a reserved address",
  Shared: "an address of a provider's own network",
  SiteLocal: "a site-local address",
  SixToFour: "an address that leads to an IPv4 address (6to4)",
  Teredo: "an IPv6 address that leads to an IPv4 address (Teredo)",
  ThisNetwork: "an address of this machine's network",
  UniqueLocal: "a unique local address",
  Unspecified: "the unspecified address",
  Zone: "an address with a zone id, which no public address has"
}

/**
 * The policy for addresses (`AddressPolicy`) refuses the address. Nothing was sent to it. If the
 * name has several addresses, the policy refuses all of them, and this is the first.
 *
 * Do not show it to the users who chose the URL, because it says what the name leads to.
 *
 * @since 0.2.0
 * @category errors of connecting
 */
export class AddressRefused extends tagged("AddressRefused", "User", "connect")<{
  /** The host of the request: a name, or the address itself. */
  readonly host: string
  readonly address: string
  readonly port: number
  /** The kind of range that the address is in; `Deny` for one of `deny`. */
  readonly rule: Rule
  /** The range in CIDR notation; `undefined` if the rule has no range. */
  readonly range: string | undefined
}> {
  override get description(): string {
    const { address, host, range, rule } = this
    const whose = host === address ? "" : ` of ${JSON.stringify(host)}`
    const inRange = range === undefined ? "" : ` (${range})`
    const [why, advice] = rule === "Deny"
      ? [`\`deny\` of the policy has it${inRange}`, "If it may be reached, take it out of `deny`."]
      : [
        `it is ${refusedKinds[rule]}${inRange}`,
        rule === "NotAnAddress"
          ? "Check what the resolver returns."
          : rule === "Ipv4Mapped"
          ? "Use the IPv4 address itself."
          : rule === "Metadata"
          ? "If it may be reached, add this very address to `allow` of `AddressPolicy.make`."
          : "If it may be reached, add it to `allow` of `AddressPolicy.make`."
      ]
    return `The address ${address}${whose} was refused by the address policy, because ${why}. ${advice}`
  }
}

/**
 * The proxy refused to open the tunnel: `OSError("Tunnel connection failed: ...")`.
 *
 * The error keeps the head of its response and the beginning of the body.
 *
 * @since 0.1.0
 * @category errors of connecting
 */
export class ProxyConnectError extends tagged("ProxyConnectError", "Remote", "proxy")<{
  readonly status: number
  readonly reason: string
  readonly fields: HttpFields.HttpFields
  readonly bodyPrefix: Uint8Array
}> {
  /**
   * The reports of the proxies and gateways on the way (RFC 9209), the one nearest to the origin
   * server first. The first that reports an error is in the message. Empty without a Proxy-Status
   * field.
   *
   * @since 0.2.0
   */
  get proxyStatus(): ReadonlyArray<ProxyStatus> {
    return fromFields(this.fields)
  }
  override get description(): string {
    return `${theProxy(this.context)} refused to open the tunnel: ${this.status}${
      this.reason === "" ? "" : ` ${excerpt(this.reason)}`
    }.`
      + reported(this.proxyStatus)
      + (this.bodyPrefix.length === 0 ? "" : " What it said about that begins in `bodyPrefix`.")
  }
}

/**
 * The proxy requires credentials, or refuses the given ones. It is a 407 for a tunnel or for a
 * request to forward, or a failed authentication of SOCKS5. The server has not received the
 * request.
 *
 * @since 0.1.0
 * @category errors of connecting
 */
export class ProxyAuthRequired extends tagged("ProxyAuthRequired", "User", "proxy")<{
  /**
   * The Proxy-Authenticate values, which `Challenge.parse` reads. None, as there are no fields and
   * no body, if `socks` is set.
   */
  readonly challenges: ReadonlyArray<string>
  readonly fields: HttpFields.HttpFields
  readonly bodyPrefix: Uint8Array
  /**
   * Set for a SOCKS5 proxy: `Required` if it was given no credentials, `Refused` if it does not
   * accept the given ones.
   */
  readonly socks?: "Required" | "Refused" | undefined
}> {
  override get description(): string {
    if (this.socks === "Refused") {
      return `${theProxy(this.context)} refused the credentials (SOCKS5). Check the \`credentials\` of the proxy.`
    }
    if (this.socks === "Required") {
      return `${
        theProxy(this.context)
      } wants credentials (SOCKS5). Give the proxy its \`credentials\` (\`Proxy.make\`).`
    }
    const schemes = parseChallenges(this.challenges).map(({ scheme }) => scheme)
    // Its credentials are for Basic, so they would not help.
    return schemes.length > 0 && !schemes.includes("basic")
      ? `${theProxy(this.context)} wants credentials (407) of another scheme than Basic: ${
        excerpt(schemes.join(", "))
      }. Give the tunnel a Proxy-Authorization field with them.`
      : `${
        theProxy(this.context)
      } wants credentials (407). Give the proxy its \`credentials\` (\`Proxy.make\`), or the tunnel a `
        + "Proxy-Authorization field."
  }
}

/**
 * An option that is an Effect, such as `tls`, could not be used for a new connection. The Effect
 * failed, or its result is invalid. Nothing was opened.
 *
 * @since 0.2.0
 * @category errors of connecting
 */
export class CredentialsError extends tagged("CredentialsError", "User", "connect")<{
  /** The option that is an Effect. */
  readonly option: "tls" | "proxy.credentials"
  /** The error of the Effect, unchanged; an `InvalidOption` if its result is not valid. */
  readonly cause: unknown
}> {
  override get description(): string {
    const { cause, option } = this
    return cause instanceof InvalidOption
      ? `The Effect of the option "${option}" returned what cannot be used: ${cause.description}`
      : `The Effect of the option "${option}" failed with ${nameOf(cause)}; see \`cause\`. `
        + "Let it fail only if no connection can be opened without its result."
  }
}
