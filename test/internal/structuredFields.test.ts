/** The parser of Structured Fields: what RFC 9651 allows in a list, and that everything else fails as a whole. */
import { assert, describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import type { Item, List } from "../../src/internal/syntax/structuredFields.ts"
import * as structuredFields from "../../src/internal/syntax/structuredFields.ts"
import type { BareItem } from "../../src/internal/syntax/structuredItems.ts"
import { stepsPerCharacter } from "../fixtures/steps.ts"

const parseList = (text: string): List | undefined =>
  Option.getOrUndefined(Either.getRight(structuredFields.parseList(text)))

const bare = (_tag: BareItem["_tag"], value: BareItem["value"]): BareItem => ({ _tag, value }) as BareItem
const item = (value: BareItem, parameters: ReadonlyArray<readonly [string, BareItem]> = []): Item => ({
  _tag: "Item",
  value,
  parameters: new Map(parameters)
})
const bytes = (text: string) => bare("ByteSequence", new Uint8Array(Buffer.from(text, "latin1")))

describe("a list of one item", () => {
  const values: ReadonlyArray<readonly [text: string, value: BareItem]> = [
    ["0", bare("Integer", 0)],
    ["-0", bare("Integer", 0)],
    ["007", bare("Integer", 7)],
    ["-42", bare("Integer", -42)],
    ["999999999999999", bare("Integer", 999_999_999_999_999)],
    ["1.5", bare("Decimal", 1.5)],
    ["-0.125", bare("Decimal", -0.125)],
    ["123456789012.1", bare("Decimal", 123_456_789_012.1)],
    ["\"\"", bare("String", "")],
    ["\"a b\"", bare("String", "a b")],
    [String.raw`"a \"b\" \\"`, bare("String", "a \"b\" \\")],
    ["a", bare("Token", "a")],
    ["*a", bare("Token", "*a")],
    ["Foo123/456:x!#$%&'*+-.^_`|~", bare("Token", "Foo123/456:x!#$%&'*+-.^_`|~")],
    ["::", bytes("")],
    [":cHJldGVuZCB0aGlz:", bytes("pretend this")],
    [":/+8=:", bytes("\xff\xef")],
    [":YQ==:", bytes("a")],
    [":YQ:", bytes("a")],
    [":YR==:", bytes("a")],
    ["?1", bare("Boolean", true)],
    ["?0", bare("Boolean", false)],
    ["@1659578233", bare("Date", 1_659_578_233)],
    ["@-1", bare("Date", -1)],
    ["%\"a %c3%bc b\"", bare("DisplayString", "a ü b")],
    ["%\"%ef%bb%bf\"", bare("DisplayString", "\ufeff")]
  ]
  for (const [text, value] of values) {
    it(`${text} is the ${value._tag} ${String(value.value)}`, () => {
      assert.deepStrictEqual(parseList(text), [item(value)])
    })
  }
})

describe("a list", () => {
  it("may be empty", () => {
    assert.deepStrictEqual(parseList(""), [])
    assert.deepStrictEqual(parseList("   "), [])
  })

  it("has its members in their order, with white space around the commas", () => {
    const members = [item(bare("Token", "a")), item(bare("Integer", 1)), item(bare("Token", "b"))]
    assert.deepStrictEqual(parseList("a,1,b"), members)
    assert.deepStrictEqual(parseList("  a \t,\t 1,  b\t "), members)
  })

  it("has parameters, of which the last of two counts at the place of the first, and one without a value is true", () => {
    const members = parseList("a; b;c=1;  *d-_.*9=x;c=?0") ?? []
    assert.deepStrictEqual(members, [
      item(bare("Token", "a"), [
        ["b", bare("Boolean", true)],
        ["c", bare("Boolean", false)],
        ["*d-_.*9", bare("Token", "x")]
      ])
    ])
    assert.deepStrictEqual([...(members[0]?.parameters.keys() ?? [])], ["b", "c", "*d-_.*9"])
  })

  it("has inner lists, whose items and whole have parameters", () => {
    const expected: List = [
      {
        _tag: "InnerList",
        items: [item(bare("Token", "a"), [["b", bare("Integer", 1)]]), item(bare("String", "c"))],
        parameters: new Map([["d", bare("Boolean", true)]])
      },
      { _tag: "InnerList", items: [], parameters: new Map() }
    ]
    assert.deepStrictEqual(parseList("( a;b=1  \"c\" );d, ()"), expected)
  })

  it("takes at most 12 steps for each character, whatever it is", () => {
    const parts = [
      "a,",
      "a;b=\"c\", ",
      "(",
      "( ",
      "(a ",
      "();a,",
      "\"\\\"",
      "\"",
      ":YQ",
      ":::,",
      "a;a",
      "%\"%c3",
      "@1,",
      "?1,",
      "1",
      "a=1,",
      " ",
      "*"
    ]
    const parsers = [structuredFields.parseList, structuredFields.parseDictionary, structuredFields.parseItem]
    for (const parse of parsers) expect(stepsPerCharacter(parts, 5000, parse)).toBeLessThan(12)
    expect(parseList("a;b=\"c\", ".repeat(50_000) + "a")?.length).toBe(50_001)
  })
})

describe("fails as a whole", () => {
  const wrong: ReadonlyArray<readonly [why: string, text: string]> = [
    ["a trailing comma", "a,"],
    ["a leading comma", ",a"],
    ["an empty member", "a,,b"],
    ["two members without a comma", "a b"],
    ["a leading tab", "\ta"],
    ["a character that begins nothing", "&"],
    ["a character beyond ASCII", "ä"],
    ["a lone minus", "-"],
    ["a minus before a letter", "-a"],
    ["16 digits", "1234567890123456"],
    ["13 digits before a point", "1234567890123.1"],
    ["a point at the end", "1."],
    ["four digits behind a point", "1.2345"],
    ["a string that does not end", "\"a"],
    ["a string that ends with a backslash", "\"a\\"],
    ["an escape of something else", String.raw`"\a"`],
    ["a tab in a string", "\"a\tb\""],
    ["a letter beyond ASCII in a string", "\"ü\""],
    ["bytes that do not end", ":YQ=="],
    ["bytes that are not base64", ":Y-Q:"],
    ["bytes with padding in the middle", ":YQ==YQ==:"],
    ["bytes with too much padding", ":YQ===:"],
    ["bytes with one digit too many", ":YQYQY:"],
    ["bytes with padding that is too short", ":YQ=:"],
    ["a boolean that is neither", "?2"],
    ["a boolean without a value", "?"],
    ["a date with a fraction", "@1.5"],
    ["a date without digits", "@"],
    ["a date with a sign only", "@-"],
    ["a display string without quotes", "%a"],
    ["a display string that does not end", "%\"a"],
    ["a display string with a control character", "%\"a\nb\""],
    ["a display string with capital digits", "%\"%C3%BC\""],
    ["a display string with half an escape", "%\"%c\""],
    ["a display string with an escape of no digits", "%\"%gg\""],
    ["a display string that is not UTF-8", "%\"%c3\""],
    ["a key in capitals", "a;B=1"],
    ["a key that begins with a digit", "a;1=1"],
    ["no key", "a;"],
    ["no value", "a;b="],
    ["a space before a semicolon", "a ;b"],
    ["an inner list that does not end", "(a"],
    ["an inner list without a space between two", "(\"a\"\"b\")"],
    ["an inner list in another", "((a))"],
    ["an inner list with a comma", "(a,b)"],
    ["an inner list with a broken parameter", "(a);B"],
    ["an item with a broken parameter in an inner list", "(a;B)"]
  ]
  for (const [why, text] of wrong) {
    it(`for ${why}: ${JSON.stringify(text)}`, () => {
      assert.strictEqual(parseList(text), undefined)
      assert.strictEqual(parseList(`ok, ${text.startsWith("\t") ? "," : text}`), undefined)
    })
  }

  it("and no text makes it throw", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.string({ unit: FastCheck.constantFrom(..."a1\"\\:;=?@%(), \t*-.Aü\n"), maxLength: 20 }),
        (text) => {
          parseList(text)
        }
      )
    )
  })
})
