/**
 * The guides and changesets keep to the vocabulary of this project. Guides also have short sentences, short lines and narrow tables.
 *
 * Code, names of tests, and what a program writes are not searched.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { banned, bannedIn } from "./fixtures/vocabulary.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

/** The longest line of prose. */
const columns = 100

/** The most words of a sentence. */
const mostWords = 35

/** The most columns of a table: more do not fit into 700 pixels. */
const mostColumns = 4

/** Pages that are made from sources, and what the site builds. */
const generated = ["docs/reference/", "docs/files/", "docs/.vitepress/"]

const markdownBelow = (folder: string): ReadonlyArray<string> =>
  fs.readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => path.posix.join(folder, name.replaceAll(path.sep, "/")))
    .filter((name) => !generated.some((start) => name.startsWith(start)))

const guides = ["README.md", ...markdownBelow("docs")]
const changesets = markdownBelow(".changeset")

/** The lines of a page; those of code, comments and front matter are empty, so that the others keep their numbers. */
const proseLines = (text: string): ReadonlyArray<string> => {
  const blank = (part: string): string => part.replaceAll(/[^\n]/g, "")
  return text
    .replace(/^---\n.*?\n---$/ms, blank)
    .replaceAll(/^[ ]*(`{3,}|~{3,}).*?^[ ]*\1[ ]*$/gms, blank)
    .replaceAll(/<!--.*?-->/gs, blank)
    .split("\n")
    .map((line) => /^(?: {4}|\t|<<<)/.test(line) && !/^\s*(?:[-*]|\d+\.) /.test(line) ? "" : line)
}

/** Without inline code, and without the names of tests in the cells of tables. */
const wordsOf = (line: string): string =>
  line
    .replaceAll(/`test\/[^`]+` — .*?(?=<br>|\||$)/g, "")
    .replaceAll(/`\w+`: .*?(?=<br>|\||$)/g, line.startsWith("|") ? "" : "$&")
    .replaceAll(/`[^`]*`/g, "x")

const isTable = (line: string): boolean => line.startsWith("|")

/** The paragraphs and items of a page: where each begins, and its text. */
const paragraphsOf = (
  lines: ReadonlyArray<string>
): ReadonlyArray<{ readonly line: number; readonly text: string }> => {
  const paragraphs: Array<{ line: number; text: string }> = []
  let open = false
  lines.forEach((line, index) => {
    const item = /^\s*(?:[-*]|\d+\.) (.*)$/.exec(line)?.[1]
    if (line.trim() === "" || isTable(line) || line.startsWith("#")) {
      open = false
      return
    }
    const last = paragraphs.at(-1)
    if (!open || last === undefined || item !== undefined) {
      paragraphs.push({ line: index + 1, text: item ?? line.trim() })
    } else last.text += ` ${line.trim()}`
    open = true
  })
  return paragraphs
}

/** The sentences of a paragraph. A link counts by its text, inline code as one word. */
const sentencesOf = (text: string): ReadonlyArray<string> =>
  text
    .replaceAll(/`[^`]*`/g, "x")
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .split(/(?<=[.!?:][)"*]*)\s+/)

const wordFaults = (text: string): ReadonlyArray<string> => {
  const lines = proseLines(text)
  const found = lines.flatMap((line, index) => bannedIn(wordsOf(line)).map((word) => ({ ...word, line: index + 1 })))
  // A phrase may be wrapped.
  const wrapped = paragraphsOf(lines).flatMap(({ line, text }) =>
    bannedIn(wordsOf(text))
      .filter(({ phrase }) => !found.some((word) => word.phrase === phrase))
      .map((word) => ({ ...word, line }))
  )
  return [...found, ...wrapped].map(({ instead, line, phrase }) => `${line}: "${phrase}", write: ${instead}`)
}

/** A line that has one word, such as a link, cannot be shorter. */
const lengthFaults = (text: string): ReadonlyArray<string> =>
  proseLines(text).flatMap((line, index) =>
    line.length > columns && !isTable(line) && line.trim().replace(/^(?:[-*]|\d+\.) /, "").replaceAll(
        /!?\[[^\]]*\]\([^)]*\)\S*/g,
        "x"
      ).includes(" ")
      ? [`${index + 1}: ${line.length} columns, wrap at ${columns}`]
      : []
  )

const sentenceFaults = (text: string): ReadonlyArray<string> =>
  paragraphsOf(proseLines(text)).flatMap(({ line, text }) =>
    sentencesOf(text).flatMap((sentence) => {
      const { length } = sentence.split(" ")
      return length > mostWords ? [`${line}: ${length} words, at most ${mostWords}: ${sentence.slice(0, 60)}…`] : []
    })
  )

const tableFaults = (text: string): ReadonlyArray<string> => {
  const lines = proseLines(text)
  return lines.flatMap((line, index) => {
    // The line below the heads. A vertical bar that is escaped is in a cell.
    if (!/^\|[\s:|-]+\|$/.test(line)) return []
    const count = line.split("|").length - 2
    return count > mostColumns ? [`${index}: ${count} columns, at most ${mostColumns}`] : []
  })
}

describe("the finder", () => {
  it.each(banned.map(([phrase]) => phrase))("finds \"%s\" in prose, wrapped and in a cell", (phrase) => {
    const wrapped = phrase.replace(" ", "\n")
    for (const text of [`It says ${phrase}.`, `- It says\n  and ${wrapped}.`, `| a | ${phrase} |`]) {
      expect(wordFaults(text).map((fault) => fault.split("\"")[1]), text).toContain(phrase)
    }
  })

  it("does not search code, comments, front matter and names of tests", () => {
    const quiet = banned.map(([phrase]) =>
      `\n\`\`\`ts\n// ${phrase}\n\`\`\`\n\n<!-- ${phrase} -->\n\nUse \`${phrase}\`.\n\n    ${phrase}\n\n| a | \`test/a.test.ts\` — b > ${phrase} |\n| a | \`suite\`: ${phrase}<br>\`suite\`: b |\n`
    )
    expect(wordFaults(`---\ntitle: ${banned[0]?.[0]}\n---\n${quiet.join("\n")}`)).toEqual([])
  })

  it("names the line of a fault", () => {
    expect(wordFaults("# A\n\nGood.\n\nSaid\nby nobody.\n")).toEqual([
      expect.stringMatching(/^6: "nobody"/)
    ])
  })

  it("finds sentences that are too long, in paragraphs and items", () => {
    const words = (count: number) => Array.from({ length: count }, () => "word").join(" ")
    expect(sentenceFaults(`${words(35)}. ${words(35)}: ${words(35)}.`)).toEqual([])
    expect(sentenceFaults(`Short.\n\n- ${words(20)}\n  ${words(16)}.\n`)).toEqual([
      expect.stringMatching(/^3: 36 words/)
    ])
    expect(sentenceFaults(`[${words(30)}](a.md) ${words(6)}.`)).toHaveLength(1)
    expect(sentenceFaults(`| ${words(40)} |\n\n\`\`\`\n${words(40)}\n\`\`\`\n`)).toEqual([])
  })

  it("finds lines that are too long, but for tables, code and links", () => {
    const long = "x".repeat(101)
    expect(lengthFaults(`a ${long}`)).toEqual(["1: 103 columns, wrap at 100"])
    expect(lengthFaults(`- [a b](${long}).\n| ${long} |\n\`\`\`\n// a ${long}\n\`\`\`\n${long}`)).toEqual([])
  })

  it("finds tables that are too wide", () => {
    expect(tableFaults("| a | b | c | d |\n| --- | :-- | --: | --- |\n")).toEqual([])
    expect(tableFaults("\n| a | b | c | d | e |\n| - | - | - | - | - |\n")).toEqual(["2: 5 columns, at most 4"])
  })
})

describe("the guides", () => {
  it("are those of all folders", () => {
    expect(guides).toEqual(expect.arrayContaining(["docs/pool.md", "docs/examples/README.md"]))
    expect(changesets.length).toBeGreaterThan(0)
  })

  it.each(guides)("%s", (file) => {
    const text = fs.readFileSync(path.join(root, file), "utf8")
    const faults = [...wordFaults(text), ...lengthFaults(text), ...sentenceFaults(text), ...tableFaults(text)]
    expect(faults.map((fault) => `${file}:${fault}`)).toEqual([])
  })

  it.each(changesets)("%s", (file) => {
    expect(wordFaults(fs.readFileSync(path.join(root, file), "utf8")).map((fault) => `${file}:${fault}`)).toEqual([])
  })
})
