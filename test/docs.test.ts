/**
 * The TypeScript blocks of the README and the guides type-check unchanged, each as a separate
 * module.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { beforeAll, describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))

const documents = [
  "README.md",
  ...(fs.existsSync(path.join(root, "docs"))
    ? fs.readdirSync(path.join(root, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)
    : []),
  ...fs.readdirSync(path.join(root, "docs/cookbook"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory()).map(({ name }) => `docs/cookbook/${name}/index.md`),
  "docs/examples/README.md"
]

/** The blocks fenced as `ts`, by a file name that says where they stand. */
const blocks = new Map(
  documents.flatMap((document) => {
    const text = fs.readFileSync(path.join(root, document), "utf8")
    return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => {
      const line = text.slice(0, match.index).split("\n").length
      return [path.join(root, `${document}.${line}.ts`), match[1] ?? ""] as const
    })
  })
)

describe("the code of the documents type-checks", () => {
  let program: ts.Program

  beforeAll(() => {
    const { config } = ts.readConfigFile(path.join(root, "tsconfig.json"), ts.sys.readFile)
    const { options } = ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, root)
    const host = ts.createCompilerHost(options)
    const { fileExists, readFile } = host
    host.fileExists = (file) => blocks.has(path.normalize(file)) || fileExists.call(host, file)
    host.readFile = (file) => blocks.get(path.normalize(file)) ?? readFile.call(host, file)
    program = ts.createProgram([...blocks.keys()], { ...options, noUnusedLocals: false }, host)
    // A compiler takes its time where others work too.
  }, 120_000)

  it.each([...blocks.keys()].map((file) => path.relative(root, file)))("%s", (name) => {
    const file = program.getSourceFile(path.join(root, name))
    const diagnostics = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
    expect(diagnostics.map((diagnostic) => ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"))).toEqual([])
  })

  it("covers every block: TypeScript is fenced as ts, and with nothing else behind it", () => {
    const escaping = documents.flatMap((document) =>
      [...fs.readFileSync(path.join(root, document), "utf8").matchAll(/^ *(?:`{3,}|~{3,}) *(.*)$/gm)]
        .filter(([fence = "", info = ""]) => /^(?:ts|tsx|mts|typescript)\b/i.test(info) && fence !== "```ts")
        .map(([fence]) => `${document}: ${fence}`)
    )
    expect(escaping).toEqual([])
  })
})
