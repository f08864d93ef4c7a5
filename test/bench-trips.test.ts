/**
 * What `npm run bench:trips` counts, and the calls that it puts into sources. No request is made
 * here.
 */
import { runInNewContext } from "node:vm"
import { describe, expect, it } from "vitest"
import { hook, instrument, toJavaScript } from "./bench/trips/instrument.ts"
import { countsOf, type Entry, middleOf, type Place, roomOf, visitsOf } from "./bench/trips/places.ts"
import { tripTable, tripText } from "./bench/trips/print.ts"

const entry = (file: string, name = "f", turn = 1): Entry => ({ file, line: 1, name, turn })

const tripOf = (...files: ReadonlyArray<string>): ReadonlyArray<Entry> => files.map((file) => entry(file))

/**
 * Instruments and runs a script, and gives the names of the functions in the order of their
 * entries.
 */
const entered = (text: string): ReadonlyArray<string> => {
  const places: Array<Place> = []
  const names: Array<string> = []
  const script = toJavaScript("a.ts", instrument("a.ts", text, places))
  runInNewContext(script, { [hook]: (index: number) => names.push(places[index]?.name ?? "unknown") })
  return names
}

describe("a trip", () => {
  it("crosses a border when the next function is in another file, and nothing when it begins", () => {
    expect(countsOf(tripOf("A.ts", "A.ts", "internal/a/b.ts", "A.ts", "internal/a/b.ts"))).toEqual({
      files: 2,
      crossings: 3,
      rooms: 2,
      roomCrossings: 3
    })
    expect(countsOf(tripOf("A.ts"))).toMatchObject({ files: 1, crossings: 0 })
    expect(countsOf([])).toEqual({ files: 0, crossings: 0, rooms: 0, roomCrossings: 0 })
  })

  it("stays in a room when it goes to another file of the folder", () => {
    expect(countsOf(tripOf("internal/a/b.ts", "internal/a/c.ts", "internal/b/c.ts", "internal/d.ts", "A.ts"))).toEqual({
      files: 5,
      crossings: 4,
      rooms: 4,
      roomCrossings: 3
    })
  })

  it("has a room for each folder, for public modules and for loose files", () => {
    expect(["A.ts", "internal/a.ts", "internal/a/b.ts", "internal/a/b/c.ts", "lib/core/util.js"].map(roomOf)).toEqual([
      "public",
      "internal",
      "a",
      "a",
      "core"
    ])
  })

  it("is a list of visits, each with all functions that were entered during it", () => {
    const trip = [entry("A.ts", "f"), entry("A.ts", "g"), entry("B.ts", "h"), entry("A.ts", "f")]
    expect(visitsOf(trip).map(({ entries, file }) => [file, entries.map(({ name }) => name)])).toEqual([
      ["A.ts", ["f", "g"]],
      ["B.ts", ["h"]],
      ["A.ts", ["f"]]
    ])
  })

  it("is the one in the middle by its crossings", () => {
    const [none, one, three] = [tripOf("A.ts", "A.ts", "A.ts"), tripOf("A.ts", "B.ts"), tripOf("A", "B", "A", "B")]
    expect(middleOf([three, none, one])).toBe(one)
    expect(() => middleOf([])).toThrow("no trip")
  })
})

describe("the report of trips", () => {
  const trip = [entry("A.ts", "f"), entry("A.ts", "g"), entry("A.ts", "g"), entry("internal/b/c.ts", "h", 2)]

  it("has a row for each trip", () => {
    expect(tripTable([{ name: "GET", about: "a GET", trip }]).rows).toEqual([["GET", "a GET", "2", "1", "2", "1", "4"]])
  })

  it("has a line for each visit, and an empty one where the event loop was in between", () => {
    expect(tripText({ name: "GET", about: "a GET", trip })).toBe([
      "GET: a GET",
      "",
      "   0  A.ts             f:1, g:1 ×2",
      "",
      "   1  internal/b/c.ts  h:1",
      "",
      "Visits:",
      "   1  A.ts",
      "   1  internal/b/c.ts"
    ].join("\n"))
  })
})

describe("instrumented sources", () => {
  it("report functions, methods, accessors, constructors and arrows, by name", () => {
    expect(entered(`
      class Base { constructor() { this.#hidden() } #hidden(): void {} }
      class A extends Base {
        field = (): number => 1
        constructor() { super(); }
        get got(): number { return this.field() }
        static made(): A { return new A() }
      }
      function outer(a: number): number { const inner = (b: number) => b + a; return [2].map((c) => inner(c))[0] ?? 0 }
      const object = { key: () => ({ a: 1 }), method() { return (() => { return 5 })() } }
      A.made().got
      outer(1)
      object.key()
      object.method()
    `)).toEqual([
      "A.made",
      "A.constructor",
      "Base.constructor",
      "Base.#hidden",
      "A.got",
      "A.field",
      "outer",
      "outer.(callback)",
      "outer.inner",
      "key",
      "method",
      "method.(callback)"
    ])
  })

  it("give the same results, whatever the form of a body", () => {
    const script = instrument(
      "a.js",
      `({
        curried: ((a) => (b) => a - b)(7)(2),
        object: (() => ({ a: 1 }))(),
        sequence: (() => (1, 2))(),
        strict: (function () { "use strict"; return this === undefined })(),
        generated: [...(function* () { yield 1; yield 2 })()],
        byDefault: ((a = () => 3) => a())()
      })`,
      []
    )
    expect(runInNewContext(script, { [hook]: () => {} })).toEqual({
      curried: 5,
      object: { a: 1 },
      sequence: 2,
      strict: true,
      generated: [1, 2],
      byDefault: 3
    })
  })

  it("keep their lines, so that places are those of the source", () => {
    const places: Array<Place> = []
    const text = "const a = () => 1\n\nfunction b() {\n  return a()\n}\n"
    expect(instrument("x/y.ts", text, places).split("\n")).toHaveLength(text.split("\n").length)
    expect(places).toEqual([{ file: "x/y.ts", line: 1, name: "a" }, { file: "x/y.ts", line: 3, name: "b" }])
  })
})
