/**
 * How the name of an opening becomes the dialled address, and which addresses are allowed.
 *
 * The policy checks the addresses that this process dials to reach a target. The address of a proxy
 * is not checked, because the program chose it. Behind a proxy, the address of a target is known in
 * two cases only. Either the target is an address itself, or its name is resolved here for the
 * proxy.
 */
import type * as Origin from "../../Origin.ts"
import type { Addresses, Addressing } from "../../Transport.ts"
import type { AddressRefused } from "../error/connect.ts"
import { InvalidUrl } from "../error/request.ts"
import { isAddress, isLoopbackName } from "../model/addressPolicy.ts"
import { defaultPort } from "../model/origin.ts"
import type { AddressCheck, AddressPorts, Caller } from "../model/ports.ts"
import { resolvesHere } from "../model/proxy.ts"
import type { Target } from "../protocol/target.ts"
import { parseHostPort } from "../syntax/host.ts"
import type { Way } from "./settings.ts"
import { originOf, proxyOf } from "./settings.ts"

/**
 * Returns the addressing of the host that is dialled; `undefined` if the transport decides
 * everything. The pool chooses among the addresses of the origin if this process resolves its name,
 * else among the proxy's.
 */
export const addressingOf = (way: Way, caller: Caller): Addressing | undefined => {
  const { choice, settings: { addresses, origin, proxy } } = way
  return proxy !== undefined && resolvesHere(proxy)
    ? addressingWith(addresses?.lookUp, undefined, undefined, origin, caller)
    : addressingWith(
      addresses?.lookUp,
      proxyOf(way) === undefined ? addresses?.check : undefined,
      choice,
      origin,
      caller
    )
}

/** Returns the addressing of the name of an origin that this process resolves for a proxy. */
export const targetAddressingOf = (way: Way, caller: Caller): Addressing | undefined => {
  const { choice, settings: { addresses } } = way
  return addressingWith(addresses?.lookUp, addresses?.check, choice, originOf(way), caller)
}

/**
 * Returns the answer without refused addresses, so that a pool counts and suspends only addresses
 * that can be dialled. If all are refused, the check before the first attempt reports it.
 */
const allowedOf = (answer: Addresses, isRefused: (address: string) => boolean): Addresses => {
  const addresses = answer.addresses.filter((address) => !isRefused(address))
  return addresses.length === 0 ? answer : { ...answer, addresses }
}

const addressingWith = (
  lookUp: AddressPorts["lookUp"],
  check: AddressCheck | undefined,
  choice: Way["choice"],
  { host, port }: Pick<Origin.Origin, "host" | "port">,
  caller: Caller
): Addressing | undefined => {
  if (lookUp === undefined && check === undefined && choice === undefined) return undefined
  const order = choice && ((answer: Addresses) => choice.orderAddresses(answer))
  return {
    resolve: lookUp && ((name, done, died) => lookUp(name, caller, done, died)),
    order: order && check
      ? (answer) => order(allowedOf(answer, (address) => check(host, address, port) !== undefined))
      : order,
    failed: choice && ((address) => choice.onAddressFailed(address)),
    check: check && ((address, port) => check(host, address, port))
  }
}

/**
 * Checks the loopback address of a name that always is one. A proxy chooses the family, so a range
 * that is denied in one of them refuses the name. Otherwise it is refused if neither is allowed.
 */
const refusedLoopback = (check: AddressCheck, host: string, port: number): AddressRefused | undefined => {
  const refusals = ["::1", "127.0.0.1"].map((address) => check(host, address, port))
  return refusals.find((refusal) => refusal?.rule === "Deny") ?? (refusals[0] && refusals[1])
}

/** Checks a host that a proxy is asked for. */
const refusedBehindProxy = (check: AddressCheck, host: string, port: number): AddressRefused | undefined =>
  isAddress(host) ? check(host, host, port) : isLoopbackName(host) ? refusedLoopback(check, host, port) : undefined

/**
 * Returns why the policy refuses an opening before anything is dialled. A transport that does not
 * ask the policy would dial an address, and a proxy would connect to it.
 */
export const refusedAtOnce = (way: Way): AddressRefused | undefined => {
  const check: AddressCheck | undefined = way.settings.addresses?.check
  const { host, port, socketPath } = originOf(way)
  if (check === undefined || socketPath !== undefined) return undefined
  if (proxyOf(way) !== undefined) return refusedBehindProxy(check, host, port)
  return isAddress(host) ? check(host, host, port) : undefined
}

/**
 * Returns why the policy refuses the target of a request if that names another host than the
 * connected one. Such targets are a URL for a proxy, and the far end of a tunnel.
 */
export const refusedTarget = (
  addresses: AddressPorts | undefined,
  { authority, target }: Target
): AddressRefused | undefined => {
  if (addresses?.check === undefined || target.startsWith("/") || target === "*") return undefined
  const parsed = parseHostPort(authority, "url")
  // The target has been checked, so its authority can be parsed. If it could not, it is refused.
  if (parsed instanceof InvalidUrl) return addresses.check(authority, authority, 0)
  const { host, port = defaultPort(target.startsWith("https:") ? "https" : "http") } = parsed
  return refusedBehindProxy(addresses.check, host, port)
}
