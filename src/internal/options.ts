/**
 * Arguments that no type has checked: options that are no record at all, bytes that are none,
 * counts that are no number.
 *
 * A list, a number or a function has none of the names that are read, so it would pass for options
 * without any and be told to nobody.
 */
import * as Predicate from "effect/Predicate"
import { InvalidOption } from "./error/request.ts"
import { isBytes } from "./given.ts"

/** Why this cannot be read as options, if it cannot. `undefined` is no options. */
export const notRecord = (option: string, value: unknown): InvalidOption | undefined =>
  value === undefined || (Predicate.isRecord(value) && !(Symbol.iterator in value))
    ? undefined
    : new InvalidOption({ option, reason: "it must be a record of options" })

/** Why these are no bytes, if they are none. */
export const notBytes = (option: string, bytes: unknown): InvalidOption | undefined =>
  isBytes(bytes) ? undefined : new InvalidOption({ option, reason: "it must be a `Uint8Array`" })

/** Why this is no number of bytes, if it is none. */
export const notCount = (option: string, count: unknown): InvalidOption | undefined =>
  typeof count === "number" ? undefined : new InvalidOption({ option, reason: "it must be a number of bytes" })
