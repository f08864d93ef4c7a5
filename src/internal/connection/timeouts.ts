/**
 * Timeouts and limits in the form that the connection uses: checked, plain numbers, those of the
 * request over those of the connection. `undefined` stands for what is below.
 */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as HttpLimits from "../../HttpLimits.ts"
import type * as HttpTimeouts from "../../HttpTimeouts.ts"
import { InvalidOption } from "../error/request.ts"

/** `HttpTimeouts` in milliseconds; `Infinity` for none. */
export type Millis = { readonly [K in keyof HttpTimeouts.HttpTimeouts]: number }

type Numbers<K extends string> = { readonly [P in K]: number }

/** The options over those of `base`. `read` gives `undefined` for what makes no sense. */
const over = <K extends string>(
  group: "limits" | "timeouts",
  options: { readonly [P in K]?: unknown },
  base: Numbers<K>,
  read: (value: unknown) => number | undefined,
  rule: string
): Numbers<K> | InvalidOption => {
  const all: { -readonly [P in K]: number } = { ...base }
  for (const key of Object.keys(base) as Array<K>) {
    const option = options[key]
    if (option === undefined) continue
    const value = read(option)
    if (value === undefined) return new InvalidOption({ option: `${group}.${key}`, reason: rule })
    all[key] = value
  }
  return all
}

/** Effect takes a negative duration and NaN for zero, which would be over at once. */
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

/** Milliseconds; `undefined` for what is no duration of at least 0. */
export const readDuration = (input: unknown): number | undefined =>
  isNegative(input)
    ? undefined
    : Option.getOrUndefined(Option.map(Duration.decodeUnknown(input), (duration) => Duration.toMillis(duration)))

/** The timeouts in milliseconds, over those of `base`. */
export const toMillis = (
  timeouts: HttpTimeouts.Options,
  base: Millis
): Millis | InvalidOption =>
  over("timeouts", timeouts, base, readDuration, `it must be a duration of at least 0, such as 500 or "5 seconds"`)

const readLimit = (value: unknown): number | undefined =>
  typeof value === "number" && value >= 0 && (Number.isInteger(value) || value === Infinity) ? value : undefined

/** The limits, over those of `base`. */
export const toLimits = (
  limits: HttpLimits.Options,
  base: HttpLimits.HttpLimits
): HttpLimits.HttpLimits | InvalidOption =>
  over("limits", limits, base, readLimit, "it must be a whole number of at least 0, or Infinity")

/** As `Either`, for those that compute with it. */
export const checked = <A>(value: A | InvalidOption): Either.Either<A, InvalidOption> =>
  value instanceof InvalidOption ? Either.left(value) : Either.right(value)

/** No timeout at all. */
export const noTimeouts: Millis = {
  pool: Infinity,
  dns: Infinity,
  connect: Infinity,
  tls: Infinity,
  proxy: Infinity,
  write: Infinity,
  continue: Infinity,
  head: Infinity,
  bodyIdle: Infinity,
  total: Infinity
}
