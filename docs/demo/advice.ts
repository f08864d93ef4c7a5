/** What to do about an error, in plain words: a line for every tag that there is. */
import type { HttpError } from "effect-http-client"

type Tag = HttpError.HttpError["_tag"]

const mendRequest = "Mend the request: nothing was sent, and sending it again cannot help."
const mendCalls = "Mend the order of the calls on the connection."
const notHttp = "Check that this is the port of an HTTP/1 server, and whether it is http or https that it speaks."
const serverBroken = "The server breaks HTTP: tell its owner. If you must talk to it, see `HttpLeniency`."
const tooLarge = "Raise the limit that the message names, if you trust the server."
const again = "Try again: the connection was lost."

type Advice = { readonly [T in Tag]: string | ((error: Extract<HttpError.HttpError, { readonly _tag: T }>) => string) }

const advice: Advice = {
  InvalidUrl: ({ part }) =>
    part === "userinfo" ? "Leave the credentials out of the URL, and send an Authorization field." : "Mend the URL.",
  UnsupportedScheme: "Use an http or https URL.",
  InvalidMethod: mendRequest,
  InvalidHeaderName: mendRequest,
  InvalidHeaderValue: mendRequest,
  ForbiddenHeader: mendRequest,
  ConflictingFraming: mendRequest,
  InvalidTrailer: mendRequest,
  UnsupportedBody: mendRequest,
  UnimplementedFileMode: mendRequest,
  PoolQueueFull: "Send fewer requests at once, or allow more connections.",
  PoolClosed: "Send requests within the scope of the pool.",
  TooManyRedirects: "See `history` for the way that the server sent the request, and ask for its end.",
  RedirectLoop: "See `history`; the server may want credentials or a cookie that it does not get.",
  InvalidRedirect: serverBroken,
  UnsafeRedirect: "Ask for the target yourself, if it is trusted.",
  UnreplayableBody: "Send the body from memory, or ask for the redirect's target.",
  ContentDecodingError: "Send the field Accept-Encoding with `identity`, and tell the server's owner.",
  DecompressionBomb: "Raise the limit that the message names, if you trust the server.",
  TooManyContentCodings: serverBroken,
  InvalidOption: "Mend the option that the message names.",
  CannotSendRequest: mendCalls,
  CannotSendHeader: mendCalls,
  ResponseNotReady: mendCalls,
  NotConnected: mendCalls,
  ConnectionClosed: mendCalls,
  BodyAlreadyConsumed: mendCalls,
  DnsError: "Check the host name, and that this machine has a network and a resolver.",
  AddressRefused: "Do not go there: if the program must, allow the address with `AddressPolicy.make`.",
  ConnectError: "Check host and port, that the server runs, and that no firewall is between.",
  CredentialsError: ({ option }) => `See why the Effect of the option "${option}" fails.`,
  TlsError: ({ reason }) =>
    reason === "NotTls"
      ? "Use http, or the port on which the server speaks TLS."
      : "Do not turn verification off: mend the certificate, or trust its issuer with `tls.ca`.",
  HttpTimeout: "Try again later, or raise the timeout that the message names.",
  ProxyConnectError: "Ask the proxy's owner whether it may go there.",
  SocksError: "Check the scheme and the address of the proxy, and whether it may go there.",
  ProxyAuthRequired: "Give the tunnel a Proxy-Authorization field.",
  WriteError: again,
  BodyLengthMismatch: "Declare the length that the body has, or none.",
  RequestBodyError: "See the error of the body's own stream.",
  RemoteDisconnected: "Check that it is the right port, then try again: the server went away without an answer.",
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
  BodyDecodeError: "Read the body as bytes and look at what it is.",
  StatusError: "See status, fields and bodyPrefix: the server has answered.",
  NotEventStream: "Look at what the server answers: it is not the list of events.",
  EventTooLarge: tooLarge
}

/** What to do about this error. */
export const whatToDo = (error: HttpError.HttpError): string => {
  const text = advice[error._tag] as string | ((error: HttpError.HttpError) => string)
  return typeof text === "string" ? text : text(error)
}
