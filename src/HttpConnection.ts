/**
 * One HTTP/1.1 connection as a scoped resource: `http.client.HTTPConnection` and, with `tls`,
 * `HTTPSConnection`.
 *
 * It has two APIs. `execute` sends a whole request and returns its response. The step-by-step calls
 * are those of `http.client`: `putRequest`, `putHeader`, `endHeaders`, `send`, `getResponse`, and
 * `request`, which combines the first four. It handles one request at a time. A second one before
 * the first response was read to its end fails with `CannotSendRequest`.
 *
 * The connection opens when it is first needed, and again if it was closed (`autoOpen`). If the
 * server closed it while it was idle, it is never used. Closing the scope closes it. Interrupting
 * any call after the first byte was sent closes it too, because the state of the wire is then
 * unknown.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { HttpConnection, HttpRequest, NodeTransport } from "effect-http-client"
 *
 * export const program = Effect.gen(function*() {
 *   const connection = yield* HttpConnection.make({ host: "localhost", port: 8080 })
 *   const response = yield* connection.execute(HttpRequest.get("/"))
 *   return yield* response.text
 * }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
 * ```
 *
 * @since 0.1.0
 */
import * as PlatformHeaders from "@effect/platform/Headers"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { ConnectionEvent } from "./ConnectionEvent.ts"
import type * as HttpBody from "./HttpBody.ts"
import type {
  CannotSendHeader,
  CannotSendRequest,
  ConnectFailure,
  ConnectionClosed,
  ConnectionState,
  HeadFailure,
  InvalidRequest,
  NotConnected,
  RequestBodyError,
  ResponseNotReady,
  SendFailure,
  TunnelFailure
} from "./HttpError.ts"
import * as HttpFields from "./HttpFields.ts"
import type { HttpLeniency } from "./HttpLeniency.ts"
import type * as HttpLimits from "./HttpLimits.ts"
import type { HttpRequest } from "./HttpRequest.ts"
import type { HttpResponse, Informational } from "./HttpResponse.ts"
import type * as HttpTimeouts from "./HttpTimeouts.ts"
import * as internal from "./internal/effect/httpConnection.ts"
import * as reading from "./internal/effect/readResponse.ts"
import type { Upgraded } from "./internal/effect/upgradedModel.ts"
import type { UpgradeRefused } from "./internal/effect/upgradeRefused.ts"
import { trace } from "./internal/platform/trace.ts"
import type * as Origin from "./Origin.ts"
import type * as Proxy from "./Proxy.ts"
import type * as Tls from "./Tls.ts"
import type { Transport } from "./Transport.ts"

/**
 * The destination of a connection, and how to reach it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * A name or address, with or without a port: `host`, `host:8080`, `::1`, `[::1]`, `[::1]:8080`.
   * Not needed with `socketPath`.
   */
  readonly host?: string | undefined
  /**
   * 1 to 65535. Default: the port in `host`, else 443 with `tls` and 80 without: `HTTPS_PORT`,
   * `HTTP_PORT`.
   */
  readonly port?: number | undefined
  /**
   * True, or TLS options, for a connection over TLS: `HTTPSConnection`, `context`. Default:
   * `false`.
   */
  readonly tls?: boolean | Tls.Input | undefined
  /**
   * The path of a unix socket to connect to. `host` then only names the server, by default
   * `localhost`.
   */
  readonly socketPath?: string | undefined
  /**
   * The local IP address to connect from: the host of `source_address`. Default: chosen by the
   * system.
   */
  readonly localAddress?: string | undefined
  /**
   * The local port to connect from, 0 to 65535: the port of `source_address`. Opening fails with
   * `ConnectError` while the system still holds an earlier connection from that port to the same
   * server. Default: 0, chosen by the system.
   */
  readonly localPort?: number | undefined
  /**
   * The proxy to connect through, of any kind (`Proxy.make`). A request for http is forwarded by an
   * HTTP proxy. Otherwise there is a tunnel. Not together with `tunnel` or `socketPath`. Default:
   * none.
   */
  readonly proxy?: Proxy.Proxy | undefined
  /** A tunnel to open through the proxy at `host` and `port`: see `setTunnel`. Default: none. */
  readonly tunnel?: Tunnel | undefined
  /**
   * The number of bytes of a body in memory in one write to the transport: `blocksize`. Default:
   * 65536.
   */
  readonly blockSize?: number | undefined
  /**
   * True if the connection opens automatically when a request needs it: `auto_open`. Default:
   * `true`.
   */
  readonly autoOpen?: boolean | undefined
  /** Default: `HttpTimeouts.defaults`. */
  readonly timeouts?: HttpTimeouts.Options | undefined
  /** Default: `HttpLimits.defaults`. */
  readonly limits?: HttpLimits.Options | undefined
  /** Default: `HttpLeniency.strict`. */
  readonly leniency?: HttpLeniency | undefined
  /**
   * True if every head is logged at level Info with secrets redacted: those of the platform's
   * `Headers.currentRedactedNames` and this library's. `set_debuglevel`. Default: `false`.
   */
  readonly wireTap?: boolean | undefined
  /**
   * True if `execute` creates a client span with the name and attributes of the platform's
   * `HttpClient`, and sends `traceparent` and `b3`. See `HttpClient.withTracerDisabledWhen`,
   * `withTracerPropagation` and `withSpanNameGenerator`. The step-by-step calls create none.
   * Default: `false`.
   */
  readonly tracing?: boolean | undefined
  /**
   * Called synchronously with the events of the connection: the audit events `http.client.connect`
   * and `http.client.send`. What it throws is logged. Default: none.
   */
  readonly onEvent?: ((event: ConnectionEvent) => void) | undefined
}

/**
 * A tunnel through a proxy.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tunnel {
  /** The destination of the tunnel. */
  readonly host: string
  /** Default: the port in `host`, else 443 with `tls` and 80 without. */
  readonly port?: number | undefined
  /** Fields sent only to the proxy, such as Proxy-Authorization. Default: none. */
  readonly headers?: HttpFields.Input | undefined
}

/**
 * The failures of `connect`.
 *
 * @since 0.1.0
 * @category errors
 */
export type OpenFailure = ConnectFailure | TunnelFailure

/**
 * The failures of `execute`. `E` is the error of the request's own body stream.
 *
 * @since 0.1.0
 * @category errors
 */
export type ExecuteFailure<E = never> =
  | InvalidRequest
  | CannotSendRequest
  | ConnectionClosed
  | NotConnected
  | OpenFailure
  | SendFailure
  | HeadFailure
  | ([E] extends [never] ? never : RequestBodyError<E>)

/**
 * The failures of `endHeaders`, `send` and `request`. They include the failures of the head,
 * because the server may respond or close while the request is still being sent.
 *
 * @since 0.1.0
 * @category errors
 */
export type StepFailure =
  | InvalidRequest
  | CannotSendHeader
  | NotConnected
  | OpenFailure
  | SendFailure
  | HeadFailure
  | RequestBodyError<unknown>

/**
 * A connection.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpConnection {
  /** The origin of its requests: the destination of the tunnel if there is one. */
  readonly origin: Origin.Origin
  /** The state of the connection. In Python it is private. */
  readonly state: Effect.Effect<ConnectionState>
  /** True if the connection to the server is open now. */
  readonly isOpen: Effect.Effect<boolean>
  /**
   * Opens the connection, including its tunnel and TLS. Does nothing if it is open: `connect()`.
   */
  readonly connect: Effect.Effect<void, OpenFailure | CannotSendRequest | ConnectionClosed>
  /**
   * Closes the connection and any exchange in flight. It can be used again. Idempotent: `close()`.
   */
  readonly close: Effect.Effect<void>

  /**
   * Sends a request and returns its response as soon as the head has arrived. A streamed body may
   * still be in flight then. If the server refuses the body (status 400 and above, or a redirect
   * that closes), the sending stops. The response then takes precedence over the broken connection.
   */
  execute<E = never>(request: HttpRequest<E>): Effect.Effect<HttpResponse, ExecuteFailure<E>>
  /**
   * Sends a request after which the connection is to leave HTTP: one with an Upgrade field, or a
   * CONNECT. See `Upgrade`. Until its scope closes, or both sides have finished, the state is
   * `Upgraded`; afterwards the next request opens another connection.
   */
  upgrade<E = never>(
    request: HttpRequest<E>
  ): Effect.Effect<Upgraded, ExecuteFailure<E> | UpgradeRefused, Scope.Scope>

  /**
   * Starts a request. Adds Host and `Accept-Encoding: identity` unless skipped. A target that is a
   * URL is sent whole, as a forward proxy requires: `putrequest(method, url, skip_host,
   * skip_accept_encoding)`. `onInformational` is that of `HttpRequest.Options`.
   */
  putRequest(
    method: string,
    target: string,
    options?: {
      readonly skipHost?: boolean | undefined
      readonly skipAcceptEncoding?: boolean | undefined
      readonly onInformational?: ((informational: Informational) => void) | undefined
    }
  ): Effect.Effect<void, InvalidRequest | CannotSendRequest | ConnectionClosed>
  /**
   * Adds a field of one value: `putheader(header, *values)`. Several values are the lines over
   * which Python folds the field. RFC 9112 section 5.2 forbids sending those, so they are joined by
   * single spaces, as a recipient would read them. For a list, write its commas, or call this once
   * for each member. Text is ISO-8859-1, bytes are sent unchanged, and a number that is not finite
   * is `InvalidHeaderValue`.
   */
  putHeader(
    name: string,
    ...values: ReadonlyArray<HttpFields.Value>
  ): Effect.Effect<void, InvalidRequest | CannotSendHeader>
  /**
   * Sends the head, and a body if there is one. If the caller has set a Transfer-Encoding field,
   * the body is sent unchanged unless `encodeChunked` is true, and must be chunked:
   * `endheaders(message_body, encode_chunked)`.
   */
  endHeaders<E = never>(options?: {
    readonly body?: HttpBody.Input<E> | undefined
    readonly encodeChunked?: boolean | undefined
  }): Effect.Effect<void, StepFailure>
  /**
   * Sends a piece of the body after `endHeaders`, within the framing that the fields announced.
   * With `encodeChunked` each piece is a chunk, and `getResponse` sends the last one: `send(data)`.
   */
  send<E = never>(data: HttpBody.Input<E>): Effect.Effect<void, StepFailure>
  /**
   * Sends a whole request: `request(method, url, body, headers, encode_chunked)`. `json`, `form`
   * and `query` are those of `HttpRequest.make`, `onInformational` that of `HttpRequest.Options`.
   */
  request<E = never>(
    method: string,
    target: string,
    options?: HttpBody.Content & {
      readonly body?: HttpBody.Input<E> | undefined
      readonly query?: HttpBody.FormInput | undefined
      readonly headers?: HttpFields.Input | undefined
      readonly encodeChunked?: boolean | undefined
      readonly onInformational?: ((informational: Informational) => void) | undefined
    }
  ): Effect.Effect<void, StepFailure | CannotSendRequest | ConnectionClosed>
  /** The response to the request: `getresponse()`. */
  readonly getResponse: Effect.Effect<
    HttpResponse,
    ResponseNotReady | ConnectionClosed | InvalidRequest | SendFailure | HeadFailure
  >

  /**
   * Makes the connection use a tunnel: the destination given to `make` becomes the proxy. Allowed
   * only before it is open or a request is started: `set_tunnel(host, port, headers)`.
   */
  setTunnel(host: string, port?: number, headers?: HttpFields.Input): Effect.Effect<void, InvalidRequest>
  /** The fields of the proxy's response to the last CONNECT: `get_proxy_response_headers()`. */
  readonly getProxyResponseHeaders: Effect.Effect<Option.Option<HttpFields.HttpFields>>
}

const redactedNames: Effect.Effect<ReadonlyArray<string | RegExp>> = Effect.map(
  FiberRef.get(PlatformHeaders.currentRedactedNames),
  (names) => [...HttpFields.redactedNames, ...names]
)

/**
 * Creates a connection that opens when it is first needed. Closing the scope closes it:
 * `HTTPConnection(host, port, timeout, source_address, blocksize)`. Fails with `InvalidUrl` for an
 * invalid host or port, and with the errors of other invalid options.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<HttpConnection, InvalidRequest, Scope.Scope | Transport> =>
  internal.make(options, redactedNames, trace)

/**
 * Creates a connection and opens it at once. Interruption aborts the opening and leaves nothing
 * open.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (
  options: Options
): Effect.Effect<
  HttpConnection,
  InvalidRequest | OpenFailure | CannotSendRequest | ConnectionClosed,
  Scope.Scope | Transport
> => Effect.tap(make(options), (connection) => connection.connect)

/**
 * Options of `readResponse`.
 *
 * @since 0.2.0
 * @category models
 */
export interface ReadResponseOptions {
  /** The method of the answered request, which decides whether there is a body. Default: `GET`. */
  readonly method?: string | undefined
  /** The requested URL, for `url` and for messages. Default: `http://localhost/`. */
  readonly url?: string | undefined
  /** Default: those of a connection. Only `head`, `bodyIdle` and `total` have an effect. */
  readonly timeouts?: HttpTimeouts.Options | undefined
  /** Default: `HttpLimits.defaults`. */
  readonly limits?: HttpLimits.Options | undefined
  /** Default: strict. */
  readonly leniency?: HttpLeniency | undefined
}

/**
 * Reads a response from bytes, without a connection: `http.client.HTTPResponse(sock, method,
 * url).begin()`. For recorded responses, or those from the caller's own channel.
 *
 * The response is returned as soon as its head has been read. Informational responses are in
 * `informational`. A stream is pulled while its body is read, and closed with the scope. Its
 * failure is the `cause` of a `ReadError` before the head is complete, and of a `ConnectionReset`
 * within the body. Its end is the end of the connection. Bytes after the response are dropped.
 * Fails with `HeadFailure` for an invalid head, and with the error of an invalid option.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { HttpConnection } from "effect-http-client"
 *
 * const recorded = new TextEncoder().encode("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
 *
 * export const program = Effect.gen(function*() {
 *   const response = yield* HttpConnection.readResponse(recorded)
 *   console.log(response.status, yield* response.text) // 200 hello
 * }).pipe(Effect.scoped)
 * ```
 *
 * @since 0.2.0
 * @category reading
 */
export const readResponse = (
  source: Uint8Array | Stream.Stream<Uint8Array, unknown>,
  options: ReadResponseOptions = {}
): Effect.Effect<HttpResponse, InvalidRequest | HeadFailure, Scope.Scope> =>
  reading.readResponse(source, options, redactedNames)
