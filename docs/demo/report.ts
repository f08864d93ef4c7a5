/**
 * Prints the output of the demo, and counts its checks.
 *
 * Headings, aligned rows, checks, a progress bar and lines that change. Colours and redrawing are
 * only used on a terminal, and no colours if `NO_COLOR` is set. Texts of a peer are printed through
 * `printable`, so that they cannot control the terminal.
 */
const labelWidth = 20
/** The width at which long texts are wrapped. */
const textWidth = 96

/** Text that cannot control a terminal: control and format characters are escaped. */
export const printable = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0
    return `\\u{${code.toString(16)}}`
  })

/** The text, wrapped to a readable length. */
export const wrap = (text: string): string => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > textWidth) {
      lines.push(line)
      line = word
    } else {
      line = line === "" ? word : `${line} ${word}`
    }
  }
  return [...lines, line].join("\n")
}

/** A number of bytes for people. */
export const size = (bytes: number): string =>
  bytes < 10_000 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`

/** Milliseconds for people. */
export const millis = (time: number): string => `${time < 10 ? time.toFixed(2) : time.toFixed(0)} ms`

/** The destination of the report. */
export interface Output {
  readonly write: (text: string) => void
  readonly terminal: boolean
  readonly colours: boolean
}

export const standardOutput: Output = {
  write: (text) => void process.stdout.write(text),
  terminal: process.stdout.isTTY === true,
  colours: process.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === ""
}

export class Report {
  readonly #output: Output
  /** The differences from what was expected. */
  readonly differences: Array<string> = []
  checks = 0
  #parts = 0
  #part = ""

  constructor(output: Output) {
    this.#output = output
  }

  #style(code: string, text: string): string {
    return this.#output.colours ? `\x1b[${code}m${text}\x1b[0m` : text
  }

  line(text = ""): void {
    this.#output.write(`${text}\n`)
  }

  title(text: string): void {
    this.line(this.#style("1", text))
  }

  /** A numbered heading. */
  part(text: string): void {
    this.#part = text
    this.line()
    this.line(this.#style("1;36", `${++this.#parts}. ${text}`))
  }

  #rows(margin: string, style: string, label: string, text: string): void {
    text.split("\n").forEach((line, index) => {
      const beside = (index === 0 ? label : "").padEnd(labelWidth)
      this.line(`${index === 0 ? margin : "   "}${this.#style(style, beside)}${line}`)
    })
  }

  /** A label and a text beside it; further lines of the text are aligned with the first. */
  row(label: string, text: string): void {
    this.#rows("   ", "2", label, text)
  }

  /** What was expected, and whether it happened. */
  check(what: string, holds: boolean, found?: unknown): void {
    this.line(`   ${this.#verdict(what, holds, found)}`)
  }

  /** The same, with a label and a text instead of what was expected. */
  checkRow(label: string, text: string, what: string, holds: boolean, found?: unknown): void {
    const verdict = this.#verdict(what, holds, found)
    if (!holds) this.line(`   ${verdict}`)
    this.#rows(` ${this.#mark(holds)} `, "1", label, text)
  }

  #mark(holds: boolean): string {
    return holds ? this.#style("32", "✓") : this.#style("1;31", "✗")
  }

  #verdict(what: string, holds: boolean, found: unknown): string {
    this.checks += 1
    if (holds) return `${this.#mark(true)} ${what}`
    const difference = found === undefined ? what : `${what}: found ${printable(String(JSON.stringify(found)))}`
    this.differences.push(`${this.#part}: ${difference}`)
    return `${this.#mark(false)} ${difference}`
  }

  /** A part that failed before its end. */
  broken(why: string): void {
    this.checks += 1
    this.differences.push(`${this.#part}: it broke off`)
    this.line(`   ${this.#mark(false)} broke off: ${why}`)
  }

  strong(text: string): string {
    return this.#style("1", text)
  }

  failure(text: string): string {
    return this.#style("1;31", text)
  }

  /** A bar that fills up: redrawn in place on a terminal, a line a quarter elsewhere. */
  progress(total: number): (done: number, note: string) => void {
    const width = 32
    let shown = this.#output.terminal ? -1 : 0
    return (done, note) => {
      const percent = Math.floor((done / total) * 100)
      const step = this.#output.terminal ? percent : Math.floor(percent / 25)
      if (step === shown) return
      shown = step
      const filled = Math.round((done / total) * width)
      const bar = `   [${"█".repeat(filled)}${"░".repeat(width - filled)}] ${String(percent).padStart(3)} %  ${note}`
      if (!this.#output.terminal) this.line(bar)
      else this.#output.write(`\r${bar}\x1b[K${done === total ? "\n" : ""}`)
    }
  }

  /**
   * Lines that change: redrawn in place on a terminal, printed once elsewhere, when they are final.
   */
  live(): (lines: ReadonlyArray<string>, final: boolean) => void {
    let shown = 0
    return (lines, final) => {
      if (!this.#output.terminal) {
        if (final) { for (const line of lines) this.line(line) }
        return
      }
      const up = shown === 0 ? "" : `\x1b[${shown}A`
      this.#output.write(up + lines.map((line) => `\r${line}\x1b[K\n`).join(""))
      shown = lines.length
    }
  }
}
