/**
 * Makes instrumented copies of this library and of undici in a temporary directory, and loads them.
 */
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { instrument, toJavaScript } from "./instrument.ts"
import { places } from "./record.ts"

/** The modules of this library that the scenarios use. */
export type Library = typeof import("../../../src/index.ts")

export type Undici = typeof import("undici")

const root = fileURLToPath(new URL("../../../", import.meta.url))

/** Where the public modules of this checkout are. */
export const librarySources = path.join(root, "src")

/** A directory that is removed with this process. */
const temporary = (): string => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "effect-http-client-trips-"))
  process.once("exit", () => fs.rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Paths below a directory, with `/`. */
const filesBelow = (directory: string): ReadonlyArray<string> =>
  fs.readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, "/"))
    .toSorted()

const write = (file: string, text: string): void => {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, text)
}

/**
 * The library whose public modules are in this directory. Its dependencies are those of this
 * checkout.
 */
export const loadLibrary = async (sources: string): Promise<Library> => {
  const directory = temporary()
  for (const file of filesBelow(sources)) {
    if (!file.endsWith(".ts")) continue
    const text = fs.readFileSync(path.join(sources, file), "utf8")
    const script = toJavaScript(file, instrument(file, text, places))
    write(path.join(directory, "src", file.replace(/\.ts$/, ".js")), script)
  }
  write(path.join(directory, "package.json"), JSON.stringify({ type: "module" }))
  fs.symlinkSync(path.join(root, "node_modules"), path.join(directory, "node_modules"))
  return await import(pathToFileURL(path.join(directory, "src/index.js")).href) as Library
}

/** The undici of this checkout. */
export const loadUndici = (): Undici => {
  const require = createRequire(import.meta.url)
  const installed = path.dirname(require.resolve("undici/package.json"))
  const directory = temporary()
  for (const file of filesBelow(installed)) {
    if (!file.endsWith(".js") && !file.endsWith(".json")) continue
    const text = fs.readFileSync(path.join(installed, file), "utf8")
    write(path.join(directory, file), file.endsWith(".js") ? instrument(file, text, places) : text)
  }
  return require(path.join(directory, "index.js")) as Undici
}
