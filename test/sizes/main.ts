/**
 * `npm run sizes`: how many bytes a bundle has with each face of the library, minified, and compressed by gzip.
 *
 * Measures `dist`, so build first. Effect, the platform and Node's modules are left out. Exit status 1 if a size is above its
 * budget, or `docs/sizes.md` has another number by more than 5 %. With `--write` the table there is written.
 */
import { build } from "esbuild"
import { readFile, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"

interface Face {
  readonly name: string
  readonly code: string
  /** The most that it may have, in kB of 1000 bytes, compressed. More is a decision. */
  readonly budget: number
}

const only = (name: string): string => `export { ${name} } from "effect-http-client"`

const faces: ReadonlyArray<Face> = [
  { name: "everything", code: "export * from \"effect-http-client\"", budget: 185 },
  { name: "`PooledHttpClient`", code: only("PooledHttpClient"), budget: 130 },
  { name: "`ConnectionPool`", code: only("ConnectionPool, HttpRequest, NodeTransport"), budget: 130 },
  { name: "`HttpConnection`", code: only("HttpConnection, HttpRequest, NodeTransport"), budget: 130 },
  { name: "`HttpFields`", code: only("HttpFields"), budget: 30 }
]

const root = fileURLToPath(new URL("../..", import.meta.url))
const page = `${root}docs/sizes.md`

const measure = async ({ budget, code, name }: Face) => {
  const { outputFiles: [output] } = await build({
    stdin: { contents: code, resolveDir: root },
    alias: { "effect-http-client": `${root}dist/index.js` },
    bundle: true,
    external: ["effect", "@effect/*", "tough-cookie"],
    format: "esm",
    minify: true,
    platform: "node",
    tsconfigRaw: {},
    logLevel: "error",
    write: false
  })
  if (output === undefined) throw new Error(`esbuild wrote nothing for ${name}`)
  const minified = output.contents.length / 1000
  const compressed = gzipSync(output.contents, { level: 9 }).length / 1000
  return { name, budget, minified, compressed }
}

const measured = await Promise.all(faces.map(measure))

const row = (cells: ReadonlyArray<string | number>): string => `| ${cells.join(" | ")} |`
const table = [
  row(["what is imported", "minified", "with gzip", "budget"]),
  row(["---", "--:", "--:", "--:"]),
  ...measured.map(({ budget, compressed, minified, name }) =>
    row([name, `${minified.toFixed(0)} kB`, `${compressed.toFixed(0)} kB`, `${budget} kB`])
  )
].join("\n")
console.log(table)

const [begin, end] = ["<!-- sizes -->\n", "<!-- end of sizes -->"]
const text = await readFile(page, "utf8")
const [before = "", rest = ""] = text.split(begin)
const [, after = ""] = rest.split(end)

if (process.argv.includes("--write")) {
  await writeFile(page, `${before}${begin}\n${table}\n\n${end}${after}`)
  console.log(`${page} is written; format it by npm run format`)
} else {
  for (const { budget, compressed, minified, name } of measured) {
    const line = rest.split("\n").find((line) => line.startsWith(`| ${name} `)) ?? ""
    const [writtenMinified = 0, writtenCompressed = 0, writtenBudget] = [...line.matchAll(/(\d+) kB/g)].map(([, kB]) =>
      Number(kB)
    )
    const isOff = (is: number, written: number): boolean => Math.abs(is - written) > Math.max(1, is * 0.05)
    const faults = [
      ...compressed > budget ? [`it has ${compressed.toFixed(1)} kB with gzip, more than its budget of ${budget}`] : [],
      ...isOff(minified, writtenMinified) || isOff(compressed, writtenCompressed) || writtenBudget !== budget
        ? ["docs/sizes.md says something else: npm run sizes -- --write"]
        : []
    ]
    for (const fault of faults) {
      console.log(`${name}: ${fault}`)
      process.exitCode = 1
    }
  }
}
