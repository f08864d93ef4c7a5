/** The built site in a real browser: every page, every link of the navigation, the search, the diagrams and the dark mode. */
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import type { Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { SitePage } from "./browser.ts"
import { openPage } from "./browser.ts"
import type { SiteServer } from "./server.ts"
import { linkFault, pages, serve } from "./server.ts"

const docs = fileURLToPath(new URL("../../docs/", import.meta.url))

let server: SiteServer
let site: SitePage
let page: Page

beforeAll(async () => {
  server = await serve()
  site = await openPage(server.url)
  page = site.page
})

afterAll(async () => {
  await site?.close()
  await server?.close()
})

/** The source of a page that is written by hand. */
const sourceOf = (url: string): string | undefined => {
  const name = url.endsWith("/") ? `${url}index.md` : url.replace(/\.html$/, ".md")
  return [name, name.replace(/index\.md$/, "README.md")].map((file) => path.join(docs, file)).find(fs.existsSync)
}

const diagramsIn = (url: string): number => {
  const source = sourceOf(url)
  return source === undefined ? 0 : [...fs.readFileSync(source, "utf8").matchAll(/^```mermaid$/gm)].length
}

/** Opens a page, and waits until the application has taken it over and its diagrams are drawn. */
const open = async (url: string): Promise<void> => {
  await page.goto(server.url + url)
  await page.waitForFunction(() => "__vue_app__" in (document.querySelector("#app") ?? {}))
  await page.waitForFunction(() => document.querySelector(".diagram-source") === null)
}

/** The first words of the tables that are wider than the text around them, and of a page that is wider than its window. */
const wideParts = (): Promise<ReadonlyArray<string>> =>
  page.evaluate(() => {
    const isWide = (table: Element): boolean => {
      const around = table.parentElement
      if (around === null) return false
      const { paddingRight } = getComputedStyle(around)
      const limit = around.getBoundingClientRect().right - Number.parseFloat(paddingRight)
      return table.scrollWidth > table.clientWidth + 1 || table.getBoundingClientRect().right > limit + 1
    }
    const tables = [...document.querySelectorAll(".vp-doc table")].filter(isWide)
    const wide = tables.map((table) => `table: ${table.textContent?.trim().slice(0, 60) ?? ""}`)
    return document.documentElement.scrollWidth > window.innerWidth ? [...wide, "the whole page"] : wide
  })

/** The links within the site, as a reader sees them. */
const links = (): Promise<ReadonlyArray<string>> =>
  page.evaluate(() =>
    [...document.querySelectorAll("a[href]")].flatMap((link) =>
      link instanceof HTMLAnchorElement && link.origin === location.origin ? [link.href] : []
    )
  )

const all = pages()

it("the site is built: guides, recipes, reference and files", () => {
  const recipes = fs.readdirSync(path.join(docs, "cookbook"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `/cookbook/${entry.name}/`)
  expect(recipes.length).toBeGreaterThan(0)
  const modules = fs.readdirSync(fileURLToPath(new URL("../../src/", import.meta.url)))
    .filter((file) => file.endsWith(".ts") && file !== "index.ts")
    .map((file) => `/reference/${file.replace(/ts$/, "html")}`)
  const guides = fs.readdirSync(docs)
    .filter((file) => file.endsWith(".md") && file !== "index.md")
    .map((file) => `/${file.replace(/md$/, "html")}`)
  expect(all).toEqual(
    expect.arrayContaining(["/", "/examples/", "/files/README.html", ...recipes, ...modules, ...guides])
  )
})

describe("every page", () => {
  it.each(all)("%s", async (url) => {
    await open(url)
    expect(await page.title()).toContain("effect-http-client")
    expect(await page.locator(".diagram svg").count()).toBe(diagramsIn(url))
    for (const width of [700, 1280]) {
      await page.setViewportSize({ width, height: 900 })
      expect({ width, wide: await wideParts() }).toEqual({ width, wide: [] })
    }
    expect([...new Set(await links())].flatMap((link) => linkFault(new URL(link)) ?? [])).toEqual([])
    expect(site.faults()).toEqual([])
  })
})

describe("the navigation", () => {
  it("leads to a page with each of its links, and all pages but those of files are in it", async () => {
    await open("/quick-start.html")
    await page.evaluate(() => {
      for (const item of document.querySelectorAll<HTMLElement>(".VPSidebarItem.collapsed > .item")) item.click()
    })
    const hrefs = await page.evaluate(() =>
      [...document.querySelectorAll(".VPSidebar a[href], .VPNavBarMenu a[href]")].map((link) => link.getAttribute("href") ?? "")
    )
    expect(all.filter((url) => !url.startsWith("/files/") && url !== "/" && !hrefs.includes(url))).toEqual([])
    for (const href of new Set(hrefs)) {
      const link = page.locator(`.VPSidebar a[href="${href}"]`).first()
      await link.click()
      await page.waitForURL(server.url + href)
      await page.locator(".VPSidebarItem.is-active", { hasText: (await link.textContent()) ?? "" }).first().waitFor()
      expect(await page.locator(".vp-doc h1").textContent()).not.toBe("")
      expect(await page.locator(".NotFound").count()).toBe(0)
    }
    expect(site.faults()).toEqual([])
  })
})

describe("the search", () => {
  const [recipe = ""] = fs.readdirSync(path.join(docs, "cookbook")).filter((name) =>
    fs.existsSync(path.join(docs, "cookbook", name, "index.md"))
  )
  const [, title = ""] = /^# (.*)$/m.exec(fs.readFileSync(path.join(docs, "cookbook", recipe, "index.md"), "utf8")) ?? []

  it.each([
    ["an error of the reference", "HttpTimeout", "/reference/HttpError.html#HttpTimeout"],
    ["a function of the reference", "withExpectContinue", "/reference/PooledHttpClient.html#withExpectContinue"],
    ["a guide", "certificates that change", "/tls.html"],
    ["a recipe", title, `/cookbook/${recipe}/`]
  ])("finds %s", async (_, query, url) => {
    await open("/")
    await page.locator(".VPNavBarSearchButton, .DocSearch-Button").first().click()
    await page.locator(".VPLocalSearchBox .search-input").fill(query)
    await page.locator(".VPLocalSearchBox .result").first().waitFor()
    await page.locator(`.VPLocalSearchBox .result[href^="${url}"]`).first().click()
    await page.waitForURL((found) => (found.pathname + found.hash).startsWith(url))
    expect(site.faults()).toEqual([])
  })

  it("has the exact name first", async () => {
    await open("/")
    await page.locator(".VPNavBarSearchButton, .DocSearch-Button").first().click()
    await page.locator(".VPLocalSearchBox .search-input").fill("HttpTimeout")
    await page.locator(".VPLocalSearchBox .result mark").first().waitFor()
    expect(await page.locator(".VPLocalSearchBox .result").first().getAttribute("href")).toBe(
      "/reference/HttpError.html#HttpTimeout"
    )
  })
})

describe("the dark mode", () => {
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)

  it("is switched on and off, is kept, and draws the diagrams again", async () => {
    await open("/architecture.html")
    const [light, drawn] = [await background(), await page.locator(".diagram").first().innerHTML()]
    await page.locator(".VPNavBar .VPSwitchAppearance").first().click()
    await page.waitForFunction((before) => document.querySelector(".diagram")?.innerHTML !== before, drawn)
    expect(await background()).not.toBe(light)
    await open("/pool.html")
    expect(await page.evaluate(() => document.documentElement.classList.contains("dark"))).toBe(true)
    await page.locator(".VPNavBar .VPSwitchAppearance").first().click()
    expect(await background()).toBe(light)
    expect(site.faults()).toEqual([])
  })
})
