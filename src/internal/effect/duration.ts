/** Durations of options as milliseconds. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/** True for a negative duration and NaN. Effect reads them as zero, which would expire at once. */
const isNegative = (input: unknown): boolean => {
  switch (typeof input) {
    case "number":
      return !(input >= 0)
    case "bigint":
      return input < 0n
    case "string":
      return input.startsWith("-")
    default:
      return Array.isArray(input) && input.some(isNegative)
  }
}

/** Returns milliseconds, or `undefined` if the input is not a duration of at least 0. */
export const readDuration = (input: unknown): number | undefined =>
  isNegative(input)
    ? undefined
    : Option.getOrUndefined(Option.map(Duration.decodeUnknown(input), (duration) => Duration.toMillis(duration)))
