/**
 * The comments of the sources keep to the vocabulary of this project and wrap at 100 columns.
 *
 * Only words that are never right are listed; each names its replacement. Code and string literals are not searched.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { describe, expect, it } from "vitest"

const src = fileURLToPath(new URL("../src", import.meta.url))

/** Words and phrases that a comment must not contain, each with what to write instead, and a pattern where the words do not do. */
const banned: ReadonlyArray<readonly [phrase: string, instead: string, pattern?: string]> = [
  ["whoever", "the caller, the reader, the waiter: name the actor"],
  ["whomever", "the caller, the reader, the waiter: name the actor"],
  ["nobody", "no reader, no caller: name the actor"],
  ["somebody", "a caller, a reader: name the actor"],
  ["anybody", "a caller, a listener: name the actor"],
  ["everybody", "all callers: name the actors"],
  ["who waits", "the waiter, a queued request"],
  ["who wait", "the waiters, queued requests"],
  ["those who", "name the actors"],
  ["anew", "again"],
  ["for ever", "indefinitely"],
  ["seldom", "rarely"],
  ["meanwhile", "in the meantime, or name the time"],
  ["mend", "fix"],
  ["mends", "fixes"],
  ["mended", "fixed"],
  ["let go", "discard, release"],
  ["lets go", "discards, releases"],
  ["letting go", "discarding, releasing"],
  ["lenience", "relaxation"],
  ["leniencies", "relaxations"],
  ["lent", "acquired"],
  ["given out", "acquired"],
  ["gives out", "acquires"],
  ["in place of", "instead of"],
  ["sent once more", "retried"],
  ["is told", "is notified, receives"],
  ["are told", "are notified, receive"],
  ["be told", "be notified, receive"],
  ["told of", "notified of"],
  ["tells of", "reports"],
  ["hears of", "receives"],
  ["has come", "has arrived, has been received"],
  ["have come", "have arrived, have been received"],
  ["had come", "had arrived, had been received"],
  ["as it came", "unchanged"],
  ["as it is", "unchanged", String.raw`(?<!\b(?:long|soon|far)\s+)as\s+it\s+is\b(?!\s+\w)`],
  ["of ours", "this library's"],
  ["of its own", "a separate"],
  ["of their own", "separate"],
  ["a matter of", "handled by"],
  ["of no use", "unnecessary"],
  ["turn of the loop", "event-loop iteration"],
  ["turn of the event loop", "event-loop iteration"],
  ["the collector", "the garbage collector"],
  ["to be called", "must be called, must run"]
]

const matchers = banned.map(([phrase, instead, pattern = `\\b${phrase.replaceAll(" ", "\\s+")}\\b`]) => ({
  phrase,
  instead,
  pattern: new RegExp(pattern, "i")
}))

interface Comment {
  readonly line: number
  readonly text: string
}

/** The comments of a source, by their position, so that a string that looks like one is none. Adjacent lines with `//` are one. */
const commentsOf = (source: string): ReadonlyArray<Comment> => {
  const file = ts.createSourceFile("source.ts", source, ts.ScriptTarget.Latest, true)
  const ranges = new Map<number, ts.CommentRange>()
  const visit = (node: ts.Node): void => {
    for (const range of ts.getLeadingCommentRanges(source, node.pos) ?? []) ranges.set(range.pos, range)
    for (const range of ts.getTrailingCommentRanges(source, node.end) ?? []) ranges.set(range.pos, range)
    for (const child of node.getChildren(file)) if (!ts.isJSDoc(child)) visit(child)
  }
  visit(file)
  const comments: Array<{ line: number; text: string; end: number }> = []
  for (const { end, kind, pos } of [...ranges.values()].sort((a, b) => a.pos - b.pos)) {
    const text = source.slice(pos, end)
    const last = comments.at(-1)
    const continues = kind === ts.SyntaxKind.SingleLineCommentTrivia
      && last?.text.startsWith("//") === true
      && source.slice(last.end, pos).trim() === ""
    if (last !== undefined && continues) {
      last.text += `\n${text}`
      last.end = end
    } else {
      comments.push({ line: file.getLineAndCharacterOfPosition(pos).line + 1, text, end })
    }
  }
  return comments
}

/** The text of a comment without the marks at the beginning of its lines. */
const proseOf = (text: string): string => text.replace(/^[ \t]*(?:\/\*\*?|\/\/|\*(?!\/))/gm, " ")

/** What is wrong with the words of a source. */
const wordFaults = (source: string): ReadonlyArray<string> =>
  commentsOf(source).flatMap(({ line, text }) =>
    matchers
      .filter(({ pattern }) => pattern.test(proseOf(text)))
      .map(({ instead, phrase }) => `${line}: "${phrase}", write: ${instead}`)
  )

/** The longest line of a comment. */
const columns = 100

/** The lines of comments of a source that are too long. Examples are code, and so is what stands before a comment. */
const lengthFaults = (source: string): ReadonlyArray<string> => {
  const lines = source.split("\n")
  return commentsOf(source).flatMap(({ line, text }) => {
    let isExample = false
    return text.split("\n").flatMap((_, i) => {
      const whole = lines[line - 1 + i] ?? ""
      if (/^\s*\* ```/.test(whole)) isExample = !isExample
      return !isExample && whole.length > columns && /^\s*(?:\/\/|\/\*|\*)/.test(whole)
        ? [`${line + i}: ${whole.length} columns, wrap at ${columns}`]
        : []
    })
  })
}

/** All sources, by path below `src`. */
const sources = fs.readdirSync(src, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"))

/** The folders of the sources, so that no room escapes. */
const folders: ReadonlyArray<string> = [...new Set(sources.map((name) => path.dirname(name)))].sort()

const filesIn = (folder: string): ReadonlyArray<string> => sources.filter((name) => path.dirname(name) === folder)

describe("the finder", () => {
  for (const [phrase] of banned) {
    const words = phrase.split(" ").join("\n * ")
    it.each([
      ["a doc comment", `/** Says ${phrase}. */\nexport const a = 1\n`],
      ["a wrapped doc comment", `/**\n * Says ${words}.\n */\nexport const a = 1\n`],
      ["a wrapped line comment", `const a = [\n  // Says ${words.replaceAll(" * ", "  // ")}.\n  1\n]\n`],
      ["a comment behind code", `const a = 1 // ${phrase.toUpperCase()}\n`]
    ])(`finds "${phrase}" in %s`, (_, source) => {
      expect(wordFaults(source).map((fault) => fault.split("\"")[1])).toContain(phrase)
    })
  }

  it("searches comments only", () => {
    const sources = banned.map(([phrase]) => `f("// ${phrase}", \`/* ${phrase} \${1} // ${phrase} */\`, /${phrase}/)`)
    expect(wordFaults(sources.join("\n"))).toEqual([])
  })

  it("names the line of a comment that is too long, and no line of code", () => {
    const long = "x".repeat(98)
    const example = ` * \`\`\`ts\n * ${long}\n * \`\`\`\n`
    const source =
      `// ${long}\nconst a = "${long}"\n/**\n * short\n *   ${long}\n${example} * ${long}\n */\nconst b = 1 // ${long}\n`
    expect(lengthFaults(source).map((fault) => fault.split(":")[0])).toEqual(["1", "5", "9"])
    expect(lengthFaults(source.replaceAll(long, "x".repeat(95)))).toEqual([])
  })
})

describe("the sources", () => {
  it("are those of all rooms", () => {
    expect(folders).toEqual(expect.arrayContaining([".", "internal", "internal/connection", "internal/node"]))
    expect(filesIn(".")).toContain("HttpConnection.ts")
  })

  it.each(folders)("src/%s", (folder) => {
    const faults = filesIn(folder).flatMap((file) => {
      const source = fs.readFileSync(path.join(src, file), "utf8")
      return [...wordFaults(source), ...lengthFaults(source)].map((fault) => `src/${file}:${fault}`)
    })
    expect(faults).toEqual([])
  })
})
