/** The table of a scenario, for a terminal and for Markdown. Pure. */
import { median, summary } from "../statistics.ts"
import { figure, ratio } from "./numbers.ts"
import { ranked, ratios, type Result } from "./results.ts"

/** Rows of as many cells as there are heads. */
export interface Table {
  readonly heads: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
  /** The columns that are aligned to the right. */
  readonly right: ReadonlyArray<boolean>
}

/** Medians with their quartiles, the processor's time, the latencies, and the ratio to the fastest peer. */
export const resultTable = (result: Result): Table => {
  const { unit } = result
  const compared = ratios(result)
  const heads = ["contender", unit.label, "quartiles"]
  if (unit.per !== undefined) heads.push(`CPU µs per ${unit.per}`)
  const timed = result.contenders.some(({ p50 }) => p50.length > 0)
  if (timed) heads.push("p50 µs", "p99 µs")
  if (compared !== undefined) heads.push(compared.label)
  const rows = ranked(result).map((one) => {
    const { high, low, median: middle } = summary(one.values)
    const cells = [one.name, figure(middle), `${figure(low)} – ${figure(high)}`]
    if (unit.per !== undefined) cells.push(figure(median(one.cpu)))
    if (timed) cells.push(figure(median(one.p50)), figure(median(one.p99)))
    if (compared !== undefined) {
      cells.push(one.side === "limit" ? `(${ratio(compared.of(one))})` : ratio(compared.of(one)))
    }
    return cells
  })
  return { heads, rows, right: heads.map((_, column) => column > 0) }
}

const widths = ({ heads, rows }: Table, least: number): ReadonlyArray<number> =>
  heads.map((head, column) => Math.max(least, head.length, ...rows.map((row) => row[column]?.length ?? 0)))

const lines = (table: Table, least: number): ReadonlyArray<ReadonlyArray<string>> => {
  const size = widths(table, least)
  return [table.heads, ...table.rows].map((row) =>
    row.map((cell, column) =>
      table.right[column] === true ? cell.padStart(size[column] ?? 0) : cell.padEnd(size[column] ?? 0)
    )
  )
}

/** In columns, without lines. */
export const plainTable = (table: Table): string => lines(table, 0).map((row) => row.join("  ").trimEnd()).join("\n")

/** As dprint formats it. */
export const markdownTable = (table: Table): string => {
  const [head = [], ...rows] = lines(table, 3)
  const rule = head.map((cell, column) =>
    table.right[column] === true ? `${"-".repeat(cell.length - 1)}:` : "-".repeat(cell.length)
  )
  return [head, rule, ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n")
}
