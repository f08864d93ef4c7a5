/** How a failure of reading a body gets the bytes that were collected before it. */
import type { Tagged } from "./base.ts"
import { copyOf } from "./base.ts"

/** A failure that can have bytes. */
interface Failure extends Tagged<string> {
  readonly partial?: Uint8Array | undefined
}

/**
 * Returns the same failure with these bytes as its `partial`.
 *
 * A copy, because several readings can fail with one failure of the body, and each has collected
 * bytes of its own.
 */
export const withPartial = <E extends Failure>(failure: E, partial: Uint8Array): E => copyOf(failure, { partial })
