/**
 * The transport over `node:net` and `node:tls`.
 *
 * Opening goes through phases that are limited and fail each on its own: the name is resolved
 * (`DnsError`), its addresses are tried in turn, IPv6 and IPv4 by turns, a further one every 250 ms
 * (`ConnectError` with every attempt), and TLS is negotiated (`TlsError`). Interruption at any
 * moment destroys what was started. A lookup cannot be taken back from the system's resolver; its
 * answer is ignored.
 *
 * What a socket does here beyond what `Transport.Duplex` promises:
 * - `drained` calls back at once where nothing waits to be sent.
 * - `endProven` says of TLS whether the peer said `close_notify` or only closed. Node does not tell
 *   them apart, so that is asked of the handle below the socket; where that is not as it is known
 *   from Node 20 to 24 it is `undefined`.
 * - With TLS 1.3 a server that rejects the client's certificate says so after the handshake, so it
 *   is the receiver that is told (`ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED`); a connection makes
 *   a `TlsError` of that.
 * - When a write fails because the peer has closed, what it had sent before is still delivered,
 *   then the fault. Not where the receiver has paused, not for TLS inside a tunnel, and not where
 *   the system drops it (Windows).
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import * as internal from "./internal/node/dialer.ts"
import { type Service, Transport } from "./Transport.ts"

/**
 * The transport as a value, to be wrapped by decorators.
 *
 * @since 0.1.0
 * @category constructors
 */
export const transport: Service = internal.make(internal.defaults)

/**
 * The transport as a layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Transport> = Layer.succeed(Transport, transport)
