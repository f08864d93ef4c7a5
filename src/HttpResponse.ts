/**
 * A response: its head, and its body as stream, bytes, text, JSON, pieces or lines.
 *
 * The body is received once. It can be read in pieces (`read`, `read1`, `readInto`, `readLine`), as
 * one `stream`, or whole (`bytes`, `text`, `json`); a whole read remembers its result. Any other
 * read after `stream` or a whole read fails with `BodyAlreadyConsumed`. A whole read after pieces
 * returns the rest.
 *
 * Interrupting a read of pieces or of the whole while it waits closes the connection, because bytes
 * would be lost. Later reads fail with `ConnectionClosed`. Ending the stream early, or `close`,
 * closes the connection too, unless the whole body had arrived. A pool first drains a small rest
 * (`drainBytes`, `drainTime`) and keeps its connection. If `close` is called while another fiber
 * reads, that read fails with `ConnectionClosed`, or with `BodyAlreadyConsumed` if the body had
 * arrived. No read succeeds with fewer bytes than it should have.
 *
 * If a read of pieces or of the whole fails, `partial` of the failure has the bytes that it had
 * collected.
 *
 * As in Python, a negative number of bytes means no limit. A fraction is rounded down, and `NaN` is
 * 0.
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
import type { ProxyStatus } from "./ProxyStatus.ts"

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
 * An informational (1xx) response that arrived before the final one.
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
 * How the end of the body is determined (RFC 9112 section 6.3). With `close`, a truncated body is
 * indistinguishable from a complete one, except over TLS.
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
  /** The requested URL: `url`, `geturl()`. */
  readonly url: string
  readonly framing: Framing
  /** The connection of the response. */
  readonly connection: ConnectionInfo
  /** The time that each phase took so far. */
  readonly timings: Timings
  /**
   * How often the request had been sent before, at most 2. A pool retries once after a stale
   * connection or a 408 of an idle one. A request is also sent again once after a 417 that refused
   * `expectContinue`.
   */
  readonly resends: number
  /** The informational responses that arrived before it, in order. */
  readonly informational: ReadonlyArray<Informational>
  /**
   * The reports of the proxies and gateways on the way (RFC 9209), the one nearest to the origin
   * server first. Empty without a Proxy-Status field, and if the field breaks its grammar. Parsed
   * each time.
   */
  readonly proxyStatus: ReadonlyArray<ProxyStatus>

  /**
   * The body as a stream with back-pressure: the server is read as fast as the stream is pulled.
   * Only one may run.
   */
  readonly stream: Stream.Stream<Uint8Array, BodyFailure>
  /** The whole body, or the rest after pieces: `read()`. */
  readonly bytes: Effect.Effect<Uint8Array, BodyFailure>
  /**
   * The whole body as text. The charset is that of its byte order mark, else of Content-Type, else
   * UTF-8. An unknown charset is ignored if the body is UTF-8; otherwise it is a `BodyDecodeError`.
   * More than the longest string can hold (536,870,888 bytes) is `BodyTooLarge` with the reason
   * `Text`.
   */
  readonly text: Effect.Effect<string, BodyFailure | BodyDecodeError>
  /**
   * The whole body as JSON, which is UTF-8 (RFC 8259 section 8.1). A charset in Content-Type is
   * used only if the body is not UTF-8.
   */
  readonly json: Effect.Effect<unknown, BodyFailure | BodyDecodeError>
  /** Decodes the whole body as JSON with a schema. */
  schemaJson<A, I, R>(
    schema: Schema.Schema<A, I, R>
  ): Effect.Effect<A, BodyFailure | BodyDecodeError | ParseResult.ParseError, R>
  /**
   * Returns exactly `n` bytes, or fewer at the end of the body, and none after it. Without `n`,
   * returns the rest: `read(n)`, `read()`.
   */
  read(n?: number): Effect.Effect<Uint8Array, BodyFailure>
  /** Returns the available bytes, at most `n`. Waits only if none are available: `read1(n)`. */
  read1(n?: number): Effect.Effect<Uint8Array, BodyFailure>
  /**
   * Returns the available bytes, at most `n`, without consuming them. Waits only if none are
   * available: `peek(n)`.
   */
  peek(n?: number): Effect.Effect<Uint8Array, BodyFailure>
  /**
   * Fills a buffer and returns the number of bytes. It is smaller than the buffer only at the end
   * of the body: `readinto(b)`.
   */
  readInto(buffer: Uint8Array): Effect.Effect<number, BodyFailure>
  /**
   * Returns one line with its LF, at most `limit` bytes. At the end of the body, returns the rest
   * without one: `readline(limit)`.
   */
  readLine(limit?: number): Effect.Effect<Uint8Array, BodyFailure>
  /**
   * The body as lines of text without line ends (LF or CRLF), decoded as for `text`: `for line in
   * response`. A line may be as long as the longest string. `Lines.decode` can also end lines at a
   * CR alone.
   */
  readonly lines: Stream.Stream<string, BodyFailure | BodyDecodeError>

  /**
   * Returns a field's value, several joined by `, ` (Set-Cookie: the first), or the default:
   * `getheader(name, default)`.
   */
  getHeader(name: string): string | undefined
  getHeader<A>(name: string, orElse: A): string | A
  /** All fields as pairs: `getheaders()`. */
  readonly getHeaders: ReadonlyArray<readonly [name: string, value: string]>
  /** The trailer fields. Reads the body to its end first, as `bytes` does, if no reader has. */
  readonly trailers: Effect.Effect<HttpFields.HttpFields, BodyFailure>
  /**
   * True once no further byte can arrive. The body was read to its end, a read failed (also with a
   * timeout) or was interrupted, or the response was closed. A failure that no read has reported
   * yet does not count. Reading until `closed` therefore never takes a truncated body for a
   * complete one: `closed`, `isclosed()`.
   */
  readonly closed: Effect.Effect<boolean>
  /**
   * True once the end of the body has arrived and is proven: by its length, by its last chunk, or
   * over TLS by close_notify. False before that. Also false if the body ended with an unencrypted
   * connection, because an intermediary may have truncated it. The same holds for a TLS connection
   * whose end cannot be verified. Over TLS a body without that proof fails with `IncompleteRead`
   * unless `leniency.missingCloseNotify` accepts it.
   */
  readonly endProven: Effect.Effect<boolean>
  /**
   * Releases the response. Its connection is closed too, unless the whole body had arrived, or a
   * pool drains the rest to keep it. Idempotent: `close()`.
   */
  readonly close: Effect.Effect<void>
}

/**
 * True if a value is a response.
 *
 * @since 0.1.0
 * @category guards
 */
export const isHttpResponse = (u: unknown): u is HttpResponse => typeof u === "object" && u !== null && TypeId in u

/**
 * Returns the response if its status is 200 to 299. Otherwise fails with the status, the fields and
 * the start of the body. A redirect (3xx) is refused too, because a pool follows none.
 *
 * A refused response is discarded: at most 4096 bytes of its body are read, within the response's
 * time limits, and it is closed. A pool drains the rest and keeps the connection if that is cheap.
 * Interrupting that read closes the connection.
 *
 * The error has what a retry needs: `status`, `retryAfter` (the field as sent) and, like every
 * error, a `context`. Its `fault` (`User` for a request that cannot succeed), `replayable` and
 * `processed` are what `HttpError.mayRepeat` uses.
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
 * Returns the response if the predicate accepts its status. Otherwise fails like `filterStatusOk`.
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
