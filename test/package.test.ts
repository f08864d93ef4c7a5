/** Every module of `src` is public under both of its names and is listed in the README. */
import * as fs from "node:fs"
import { expect, it } from "vitest"

const read = (file: string) => fs.readFileSync(new URL(`../${file}`, import.meta.url), "utf8")
const captures = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1])

const modules = fs.readdirSync(new URL("../src", import.meta.url))
  .filter((name) => name.endsWith(".ts") && name !== "index.ts")
  .map((name) => name.slice(0, -".ts".length))

it("index.ts exports every module", () => {
  expect(captures(read("src/index.ts"), /^export \* as (\w+) from "\.\/\1\.ts"$/gm).toSorted()).toEqual(
    modules.toSorted()
  )
})

it("the README lists every module", () => {
  expect(captures(read("README.md"), /^\| `(\w+)`/gm).toSorted()).toEqual(modules.toSorted())
})
