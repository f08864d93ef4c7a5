/** HTTP dates and Retry-After as public modules. `internal/httpDate.test.ts` has the table of the forms. */
import { describe, expect, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as HttpDate from "../src/HttpDate.ts"
import * as HttpFields from "../src/HttpFields.ts"
import * as RetryAfter from "../src/RetryAfter.ts"

const moment = new Date("1994-11-06T08:49:37.000Z")
const text = "Sun, 06 Nov 1994 08:49:37 GMT"

describe("a date", () => {
  it("is read from each of the three forms", () => {
    for (const form of [text, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]) {
      expect(HttpDate.parse(form)).toEqual(Option.some(moment))
    }
  })

  it("with two digits is near the present, or near another one", () => {
    const form = "Sunday, 06-Nov-94 08:49:37 GMT"
    expect(HttpDate.parse(form, { now: Date.UTC(2050, 0) })).toEqual(Option.some(new Date("2094-11-06T08:49:37.000Z")))
    const fields = HttpFields.make(["Date", form])
    expect(HttpDate.get(fields, "date", { now: 0 })).toEqual(Option.some(moment))
  })

  it("is read from a field", () => {
    const fields = HttpFields.make(["Last-Modified", text], ["Expires", "0"], ["Date", text], ["date", text])
    expect(HttpDate.get(fields, "last-modified")).toEqual(Option.some(moment))
    expect(fields.pipe(HttpDate.get("last-modified", { now: 0 }))).toEqual(Option.some(moment))
    expect(HttpDate.get(fields, "expires")).toEqual(Option.none())
    expect(HttpDate.get(fields, "age")).toEqual(Option.none())
    // Two lines are one value with a comma, which is no date.
    expect(HttpDate.get(fields, "date")).toEqual(Option.none())
  })

  it("is written in the first form", () => {
    expect(HttpDate.format(moment)).toEqual(Either.right(text))
    expect(HttpDate.format(new Date(moment.getTime() + 999))).toEqual(Either.right(text))
    expect(HttpDate.format(new Date("0001-01-01T00:00:00Z"))).toEqual(Either.right("Mon, 01 Jan 0001 00:00:00 GMT"))
  })

  it.each([new Date(Number.NaN), new Date("+010000-01-01T00:00:00Z"), new Date("-000001-01-01T00:00:00Z")])(
    "is not written if it cannot be: %o",
    (date) => {
      const error = Either.getOrThrow(Either.flip(HttpDate.format(date)))
      expect(error).toBeInstanceOf(HttpDate.FieldValueError)
      expect(error.message).toBe("The value cannot be written: a date is in the years 0 to 9999.")
    }
  )

  it("is read as it was written", () => {
    const dates = FastCheck.date({
      min: new Date("0000-01-01T00:00:00Z"),
      max: new Date("9999-12-31T23:59:59Z"),
      noInvalidDate: true
    })
    FastCheck.assert(FastCheck.property(dates, (date) => {
      const seconds = new Date(Math.floor(date.getTime() / 1000) * 1000)
      expect(HttpDate.parse(Either.getOrThrow(HttpDate.format(date)))).toEqual(Option.some(seconds))
    }))
  })

  it.each([undefined, null, 1, {}, []])("is none, where untyped code brings %o", (value) => {
    expect(HttpDate.parse(value as unknown as string)).toEqual(Option.none())
    expect(RetryAfter.parse(value as unknown as string, 0)).toEqual(Option.none())
    expect(Either.isLeft(HttpDate.format(value as unknown as Date))).toBe(true)
  })
})

describe("Retry-After", () => {
  it.effect("is a duration from now, by the clock", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(moment.getTime() - 30_000)
      const asked = (...lines: ReadonlyArray<string>) =>
        RetryAfter.get(HttpFields.make(...lines.map((line) => ["Retry-After", line] as const)))
      expect(yield* asked(text)).toEqual(Option.some(Duration.seconds(30)))
      expect(yield* asked("120")).toEqual(Option.some(Duration.minutes(2)))
      expect(yield* asked("1", "3", "soon")).toEqual(Option.some(Duration.seconds(3)))
      expect(yield* asked("9".repeat(400))).toEqual(Option.some(Duration.infinity))
      expect(yield* asked("soon")).toEqual(Option.none())
      expect(yield* asked()).toEqual(Option.none())
      yield* TestClock.adjust("1 minute")
      expect(yield* asked(text)).toEqual(Option.some(Duration.zero))
    }))

  it("of a client of another library is read from its text", () => {
    expect(RetryAfter.parse("120", 0)).toEqual(Option.some(Duration.minutes(2)))
    expect(RetryAfter.parse(text, moment.getTime() - 1000)).toEqual(Option.some(Duration.seconds(1)))
    expect(RetryAfter.parse("-1", 0)).toEqual(Option.none())
  })
})
