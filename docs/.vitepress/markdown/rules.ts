/**
 * What the site does to markdown beyond VitePress: links into the repository, links from the names of exports to the reference,
 * diagrams, and places where a long name may break.
 */
import * as path from "node:path"
import type { MarkdownEnv, MarkdownRenderer } from "vitepress"
import { siteLink, targetOf } from "../build/links.ts"
import { modulesPage } from "../build/modules.ts"
import type { Names } from "../build/names.ts"
import { root } from "../build/paths.ts"
import { titleOf } from "../build/titles.ts"

type Tokens = ReturnType<MarkdownRenderer["parse"]>
type Token = Tokens[number]

interface Environment {
  readonly relativePath?: string
}

const relativeTo = (page: string, to: string): string => "../".repeat(page.split("/").length - 1) + to

/** The modules whose names mean something else as well, but on the page that lists them. */
const ambiguous: ReadonlySet<string> = new Set([
  "Auth",
  "Lines",
  "Link",
  "Origin",
  "Proxy",
  "Tls",
  "Transport",
  "Upgrade"
])

/** The place in the reference of what a text in code names, such as `HttpTimeouts.make(…)`, `Sse` or the error `DnsError`. */
const referenceOf = (names: Names, page: string, text: string): string | undefined => {
  const [, name = "", member] = /^([A-Z]\w*)(?:\.(\w+))?(?:\(.*\))?$/.exec(text) ?? []
  const module = names[name]
  if (module === undefined) {
    const anchor = member === undefined ? names["HttpError"]?.[name] : undefined
    return anchor === undefined || !/[a-z][A-Z]/.test(name) ? undefined : `reference/HttpError.md#${anchor}`
  }
  if (member === undefined) return ambiguous.has(name) && page !== modulesPage ? undefined : `reference/${name}.md`
  const anchor = module[member]
  return anchor === undefined ? undefined : `reference/${name}.md#${anchor}`
}

/** A link whose text is the path of a page has the title of that page instead. */
const nameTarget = (page: string, href: string, text: Token | undefined): void => {
  const target = targetOf(page, href)
  if (text?.type !== "text" || target?.endsWith(".md") !== true) return
  if (`/${target}`.endsWith(`/${text.content}`)) text.content = titleOf(path.join(root, target))
}

/** Rewrites the links of a page, and links the first mention of each export. */
const linksRule = (md: MarkdownRenderer, names: Names): void => {
  md.core.ruler.push("site_links", (state) => {
    const page = (state.env as Environment).relativePath
    if (page === undefined) return
    const linked = new Set([`reference/${page.replace("reference/", "")}`])
    const open = (href: string, map: Token): ReadonlyArray<Token> => {
      const begin = new state.Token("link_open", "a", 1)
      begin.attrSet("href", href)
      begin.attrSet("class", "to-reference")
      begin.level = map.level
      return [begin, map, new state.Token("link_close", "a", -1)]
    }
    state.tokens.forEach((token, i) => {
      if (token.type !== "inline" || token.children === null) return
      const isHeading = state.tokens[i - 1]?.type === "heading_open"
      const { children } = token
      let depth = 0
      token.children = children.flatMap((child, j) => {
        if (child.type === "link_open") {
          depth += 1
          const href = child.attrGet("href") ?? ""
          nameTarget(page, href, children[j + 1])
          child.attrSet("href", siteLink(page, href))
        }
        if (child.type === "link_close") depth -= 1
        if (child.type !== "code_inline" || depth > 0 || isHeading) return [child]
        const to = referenceOf(names, page, child.content)
        if (to === undefined || linked.has(to)) return [child]
        linked.add(to)
        return open(relativeTo(page, to), child)
      })
    })
  })
}

/** Where a long name may break: behind a dot, a slash or another sign, and before a capital. */
export const breakable = (html: string): string =>
  html.replace(
    />([^<]{12,})</g,
    (_, text: string) => `>${text.replace(/([/_.,(:?=]|&amp;)(?=\w)|[a-z\d](?=[A-Z][a-z])/g, "$&<wbr>")}<`
  )

/** Code in the cells of tables may break, because a column is as wide as its longest word. */
const cellsRule = (md: MarkdownRenderer): void => {
  md.core.ruler.push("site_cells", (state) => {
    state.tokens.forEach((token, i) => {
      if (!/^t[dh]_open$/.test(state.tokens[i - 1]?.type ?? "")) return
      for (const child of token.children ?? []) if (child.type === "code_inline") child.meta = { isCell: true }
    })
  })
  const original = md.renderer.rules.code_inline
  md.renderer.rules.code_inline = (tokens, i, options, env, self) => {
    const html = original?.(tokens, i, options, env, self) ?? self.renderToken(tokens, i, options)
    const { isCell = false } = (tokens[i]?.meta ?? {}) as { readonly isCell?: boolean }
    return isCell ? breakable(html) : html
  }
}

/** A fence of mermaid becomes the component that draws it. */
const diagramRule = (md: MarkdownRenderer): void => {
  const original = md.renderer.rules.fence
  md.renderer.rules.fence = (tokens, i, options, env, self) => {
    const token = tokens[i]
    if (token?.info.trim() === "mermaid") return `<Diagram source="${encodeURIComponent(token.content)}" />\n`
    return original?.(tokens, i, options, env, self) ?? self.renderToken(tokens, i, options)
  }
}

export const siteRules = (md: MarkdownRenderer, names: Names): void => {
  linksRule(md, names)
  cellsRule(md)
  diagramRule(md)
}

/** A page for the index of the search: without the colours of code, which take most of the time. */
export const renderForSearch = (source: string, env: MarkdownEnv, md: MarkdownRenderer): string => {
  if (/^---\n[^]*?^search: false$/m.test(source.slice(0, 200))) return ""
  const { highlight } = md.options
  md.options.highlight = null
  try {
    return md.render(source, env)
  } finally {
    md.options.highlight = highlight ?? null
  }
}
