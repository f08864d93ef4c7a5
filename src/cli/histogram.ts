/** Times of many requests: percentiles, and a histogram in steps that grow. */
import type { Output } from "./io.ts"
import { bar, paint, time } from "./text.ts"

/**
 * Returns the value below which `part` (0 to 1) of the sorted values are; `NaN` if there are none.
 */
export const percentile = (sorted: ReadonlyArray<number>, part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(part * sorted.length) - 1))] ?? NaN

/** The highest number of lines. */
const most = 12

/**
 * Returns the upper limits of the steps: 1, 2, 5, 10 ... between the least and the greatest value.
 */
const limitsOf = (least: number, greatest: number): ReadonlyArray<number> => {
  const limits: Array<number> = []
  for (
    let power = Math.floor(Math.log10(least));
    limits.at(-1) === undefined || (limits.at(-1) ?? 0) < greatest;
    power++
  ) {
    for (const step of [1, 2, 5]) {
      const limit = step * 10 ** power
      if (limit > least && (limits.at(-1) ?? 0) < greatest) limits.push(limit)
    }
  }
  return limits.length <= most ? limits : limits.slice(-most)
}

/** Returns the lines of a histogram of values in milliseconds, which must be sorted. */
export const histogram = (sorted: ReadonlyArray<number>, output: Output, width: number): ReadonlyArray<string> => {
  const first = sorted[0]
  const last = sorted.at(-1)
  if (first === undefined || last === undefined) return []
  const limits = limitsOf(Math.max(first, 0.001), Math.max(last, 0.001))
  const counts = limits.map(() => 0)
  for (const value of sorted) {
    const at = limits.findIndex((limit) => value <= limit)
    counts[at] = (counts[at] ?? 0) + 1
  }
  const greatest = Math.max(...counts)
  const digits = String(greatest).length
  const room = Math.max(0, width - 12 - digits - 1)
  return limits.map((limit, index) => {
    const count = counts[index] ?? 0
    const label = `<= ${time(limit).padStart(7)} ${String(count).padStart(digits)}`
    const drawn = bar((count / greatest) * room)
    return drawn === "" ? label : `${label} ${paint(output, "mark", drawn)}`
  })
}
