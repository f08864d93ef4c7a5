/** Content-Disposition (RFC 6266, RFC 8187): read as browsers read it, written for all recipients, and names that are safe to use. */
import { HttpClientRequest, HttpClientResponse } from "@effect/platform"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { describe, expect, it } from "vitest"
import * as ContentDisposition from "../src/ContentDisposition.ts"
import * as HttpFields from "../src/HttpFields.ts"
import { stepsPerCharacter } from "./fixtures/steps.ts"

/** How bytes of UTF-8 look in a field value. */
const raw = (text: string): string => Buffer.from(text).toString("latin1")

describe("a value", () => {
  const read: ReadonlyArray<readonly [value: string, type: string, fileName?: string, parameters?: object]> = [
    // RFC 6266 section 5.
    ["Attachment; filename=example.html", "attachment", "example.html"],
    ["INLINE; FILENAME= \"an example.html\"", "inline", "an example.html"],
    ["attachment; filename*= UTF-8''%e2%82%ac%20rates", "attachment", "€ rates"],
    ["attachment; filename=\"EURO rates\"; filename*=utf-8''%e2%82%ac%20rates", "attachment", "€ rates"],
    ["attachment; filename*=utf-8''%e2%82%ac%20rates; filename=\"EURO rates\"", "attachment", "€ rates"],
    ["attachment", "attachment"],
    [" attachment ; filename = \"a\" ", "attachment", "a"],
    ["form-data; name=\"a\"; filename=b", "form-data", "b", { name: "a" }],
    ["foo; filename=a", "foo", "a"],
    [String.raw`attachment; filename="a \"b\" \\c"`, "attachment", String.raw`a "b" \c`],
    ["attachment; filename=\"a;b.txt\"; size=3", "attachment", "a;b.txt", { size: "3" }],
    ["attachment; filename='a.txt'", "attachment", "'a.txt'"],
    ["attachment; filename=\"a-%41.txt\"", "attachment", "a-%41.txt"],
    ["attachment; filename=\"=?utf-8?Q?a?=\"", "attachment", "=?utf-8?Q?a?="],
    ["attachment; filename=\"..\\..\\a/b\"", "attachment", "....a/b"],
    ["attachment; filename*=iso-8859-1''a-%e4.txt", "attachment", "a-ä.txt"],
    ["attachment; filename*=UTF-8'de'it's%20me%2541", "attachment", "it's me%41"],
    ["attachment; title*=UTF-8''%c3%bc; title=u; filename=a", "attachment", "a", { title: "ü" }],
    // What servers send although no grammar allows it.
    [`attachment; filename="${raw("ä€😀")}.txt"`, "attachment", "ä€😀.txt"],
    ["attachment; filename=\"\xe4.txt\"", "attachment", "ä.txt"],
    ["attachment; filename=\"\xe4€.txt\"", "attachment", "\xe4€.txt"],
    ["attachment; filename=a b [1], c.txt; x=y", "attachment", "a b [1], c.txt", { x: "y" }],
    ["attachment; filename=\"a\"b; x", "attachment", "a", { x: "" }],
    ["attachment; filename=\"a.txt", "attachment", "a.txt"],
    ["attachment;; filename=a;", "attachment", "a"],
    ["attachment; filename=a; filename=b", "attachment", "a"],
    ["attachment; filename*=UTF-8''%e4; filename=a", "attachment", "a"],
    ["attachment; filename*=a.txt", "attachment"],
    ["attachment; filename*=\"UTF-8''a.txt\"", "attachment", "a.txt"],
    ["attachment; filename*=UTF-8''%zz; filename*=UTF-8''b", "attachment", "b"],
    ["attachment; filename=\"\"", "attachment"],
    ["attachment; filename", "attachment"],
    ["attachment; file name=a", "attachment"],
    ["filename=a.txt", "attachment", "a.txt"],
    ["filename=\"a;b\"; x=y", "attachment", "a;b", { x: "y" }]
  ]
  for (const [value, type, fileName, parameters = {}] of read) {
    it(`is read: ${value}`, () => {
      const expected = { type, fileName, parameters: new Map(Object.entries(parameters)) }
      expect(ContentDisposition.parse(value)).toEqual(Option.some(expected))
      expect(ContentDisposition.get(HttpFields.make(["content-disposition", value], ["Content-Disposition", "x"])))
        .toEqual(
          Option.some(expected)
        )
    })
  }

  it.each(["", ";", "; filename=a", "\"attachment\"; filename=a", "attachment filename=a", "ä", "=a", "a b=c"])(
    "is none: %j",
    (value) => {
      expect(ContentDisposition.parse(value)).toEqual(Option.none())
    }
  )

  it("is none without the field, and where untyped code brings no text", () => {
    expect(ContentDisposition.get(HttpFields.empty)).toEqual(Option.none())
    for (const value of [undefined, null, 1, {}, []]) {
      expect(ContentDisposition.parse(value as unknown as string)).toEqual(Option.none())
      expect(ContentDisposition.safeFileName(value as unknown as string)).toEqual(Option.none())
    }
  })

  it("takes at most 12 steps for each character, and never throws", () => {
    const parts = [";", "=", "\"", "\\", ";a", ";a=", ";a=\"", ";a*=''%41", ";a=\"\\\"", " ", "\t;", "''", "%4", "ä"]
    const parse = (text: string) => {
      ContentDisposition.parse(text)
      ContentDisposition.parse(`attachment${text}`)
      ContentDisposition.parse(`a=b${text}`)
    }
    expect(stepsPerCharacter(parts, 5000, parse)).toBeLessThan(3 * 12)
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit: FastCheck.constantFrom(..."a;=\"\\ *'%4\tä€") }), (text) => {
        expect(ContentDisposition.parse(text)._tag).toMatch(/Some|None/)
      })
    )
  })
})

describe("a value is written", () => {
  const written: ReadonlyArray<readonly [value: ContentDisposition.ContentDisposition, text: string]> = [
    [ContentDisposition.make("inline"), "inline"],
    [ContentDisposition.make("attachment", { fileName: "" }), "attachment"],
    [ContentDisposition.make("attachment", { fileName: "a b.txt" }), "attachment; filename=\"a b.txt\""],
    [
      ContentDisposition.make("attachment", { fileName: "Ünï €.txt", parameters: { size: "3", x: "ä" } }),
      "attachment; filename=\"Uni _.txt\"; filename*=UTF-8''%C3%9Cn%C3%AF%20%E2%82%AC.txt; size=\"3\"; x*=UTF-8''%C3%A4"
    ],
    [
      ContentDisposition.make("attachment", { fileName: "50% \"a\\b\"\r\n😀" }),
      "attachment; filename=\"50_ _a_b____\"; filename*=UTF-8''50%25%20%22a%5Cb%22%0D%0A%F0%9F%98%80"
    ]
  ]
  it.each(written)("%j: %s", (value, text) => {
    expect(ContentDisposition.format(value)).toEqual(Either.right(text))
  })

  it.each([
    ContentDisposition.make(""),
    ContentDisposition.make("a b"),
    ContentDisposition.make("a", { parameters: { "b c": "d" } }),
    ContentDisposition.make("a", { parameters: { "b*": "d" } }),
    ContentDisposition.make("a", { parameters: { FileName: "d" } })
  ])("not from %j", (value) => {
    const error = Either.getOrThrow(Either.flip(ContentDisposition.format(value)))
    expect(error).toBeInstanceOf(ContentDisposition.FieldValueError)
  })

  it("not from what untyped code brings", () => {
    for (const junk of [null, 1, {}, Symbol("a")]) {
      const value = junk as never
      const made = [
        value,
        ContentDisposition.make(value),
        ContentDisposition.make("a", { fileName: value }),
        ContentDisposition.make("a", { parameters: { a: value } })
      ]
      for (const one of made) expect(ContentDisposition.format(one)).toSatisfy(Either.isLeft)
    }
  })

  it("and read again is the same, whatever the name", () => {
    const name = FastCheck.constantFrom("size", "name", "x-1")
    const parameters = FastCheck.array(FastCheck.tuple(name, FastCheck.fullUnicodeString()))
    const fileName = FastCheck.option(FastCheck.fullUnicodeString({ minLength: 1 }), { nil: undefined })
    FastCheck.assert(FastCheck.property(fileName, parameters, (fileName, parameters) => {
      const made = { ...ContentDisposition.make("attachment", { fileName }), parameters: new Map(parameters) }
      expect(ContentDisposition.parse(Either.getOrThrow(ContentDisposition.format(made)))).toEqual(Option.some(made))
    }))
  })
})

describe("a safe name", () => {
  const cases: ReadonlyArray<readonly [name: string, safe: string | undefined]> = [
    ["a.txt", "a.txt"],
    ["ä €.tar.gz", "ä €.tar.gz"],
    ["../../etc/passwd", "passwd"],
    ["..\\..\\a.exe", "a.exe"],
    ["C:\\a\\b.txt", "b.txt"],
    ["C:b.txt", "C_b.txt"],
    ["a/b\\c", "c"],
    ["a.txt:stream", "a.txt_stream"],
    ["a<b>c\"d|e?f*g", "a_b_c_d_e_f_g"],
    [".", undefined],
    ["..", undefined],
    ["...", undefined],
    [". .", undefined],
    [".\0.", undefined],
    ["", undefined],
    ["  ", undefined],
    ["a/", undefined],
    ["\x00\x1f\x7f\x80", undefined],
    ["a\0b\r\nc\x85d", "abcd"],
    [".bashrc", "_bashrc"],
    ["..a", "_.a"],
    ["  a.txt. . ", "a.txt"],
    ["a\u202etxt.exe", "atxt.exe"],
    ["\ufeffa\u2028b\ud800", "ab"],
    ["CON", "_CON"],
    ["nul.txt", "_nul.txt"],
    ["COM1 .txt", "_COM1 .txt"],
    ["C\0OM1", "_COM1"],
    ["lpt².a.b", "_lpt².a.b"],
    ["CONSOLE.txt", "CONSOLE.txt"],
    ["COM10", "COM10"],
    ["%2e%2e%2fa", "%2e%2e%2fa"],
    [`${"a".repeat(300)}.txt`, `${"a".repeat(251)}.txt`],
    [`${"ä".repeat(300)}.txt`, `${"ä".repeat(125)}.txt`],
    [`${"😀".repeat(100)}`, "😀".repeat(63)],
    [`a.${"b".repeat(300)}`, `a.${"b".repeat(253)}`],
    [`${"a".repeat(250)} ${"b".repeat(9)}.txt`, `${"a".repeat(250)}.txt`],
    [`NUL.${"b".repeat(251)}`, `_NUL.${"b".repeat(250)}`]
  ]
  it.each(cases)("of %j is %j", (name, safe) => {
    expect(ContentDisposition.safeFileName(name)).toEqual(Option.fromNullable(safe))
  })

  it("is one segment of a path, whatever it is made of, and stays the same", () => {
    const unit = FastCheck.oneof(
      FastCheck.constantFrom(...". /\\:\0\n\u202e_aäCONUL1"),
      FastCheck.fullUnicode().map((char) => char)
    )
    FastCheck.assert(FastCheck.property(FastCheck.array(unit, { maxLength: 300 }), (chars) => {
      const safe = Option.getOrUndefined(ContentDisposition.safeFileName(chars.join("")))
      if (safe === undefined) return
      expect(safe).not.toMatch(/[/\\<>:"|?*\p{Control}\p{Format}]|^[.\s]|[.\s]$/u)
      expect(Buffer.byteLength(safe)).toBeLessThanOrEqual(255)
      expect(ContentDisposition.safeFileName(safe)).toEqual(Option.some(safe))
    }))
  })

  it("takes at most 12 steps for each character", () => {
    const parts = [" ", ".", "a ", "/", "\\", "\0", "CON", "a.", "ä"]
    expect(stepsPerCharacter(parts, 5000, ContentDisposition.safeFileName)).toBeLessThan(12)
  })
})

describe("the name of a response", () => {
  const cases: ReadonlyArray<readonly [url: string, value: string | undefined, name: string | undefined]> = [
    ["http://a/b/c.txt?d=e.f", undefined, "c.txt"],
    ["http://a/b/c.txt", "attachment; filename=\"../d.txt\"", "d.txt"],
    ["http://a/b/c.txt", "attachment", "c.txt"],
    ["http://a/b/c.txt", "attachment; filename=\"..\"", "c.txt"],
    ["http://a/%E2%82%AC%2F..%2Fx", undefined, "x"],
    ["http://a/100%", undefined, "100%"],
    ["http://a/%2e%2e", undefined, undefined],
    ["http://a/b/", undefined, undefined],
    ["http://a", undefined, undefined],
    ["/c.txt", undefined, undefined]
  ]
  it.each(cases)("from %s with %s is %s", (url, value, name) => {
    const fields = value === undefined ? HttpFields.empty : HttpFields.make(["Content-Disposition", value])
    expect(ContentDisposition.fileName({ url, fields })).toEqual(Option.fromNullable(name))
    const response = HttpClientResponse.fromWeb(
      HttpClientRequest.get(url),
      new Response("", { headers: value === undefined ? {} : { "content-disposition": value } })
    )
    expect(ContentDisposition.fileName(response)).toEqual(Option.fromNullable(name))
  })
})
