/**
 * The transport over `node:net` and `node:tls`.
 *
 * Opening has phases with separate limits and errors. First the name is resolved (`DnsError`). Then
 * its addresses are tried, IPv6 and IPv4 alternately, a further one every 250 ms (`ConnectError`
 * with every attempt). Then TLS is negotiated (`TlsError`). Interruption at any moment destroys
 * what was started. The system's resolver cannot cancel a lookup, so its answer is ignored.
 *
 * The addresses are tried by RFC 8305: the two families alternate, starting with one of the first
 * family. If the latest attempt fails, the next one starts at once. TCP keep-alive is on (60
 * seconds). `@name` as a `socketPath` is an abstract unix socket (Linux, with Node.js 22 or newer).
 * A path that is too long for the system fails with `ConnectError` (`PathTooLong`) before anything
 * is opened.
 *
 * A socket does more than `Transport.Duplex` promises:
 * - `drained` calls back at once if no bytes are pending.
 * - `endProven` says over TLS whether the peer sent `close_notify` or only closed. Node does not
 *   tell them apart, so this is read from the handle below the socket. It is `undefined` if that
 *   handle differs from the one in Node 20 to 24.
 * - With TLS 1.3 a server rejects the client's certificate only after the handshake. The receiver
 *   gets that fault (`ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED`), and a connection turns it into a
 *   `TlsError`.
 * - When a write fails because the peer has closed, the bytes that the peer had sent before are
 *   still delivered, then the fault. This does not hold if the receiver has paused, for TLS inside
 *   a tunnel, or if the system drops the bytes (Windows).
 *
 * @since 0.1.0
 */
import type * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import type { InvalidOption } from "./HttpError.ts"
import * as nodeTransport from "./internal/effect/nodeTransport.ts"
import { serviceOf } from "./internal/effect/transport.ts"
import * as dialer from "./internal/node/dialer.ts"
import { type Service, Transport } from "./Transport.ts"

/**
 * Options of the sockets of a transport.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options extends nodeTransport.Options {}

/**
 * Creates a transport with options. They belong to the transport and not to a connection, because
 * only a transport over TCP has them. Fails with `InvalidOption`.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { NodeTransport, PooledHttpClient } from "effect-http-client"
 *
 * // For a NAT that forgets quiet connections after 30 seconds.
 * export const layer = PooledHttpClient.layerWithoutTransport().pipe(
 *   Layer.provide(NodeTransport.layerWith({ tcpKeepAlive: "20 seconds" }))
 * )
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const make: (options?: Options) => Either.Either<Service, InvalidOption> = nodeTransport.make

/**
 * The transport as a value that decorators can wrap.
 *
 * @since 0.1.0
 * @category constructors
 */
export const transport: Service = serviceOf(dialer.makeDialer(dialer.defaults))

/**
 * The transport as a layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Transport> = Layer.succeed(Transport, transport)

/**
 * Creates a transport with options, as a layer.
 *
 * @since 0.2.0
 * @category layers
 */
export const layerWith = (options: Options): Layer.Layer<Transport, InvalidOption> =>
  Layer.effect(Transport, nodeTransport.make(options))
