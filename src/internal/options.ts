/**
 * Checks arguments that no type has checked: options that are not a record, bytes that are not
 * bytes, counts that are not numbers.
 *
 * A list, a number or a function has none of the option names. Without this check it would silently
 * pass as an empty record.
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import { InvalidOption } from "./error/request.ts"
import { isBytes } from "./given.ts"

/** Returns the error if the value is not a record of options. `undefined` is accepted. */
export const notRecord = (option: string, value: unknown): InvalidOption | undefined =>
  value === undefined || (Predicate.isRecord(value) && !(Symbol.iterator in value))
    ? undefined
    : new InvalidOption({ option, reason: "it must be a record of options" })

/** Returns the error if the value is not a `Uint8Array`. */
export const notBytes = (option: string, bytes: unknown): InvalidOption | undefined =>
  isBytes(bytes) ? undefined : new InvalidOption({ option, reason: "it must be a `Uint8Array`" })

/** Returns the error if the value is not a number. */
export const notCount = (option: string, count: unknown): InvalidOption | undefined =>
  typeof count === "number" ? undefined : new InvalidOption({ option, reason: "it must be a number of bytes" })

/** A value that may be invalid, as an `Either`. */
export const checked = <A>(value: A | InvalidOption): Either.Either<A, InvalidOption> =>
  value instanceof InvalidOption ? Either.left(value) : Either.right(value)
