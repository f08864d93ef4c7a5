/** Every module of `src` is public, under both of its names unless it needs an optional peer, and is listed in `docs/modules.md`. */
import * as fs from "node:fs"
import { expect, it } from "vitest"
import { bundled } from "./fixtures/bundled.ts"
import { ran } from "./fixtures/ran.ts"

const read = (file: string) => fs.readFileSync(new URL(`../${file}`, import.meta.url), "utf8")
const captures = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1])

const modules = fs.readdirSync(new URL("../src", import.meta.url))
  .filter((name) => name.endsWith(".ts") && name !== "index.ts")
  .map((name) => name.slice(0, -".ts".length))

/** Modules that need an optional peer, so that importing the package must not load them. */
const withPeer = ["CookieJar"]

const asModule = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`

/** For Node's `--import`: nothing finds the optional peer. */
const withoutPeer = asModule(`
import { register } from "node:module"
register(${
  JSON.stringify(asModule(`export const resolve = (specifier, context, next) => {
    if (specifier === "tough-cookie") throw new Error("Cannot find package 'tough-cookie'")
    return next(specifier, context)
  }`))
})
`)

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
  // In a process of its own, because this one may have loaded the peer already.
  const bundles = await bundled(["src/index.ts", "src/CookieJar.ts"], { external: ["tough-cookie"] })
  const loaded = (module: string) => ran(["--import", withoutPeer, bundles.of(`src/${module}.ts`)])
  const [index, cookieJar] = await Promise.all([loaded("index"), loaded("CookieJar")]).finally(bundles.remove)
  expect(index).toEqual({ status: 0, output: "" })
  expect(cookieJar.status).toBe(1)
  expect(cookieJar.output).toContain("Cannot find package 'tough-cookie'")
})

it("docs/modules.md lists every module", () => {
  expect(captures(read("docs/modules.md"), /^\| `(\w+)`/gm).toSorted()).toEqual(modules.toSorted())
})

interface Manifest {
  readonly version: string
  readonly files: ReadonlyArray<string>
  readonly homepage: string
  readonly bugs: string
  readonly repository: { readonly type: string; readonly url: string }
}

const manifest = JSON.parse(read("package.json")) as Manifest

/** Whether a path is in the tarball by `files`: a file, a folder, or the files of a folder with one ending. */
const isPacked = (path: string): boolean =>
  manifest.files.some((entry) => {
    const [folder, ending] = entry.split("*")
    return ending === undefined
      ? path === entry || path.startsWith(`${entry}/`)
      : path.startsWith(`${folder}`) && path.endsWith(ending) && !path.slice(folder?.length).includes("/")
  })

it("the tarball has every file that the README links to", () => {
  const links = captures(read("README.md"), /\]\(([^)#\s]+)[^)]*\)/g).filter((link) => !/^[a-z]+:/.test(link ?? ""))
  expect(links).toContain("docs/pool.md")
  expect(links.filter((link = "") => !isPacked(link))).toEqual([])
  expect(isPacked("docs/benchmarks/results.json")).toBe(false)
})

it("the addresses of the package are those of one repository, and no page names another", () => {
  const home = "https://github.com/effect-http-client/effect-http-client"
  expect(manifest.repository).toEqual({ type: "git", url: `git+${home}.git` })
  expect([manifest.homepage, manifest.bugs]).toEqual([`${home}#readme`, `${home}/issues`])
  for (const page of ["README.md", ...fs.readdirSync(new URL("../docs", import.meta.url))]) {
    if (!page.endsWith(".md")) continue
    const text = read(page === "README.md" ? page : `docs/${page}`)
    const named = captures(text, /(https:\/\/github\.com\/[^/\s]*effect-http-client[^/\s]*\/[\w.-]+)/g)
    expect(named.filter((address) => address !== home), page).toEqual([])
  }
})

/** Versions compare as lists of numbers. */
const numbers = (version: string): ReadonlyArray<number> => version.split(".").map(Number)
const isNewer = (one: string, other: string): boolean => {
  const [a, b] = [numbers(one), numbers(other)]
  const at = a.findIndex((part, index) => part !== b[index])
  return at >= 0 && (a[at] ?? 0) > (b[at] ?? 0)
}

it("the version is that of the changelog and the lockfile, and no module is since a later one", () => {
  const lock = JSON.parse(read("package-lock.json")) as { readonly packages: Readonly<Record<string, Manifest>> }
  expect([captures(read("CHANGELOG.md"), /^## (.*)$/gm)[0], lock.packages[""]?.version]).toEqual([
    manifest.version,
    manifest.version
  ])
  const sources = fs.readdirSync(new URL("../src", import.meta.url), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
  const since = new Set(sources.flatMap((name) => captures(read(`src/${name}`), /@since (\S+)$/gm)))
  expect(since.size).toBeGreaterThan(1)
  // Changesets that wait say what the next version has.
  const next = numbers(manifest.version).with(1, (numbers(manifest.version)[1] ?? 0) + 1).with(2, 0).join(".")
  const waiting = fs.readdirSync(new URL("../.changeset", import.meta.url)).length > 2
  expect([...since].filter((version = "") => isNewer(version, waiting ? next : manifest.version))).toEqual([])
  expect([isNewer("0.10.0", "0.9.1"), isNewer("0.2.0", "0.2.0")]).toEqual([true, false])
})

it("the guide to runtimes has the versions of the README's table, by which CI installs them", () => {
  const guide = read("docs/runtimes.md")
  for (const runtime of ["Bun", "Deno", "Node"]) {
    const row = new RegExp(`^\\| ${runtime} +\\| ([^|]*?) *\\|`, "m")
    const [version] = captures(read("README.md"), new RegExp(row, "gm"))
    expect(version).toMatch(/^\d/)
    expect(row.exec(guide)?.[1]).toBe(version)
  }
})
