/**
 * The unions of errors: one for each stage, and the equivalents of Python's base classes.
 *
 * @since 0.1.0
 */
import type * as body from "./body.ts"
import type * as connect from "./connect.ts"
import type * as decoding from "./decoding.ts"
import type * as eventStream from "./eventStream.ts"
import type * as head from "./head.ts"
import type * as pool from "./pool.ts"
import type * as redirect from "./redirect.ts"
import type * as request from "./request.ts"
import type * as send from "./send.ts"
import type * as state from "./state.ts"
import type * as status from "./status.ts"
import type * as timeout from "./timeout.ts"
import type * as tls from "./tls.ts"

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
 * A union: calls in a state that does not allow them. The equivalent of the base class
 * `http.client.ImproperConnectionState`.
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
  | connect.AddressRefused
  | connect.ConnectError
  | connect.CredentialsError
  | tls.TlsError
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
  | connect.SocksError
  | Exclude<HeadFailure, head.StaleConnection>

/**
 * A union: failures of sending a request.
 *
 * @since 0.1.0
 * @category unions
 */
export type SendFailure =
  | send.WriteError
  | tls.TlsError
  | send.BodyLengthMismatch
  | timeout.HttpTimeout
  | state.ConnectionClosed

/** Every way in which a head, or what arrives instead of one, can break HTTP/1.1. */
type BrokenHead =
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

/**
 * A union: failures of waiting for and parsing the head of a response.
 *
 * @since 0.1.0
 * @category unions
 */
export type HeadFailure =
  | connect.ProxyAuthRequired
  | head.RemoteDisconnected
  | head.StaleConnection
  | head.ReadError
  | tls.TlsError
  | BrokenHead
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
 * A union: failures of acquiring a connection from the pool.
 *
 * @since 0.2.0
 * @category unions
 */
export type PoolFailure =
  | pool.PoolQueueFull
  | pool.PoolClosed
  | timeout.HttpTimeout

/**
 * A union: failures of following redirects.
 *
 * @since 0.2.0
 * @category unions
 */
export type RedirectFailure =
  | redirect.TooManyRedirects
  | redirect.RedirectLoop
  | redirect.InvalidRedirect
  | redirect.UnsafeRedirect
  | redirect.UnreplayableBody

/**
 * A union: failures of decoding a compressed body.
 *
 * @since 0.2.0
 * @category unions
 */
export type DecodingFailure =
  | decoding.ContentDecodingError
  | decoding.DecompressionBomb
  | decoding.TooManyContentCodings

/**
 * A union: failures of reading a response as server-sent events, besides those of its body.
 *
 * @since 0.2.0
 * @category unions
 */
export type EventStreamFailure =
  | eventStream.NotEventStream
  | eventStream.EventTooLarge

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
  | status.StatusError
  | PoolFailure
  | RedirectFailure
  | DecodingFailure
  | EventStreamFailure

/**
 * A union: the equivalents of `http.client.BadStatusLine` and its subclass `RemoteDisconnected`.
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
 * A union: every way in which a server breaks HTTP/1.1 with what it sends. A head or a body breaks
 * the grammar, contradicts itself, is truncated, exceeds a limit of its lines and fields, or
 * answers no request. A server that closes the connection without sending anything breaks no rule.
 * A body larger than `limits.body` is the caller's choice.
 *
 * An `InvalidTrailer` is one only if the server sent it: `context.fault` is then `Remote`.
 *
 * @since 0.2.0
 * @category unions
 */
export type ProtocolError =
  | BrokenHead
  | body.IncompleteRead
  | body.InvalidChunkSize
  | body.InvalidChunkEnd
  | body.ChunkTooLarge
  | body.ChunkExtensionsTooLong
  | body.TrailersTooLarge
  | request.InvalidTrailer

/**
 * A union: the equivalent of the base class `http.client.HTTPException`. It contains the
 * equivalents of Python's 14 classes, and of a plain `HTTPException`. It also contains every other
 * way in which a server breaks the protocol, so that one guard finds them all.
 *
 * @since 0.1.0
 * @category unions
 */
export type HttpException =
  | state.NotConnected
  | request.InvalidUrl
  | request.UnimplementedFileMode
  | ImproperConnectionState
  | BadStatusLineFamily
  | ProtocolError
