/** Dates as RFC 9110 section 5.6.7 writes them, and Retry-After (section 10.2.3). */
import { describe, expect, it } from "vitest"
import { parseHttpDate, retryAfterMillis } from "../../src/internal/syntax/httpDate.ts"

const now = Date.UTC(2026, 10, 28, 21, 0, 0)

describe("a date", () => {
  const read: ReadonlyArray<readonly [text: string, date: string]> = [
    ["Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37.000Z"],
    ["Sunday, 06-Nov-94 08:49:37 GMT", "1994-11-06T08:49:37.000Z"],
    ["Sun Nov  6 08:49:37 1994", "1994-11-06T08:49:37.000Z"],
    ["Wed Nov 16 08:49:37 1994", "1994-11-16T08:49:37.000Z"],
    ["Thu, 29 Feb 2024 00:00:00 GMT", "2024-02-29T00:00:00.000Z"],
    ["Fri, 31 Dec 2027 23:59:60 GMT", "2028-01-01T00:00:00.000Z"],
    ["Mon, 01 Jan 0001 00:00:00 GMT", "0001-01-01T00:00:00.000Z"],
    // Two digits: at most 50 years in the future.
    ["Saturday, 28-Nov-76 00:00:00 GMT", "2076-11-28T00:00:00.000Z"],
    ["Saturday, 28-Nov-76 21:00:00 GMT", "2076-11-28T21:00:00.000Z"],
    ["Sunday, 28-Nov-76 21:00:01 GMT", "1976-11-28T21:00:01.000Z"],
    ["Monday, 28-Nov-77 00:00:00 GMT", "1977-11-28T00:00:00.000Z"],
    ["Thursday, 29-Feb-24 00:00:00 GMT", "2024-02-29T00:00:00.000Z"],
    ["Saturday, 01-Jan-00 00:00:00 GMT", "2000-01-01T00:00:00.000Z"]
  ]
  it.each(read)("is read: %s", (text, date) => {
    expect(new Date(parseHttpDate(text, now) ?? Number.NaN).toISOString()).toBe(date)
  })

  it("with two digits is in the next century, near its beginning", () => {
    const text = "Wednesday, 01-Jan-10 00:00:00 GMT"
    expect(parseHttpDate(text, Date.UTC(2090, 0))).toBe(Date.UTC(2110, 0))
    expect(parseHttpDate(text, Date.UTC(2059, 11, 31))).toBe(Date.UTC(2010, 0))
    expect(parseHttpDate(text, Date.UTC(2060, 0))).toBe(Date.UTC(2110, 0))
  })

  it.each([
    "",
    "Monday, 29-Feb-27 00:00:00 GMT",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37 +0000",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "sun, 06 nov 1994 08:49:37 gmt",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:00 GMT",
    "Sun, 06 Nov 1994 08:49:61 GMT",
    "Sun, 31 Feb 2026 00:00:00 GMT",
    "Sun, 00 Nov 1994 00:00:00 GMT",
    " Sun, 06 Nov 1994 08:49:37 GMT",
    "1994-11-06T08:49:37Z",
    "Sun, 06 Now 1994 08:49:37 GMT"
  ])("is none: %j", (text) => {
    expect(parseHttpDate(text, now)).toBe(undefined)
  })
})

describe("Retry-After", () => {
  const cases: ReadonlyArray<readonly [values: ReadonlyArray<string>, millis: number | undefined]> = [
    [["0"], 0],
    [["120"], 120_000],
    [["007"], 7000],
    [["Sat, 28 Nov 2026 21:00:30 GMT"], 30_000],
    [["Sat, 28 Nov 2026 20:59:00 GMT"], 0],
    [["1", "3", "2"], 3000],
    [["soon", "2"], 2000],
    [["9".repeat(400)], Infinity],
    [[], undefined],
    [["soon"], undefined],
    [["-1"], undefined],
    [["1.5"], undefined],
    [["+1"], undefined],
    [["0x10"], undefined],
    [[""], undefined]
  ]
  it.each(cases)("%j waits %s ms", (values, millis) => {
    expect(retryAfterMillis(values, now)).toBe(millis)
  })
})
