/**
 * Decides whether an address may be dialled: `deny` wins over `allow`, and `allow` over the ranges
 * that are not public. Pure: the decision depends only on the policy and the address.
 */
import * as Predicate from "effect/Predicate"
import { InvalidOption } from "../error/request.ts"
import type { Network } from "./address.ts"
import { contains, embedded, parseAddress, parseNetwork } from "./address.ts"
import type { Refusal } from "./specialAddresses.ts"
import { notPublic } from "./specialAddresses.ts"

export const TypeId: unique symbol = Symbol.for("effect-http-client/AddressPolicy") as never

export type TypeId = typeof TypeId

/** The public view of a policy. */
export interface Policy {
  readonly [TypeId]: TypeId
  /** True if only public addresses, and those of `allow`, are allowed. */
  readonly publicOnly: boolean
  /** The exceptions from the built-in rules, in CIDR notation. */
  readonly allow: ReadonlyArray<string>
  /** The ranges that are always refused, in CIDR notation. */
  readonly deny: ReadonlyArray<string>
}

/** A policy whose ranges have been parsed. */
class Checked implements Policy {
  readonly [TypeId]: TypeId = TypeId
  readonly publicOnly: boolean
  readonly #allow: ReadonlyArray<Network>
  readonly #deny: ReadonlyArray<Network>

  constructor(publicOnly: boolean, allow: ReadonlyArray<Network>, deny: ReadonlyArray<Network>) {
    this.publicOnly = publicOnly
    this.#allow = allow
    this.#deny = deny
    Object.freeze(this)
  }

  get allow(): ReadonlyArray<string> {
    return this.#allow.map(({ text }) => text)
  }

  get deny(): ReadonlyArray<string> {
    return this.#deny.map(({ text }) => text)
  }

  /** True if it allows every address, so that nothing needs to be checked. */
  get allowsAll(): boolean {
    return !this.publicOnly && this.#deny.length === 0
  }

  /** This policy with further ranges. */
  with(allow: ReadonlyArray<Network>, deny: ReadonlyArray<Network>): Checked {
    return new Checked(this.publicOnly, [...this.#allow, ...allow], [...this.#deny, ...deny])
  }

  /** Documented at `refusalOf`. */
  refusalOf(text: string): Refusal | undefined {
    if (this.allowsAll) return undefined
    // For callers whose types no compiler has checked.
    const address = typeof text === "string" ? parseAddress(text) : undefined
    if (address === undefined) return { rule: "NotAnAddress", range: undefined }
    const { bytes, zone } = address
    for (const one of [bytes, ...embedded(bytes)]) {
      const refusal = denied(this.#deny, one)
      if (refusal !== undefined) return refusal
    }
    return this.publicOnly ? refusedUnlessAllowed(this.#allow, bytes, zone) : undefined
  }
}

export const isPolicy = (u: unknown): u is Policy => ownOf(u) !== undefined

export const allowAll: Policy = new Checked(false, [], [])

export const publicOnly: Policy = new Checked(true, [], [])

const denied = (deny: ReadonlyArray<Network>, bytes: Uint8Array): Refusal | undefined => {
  const network = deny.find((network) => contains(network, bytes))
  return network && { rule: "Deny", range: network.text }
}

/**
 * True if `allow` lifts the refusal. A range around a metadata service does not, because allowing
 * the range of a company must not expose the credentials of its machines.
 */
const lifts = (allow: ReadonlyArray<Network>, bytes: Uint8Array, { rule }: Refusal): boolean =>
  allow.some((network) => contains(network, bytes) && (rule !== "Metadata" || network.prefix === bytes.length * 8))

/** Returns why `publicOnly` with these exceptions refuses an address. */
const refusedUnlessAllowed = (
  allow: ReadonlyArray<Network>,
  bytes: Uint8Array,
  zone: string | undefined
): Refusal | undefined => {
  // A public address has no zone. The meaning of a zone depends on the system.
  const refusal = notPublic(bytes) ?? (zone === undefined ? undefined : { rule: "Zone", range: undefined })
  if (refusal === undefined) return undefined
  if (!lifts(allow, bytes, refusal)) return refusal
  // The range is allowed, but not the addresses that it leads to.
  for (const inner of embedded(bytes)) {
    const refused = refusedUnlessAllowed(allow, inner, undefined)
    if (refused !== undefined) return refused
  }
  return undefined
}

/** The policies of other copies of this library, as this copy read them. */
const readPolicies = new WeakMap<object, Checked>()

/**
 * Returns a policy as this module creates it; `undefined` for any other value.
 *
 * A process may have two copies of this library, such as two versions of it. They share the default
 * policy, because Effect keeps the default of a `Context.Reference` once a process, by its key. A
 * policy of another copy is therefore read from its public data. A version whose policies have
 * further rules must change `TypeId`, or this copy would ignore them.
 */
const ownOf = (u: unknown): Checked | undefined => {
  if (u instanceof Checked) return u
  if (!Predicate.hasProperty(u, TypeId) || u[TypeId] !== TypeId) return undefined
  const known = readPolicies.get(u)
  if (known !== undefined) return known
  const { allow, deny, publicOnly } = u as Partial<Record<"allow" | "deny" | "publicOnly", unknown>>
  const allowed = networksOf(allow)
  const denied = networksOf(deny)
  if (typeof publicOnly !== "boolean" || allowed === undefined || denied === undefined) return undefined
  const read = new Checked(publicOnly, allowed, denied)
  // What can change is read each time.
  if (Object.isFrozen(u)) readPolicies.set(u, read)
  return read
}

const networksOf = (texts: unknown): ReadonlyArray<Network> | undefined => {
  if (!Array.isArray(texts)) return undefined
  const networks = texts.map((text) => typeof text === "string" ? parseNetwork(text) : "is not a string")
  return networks.every((network) => typeof network !== "string") ? networks : undefined
}

/** Returns the policy as this module creates it. */
const own = (policy: Policy): Checked => {
  const found = ownOf(policy)
  if (found !== undefined) return found
  // Excluded by the types. A policy that cannot be read must not allow everything.
  throw new TypeError(
    "This is no policy of effect-http-client: use AddressPolicy.make, AddressPolicy.publicOnly or AddressPolicy.allowAll"
  )
}

/** Returns true if the policy allows every address. */
export const allowsAll = (policy: Policy): boolean => own(policy).allowsAll

/**
 * Returns why an address must not be dialled, or `undefined` if it may. `deny` wins over `allow`,
 * which wins over the built-in rules. An IPv6 address is denied if an IPv4 address that it contains
 * is denied.
 */
export const refusalOf = (policy: Policy, text: string): Refusal | undefined => own(policy).refusalOf(text)

/** Parses the ranges of an option. `texts` may be anything: its type may not have been checked. */
const parseRanges = (option: "allow" | "deny", texts: unknown): ReadonlyArray<Network> | InvalidOption => {
  if (texts === undefined) return []
  if (!Array.isArray(texts)) {
    return new InvalidOption({ option, reason: "it must be a list of ranges such as \"10.0.0.0/8\"" })
  }
  const parsed: Array<Network> = []
  for (const [index, text] of texts.entries()) {
    const network = typeof text === "string" ? parseNetwork(text) : "is not a string"
    if (typeof network === "string") {
      return new InvalidOption({ option: `${option}[${index}]`, reason: `it ${network}` })
    }
    parsed.push(network)
  }
  return parsed
}

/** The options of a policy, which may be anything: their types may not have been checked. */
export interface Parts {
  readonly base?: unknown
  readonly allow?: unknown
  readonly deny?: unknown
}

/** Creates a policy, by default over `publicOnly`. */
export const make = (parts: Parts): Policy | InvalidOption => {
  const base = ownOf(parts.base === undefined ? publicOnly : parts.base)
  if (base === undefined) {
    return new InvalidOption({ option: "base", reason: "it must be a policy, such as `AddressPolicy.publicOnly`" })
  }
  const allow = parseRanges("allow", parts.allow)
  if (allow instanceof InvalidOption) return allow
  const deny = parseRanges("deny", parts.deny)
  if (deny instanceof InvalidOption) return deny
  if (allow.length > 0 && !base.publicOnly) {
    const reason = "the base allows every address already, and `allow` would forbid no other; leave out one of the two"
    return new InvalidOption({ option: "allow", reason })
  }
  return base.with(allow, deny)
}

/** True if a host is an address, so that no lookup is needed to check it. */
export const isAddress = (host: string): boolean => parseAddress(host) !== undefined

/** True for the names that always are the loopback address (RFC 6761 section 6.3). */
export const isLoopbackName = (host: string): boolean => /(?:^|\.)localhost\.?$/i.test(host)
