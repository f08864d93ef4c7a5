/** Every module of `src` is public, under both of its names unless it needs an optional peer, and is listed in the README. */
import * as fs from "node:fs"
import { expect, it, vi } from "vitest"

const read = (file: string) => fs.readFileSync(new URL(`../${file}`, import.meta.url), "utf8")
const captures = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1])

const modules = fs.readdirSync(new URL("../src", import.meta.url))
  .filter((name) => name.endsWith(".ts") && name !== "index.ts")
  .map((name) => name.slice(0, -".ts".length))

/** Modules that need an optional peer, so that importing the package must not load them. */
const withPeer = ["CookieJar"]

it("index.ts exports every module, but for those that need an optional peer", () => {
  expect(captures(read("src/index.ts"), /^export \* as (\w+) from "\.\/\1\.ts"$/gm).toSorted()).toEqual(
    modules.filter((name) => !withPeer.includes(name)).toSorted()
  )
})

it("the package imports where no optional peer is installed, and what needs one says so", async () => {
  const { peerDependencies, peerDependenciesMeta } = JSON.parse(read("package.json")) as {
    readonly peerDependencies: Readonly<Record<string, string>>
    readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>
  }
  expect(peerDependenciesMeta).toEqual({ "tough-cookie": { optional: true } })
  expect(Object.keys(peerDependencies)).toContain("tough-cookie")
  vi.doMock("tough-cookie", () => {
    throw new Error("there is no tough-cookie")
  })
  const index: Record<string, unknown> = await import("../src/index.ts")
  expect(Object.keys(index)).toContain("PooledHttpClient")
  await expect(import("../src/CookieJar.ts")).rejects.toThrow()
})

it("the README lists every module", () => {
  expect(captures(read("README.md"), /^\| `(\w+)`/gm).toSorted()).toEqual(modules.toSorted())
})
