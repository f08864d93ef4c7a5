/**
 * Maps this library's errors to the platform's: class and reason. `docs/errors.md` has the same
 * table.
 *
 * A mistake of the caller is never `Transport`, because `HttpClient.retryTransient` retries that.
 * If the context of an error blames the `User`, the reason is `Encode`, whatever its class.
 */
import type { HttpClientError } from "@effect/platform/HttpClientError"
import { RequestError, ResponseError } from "@effect/platform/HttpClientError"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import { NodeInspectSymbol } from "effect/Inspectable"
import type {
  BodyDecodeError,
  BodyFailure,
  DecodingFailure,
  EventStreamFailure,
  HeadFailure,
  HttpError,
  InvalidRequest,
  PoolFailure,
  RedirectFailure,
  SendFailure,
  StatusError
} from "../../HttpError.ts"
import type { Inspect } from "../error/base.ts"
import { inspected } from "../error/base.ts"
import { shownUrl } from "./url.ts"

/** Failures after the response has arrived. */
export type ResponseFailure =
  | BodyFailure
  | BodyDecodeError
  | DecodingFailure
  | EventStreamFailure
  | RedirectFailure
  | StatusError

/** Those that also occur before the response has arrived. */
type Both = Extract<ResponseFailure, InvalidRequest | PoolFailure | SendFailure | HeadFailure>

/**
 * Failures before the response has arrived. All others belong here, so that the type checker
 * demands a reason for a new error.
 */
export type RequestFailure = Exclude<HttpError, Exclude<ResponseFailure, Both>>

/** The reasons of `RequestError`. */
export const requestReasons: { readonly [Tag in RequestFailure["_tag"]]: RequestError["reason"] } = {
  InvalidUrl: "InvalidUrl",
  UnsupportedScheme: "InvalidUrl",
  InvalidMethod: "Encode",
  InvalidHeaderName: "Encode",
  InvalidHeaderValue: "Encode",
  ForbiddenHeader: "Encode",
  ConflictingFraming: "Encode",
  InvalidTrailer: "Encode",
  UnsupportedBody: "Encode",
  InvalidOption: "Encode",
  UnimplementedFileMode: "Encode",
  CannotSendRequest: "Encode",
  CannotSendHeader: "Encode",
  ResponseNotReady: "Encode",
  NotConnected: "Encode",
  ConnectionClosed: "Transport",
  PoolQueueFull: "Transport",
  PoolClosed: "Encode",
  DnsError: "Transport",
  AddressRefused: "Encode",
  ConnectError: "Transport",
  CredentialsError: "Encode",
  TlsError: "Transport",
  ProxyConnectError: "Transport",
  ProxyAuthRequired: "Encode",
  SocksError: "Transport",
  HttpTimeout: "Transport",
  WriteError: "Transport",
  BodyLengthMismatch: "Encode",
  RequestBodyError: "Encode",
  RemoteDisconnected: "Transport",
  StaleConnection: "Transport",
  ReadError: "Transport",
  BadStatusLine: "Transport",
  UnknownProtocol: "Transport",
  InvalidStatusCode: "Transport",
  LineTooLong: "Transport",
  HeadersTooLarge: "Transport",
  TooManyHeaders: "Transport",
  InvalidHeaderLine: "Transport",
  InvalidContentLength: "Transport",
  ConflictingContentLength: "Transport",
  UnknownTransferEncoding: "Transport",
  FramingConflict: "Transport",
  IncompleteHeaders: "Transport",
  TooManyInformational: "Transport",
  UnexpectedUpgrade: "Transport",
  UnexpectedMessage: "Transport"
}

/** The reasons of `ResponseError`. */
export const responseReasons: { readonly [Tag in ResponseFailure["_tag"]]: ResponseError["reason"] } = {
  IncompleteRead: "Decode",
  InvalidChunkSize: "Decode",
  InvalidChunkEnd: "Decode",
  ChunkTooLarge: "Decode",
  ChunkExtensionsTooLong: "Decode",
  LineTooLong: "Decode",
  InvalidTrailer: "Decode",
  TrailersTooLarge: "Decode",
  BodyTooLarge: "Decode",
  ConnectionReset: "Decode",
  BodyAlreadyConsumed: "Decode",
  HttpTimeout: "Decode",
  ConnectionClosed: "Decode",
  BodyDecodeError: "Decode",
  ContentDecodingError: "Decode",
  DecompressionBomb: "Decode",
  TooManyContentCodings: "Decode",
  TooManyRedirects: "StatusCode",
  RedirectLoop: "StatusCode",
  InvalidRedirect: "StatusCode",
  UnsafeRedirect: "StatusCode",
  UnreplayableBody: "StatusCode",
  StatusError: "StatusCode",
  NotEventStream: "Decode",
  EventTooLarge: "Decode"
}

/**
 * Returns the parts of a request that may be shown. The platform's own output may contain secrets:
 * userinfo, the query, the body.
 */
export const shownRequest = ({ method, url }: HttpClientRequest) => ({ method, url: shownUrl(url) })

const json = (error: HttpClientError): Record<string, unknown> => ({
  _tag: error._tag,
  reason: error.reason,
  message: error.message,
  request: shownRequest(error.request),
  ...(error._tag === "ResponseError" ? { response: { status: error.response.status } } : undefined),
  cause: error.cause
})

/** A `RequestError` that shows no secret. */
class ShownRequestError extends RequestError {
  override get methodAndUrl(): string {
    return `${this.request.method} ${shownUrl(this.request.url)}`
  }
  override toJSON(): unknown {
    return json(this)
  }
  override [NodeInspectSymbol](_depth?: number, options?: object, inspect?: Inspect): unknown {
    return inspected(this, options, inspect)
  }
}

/** A `ResponseError` that shows no secret. */
class ShownResponseError extends ResponseError {
  override get methodAndUrl(): string {
    return `${this.request.method} ${shownUrl(this.request.url)}`
  }
  override toJSON(): unknown {
    return json(this)
  }
  override [NodeInspectSymbol](_depth?: number, options?: object, inspect?: Inspect): unknown {
    return inspected(this, options, inspect)
  }
}

/**
 * Returns the reason of the class, except for an error of the caller, which must not be retried.
 */
const requestReason = ({ _tag, context }: RequestFailure): RequestError["reason"] => {
  const reason = requestReasons[_tag]
  return reason === "Transport" && context.fault === "User" ? "Encode" : reason
}

/** Creates the error for a failure before the response has arrived. */
export const requestError = (request: HttpClientRequest, cause: RequestFailure): RequestError =>
  new ShownRequestError({ request, reason: requestReason(cause), description: cause.description, cause })

/**
 * Creates the error for a failure of a response. `description` replaces the cause's own words, and
 * `request` the request of the response.
 */
export const responseError = (
  response: HttpClientResponse,
  cause: ResponseFailure,
  description: string = cause.description,
  request: HttpClientRequest = response.request
): ResponseError =>
  new ShownResponseError({
    request,
    response,
    reason: responseReasons[cause._tag],
    description,
    cause
  })
