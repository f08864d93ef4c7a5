/**
 * Every size limit on what a server may send, in one record. All hold however the bytes are split,
 * and each breach has its own error.
 *
 * @since 0.1.0
 */

/**
 * The limits. Sizes are in bytes.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpLimits {
  /** The status line. Breach: `LineTooLong`. Default: 8192. */
  readonly statusLine: number
  /**
   * One field line, with what it is folded over. Breach: `LineTooLong`. Default: 65536, as
   * `http.client`.
   */
  readonly fieldLine: number
  /**
   * The number of field lines of a head or trailer section. Breach: `TooManyHeaders`,
   * `TrailersTooLarge`. Default: 256.
   */
  readonly fields: number
  /** A head as a whole. Breach: `HeadersTooLarge`. Default: 262144. */
  readonly head: number
  /**
   * The number of informational (1xx) responses before the final one. Breach:
   * `TooManyInformational`. Default: 32.
   */
  readonly informational: number
  /** One chunk size line with its extensions. Breach: `LineTooLong`. Default: 4096. */
  readonly chunkLine: number
  /** The chunk extensions of a body in sum. Breach: `ChunkExtensionsTooLong`. Default: 16384. */
  readonly chunkExtensions: number
  /** A trailer section as a whole. Breach: `TrailersTooLarge`. Default: 65536. */
  readonly trailers: number
  /** The body, decoded. Breach: `BodyTooLarge`. Default: no limit (`Infinity`). */
  readonly body: number
}

/**
 * Some of the limits; one that is left out or `undefined` stays as it is.
 *
 * @since 0.2.0
 * @category models
 */
export type Options = { readonly [K in keyof HttpLimits]?: HttpLimits[K] | undefined }

/**
 * The defaults.
 *
 * @since 0.1.0
 * @category constructors
 */
export const defaults: HttpLimits = {
  statusLine: 8192,
  fieldLine: 65_536,
  fields: 256,
  head: 262_144,
  informational: 32,
  chunkLine: 4096,
  chunkExtensions: 16_384,
  trailers: 65_536,
  body: Infinity
}

/**
 * The defaults with some of them replaced; `undefined` leaves the default.
 *
 * Checks nothing: a connection or request with a limit that is not a whole number of at least 0 or
 * `Infinity` fails with `InvalidOption` before anything is sent.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (limits: Options): HttpLimits => ({
  ...defaults,
  ...Object.fromEntries(Object.entries(limits ?? {}).filter(([, value]) => value !== undefined))
})
