/** The site of the documentation. `npm run docs` builds it into `site/`, `npm run docs:dev` serves it while one writes. */
import { defineConfig } from "vitepress"
import { indexes } from "./build/links.ts"
import { readNames } from "./build/names.ts"
import { nav, sidebar } from "./build/navigation.ts"
import { output } from "./build/paths.ts"
import { slugify } from "./build/titles.ts"
import { renderForSearch, siteRules } from "./markdown/rules.ts"

export default defineConfig({
  title: "effect-http-client",
  description: "HTTP/1.1 for Effect: scoped connections, streaming bodies, every failure typed.",
  lang: "en",
  outDir: output,
  rewrites: { ...indexes },
  // A reader follows few of the 50 links of a page.
  router: { prefetchLinks: false },
  head: [["link", { rel: "icon", href: "data:," }]],
  markdown: {
    linkify: false,
    anchor: { slugify },
    config: (md) => siteRules(md, readNames())
  },
  // One chunk holds the index of the search, and another one mermaid.
  vite: { build: { chunkSizeWarningLimit: 4000 } },
  themeConfig: {
    nav: nav(),
    sidebar: sidebar(),
    outline: [2, 3],
    search: { provider: "local", options: { _render: renderForSearch } },
    docFooter: { prev: "Previous", next: "Next" }
  }
})
