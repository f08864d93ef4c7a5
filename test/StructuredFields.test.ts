/**
 * Structured Fields as a public module: values are made, written and read from fields, and faults
 * are reported.
 */
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { describe, expect, it } from "vitest"
import * as HttpFields from "../src/HttpFields.ts"
import * as S from "../src/StructuredFields.ts"

describe("an item is written", () => {
  const written: ReadonlyArray<readonly [item: S.Item, text: string]> = [
    [S.item(1), "1"],
    [S.item(-0), "0"],
    [S.item(S.integer(-999_999_999_999_999)), "-999999999999999"],
    [S.item(1.5), "1.5"],
    [S.item(S.decimal(2)), "2.0"],
    [S.item(S.decimal(-0)), "0.0"],
    [S.item(-0.0001), "0.0"],
    [S.item(1e-7), "0.0"],
    [S.item(0.0005), "0.0"],
    [S.item(0.00051), "0.001"],
    [S.item(0.0015), "0.002"],
    [S.item(1.0005), "1.0"],
    [S.item(1.0025), "1.002"],
    [S.item(1.0035), "1.004"],
    [S.item(-9.9995), "-10.0"],
    [S.item(0.12), "0.12"],
    [S.item(0.1 + 0.2), "0.3"],
    [S.item(999_999_999_999.999), "999999999999.999"],
    [S.item("a \"b\" \\"), String.raw`"a \"b\" \\"`],
    [S.item(S.token("text/html:*")), "text/html:*"],
    [S.item(new Uint8Array([104, 105])), ":aGk=:"],
    [S.item(new Uint8Array([0, 104, 105]).subarray(1)), ":aGk=:"],
    [S.item(true), "?1"],
    [S.item(false), "?0"],
    [S.item(S.date(-1)), "@-1"],
    [S.item(S.date(new Date(1999))), "@1"],
    [S.item(S.date(new Date(-1))), "@-1"],
    [S.item(S.displayString("ü \"50%\"\n")), "%\"%c3%bc %2250%25%22%0a\""],
    [S.item(S.token("a"), { b: true, c: false, "*d-_.9": 1 }), "a;b;c=?0;*d-_.9=1"],
    [S.item("a", [["2", "x"]].map(() => ["b", S.token("x")] as const)), "\"a\";b=x"]
  ]
  it.each(written)("%j: %s", (item, text) => {
    expect(S.serializeItem(item)).toEqual(Either.right(text))
  })

  const refused: ReadonlyArray<readonly [what: string, item: S.Item]> = [
    ["an integer of 16 digits", S.item(1_000_000_000_000_000)],
    ["an integer with a fraction", S.item(S.integer(1.5))],
    ["no number", S.item(Number.NaN)],
    ["infinity", S.item(S.decimal(-Infinity))],
    ["a decimal of 13 digits", S.item(S.decimal(1_000_000_000_000))],
    ["a decimal that is rounded to 13 digits", S.item(999_999_999_999.9996)],
    ["a string with a line feed", S.item("a\nb")],
    ["a string that is not ASCII", S.item("ü")],
    ["an empty token", S.item(S.token(""))],
    ["a token with a space", S.item(S.token("a b"))],
    ["a token that begins with a digit", S.item(S.token("1a"))],
    ["a date with a fraction", S.item(S.date(1.5))],
    ["a date that is none", S.item(S.date(new Date(Number.NaN)))],
    ["a display string with half a character", S.item(S.displayString("a\ud800"))],
    ["an empty key", S.item(1, { "": 1 })],
    ["a key in capitals", S.item(1, { A: 1 })],
    ["a key that begins with a digit", S.item(1, { "1": 1 })],
    ["a parameter that cannot be written", S.item(1, { a: "ü" })]
  ]
  it.each(refused)("not as %s", (_, item) => {
    const error = Either.getOrThrow(Either.flip(S.serializeItem(item)))
    expect(error).toBeInstanceOf(S.FieldValueError)
    expect(error.message).toMatch(/^The value cannot be written: .+\.$/)
    expect(Either.isLeft(S.serializeList([item]))).toBe(true)
    expect(Either.isLeft(S.serializeDictionary(new Map([["a", S.innerList([item])]])))).toBe(true)
  })

  const junk: ReadonlyArray<unknown> = [undefined, null, 1, "a", {}, [], Symbol("a"), { _tag: "Item" }, S.token("a")]
  it.each(junk)("not from %o, which untyped code may bring", (value) => {
    const either = [
      S.serializeItem(value as S.Item),
      S.serializeList([value as S.Item]),
      S.serializeDictionary(new Map([["a", value as S.Item]])),
      S.serializeItem(S.item(value as number, [["a", value as number]]))
    ]
    for (const text of either) if (Either.isRight(text)) expect(S.parseItem(text.right)._tag).toBe("Right")
  })

  it.each(["Integer", "Decimal", "String", "Token", "ByteSequence", "Boolean", "Date", "DisplayString"])(
    "not as a %s of another type",
    (_tag) => {
      for (const value of [null, undefined, {}, [], 1n, Symbol("a")]) {
        expect(Either.isLeft(S.serializeItem(S.item({ _tag, value } as unknown as S.BareItem)))).toBe(true)
      }
    }
  )
})

describe("a list and a dictionary are written", () => {
  it.each([{ a: S.item(1) }, {}, 1, null, undefined])("not from %o, which is neither", (value) => {
    expect(Either.isLeft(S.serializeList(value as unknown as S.List))).toBe(true)
    expect(Either.isLeft(S.serializeDictionary(value as unknown as S.Dictionary))).toBe(true)
  })

  it("with their members and parameters", () => {
    const inner = S.innerList([S.item(S.token("a"), { q: 0.5 }), 1, "b"], { c: true })
    expect(S.serializeList([inner, S.innerList([]), S.item(true)])).toEqual(
      Either.right("(a;q=0.5 1 \"b\");c, (), ?1")
    )
    expect(
      S.serializeDictionary(new Map<string, S.Member>([["u", S.item(1)], ["i", S.item(true, { a: 1 })], ["l", inner]]))
    )
      .toEqual(Either.right("u=1, i;a=1, l=(a;q=0.5 1 \"b\");c"))
  })

  it("as nothing if they are empty", () => {
    expect(S.serializeList([])).toEqual(Either.right(""))
    expect(S.serializeDictionary(new Map())).toEqual(Either.right(""))
  })

  const bare: FastCheck.Arbitrary<S.BareItem> = FastCheck.oneof(
    FastCheck.integer({ min: -999_999_999, max: 999_999_999 }).map(S.integer),
    FastCheck.maxSafeInteger().filter((n) => Math.abs(n) < 1e15).map((n) => S.integer(n + 0)),
    FastCheck.integer({ min: -999_999_999, max: 999_999_999 }).map((n) => S.decimal(n / 1000 + 0)),
    FastCheck.string().filter((text) => /^[\x20-\x7e]*$/.test(text)).map(S.string),
    FastCheck.stringMatching(/^[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]{0,9}$/).map(S.token),
    FastCheck.uint8Array().map((bytes) => S.byteSequence(Uint8Array.from(bytes))),
    FastCheck.boolean().map(S.boolean),
    FastCheck.integer().map(S.date),
    FastCheck.fullUnicodeString().map(S.displayString)
  )
  const key = FastCheck.stringMatching(/^[a-z*][a-z0-9_.*-]{0,5}$/)
  const parameters = FastCheck.array(FastCheck.tuple(key, bare), { maxLength: 3 })
  const item = FastCheck.tuple(bare, parameters).map(([value, all]) => S.item(value, all))
  const member: FastCheck.Arbitrary<S.Member> = FastCheck.oneof(
    item,
    FastCheck.tuple(FastCheck.array(item, { maxLength: 3 }), parameters).map(([items, all]) => S.innerList(items, all))
  )

  it("and read again are the same, whatever is in them", () => {
    FastCheck.assert(FastCheck.property(FastCheck.array(member, { maxLength: 4 }), (list) => {
      expect(S.parseList(Either.getOrThrow(S.serializeList(list)))).toEqual(Either.right(list))
    }))
    FastCheck.assert(FastCheck.property(FastCheck.array(FastCheck.tuple(key, member), { maxLength: 4 }), (entries) => {
      const dictionary = new Map(entries)
      expect(S.parseDictionary(Either.getOrThrow(S.serializeDictionary(dictionary)))).toEqual(Either.right(dictionary))
    }))
  })
})

describe("a field is read", () => {
  const fields = HttpFields.make(
    ["Example", "a, b"],
    ["Other", "1"],
    ["example", "c"],
    ["Priority", "u=1, i"],
    ["Broken", "a,"]
  )

  it("over all of its lines, as what it is asked to be", () => {
    expect(S.getList(fields, "example")).toEqual(S.parseList("a, b, c"))
    expect(fields.pipe(S.getList("EXAMPLE"))).toEqual(S.parseList("a, b, c"))
    expect(S.getDictionary(fields, "priority")).toEqual(
      Either.right(new Map([["u", S.item(1)], ["i", S.item(true)]]))
    )
    expect(S.getItem(fields, "other")).toEqual(Either.right(Option.some(S.item(1))))
    expect(fields.pipe(S.getItem("other"))).toEqual(S.getItem(fields, "other"))
    expect(fields.pipe(S.getDictionary("priority"))).toEqual(S.getDictionary(fields, "priority"))
  })

  it("as empty or none if it is not there", () => {
    expect(S.getList(fields, "no")).toEqual(Either.right([]))
    expect(S.getDictionary(fields, "no")).toEqual(Either.right(new Map()))
    expect(S.getItem(fields, "no")).toEqual(Either.right(Option.none()))
  })

  it("not at all if it breaks the grammar, or has another type", () => {
    expect(Either.isLeft(S.getList(fields, "broken"))).toBe(true)
    expect(Either.isLeft(S.getItem(fields, "example"))).toBe(true)
    expect(Either.isLeft(S.getDictionary(HttpFields.make(["A", "\"a\""]), "a"))).toBe(true)
  })
})

describe("what is wrong is said, with its place", () => {
  const wrong: ReadonlyArray<readonly [text: string, at: number, reason: string]> = [
    ["", 0, "an item is missing"],
    ["a, ", 3, "an item is missing"],
    ["a b", 2, "a comma is missing"],
    ["a;B", 2, "a key begins with a lower-case letter or *"],
    ["(a,b)", 2, "a space or the end of an inner list is missing"],
    ["\"ab\n", 3, "a string has an end quote and visible ASCII before it"],
    ["1234567890123456", 16, "a number has more than 15 digits"]
  ]
  it.each(wrong)("%j at %i", (text, at, reason) => {
    const parsed = text === "" ? S.parseItem(text) : S.parseList(text)
    const error = Either.getOrThrow(Either.flip<unknown, S.FieldValueError>(parsed))
    expect(error).toBeInstanceOf(S.FieldValueError)
    expect({ at: error.at, reason: error.reason }).toEqual({ at, reason })
    expect(error.message).toBe(`The value cannot be parsed: ${reason} at offset ${at}.`)
  })

  it("of what is behind an item", () => {
    const error = Either.getOrThrow(Either.flip<unknown, S.FieldValueError>(S.parseItem(" a , b")))
    expect(error.message).toBe("The value cannot be parsed: the value does not end after its item at offset 3.")
  })

  it.each([undefined, null, 1, {}, []])("of %o, which is no text", (value) => {
    for (const parse of [S.parseItem, S.parseList, S.parseDictionary]) {
      expect(Either.isLeft<unknown, unknown>(parse(value as unknown as string))).toBe(true)
    }
  })
})
