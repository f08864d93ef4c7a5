/**
 * Times of the first steps of a process: a script runs in a separate Node, without the loader of
 * the benchmarks, and prints its time. Scripts are text, because nothing of them may have been
 * loaded or transformed before.
 */
import { execFile } from "node:child_process"
import { readdir, readFile } from "node:fs/promises"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Contender, Setting } from "../scenario.ts"

const root = fileURLToPath(new URL("../../../", import.meta.url))
const dist = path.join(root, "dist")

const execute = promisify(execFile)

/** Runs a module that prints one number. */
const runScript = async (script: string): Promise<number> => {
  const { NODE_OPTIONS: _, ...env } = process.env
  // The package finds itself by its name, and the peers, from the directory.
  const { stdout } = await execute(process.execPath, ["--input-type=module", "--eval", script], { cwd: root, env })
  const millis = Number(stdout)
  if (!(millis > 0)) throw new Error(`a script printed ${JSON.stringify(stdout)}`)
  return millis
}

/** A contender whose run is one process. */
export const contender = (
  name: string,
  side: Contender["side"],
  makeScript: (setting: Setting) => string | Promise<string>
): Contender => ({
  name,
  side,
  start: async (setting) => {
    const script = await makeScript(setting)
    return {
      run: async () => ({ value: await runScript(script), count: 1 }),
      stop: () => Promise.resolve()
    }
  }
})

const comment = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm
const importedName = /(?:^|;|\s)(?:(?:import|export)\s[^"';]*?from\s*|import\s*\(?\s*)["']([^"']+)["']/gm

/** What a file of `dist` imports, without what is only said in its comments. */
const importsOf = async (file: string): Promise<ReadonlyArray<string>> =>
  [...(await readFile(file, "utf8")).replaceAll(comment, "").matchAll(importedName)].map(([, name]) => name as string)

/** Every module of `effect` and `@effect/platform` that our built files import. */
export const effectImports = async (): Promise<ReadonlyArray<string>> => {
  const files = (await readdir(dist, { recursive: true })).filter((file) => file.endsWith(".js"))
  const names = (await Promise.all(files.map((file) => importsOf(path.join(dist, file))))).flat()
  return [...new Set(names)].filter((name) => /^(effect|@effect\/platform)(\/|$)/.test(name)).sort()
}

const importAll = (names: ReadonlyArray<string>): string =>
  names.map((name) => `await import(${JSON.stringify(name)})`).join("\n")

/** A script that imports modules, after others that do not count. */
export const importScript = (names: ReadonlyArray<string>, before: ReadonlyArray<string> = []): string => `
${importAll(before)}
const start = performance.now()
${importAll(names)}
process.stdout.write(String(performance.now() - start))
`

/**
 * A script that gets a response. `body` is the code of an async function: it has `url`, and returns the body's text as soon as it has it.
 * What has to be closed after that is not waited for.
 */
export const responseScript = (url: string, length: number, body: string): string => `
const start = performance.now()
const url = ${JSON.stringify(url)}
const text = await (async () => {
${body}
})()
const millis = performance.now() - start
if (text.length !== ${length}) throw new Error("the body is not what it must be: " + text)
process.stdout.write(String(millis), () => process.exit())
`
