/** Extended values of RFC 8187: `charset'language'percent-encoded`. */
import * as FastCheck from "effect/FastCheck"
import { describe, expect, it } from "vitest"
import { decode, encode } from "../../src/internal/syntax/extendedValue.ts"

describe("an extended value", () => {
  const read: ReadonlyArray<readonly [value: string, text: string]> = [
    // RFC 8187 section 3.2.3.
    ["UTF-8''%c2%a3%20and%20%e2%82%ac%20rates", "£ and € rates"],
    ["iso-8859-1'en'%A3%20rates", "£ rates"],
    ["UTF-8'en'%C2%A3%20rates", "£ rates"],
    ["utf-8''", ""],
    ["utf-8'de-AT'a", "a"],
    ["UTF-8''a'b", "a'b"],
    // What encodeURIComponent leaves.
    ["UTF-8''it's(1)*!.txt", "it's(1)*!.txt"],
    ["UTF-8''%2541", "%41"],
    ["UTF-8''%EF%BB%BFa", "\ufeffa"],
    ["ISO-8859-1''%80%e4", "\x80ä"],
    ["UTF-8''%00%0a", "\0\n"]
  ]
  it.each(read)("is read: %s", (value, text) => {
    expect(decode(value)).toBe(text)
  })

  it.each([
    ["no quotes", "foo"],
    ["one quote", "UTF-8'foo"],
    ["nothing", ""],
    ["no charset", "''foo"],
    ["another charset", "koi8-r''%c1"],
    ["UTF-8 that is cut", "UTF-8''%e2%82"],
    ["UTF-8 that is Latin-1", "UTF-8''foo-%E4.html"],
    ["UTF-8 of a surrogate", "UTF-8''%ed%a0%80"],
    ["a percent sign alone", "UTF-8''100%"],
    ["one digit", "UTF-8''%e"],
    ["no hexadecimal digits", "UTF-8''%zz"],
    ["a sign before a digit", "UTF-8''%+1"],
    ["a space", "UTF-8''a b"],
    ["a quote", "UTF-8''a\"b"],
    ["a backslash", "UTF-8''a\\b"],
    ["a character beyond ASCII", "UTF-8''ä"],
    ["a line feed", "UTF-8''a\nb"]
  ])("is none with %s", (_, value) => {
    expect(decode(value)).toBe(undefined)
  })

  it.each([
    ["£ and € rates", "UTF-8''%C2%A3%20and%20%E2%82%AC%20rates"],
    ["it's(1)*%.txt", "UTF-8''it%27s%281%29%2A%25.txt"],
    ["!#$&+-.^_`|~", "UTF-8''!#$&+-.^_`|~"],
    ["\r\n\0", "UTF-8''%0D%0A%00"],
    ["\ud800", "UTF-8''%EF%BF%BD"],
    ["", "UTF-8''"]
  ])("is written: %j", (text, value) => {
    expect(encode(text)).toBe(value)
  })

  it("is read as it was written, whatever the text", () => {
    FastCheck.assert(FastCheck.property(FastCheck.fullUnicodeString(), (text) => {
      const written = encode(text)
      expect(written).toMatch(/^UTF-8''(?:%[0-9A-F]{2}|[!#$&+\-.^_`|~0-9A-Za-z])*$/)
      expect(decode(written)).toBe(text)
    }))
  })

  it("never throws", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit: FastCheck.constantFrom(..."utf-8''%eaE0 ä\"\\") }), (text) => {
        expect(["undefined", "string"]).toContain(typeof decode(text))
      })
    )
  })
})
