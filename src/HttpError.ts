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
import * as Predicate from "effect/Predicate"
import * as base from "./internal/error/base.ts"
import type * as body from "./internal/error/body.ts"
import type * as connect from "./internal/error/connect.ts"
import type * as head from "./internal/error/head.ts"
import type * as request from "./internal/error/request.ts"
import type * as send from "./internal/error/send.ts"
import type * as state from "./internal/error/state.ts"
import type * as timeout from "./internal/error/timeout.ts"

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
 * Failures of opening a connection: `DnsError`, `ConnectError`, `TlsError`, and those of a proxy.
 *
 * @since 0.1.0
 * @category errors
 */
export * from "./internal/error/connect.ts"

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
 * Failures of reading the body of a response: `IncompleteRead` and its kin.
 *
 * @since 0.1.0
 * @category errors
 */
export * from "./internal/error/body.ts"

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
 * A union: the caller's mistakes in a request, found before the first byte is sent.
 *
 * @since 0.1.0
 * @category unions
 */
export type InvalidRequest =
  | request.InvalidUrl
  | request.UnsupportedScheme
  | request.InvalidMethod
  | request.InvalidHeaderName
  | request.InvalidHeaderValue
  | request.ForbiddenHeader
  | request.ConflictingFraming
  | request.InvalidTrailer
  | request.UnsupportedBody
  | request.InvalidOption

/**
 * A union: calls in a state that does not allow them: the base class `http.client.ImproperConnectionState`.
 *
 * @since 0.1.0
 * @category unions
 */
export type ImproperConnectionState =
  | state.CannotSendRequest
  | state.CannotSendHeader
  | state.ResponseNotReady

/**
 * A union: failures of opening a connection, the proxy's tunnel included.
 *
 * @since 0.1.0
 * @category unions
 */
export type ConnectFailure =
  | connect.DnsError
  | connect.ConnectError
  | connect.TlsError
  | timeout.HttpTimeout

/**
 * A union: failures of opening a tunnel through a proxy once the proxy is connected.
 *
 * @since 0.1.0
 * @category unions
 */
export type TunnelFailure =
  | connect.ProxyConnectError
  | connect.ProxyAuthRequired
  | Exclude<HeadFailure, head.StaleConnection>

/**
 * A union: failures of sending a request.
 *
 * @since 0.1.0
 * @category unions
 */
export type SendFailure =
  | send.WriteError
  | send.BodyLengthMismatch
  | timeout.HttpTimeout
  | state.ConnectionClosed

/**
 * A union: failures of waiting for and parsing the head of a response.
 *
 * @since 0.1.0
 * @category unions
 */
export type HeadFailure =
  | head.RemoteDisconnected
  | head.StaleConnection
  | head.ReadError
  | head.BadStatusLine
  | head.UnknownProtocol
  | head.InvalidStatusCode
  | head.LineTooLong
  | head.HeadersTooLarge
  | head.TooManyHeaders
  | head.InvalidHeaderLine
  | head.InvalidContentLength
  | head.ConflictingContentLength
  | head.UnknownTransferEncoding
  | head.FramingConflict
  | head.IncompleteHeaders
  | head.TooManyInformational
  | head.UnexpectedUpgrade
  | head.UnexpectedMessage
  | timeout.HttpTimeout
  | state.ConnectionClosed

/**
 * A union: failures of reading the body of a response.
 *
 * @since 0.1.0
 * @category unions
 */
export type BodyFailure =
  | body.IncompleteRead
  | body.InvalidChunkSize
  | body.InvalidChunkEnd
  | body.ChunkTooLarge
  | body.ChunkExtensionsTooLong
  | head.LineTooLong
  | request.InvalidTrailer
  | body.TrailersTooLarge
  | body.BodyTooLarge
  | body.ConnectionReset
  | state.BodyAlreadyConsumed
  | timeout.HttpTimeout
  | state.ConnectionClosed

/**
 * A union: every error of this library. `E` is the error of the caller's own body stream.
 *
 * @since 0.1.0
 * @category unions
 */
export type HttpError<E = unknown> =
  | InvalidRequest
  | request.UnimplementedFileMode
  | ImproperConnectionState
  | state.NotConnected
  | ConnectFailure
  | TunnelFailure
  | SendFailure
  | send.RequestBodyError<E>
  | HeadFailure
  | BodyFailure
  | body.BodyDecodeError

/**
 * A union: what Python raises as `http.client.BadStatusLine`, or as the `RemoteDisconnected` below it.
 *
 * @since 0.1.0
 * @category unions
 */
export type BadStatusLineFamily =
  | head.BadStatusLine
  | head.InvalidStatusCode
  | head.RemoteDisconnected
  | head.StaleConnection

/**
 * A union: the base class `http.client.HTTPException`, that is what Python's 14 classes became here, and what it raises as
 * a plain `HTTPException`.
 *
 * @since 0.1.0
 * @category unions
 */
export type HttpException =
  | state.NotConnected
  | request.InvalidUrl
  | head.UnknownProtocol
  | head.UnknownTransferEncoding
  | request.UnimplementedFileMode
  | body.IncompleteRead
  | ImproperConnectionState
  | BadStatusLineFamily
  | head.LineTooLong
  | head.TooManyHeaders
  | body.InvalidChunkSize

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

/**
 * Whether an error is of Python's `HTTPException` family: `except http.client.HTTPException`.
 *
 * @since 0.1.0
 * @category guards
 */
export const isHttpException: (u: unknown) => u is HttpException = isOneOf([
  "NotConnected",
  "InvalidUrl",
  "UnknownProtocol",
  "UnknownTransferEncoding",
  "UnimplementedFileMode",
  "IncompleteRead",
  "CannotSendRequest",
  "CannotSendHeader",
  "ResponseNotReady",
  "BadStatusLine",
  "InvalidStatusCode",
  "RemoteDisconnected",
  "StaleConnection",
  "LineTooLong",
  "TooManyHeaders",
  "InvalidChunkSize"
]) as (u: unknown) => u is HttpException

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
