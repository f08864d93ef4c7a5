/** Writes a page for each file of the repository that a page links to and that is none itself: sources, tests, the README. */
import * as fs from "node:fs"
import * as path from "node:path"
import { pageOf, targetOf } from "./links.ts"
import { docs, files, root } from "./paths.ts"

/** The pages that exist without this module: written by hand, or of the reference. */
const handwritten = (): ReadonlyArray<string> =>
  fs.readdirSync(docs, { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll(path.sep, "/"))
    .filter((file) => file.endsWith(".md") && !/^(?:\.vitepress|files)\//.test(file))

/** The links of a text, without its code. */
const linksOf = (text: string): ReadonlyArray<string> =>
  [...text.replaceAll(/^```.*?^```/gms, "").matchAll(/(!?)\[[^\]]*\]\(([^)\s]+)\)/g)]
    .flatMap(([, image, href = ""]) => image === "!" ? [] : [href])

const languages: Readonly<Record<string, string>> = {
  ".ts": "ts",
  ".js": "js",
  ".json": "json",
  ".svg": "xml",
  ".py": "python"
}

const frontMatter = "---\nsearch: false\neditLink: false\noutline: [2, 3]\n---\n\n"

/** The page that shows a file as it is. */
const fileText = (target: string): string => {
  const text = fs.readFileSync(path.join(root, target), "utf8")
  const language = languages[path.extname(target)] ?? (text.startsWith("#!") ? "sh" : "txt")
  const fence = "`".repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length + 1)))
  return `${frontMatter}# ${
    path.basename(target)
  }\n\n\`${target}\` of the repository.\n\n${fence}${language}\n${text.trimEnd()}\n${fence}\n`
}

const folderText = (target: string): string => {
  const names = fs.readdirSync(path.join(root, target), { withFileTypes: true })
    .map((entry) => `- \`${entry.name}${entry.isDirectory() ? "/" : ""}\``)
  return `${frontMatter}# ${target}\n\nWhat is in this folder of the repository:\n\n${names.join("\n")}\n`
}

const textOf = (target: string): string => {
  if (fs.statSync(path.join(root, target)).isDirectory()) return folderText(target)
  return target.endsWith(".md") ? frontMatter + fs.readFileSync(path.join(root, target), "utf8") : fileText(target)
}

/** Writes the pages, also those that only such a page links to. */
export const writeFiles = (): void => {
  fs.rmSync(files, { recursive: true, force: true })
  const pages = new Set(handwritten())
  const pending = [...pages].map((page) => [page, fs.readFileSync(path.join(docs, page), "utf8")] as const)
  const add = (target: string): void => {
    const page = pageOf(target)
    if (pages.has(page)) return
    pages.add(page)
    const text = textOf(target)
    const file = path.join(docs, page)
    fs.mkdirSync(path.dirname(file), { recursive: true })
    fs.writeFileSync(file, text)
    if (target.endsWith(".md")) pending.push([page, text])
  }
  // The navigation has these.
  for (const target of ["README.md", "CHANGELOG.md", "LICENSE"]) add(target)
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [page, text] = next
    for (const href of linksOf(text)) {
      const target = targetOf(page, href)
      if (target !== undefined) add(target)
    }
  }
}
