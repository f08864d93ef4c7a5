/**
 * All timeouts. They share one tag and differ in `kind`.
 *
 * @since 0.1.0
 */
import { tagged } from "./base.ts"
import type { ConnectAttempt } from "./connect.ts"
import { listAttempts } from "./systemCodes.ts"

/**
 * The timeout of `HttpTimeouts` that expired.
 *
 * @since 0.1.0
 * @category models
 */
export type TimeoutKind =
  | "pool"
  | "dns"
  | "connect"
  | "tls"
  | "proxy"
  | "write"
  | "continue"
  | "head"
  | "bodyIdle"
  | "total"

const doing: { readonly [K in TimeoutKind]: string } = {
  pool: "waiting for a connection of the pool",
  dns: "resolving the host name",
  connect: "opening the TCP connection",
  tls: "the TLS handshake",
  proxy: "waiting for the proxy to open the tunnel",
  write: "waiting for the server to take more of the request",
  continue: "waiting for 100 (Continue)",
  head: "waiting for the head of the response",
  bodyIdle: "waiting for more of the body",
  total: "the whole exchange"
}

/** The same for a proxy, during the connect to it or while it forwards. */
const ofProxy: { readonly [K in TimeoutKind]?: (proxy: string) => string } = {
  dns: (proxy) => `resolving the host name of ${proxy}`,
  connect: (proxy) => `opening the TCP connection to ${proxy}`,
  tls: (proxy) => `the TLS handshake with ${proxy}`,
  proxy: (proxy) => `waiting for ${proxy} to open the tunnel`,
  write: (proxy) => `waiting for ${proxy} to take more of the request`
}

/**
 * A time limit of `HttpTimeouts` expired. The connection has been closed.
 *
 * @since 0.1.0
 * @category errors of time
 */
export class HttpTimeout extends tagged("HttpTimeout", "Network", "state")<{
  readonly kind: TimeoutKind
  /** The limit, in milliseconds. */
  readonly millis: number
  /** The bytes of a body collected so far; see `IncompleteRead`. */
  readonly partial?: Uint8Array | undefined
  /** The addresses that were being tried or had failed, if the kind is `connect`. */
  readonly attempts?: ReadonlyArray<ConnectAttempt> | undefined
  /** The option whose Effect did not return in time, if the kind is `connect`. */
  readonly option?: "tls" | "proxy.credentials" | undefined
}> {
  override get description(): string {
    if (this.option !== undefined) {
      const { kind, millis, option } = this
      return `Timed out after ${millis} ms in waiting for the Effect of the option ${JSON.stringify(option)} `
        + `(the limit is \`timeouts.${kind}\`).`
    }
    const { peer, proxy } = this.context
    const whose = peer !== "Proxy"
      ? undefined
      : ofProxy[this.kind]?.(proxy === undefined ? "the proxy" : `the proxy ${proxy}`)
    const { attempts = [], kind, millis } = this
    const tried = attempts.length === 0 ? "" : ` Tried: ${listAttempts(attempts)}.`
    return `Timed out after ${millis} ms in ${whose ?? doing[kind]} (the limit is \`timeouts.${kind}\`).${tried}`
  }
}
