/** What to do about an error, in plain words: a line for every tag. */
import type { HttpError } from "effect-http-client"

type Tag = HttpError.HttpError["_tag"]

const fixRequest = "Fix the request: nothing was sent, and a retry cannot help."
const fixCalls = "Fix the order of the calls on the connection."
const notHttp = "Check that this is the port of an HTTP/1 server, and whether it speaks http or https."
const serverBroken = "The server breaks HTTP: report it to its operator. If you must use it, see `HttpLeniency`."
const tooLarge = "Raise the limit that the message names, if you trust the server."
const again = "Try again: the connection was lost."

type Advice = { readonly [T in Tag]: string | ((error: Extract<HttpError.HttpError, { readonly _tag: T }>) => string) }

const advice: Advice = {
  InvalidUrl: ({ part }) =>
    part === "userinfo" ? "Leave the credentials out of the URL, and send an Authorization field." : "Fix the URL.",
  UnsupportedScheme: "Use an http or https URL.",
  InvalidMethod: fixRequest,
  InvalidHeaderName: fixRequest,
  InvalidHeaderValue: fixRequest,
  ForbiddenHeader: fixRequest,
  ConflictingFraming: fixRequest,
  InvalidTrailer: fixRequest,
  UnsupportedBody: fixRequest,
  UnimplementedFileMode: fixRequest,
  PoolQueueFull: "Send fewer requests at once, or allow more connections.",
  PoolClosed: "Send requests within the scope of the pool.",
  TooManyRedirects: "See `history` for the redirects, and request the last target.",
  RedirectLoop: "See `history`; the server may want credentials or a cookie that it does not get.",
  InvalidRedirect: serverBroken,
  UnsafeRedirect: "Request the target yourself, if it is trusted.",
  UnreplayableBody: "Send the body from memory, or request the redirect's target.",
  ContentDecodingError: "Send the field Accept-Encoding with `identity`, and report it to the server's operator.",
  DecompressionBomb: "Raise the limit that the message names, if you trust the server.",
  TooManyContentCodings: serverBroken,
  InvalidOption: "Fix the option that the message names.",
  CannotSendRequest: fixCalls,
  CannotSendHeader: fixCalls,
  ResponseNotReady: fixCalls,
  NotConnected: fixCalls,
  ConnectionClosed: fixCalls,
  BodyAlreadyConsumed: fixCalls,
  DnsError: "Check the host name, and that this machine has a network and a resolver.",
  AddressRefused: "Do not go there: if the program must, allow the address with `AddressPolicy.make`.",
  ConnectError: "Check host and port, that the server runs, and that no firewall is between.",
  CredentialsError: ({ option }) => `See why the Effect of the option "${option}" fails.`,
  TlsError: ({ reason }) =>
    reason === "NotTls"
      ? "Use http, or the port on which the server speaks TLS."
      : "Do not turn verification off: replace the certificate, or trust its issuer with `tls.ca`.",
  HttpTimeout: "Try again later, or raise the timeout that the message names.",
  ProxyConnectError: "Ask the proxy's operator whether this target is allowed.",
  SocksError: "Check the scheme and the address of the proxy, and whether the target is allowed.",
  ProxyAuthRequired: "Set the `credentials` of the proxy.",
  WriteError: again,
  BodyLengthMismatch: "Declare the correct length of the body, or none.",
  RequestBodyError: "See the error of the body's stream.",
  RemoteDisconnected: "Check that it is the right port, then try again: the server closed without a response.",
  StaleConnection: again,
  ReadError: again,
  BadStatusLine: notHttp,
  UnknownProtocol: notHttp,
  InvalidStatusCode: serverBroken,
  LineTooLong: tooLarge,
  HeadersTooLarge: tooLarge,
  TooManyHeaders: tooLarge,
  InvalidHeaderLine: serverBroken,
  InvalidContentLength: serverBroken,
  ConflictingContentLength: serverBroken,
  UnknownTransferEncoding: serverBroken,
  FramingConflict: serverBroken,
  IncompleteHeaders: again,
  TooManyInformational: tooLarge,
  UnexpectedUpgrade: serverBroken,
  UnexpectedMessage: serverBroken,
  IncompleteRead: again,
  InvalidChunkSize: serverBroken,
  InvalidChunkEnd: serverBroken,
  ChunkTooLarge: serverBroken,
  ChunkExtensionsTooLong: tooLarge,
  TrailersTooLarge: tooLarge,
  BodyTooLarge: tooLarge,
  ConnectionReset: again,
  BodyDecodeError: "Read the body as bytes and look at it.",
  StatusError: "See status, fields and bodyPrefix: this is a response.",
  NotEventStream: "Look at the response of the server: it is not a stream of events.",
  EventTooLarge: tooLarge
}

/** What to do about this error. */
export const whatToDo = (error: HttpError.HttpError): string => {
  const text = advice[error._tag] as string | ((error: HttpError.HttpError) => string)
  return typeof text === "string" ? text : text(error)
}
