/**
 * Named relaxations of the response parser, for servers that break the rules. All are off by default.
 *
 * None of them ever lets a connection be used again after it was needed.
 *
 * @since 0.1.0
 */

/**
 * The relaxations.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpLeniency {
  /**
   * A lone LF ends a line. Risk: an intermediary that does not agree sees other messages than you do (smuggling).
   */
  readonly bareLf: boolean
  /**
   * White space between a field name and its colon is dropped. Risk: an intermediary may have ignored the field that you
   * honour.
   */
  readonly spaceBeforeColon: boolean
  /**
   * Field lines that are no fields are skipped. Risk: a field that matters may be lost, and a malformed framing field with it.
   */
  readonly skipInvalidFields: boolean
  /**
   * Spaces and tabs before and behind a chunk size are dropped. Risk: an intermediary may have read another size than you do.
   */
  readonly chunkSizeSpaces: boolean
  /**
   * A chunked body that ends with the connection after its last chunk, but before the final CRLF, is complete. Risk: trailers
   * may be lost.
   */
  readonly missingFinalCrlf: boolean
  /**
   * A head that ends with the connection is complete. Risk: fields may be lost, and a truncated answer looks whole.
   */
  readonly headEndsWithConnection: boolean
  /**
   * Of an unreadable or contradictory Content-Length the first line counts, if it is a number, also one with a plus sign; otherwise the
   * body is read until the connection closes. Risk: a truncated body looks whole, and others see another body than you do.
   */
  readonly invalidContentLength: boolean
  /**
   * A Transfer-Encoding that is not `chunked` alone counts as `chunked` if its first line is that. Otherwise it is ignored: the body is as
   * long as the Content-Length says, or read until the connection closes, and comes still encoded. Risk: what you read is not the
   * content.
   */
  readonly unknownTransferCoding: boolean
  /**
   * White space before, or more than one space inside, a status line is accepted. Risk: none known beyond disagreeing with others.
   */
  readonly statusLineSpaces: boolean
  /**
   * Transfer-Encoding beside Content-Length, or in an HTTP/1.0 response, wins. Risk: this is what response smuggling looks like.
   */
  readonly framingConflict: boolean
}

/**
 * Nothing is relaxed: the default.
 *
 * @since 0.1.0
 * @category constructors
 */
export const strict: HttpLeniency = {
  bareLf: false,
  spaceBeforeColon: false,
  skipInvalidFields: false,
  chunkSizeSpaces: false,
  missingFinalCrlf: false,
  headEndsWithConnection: false,
  invalidContentLength: false,
  unknownTransferCoding: false,
  statusLineSpaces: false,
  framingConflict: false
}

/**
 * Every relaxation: what comes nearest to Python's `http.client`.
 *
 * Python accepts still more, which is refused here all the same, because no server needs it and an attacker may: chunk sizes with
 * a sign, a prefix or underscores, chunks that do not end with CRLF, a body that ends right after the digit of its last chunk,
 * status codes with a sign, `HTTP/1.10`, and control characters in a status line.
 *
 * @since 0.1.0
 * @category constructors
 */
export const httpClient: HttpLeniency = {
  bareLf: true,
  spaceBeforeColon: true,
  skipInvalidFields: true,
  chunkSizeSpaces: true,
  missingFinalCrlf: true,
  headEndsWithConnection: true,
  invalidContentLength: true,
  unknownTransferCoding: true,
  statusLineSpaces: true,
  framingConflict: true
}

/**
 * Some of the relaxations; one that is left out or `undefined` stays as it is.
 *
 * @since 0.2.0
 * @category models
 */
export type Options = { readonly [K in keyof HttpLeniency]?: boolean | undefined }

/**
 * The strict parser with some relaxations; `undefined` leaves one off.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (leniency: Options): HttpLeniency => ({
  ...strict,
  ...Object.fromEntries(Object.entries(leniency ?? {}).filter(([, value]) => value !== undefined))
})
