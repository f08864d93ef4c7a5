/**
 * The comments of the sources keep to the vocabulary of this project, have short sentences, say of
 * a boolean when it is true, and wrap at 100 columns. Those of the programs in `docs` keep to the
 * vocabulary.
 *
 * `fixtures/vocabulary.ts` lists the words. Code and string literals are not searched.
 * `guidesProse.test.ts` does the same for guides.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { describe, expect, it } from "vitest"
import { banned, bannedIn } from "./fixtures/vocabulary.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const src = path.join(root, "src")

interface Comment {
  readonly line: number
  readonly text: string
}

/**
 * The comments of a source, by their position, so that a string that looks like one is none.
 * Adjacent lines with `//` are one.
 */
const findComments = (source: string): ReadonlyArray<Comment> => {
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

let latest: { readonly source: string; readonly comments: ReadonlyArray<Comment> } | undefined

/** As `findComments`. Keeps the latest result, because three checks of a source follow each other. */
const commentsOf = (source: string): ReadonlyArray<Comment> => {
  if (latest?.source !== source) latest = { source, comments: findComments(source) }
  return latest.comments
}

/** The text of a comment without the marks at the beginning of its lines. */
const proseOf = (text: string): string => text.replace(/^[ \t]*(?:\/\*\*?|\/\/|\*(?!\/))/gm, " ")

/** What is wrong with the words of a source. */
const wordFaults = (source: string): ReadonlyArray<string> =>
  commentsOf(source).flatMap(({ line, text }) =>
    bannedIn(proseOf(text)).map(({ instead, phrase }) => `${line}: "${phrase}", write: ${instead}`)
  )

/** The longest line of a comment. */
const columns = 100

/**
 * The lines of comments of a source that are too long. Examples are code, and so is what stands
 * before a comment.
 */
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

/** The most words of a sentence. The guideline is 25; a text in backquotes is one word. */
const mostWords = 30

/**
 * The paragraphs and list items of a comment, each with the number of its first line, without
 * examples.
 */
const paragraphsOf = ({ line, text }: Comment): ReadonlyArray<Comment> => {
  const paragraphs: Array<{ line: number; text: string }> = []
  let isExample = false
  let isNew = true
  proseOf(text).replace(/\*\/\s*$/, "").split("\n").forEach((row, i) => {
    const words = row.trim()
    if (words.startsWith("```")) isExample = !isExample
    if (isExample || words === "" || words.startsWith("```")) {
      isNew = true
      return
    }
    const last = paragraphs.at(-1)
    if (last === undefined || isNew || /^(?:[-@|]|\d+\.\s)/.test(words)) {
      paragraphs.push({ line: line + i, text: words })
    } else last.text += ` ${words}`
    isNew = false
  })
  return paragraphs
}

/** The sentences of a source that are too long. */
const sentenceFaults = (source: string): ReadonlyArray<string> =>
  commentsOf(source).flatMap(paragraphsOf).flatMap(({ line, text }) =>
    text.replace(/`[^`]*`/g, "code").split(/(?<=[.!?])\s+/).flatMap((sentence) => {
      const count = sentence.split(/\s+/).filter((word) => /\w/.test(word)).length
      return count > mostWords ? [`${line}: a sentence of ${count} words, split it: ${sentence}`] : []
    })
  )

const isBoolean = (type: ts.TypeNode | undefined): boolean =>
  type !== undefined && (
    type.kind === ts.SyntaxKind.BooleanKeyword
    || (ts.isUnionTypeNode(type)
      && type.types.every(({ kind }) =>
        kind === ts.SyntaxKind.BooleanKeyword || kind === ts.SyntaxKind.UndefinedKeyword
      ))
  )

/** The documented booleans of a source that do not say when they are true. */
const booleanFaults = (source: string): ReadonlyArray<string> => {
  const file = ts.createSourceFile("source.ts", source, ts.ScriptTarget.Latest, true)
  const faults: Array<string> = []
  const visit = (node: ts.Node): void => {
    if ((ts.isPropertySignature(node) || ts.isPropertyDeclaration(node))) {
      const initial = ts.isPropertyDeclaration(node) ? node.initializer?.kind : undefined
      const isFlag = initial === ts.SyntaxKind.TrueKeyword || initial === ts.SyntaxKind.FalseKeyword
      const doc = ts.getJSDocCommentsAndTags(node).find(ts.isJSDoc)
      const text = ts.getTextOfJSDocComment(doc?.comment)?.trim() ?? ""
      if ((isBoolean(node.type) || (node.type === undefined && isFlag)) && text !== "" && !/^True\b/.test(text)) {
        const { line } = file.getLineAndCharacterOfPosition(node.getStart(file))
        faults.push(`${line + 1}: a boolean is "True if ...", not: ${text.split("\n")[0]}`)
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return faults
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

describe("the finder of long sentences", () => {
  const words = (count: number): string => Array.from({ length: count }, () => "word").join(" ")

  it.each([
    ["a doc comment", `/** ${words(31)}. */\nexport const a = 1\n`, ["1"]],
    ["a wrapped one", `/**\n * Short.\n *\n * ${words(16)}\n * ${words(15)}.\n */\nexport const a = 1\n`, ["4"]],
    ["a line comment", `const a = 1\n// ${words(20)}\n// ${words(11)}\n`, ["2"]],
    ["an item of a list", `/**\n * - Short.\n * - ${words(31)}.\n */\nexport const a = 1\n`, ["3"]]
  ])("finds it in %s", (_, source, lines) => {
    expect(sentenceFaults(source).map((fault) => fault.split(":")[0])).toEqual(lines)
  })

  it("counts neither across sentences, paragraphs and items, nor in examples and backquotes", () => {
    const source = [
      `/**\n * ${words(30)}. ${words(30)}\n *\n * ${words(30)}\n * - ${words(30)}\n * - ${words(30)}`,
      ` * \`\`\`ts\n * ${words(40)}\n * \`\`\`\n * ${words(29)} \`${words(9)}\`\n */`,
      `const a = "${words(40)}"`
    ].join("\n")
    expect(sentenceFaults(source)).toEqual([])
  })
})

describe("the finder of booleans", () => {
  it("wants a documented boolean to say when it is true", () => {
    const source = [
      "interface A {",
      "  /** Sends it. Default: `false`. */",
      "  readonly a?: boolean | undefined",
      "  /** True if it is sent. */",
      "  readonly b: boolean",
      "  readonly c: boolean",
      "  /** Sends it. */",
      "  d(): boolean",
      "}",
      "class B {",
      "  /** Whether it is sent. */",
      "  #e = false",
      "}"
    ].join("\n")
    expect(booleanFaults(source).map((fault) => fault.split(":")[0])).toEqual(["3", "12"])
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
      return [...wordFaults(source), ...lengthFaults(source), ...sentenceFaults(source), ...booleanFaults(source)]
        .map((fault) => `src/${file}:${fault}`)
    })
    expect(faults).toEqual([])
  })
})

describe("the programs of the docs, and the linter's", () => {
  it.each(["docs/demo", "docs/examples", ".oxlint"])("%s", (folder) => {
    const files = fs.readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.[jt]s$/.test(name))
    expect(files.length).toBeGreaterThan(0)
    const faults = files.flatMap((file) => {
      const source = fs.readFileSync(path.join(root, folder, file), "utf8")
      return [...wordFaults(source), ...lengthFaults(source)].map((fault) => `${folder}/${file}:${fault}`)
    })
    expect(faults).toEqual([])
  })
})
