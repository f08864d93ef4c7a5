/** The result of an upgrade, as users see it. */
import type * as Effect from "effect/Effect"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type {
  BodyAlreadyConsumed,
  BodyTooLarge,
  ConnectionClosed,
  ConnectionInfo,
  ConnectionReset,
  IncompleteRead,
  Timings
} from "../../HttpError.ts"
import type * as HttpFields from "../../HttpFields.ts"
import type { Informational } from "../../HttpResponse.ts"

/** The type id of upgraded connections. */
export const TypeId: unique symbol = Symbol.for("effect-http-client/Upgraded") as never

/** The failures of an upgraded connection. Documented in `Upgrade`. */
export type ChannelFailure =
  | BodyAlreadyConsumed
  | BodyTooLarge
  | ConnectionClosed
  | ConnectionReset
  | IncompleteRead

/**
 * A connection that has left HTTP: the head of the response that opened it, and its bytes in both
 * directions. It is open until its scope closes, both sides have finished, or it breaks.
 *
 * The received bytes can be taken once. The first of `stream`, `Upgrade.toSocket` and
 * `Upgrade.toDuplex` takes them; another one fails with `BodyAlreadyConsumed`. `write`, `end` and
 * `sink` belong to `stream`.
 *
 * @since 0.2.0
 * @category models
 */
export interface Upgraded {
  readonly [TypeId]: typeof TypeId
  /** 101, or 2xx to a CONNECT. */
  readonly status: number
  /** The reason phrase, for display only; often empty. */
  readonly reason: string
  /** 10 for HTTP/1.0, which only a CONNECT may be answered in; 11 for HTTP/1.1. */
  readonly version: 10 | 11
  /** The fields of the response, in order and as sent. */
  readonly fields: HttpFields.HttpFields
  /** The protocol as the server named it in Upgrade; `undefined` for a CONNECT. */
  readonly protocol: string | undefined
  /** The informational responses that arrived before, in order. */
  readonly informational: ReadonlyArray<Informational>
  /** The connection, as it was when the request began. */
  readonly connection: ConnectionInfo
  /** The time that each phase took. */
  readonly timings: Timings
  /**
   * A copy of the bytes after the head that had arrived when the upgrade was delivered. They are
   * delivered by `stream`, the socket and the duplex too, as their first bytes.
   */
  readonly head: Uint8Array
  /**
   * The received bytes, until the server finishes sending. The stream reads as fast as it is
   * pulled. If it has ended early, or was interrupted, the rest stays unread, and the connection is
   * still open. It can be run once.
   */
  readonly stream: Stream.Stream<Uint8Array, ChannelFailure>
  /**
   * Sends the bytes that it receives, as fast as the server takes them, and then finishes sending,
   * as `end` does. To continue sending afterwards use `write`.
   */
  readonly sink: Sink.Sink<void, Uint8Array, never, ChannelFailure>
  /**
   * Sends bytes, and waits until the system has taken them. They must not be changed before.
   * Interruption ends the wait; the bytes may have been sent.
   */
  write(bytes: Uint8Array): Effect.Effect<void, ChannelFailure>
  /**
   * Finishes sending (FIN, and close_notify of TLS), and waits until the system has taken all
   * bytes. The bytes of the server can still be read. Further writes fail with `ConnectionClosed`.
   */
  readonly end: Effect.Effect<void, ChannelFailure>
  /** Closes both directions at once, before the scope does. Unsent bytes are dropped. */
  readonly close: Effect.Effect<void>
}
