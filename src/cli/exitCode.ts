/** The exit code for each failure: the code that curl has for this kind of failure. */
import type { HttpError, TlsReason } from "../HttpError.ts"

type Tag = HttpError["_tag"]

const wrongInput = 2
const noHttp = 8
const partial = 18
const tooLarge = 63

/** A code for every tag, so that a new error is a type error here. */
const codes: { readonly [T in Tag]: number } = {
  AddressRefused: 7,
  BadStatusLine: noHttp,
  BodyAlreadyConsumed: wrongInput,
  BodyDecodeError: 61,
  BodyLengthMismatch: 55,
  BodyTooLarge: tooLarge,
  CannotSendHeader: wrongInput,
  CannotSendRequest: wrongInput,
  ChunkExtensionsTooLong: tooLarge,
  ChunkTooLarge: noHttp,
  ConflictingContentLength: noHttp,
  ConflictingFraming: wrongInput,
  ConnectError: 7,
  ConnectionClosed: 56,
  ConnectionReset: 56,
  ContentDecodingError: 61,
  CredentialsError: 67,
  DecompressionBomb: tooLarge,
  DnsError: 6,
  EventTooLarge: tooLarge,
  ForbiddenHeader: wrongInput,
  FramingConflict: noHttp,
  HeadersTooLarge: tooLarge,
  HttpTimeout: 28,
  IncompleteHeaders: noHttp,
  IncompleteRead: partial,
  InvalidChunkEnd: noHttp,
  InvalidChunkSize: noHttp,
  InvalidContentLength: noHttp,
  InvalidHeaderLine: noHttp,
  InvalidHeaderName: wrongInput,
  InvalidHeaderValue: wrongInput,
  InvalidMethod: wrongInput,
  InvalidOption: wrongInput,
  InvalidRedirect: noHttp,
  InvalidStatusCode: noHttp,
  InvalidTrailer: wrongInput,
  InvalidUrl: 3,
  LineTooLong: tooLarge,
  NotConnected: 7,
  NotEventStream: noHttp,
  PoolClosed: 7,
  PoolQueueFull: 7,
  ProxyAuthRequired: 97,
  ProxyConnectError: 97,
  ReadError: 56,
  RedirectLoop: 47,
  RemoteDisconnected: 52,
  RequestBodyError: 26,
  ResponseNotReady: wrongInput,
  SocksError: 97,
  StaleConnection: 52,
  StatusError: 22,
  TlsError: 35,
  TooManyContentCodings: 61,
  TooManyHeaders: tooLarge,
  TooManyInformational: tooLarge,
  TooManyRedirects: 47,
  TrailersTooLarge: tooLarge,
  UnexpectedMessage: noHttp,
  UnexpectedUpgrade: noHttp,
  UnimplementedFileMode: wrongInput,
  UnknownProtocol: noHttp,
  UnknownTransferEncoding: noHttp,
  UnreplayableBody: 65,
  UnsafeRedirect: 1,
  UnsupportedBody: wrongInput,
  UnsupportedScheme: 1,
  WriteError: 55
}

/** The failures of verifying the server's certificate, which have a separate code in curl. */
const verdicts: ReadonlySet<TlsReason> = new Set([
  "CertificateExpired",
  "CertificateNotYetValid",
  "HostnameMismatch",
  "UntrustedIssuer",
  "SelfSigned",
  "PinMismatch",
  "Revoked",
  "RevocationUnknown",
  "WrongPurpose"
])

/** Returns the exit code for a failure. */
export const exitCode = (error: HttpError): number =>
  error._tag === "TlsError" && verdicts.has(error.reason)
    ? 60
    : error._tag === "DnsError" && error.context.peer === "Proxy"
    ? 5
    : codes[error._tag]
