/** The settings of a pool: its checked options, with durations as plain numbers. */
import type { ConnectionEvent } from "../../ConnectionEvent.ts"
import type { HttpFields } from "../../HttpFields.ts"
import type * as HttpLeniency from "../../HttpLeniency.ts"
import type * as HttpLimits from "../../HttpLimits.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import type { Origin } from "../../Origin.ts"
import type * as Proxy from "../../Proxy.ts"
import type * as Tls from "../../Tls.ts"
import type { Millis } from "../connection/timeouts.ts"
import type { Target } from "../protocol/target.ts"
import type { Limits } from "./slots.ts"

/** The checked request of a warm origin. */
export interface Greeting {
  readonly request: HttpRequest
  readonly route: { readonly origin: Origin; readonly target: Target; readonly fields: HttpFields }
}

/** An origin that must have idle connections at all times. */
export interface WarmOrigin {
  readonly key: string
  readonly origin: Origin
  readonly minIdle: number
  readonly greeting: Greeting | undefined
}

export interface PoolSettings {
  /** The limits for the decisions of the pool. */
  readonly places: Limits
  readonly warm: ReadonlyArray<WarmOrigin>
  /** True if connections to an address that the resolver no longer returns are closed. */
  readonly drainsGone: boolean
  readonly lifetimeMillis: number
  readonly lifetimeJitter: number
  readonly keepAliveMargin: number
  readonly drainBytes: number
  readonly drainMillis: number
  readonly unreadMillis: number
  readonly unreadGrace: number
  readonly graceMillis: number
  readonly tls: Tls.Input | undefined
  readonly proxy: Proxy.Proxy | Proxy.Settings | undefined
  readonly localAddress: string | undefined
  /** The origins of URLs, each with the same origin that has the options of the pool. */
  readonly origins: WeakMap<Origin, Origin>
  readonly blockSize: number
  readonly timeouts: Millis
  readonly limits: HttpLimits.HttpLimits
  readonly leniency: HttpLeniency.HttpLeniency
  readonly wireTap: boolean
  readonly onEvent: ((event: ConnectionEvent) => void) | undefined
}
