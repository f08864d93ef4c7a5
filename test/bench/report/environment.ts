/** Asks the machine what it is, and the packages which they are. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import { type Runtime, undiciOn } from "../nodes.ts"
import type { Environment } from "./results.ts"

const packages = ["effect", "@effect/platform", "@effect/platform-node", "axios", "got"]

const root = new URL("../../../", import.meta.url)

const versionIn = (file: string): string | undefined => {
  const url = new URL(file, root)
  if (!fs.existsSync(url)) return undefined
  const { version } = JSON.parse(fs.readFileSync(url, "utf8")) as { readonly version: string }
  return version
}

const installed = (name: string): string => versionIn(`node_modules/${name}/package.json`) ?? "not installed"

const git = (directory: URL | string, ...args: ReadonlyArray<string>): string =>
  execFileSync("git", args, { cwd: directory, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim()

/**
 * The commit of a directory, and whether there are changes that are in none; empty if there is no git. What the benchmarks
 * write is no change: the results of one Node are there when the other is measured.
 */
export const commitOf = (directory: URL | string): string => {
  try {
    const commit = git(directory, "describe", "--always")
    const counting = ["--", ":(top)", ":(top,exclude)docs/benchmarks", ":(top,exclude)docs/benchmarks.md"]
    const changes = git(directory, "status", "--porcelain", "--untracked-files=no", ...counting)
    return changes === "" ? commit : `${commit}, changed`
  } catch {
    return ""
  }
}

/** Behind the version; nothing if there is no git. */
const commit = (): string => {
  const name = commitOf(root)
  return name === "" ? "" : ` (${name})`
}

/** What contenders that run on that Node are measured on. */
export const environmentOf = (
  server: string,
  { versions: { node = "unknown", undici = "unknown" } }: Runtime
): Environment => ({
  cpu: os.cpus()[0]?.model.trim() ?? "unknown",
  cores: os.cpus().length,
  memory: `${(os.totalmem() / 2 ** 30).toFixed(1)} GiB`,
  system: `${os.type()} ${os.release()} ${os.arch()}`,
  node,
  server,
  versions: {
    "effect-http-client": `${versionIn("package.json") ?? ""}${commit()}`,
    ...Object.fromEntries(packages.map((name) => [name, installed(name)])),
    undici: installed(undiciOn(node)),
    // What `fetch` is.
    "undici in Node": undici,
    // What the platform's undici layer is over, which need not be the one beside it.
    "undici in the platform": versionIn("node_modules/@effect/platform-node/node_modules/undici/package.json")
      ?? installed("undici")
  }
})
