/**
 * Interim responses (1xx) while a request waits for its final response (RFC 9110 section 15.2).
 *
 * A server sends 103 (Early Hints, RFC 8297) with links that the client may fetch already. It sends
 * 102 or 104 to say that it is still working, and 100 to ask for the body (`expectContinue`). By
 * default they are in `response.informational` when the final response has arrived. The option
 * `onInformational` of a request reports each one as it arrives; `stream` does so for programs that
 * prefer a `Stream` to a callback.
 *
 * @since 0.2.0
 */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Informational } from "./HttpResponse.ts"
import * as internal from "./internal/effect/interimStream.ts"

/**
 * An answer to a request: an interim response, or the final one.
 *
 * @since 0.2.0
 * @category models
 */
export type Answer<A> =
  | { readonly _tag: "Informational"; readonly informational: Informational }
  | { readonly _tag: "Response"; readonly response: A }

/**
 * Sends a request, and emits its interim responses in order as they arrive, then the final response
 * as the last element. Each run calls `send` once. `send` must set its argument as the
 * `onInformational` of the request.
 *
 * Fails as `send` does. Ending the stream early interrupts `send`. A response that has arrived but
 * was not taken from the stream is unread, and a pool closes it after `unreadTime`. A resource that
 * `send` opens in a scope, such as an upgrade, belongs to the scope around the stream and outlives
 * the stream.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { Stream } from "effect"
 * import { ConnectionPool, HttpRequest, Interim, PooledHttpClient } from "effect-http-client"
 *
 * export const ofPool = (pool: ConnectionPool.ConnectionPool) =>
 *   Interim.stream((onInformational) => pool.execute(HttpRequest.get("http://localhost:8080/", { onInformational })))
 *
 * export const ofPlatform = Interim.stream((onInformational) =>
 *   HttpClient.get("http://localhost:8080/").pipe(PooledHttpClient.withOptions({ onInformational }))
 * )
 *
 * export const statuses = ofPlatform.pipe(
 *   Stream.map((answer) =>
 *     answer._tag === "Informational" ? answer.informational.status : answer.response.status
 *   ),
 *   Stream.runCollect
 * )
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const stream: <A, E, R>(
  send: (onInformational: (informational: Informational) => void) => Effect.Effect<A, E, R>
) => Stream.Stream<Answer<A>, E, R> = internal.stream
