/** The recipes of docs/cookbook: each has its page, its program and its check. `npm run examples` runs the checks. */
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { type Ran, ran } from "./fixtures/ran.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const cookbook = path.join(root, "docs/cookbook")
const recipes = fs.readdirSync(cookbook, { withFileTypes: true })
  .filter((entry) => entry.isDirectory()).map(({ name }) => name).sort()

const read = (...parts: ReadonlyArray<string>): string => fs.readFileSync(path.join(cookbook, ...parts), "utf8")

/** Runs the checks of these recipes, or of all. */
const run = (...names: ReadonlyArray<string>): Promise<Ran> =>
  ran(["node_modules/tsx/dist/cli.mjs", "docs/cookbook/run.ts", ...names], { NO_COLOR: "1" })

describe("docs/cookbook", () => {
  it.each(recipes)("the page of %s shows its program, and links to it", (name) => {
    const page = read(name, "index.md")
    expect(page).toMatch(/^# .+/)
    expect(page).toMatch(/\[program\.ts\]\(\.\/program\.ts\)[^\n]*(?:\n[^\n]+)*\n\n<<< \.\/program\.ts\n/)
  })

  it.each(recipes)("the programs of %s need nothing that a user does not have", (name) => {
    const programs = fs.readdirSync(path.join(cookbook, name)).filter((file) =>
      file.endsWith(".ts") && file !== "check.ts"
    )
    const imports = programs.flatMap((file) =>
      [...read(name, file).matchAll(/ from "(\.[^"]*)"/g)].map(([, target]) => target)
    )
    expect(imports.filter((target) => !/^\.\/[\w-]+\.ts$/.test(target ?? ""))).toEqual([])
  })

  it("every recipe has a check, which `npm run examples` runs", () => {
    expect(recipes.filter((name) => !/^export const check\b/m.test(read(name, "check.ts")))).toEqual([])
    expect(recipes.length).toBeGreaterThanOrEqual(12)
  })

  it("a recipe that does not exist is a failure", { timeout: 60_000 }, async () => {
    const { output, status } = await run("none-of-these")
    expect(output).toContain("FAILED cookbook/none-of-these")
    expect(status).toBe(1)
  })
})
