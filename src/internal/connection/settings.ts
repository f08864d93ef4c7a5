/**
 * The settings of a connection, and timeouts and limits in the form that the core uses. These are
 * checked plain numbers, and the values of a request take precedence over those of its connection.
 */
import type * as HttpFields from "../../HttpFields.ts"
import type * as HttpLeniency from "../../HttpLeniency.ts"
import type * as HttpLimits from "../../HttpLimits.ts"
import type * as HttpTimeouts from "../../HttpTimeouts.ts"
import type * as Origin from "../../Origin.ts"
import type { Addresses } from "../../Transport.ts"
import type { CredentialsError } from "../error/connect.ts"
import { InvalidOption } from "../error/request.ts"
import type { HttpTimeout } from "../error/timeout.ts"
import type { Abort, AddressPorts, Caller, Dialer, Host } from "../model/ports.ts"
import { notRecord } from "../options.ts"
import type { ExchangeSettings } from "./errorContext.ts"
import type { EventHub } from "./events.ts"
import type { Millis } from "./timeouts.ts"

/** A tunnel through the proxy that the connection is opened to. */
export interface Tunnel {
  /** The far end of the tunnel. */
  readonly origin: Origin.Origin
  /** Sent to the proxy with CONNECT. */
  readonly fields: HttpFields.HttpFields
}

/** The settings of a connection. */
export interface Settings extends ExchangeSettings {
  readonly host: Host
  readonly dialer: Dialer
  /** How names become addresses; `undefined` if the dialer decides that. */
  readonly addresses: AddressPorts | undefined
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly timeouts: Millis
  readonly limits: HttpLimits.HttpLimits
  readonly leniency: HttpLeniency.HttpLeniency
  /** True if a connection is opened when a request needs one. */
  readonly autoOpen: boolean
  readonly events: EventHub
  /** The options to evaluate before each opening; `undefined` if all options are known. */
  readonly rotation: Rotating | undefined
}

/** Chooses among the addresses of the name that is dialled. */
export interface AddressChoice {
  /** Returns the addresses of the name in the order in which they are to be tried. */
  orderAddresses(answer: Addresses): ReadonlyArray<string>
  /** An address could not be connected to. */
  onAddressFailed(address: string): void
}

/** The way in which a connection reaches its origin. */
export interface Way {
  readonly settings: Settings
  readonly tunnel: Tunnel | undefined
  /** `undefined` if the addresses are tried in the order of the transport. */
  readonly choice?: AddressChoice | undefined
}

/** The result of evaluating the options, or the failure. */
export type Resolved =
  | { readonly _tag: "Resolved"; readonly way: Way }
  | { readonly _tag: "Failed"; readonly error: CredentialsError | HttpTimeout }
  | { readonly _tag: "Died"; readonly defect: unknown }
  | { readonly _tag: "Aborted" }

/** Options that are evaluated before each opening; see `rotation.ts`. */
export interface Rotating {
  /**
   * Evaluates the options on behalf of the caller and within `millis`. `way` has everything else.
   */
  resolve(way: Way, millis: number, caller: Caller, done: (resolved: Resolved) => void): Abort
  /**
   * A connection was opened with these options. Returns true if others may be outdated now. The
   * result of an earlier evaluation makes none outdated.
   */
  opened(way: Way): boolean
  isOutdated(way: Way): boolean
}

/** The target and settings of a connection. It keeps what an opening finds out about its way. */
export interface Traveller extends Way {
  /** Sets the evaluated options. */
  onResolved(way: Way): void
}

/** Returns the origin that requests are for: the far end of the tunnel, if there is one. */
export const originOf = ({ settings, tunnel }: Way): Origin.Origin => tunnel?.origin ?? settings.origin

/** Returns the address that the connection is opened to, if that is not the origin itself. */
export const proxyOf = ({ settings, tunnel }: Way): { readonly host: string; readonly port: number } | undefined =>
  settings.proxy ?? (tunnel === undefined ? undefined : settings.origin)

type Numbers<K extends string> = { readonly [P in K]: number }

/** Merges the options over those of `base`. `read` returns `undefined` for an invalid value. */
const over = <K extends string>(
  group: "limits" | "timeouts",
  options: { readonly [P in K]?: unknown },
  base: Numbers<K>,
  read: (value: unknown) => number | undefined,
  rule: string
): Numbers<K> | InvalidOption => {
  const wrong = notRecord(group, options)
  if (wrong !== undefined) return wrong
  const all: { -readonly [P in K]: number } = { ...base }
  for (const key of Object.keys(base) as Array<K>) {
    const option = options[key]
    if (option === undefined) continue
    const value = read(option)
    if (value === undefined) return new InvalidOption({ option: `${group}.${key}`, reason: rule })
    all[key] = value
  }
  return all
}

/** Returns the timeouts in milliseconds, over those of `base`. */
export const toMillis = (
  timeouts: HttpTimeouts.Options,
  base: Millis,
  host: Pick<Host, "millisOf">
): Millis | InvalidOption =>
  over(
    "timeouts",
    timeouts,
    base,
    (value) => host.millisOf(value),
    `it must be a duration of at least 0, such as 500 or "5 seconds"`
  )

const readLimit = (value: unknown): number | undefined =>
  typeof value === "number" && value >= 0 && (Number.isInteger(value) || value === Infinity) ? value : undefined

/** Returns the limits, over those of `base`. */
export const toLimits = (
  limits: HttpLimits.Options,
  base: HttpLimits.HttpLimits
): HttpLimits.HttpLimits | InvalidOption =>
  over("limits", limits, base, readLimit, "it must be a whole number of at least 0, or Infinity")
