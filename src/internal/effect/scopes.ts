/**
 * Which transports put nothing into the scope of an opening but the end of the duplex that they
 * give.
 *
 * Whoever destroys such a duplex has done all that the scope would do, and need not keep it: a
 * scope with one finalizer takes 430 bytes, which is much for a connection that is idle. Known by
 * identity, because a service made out of such a one may do more.
 */
import type { Service } from "../../Transport.ts"

const known = new WeakSet<Service>()

/** Says it of a transport, which cannot change any more. */
export const onlyDuplexes = (transport: Service): Service => {
  known.add(transport)
  return Object.freeze(transport)
}

/** Whether the scope of an opening holds nothing but its duplex. */
export const holdsOnlyDuplexes = (transport: Service): boolean => known.has(transport)
