/**
 * HTTP dates (RFC 9110 section 5.6.7): Date, Last-Modified, Expires, If-Modified-Since.
 *
 * A recipient must accept three forms, and a sender must write the first. All others are refused,
 * because `Date.parse` would read a date without a zone as local time. Python has
 * `email.utils.parsedate_to_datetime` and `format_datetime(…, usegmt=True)`.
 *
 * @since 0.2.0
 */
import * as Either from "effect/Either"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as HttpFields from "./HttpFields.ts"
import { FieldValueError } from "./internal/syntax/fieldValueError.ts"
import * as internal from "./internal/syntax/httpDate.ts"

/**
 * Options for reading dates.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options {
  /**
   * The present, in milliseconds since 1970. It decides the century of a year with two digits: the
   * last one in which the date is at most 50 years in the future. Default: the system's time.
   */
  readonly now?: number | undefined
}

const parsed = (text: unknown, options?: Options): Option.Option<Date> => {
  const millis = typeof text === "string" ? internal.parseHttpDate(text, options?.now ?? Date.now()) : undefined
  return millis === undefined ? Option.none() : Option.some(new Date(millis))
}

/**
 * Parses a date. `None` if it is not an HTTP date. The day of the week is not compared with the
 * date. A leap second counts as the second after it.
 *
 * @example
 * ```ts
 * import { HttpDate } from "effect-http-client"
 * import { Option } from "effect"
 *
 * const date = HttpDate.parse("Sun, 06 Nov 1994 08:49:37 GMT")
 * console.log(Option.map(date, (_) => _.toISOString())) // Some("1994-11-06T08:49:37.000Z")
 * console.log(Option.isNone(HttpDate.parse("1994-11-06"))) // true
 * ```
 *
 * @since 0.2.0
 * @category parsing
 */
export const parse = (text: string, options?: Options): Option.Option<Date> => parsed(text, options)

/**
 * Parses the field with this name. `None` without the field, with several lines of it, or if it is
 * not an HTTP date. An Expires that is not a date, such as `0`, means that the response has expired
 * (RFC 9111 section 5.3).
 *
 * @example
 * ```ts
 * import { HttpDate, HttpFields } from "effect-http-client"
 *
 * const fields = HttpFields.make(["Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"])
 * const date = HttpDate.get(fields, "last-modified")
 * console.log(date._tag) // Some
 * ```
 *
 * @since 0.2.0
 * @category getters
 */
export const get: {
  (name: string, options?: Options): (self: HttpFields.HttpFields) => Option.Option<Date>
  (self: HttpFields.HttpFields, name: string, options?: Options): Option.Option<Date>
} = dual(
  (args) => HttpFields.isHttpFields(args[0]),
  (self: HttpFields.HttpFields, name: string, options?: Options): Option.Option<Date> =>
    parsed(HttpFields.getUnsafe(self, name), options)
)

/**
 * Writes a date, such as `Sun, 06 Nov 1994 08:49:37 GMT`. Milliseconds are cut off. Fails for an
 * invalid date and for years that do not have four digits.
 *
 * @since 0.2.0
 * @category formatting
 */
export const format = (date: Date): Either.Either<string, FieldValueError> => {
  const text = date instanceof Date ? internal.formatHttpDate(date) : undefined
  return text === undefined
    ? Either.left(new FieldValueError({ reason: "a date is in the years 0 to 9999" }))
    : Either.right(text)
}

export {
  /**
   * A date that cannot be written. It belongs to no exchange, so it has no `context` and is no
   * `HttpError`.
   *
   * @since 0.2.0
   * @category errors
   */
  FieldValueError
} from "./internal/syntax/fieldValueError.ts"
