/**
 * Makes the pages of the reference from what docgen writes: one page a module, with what it re-exports in place, an
 * anchor for every export, and a link to the module's guide.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { guides, modules } from "./modules.ts"
import type { Names } from "./names.ts"
import { writeNames } from "./names.ts"
import { api, docs, reference, root } from "./paths.ts"
import { slugify, titleOf } from "./titles.ts"

interface Member {
  /** The name, or for a re-export the path in quotes. */
  readonly name: string
  /** What docgen says it is: `class`, `interface`, `type alias`; a value has none. */
  readonly kind: string | undefined
  readonly body: string
  readonly since: string
}

interface Category {
  readonly title: string
  readonly members: ReadonlyArray<Member>
}

interface Source {
  readonly overview: string
  readonly since: string
  readonly categories: ReadonlyArray<Category>
}

/** A text and the lines of its headings of one level, as the parts that they begin. Fences are skipped. */
const partsAt = (level: number, text: string): ReadonlyArray<readonly [heading: string, body: string]> => {
  const marker = `${"#".repeat(level)} `
  const parts: Array<[string, Array<string>]> = [["", []]]
  let isCode = false
  for (const line of text.split("\n")) {
    if (line.startsWith("```")) isCode = !isCode
    if (!isCode && line.startsWith(marker)) parts.push([line.slice(marker.length), []])
    else parts.at(-1)?.[1].push(line)
  }
  return parts.map(([heading, lines]) => [heading, lines.join("\n").trim()])
}

const sincePattern = /\n*^Added in v(\S+)$/m

const toMember = ([heading, text]: readonly [string, string]): Member => {
  const [, name = heading, kind] = /^(.*?)(?: \(([a-z ]+)\))?$/.exec(heading) ?? []
  const since = sincePattern.exec(text)?.[1] ?? ""
  return { name: name.replaceAll("\\", ""), kind, since, body: text.replace(sincePattern, "") }
}

const parse = (file: string): Source => {
  const text = fs.readFileSync(file, "utf8").replace(/^\*\*\*\n.*?\n---\n/s, "")
  const [preamble, ...categories] = partsAt(1, text)
  const overview = (preamble?.[1] ?? "").replace(/^## .* overview$/m, "").split(/^---$/m)[0] ?? ""
  return {
    overview: overview.replace(sincePattern, "").trim(),
    since: sincePattern.exec(overview)?.[1] ?? "",
    categories: categories.map(([title, body]) => ({ title, members: partsAt(2, body).slice(1).map(toMember) }))
  }
}

const reExport = /^From "(\.\/.*)"$/

/** The categories of a source, with those of what it re-exports in place of each re-export. */
const categoriesOf = (source: string): ReadonlyArray<Category> => {
  const found = new Map<string, Array<Member>>()
  const add = (title: string, members: ReadonlyArray<Member>) => {
    const category = found.get(title) ?? []
    found.set(title, category)
    category.push(...members)
  }
  const visit = (file: string): void => {
    for (const { members, title } of parse(path.join(api, "modules", `${file}.md`)).categories) {
      for (const member of members) {
        const inner = reExport.exec(member.name)?.[1]
        if (inner === undefined) add(title, [member])
        else visit(path.posix.join(path.posix.dirname(file), inner))
      }
    }
  }
  visit(source)
  return [...found].map(([title, members]) => ({ title, members }))
}

/** The fields of the error classes, by name, as their sources have them: docgen says only that there is a class. */
const errorFields = (): ReadonlyMap<string, string> => {
  const folder = path.join(root, "src/internal/error")
  return new Map(
    fs.readdirSync(folder).flatMap((file) =>
      [
        ...fs.readFileSync(path.join(folder, file), "utf8").matchAll(
          /^export class (\w+)(?:<.*>)? extends tagged\("\1",.*?\)<(\{.*?\n\}|\{.*?\})>/gms
        )
      ].map(([, name = "", fields = ""]) => [name, fields] as const)
    )
  )
}

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

const memberText = (member: Member, anchor: string, fields: string | undefined): string => {
  const kind = member.kind === undefined
    ? ""
    : ` <Badge type="info" text="${member.kind.replace("type alias", "type")}" />`
  const signature = fields === undefined
    ? member.body.replace("**Signature**\n\n", "")
    : member.body.replace(
      /\*\*Signature\*\*\n\n```ts\n.*?```/s,
      () => `\`\`\`ts\nclass ${member.name} extends Error ${fields}\n\`\`\``
    )
  return `### ${member.name}${kind} {#${anchor}}\n\n${signature}\n\n<p class="since">Since ${member.since}</p>\n`
}

/** The text of a module's page, and the anchors of its exports. */
const pageOf = (name: string, fields: ReadonlyMap<string, string>) => {
  const { overview, since } = parse(path.join(api, "modules", `${name}.ts.md`))
  const anchors = new Map<string, string>()
  const used = new Set<string>()
  const anchorOf = (member: Member): string => {
    const anchor = used.has(member.name) ? `${member.name}-${(member.kind ?? "value").replace(" ", "-")}` : member.name
    if (used.has(anchor)) throw new Error(`${name}: there are two members ${anchor}`)
    used.add(anchor)
    if (!anchors.has(member.name)) anchors.set(member.name, anchor)
    return anchor
  }
  const categories = categoriesOf(`${name}.ts`).map(({ members, title }) =>
    `## ${capitalized(title)} {#category-${slugify(title)}}\n\n${
      members.map((member) =>
        memberText(member, anchorOf(member), member.kind === "class" ? fields.get(member.name) : undefined)
      ).join("\n")
    }`
  )
  const guide = guides[name]
  const also = guide === undefined ? "" : ` · Guide: [${titleOf(path.join(docs, guide))}](../${guide})`
  const header = `<div class="module-line">

\`import { ${name} } from "effect-http-client"\` · Since ${since} · [Source](../../src/${name}.ts)${also}

</div>`
  const line = name === "CookieJar" ? header.replace("effect-http-client", "effect-http-client/CookieJar") : header
  const text = `---\neditLink: false\n---\n\n# ${name}\n\n${line}\n\n${overview}\n\n${categories.join("\n\n")}\n`
  return { text, anchors: Object.fromEntries(anchors) }
}

/** Writes all pages of the reference. Throws if a module of `src` has no place in `docs/modules.md`, or the other way round. */
export const writeReference = (): void => {
  const sources = fs.readdirSync(path.join(root, "src"))
    .filter((file) => file.endsWith(".ts") && file !== "index.ts")
    .map((file) => file.slice(0, -".ts".length))
  const missing = [
    ...sources.filter((name) => !modules.includes(name)),
    ...modules.filter((name) => !sources.includes(name))
  ]
  if (missing.length > 0) throw new Error(`docs/modules.md and src disagree: ${missing.join(", ")}`)
  fs.rmSync(reference, { recursive: true, force: true })
  fs.mkdirSync(reference, { recursive: true })
  const fields = errorFields()
  const names: Record<string, Names[string]> = {}
  for (const name of modules) {
    const { anchors, text } = pageOf(name, fields)
    names[name] = anchors
    fs.writeFileSync(path.join(reference, `${name}.md`), text)
  }
  writeNames(names)
}
