/**
 * Named relaxations of the response parser, for servers that break the rules. All are off by
 * default.
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
   * A lone LF ends a line. Risk: an intermediary that does not agree sees other messages than you
   * do (smuggling).
   */
  readonly bareLf: boolean
  /**
   * White space between a field name and its colon is dropped. Risk: an intermediary may have
   * ignored the field that you honour.
   */
  readonly spaceBeforeColon: boolean
  /**
   * Control characters in the value of a field are kept, but NUL and CR become spaces (RFC 9110
   * section 5.5). Not in Content-Length, Transfer-Encoding and Connection. Risk: what you do with
   * the value must cope with them, and an intermediary may have ended the line there.
   */
  readonly controlCharacters: boolean
  /**
   * Field lines that are no fields are skipped. Risk: a field that matters may be lost, and a
   * malformed framing field with it.
   */
  readonly skipInvalidFields: boolean
  /**
   * Spaces and tabs before and behind a chunk size are dropped. Risk: an intermediary may have read
   * another size than you do.
   */
  readonly chunkSizeSpaces: boolean
  /**
   * A chunked body that ends with the connection after its last chunk, but before the final CRLF,
   * is complete. Risk: trailers may be lost.
   */
  readonly missingFinalCrlf: boolean
  /**
   * A body that ends with the connection is complete over TLS too where that ends without
   * close_notify. Risk: an intermediary can cut the body short (RFC 9112 section 9.8).
   */
  readonly missingCloseNotify: boolean
  /**
   * A head that ends with the connection is complete. Risk: fields may be lost, and a truncated
   * answer looks whole.
   */
  readonly headEndsWithConnection: boolean
  /**
   * Of an unreadable or contradictory Content-Length the first line counts, if it is a number, also
   * one with a plus sign; otherwise the body is read until the connection closes. Risk: a truncated
   * body looks whole, and others see another body than you do.
   */
  readonly invalidContentLength: boolean
  /**
   * A Transfer-Encoding that is not `chunked` alone counts as `chunked` if its first line is that.
   * Otherwise it is ignored: the body is as long as the Content-Length says, or read until the
   * connection closes, and comes still encoded. Risk: what you read is not the content.
   */
  readonly unknownTransferCoding: boolean
  /**
   * White space before, or more than one space inside, a status line is accepted. Risk: none known
   * beyond disagreeing with others.
   */
  readonly statusLineSpaces: boolean
  /**
   * Transfer-Encoding beside Content-Length, or in an HTTP/1.0 response, wins. Risk: this is what
   * response smuggling looks like.
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
 * Every relaxation: what comes nearest to Python's `http.client`.
 *
 * Python reads still more, which is refused here all the same, because no server needs it and an
 * attacker may:
 *
 * - in a status line control characters, a status code with a sign, an underscore or a leading
 *   zero, the version `HTTP/0.9`, and those that only begin with `HTTP/1.`, such as `HTTP/1.10`; a
 *   101 that was not asked for;
 * - chunk sizes with a sign, a prefix, an underscore, or white space other than spaces and tabs;
 *   control characters in a chunk extension; chunks that end neither with CRLF nor with LF; a body
 *   that ends right after the digit of its last chunk.
 *
 * Some it reads in another way:
 *
 * - At a line that is no field Python stops, and loses all fields behind it: here only that line is
 *   skipped. White space before a colon makes such a line in Python, and none here. A name with
 *   characters that no token has is a field in Python, and skipped here.
 * - A field that is folded is unfolded. Content-Length, Transfer-Encoding and Connection are
 *   skipped where they are folded or have a control character, and without a length the body goes
 *   on until the connection closes. In other fields NUL and CR become spaces; in Python a CR ends
 *   the line.
 * - An underscore in a Content-Length is no digit. Empty elements of a list are skipped, and a list
 *   of one length counts as that.
 *
 * And Python refuses, or does not skip, what is read here: empty lines before the status line, LF
 * behind the data of a chunk, more than 100 fields, and 1xx responses other than 100.
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
