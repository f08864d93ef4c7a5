/** The headings of pages: the first is the title, and each has an anchor. */
import * as fs from "node:fs"

export const titleOf = (file: string): string => {
  const [, title] = /^# (.*)$/m.exec(fs.readFileSync(file, "utf8")) ?? []
  if (title === undefined) throw new Error(`${file} has no title`)
  return title.replaceAll("`", "")
}

/** The anchor of a heading as code hosts make it, so that links between pages hold in both places. */
export const slugify = (heading: string): string =>
  heading.trim().toLowerCase().replaceAll(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(" ", "-")
