/**
 * Every failure of this library: tagged classes, unions by stage, guards.
 *
 * Each error has a `message` that reads as a sentence and a `context` that says in which phase, on which connection and
 * after how many bytes it happened, who is to blame, and whether the server may have processed the request. The classes
 * of Python's `http.client` keep their names; its base classes are unions with guards here. No message, field, `context`
 * or `toJSON` shows a secret.
 *
 * @since 0.1.0
 */
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as base from "./internal/error/base.ts"
import type * as timeout from "./internal/error/timeout.ts"
import type {
  BadStatusLineFamily,
  HttpError,
  HttpException,
  ImproperConnectionState,
  InvalidRequest,
  ProtocolError
} from "./internal/error/unions.ts"
import * as repeat from "./internal/repeat.ts"

/**
 * Failures of building a request: `InvalidUrl` and its kin, all found before the first byte leaves.
 *
 * @since 0.1.0
 * @category errors
 */
export * from "./internal/error/request.ts"

/**
 * Calls made in a state that does not allow them: `CannotSendRequest` and its kin.
 *
 * @since 0.1.0
 * @category errors
 */
export * from "./internal/error/state.ts"

/**
 * Failures of opening a connection: `DnsError`, `ConnectError`, and those of a proxy.
 *
 * @since 0.1.0
 * @category errors
 */
export * from "./internal/error/connect.ts"

/**
 * Failures of TLS: `TlsError`.
 *
 * @since 0.1.0
 * @category errors
 */
export * from "./internal/error/tls.ts"

/**
 * All timeouts: `HttpTimeout`, told apart by `kind`.
 *
 * @since 0.1.0
 * @category errors
 */
export * from "./internal/error/timeout.ts"

/**
 * Failures of sending a request: `WriteError` and its kin.
 *
 * @since 0.1.0
 * @category errors
 */
export * from "./internal/error/send.ts"

/**
 * Failures of waiting for and parsing the head of a response: `BadStatusLine` and its kin.
 *
 * @since 0.1.0
 * @category errors
 */
export * from "./internal/error/head.ts"

/**
 * Failures of reading the body of a response, `IncompleteRead` and its kin, and of checking its status: `StatusError`.
 *
 * @since 0.1.0
 * @category errors
 */
export * from "./internal/error/body.ts"

/**
 * Failures of the connection pool: `PoolQueueFull` and `PoolClosed`.
 *
 * @since 0.2.0
 * @category errors
 */
export * from "./internal/error/pool.ts"

/**
 * Failures of following redirects: `TooManyRedirects` and its kin.
 *
 * @since 0.2.0
 * @category errors
 */
export * from "./internal/error/redirect.ts"

/**
 * Failures of decoding a compressed body: `ContentDecodingError` and its kin.
 *
 * @since 0.2.0
 * @category errors
 */
export * from "./internal/error/decoding.ts"

export type {
  /**
   * The connection that an exchange ran on.
   *
   * @since 0.1.0
   * @category models
   */
  ConnectionInfo,
  /**
   * The record that every error has in `context`.
   *
   * @since 0.1.0
   * @category models
   */
  ErrorContext,
  /**
   * Who is to blame.
   *
   * @since 0.1.0
   * @category models
   */
  Fault,
  /**
   * Who was at the other end.
   *
   * @since 0.2.0
   * @category models
   */
  Peer,
  /**
   * The step of an exchange in which a failure happened.
   *
   * @since 0.1.0
   * @category models
   */
  Phase,
  /**
   * Whether the server may have acted on the request.
   *
   * @since 0.1.0
   * @category models
   */
  Processed,
  /**
   * How much of the request had been given to the transport.
   *
   * @since 0.1.0
   * @category models
   */
  RequestState,
  /**
   * The milliseconds that each phase took.
   *
   * @since 0.1.0
   * @category models
   */
  Timings
} from "./internal/error/context.ts"

/**
 * The id that every error carries.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: typeof base.TypeId = base.TypeId

/**
 * The type of the id that every error carries.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * The unions: by stage, and what Python's base classes became.
 *
 * @since 0.1.0
 * @category unions
 */
export * from "./internal/error/unions.ts"

const isOneOf = (tags: ReadonlyArray<string>) => {
  const set = new Set(tags)
  return (u: unknown): boolean => isHttpError(u) && set.has(u._tag)
}

/**
 * Whether a value is an error of this library.
 *
 * @since 0.1.0
 * @category guards
 */
export const isHttpError = (u: unknown): u is HttpError => Predicate.hasProperty(u, TypeId)

const isOfProtocol = isOneOf([
  "BadStatusLine",
  "UnknownProtocol",
  "InvalidStatusCode",
  "LineTooLong",
  "HeadersTooLarge",
  "TooManyHeaders",
  "InvalidHeaderLine",
  "InvalidContentLength",
  "ConflictingContentLength",
  "UnknownTransferEncoding",
  "FramingConflict",
  "IncompleteHeaders",
  "TooManyInformational",
  "UnexpectedUpgrade",
  "UnexpectedMessage",
  "IncompleteRead",
  "InvalidChunkSize",
  "InvalidChunkEnd",
  "ChunkTooLarge",
  "ChunkExtensionsTooLong",
  "TrailersTooLarge",
  "InvalidTrailer"
])

/**
 * Whether the server broke the protocol: `ProtocolError` says in which ways. Report it to the server's operator; sending the request again
 * is likely to end alike.
 *
 * @since 0.2.0
 * @category guards
 */
export const isProtocolError = (u: unknown): u is ProtocolError =>
  // A trailer may be the caller's as well.
  isOfProtocol(u) && ((u as HttpError)._tag !== "InvalidTrailer" || (u as HttpError).context.fault === "Remote")

const isOfPython = isOneOf([
  "NotConnected",
  "InvalidUrl",
  "UnimplementedFileMode",
  "CannotSendRequest",
  "CannotSendHeader",
  "ResponseNotReady",
  "BadStatusLine",
  "InvalidStatusCode",
  "RemoteDisconnected",
  "StaleConnection"
])

/**
 * Whether an error is of Python's `HTTPException` family (`except http.client.HTTPException`), which every `ProtocolError` is.
 *
 * @since 0.1.0
 * @category guards
 */
export const isHttpException = (u: unknown): u is HttpException => isOfPython(u) || isProtocolError(u)

/**
 * Whether an error is of Python's `ImproperConnectionState` family.
 *
 * @since 0.1.0
 * @category guards
 */
export const isImproperConnectionState: (u: unknown) => u is ImproperConnectionState = isOneOf([
  "CannotSendRequest",
  "CannotSendHeader",
  "ResponseNotReady"
]) as (u: unknown) => u is ImproperConnectionState

/**
 * Whether an error is what Python raises as `BadStatusLine` or as the `RemoteDisconnected` below it.
 *
 * @since 0.1.0
 * @category guards
 */
export const isBadStatusLine: (u: unknown) => u is BadStatusLineFamily = isOneOf([
  "BadStatusLine",
  "InvalidStatusCode",
  "RemoteDisconnected",
  "StaleConnection"
]) as (u: unknown) => u is BadStatusLineFamily

/**
 * Whether an error is a mistake of the caller's request, so that sending it again cannot help.
 *
 * @since 0.1.0
 * @category guards
 */
export const isInvalidRequest: (u: unknown) => u is InvalidRequest = isOneOf([
  "InvalidUrl",
  "UnsupportedScheme",
  "InvalidMethod",
  "InvalidHeaderName",
  "InvalidHeaderValue",
  "ForbiddenHeader",
  "ConflictingFraming",
  "InvalidTrailer",
  "UnsupportedBody",
  "InvalidOption"
]) as (u: unknown) => u is InvalidRequest

/**
 * Whether an error is a timeout, of whatever kind: Python's `TimeoutError`.
 *
 * @since 0.1.0
 * @category guards
 */
export const isTimeout: (u: unknown) => u is timeout.HttpTimeout = isOneOf(["HttpTimeout"]) as (
  u: unknown
) => u is timeout.HttpTimeout

const causeOf = (error: unknown): unknown => Predicate.hasProperty(error, "cause") ? error.cause : undefined

/**
 * The error of this library that an error of `@effect/platform` was made of, which it holds as its `cause`: `RequestError` and
 * `ResponseError` say no more than a reason, this says what happened. Also finds one that is given itself.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { Effect, Option } from "effect"
 * import { HttpError } from "effect-http-client"
 *
 * export const program = HttpClient.get("http://localhost:8080/").pipe(
 *   Effect.tapError((error) =>
 *     Option.match(HttpError.fromPlatform(error), {
 *       onNone: () => Effect.void,
 *       onSome: (cause) => Effect.logWarning(`${cause._tag}: processed by the server: ${cause.context.processed}`)
 *     })
 *   )
 * )
 * ```
 *
 * @since 0.2.0
 * @category conversions
 */
export const fromPlatform = (error: unknown): Option.Option<HttpError> => {
  const seen = new Set<unknown>()
  let at = error
  while (at !== undefined && !seen.has(at)) {
    if (isHttpError(at)) return Option.some(at)
    seen.add(at)
    at = causeOf(at)
  }
  return Option.none()
}

/**
 * The parts of a request that say whether sending it twice does harm: its method, and an Idempotency-Key among its fields. An
 * `HttpRequest` and an `HttpClientRequest` of the platform are such.
 *
 * @since 0.2.0
 * @category models
 */
export interface Repeatable extends repeat.Repeatable {}

/**
 * Whether a request that failed with this error may be sent again.
 *
 * True if the failure may pass by itself, the body can be sent again (`context.replayable`), and either the server has not seen the
 * request (`context.processed` is `No`) or doing it twice is as good as once: an idempotent method (RFC 9110 section 9.2.2), or an
 * Idempotency-Key. Never true for the caller's mistake, the refusal of a proxy, a limit that was exceeded, a certificate that is not
 * accepted, a redirect that is not followed, and what this process has closed itself. An error of the platform counts as the error
 * of this library that is its cause; of any other value nothing is known, so it is `false`.
 *
 * @example
 * ```ts
 * import { Effect, Schedule } from "effect"
 * import { ConnectionPool, HttpError, HttpRequest } from "effect-http-client"
 *
 * const request = HttpRequest.get("http://localhost:8080/")
 *
 * // Repeats the reading of the body too, which `ConnectionPool.retry` does not.
 * export const text = ConnectionPool.ConnectionPool.pipe(
 *   Effect.flatMap((pool) => pool.execute(request)),
 *   Effect.flatMap((response) => response.text),
 *   Effect.retry({ while: HttpError.mayRepeat(request), schedule: Schedule.exponential("100 millis"), times: 2 })
 * )
 * ```
 *
 * @since 0.2.0
 * @category guards
 */
export const mayRepeat: {
  (request: Repeatable): (error: unknown) => boolean
  (error: unknown, request: Repeatable): boolean
} = dual(
  2,
  (error: unknown, request: Repeatable): boolean =>
    Option.exists(fromPlatform(error), (cause) => repeat.mayRepeat(cause, request))
)
