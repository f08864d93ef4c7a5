/**
 * Server-sent events: a response whose body is an endless list of events (WHATWG HTML section 9.2).
 *
 * - `decode` reads one response as a `Stream` of events, with back-pressure.
 * - `subscribe` reads one response after the other, and continues after the last event.
 * - Lines end at CR, LF or CRLF, and bytes may be split anywhere. Text is UTF-8, whatever
 *   Content-Type says.
 * - The memory of a stream is bounded: `maxEventBytes`.
 * - It works for responses of this library and of every `HttpClient` of the platform, decompressed
 *   ones included.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { ConnectionPool, HttpRequest, Sse } from "effect-http-client"
 *
 * const request = HttpRequest.get("http://localhost:8080/events", {
 *   headers: { Accept: "text/event-stream" }
 * })
 *
 * export const program = Effect.gen(function*() {
 *   const pool = yield* ConnectionPool.ConnectionPool
 *   const response = yield* pool.execute(request)
 *   yield* Stream.runForEach(Sse.decode(response), ({ data, event }) => Effect.log(event, data))
 * })
 * ```
 *
 * @since 0.2.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError } from "@effect/platform/HttpClientError"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import type * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as ParseResult from "effect/ParseResult"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import * as ConnectionPool from "./ConnectionPool.ts"
import type { BodyFailure, EventTooLarge, InvalidOption, NotEventStream, StatusError } from "./HttpError.ts"
import type { HttpRequest } from "./HttpRequest.ts"
import type { HttpResponse } from "./HttpResponse.ts"
import * as internal from "./internal/platform/sse.ts"
import { makeSubscribe } from "./internal/platform/subscribe.ts"
import * as decoding from "./internal/sse/decode.ts"
import type * as options from "./internal/sse/options.ts"
import type * as subscribing from "./internal/sse/subscribeOptions.ts"
import type * as parser from "./internal/syntax/eventStream.ts"

/**
 * One event.
 *
 * @since 0.2.0
 * @category models
 */
export interface Event extends parser.Event {}

/**
 * The options of `decode`.
 *
 * @since 0.2.0
 * @category models
 */
export interface DecodeOptions extends options.DecodeOptions {}

/**
 * The options of `subscribe`.
 *
 * @since 0.2.0
 * @category models
 */
export interface SubscribeOptions extends subscribing.SubscribeOptions {}

/**
 * A connection of a subscription that has ended: the input of its schedule.
 *
 * @since 0.2.0
 * @category models
 */
export interface Disconnection extends subscribing.Disconnection {}

/**
 * The failures of the events of a response. Those of the platform's responses are its
 * `ResponseError`, whose `cause` is one of the others; an invalid option is its `RequestError`.
 *
 * @since 0.2.0
 * @category errors
 */
export type DecodeFailure<Response> = Response extends HttpResponse
  ? BodyFailure | StatusError | NotEventStream | EventTooLarge | InvalidOption
  : HttpClientError

/**
 * Returns the events of a response: an `HttpResponse`, or the platform's `HttpClientResponse`.
 *
 * - A status other than 200 fails with `StatusError`, and another Content-Type with
 *   `NotEventStream`; see `check`. A 204 is an empty stream, because the server has no events.
 * - An event that is incomplete when the body ends is dropped, as the standard says. If the body
 *   ends without its proven end, the stream fails as the body does.
 * - Malformed UTF-8 becomes U+FFFD. One byte order mark at the start is dropped.
 *
 * The body is read as fast as the stream is pulled, and only one stream may run. Ending the stream
 * early closes the connection, unless the whole body had arrived or its Content-Length says that
 * little is left (`drainBytes` of the pool). Interruption closes the connection.
 *
 * The time limits of the body apply: `timeouts.bodyIdle` (5 minutes) to a silent server,
 * `timeouts.total` and `limits.body` to all of it. Start the stream within `unreadTime` of the
 * pool.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { Effect, Stream } from "effect"
 * import { Sse } from "effect-http-client"
 *
 * export const events = Stream.unwrap(
 *   Effect.map(HttpClient.get("http://localhost:8080/events"), (response) => Sse.decode(response))
 * )
 * ```
 *
 * @since 0.2.0
 * @category decoding
 */
export const decode: <Response extends HttpResponse | HttpClientResponse>(
  response: Response,
  options?: DecodeOptions
) => Stream.Stream<Event, DecodeFailure<Response>> = internal.decode

/**
 * The failures of a subscription over a pool. `E` is the error of the request's own body stream.
 *
 * @since 0.2.0
 * @category errors
 */
export type SubscribeFailure<E = never> =
  | ConnectionPool.ExecuteFailure<E>
  | BodyFailure
  | StatusError
  | NotEventStream
  | EventTooLarge

/**
 * Subscribes to the events of a server: sends a request and reads its response as `decode` does.
 * Sends the request again when the response has ended. An `HttpRequest` uses the `ConnectionPool`
 * of the context, and a request of the platform uses the `HttpClient` of the context.
 *
 * The request is sent again after the end of a response, a temporary failure
 * (`HttpError.mayRepeat`), or a status such as 503 (`statuses`), whatever its method. Each request
 * has the last `id` as Last-Event-ID, so that a server that uses `id`s can continue after the last
 * event. An event whose empty line has not arrived does not count. The wait before each request is
 * determined by `schedule`, the server's `retry` and its Retry-After.
 *
 * The stream ends with a 204, or when the schedule ends after a complete response. It fails with
 * the last failure when the schedule ends after a failure. It fails at once with every other status
 * and Content-Type, an event that is too large, or an invalid request. A request whose body can be
 * read only once is invalid too (`InvalidOption`).
 *
 * There is one connection at a time, which is busy as long as the response lasts, so it counts
 * towards `connectionsPerOrigin` of the pool. The request asks for `text/event-stream`, unless it
 * has an Accept field. Its `timeouts.total` and `limits.body` are those of the request itself, and
 * otherwise there are none. Interruption ends the request, the response or the wait at once.
 *
 * @example
 * ```ts
 * import { Effect, Schedule, Stream } from "effect"
 * import { HttpRequest, Sse } from "effect-http-client"
 *
 * export const prices = Sse.subscribe(HttpRequest.get("http://localhost:8080/prices"), {
 *   idleTimeout: "1 minute",
 *   schedule: Schedule.exponential("1 second").pipe(
 *     Schedule.union(Schedule.spaced("1 minute")),
 *     Schedule.tapInput(({ attempts, error }: Sse.Disconnection) =>
 *       attempts < 5 ? Effect.void : Effect.logWarning("no prices", error)
 *     )
 *   )
 * }).pipe(Stream.filter(({ event }) => event === "price"))
 * ```
 *
 * @since 0.2.0
 * @category subscriptions
 */
export const subscribe: {
  <E = never>(
    request: HttpRequest<E>,
    options?: SubscribeOptions
  ): Stream.Stream<Event, SubscribeFailure<E>, ConnectionPool.ConnectionPool>
  (
    request: HttpClientRequest,
    options?: SubscribeOptions
  ): Stream.Stream<Event, HttpClientError, HttpClient.HttpClient>
} = makeSubscribe(ConnectionPool.ConnectionPool)

/**
 * Decodes the data of an event as JSON with a schema. Fails with `ParseError`, also if it is not
 * JSON.
 *
 * @example
 * ```ts
 * import { Schema, Stream } from "effect"
 * import type { HttpResponse } from "effect-http-client"
 * import { Sse } from "effect-http-client"
 *
 * const Delta = Schema.Struct({ text: Schema.String })
 *
 * export const texts = (response: HttpResponse.HttpResponse) =>
 *   Sse.decode(response).pipe(
 *     // Many APIs end their events with this one. The body ends after it; reading to its end lets
 *     // the pool use the connection again.
 *     Stream.filter(({ data }) => data !== "[DONE]"),
 *     Stream.mapEffect(Sse.schemaData(Delta)),
 *     Stream.map(({ text }) => text)
 *   )
 * ```
 *
 * @since 0.2.0
 * @category decoding
 */
export const schemaData: {
  <A, I, R>(schema: Schema.Schema<A, I, R>): (event: Event) => Effect.Effect<A, ParseResult.ParseError, R>
  <A, I, R>(event: Event, schema: Schema.Schema<A, I, R>): Effect.Effect<A, ParseResult.ParseError, R>
} = dual(
  2,
  <A, I, R>(event: Event, schema: Schema.Schema<A, I, R>): Effect.Effect<A, ParseResult.ParseError, R> =>
    decoding.schemaData(event, schema)
)
