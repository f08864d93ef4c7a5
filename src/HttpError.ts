/**
 * Every failure of this library: tagged classes, unions by stage, guards.
 *
 * Each error has a `message` that is a sentence, and a `context`: phase, connection, bytes so far
 * and party at fault. Its `processed` says whether the server may have acted on the request.
 * Python's classes keep their names; its base classes are unions. No error shows a secret.
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
 * Failures of building a request, such as `InvalidUrl`. They occur before the first byte is sent.
 *
 * @since 0.1.0
 * @category errors
 */
export * from "./internal/error/request.ts"

/**
 * Calls in a state that does not allow them, such as `CannotSendRequest`.
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
 * All timeouts: `HttpTimeout`, with the `kind` of each.
 *
 * @since 0.1.0
 * @category errors
 */
export * from "./internal/error/timeout.ts"

/**
 * Failures of sending a request, such as `WriteError`.
 *
 * @since 0.1.0
 * @category errors
 */
export * from "./internal/error/send.ts"

/**
 * Failures of waiting for and parsing the head of a response, such as `BadStatusLine`.
 *
 * @since 0.1.0
 * @category errors
 */
export * from "./internal/error/head.ts"

/**
 * Failures of reading a body, such as `IncompleteRead`, and of checking the status: `StatusError`.
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
 * Failures of following redirects, such as `TooManyRedirects`.
 *
 * @since 0.2.0
 * @category errors
 */
export * from "./internal/error/redirect.ts"

/**
 * Failures of decoding a compressed body, such as `ContentDecodingError`.
 *
 * @since 0.2.0
 * @category errors
 */
export * from "./internal/error/decoding.ts"

export type {
  /**
   * The connection of an exchange.
   *
   * @since 0.1.0
   * @category models
   */
  ConnectionInfo,
  /**
   * The context of an error.
   *
   * @since 0.1.0
   * @category models
   */
  ErrorContext,
  /**
   * The party at fault.
   *
   * @since 0.1.0
   * @category models
   */
  Fault,
  /**
   * The party at the other end.
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
   * Says whether the server may have acted on the request.
   *
   * @since 0.1.0
   * @category models
   */
  Processed,
  /**
   * How much of the request the transport had received.
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
 * The type id of errors.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: typeof base.TypeId = base.TypeId

/**
 * The type of the type id of errors.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * The unions: one for each stage, and the equivalents of Python's base classes.
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
 * True if a value is an error of this library.
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
 * True if the server broke the protocol (`ProtocolError`). Report it; a retry will probably fail
 * too.
 *
 * @since 0.2.0
 * @category guards
 */
export const isProtocolError = (u: unknown): u is ProtocolError =>
  // A trailer may also be the caller's.
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
 * True for Python's `HTTPException` family, which includes every `ProtocolError`.
 *
 * @since 0.1.0
 * @category guards
 */
export const isHttpException = (u: unknown): u is HttpException => isOfPython(u) || isProtocolError(u)

/**
 * True if an error is in Python's `ImproperConnectionState` family.
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
 * True if Python raises the error as `BadStatusLine` or its subclass `RemoteDisconnected`.
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
 * True if an error is a mistake in the caller's request, so that a retry cannot help.
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
 * True if an error is a timeout of any kind: Python's `TimeoutError`.
 *
 * @since 0.1.0
 * @category guards
 */
export const isTimeout: (u: unknown) => u is timeout.HttpTimeout = isOneOf(["HttpTimeout"]) as (
  u: unknown
) => u is timeout.HttpTimeout

const causeOf = (error: unknown): unknown => Predicate.hasProperty(error, "cause") ? error.cause : undefined

/**
 * Returns the error of this library that is the `cause` of an error of `@effect/platform`, or is
 * given itself. The platform's `RequestError` and `ResponseError` have only a reason.
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
 * The parts of a request that decide whether sending it twice does harm: its method, and an
 * Idempotency-Key. An `HttpRequest` and the platform's `HttpClientRequest` have them.
 *
 * @since 0.2.0
 * @category models
 */
export interface Repeatable extends repeat.Repeatable {}

/**
 * True if a request that failed with this error may be retried. The failure must be temporary and
 * the body replayable (`context.replayable`). The server must not have processed it
 * (`context.processed` is `No`), or it has an idempotent method (RFC 9110 section 9.2.2) or an
 * Idempotency-Key.
 *
 * False for a mistake of the caller, a refusal by a proxy, an exceeded limit or an unacceptable
 * certificate. False for a redirect that is not followed, and for what this process has closed. For
 * an error of the platform, its cause decides. False for any other value.
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
