/** Says on stderr what runs now: on a terminal in one line that changes, elsewhere in a line now and then. */

export interface Progress {
  readonly show: (text: string) => void
  /** Takes the line away, before something else is printed. */
  readonly clear: () => void
}

/** How far lines lie apart where they cannot be taken back. */
const pause = 10_000

export const progressOn = (out: NodeJS.WriteStream, now: () => number = () => performance.now()): Progress => {
  if (out.isTTY) {
    return {
      show: (text) => void out.write(`\r\u001B[K${text.slice(0, Math.max(20, out.columns - 1))}`),
      clear: () => void out.write("\r\u001B[K")
    }
  }
  let last = now()
  return {
    show: (text) => {
      if (now() - last < pause) return
      last = now()
      out.write(`${text}\n`)
    },
    clear: () => {}
  }
}
