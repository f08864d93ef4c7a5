/** The navigation: groups in the order in which one reads them. A page of `docs` that no group names is a guide. */
import * as fs from "node:fs"
import * as path from "node:path"
import type { DefaultTheme } from "vitepress"
import { moduleGroups, modulesPage } from "./modules.ts"
import { docs } from "./paths.ts"
import { titleOf } from "./titles.ts"

type Item = DefaultTheme.SidebarItem

const start = [
  "quick-start.md",
  "files/README.md",
  "migrating.md",
  "which-client.md",
  "what-it-does-not-do.md",
  "examples/README.md"
]

const guides = [
  "errors.md",
  "timeouts-and-limits.md",
  "retries.md",
  "pool.md",
  "interim-responses.md",
  "server-sent-events.md",
  "upgrade.md",
  "downloads.md",
  "fields.md",
  "cookies.md",
  "auth.md",
  "addresses.md",
  "proxies.md",
  "tls.md",
  "runtimes.md",
  "testing.md",
  "cassettes.md",
  "command-line.md"
]

const project = [
  "architecture.md",
  "performance.md",
  "sizes.md",
  "benchmarks.md",
  "SECURITY.md",
  "stability.md",
  "releasing.md",
  "CONTRIBUTING.md",
  "CODE_OF_CONDUCT.md",
  "files/CHANGELOG.md",
  "http-client.md",
  "files/LICENSE.md"
]

/** What the navigation calls a page whose title is too long for it, or says nothing beside the others. */
const short: Readonly<Record<string, string>> = {
  "files/README.md": "Installation",
  "files/CHANGELOG.md": "Changelog",
  "files/LICENSE.md": "License",
  "interim-responses.md": "1xx, Expect, other methods",
  "cassettes.md": "Cassettes",
  "http-client.md": "From Python's http.client"
}

const linkOf = (page: string): string =>
  `/${page.replace(/(^|\/)(?:index|README)\.md$/, "$1").replace(/^files\/$/, "files/README.md").replace(/\.md$/, "")}`

const itemOf = (page: string): Item => ({ text: short[page] ?? titleOf(path.join(docs, page)), link: linkOf(page) })

const itemsOf = (pages: ReadonlyArray<string>): Array<Item> =>
  pages.filter((page) => fs.existsSync(path.join(docs, page))).map(itemOf)

/** Every recipe: a folder with a page. */
const recipes = (): ReadonlyArray<string> =>
  fs.readdirSync(path.join(docs, "cookbook"))
    .map((name) => `cookbook/${name}/index.md`)
    .filter((page) => fs.existsSync(path.join(docs, page)))

const unnamed = (): ReadonlyArray<string> =>
  fs.readdirSync(docs).filter((page) =>
    page.endsWith(".md") && ![...start, ...guides, ...project, "index.md", modulesPage].includes(page)
  )

const referenceItems = (): Array<Item> => [
  { ...itemOf(modulesPage), text: "All modules" },
  ...moduleGroups.map(({ modules, title }) => ({
    text: title,
    items: modules.map((name) => ({ text: name, link: `/reference/${name}` }))
  }))
]

export const sidebar = (): DefaultTheme.SidebarItem[] => [
  { text: "Start", items: itemsOf(start) },
  { text: "Guides", items: itemsOf([...guides, ...unnamed()]) },
  ...(recipes().length === 0 ? [] : [{ text: "Cookbook", items: itemsOf(recipes()) }]),
  { text: "Reference", collapsed: true, items: referenceItems() },
  { text: "Project", items: itemsOf(project) }
]

/** The first page of each group, for the bar at the top. */
export const nav = (): DefaultTheme.NavItem[] => {
  const first = (title: string, pages: ReadonlyArray<string>) => {
    const [item] = itemsOf(pages)
    return item?.link === undefined ? [] : [{ text: title, link: item.link }]
  }
  return [
    ...first("Start", start),
    ...first("Guides", guides),
    ...first("Cookbook", recipes()),
    { text: "Reference", link: linkOf(modulesPage) },
    ...first("Project", project)
  ]
}
