import { describe, expect, expectTypeOf, it } from "@effect/vitest"
import * as Equal from "effect/Equal"
import * as FastCheck from "effect/FastCheck"
import * as Hash from "effect/Hash"
import * as Option from "effect/Option"
import { inspect } from "node:util"
import * as HttpFields from "../src/HttpFields.ts"
import { equalsIgnoreCase } from "../src/internal/syntax/ascii.ts"

const sample = HttpFields.make(
  ["Accept", "text/html"],
  ["Set-Cookie", "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT"],
  ["ACCEPT", "text/plain"],
  ["set-cookie", "b=2"]
)

const token = FastCheck.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/)
const entry = FastCheck.tuple(
  FastCheck.oneof(token, FastCheck.constantFrom("a", "A", "b", "B", "__proto__", "constructor")),
  FastCheck.string({ maxLength: 8 })
)
const entriesArbitrary = FastCheck.array(entry, { maxLength: 12 })

describe("HttpFields", () => {
  describe("constructors", () => {
    it("keeps the order of lines and the spelling of names", () => {
      expect(HttpFields.entries(sample)).toEqual([
        ["Accept", "text/html"],
        ["Set-Cookie", "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT"],
        ["ACCEPT", "text/plain"],
        ["set-cookie", "b=2"]
      ])
      expect([...sample]).toEqual(HttpFields.entries(sample))
      expect(HttpFields.size(sample)).toBe(4)
    })

    it.each<{ readonly of: string; readonly input: HttpFields.Input; readonly lines: ReadonlyArray<[string, string]> }>(
      [
        { of: "a field list", input: HttpFields.make(["A", "1"]), lines: [["A", "1"]] },
        { of: "pairs", input: [["A", "1"], ["a", "2"]], lines: [["A", "1"], ["a", "2"]] },
        { of: "pairs with numbers", input: [["A", 1], ["B", "2"]], lines: [["A", "1"], ["B", "2"]] },
        {
          of: "bytes, as ISO-8859-1",
          input: { A: Uint8Array.of(0x61, 0xff), B: [Uint8Array.of(0xc3, 0x80), 1] },
          lines: [["A", "a\xff"], ["B", "\xc3\x80"], ["B", "1"]]
        },
        { of: "a view of bytes", input: [["A", Buffer.from("abc").subarray(1)]], lines: [["A", "bc"]] },
        { of: "a Map", input: new Map([["A", "1"]]), lines: [["A", "1"]] },
        { of: "the web's Headers", input: new Headers({ A: "1" }), lines: [["a", "1"]] },
        {
          of: "a record",
          input: { A: "1", B: 2, C: ["3", 4], D: [], E: undefined },
          lines: [["A", "1"], ["B", "2"], ["C", "3"], ["C", "4"]]
        },
        { of: "a record with __proto__", input: JSON.parse(`{"__proto__":"x"}`), lines: [["__proto__", "x"]] },
        { of: "nothing", input: {}, lines: [] }
      ]
    )("is made of $of", ({ input, lines }) => {
      expect(HttpFields.entries(HttpFields.fromInput(input))).toEqual(lines)
    })

    it("keeps what is neither text nor number, because its text would be sent as if it were meant", () => {
      const odd = { toString: () => "x" }
      const values = (fields: HttpFields.HttpFields) => fields.values
      for (const value of [odd, null, true, undefined, NaN, Infinity, -Infinity]) {
        const never = value as never
        expect(values(HttpFields.fromInput([["A", never]]))).toEqual([value])
        expect(values(HttpFields.fromInput({ A: [never] }))).toEqual([value])
        if (value !== undefined) expect(values(HttpFields.fromInput({ A: never }))).toEqual([value])
        expect(values(HttpFields.append(HttpFields.empty, "A", never))).toEqual([value])
        expect(values(HttpFields.set(HttpFields.make(["A", "1"]), "A", never))).toEqual([value])
      }
    })

    it("throws what reading its input throws", () => {
      const broken = {
        [Symbol.iterator]: () => {
          throw new RangeError("mine")
        }
      }
      expect(() => HttpFields.fromInput(broken as never)).toThrow(RangeError)
    })

    it("keeps what is no list of pairs as a name, to be refused when it is sent", () => {
      expect(HttpFields.entries(HttpFields.fromInput(null as never))).toEqual([[null, ""]])
      expect(HttpFields.entries(HttpFields.fromInput([5, ["a", "b"], "cd"] as never))).toEqual([
        [5, ""],
        ["a", "b"],
        ["cd", ""]
      ])
    })

    it("gives a field list back as it is", () => {
      expect(HttpFields.fromInput(sample)).toBe(sample)
    })

    it("tells a field list from other values", () => {
      expect(HttpFields.isHttpFields(sample)).toBe(true)
      expect(HttpFields.isHttpFields(HttpFields.empty)).toBe(true)
      for (const other of [undefined, null, {}, [], "a: b", new Map()]) {
        expect(HttpFields.isHttpFields(other)).toBe(false)
      }
    })

    it("does not copy the arrays of the parser", () => {
      const names = ["A"]
      expect(HttpFields.unsafeMake(names, ["1"]).names).toBe(names)
    })
  })

  describe("lookup", () => {
    it("joins the lines of a field", () => {
      expect(HttpFields.get(sample, "accept")).toEqual(Option.some("text/html, text/plain"))
      expect(HttpFields.getUnsafe(sample, "aCCept")).toBe("text/html, text/plain")
    })

    it("does not join the lines of Set-Cookie", () => {
      expect(HttpFields.getUnsafe(sample, "SET-COOKIE")).toBe("a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT")
      expect(HttpFields.getAll(sample, "Set-Cookie")).toEqual(["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2"])
    })

    it("says that a field is not there", () => {
      expect(HttpFields.get(sample, "accep")).toEqual(Option.none())
      expect(HttpFields.getUnsafe(sample, "accepts")).toBeUndefined()
      expect(HttpFields.getAll(sample, "x")).toEqual([])
      expect(HttpFields.has(sample, "x")).toBe(false)
      expect(HttpFields.has(sample, "sET-cOOKIE")).toBe(true)
    })

    it("has an empty value for a line without one", () => {
      expect(HttpFields.get(HttpFields.make(["A", ""]), "a")).toEqual(Option.some(""))
    })

    it.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
      "takes %s for a name like any other",
      (name) => {
        expect(HttpFields.has(HttpFields.empty, name)).toBe(false)
        expect(HttpFields.get(HttpFields.empty, name)).toEqual(Option.none())
        expect(HttpFields.getUnsafe(HttpFields.set(HttpFields.empty, name, "x"), name)).toBe("x")
      }
    )

    it("ignores the case of ASCII letters and of nothing else", () => {
      for (const [a, b] of [["@", "`"], ["[", "{"], ["^", "~"], ["k", "\u212a"], ["é", "É"], ["\r", "-"]] as const) {
        expect(equalsIgnoreCase(a, b)).toBe(false)
      }
      expect(equalsIgnoreCase("aZ-09_~", "Az-09_~")).toBe(true)
    })

    it("finds what Array.filter over lower-cased names finds", () => {
      FastCheck.assert(FastCheck.property(entriesArbitrary, entry, (lines, [name]) => {
        const found = lines.filter((line) => line[0].toLowerCase() === name.toLowerCase()).map((line) => line[1])
        const self = HttpFields.make(...lines)
        expect(HttpFields.getAll(self, name)).toEqual(found)
        expect(HttpFields.has(self, name)).toBe(found.length > 0)
        const joined = found.length === 0
          ? undefined
          : name.toLowerCase() === "set-cookie"
          ? found[0]
          : found.join(", ")
        expect(HttpFields.getUnsafe(self, name)).toBe(joined)
      }))
    })
  })

  describe("changes", () => {
    it("replaces a field in the place of its first line", () => {
      expect(HttpFields.entries(HttpFields.set(HttpFields.make(["A", "1"], ["B", "2"], ["a", "3"]), "a", 4))).toEqual([
        ["a", "4"],
        ["B", "2"]
      ])
    })

    it("sets a field that was not there at the end", () => {
      expect(HttpFields.entries(HttpFields.set(HttpFields.make(["A", "1"]), "B", "2"))).toEqual([["A", "1"], [
        "B",
        "2"
      ]])
    })

    it("appends and removes lines", () => {
      const appended = HttpFields.append(HttpFields.make(["A", "1"], ["B", "2"]), "a", "3")
      expect(HttpFields.entries(appended)).toEqual([["A", "1"], ["B", "2"], ["a", "3"]])
      expect(HttpFields.entries(HttpFields.remove(appended, "A"))).toEqual([["B", "2"]])
    })

    it("merges so that the second list's fields replace the first's", () => {
      const merged = HttpFields.merge(
        HttpFields.make(["A", "1"], ["B", "2"], ["a", "3"]),
        HttpFields.make(["a", "4"], ["C", "5"], ["A", "6"])
      )
      expect(HttpFields.entries(merged)).toEqual([["B", "2"], ["a", "4"], ["C", "5"], ["A", "6"]])
    })

    it("has a data-last form of every function", () => {
      const result = HttpFields.empty.pipe(
        HttpFields.append("A", "1"),
        HttpFields.set("a", "2"),
        HttpFields.merge(HttpFields.make(["B", "3"])),
        HttpFields.remove("A"),
        HttpFields.redact(["b"])
      )
      expect(result.pipe(HttpFields.get("b"))).toEqual(Option.some("<redacted>"))
      expect(result.pipe(HttpFields.getUnsafe("b"))).toBe("<redacted>")
      expect(result.pipe(HttpFields.getAll("B"))).toEqual(["<redacted>"])
      expect(result.pipe(HttpFields.has("a"))).toBe(false)
      expectTypeOf(result).toEqualTypeOf<HttpFields.HttpFields>()
    })

    it("never changes the list that it was given", () => {
      FastCheck.assert(FastCheck.property(entriesArbitrary, entry, (lines, [name, value]) => {
        const self = HttpFields.unsafeMake(
          Object.freeze(lines.map((line) => line[0])),
          Object.freeze(lines.map((line) => line[1]))
        )
        expect(HttpFields.getAll(HttpFields.set(self, name, value), name)).toEqual([value])
        expect(HttpFields.has(HttpFields.remove(self, name), name)).toBe(false)
        expect(HttpFields.size(HttpFields.append(self, name, value))).toBe(lines.length + 1)
        expect(Equal.equals(HttpFields.merge(self, HttpFields.empty), self)).toBe(true)
        expect(Equal.equals(HttpFields.merge(self, self), self)).toBe(true)
      }))
    })
  })

  describe("equality", () => {
    it("does not count the case of names", () => {
      const a = HttpFields.make(["Accept", "x"])
      const b = HttpFields.make(["accept", "x"])
      expect(Equal.equals(a, b)).toBe(true)
      expect(Hash.hash(a)).toBe(Hash.hash(b))
    })

    it("counts the order of lines, the case of values and the number of lines", () => {
      const a = HttpFields.make(["A", "x"], ["B", "y"])
      for (
        const b of [
          HttpFields.make(["B", "y"], ["A", "x"]),
          HttpFields.make(["A", "X"], ["B", "y"]),
          HttpFields.make(["A", "x"]),
          HttpFields.make(["A", "x"], ["B", "y"], ["B", "y"])
        ]
      ) expect(Equal.equals(a, b)).toBe(false)
    })

    it("gives equal lists equal hashes", () => {
      FastCheck.assert(FastCheck.property(entriesArbitrary, (lines) => {
        const a = HttpFields.make(...lines)
        const b = HttpFields.make(...lines.map(([name, value]) => [name.toUpperCase(), value] as const))
        expect(Equal.equals(a, b)).toBe(true)
        expect(Hash.hash(a)).toBe(Hash.hash(b))
      }))
    })
  })

  describe("redaction", () => {
    const secrets = ["Authorization", "PROXY-AUTHORIZATION", "Cookie", "set-cookie", "X-Api-Key"]
    const fields = HttpFields.make(...secrets.map((name) => [name, "hunter2"] as const), ["Accept", "visible"])

    it("prints no secret", () => {
      for (const printed of [JSON.stringify(fields), String(fields), inspect(fields, { depth: 9 })]) {
        expect(printed).not.toContain("hunter2")
        expect(printed).toContain("visible")
        for (const name of secrets) expect(printed).toContain(name)
      }
    })

    it("hides the values of the fields that it is told to", () => {
      const redacted = HttpFields.redact(HttpFields.make(["X-Secret-1", "a"], ["B", "b"], ["C", "c"]), [
        /^x-secret-/g,
        "c"
      ])
      expect(HttpFields.entries(redacted)).toEqual([["X-Secret-1", "<redacted>"], ["B", "b"], ["C", "<redacted>"]])
    })

    it("is not misled by the position of a global expression", () => {
      const pattern = /secret/g
      const redacted = HttpFields.redact(HttpFields.make(["secret", "1"], ["secret", "2"], ["secret", "3"]), [pattern])
      expect(redacted.values).toEqual(["<redacted>", "<redacted>", "<redacted>"])
    })
  })

  describe("Content-Type", () => {
    const values: ReadonlyArray<
      readonly [value: string, type: string | undefined, parameters?: ReadonlyArray<readonly [string, string]>]
    > = [
      ["text/html", "text/html"],
      ["  Text/HTML  ", "text/html"],
      ["text/html;charset=utf-8", "text/html", [["charset", "utf-8"]]],
      ["text/html ; Charset = UTF-8 ", "text/html", [["charset", "UTF-8"]]],
      ["text/html;charset=\"utf-8\"", "text/html", [["charset", "utf-8"]]],
      ["text/html;; ;charset=utf-8;", "text/html", [["charset", "utf-8"]]],
      ["text/html; a=\"x;y=\\\"z\\\"\"; b=1", "text/html", [["a", "x;y=\"z\""], ["b", "1"]]],
      ["text/html; a=\"no end; b=1", "text/html", [["a", "no end; b=1"]]],
      ["text/html; a=\"\\", "text/html", [["a", ""]]],
      ["text/html; a=\"x\" junk; b=1", "text/html", [["a", "x"], ["b", "1"]]],
      ["text/html; a=\"\"", "text/html", [["a", ""]]],
      ["text/html; a=", "text/html"],
      ["text/html;", "text/html"],
      ["text/html;;;b=1", "text/html", [["b", "1"]]],
      ["text/html; flag; b=1", "text/html", [["b", "1"]]],
      ["text/html; =x; b=1", "text/html", [["b", "1"]]],
      ["text/html; a b=1; c=a b; d=1", "text/html", [["d", "1"]]],
      ["text/html; a=1; A=2", "text/html", [["a", "1"]]],
      ["text/html; __proto__=1", "text/html", [["__proto__", "1"]]],
      ["application/problem+json; charset=utf-8", "application/problem+json", [["charset", "utf-8"]]],
      ["", undefined],
      ["text", undefined],
      ["text/", undefined],
      ["/html", undefined],
      ["text/html/x", undefined],
      ["te xt/html", undefined],
      ["text/html, text/plain", undefined],
      ["; charset=utf-8", undefined]
    ]
    it.each(values.map(([value, type, parameters]) => ({ value, type, parameters: parameters ?? [] })))(
      "reads $value",
      ({ parameters, type, value }) => {
        const fields = HttpFields.make(["content-type", value])
        const found = Option.getOrUndefined(HttpFields.contentType(fields))
        expect(found?.type).toBe(type)
        expect([...found?.parameters ?? []]).toEqual(parameters)
      }
    )

    it.each([
      ["text/html; charset=UTF-8", "utf-8"],
      ["text/html; charset=\"ISO-8859-1\"; x=y", "iso-8859-1"],
      ["text/html; xcharset=a", undefined],
      ["text/html; charset=\"\"", undefined],
      ["text/html", undefined],
      ["; charset=utf-8", undefined]
    ])("finds the charset of %j", (value, charset) => {
      expect(Option.getOrUndefined(HttpFields.contentCharset(HttpFields.make(["Content-Type", value])))).toBe(charset)
    })

    it("is the first of two lines", () => {
      const fields = HttpFields.make(["Content-Type", "text/html"], ["Content-Type", "text/plain; charset=x"])
      expect(Option.map(HttpFields.contentType(fields), (_) => _.type)).toEqual(Option.some("text/html"))
      expect(HttpFields.contentCharset(fields)).toEqual(Option.none())
    })

    it("is none where there is no such line", () => {
      expect(HttpFields.contentType(HttpFields.empty)).toEqual(Option.none())
    })

    it("never throws, and gives the same for a value that was put together from what it read", () => {
      FastCheck.assert(FastCheck.property(
        FastCheck.string({
          unit: FastCheck.constantFrom("a", "/", ";", "=", "\"", "\\", " ", "\t", "é"),
          maxLength: 24
        }),
        (tail) => {
          const read = (value: string) =>
            Option.getOrUndefined(HttpFields.contentType(HttpFields.make(["Content-Type", value])))
          const first = read(`a/b;${tail}`)
          if (first === undefined) throw new Error("the type is there whatever follows it")
          const quote = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`
          const again = read([first.type, ...[...first.parameters].map(([n, v]) => `${n}=${quote(v)}`)].join("; "))
          expect(again).toEqual(first)
        }
      ))
    })

    it("reads a value of a million characters in one pass", () => {
      for (const piece of [";", "=", "\"", "\\", ";a=\"", ";a", " ", ";=\""]) {
        const value = `text/html${piece.repeat(1_000_000 / piece.length)}`
        HttpFields.contentType(HttpFields.make(["Content-Type", value]))
      }
    })
  })
})
