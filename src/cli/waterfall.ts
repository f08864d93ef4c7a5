/** The phases of an exchange as bars, one below the other, each starting at its time. */
import type { Timings } from "../HttpError.ts"
import type { Output } from "./io.ts"
import { bar, paint, time } from "./text.ts"

const phases = ["dns", "connect", "proxy", "tls", "send", "wait", "body"] as const

/** The number of columns before the bars: the longest name, and a time. */
const labelled = 8 + 10

/** The least width that leaves room for bars. */
const leastBars = 10

/**
 * Returns the lines of the phases that happened, and of the total. Time outside of all phases, such
 * as the wait for a free connection, is before the first bar. `width` is that of the terminal.
 */
export const waterfall = (timings: Timings, output: Output, width: number): ReadonlyArray<string> => {
  const happened = phases.flatMap((name) => {
    const millis = timings[name]
    return millis === undefined ? [] : [{ name, millis }]
  })
  const known = happened.reduce((sum, { millis }) => sum + millis, 0)
  const total = Math.max(timings.total ?? known, known)
  const room = width - labelled - 1
  const scale = total > 0 && room >= leastBars ? room / total : 0
  let begin = total - known
  const lines = happened.map(({ millis, name }) => {
    const offset = Math.min(Math.floor(begin * scale), Math.max(0, room - 1))
    const length = Math.min(millis * scale, room - offset)
    begin += millis
    const label = `${name.padEnd(8)}${time(millis).padStart(9)}`
    return length === 0 ? label : `${label} ${" ".repeat(offset)}${paint(output, "mark", bar(length))}`
  })
  return [...lines, paint(output, "strong", `${"total".padEnd(8)}${time(total).padStart(9)}`)]
}
