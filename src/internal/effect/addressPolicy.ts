/** The address policy of the context, and the port through which openings ask it. */
import * as Context from "effect/Context"
import { AddressRefused } from "../error/connect.ts"
import type { Policy } from "../model/addressPolicy.ts"
import { allowAll, allowsAll, refusalOf } from "../model/addressPolicy.ts"
import type { AddressCheck } from "../model/ports.ts"

/**
 * The policy of the connections and pools that an effect makes. By default every address is
 * allowed.
 *
 * @since 0.2.0
 * @category references
 */
export class AddressPolicy extends Context.Reference<AddressPolicy>()("effect-http-client/AddressPolicy", {
  defaultValue: (): Policy => allowAll
}) {}

/**
 * Returns the port for a policy; `undefined` if every address is allowed, so that no check costs
 * anything.
 */
export const addressCheck = (policy: Policy): AddressCheck | undefined =>
  allowsAll(policy)
    ? undefined
    : (host, address, port) => {
      const refusal = refusalOf(policy, address)
      return refusal && new AddressRefused({ host, address, port, ...refusal })
    }
