/**
 * How host names become addresses: a service that connections and pools ask when they connect.
 *
 * By default the system is asked, as `getaddrinfo` does (hosts file, DNS, mDNS and whatever else
 * the system is set up for), and nothing is kept. To use another resolver, provide it where the
 * connection, the pool or the layer of the client is made. It is read once, at that moment.
 *
 * - IP addresses and unix sockets are never looked up.
 * - With a proxy its name is looked up. The proxy resolves the name of the origin.
 * - A lookup runs in the fiber context of the request that opens the connection: its log, span and
 *   `AsyncLocalStorage`. `timeouts.dns` limits it, and interrupting the request interrupts it.
 *
 * @since 0.2.0
 */
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { DnsError } from "./HttpError.ts"
import * as internal from "./internal/effect/resolver.ts"

/**
 * The addresses of a name, and what is known of their age.
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
   * Looks up a host name, which is never an IP address. It has the form of `Origin`: in lower case,
   * in ASCII, with its trailing dot if it has one. A defect becomes a defect of the request.
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
 * A layer that provides a resolver. Provide it to what makes the pool or the client, such as
 * `PooledHttpClient.layer`.
 *
 * @since 0.2.0
 * @category layers
 */
export const layer = (resolver: Service): Layer.Layer<never> => Layer.succeed(internal.Resolver, resolver)
