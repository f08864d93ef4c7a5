/** Makes the `Addressing` of an opening: how its name becomes the address that is dialled. */
import type { Addressing } from "../../Transport.ts"
import type { AddressPorts, Caller } from "../model/ports.ts"

/** `undefined` if the transport decides everything by itself. */
export const addressingOf = (ports: AddressPorts | undefined, caller: Caller): Addressing | undefined =>
  ports && { resolve: (name, done, died) => ports.lookUp(name, caller, done, died) }
