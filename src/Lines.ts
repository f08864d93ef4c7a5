/**
 * The body of a response as lines of text, such as a log or JSON in lines (NDJSON).
 *
 * @example
 * ```ts
 * import { Effect, Schema, Stream } from "effect"
 * import { ConnectionPool, HttpRequest, Lines } from "effect-http-client"
 *
 * const Entry = Schema.parseJson(Schema.Struct({ level: Schema.String }))
 *
 * export const entries = Effect.gen(function*() {
 *   const pool = yield* ConnectionPool.ConnectionPool
 *   const response = yield* pool.execute(HttpRequest.get("http://localhost:8080/log.ndjson"))
 *   return Stream.mapEffect(Lines.decode(response), Schema.decode(Entry))
 * }).pipe(Stream.unwrap)
 * ```
 *
 * @since 0.2.0
 */
import type { ResponseError } from "@effect/platform/HttpClientError"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import type * as Stream from "effect/Stream"
import type { BodyDecodeError, BodyFailure } from "./HttpError.ts"
import type { HttpResponse } from "./HttpResponse.ts"
import type { LinesOptions } from "./internal/effect/lines.ts"
import * as internal from "./internal/platform/lines.ts"

/**
 * The options of `decode`.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options extends LinesOptions {}

/**
 * The failures of the lines of a response. Those of the platform's responses are its
 * `ResponseError`, whose `cause` is one of the others.
 *
 * @since 0.2.0
 * @category errors
 */
export type Failure<Response> = Response extends HttpResponse ? BodyFailure | BodyDecodeError : ResponseError

/**
 * Returns the lines of the body of a response, without their ends: of an `HttpResponse`, or of the
 * platform's `HttpClientResponse`, also a decompressed one.
 *
 * A line ends at LF or CRLF, and with `cr: true` at a CR alone too. A CR then ends its line at
 * once, without waiting for the next character. Text after the last end is a line if it is not
 * empty. Without `cr`, a CR without an LF after it belongs to its line.
 *
 * The text is decoded as by `text` of the response. A line may be as long as the longest string
 * (536,870,888 characters); `limits.body` bounds all of them. The body is read as fast as the
 * stream is pulled. Ending the stream early closes the response, and interruption closes the
 * connection.
 *
 * @since 0.2.0
 * @category decoding
 */
export const decode: <Response extends HttpResponse | HttpClientResponse>(
  response: Response,
  options?: Options
) => Stream.Stream<string, Failure<Response>> = internal.lines
