/** A progress line on the terminal, which is redrawn in place. Does nothing without a terminal. */
import type { Output } from "./io.ts"
import { bar, paint } from "./text.ts"

/** The shortest time between two drawings, in milliseconds. */
const pause = 100

/** Shows the progress. */
export interface Progress {
  /** `total` is `undefined` if it is not known. */
  readonly update: (done: number, total: number | undefined, note: string) => void
  /** Clears the line. */
  readonly end: () => void
}

const none: Progress = { update: () => {}, end: () => {} }

/** Creates a progress line on this output. `now` is a time in milliseconds. */
export const makeProgress = (output: Output, now: () => number): Progress => {
  const { columns } = output
  if (columns === undefined) return none
  let drawnAt = -Infinity
  // If the terminal was closed, the output of the response fails, and that failure is reported.
  const draw = (text: string): void => void output.write(text).catch(() => {})
  return {
    update: (done, total, note) => {
      const time = now()
      if (time - drawnAt < pause) return
      drawnAt = time
      const part = total === undefined || total === 0 ? undefined : Math.min(1, done / total)
      const room = Math.min(40, columns - note.length - 9)
      const percent = part === undefined ? "" : `${String(Math.floor(part * 100)).padStart(3)} % `
      const drawn = part === undefined || room < 8
        ? ""
        : `${paint(output, "mark", bar(part * room))}${" ".repeat(room - Math.ceil(part * room))} `
      draw(`\r${percent}${drawn}${note.slice(0, Math.max(0, columns - 6))}\x1b[K`)
    },
    end: () => draw("\r\x1b[K")
  }
}
