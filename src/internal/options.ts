/**
 * What no type has checked: options that are no record at all.
 *
 * A list, a number or a function has none of the names that are read, so it would pass for options without any and be told to nobody.
 */
import * as Predicate from "effect/Predicate"
import { InvalidOption } from "./error/request.ts"

/** Why this cannot be read as options, if it cannot. `undefined` is no options. */
export const notRecord = (option: string, value: unknown): InvalidOption | undefined =>
  value === undefined || (Predicate.isRecord(value) && !(Symbol.iterator in value))
    ? undefined
    : new InvalidOption({ option, reason: "it must be a record of options" })
