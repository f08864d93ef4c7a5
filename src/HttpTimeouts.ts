/**
 * Every timeout of a request, in one record. All run on Effect's `Clock`; a breach is `HttpTimeout`
 * with its `kind` and closes the connection.
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
   * Waiting for a free connection of a pool; a connection on its own waits for none. Default: 30
   * seconds.
   */
  readonly pool: Duration.DurationInput
  /** Resolving the host name. Default: 10 seconds. */
  readonly dns: Duration.DurationInput
  /** Opening the TCP connection, all addresses together. Default: 10 seconds. */
  readonly connect: Duration.DurationInput
  /** The TLS handshake. Default: 10 seconds. */
  readonly tls: Duration.DurationInput
  /** The proxy's answer to CONNECT. Default: 30 seconds. */
  readonly proxy: Duration.DurationInput
  /**
   * The server takes nothing of what waits to be sent. Starts anew with each piece that it takes.
   * Default: 60 seconds.
   */
  readonly write: Duration.DurationInput
  /** Waiting for 100 (Continue); when it runs out the body is sent. Default: 1 second. */
  readonly continue: Duration.DurationInput
  /** From the request's last byte to the final head. Default: 5 minutes. */
  readonly head: Duration.DurationInput
  /** No byte of the body comes while somebody waits for one. Default: 5 minutes. */
  readonly bodyIdle: Duration.DurationInput
  /** The whole exchange, from `execute` (or `endHeaders`) to the end of the body. Default: none. */
  readonly total: Duration.DurationInput
}

/**
 * Some of the timeouts; one that is left out or `undefined` stays as it is.
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
 * The defaults with some of them replaced; `undefined` leaves the default.
 *
 * Checks nothing: a connection or request with a timeout that is not a duration of at least 0 fails
 * with `InvalidOption` before anything is sent.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (timeouts: Options): HttpTimeouts => ({
  ...defaults,
  ...Object.fromEntries(Object.entries(timeouts ?? {}).filter(([, value]) => value !== undefined))
})
