/**
 * Decides whether a request may be retried, by the error that ended it or by the status of its
 * response.
 *
 * Pure. The pool's own retry, `HttpError.mayRepeat` and the `retry` combinators all use it, so that
 * they agree on what is idempotent.
 */
import * as HttpFields from "../HttpFields.ts"
import type { HttpError } from "./error/unions.ts"

/**
 * The parts of a request that say whether sending it twice does harm. Both this library's requests
 * and the platform's have them.
 */
export interface Repeatable {
  readonly method: string
  readonly fields?: HttpFields.HttpFields | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/**
 * The field that makes a server process a request only once, however often it arrives
 * (draft-ietf-httpapi-idempotency-key-header).
 */
export const idempotencyKey = "idempotency-key"

/** Idempotent methods (RFC 9110 section 9.2.2, RFC 10008 section 2). */
const idempotent: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "QUERY"])

/** True if the request has an Idempotency-Key. */
const hasKey = ({ fields, headers }: Repeatable): boolean =>
  (fields !== undefined && HttpFields.has(fields, idempotencyKey))
  || (headers !== undefined && Object.hasOwn(headers, idempotencyKey))

/** True if sending the request twice has the effect of sending it once. */
export const isIdempotent = (request: Repeatable): boolean => idempotent.has(request.method) || hasKey(request)

/**
 * The decision by the tag of an error alone. `Context`: `processed` and `replayable` decide.
 * `Never`: this process or a proxy has refused the request, or it fails the same way again. The
 * latter are a limit, a certificate, a redirect and an invalid form. Every tag is listed, so that a
 * new error needs a decision.
 */
const byTag: { readonly [Tag in HttpError["_tag"]]: "Never" | "Context" } = {
  InvalidUrl: "Never",
  UnsupportedScheme: "Never",
  InvalidMethod: "Never",
  InvalidHeaderName: "Never",
  InvalidHeaderValue: "Never",
  ForbiddenHeader: "Never",
  ConflictingFraming: "Never",
  InvalidTrailer: "Context",
  UnsupportedBody: "Never",
  InvalidOption: "Never",
  UnimplementedFileMode: "Never",
  CannotSendRequest: "Never",
  CannotSendHeader: "Never",
  ResponseNotReady: "Never",
  NotConnected: "Never",
  ConnectionClosed: "Never",
  PoolQueueFull: "Context",
  PoolClosed: "Never",
  DnsError: "Context",
  AddressRefused: "Never",
  ConnectError: "Context",
  CredentialsError: "Never",
  TlsError: "Context",
  ProxyConnectError: "Never",
  ProxyAuthRequired: "Never",
  SocksError: "Context",
  HttpTimeout: "Context",
  WriteError: "Context",
  BodyLengthMismatch: "Never",
  RequestBodyError: "Never",
  RemoteDisconnected: "Context",
  StaleConnection: "Context",
  ReadError: "Context",
  BadStatusLine: "Context",
  UnknownProtocol: "Context",
  InvalidStatusCode: "Context",
  LineTooLong: "Never",
  HeadersTooLarge: "Never",
  TooManyHeaders: "Never",
  InvalidHeaderLine: "Context",
  InvalidContentLength: "Context",
  ConflictingContentLength: "Context",
  UnknownTransferEncoding: "Context",
  FramingConflict: "Context",
  IncompleteHeaders: "Context",
  TooManyInformational: "Never",
  UnexpectedUpgrade: "Context",
  UnexpectedMessage: "Context",
  IncompleteRead: "Context",
  InvalidChunkSize: "Context",
  InvalidChunkEnd: "Context",
  ChunkTooLarge: "Context",
  ChunkExtensionsTooLong: "Never",
  TrailersTooLarge: "Never",
  BodyTooLarge: "Never",
  ConnectionReset: "Context",
  BodyAlreadyConsumed: "Never",
  BodyDecodeError: "Never",
  ContentDecodingError: "Context",
  DecompressionBomb: "Never",
  TooManyContentCodings: "Never",
  TooManyRedirects: "Never",
  RedirectLoop: "Never",
  InvalidRedirect: "Never",
  UnsafeRedirect: "Never",
  UnreplayableBody: "Never",
  StatusError: "Context",
  NotEventStream: "Never",
  EventTooLarge: "Never"
}

/** The statuses that may be temporary, unless the caller lists others. */
export const passingStatuses: ReadonlyArray<number> = [408, 425, 429, 502, 503, 504]

/**
 * The TLS failures that may be temporary. An unsuitable certificate or version fails every time.
 */
const passingTls: ReadonlySet<string> = new Set(["Closed", "Other"])

/** The failures of a SOCKS proxy to reach the server, which may be temporary. */
const passingSocks: ReadonlySet<string> = new Set([
  "GeneralFailure",
  "NetworkUnreachable",
  "HostUnreachable",
  "Refused",
  "TtlExpired"
])

/**
 * True if the request may be retried after this error. The failure must be temporary, and the body
 * replayable. The server must not have processed the request, or may safely process it twice.
 */
export const mayRepeat = (error: HttpError, request: Repeatable): boolean => {
  const { fault, processed, replayable } = error.context
  return fault !== "User"
    && byTag[error._tag] === "Context"
    && (error._tag !== "TlsError" || passingTls.has(error.reason))
    && (error._tag !== "SocksError" || passingSocks.has(error.reason))
    && (error._tag !== "StatusError" || passingStatuses.includes(error.status))
    && replayable
    && (processed === "No" || isIdempotent(request))
}

/**
 * The statuses that are retried, and those of them that prove that the request was not processed.
 */
export interface RepeatedStatuses {
  readonly statuses: ReadonlySet<number>
  readonly unprocessed: ReadonlySet<number>
}

/**
 * True if the request may be retried after this status. The server has received the request, so a
 * method that is not idempotent needs a key. The exception is a status that the caller declares as
 * proof that this server did nothing.
 */
export const mayRepeatStatus = (
  status: number,
  request: Repeatable,
  replayable: boolean,
  { statuses, unprocessed }: RepeatedStatuses
): boolean => replayable && statuses.has(status) && (unprocessed.has(status) || isIdempotent(request))
