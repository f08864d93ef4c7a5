/** Keeps the report in `docs`: the samples as JSON, and the page and the plots, which are made anew from all samples each time. */
import * as fs from "node:fs"
import { benchmarksMarkdown } from "./document.ts"
import { plot } from "./plot.ts"
import { fromJson, inOrder, type Results, toJson } from "./results.ts"

const docs = new URL("../../../docs/", import.meta.url)
const directory = new URL("benchmarks/", docs)
const samples = new URL("results.json", directory)

const read = (): Results => fs.existsSync(samples) ? fromJson(fs.readFileSync(samples, "utf8")) : {}

/** Puts these results in the place of older ones of the same scenarios; `names` are all scenarios there are, in their order. */
export const writeReport = (changed: Results, names: ReadonlyArray<string>): void => {
  const results = inOrder({ ...read(), ...changed }, names)
  fs.mkdirSync(directory, { recursive: true })
  for (const file of fs.readdirSync(directory)) {
    if (file.endsWith(".svg") && results[file.slice(0, -4)] === undefined) fs.rmSync(new URL(file, directory))
  }
  for (const [name, result] of Object.entries(results)) {
    fs.writeFileSync(new URL(`${name}.svg`, directory), plot(result))
  }
  fs.writeFileSync(new URL("../benchmarks.md", directory), benchmarksMarkdown(results))
  // Last, so that no sample is there that the page lacks.
  fs.writeFileSync(samples, toJson(results))
}
