/** Keeps the report in `docs`: the samples as JSON, and the page and the plots, which are made again from all samples each time. */
import * as fs from "node:fs"
import { majors } from "../nodes.ts"
import { benchmarksMarkdown, plotName } from "./document.ts"
import { plot } from "./plot.ts"
import { fromJson, inOrder, type ResultsByNode, toJson } from "./results.ts"

const docs = new URL("../../../docs/", import.meta.url)
const directory = new URL("benchmarks/", docs)
const samples = new URL("results.json", directory)

/** What was measured before. */
export const readReport = (): ResultsByNode => fs.existsSync(samples) ? fromJson(fs.readFileSync(samples, "utf8")) : {}

/** Writes the report of these results; `names` are all scenarios there are, in their order. */
export const writeReport = (all: ResultsByNode, names: ReadonlyArray<string>): void => {
  const results: ResultsByNode = Object.fromEntries(
    majors.flatMap((node) => all[node] === undefined ? [] : [[node, inOrder(all[node], names)]])
  )
  const plots = new Map(
    majors.flatMap((node) =>
      Object.entries(results[node] ?? {}).map(([name, result]) => [plotName(name, node), plot(result, node)] as const)
    )
  )
  fs.mkdirSync(directory, { recursive: true })
  for (const file of fs.readdirSync(directory)) {
    if (file.endsWith(".svg") && !plots.has(file)) fs.rmSync(new URL(file, directory))
  }
  for (const [name, text] of plots) fs.writeFileSync(new URL(name, directory), text)
  fs.writeFileSync(new URL("../benchmarks.md", directory), benchmarksMarkdown(results))
  // Last, so that no sample is there that the page lacks.
  fs.writeFileSync(samples, toJson(results))
}
