/** Timeouts and other settings in the form that the connection uses: plain numbers, those of the request over those of the connection. */
import * as Duration from "effect/Duration"
import type * as HttpTimeouts from "../../HttpTimeouts.ts"

/** `HttpTimeouts` in milliseconds; `Infinity` for none. */
export type Millis = { readonly [K in keyof HttpTimeouts.HttpTimeouts]: number }

/** The timeouts in milliseconds, over those of `base`. */
export const toMillis = (timeouts: Partial<HttpTimeouts.HttpTimeouts>, base: Millis): Millis => {
  const millis: { -readonly [K in keyof Millis]: number } = { ...base }
  for (const key of Object.keys(base) as Array<keyof Millis>) {
    const timeout = timeouts[key]
    if (timeout !== undefined) millis[key] = Duration.toMillis(timeout)
  }
  return millis
}

/** No timeout at all. */
export const noTimeouts: Millis = {
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
