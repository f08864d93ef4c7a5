/**
 * A response: its head, and its body as stream, bytes, text, JSON, pieces or lines.
 *
 * The body comes over the wire once. It can be read in pieces (`read`, `read1`, `readInto`,
 * `readLine`), as one `stream`, or whole (`bytes`, `text`, `json`), which remember what they read.
 * Another way after `stream` or a whole reading fails with `BodyAlreadyConsumed`; a whole reading
 * after pieces gives the rest.
 *
 * Interrupting a reading of pieces or of the whole while it waits closes the connection, because
 * bytes would be lost, and what is read after it fails with `ConnectionClosed`. Ending the stream
 * early, or `close`, closes the connection too, unless all of the body had arrived; a pool first
 * reads and drops a rest that is small (`drainBytes`, `drainTime`), and keeps its connection.
 * `close` while another fiber reads fails that reading with `ConnectionClosed`, or with
 * `BodyAlreadyConsumed` where the body had arrived: no reading succeeds with fewer bytes than there
 * were.
 *
 * A reading of pieces or of the whole that fails has the bytes that it had collected in `partial`
 * of its failure, whatever that is.
 *
 * A number of bytes that is negative has no limit, as in Python; a fraction is rounded down, and
 * `NaN` is 0.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as ParseResult from "effect/ParseResult"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { BodyDecodeError, BodyFailure, ConnectionInfo, StatusError, Timings } from "./HttpError.ts"
import type * as HttpFields from "./HttpFields.ts"
import * as internal from "./internal/body/statusCheck.ts"

/**
 * The type id of responses.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("effect-http-client/HttpResponse") as never

/**
 * The type of the type id of responses.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * An informational (1xx) response that came before the final one.
 *
 * @since 0.1.0
 * @category models
 */
export interface Informational {
  readonly status: number
  readonly reason: string
  readonly fields: HttpFields.HttpFields
}

/**
 * How the end of the body is known (RFC 9112 section 6.3). With `close` a truncated body cannot be
 * told from a whole one, but over TLS.
 *
 * @since 0.1.0
 * @category models
 */
export type Framing = "none" | "length" | "chunked" | "close"

/**
 * A response: `http.client.HTTPResponse`.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpResponse {
  readonly [TypeId]: TypeId
  /** 10 for HTTP/1.0, 11 for HTTP/1.1 and later minor versions. */
  readonly version: 10 | 11
  readonly status: number
  /** The reason phrase, for display only; often empty. */
  readonly reason: string
  /** The fields, in order and as sent: `headers` and `msg`. */
  readonly fields: HttpFields.HttpFields
  /** The URL that was asked for: `url`, `geturl()`. */
  readonly url: string
  readonly framing: Framing
  /** The connection that it came on. */
  readonly connection: ConnectionInfo
  /** The time that each phase took, so far. */
  readonly timings: Timings
  /** How often a pool had sent the request before, on a connection that had gone: 0 or 1. */
  readonly resends: number
  /** The informational responses that came before it, in order. */
  readonly informational: ReadonlyArray<Informational>

  /**
   * The body as a stream with back-pressure: the server is read as fast as the stream is pulled.
   * Only one can run.
   */
  readonly stream: Stream.Stream<Uint8Array, BodyFailure>
  /** The whole body, or the rest after pieces: `read()`. */
  readonly bytes: Effect.Effect<Uint8Array, BodyFailure>
  /**
   * The whole body as text: by its byte order mark, else by the charset of Content-Type, else as
   * UTF-8. A charset that is not known is passed over if the body is UTF-8, and `BodyDecodeError`
   * otherwise. More than the longest string can hold (536,870,888 bytes) is `BodyTooLarge` with the
   * reason `Text`.
   */
  readonly text: Effect.Effect<string, BodyFailure | BodyDecodeError>
  /**
   * The whole body as JSON, which is UTF-8 (RFC 8259 section 8.1): a charset of Content-Type
   * decides only if the body is no UTF-8.
   */
  readonly json: Effect.Effect<unknown, BodyFailure | BodyDecodeError>
  /** The whole body as JSON of a schema. */
  schemaJson<A, I, R>(
    schema: Schema.Schema<A, I, R>
  ): Effect.Effect<A, BodyFailure | BodyDecodeError | ParseResult.ParseError, R>
  /**
   * Exactly `n` bytes, fewer only at the end of the body, none after it; without `n` all that is
   * left: `read(n)`, `read()`.
   */
  read(n?: number): Effect.Effect<Uint8Array, BodyFailure>
  /** What is there, at most `n` bytes; waits only where nothing is there: `read1(n)`. */
  read1(n?: number): Effect.Effect<Uint8Array, BodyFailure>
  /**
   * What is there, at most `n` bytes, without taking it; waits only where nothing is there:
   * `peek(n)`.
   */
  peek(n?: number): Effect.Effect<Uint8Array, BodyFailure>
  /**
   * Fills a buffer and gives the number of bytes, smaller than the buffer only at the end of the
   * body: `readinto(b)`.
   */
  readInto(buffer: Uint8Array): Effect.Effect<number, BodyFailure>
  /**
   * One line with its LF, the rest without one at the end of the body, at most `limit` bytes:
   * `readline(limit)`.
   */
  readLine(limit?: number): Effect.Effect<Uint8Array, BodyFailure>
  /**
   * The body as lines of text without their ends, decoded as `text` is: `for line in response`. A
   * line may be as long as the longest string.
   */
  readonly lines: Stream.Stream<string, BodyFailure | BodyDecodeError>

  /**
   * A field's value, several joined by `, ` (Set-Cookie: the first), or the default:
   * `getheader(name, default)`.
   */
  getHeader(name: string): string | undefined
  getHeader<A>(name: string, orElse: A): string | A
  /** All fields as pairs: `getheaders()`. */
  readonly getHeaders: ReadonlyArray<readonly [name: string, value: string]>
  /** The trailer fields. Reads the body to its end first where nobody has, as `bytes` does. */
  readonly trailers: Effect.Effect<HttpFields.HttpFields, BodyFailure>
  /**
   * True once no further byte can come: the body was read to its end, a reading failed (with a
   * timeout, too) or was interrupted, or the response was closed. A failure that no reading has
   * reported yet is not closed, so that reading until `closed` never takes a body that was cut
   * short for a whole one: `closed`, `isclosed()`.
   */
  readonly closed: Effect.Effect<boolean>
  /**
   * Whether the end of the body has come and is proven to be its end: by its length, its last
   * chunk, or over TLS by what TLS says itself (close_notify). False before that, and for a body
   * that ends with a connection in clear, or with one of TLS whose end cannot be told: anything on
   * the way may have cut it. Over TLS a body without that proof fails with `IncompleteRead` unless
   * `leniency.missingCloseNotify` lets it pass.
   */
  readonly endProven: Effect.Effect<boolean>
  /**
   * Lets go of the response. The connection is closed with it, unless all of the body had arrived,
   * or a pool reads the rest to keep it. Idempotent: `close()`.
   */
  readonly close: Effect.Effect<void>
}

/**
 * Whether a value is a response.
 *
 * @since 0.1.0
 * @category guards
 */
export const isHttpResponse = (u: unknown): u is HttpResponse => typeof u === "object" && u !== null && TypeId in u

/**
 * The response if its status is 200 to 299, else a failure with the status, the fields and the
 * start of the body. A redirect (3xx) is refused too, because a pool follows none.
 *
 * A response that is refused is given up: at most 4096 bytes of its body are read, within the
 * response's time limits, and it is closed; a pool drains the rest and keeps the connection where
 * that is cheap. An interruption while it reads closes the connection.
 *
 * Its error has what a retry needs: `status`, `retryAfter` (the field as sent) and, as every error,
 * `context` with `fault` (`User` for a request that cannot succeed), `replayable` and `processed`,
 * so `HttpError.mayRepeat` can judge it.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { ConnectionPool, HttpRequest, HttpResponse } from "effect-http-client"
 *
 * export const user = (pool: ConnectionPool.ConnectionPool, id: number) =>
 *   pool.execute(HttpRequest.get(`http://localhost:8080/users/${id}`)).pipe(
 *     Effect.flatMap(HttpResponse.filterStatusOk),
 *     Effect.flatMap((response) => response.json),
 *     Effect.catchTag("StatusError", (error) =>
 *       error.status === 404
 *         ? Effect.succeed(undefined)
 *         : Effect.fail(error))
 *   )
 * ```
 *
 * @since 0.2.0
 * @category filters
 */
export const filterStatusOk = (self: HttpResponse): Effect.Effect<HttpResponse, StatusError> =>
  internal.filterStatus(self, internal.isOk)

/**
 * The response if the predicate accepts its status, else a failure as of `filterStatusOk`.
 *
 * @since 0.2.0
 * @category filters
 */
export const filterStatus: {
  (accepts: (status: number) => boolean): (self: HttpResponse) => Effect.Effect<HttpResponse, StatusError>
  (self: HttpResponse, accepts: (status: number) => boolean): Effect.Effect<HttpResponse, StatusError>
} = dual(
  2,
  (self: HttpResponse, accepts: (status: number) => boolean): Effect.Effect<HttpResponse, StatusError> =>
    internal.filterStatus(self, accepts)
)
