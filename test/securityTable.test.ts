/** Every test that `docs/SECURITY.md` names exists, and every row names one. */
import * as fs from "node:fs"
import { describe, expect, it } from "vitest"
import { titlesOf } from "./fixtures/titles.ts"

const root = new URL("../", import.meta.url)

/** The cells of every row, without the two lines that open each table. */
const rowsOf = (document: string): ReadonlyArray<ReadonlyArray<string>> =>
  document.split("\n")
    .filter((line, index, lines) =>
      line.startsWith("|") && lines[index - 1]?.startsWith("|") && !/^\|[\s:|-]+$/.test(line)
    )
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()))

const read = (file: string): string => {
  const at = new URL(file, root)
  return fs.existsSync(at) ? fs.readFileSync(at, "utf8") : ""
}

/** Everything that is wrong with the rows. */
const problemsOf = (document: string, source: (file: string) => string): ReadonlyArray<string> =>
  rowsOf(document).flatMap((cells) => {
    const [attack = "", , test = ""] = cells
    const [, file, title] = /^`(test\/\S+)` — (.+)$/.exec(test) ?? []
    if (cells.length !== 3 || attack === "" || file === undefined) return [`no test: ${attack}`]
    return titlesOf(file, source(file)).includes(title ?? "") ? [] : [`${file} has no test named "${title}"`]
  })

const document = read("docs/SECURITY.md")

describe("the table of known attacks", () => {
  it("names a test for each, and each of those tests exists", () => {
    expect(problemsOf(document, read)).toEqual([])
  })

  it("has the attacks of the years in which they were found", () => {
    expect(rowsOf(document).length).toBeGreaterThan(40)
    expect(new Set(document.match(/(?:CVE|GHSA)-[\w-]+/g)).size).toBeGreaterThan(80)
  })

  it("fails if a test is renamed, and if a row loses its test", () => {
    const file = "test/conformance/security.test.ts"
    const renamed = problemsOf(
      document,
      (name) => name === file ? read(name).replaceAll("is impossible", "is") : read(name)
    )
    expect(renamed).toContain(`${file} has no test named "injection > is impossible through a URL"`)
    expect(problemsOf("| a | b | c |\n| - | - | - |\n| an attack | CVE-1 | |", read)).toEqual(["no test: an attack"])
  })
})
