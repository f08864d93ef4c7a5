/**
 * The field Retry-After (RFC 9110 section 10.2.3): how long a server asks to wait, as a number of
 * seconds or a date. `ConnectionPool.retry` and `PooledHttpClient.retry` obey it without this
 * module.
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as HttpFields from "./HttpFields.ts"
import * as internal from "./internal/syntax/httpDate.ts"

const asked = (values: ReadonlyArray<string>, now: number): Option.Option<Duration.Duration> =>
  Option.map(Option.fromNullable(internal.retryAfterMillis(values, now)), Duration.millis)

/**
 * Parses a value. A date is compared with `now`, in milliseconds since 1970, and a past date is
 * zero. `None` if the value is neither a number of seconds nor a date.
 *
 * @example
 * ```ts
 * import { RetryAfter } from "effect-http-client"
 * import { Duration, Option } from "effect"
 *
 * console.log(Option.map(RetryAfter.parse("120", Date.now()), Duration.format)) // Some("2m")
 * ```
 *
 * @since 0.2.0
 * @category parsing
 */
export const parse = (value: string, now: number): Option.Option<Duration.Duration> =>
  typeof value === "string" ? asked([value], now) : Option.none()

/**
 * Returns how long to wait from now, by Effect's `Clock`: the longest of several lines. `None`
 * without a valid one. The fields may be those of a response or of `HttpError.StatusError`.
 *
 * A server may ask for any time: compare it with a limit before you wait.
 *
 * @since 0.2.0
 * @category getters
 */
export const get = (fields: HttpFields.HttpFields): Effect.Effect<Option.Option<Duration.Duration>> =>
  Effect.map(Clock.currentTimeMillis, (now) => asked(HttpFields.getAll(fields, "retry-after"), now))
