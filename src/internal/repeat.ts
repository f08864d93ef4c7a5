/**
 * Decides whether a request may be sent again: by the error that ended it, or by the status that
 * answered it.
 *
 * Pure. The pool's own resend, `HttpError.mayRepeat` and the `retry` combinators all ask here, so
 * that they cannot disagree about what is idempotent.
 */
import * as HttpFields from "../HttpFields.ts"
import type { HttpError } from "./error/unions.ts"

/**
 * The parts of a request that say whether sending it twice does harm: of this library's requests,
 * or of the platform's.
 */
export interface Repeatable {
  readonly method: string
  readonly fields?: HttpFields.HttpFields | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/**
 * The field that makes a server do a request once, however often it is sent
 * (draft-ietf-httpapi-idempotency-key-header).
 */
export const idempotencyKey = "idempotency-key"

/** Idempotent methods (RFC 9110 section 9.2.2). */
const idempotent: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"])

/** True if the request names itself by an Idempotency-Key. */
const hasKey = ({ fields, headers }: Repeatable): boolean =>
  (fields !== undefined && HttpFields.has(fields, idempotencyKey))
  || (headers !== undefined && Object.hasOwn(headers, idempotencyKey))

/** True if sending the request twice has the effect of sending it once. */
export const isIdempotent = (request: Repeatable): boolean => idempotent.has(request.method) || hasKey(request)

/**
 * What an error says by its tag alone. `Never`: the same request fails the same way again (a limit,
 * a certificate, a redirect, a form that is none), or this process or a proxy has refused it.
 * `Context`: see `processed` and `replayable`. Written out for every tag, so that a new error must
 * be decided on.
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
  ConnectError: "Context",
  TlsError: "Context",
  ProxyConnectError: "Never",
  ProxyAuthRequired: "Never",
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
  StatusError: "Context"
}

/** The statuses that may pass by themselves, unless the caller says which. */
export const passingStatuses: ReadonlyArray<number> = [408, 425, 429, 502, 503, 504]

/**
 * The TLS failures that may pass by themselves. A certificate or a version that does not fit fails
 * every time.
 */
const passingTls: ReadonlySet<string> = new Set(["Closed", "Other"])

/**
 * Whether a request that failed so may be sent again: its failure may pass, its body can be sent
 * again, and the server has not seen it or does no harm by doing it twice.
 */
export const mayRepeat = (error: HttpError, request: Repeatable): boolean => {
  const { fault, processed, replayable } = error.context
  return fault !== "User"
    && byTag[error._tag] === "Context"
    && (error._tag !== "TlsError" || passingTls.has(error.reason))
    && (error._tag !== "StatusError" || passingStatuses.includes(error.status))
    && replayable
    && (processed === "No" || isIdempotent(request))
}

/**
 * The statuses that are repeated, and those of them that say that the request was not processed.
 */
export interface RepeatedStatuses {
  readonly statuses: ReadonlySet<number>
  readonly unprocessed: ReadonlySet<number>
}

/**
 * Whether a request that was answered so may be sent again. The server has seen it then, so that a
 * method which is not idempotent needs a key, unless the caller knows of this server that the
 * status means it did nothing.
 */
export const mayRepeatStatus = (
  status: number,
  request: Repeatable,
  replayable: boolean,
  { statuses, unprocessed }: RepeatedStatuses
): boolean => replayable && statuses.has(status) && (unprocessed.has(status) || isIdempotent(request))
