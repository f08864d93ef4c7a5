/** The quick start shows its program word for word, and its commands are the README's. Its output: examples.test.ts. */
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))
const read = (file: string) => fs.readFileSync(path.join(root, file), "utf8")

const page = read("docs/quick-start.md")

/** The blocks of the page in one language. */
const blocks = (language: string): ReadonlyArray<string> =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(([, block = ""]) => block)

describe("docs/quick-start.md", () => {
  it("has the program of docs/examples/quick-start.ts", () => {
    expect(blocks("ts")).toEqual([read("docs/examples/quick-start.ts")])
  })

  it("has one output, which names the failure, the retry and the pool", () => {
    expect(blocks("text")).toHaveLength(1)
    expect(blocks("text")[0]?.split("\n").map((line) => line.split(":")[0])).toEqual([
      "request",
      "failure",
      "retry",
      "pool",
      ""
    ])
  })

  it("installs as the README does", () => {
    const command = /^npm install effect-http-client .*$/m.exec(read("README.md"))?.[0]
    expect(command).toBeDefined()
    expect(blocks("sh").join("")).toContain(`${command}\n`)
  })

  it("has a tsconfig.json that TypeScript accepts; .ci/consumer type-checks the program with it", () => {
    const { config, error } = ts.parseConfigFileTextToJson("tsconfig.json", blocks("json").join(""))
    expect(error).toBeUndefined()
    const { errors, options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: ["a.ts"] }, ts.sys, root)
    expect(errors).toEqual([])
    expect(options.strict).toBe(true)
  })
})
