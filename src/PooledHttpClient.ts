/**
 * The `HttpClient` of `@effect/platform` over a `ConnectionPool`: a service only swaps the layer.
 *
 * - The platform's guarantees hold: spans, redaction, propagation, `withScope`, cookies,
 *   `retryTransient`, `HttpApiClient`, RPC.
 * - Every failure has a precise error of this library as its `cause`: see `catchTag`.
 *   Mistakes in a request are never `Transport`.
 * - A response has more than the platform requires: `isPooledResponse`, `fromResponse`.
 * - Single requests can override options of the pool: `withTimeouts`, `withProxy` and others.
 * - Redirects and compression are handled only on request: `followRedirects`, `decompress`.
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
 * // Instead of `NodeHttpClient.layer`.
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
import type { ConfigurableOptions } from "./internal/effect/poolOptions.ts"
import * as failures from "./internal/platform/catchTag.ts"
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
 * A response of this client. Adds version, reason, ordered fields, trailers, timings and 1xx heads.
 *
 * @since 0.2.0
 * @category models
 */
export interface PooledResponse extends response.PooledResponse {}

/**
 * Options of the requests that an effect sends. They override those of the pool.
 *
 * @since 0.2.0
 * @category models
 */
export interface RequestOptions extends references.RequestOptions {}

/**
 * True if a response is from this client. False for one that a combinator has wrapped.
 *
 * @since 0.2.0
 * @category guards
 */
export const isPooledResponse = (u: unknown): u is PooledResponse => u instanceof response.PlatformResponse

/**
 * Returns the `HttpResponse` behind a response of this client. Both read the same, single body.
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
 * The client over the `ConnectionPool` of the context, as a layer. The span, span name generator
 * and options around a request override those around the building of the layer.
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
 * Creates the client and its pool over the `Transport` of the context.
 *
 * @since 0.2.0
 * @category layers
 */
export const layerWithoutTransport = (
  options: ConnectionPool.Options = {}
): Layer.Layer<HttpClient.HttpClient | ConnectionPool.ConnectionPool, InvalidOption, Transport> =>
  // `Layer.fresh`, because another layer with these options must have another pool.
  Layer.provideMerge(Layer.fresh(layerWithoutPool), ConnectionPool.layer(options))

/**
 * Creates the client over sockets, with a pool of these options. It also provides the pool.
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
 * Creates the client over sockets, with a pool whose options are read from the configuration.
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
  config: Config.Config.Wrap<ConnectionPool.Options> | Config.Config.Wrap<ConfigurableOptions>
): Layer.Layer<
  HttpClient.HttpClient | ConnectionPool.ConnectionPool,
  ConfigError.ConfigError | InvalidOption
> => Layer.unwrapEffect(Effect.map(Effect.suspend(() => options.unwrap<ConnectionPool.Options>(config)), layerWith))

/**
 * The client over sockets and a pool with the default options. It also provides the pool.
 *
 * @since 0.2.0
 * @category layers
 */
export const layer: Layer.Layer<HttpClient.HttpClient | ConnectionPool.ConnectionPool> = layerWithoutPool.pipe(
  Layer.provideMerge(Layer.scoped(ConnectionPool.ConnectionPool, makeDefaultPool)),
  Layer.provide(NodeTransport.layer)
)

/**
 * The options of the requests of an effect, as a reference. A layer can set them for a program.
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
 * Sets several options of the requests that an effect sends. Timeouts and limits override those set
 * around it one by one, other options as a whole. Wrong ones fail each request (`InvalidOption`).
 *
 * @since 0.2.0
 * @category options of requests
 */
export const withOptions: {
  (options: RequestOptions): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, options: RequestOptions): Effect.Effect<A, E, R>
} = references.withOptions

/**
 * Sets timeouts of the requests that an effect sends; the others are unchanged.
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
 * Sets limits on the responses to the requests that an effect sends; the others are unchanged.
 *
 * @since 0.2.0
 * @category options of requests
 */
export const withLimits: references.WithOption<HttpLimits.Options> = references.withOption("limits")

/**
 * Sets the relaxations for the servers of the requests that an effect sends.
 *
 * @since 0.2.0
 * @category options of requests
 */
export const withLeniency: references.WithOption<HttpLeniency> = references.withOption("leniency")

/**
 * Sets whether the requests that an effect sends delay their body until the server sends 100
 * (Continue). A request without content then fails.
 *
 * @since 0.2.0
 * @category options of requests
 */
export const withExpectContinue: references.WithOption<boolean> = references.withOption("expectContinue")

/**
 * Replaces the pool's TLS options for the requests that an effect sends, on separate connections.
 *
 * @since 0.2.0
 * @category options of requests
 */
export const withTls: references.WithOption<Tls.Input> = references.withOption("tls")

/**
 * Replaces the pool's proxy for the requests that an effect sends; `false` for none.
 *
 * @since 0.2.0
 * @category options of requests
 */
export const withProxy: references.WithOption<Proxy.Proxy | Proxy.Settings | false> = references.withOption("proxy")

/**
 * Sets the IP address that the requests of an effect connect from; `false`: chosen by the system.
 *
 * @since 0.2.0
 * @category options of requests
 */
export const withLocalAddress: references.WithOption<string | false> = references.withOption("localAddress")

/**
 * Sets the unix socket that the requests of an effect connect to, without a proxy; `false` for
 * none. Their URLs then only name the resource.
 *
 * @since 0.2.0
 * @category options of requests
 */
export const withSocketPath: references.WithOption<string | false> = references.withOption("socketPath")

/**
 * The options for following redirects.
 *
 * @since 0.2.0
 * @category models
 */
export interface RedirectOptions extends redirects.RedirectOptions {}

/**
 * Follows redirects, over any `HttpClient`. Unlike the platform's combinator of this name, it
 * changes method and body as in RFC 9110. It keeps credentials and cookies from other origins, goes
 * from https to http only if allowed, and releases what it does not read.
 *
 * A refused redirect is a `ResponseError` with the reason `StatusCode`, caused by a
 * `RedirectFailure` with the history. Apply it directly to the client, before checks of the status.
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
 * Returns the redirects that led to a response, in order. None without `followRedirects`.
 *
 * @since 0.2.0
 * @category getters
 */
export const redirectHistory: (response: HttpClientResponse.HttpClientResponse) => ReadonlyArray<RedirectHop> =
  redirects.redirectHistory

/**
 * The codings to decompress, and the limits.
 *
 * @since 0.2.0
 * @category models
 */
export interface DecompressOptions extends decompression.DecompressOptions {}

/**
 * Requests compressed responses and decodes them while reading, over any `HttpClient`. A decoded
 * response lacks Content-Encoding and Content-Length; its `original` (see `isDecoded`) has them.
 *
 * A decoding failure is a `ResponseError` with the reason `Decode`, caused by a `DecodingFailure`.
 *
 * @since 0.2.0
 * @category combinators
 */
export const decompress: typeof decompression.decompress = decompression.decompress

/**
 * True if a response is decoded while reading. It then has an `original`.
 *
 * @since 0.2.0
 * @category guards
 */
export const isDecoded: typeof decompression.isDecoded = decompression.isDecoded

/**
 * Retries requests over any `HttpClient`, only if that does no harm. See `HttpRetry` for its
 * options. Apply it above `followRedirects`.
 *
 * @since 0.2.0
 * @category combinators
 */
export const retry: typeof retries.retry = retries.retry

/**
 * Handles the failures that an error of this library with this tag has caused. The handler
 * receives that error. The type remains, because a `RequestError` can have any cause.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { Effect } from "effect"
 * import { PooledHttpClient } from "effect-http-client"
 *
 * export const status = HttpClient.get("http://localhost:8080/").pipe(
 *   Effect.map((response) => `status ${response.status}`),
 *   PooledHttpClient.catchTag("ConnectError", ({ reason }) => Effect.succeed(`no server: ${reason}`))
 * )
 * ```
 *
 * @since 0.3.0
 * @category error handling
 */
export const catchTag: typeof failures.catchTag = failures.catchTag
