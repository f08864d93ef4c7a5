/**
 * How host names become addresses: a service that connections and pools ask when they connect.
 *
 * By default the system is asked, as `getaddrinfo` does (hosts file, DNS, mDNS and other configured
 * sources), and nothing is cached. To use another resolver, provide it to the code that makes the
 * connection, the pool or the client's layer. It is read once, at that moment.
 *
 * - IP addresses and unix sockets are never looked up.
 * - With a proxy its name is looked up. The proxy resolves the name of the origin.
 * - A lookup runs in the fiber context of the request that opens the connection: its log, span and
 *   `AsyncLocalStorage`. `timeouts.dns` limits it, and interrupting the request interrupts it.
 *
 * @since 0.2.0
 */
import type * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import type { DnsError, InvalidOption } from "./HttpError.ts"
import * as cache from "./internal/effect/cachedResolver.ts"
import * as dnsResolver from "./internal/effect/dnsResolver.ts"
import * as fixedResolver from "./internal/effect/fixedResolver.ts"
import * as internal from "./internal/effect/resolver.ts"

/**
 * The addresses of a name, and their known age.
 *
 * @since 0.2.0
 * @category models
 */
export interface Answer extends internal.Answer {}

/**
 * The service.
 *
 * @since 0.2.0
 * @category models
 */
export interface Service {
  /**
   * Looks up a host name, which is never an IP address. The name has the form of `Origin`: in lower
   * case, in ASCII, with its trailing dot if it has one. A defect becomes a defect of the request.
   */
  readonly lookup: (name: string) => Effect.Effect<Answer, DnsError>
}

/**
 * The resolver of the connections and pools that an effect makes, as a reference with a default:
 * the system's.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { HttpConnection, HttpRequest, NodeTransport, Resolver } from "effect-http-client"
 *
 * // Name every address that is about to be tried.
 * const logging: Resolver.Service = {
 *   lookup: (name) =>
 *     Effect.tap(Resolver.system.lookup(name), ({ addresses }) => Effect.logInfo(name, ...addresses))
 * }
 *
 * export const program = Effect.scoped(Effect.gen(function*() {
 *   const connection = yield* HttpConnection.make({ host: "localhost", port: 8080 })
 *   return yield* connection.execute(HttpRequest.get("/"))
 * })).pipe(
 *   Effect.provideService(Resolver.Resolver, logging),
 *   Effect.provide(NodeTransport.layer)
 * )
 * ```
 *
 * @since 0.2.0
 * @category references
 */
export const Resolver: typeof internal.Resolver = internal.Resolver

/**
 * The system's resolver. A lookup occupies one of libuv's threads (4 by default) until the system
 * has answered, even if it was interrupted.
 *
 * @since 0.2.0
 * @category constructors
 */
export const system: Service = internal.system

/**
 * Options of `cached`.
 *
 * @since 0.2.0
 * @category models
 */
export interface CachedOptions extends cache.CachedOptions {}

/**
 * A resolver that caches answers.
 *
 * @since 0.2.0
 * @category models
 */
export interface Cached extends cache.Cached {}

/**
 * Creates a resolver that caches the answers of another one, by default the system's, for at most
 * `capacity` names.
 *
 * - There is one lookup at a time for each name. Requests for the name share the lookup in
 *   progress, and its failure. Interrupting one of them does not affect the others; the last one
 *   interrupts the lookup. A lookup has the fiber context of the first request.
 * - An answer is used for `ttl`, or for its own time if that is shorter. A failure is cached for
 *   `negativeTtl`.
 * - When a lookup fails, the last answer is used for up to `staleOnError` longer, and marked
 *   `stale`. The lookup is repeated once `negativeTtl` is over.
 * - Time is that of `Clock`.
 *
 * Fails with `InvalidOption`. The resolver owns its cache, so make it once.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { PooledHttpClient, Resolver } from "effect-http-client"
 *
 * export const layer = PooledHttpClient.layerWith({}).pipe(
 *   Layer.provide(Resolver.layerCached({ ttl: "1 minute", staleOnError: "1 hour" }))
 * )
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const cached = (options: CachedOptions = {}): Effect.Effect<Cached, InvalidOption> => cache.cached(options)

/**
 * Creates a resolver with the answers of a record, such as
 * `{ "db.internal": ["10.0.0.5", "10.0.0.6"] }`. It asks `fallback` for any other name. Without
 * `fallback`, lookups of other names fail with `DnsError` (`NotFound`), so that a test reaches only
 * the named hosts.
 *
 * Names have no wildcards. Fails with `InvalidOption` for a name that is not a valid host or occurs
 * twice, and for a text that is not an IP address.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Resolver } from "effect-http-client"
 *
 * export const layer = Layer.unwrapEffect(
 *   Effect.map(Resolver.fixed({ "api.test": "127.0.0.1" }, Resolver.system), Resolver.layer)
 * )
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const fixed: (names: Names, fallback?: Service) => Either.Either<Service, InvalidOption> = fixedResolver.fixed

/**
 * Addresses by host name, for `fixed`.
 *
 * @since 0.2.0
 * @category models
 */
export type Names = fixedResolver.Names

/**
 * Options of `fromDns`.
 *
 * @since 0.2.0
 * @category models
 */
export interface DnsOptions extends dnsResolver.DnsOptions {}

/**
 * Creates a resolver that asks DNS servers itself (`resolve4` and `resolve6` of `node:dns`). Its
 * answers have the TTL of their records, and an interruption cancels the queries. It uses no
 * thread.
 *
 * - Both families are asked at once. The first answer with addresses waits 50 ms for the other
 *   (RFC 8305 section 3). If one fails, the other is the answer.
 * - It does not know the system's other sources: the hosts file, search domains, mDNS. A name
 *   without a dot is asked for unchanged.
 * - Names in `localhost` resolve to the loopback addresses. Names in `invalid` and `onion` fail
 *   with `NotFound`, without a query (RFC 6761, RFC 7686).
 * - It caches nothing: use it with `cached`.
 *
 * A lookup fails with `DnsError`, whose `code` is that of `node:dns`: `ENOTFOUND`, `ENODATA`,
 * `ESERVFAIL`, `EREFUSED`, `ETIMEOUT`, `ECONNREFUSED` and others. `fromDns` itself fails with
 * `InvalidOption`.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Resolver } from "effect-http-client"
 *
 * export const layer = Layer.unwrapEffect(Effect.gen(function*() {
 *   const resolver = yield* Resolver.fromDns({ servers: ["10.0.0.2", "10.0.0.3"] })
 *   return Resolver.layerCached({ resolver, ttl: "5 minutes" })
 * }))
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const fromDns: (options?: DnsOptions) => Either.Either<Service, InvalidOption> = dnsResolver.fromDns

/**
 * Creates a layer that provides a resolver. Provide it to the layer of the pool or the client, such
 * as `PooledHttpClient.layerWith({})`. `PooledHttpClient.layer` is built once in a program, with
 * the resolver of its first use.
 *
 * @since 0.2.0
 * @category layers
 */
export const layer = (resolver: Service): Layer.Layer<never> => Layer.succeed(internal.Resolver, resolver)

/**
 * Creates a layer that provides a resolver made by `cached`. Every build of the layer makes another
 * one.
 *
 * @since 0.2.0
 * @category layers
 */
export const layerCached = (options: CachedOptions = {}): Layer.Layer<never, InvalidOption> =>
  Layer.effect(internal.Resolver, cache.cached(options))
