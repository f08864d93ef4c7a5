/**
 * Parses and writes HTTP dates (RFC 9110 section 5.6.7) and parses Retry-After (section
 * 10.2.3).
 *
 * A recipient must accept all three forms of a date. `Date.parse` is not used: it accepts more,
 * reads a date without a zone as local time, and may differ between engines.
 */

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
const month = `(?<month>${months.join("|")})`
const time = "(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)"

/**
 * `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`, `Sun Nov  6 08:49:37 1994`.
 */
const forms = [
  `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\\d\\d) ${month} (?<year>\\d{4}) ${time} GMT`,
  `(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\\d\\d)-${month}-(?<year>\\d\\d) ${time} GMT`,
  `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ${month} (?<day>\\d\\d| \\d) ${time} (?<year>\\d{4})`
].map((form) => new RegExp(`^${form}$`))

/** Returns the milliseconds since 1970; `undefined` if the month has no such day. */
const millisOf = (
  year: number,
  month: number,
  [day, hour, minute, second]: readonly [number, number, number, number]
): number | undefined => {
  const date = new Date(0)
  // Not `Date.UTC`, because it treats the years 0 to 99 as years of the last century.
  date.setUTCFullYear(year, month, day)
  return date.getUTCMonth() === month && date.getUTCDate() === day ? date.setUTCHours(hour, minute, second) : undefined
}

/** Returns the same moment 50 years later. */
const in50Years = (nowMillis: number): number => {
  const date = new Date(nowMillis)
  return date.setUTCFullYear(date.getUTCFullYear() + 50)
}

/**
 * Returns the years that the digits may stand for, the preferred one first. Two digits stand for
 * the next century, unless that is more than 50 years in the future, and so on.
 */
const yearsOf = (digits: string, nowMillis: number): ReadonlyArray<number> => {
  const year = Number(digits)
  if (digits.length > 2) return [year]
  const now = new Date(nowMillis).getUTCFullYear()
  const inThisCentury = now - (now % 100) + year
  return [inThisCentury + 100, inThisCentury, inThisCentury - 100]
}

/**
 * Returns the milliseconds since 1970 of a date; `undefined` if the date is invalid. A leap second
 * counts as the second after it.
 */
export const parseHttpDate = (text: string, nowMillis: number): number | undefined => {
  for (const form of forms) {
    const groups = form.exec(text)?.groups
    if (groups === undefined) continue
    // The pattern has all of these groups.
    const { day, hour, minute, month, second, year } = groups as
      & Record<string, string>
      & {
        readonly [K in "day" | "hour" | "minute" | "month" | "second" | "year"]: string
      }
    const at = [Number(day), Number(hour), Number(minute), Number(second)] as const
    if (at[1] > 23 || at[2] > 59 || at[3] > 60) return undefined
    const years = yearsOf(year, nowMillis)
    for (const candidate of years) {
      const millis = millisOf(candidate, months.indexOf(month), at)
      if (millis !== undefined && (years.length === 1 || millis <= in50Years(nowMillis))) return millis
    }
    return undefined
  }
  return undefined
}

/** Writes a date in the first form; `undefined` if it is invalid or not in the years 0 to 9999. */
export const formatHttpDate = (date: Date): string | undefined => {
  const year = date.getUTCFullYear()
  return year >= 0 && year <= 9999 ? date.toUTCString() : undefined
}

/**
 * Returns the delay that the values of Retry-After ask for, in milliseconds. A value is a number of
 * seconds or a date; a past date is 0. The longest delay counts. `undefined` if no value is valid.
 */
export const retryAfterMillis = (values: ReadonlyArray<string>, nowMillis: number): number | undefined => {
  let longest: number | undefined
  for (const value of values) {
    const date = /^\d+$/.test(value) ? nowMillis + Number(value) * 1000 : parseHttpDate(value, nowMillis)
    if (date !== undefined) longest = Math.max(longest ?? 0, date - nowMillis)
  }
  return longest
}
