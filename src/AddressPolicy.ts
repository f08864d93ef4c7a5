/**
 * Which addresses may be connected to: a guard against server-side request forgery (SSRF).
 *
 * A program that requests URLs chosen by others, such as webhooks, must not be led to the machines
 * of its network. Checking the URL is not enough: a name can resolve to any address, to another one
 * each time, and a redirect can lead anywhere. Therefore the policy checks the very address that is
 * dialled, right before each attempt. A refused address fails with `AddressRefused`.
 *
 * `HttpConnection`, `ConnectionPool` and `PooledHttpClient` take the policy from the context in
 * which they are made. By default every address is allowed.
 *
 * What it cannot check: the addresses to which a proxy resolves names, and what a `Transport` other
 * than `NodeTransport` dials. Names that are resolved here for a proxy (`socks4`, `socks5`) are
 * checked. A target that is an address itself is refused before a proxy or a transport is asked.
 * The address of a configured proxy and the path of a unix socket are not checked, because the
 * program itself chose them.
 *
 * @since 0.2.0
 */
import * as Either from "effect/Either"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as internal from "./internal/effect/addressPolicy.ts"
import { InvalidOption } from "./internal/error/request.ts"
import * as model from "./internal/model/addressPolicy.ts"
import type * as special from "./internal/model/specialAddresses.ts"
import { notRecord } from "./internal/options.ts"

/**
 * The type id of policies.
 *
 * @since 0.2.0
 * @category type ids
 */
export const TypeId: typeof model.TypeId = model.TypeId

/**
 * The type of the type id of policies.
 *
 * @since 0.2.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * A policy. Create it with `make`; `publicOnly` and `allowAll` are ready to use.
 *
 * @since 0.2.0
 * @category models
 */
export interface Policy extends model.Policy {}

/**
 * Why a policy refuses an address.
 *
 * @since 0.2.0
 * @category models
 */
export type Refusal = special.Refusal

/**
 * The kind of range that an address was refused for.
 *
 * @since 0.2.0
 * @category models
 */
export type Rule = special.Rule

/**
 * The options of `make`.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options {
  /** The policy that the options are added to. Default: `publicOnly`. */
  readonly base?: Policy | undefined
  /**
   * Addresses and ranges in CIDR notation (`10.1.0.0/16`, `fd12:3456::/32`, `10.0.0.7`) that are
   * allowed although they are not public. A metadata service of a cloud is allowed only by its own
   * address, not by a range around it. A range whose addresses contain IPv4 addresses, such as
   * `64:ff9b::/96` of NAT64, also allows those whose IPv4 address is public or allowed.
   */
  readonly allow?: ReadonlyArray<string> | undefined
  /**
   * Addresses and ranges that are refused, even if `allow` has them. They also refuse IPv6
   * addresses that contain one of their IPv4 addresses.
   */
  readonly deny?: ReadonlyArray<string> | undefined
}

/**
 * Allows every address: the default.
 *
 * @since 0.2.0
 * @category policies
 */
export const allowAll: Policy = model.allowAll

/**
 * Allows public addresses only, for requests to URLs chosen by others.
 *
 * Refuses private, loopback, link-local, unique local, shared, multicast, documentation,
 * benchmarking and reserved addresses, and the metadata services of clouds. These are the ranges of
 * the IANA special-purpose registries (RFC 6890); of IPv6 everything but 2000::/3. Refuses
 * addresses with a zone id, and everything that is not an address.
 *
 * Refuses all IPv6 addresses that lead to IPv4 addresses: IPv4-mapped, NAT64, 6to4, Teredo, ISATAP.
 * A NAT64 prefix of the network itself (RFC 6052) looks like any other address: add it to `deny`.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { Effect, Layer } from "effect"
 * import { AddressPolicy, PooledHttpClient } from "effect-http-client"
 *
 * // Fails with `AddressRefused`, and also if a name or a redirect leads to such an address.
 * export const program = HttpClient.get("http://169.254.169.254/latest/meta-data/").pipe(
 *   Effect.provide(PooledHttpClient.layerWith({}).pipe(Layer.provide(AddressPolicy.layer(AddressPolicy.publicOnly))))
 * )
 * ```
 *
 * @since 0.2.0
 * @category policies
 */
export const publicOnly: Policy = model.publicOnly

/**
 * Creates a policy from another one and exceptions. `deny` wins over `allow`, and `allow` over the
 * built-in rules. The order within a list does not matter.
 *
 * Fails with `InvalidOption` if a text is neither an address nor a range, or if a range has bits
 * after its prefix (`10.1.2.3/8`). Also fails if `allow` is given although `base` allows
 * everything.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { AddressPolicy, ConnectionPool, HttpRequest, NodeTransport } from "effect-http-client"
 *
 * export const program = Effect.gen(function*() {
 *   const policy = yield* AddressPolicy.make({ allow: ["10.20.0.0/16"], deny: ["10.20.0.1"] })
 *   const pool = yield* ConnectionPool.make().pipe(Effect.provideService(AddressPolicy.AddressPolicy, policy))
 *   const response = yield* pool.execute(HttpRequest.get("http://10.20.0.7/"))
 *   return yield* response.text
 * }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (options: Options): Either.Either<Policy, InvalidOption> => {
  const made = notRecord("options", options ?? null) ?? model.make(options)
  return made instanceof InvalidOption ? Either.left(made) : Either.right(made)
}

/**
 * True if a value is a policy.
 *
 * @since 0.2.0
 * @category guards
 */
export const isPolicy: (u: unknown) => u is Policy = model.isPolicy

/**
 * Returns why a policy refuses an address; none if it is allowed. The address is an IPv4 address,
 * or an IPv6 address without brackets. Any other text is refused (`NotAnAddress`), unless the
 * policy allows everything.
 *
 * @example
 * ```ts
 * import { AddressPolicy } from "effect-http-client"
 *
 * // Option.some({ rule: "Loopback", range: "127.0.0.0/8" })
 * export const refusal = AddressPolicy.check(AddressPolicy.publicOnly, "127.0.0.1")
 * ```
 *
 * @since 0.2.0
 * @category checks
 */
export const check: {
  (address: string): (policy: Policy) => Option.Option<Refusal>
  (policy: Policy, address: string): Option.Option<Refusal>
} = dual(
  2,
  (policy: Policy, address: string): Option.Option<Refusal> => Option.fromNullable(model.refusalOf(policy, address))
)

/**
 * The policy of connections and pools that are made in a context, as a reference. By default every
 * address is allowed. It is read once, when a connection or a pool is made.
 *
 * @since 0.2.0
 * @category references
 */
export const AddressPolicy: typeof internal.AddressPolicy = internal.AddressPolicy

/**
 * Creates a layer that sets the policy of everything built over it. Provide it to the layer of a
 * client or a pool (`Layer.provide`), because a pool that is already made keeps its policy.
 *
 * @since 0.2.0
 * @category layers
 */
export const layer = (policy: Policy): Layer.Layer<never> => Layer.succeed(internal.AddressPolicy, policy)
