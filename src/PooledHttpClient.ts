/**
 * The `HttpClient` of `@effect/platform` over a `ConnectionPool`: a service swaps the layer and changes nothing else.
 *
 * - What the platform promises holds: spans, redaction, propagation, `withScope`, cookies, `retryTransient`, `HttpApiClient`, RPC.
 * - Every failure has an error of this library as its `cause`, which `HttpError.fromPlatform` finds: `RequestError` and
 *   `ResponseError` say only that something failed, it says what. Mistakes in a request are never `Transport`.
 * - A response has more than the platform asks for: `isPooledResponse`, `fromResponse`.
 * - Options of the pool can be set for single requests: `withTimeouts`, `withLimits`, `withProxy` and their kin.
 * - Redirects are followed and bodies decompressed only where that is asked for: `followRedirects`, `decompress`.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { Effect } from "effect"
 * import { PooledHttpClient } from "effect-http-client"
 *
 * const program = Effect.gen(function*() {
 *   const response = yield* HttpClient.get("http://localhost:8080/")
 *   return yield* response.text
 * })
 *
 * // In place of `NodeHttpClient.layer`.
 * export const main = program.pipe(Effect.provide(PooledHttpClient.layer))
 * ```
 *
 * @since 0.2.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as ConnectionPool from "./ConnectionPool.ts"
import type { InvalidOption, RedirectHop } from "./HttpError.ts"
import type { HttpLeniency } from "./HttpLeniency.ts"
import type * as HttpLimits from "./HttpLimits.ts"
import type { HttpResponse } from "./HttpResponse.ts"
import type * as HttpTimeouts from "./HttpTimeouts.ts"
import * as client from "./internal/platform/client.ts"
import * as options from "./internal/platform/config.ts"
import * as decompression from "./internal/platform/decompress.ts"
import { makeDefaultPool } from "./internal/platform/defaultPool.ts"
import * as redirects from "./internal/platform/redirects.ts"
import * as references from "./internal/platform/references.ts"
import * as response from "./internal/platform/response.ts"
import * as retries from "./internal/platform/retry.ts"
import * as NodeTransport from "./NodeTransport.ts"
import type * as Proxy from "./Proxy.ts"
import type * as Tls from "./Tls.ts"
import type { Transport } from "./Transport.ts"

/**
 * A response of this client: what the platform has of one, and version, reason, all fields in order, trailers, timings and
 * informational responses.
 *
 * @since 0.2.0
 * @category models
 */
export interface PooledResponse extends response.PooledResponse {}

/**
 * Options of the requests that an effect sends; they win over those of the pool.
 *
 * @since 0.2.0
 * @category models
 */
export interface RequestOptions extends references.RequestOptions {}

/**
 * Whether a response is of this client, and so has more than the platform asks for. One that a combinator has wrapped is not.
 *
 * @since 0.2.0
 * @category guards
 */
export const isPooledResponse = (u: unknown): u is PooledResponse => u instanceof response.PlatformResponse

/**
 * The `HttpResponse` behind a response of this client. Both read the same body: what one has read the other cannot.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { Effect, Option } from "effect"
 * import { PooledHttpClient } from "effect-http-client"
 *
 * export const program = Effect.map(HttpClient.get("http://localhost:8080/"), (response) =>
 *   Option.map(PooledHttpClient.fromResponse(response), ({ connection, reason, version }) => ({
 *     reason,
 *     version,
 *     reused: connection.reused
 *   })))
 * ```
 *
 * @since 0.2.0
 * @category getters
 */
export const fromResponse: (response: HttpClientResponse.HttpClientResponse) => Option.Option<HttpResponse> =
  response.sourceOf

/**
 * The client over the `ConnectionPool` of the context.
 *
 * @since 0.2.0
 * @category constructors
 */
export const make: Effect.Effect<HttpClient.HttpClient, never, ConnectionPool.ConnectionPool> = Effect.map(
  ConnectionPool.ConnectionPool,
  (pool) => client.make(pool)
)

/**
 * The client over the `ConnectionPool` of the context, as a layer. Where a request has no span and no span name generator around it,
 * those count that the layer was built in. Options of a request are over those that the layer was built in, as `withOptions` nests.
 *
 * @since 0.2.0
 * @category layers
 */
export const layerWithoutPool: Layer.Layer<HttpClient.HttpClient, never, ConnectionPool.ConnectionPool> = Layer.effect(
  HttpClient.HttpClient,
  Effect.contextWithEffect((context: Context.Context<ConnectionPool.ConnectionPool>) =>
    Effect.map(ConnectionPool.ConnectionPool, (pool) => client.make(pool, context))
  )
)

/**
 * The client and its pool over the `Transport` of the context.
 *
 * @since 0.2.0
 * @category layers
 */
export const layerWithoutTransport = (
  options: ConnectionPool.Options = {}
): Layer.Layer<HttpClient.HttpClient | ConnectionPool.ConnectionPool, InvalidOption, Transport> =>
  Layer.provideMerge(layerWithoutPool, ConnectionPool.layer(options))

/**
 * The client over sockets, with a pool of these options. The pool is provided too, for its counts and events.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { Effect } from "effect"
 * import { ConnectionPool, PooledHttpClient } from "effect-http-client"
 *
 * const program = Effect.gen(function*() {
 *   const response = yield* HttpClient.get("http://localhost:8080/")
 *   yield* response.text
 *   const pool = yield* ConnectionPool.ConnectionPool
 *   return yield* pool.stats
 * })
 *
 * export const main = program.pipe(
 *   Effect.provide(PooledHttpClient.layerWith({ connectionsPerOrigin: 10, timeouts: { head: "10 seconds" } }))
 * )
 * ```
 *
 * @since 0.2.0
 * @category layers
 */
export const layerWith = (
  options: ConnectionPool.Options
): Layer.Layer<HttpClient.HttpClient | ConnectionPool.ConnectionPool, InvalidOption> =>
  Layer.provide(layerWithoutTransport(options), NodeTransport.layer)

/**
 * The client over sockets, with a pool whose options come from the configuration.
 *
 * @example
 * ```ts
 * import { Config } from "effect"
 * import { PooledHttpClient } from "effect-http-client"
 *
 * export const layer = PooledHttpClient.layerConfig({
 *   connectionsPerOrigin: Config.withDefault(Config.integer("HTTP_CONNECTIONS"), 64),
 *   timeouts: { head: Config.duration("HTTP_TIMEOUT") }
 * })
 * ```
 *
 * @since 0.2.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<ConnectionPool.Options>
): Layer.Layer<
  HttpClient.HttpClient | ConnectionPool.ConnectionPool,
  ConfigError.ConfigError | InvalidOption
> => Layer.unwrapEffect(Effect.map(Effect.suspend(() => options.unwrap(config)), layerWith))

/**
 * The client over sockets and a pool with the default options, ready to use. The pool is provided too, for its counts and events.
 *
 * @since 0.2.0
 * @category layers
 */
export const layer: Layer.Layer<HttpClient.HttpClient | ConnectionPool.ConnectionPool> = layerWithoutPool.pipe(
  Layer.provideMerge(Layer.scoped(ConnectionPool.ConnectionPool, makeDefaultPool)),
  Layer.provide(NodeTransport.layer)
)

/**
 * The options of the requests of an effect, as a reference: for a layer that sets them for a whole program.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { PooledHttpClient } from "effect-http-client"
 *
 * export const layer = Layer.provide(
 *   PooledHttpClient.layer,
 *   Layer.succeed(PooledHttpClient.CurrentOptions, { timeouts: { total: "30 seconds" } })
 * )
 * ```
 *
 * @since 0.2.0
 * @category options of requests
 */
export const CurrentOptions: typeof references.CurrentOptions = references.CurrentOptions

/**
 * Sets several options of the requests that an effect sends, over those set around it: timeouts and limits one by one, all else
 * as a whole.
 *
 * @since 0.2.0
 * @category options of requests
 */
export const withOptions: {
  (options: RequestOptions): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, options: RequestOptions): Effect.Effect<A, E, R>
} = references.withOptions

/**
 * Sets timeouts of the requests that an effect sends; those not given stay.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { Effect } from "effect"
 * import { PooledHttpClient } from "effect-http-client"
 *
 * // One request.
 * export const one = HttpClient.get("http://localhost:8080/").pipe(PooledHttpClient.withTimeouts({ head: "5 seconds" }))
 *
 * // All requests of a client.
 * export const all = Effect.map(
 *   HttpClient.HttpClient,
 *   HttpClient.transformResponse(PooledHttpClient.withTimeouts({ total: "1 minute" }))
 * )
 * ```
 *
 * @since 0.2.0
 * @category options of requests
 */
export const withTimeouts: references.WithOption<HttpTimeouts.Options> = references.withOption("timeouts")

/**
 * Sets limits on what the servers may send to the requests that an effect sends; those not given stay.
 *
 * @since 0.2.0
 * @category options of requests
 */
export const withLimits: references.WithOption<HttpLimits.Options> = references.withOption("limits")

/**
 * Sets what is forgiven to the servers of the requests that an effect sends.
 *
 * @since 0.2.0
 * @category options of requests
 */
export const withLeniency: references.WithOption<HttpLeniency> = references.withOption("leniency")

/**
 * Sets whether the requests that an effect sends hold their body back until the server says 100 (Continue). Requests without
 * content cannot.
 *
 * @since 0.2.0
 * @category options of requests
 */
export const withExpectContinue: references.WithOption<boolean> = references.withOption("expectContinue")

/**
 * Sets the TLS options of the requests that an effect sends, in place of all those of the pool. They get connections of their own.
 *
 * @since 0.2.0
 * @category options of requests
 */
export const withTls: references.WithOption<Tls.Options> = references.withOption("tls")

/**
 * Sets the proxy of the requests that an effect sends, in place of that of the pool; `false` for none.
 *
 * @since 0.2.0
 * @category options of requests
 */
export const withProxy: references.WithOption<Proxy.Proxy | Proxy.Settings | false> = references.withOption("proxy")

/**
 * Sets the IP address that the requests of an effect connect from; `false` for the system's choice.
 *
 * @since 0.2.0
 * @category options of requests
 */
export const withLocalAddress: references.WithOption<string | false> = references.withOption("localAddress")

/**
 * Sets the unix socket that the requests of an effect connect to, without a proxy. Their URLs then only say what is asked for. `false` for none.
 *
 * @since 0.2.0
 * @category options of requests
 */
export const withSocketPath: references.WithOption<string | false> = references.withOption("socketPath")

/**
 * How redirects are followed.
 *
 * @since 0.2.0
 * @category models
 */
export interface RedirectOptions extends redirects.RedirectOptions {}

/**
 * Follows redirects, over any `HttpClient`: unlike the platform's combinator of this name it changes method and body as RFC 9110
 * says, keeps credentials and cookies from other origins, goes from https to http only if allowed, and lets go of what it does not read.
 *
 * What it does not follow is a `ResponseError` with the reason `StatusCode`, whose cause is a `RedirectFailure` with the history. Put
 * it next to the client, before what looks at the status.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { Effect } from "effect"
 * import { PooledHttpClient } from "effect-http-client"
 *
 * export const client = Effect.map(HttpClient.HttpClient, PooledHttpClient.followRedirects({ limit: 5 }))
 * ```
 *
 * @since 0.2.0
 * @category combinators
 */
export const followRedirects: typeof redirects.followRedirects = redirects.followRedirects

/**
 * The redirects that led to a response, in order; none where it came at once, or by another way than `followRedirects`.
 *
 * @since 0.2.0
 * @category getters
 */
export const redirectHistory: (response: HttpClientResponse.HttpClientResponse) => ReadonlyArray<RedirectHop> =
  redirects.redirectHistory

/**
 * What is decompressed, and how far.
 *
 * @since 0.2.0
 * @category models
 */
export interface DecompressOptions extends decompression.DecompressOptions {}

/**
 * Asks for compressed responses and decodes them on reading, over any `HttpClient`. Their fields then come without Content-Encoding
 * and Content-Length, which speak of what was sent; `isDecoded` tells them, and their `original` has them as they came.
 *
 * What cannot be decoded is a `ResponseError` with the reason `Decode`, whose cause is a `DecodingFailure`, where the body is read.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { Effect } from "effect"
 * import { PooledHttpClient } from "effect-http-client"
 *
 * export const client = Effect.map(HttpClient.HttpClient, PooledHttpClient.decompress({ maxBytes: 10_000_000 }))
 * ```
 *
 * @since 0.2.0
 * @category combinators
 */
export const decompress: typeof decompression.decompress = decompression.decompress

/**
 * Whether a response is decoded on reading; it then has its `original`.
 *
 * @since 0.2.0
 * @category guards
 */
export const isDecoded: typeof decompression.isDecoded = decompression.isDecoded

/**
 * Retries requests over any `HttpClient`, only if that does no harm: see `HttpRetry`, also for its options. Put it above `followRedirects`.
 *
 * @since 0.2.0
 * @category combinators
 */
export const retry: typeof retries.retry = retries.retry
