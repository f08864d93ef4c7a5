/**
 * Named relaxations of the response parser, for servers that break the rules. All are off by
 * default.
 *
 * A connection that needed a relaxation is never reused.
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
   * True if a lone LF ends a line. Risk: an intermediary that does not accept this sees different
   * messages (smuggling).
   */
  readonly bareLf: boolean
  /**
   * True if white space between a field name and its colon is dropped. Risk: an intermediary may
   * have ignored the field that you honour.
   */
  readonly spaceBeforeColon: boolean
  /**
   * True if control characters in the value of a field are kept, except that NUL and CR become
   * spaces (RFC 9110 section 5.5). Content-Length, Transfer-Encoding and Connection are excepted.
   * Risk: your code must handle such values, and an intermediary may have ended the line there.
   */
  readonly controlCharacters: boolean
  /**
   * True if field lines that are not valid fields are skipped. Risk: an important field may be
   * lost, and a malformed framing field with it.
   */
  readonly skipInvalidFields: boolean
  /**
   * True if spaces and tabs before and after a chunk size are dropped. Risk: an intermediary may
   * have read a different size.
   */
  readonly chunkSizeSpaces: boolean
  /**
   * True if a chunked body is complete when the connection ends after its last chunk but before the
   * final CRLF. Risk: trailers may be lost.
   */
  readonly missingFinalCrlf: boolean
  /**
   * True if a body that ends with the connection is complete over TLS even without close_notify.
   * Risk: an intermediary can truncate the body (RFC 9112 section 9.8).
   */
  readonly missingCloseNotify: boolean
  /**
   * True if a head that ends with the connection is complete. Risk: fields may be lost, and a
   * truncated response looks complete.
   */
  readonly headEndsWithConnection: boolean
  /**
   * True if an unreadable or contradictory Content-Length is accepted. Its first line counts if
   * that is a number, with or without a plus sign. Otherwise the body is read until the connection
   * closes. Risk: a truncated body looks complete, and others see a different body.
   */
  readonly invalidContentLength: boolean
  /**
   * True if a Transfer-Encoding that is not `chunked` alone is accepted. It counts as `chunked` if
   * its first line is exactly that. Otherwise it is ignored: the body has the length of
   * Content-Length, or is read until the connection closes, and stays encoded. Risk: the bytes you
   * read are not the content.
   */
  readonly unknownTransferCoding: boolean
  /**
   * True if white space before a status line, or more than one space inside it, is accepted. Risk:
   * none known except that others may disagree.
   */
  readonly statusLineSpaces: boolean
  /**
   * True if Transfer-Encoding takes effect together with Content-Length, or in an HTTP/1.0
   * response. Risk: this is what response smuggling looks like.
   */
  readonly framingConflict: boolean
}

/**
 * No relaxation: the default.
 *
 * @since 0.1.0
 * @category constructors
 */
export const strict: HttpLeniency = {
  bareLf: false,
  spaceBeforeColon: false,
  controlCharacters: false,
  skipInvalidFields: false,
  chunkSizeSpaces: false,
  missingFinalCrlf: false,
  missingCloseNotify: false,
  headEndsWithConnection: false,
  invalidContentLength: false,
  unknownTransferCoding: false,
  statusLineSpaces: false,
  framingConflict: false
}

/**
 * Every relaxation: the closest match to Python's `http.client`.
 *
 * Python accepts even more. This library refuses the following, because no server needs it and an
 * attacker may:
 *
 * - In a status line: control characters, and a 101 that was not requested.
 * - Status codes with a sign, an underscore or a leading zero.
 * - The version `HTTP/0.9`, and versions that only begin with `HTTP/1.`, such as `HTTP/1.10`.
 * - Chunk sizes with a sign, a prefix, an underscore, or white space other than spaces and tabs.
 * - Control characters in a chunk extension, and chunks that end neither with CRLF nor with LF.
 * - A chunked body that ends right after the digit of its last chunk.
 *
 * This library reads some of it differently:
 *
 * - Python stops at a line that is not a field, and loses all fields after it. This library skips
 *   only that line. White space before a colon makes such a line in Python, but not here. A name
 *   with characters that are not allowed in a token is a field in Python, and skipped here.
 * - A folded field is unfolded. Content-Length, Transfer-Encoding and Connection are skipped if
 *   they are folded or have a control character. Without a length the body then ends with the
 *   connection. In other fields NUL and CR become spaces; in Python a CR ends the line.
 * - An underscore in a Content-Length is not a digit. Empty elements of a list are skipped, and a
 *   list of one length counts as that length.
 *
 * Python in turn refuses, or does not skip, what this library reads:
 *
 * - empty lines before the status line, and LF after the data of a chunk
 * - more than 100 fields, and 1xx responses other than 100
 *
 * @since 0.1.0
 * @category constructors
 */
export const httpClient: HttpLeniency = {
  bareLf: true,
  spaceBeforeColon: true,
  controlCharacters: true,
  skipInvalidFields: true,
  chunkSizeSpaces: true,
  missingFinalCrlf: true,
  missingCloseNotify: true,
  headEndsWithConnection: true,
  invalidContentLength: true,
  unknownTransferCoding: true,
  statusLineSpaces: true,
  framingConflict: true
}

/**
 * Some of the relaxations. One that is missing or `undefined` is unchanged.
 *
 * @since 0.2.0
 * @category models
 */
export type Options = { readonly [K in keyof HttpLeniency]?: boolean | undefined }

/**
 * Returns the strict parser with some relaxations; `undefined` leaves one off.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (leniency: Options): HttpLeniency => ({
  ...strict,
  ...Object.fromEntries(Object.entries(leniency ?? {}).filter(([, value]) => value !== undefined))
})
