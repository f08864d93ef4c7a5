/** Timeouts as the core computes with them. */
import type * as HttpTimeouts from "../../HttpTimeouts.ts"

/** `HttpTimeouts` in milliseconds; `Infinity` for none. */
export type Millis = { readonly [K in keyof HttpTimeouts.HttpTimeouts]: number }

/** No timeout at all. */
export const noTimeouts: Millis = {
  pool: Infinity,
  dns: Infinity,
  connect: Infinity,
  tls: Infinity,
  proxy: Infinity,
  write: Infinity,
  continue: Infinity,
  head: Infinity,
  bodyIdle: Infinity,
  total: Infinity
}
