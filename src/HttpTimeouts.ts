/**
 * All timeouts of a request, in one record. They run on Effect's `Clock`. A timeout that expires
 * closes the connection and is an `HttpTimeout` with its `kind`.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"

/**
 * The timeouts. `Duration.infinity` (or the number `Infinity`) turns one off.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpTimeouts {
  /**
   * The wait for a free connection of a pool; a standalone connection has no such wait. Default: 30
   * seconds.
   */
  readonly pool: Duration.DurationInput
  /** The lookup of the host name. Default: 10 seconds. */
  readonly dns: Duration.DurationInput
  /**
   * The opening of the TCP connection, all addresses together. Before that, and each separately, an
   * Effect for `tls` and one for the credentials of a proxy. Default: 10 seconds.
   */
  readonly connect: Duration.DurationInput
  /** The TLS handshake: with the server, and again with a proxy over TLS. Default: 10 seconds. */
  readonly tls: Duration.DurationInput
  /** The wait for the proxy's response to CONNECT, or the whole of SOCKS. Default: 30 seconds. */
  readonly proxy: Duration.DurationInput
  /**
   * The time in which the server accepts none of the pending bytes. Restarts with each piece that
   * it accepts. Default: 60 seconds.
   */
  readonly write: Duration.DurationInput
  /** The wait for 100 (Continue). When it expires, the body is sent. Default: 1 second. */
  readonly continue: Duration.DurationInput
  /** The time from the last byte of the request to the final head. Default: 5 minutes. */
  readonly head: Duration.DurationInput
  /** The time without a byte of the body while a reader is waiting for one. Default: 5 minutes. */
  readonly bodyIdle: Duration.DurationInput
  /** The whole exchange, from `execute` (or `endHeaders`) to the end of the body. Default: none. */
  readonly total: Duration.DurationInput
}

/**
 * Some of the timeouts. One that is missing or `undefined` is unchanged.
 *
 * @since 0.2.0
 * @category models
 */
export type Options = { readonly [K in keyof HttpTimeouts]?: HttpTimeouts[K] | undefined }

/**
 * The defaults.
 *
 * @since 0.1.0
 * @category constructors
 */
export const defaults: HttpTimeouts = {
  pool: Duration.seconds(30),
  dns: Duration.seconds(10),
  connect: Duration.seconds(10),
  tls: Duration.seconds(10),
  proxy: Duration.seconds(30),
  write: Duration.seconds(60),
  continue: Duration.seconds(1),
  head: Duration.minutes(5),
  bodyIdle: Duration.minutes(5),
  total: Duration.infinity
}

/**
 * Returns the defaults with some of them replaced; `undefined` keeps the default.
 *
 * Checks nothing. A connection or request fails with `InvalidOption` before anything is sent if a
 * timeout is not a duration of at least 0.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (timeouts: Options): HttpTimeouts => ({
  ...defaults,
  ...Object.fromEntries(Object.entries(timeouts ?? {}).filter(([, value]) => value !== undefined))
})
