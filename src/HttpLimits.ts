/**
 * All size limits on what a server may send, in one record. They apply regardless of how the bytes
 * are split, and exceeding each has a separate error.
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
  /** The status line. Error: `LineTooLong`. Default: 8192. */
  readonly statusLine: number
  /**
   * One field line, including its folded lines. Error: `LineTooLong`. Default: 65536, as in
   * `http.client`.
   */
  readonly fieldLine: number
  /**
   * The number of field lines of a head or trailer section. Error: `TooManyHeaders`,
   * `TrailersTooLarge`. Default: 256.
   */
  readonly fields: number
  /** A whole head. Error: `HeadersTooLarge`. Default: 262144. */
  readonly head: number
  /**
   * The number of informational (1xx) responses before the final one. Error:
   * `TooManyInformational`. Default: 32.
   */
  readonly informational: number
  /** One chunk size line with its extensions. Error: `LineTooLong`. Default: 4096. */
  readonly chunkLine: number
  /** All chunk extensions of a body together. Error: `ChunkExtensionsTooLong`. Default: 16384. */
  readonly chunkExtensions: number
  /** A whole trailer section. Error: `TrailersTooLarge`. Default: 65536. */
  readonly trailers: number
  /** The body, decoded. Error: `BodyTooLarge`. Default: no limit (`Infinity`). */
  readonly body: number
}

/**
 * Some of the limits. One that is missing or `undefined` is unchanged.
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
 * Returns the defaults with some of them replaced; `undefined` keeps the default.
 *
 * Checks nothing. A connection or request fails with `InvalidOption` before anything is sent if a
 * limit is neither a whole number of at least 0 nor `Infinity`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (limits: Options): HttpLimits => ({
  ...defaults,
  ...Object.fromEntries(Object.entries(limits ?? {}).filter(([, value]) => value !== undefined))
})
