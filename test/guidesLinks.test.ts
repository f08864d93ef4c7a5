/** Links of the guides to each other, and to what is beside them: the file is there, and so is the heading. */
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))

const markdown = (folder: string): ReadonlyArray<string> =>
  fs.readdirSync(path.join(root, folder)).filter((name) => name.endsWith(".md")).map((name) => path.join(folder, name))

const recipes = fs.readdirSync(path.join(root, "docs/cookbook"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory()).flatMap(({ name }) => markdown(`docs/cookbook/${name}`))

const guides = [...markdown("."), ...markdown("docs"), ...markdown("docs/examples"), ...recipes]

/** The text of a guide, without its code. */
const proseOf = (file: string): string =>
  fs.readFileSync(path.join(root, file), "utf8").replaceAll(/^```.*?^```/gms, "")

/** The anchors of the headings, as GitHub makes them. */
const anchorsOf = (text: string): ReadonlySet<string> =>
  new Set(
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
      heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase().replaceAll(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(
        " ",
        "-"
      )
    )
  )

/** The links of a guide that lead nowhere. */
const brokenIn = (file: string): ReadonlyArray<string> =>
  [...proseOf(file).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link).filter((link) => {
    if (/^[a-z]+:/.test(link)) return false
    const [target = "", anchor] = link.split("#")
    const linked = target === "" ? file : path.join(path.dirname(file), target)
    if (!fs.existsSync(path.join(root, linked))) return true
    return anchor !== undefined && linked.endsWith(".md") && !anchorsOf(proseOf(linked)).has(anchor)
  })

describe("the links", () => {
  it.each(guides)("of %s lead to files and headings that exist", (file) => {
    expect(brokenIn(file)).toEqual([])
  })

  it("are checked against headings with code, links and signs", () => {
    expect([...anchorsOf("# `a` of [b](c.md)\n\n## Upgrades: of [`upgrade`](u.md)\n")]).toEqual([
      "a-of-b",
      "upgrades-of-upgrade"
    ])
  })
})
