/**
 * One HTTP/1.1 connection as a scoped resource: `http.client.HTTPConnection` and, with `tls`,
 * `HTTPSConnection`.
 *
 * It has two faces. `execute` sends a whole request and gives its response. The step-by-step calls
 * (`putRequest`, `putHeader`, `endHeaders`, `send`, `getResponse`, and `request`, which joins the
 * first four) are those of `http.client`. One request at a time: a second one before the first
 * response was read to its end fails with `CannotSendRequest`.
 *
 * The connection opens when it is first needed, and opens anew when it was closed (`autoOpen`); a
 * connection that the server closed while it was idle is never used. The end of the scope closes
 * it. Interrupting any call after the first byte was sent closes it too, because what is on the
 * wire can no longer be known.
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
import type { HttpResponse } from "./HttpResponse.ts"
import type * as HttpTimeouts from "./HttpTimeouts.ts"
import * as internal from "./internal/effect/httpConnection.ts"
import * as reading from "./internal/effect/readResponse.ts"
import { trace } from "./internal/platform/trace.ts"
import type * as Origin from "./Origin.ts"
import type * as Tls from "./Tls.ts"
import type { Transport } from "./Transport.ts"

/**
 * Where a connection goes, and how.
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
   * 1 to 65535. Default: that of `host`, else 443 with `tls` and 80 without: `HTTPS_PORT`,
   * `HTTP_PORT`.
   */
  readonly port?: number | undefined
  /** Whether TLS is spoken, and its options: `HTTPSConnection`, `context`. Default: `false`. */
  readonly tls?: boolean | Tls.Options | undefined
  /**
   * The path of a unix socket to connect to. `host` then only names the server, `localhost` by
   * default.
   */
  readonly socketPath?: string | undefined
  /**
   * The local IP address to connect from: the host of `source_address`. Default: the system's
   * choice.
   */
  readonly localAddress?: string | undefined
  /**
   * The local port to connect from, 0 to 65535: the port of `source_address`. While the system
   * still holds an earlier connection from that port to the same server, opening fails with
   * `ConnectError`. Default: 0, the system's choice.
   */
  readonly localPort?: number | undefined
  /**
   * A tunnel to open through the proxy that `host` and `port` name: see `setTunnel`. Default: none.
   */
  readonly tunnel?: Tunnel | undefined
  /**
   * Bytes of a body in memory that are given to the transport at once: `blocksize`. Default: 65536.
   */
  readonly blockSize?: number | undefined
  /**
   * Whether the connection opens by itself when a request needs it: `auto_open`. Default: `true`.
   */
  readonly autoOpen?: boolean | undefined
  /** Default: `HttpTimeouts.defaults`. */
  readonly timeouts?: HttpTimeouts.Options | undefined
  /** Default: `HttpLimits.defaults`. */
  readonly limits?: HttpLimits.Options | undefined
  /** Default: `HttpLeniency.strict`. */
  readonly leniency?: HttpLeniency | undefined
  /**
   * Whether every head is logged at level Info, secrets redacted (platform's
   * `Headers.currentRedactedNames` besides our own): `set_debuglevel`. Default: `false`.
   */
  readonly wireTap?: boolean | undefined
  /**
   * Whether `execute` makes a client span with the name and attributes of the platform's
   * `HttpClient`, and sends `traceparent` and `b3`; see `HttpClient.withTracerDisabledWhen`,
   * `withTracerPropagation` and `withSpanNameGenerator`. The calls step by step make none. Default:
   * `false`.
   */
  readonly tracing?: boolean | undefined
  /**
   * Called at once with what happens to the connection: the audit events `http.client.connect` and
   * `http.client.send`. What it throws goes to the log. Default: nothing is called.
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
  /** The far end. */
  readonly host: string
  /** Default: that of `host`, else 443 with `tls` and 80 without. */
  readonly port?: number | undefined
  /** Sent to the proxy alone, such as Proxy-Authorization. Default: none. */
  readonly headers?: HttpFields.Input | undefined
}

/**
 * What `connect` can fail with.
 *
 * @since 0.1.0
 * @category errors
 */
export type OpenFailure = ConnectFailure | TunnelFailure

/**
 * What `execute` can fail with. `E` is the error of the request's own body stream.
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
 * What `endHeaders`, `send` and `request` can fail with. The head failures are there because the
 * server may answer, or go away, while the request is still being sent.
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
  /** Whom requests are for: the far end of the tunnel where there is one. */
  readonly origin: Origin.Origin
  /** Where the connection stands. Python keeps it to itself. */
  readonly state: Effect.Effect<ConnectionState>
  /** Whether a link to the server is open now. */
  readonly isOpen: Effect.Effect<boolean>
  /**
   * Opens the connection, its tunnel and TLS included. Nothing happens where it is open:
   * `connect()`.
   */
  readonly connect: Effect.Effect<void, OpenFailure | CannotSendRequest | ConnectionClosed>
  /**
   * Closes the connection, and what is under way on it. It can be used again. Idempotent:
   * `close()`.
   */
  readonly close: Effect.Effect<void>

  /**
   * Sends a request and gives its response as soon as the head is there; a streamed body may still
   * be on its way then. A server that refuses a body (status 400 and above, or a redirect that
   * closes) ends the sending, and its answer wins over the broken connection.
   */
  execute<E = never>(request: HttpRequest<E>): Effect.Effect<HttpResponse, ExecuteFailure<E>>

  /**
   * Starts a request. Host and `Accept-Encoding: identity` are put by themselves unless skipped. A
   * URL as target is sent whole, as a forward proxy wants it: `putrequest(method, url, skip_host,
   * skip_accept_encoding)`.
   */
  putRequest(
    method: string,
    target: string,
    options?: { readonly skipHost?: boolean | undefined; readonly skipAcceptEncoding?: boolean | undefined }
  ): Effect.Effect<void, InvalidRequest | CannotSendRequest | ConnectionClosed>
  /**
   * Puts a field of one value: `putheader(header, *values)`. Several values stand for the lines
   * that Python folds it over; RFC 9112 section 5.2 forbids to send these, and has them read as
   * here: joined by single spaces. For a list write its commas, or call this once for each member.
   * Text is ISO-8859-1, bytes are sent as they are, and a number that is not finite is
   * `InvalidHeaderValue`.
   */
  putHeader(
    name: string,
    ...values: ReadonlyArray<HttpFields.Value>
  ): Effect.Effect<void, InvalidRequest | CannotSendHeader>
  /**
   * Sends the head, and a body where there is one. With a Transfer-Encoding field of the caller's
   * the body is sent as it is, unless `encodeChunked` is true, and is checked to be chunked:
   * `endheaders(message_body, encode_chunked)`.
   */
  endHeaders<E = never>(options?: {
    readonly body?: HttpBody.Input<E> | undefined
    readonly encodeChunked?: boolean | undefined
  }): Effect.Effect<void, StepFailure>
  /**
   * Sends a piece of the body after `endHeaders`, within the framing that the fields announced.
   * With `encodeChunked` each piece is a chunk and `getResponse` sends the last one: `send(data)`.
   */
  send<E = never>(data: HttpBody.Input<E>): Effect.Effect<void, StepFailure>
  /**
   * Sends a whole request: `request(method, url, body, headers, encode_chunked)`. `json`, `form`
   * and `query` are those of `HttpRequest.make`.
   */
  request<E = never>(
    method: string,
    target: string,
    options?: HttpBody.Content & {
      readonly body?: HttpBody.Input<E> | undefined
      readonly query?: HttpBody.FormInput | undefined
      readonly headers?: HttpFields.Input | undefined
      readonly encodeChunked?: boolean | undefined
    }
  ): Effect.Effect<void, StepFailure | CannotSendRequest | ConnectionClosed>
  /** The response to what was sent: `getresponse()`. */
  readonly getResponse: Effect.Effect<
    HttpResponse,
    ResponseNotReady | ConnectionClosed | InvalidRequest | SendFailure | HeadFailure
  >

  /**
   * Makes the connection go through a tunnel: what `make` connected to becomes the proxy. Only
   * before it is open or a request is started: `set_tunnel(host, port, headers)`.
   */
  setTunnel(host: string, port?: number, headers?: HttpFields.Input): Effect.Effect<void, InvalidRequest>
  /** The fields of the proxy's answer to the last CONNECT: `get_proxy_response_headers()`. */
  readonly getProxyResponseHeaders: Effect.Effect<Option.Option<HttpFields.HttpFields>>
}

const redactedNames: Effect.Effect<ReadonlyArray<string | RegExp>> = Effect.map(
  FiberRef.get(PlatformHeaders.currentRedactedNames),
  (names) => [...HttpFields.redactedNames, ...names]
)

/**
 * Makes a connection that opens when it is first needed. The end of the scope closes it:
 * `HTTPConnection(host, port, timeout, source_address, blocksize)`. Fails with `InvalidUrl` for a
 * host or port that cannot be, and with what else is wrong with the options.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<HttpConnection, InvalidRequest, Scope.Scope | Transport> =>
  internal.make(options, redactedNames, trace)

/**
 * Makes a connection and opens it at once. Interruption aborts the opening and leaves nothing open.
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
  /**
   * The method of the request that was answered, on which it depends whether there is a body.
   * Default: `GET`.
   */
  readonly method?: string | undefined
  /** The URL that was asked for, for `url` and for messages. Default: `http://localhost/`. */
  readonly url?: string | undefined
  /** Default: those of a connection. Only `head`, `bodyIdle` and `total` can matter. */
  readonly timeouts?: HttpTimeouts.Options | undefined
  /** Default: `HttpLimits.defaults`. */
  readonly limits?: HttpLimits.Options | undefined
  /** Default: strict. */
  readonly leniency?: HttpLeniency | undefined
}

/**
 * Reads a response from bytes alone, without a connection: `http.client.HTTPResponse(sock, method,
 * url).begin()`. For responses that were recorded, or that come over a channel of your own.
 *
 * The response comes as soon as its head has been read; informational ones are in `informational`.
 * A stream is pulled as its body is read, and ends with the scope. Its failure is the `cause` of a
 * `ReadError` before the head is complete and of a `ConnectionReset` within the body; its end is
 * that of the connection. Bytes that follow the response are dropped. Fails with `HeadFailure` for
 * a head that cannot be read, and with what is wrong with the options.
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
