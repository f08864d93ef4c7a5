/** Adds the bytes that were collected before a failure to that failure. */
import type { Tagged } from "./base.ts"
import { copyOf } from "./base.ts"

/** A failure that can contain the collected bytes. */
interface Failure extends Tagged<string> {
  readonly partial?: Uint8Array | undefined
}

/**
 * Returns the same failure with these bytes as its `partial`.
 *
 * It returns a copy, because several reads can fail with one failure of the body, and each has
 * collected different bytes.
 */
export const withPartial = <E extends Failure>(failure: E, partial: Uint8Array): E => copyOf(failure, { partial })
