/** `docs/architecture.md` says what the code says: rooms and their imports, moves of a call, close reasons, timeouts, paths. */
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import ts from "typescript"
import { describe, expect, it } from "vitest"
import * as HttpTimeouts from "../src/HttpTimeouts.ts"
import { moves, State } from "../src/internal/pool/callState.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const read = (file: string): string => fs.readFileSync(path.join(root, file), "utf8")
const text = read("docs/architecture.md")

/** Why the linter refuses an import, if it does. Not a declared import: this is a file of the linter, which is checked loosely. */
const { judge } = await import(pathToFileURL(path.join(root, ".oxlint/architecture.js")).href) as {
  readonly judge: (from: string, specifier: string) => string | undefined
}

/** The part of the document below a heading, up to the next one of the same level or of a higher one. */
const section = (heading: string): string => {
  const start = text.indexOf(`\n${heading}\n`)
  expect(start, heading).toBeGreaterThan(0)
  const rest = text.slice(start + heading.length + 2)
  const end = rest.search(new RegExp(`^#{1,${heading.indexOf(" ")}} `, "m"))
  return end < 0 ? rest : rest.slice(0, end)
}

const codes = (cell: string | undefined): ReadonlyArray<string> =>
  [...(cell ?? "").matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? "")

/** The rows of the table whose first header is `header`, as cells. */
const rowsOf = (part: string, header: string): ReadonlyArray<ReadonlyArray<string>> => {
  const lines = part.split("\n")
  const start = lines.findIndex((line) => new RegExp(`^\\| ${header} +\\|`).test(line))
  expect(start, header).toBeGreaterThan(0)
  const rows = lines.slice(start + 2)
  const end = rows.findIndex((line) => !line.startsWith("|"))
  return rows.slice(0, end < 0 ? undefined : end).map((row) => row.slice(1, -1).split("|").map((cell) => cell.trim()))
}

/**
 * The moves of a state diagram. A move from a composite state is one from each of its members. The beginning and the ends, `[*]`,
 * are no moves.
 */
const movesOf = (diagram: string): ReadonlyArray<string> => {
  const members = new Map<string, Set<string>>()
  const moves: Array<readonly [from: string, to: string]> = []
  let composite: Set<string> | undefined
  for (const line of diagram.split("\n")) {
    const opened = /^\s*state (\w+) \{$/.exec(line)?.[1]
    const [, from, to] = /^\s*(\w+) --> (\w+)(?: : .+)?$/.exec(line) ?? []
    if (opened !== undefined) members.set(opened, composite = new Set())
    else if (/^\s*\}$/.test(line)) composite = undefined
    else if (from !== undefined && to !== undefined) {
      composite?.add(from)
      moves.push([from, to])
    } else if (!/\[\*\]|^stateDiagram-v2$|^$/.test(line)) throw new Error(`not understood: ${line}`)
  }
  return moves.flatMap(([from, to]) => [...(members.get(from) ?? [from])].map((state) => `${state} --> ${to}`))
    .toSorted()
}

describe("the rooms", () => {
  const rooms = new Map(
    rowsOf(section("## 1. The rooms"), "room").map((cells) => [codes(cells[0])[0] ?? "", codes(cells[2])] as const)
  )
  const vocabulary = ["base", "error", "model", "status", "syntax"]
  const fileIn = (room: string): string => room === "base" ? "internal/a.ts" : `internal/${room}/a.ts`
  const specifierOf = (from: string, to: string): string => path.posix.relative(path.posix.dirname(from), to)

  it("are the folders of src/internal", () => {
    const folders = fs.readdirSync(path.join(root, "src/internal"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
    expect([...rooms.keys()].toSorted()).toEqual(["base", ...folders].toSorted())
  })

  it.each([...rooms])("import what the linter allows: %s", (room, documented) => {
    const allowed = [...rooms.keys()].filter((other) => {
      const specifier = specifierOf(fileIn(room), fileIn(other))
      return judge(fileIn(room), specifier.startsWith(".") ? specifier : `./${specifier}`) === undefined
    })
    expect([...new Set([room, ...vocabulary, ...documented])].toSorted()).toEqual(allowed.toSorted())
  })
})

describe("the states of a call", () => {
  const diagram = /```mermaid\n(stateDiagram-v2\n.*?)```/s.exec(section("### The states of a call"))?.[1] ?? ""
  const states = Object.keys(State) as ReadonlyArray<keyof typeof State>

  it("have the moves of the table, and no other", () => {
    const legal = states.flatMap((from) =>
      states.filter((to) => (moves[State[from]] & State[to]) !== 0).map((to) => `${from} --> ${to}`)
    )
    expect(legal.length).toBeGreaterThan(20)
    expect(movesOf(diagram)).toEqual(legal.toSorted())
  })

  it("are read from a diagram as Mermaid reads them", () => {
    const sample =
      "stateDiagram-v2\n  [*] --> A\n  state G {\n    A --> B : label\n    B --> B\n  }\n  G --> C\n  C --> [*]\n"
    expect(movesOf(sample)).toEqual(["A --> B", "A --> C", "B --> B", "B --> C"])
    expect(() => movesOf("A -> B")).toThrow("not understood: A -> B")
  })

  it("each have a row that says who makes the move", () => {
    const documented = rowsOf(section("### The states of a call"), "move to").flatMap((cells) => codes(cells[0]))
    expect(documented.toSorted()).toEqual(states.filter((state) => state !== "New").toSorted())
  })
})

it("has every reason for which a connection is closed", () => {
  const source = ts.createSourceFile("a.ts", read("src/ConnectionEvent.ts"), ts.ScriptTarget.Latest)
  const declared = source.statements.find((statement) =>
    ts.isTypeAliasDeclaration(statement) && statement.name.text === "CloseReason"
  )
  const reasons = codes(declared?.getText(source).replaceAll("\"", "`"))
    .filter((word) => /^[A-Z]\w+$/.test(word))
  expect(reasons.length).toBeGreaterThan(10)
  const documented = rowsOf(section("## 3. The life of a connection"), "close reason").flatMap((cells) =>
    codes(cells[0])
  )
  expect(documented.toSorted()).toEqual(reasons.toSorted())
})

it("has every timeout", () => {
  const documented = rowsOf(section("## 4. Which timer runs when"), "timeout").flatMap((cells) => codes(cells[0]))
  expect(documented.toSorted()).toEqual(Object.keys(HttpTimeouts.defaults).toSorted())
})

describe("what it names", () => {
  const isThere = (file: string): boolean =>
    ["", "src/internal/"].some((folder) => fs.existsSync(path.join(root, folder, file)))

  it("are files of this repository", () => {
    const files = codes(text.replaceAll(/```.*?```/gs, "")).filter((name) => /^[\w./-]+\.(?:ts|js|md)$/.test(name))
    expect(files.length).toBeGreaterThan(50)
    expect([...new Set(files)].filter((file) => !isThere(file))).toEqual([])
  })

  it("are files of src/internal, as participants of the sequence", () => {
    const files = [...text.matchAll(/^ {2}participant \w+ as (?:fiber: )?(.+)$/gm)].flatMap(([, names = ""]) =>
      names.split(", ")
    )
    expect(files.length).toBeGreaterThan(8)
    expect(files.filter((file) => !isThere(`${file}.ts`))).toEqual([])
  })

  it.each(["architecture.md", "performance.md"])("are headings of guides, if %s links to them", (from) => {
    const links = [...read(`docs/${from}`).matchAll(/\]\((\w[\w./-]*\.md)#([\w-]+)\)/g)]
    expect(links.length).toBeGreaterThan(0)
    for (const [, file = "", anchor = ""] of links) {
      const anchors = [...read(`docs/${file}`).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
        heading.toLowerCase().replaceAll(/[^\w -]/g, "").replaceAll(" ", "-")
      )
      expect(anchors).toContain(anchor)
    }
  })

  it("are decisions that exist", () => {
    const decisions = new Set([...text.matchAll(/^### (\d+)\. /gm)].map((match) => Number(match[1])))
    const named = [...text.matchAll(/decision (\d+)/g)].map((match) => Number(match[1]))
    expect(named.length).toBeGreaterThan(3)
    expect(named.filter((number) => !decisions.has(number))).toEqual([])
  })
})
