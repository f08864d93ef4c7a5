/**
 * Where a link of a page leads in the site. Pages link to each other and to files of the repository by relative paths, which a
 * code host follows as well; a file that is no page has a generated one which shows it.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { root } from "./paths.ts"

const { dirname, join, normalize, relative } = path.posix

/** The file of the repository that a page shows or is: `files/LICENSE.md` is about `LICENSE`. */
export const subjectOf = (page: string): string => {
  if (!page.startsWith("files/")) return `docs/${page}`
  const target = page.slice("files/".length)
  return isMarkdown(target) && fs.existsSync(join(root, target)) ? target : target.replace(/(\/index)?\.md$/, "")
}

const isMarkdown = (file: string): boolean => file.endsWith(".md")

const isFolder = (target: string): boolean => fs.statSync(join(root, target)).isDirectory()

/** A README of a folder of `docs` is the index of that folder. */
export const indexes: Readonly<Record<string, string>> = { "examples/README.md": "examples/index.md" }

/** The page that shows a file or folder of the repository, by its path below `docs`. */
export const pageOf = (target: string): string => {
  if (target === "README.md" || target === "CHANGELOG.md") return `files/${target}`
  const [, module] = /^src\/(\w+)\.ts$/.exec(target) ?? []
  if (module !== undefined && module !== "index") return `reference/${module}.md`
  if (isFolder(target)) {
    const [index] = ["index.md", "README.md"].map((name) => join(target, name)).filter((file) =>
      target.startsWith("docs") && fs.existsSync(join(root, file))
    )
    return index === undefined ? `files/${target}/index.md` : index.slice("docs/".length)
  }
  if (target.startsWith("docs/") && isMarkdown(target)) return target.slice("docs/".length)
  return `files/${target}.md`
}

/** The target of a link in the repository, `undefined` if it leads out of it, to an anchor, or nowhere. */
export const targetOf = (page: string, href: string): string | undefined => {
  const [target = ""] = href.split("#")
  if (target === "" || target.startsWith("/") || /^[a-z][a-z+.-]*:/i.test(target)) return undefined
  const file = normalize(join(dirname(subjectOf(page)), target)).replace(/\/$/, "")
  return file.startsWith("..") || !fs.existsSync(join(root, file)) ? undefined : file
}

/** The link as the site has it. What is no link into the repository stays as it is, and VitePress refuses what is dead. */
export const siteLink = (page: string, href: string): string => {
  const target = targetOf(page, href)
  if (target === undefined) return href
  const [, anchor] = href.split("#")
  const to = pageOf(target)
  // A line of a file is an anchor of a code host's.
  const suffix = anchor === undefined || to.startsWith("files/") && !isMarkdown(target) ? "" : `#${anchor}`
  return relative(dirname(page), indexes[to] ?? to) + suffix
}
