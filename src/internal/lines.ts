/**
 * Splits text that arrives in pieces into lines, without their ends.
 *
 * Each character is searched once, and the pieces of a line are joined when it ends, so the cost is
 * linear for any split. The result is the same for any split.
 */

export class LineSplitter {
  readonly #cr: boolean
  /** The line that has not ended. If a CR alone ends no line, it may end with one. */
  #open = ""
  /** True if a CR was the last character, so that an LF belongs to the same end. */
  #isAfterCr = false

  /** `cr` is true if a CR alone ends a line, as LF and CRLF do. */
  constructor(cr: boolean) {
    this.#cr = cr
  }

  /** Returns the lines that end in this text. */
  next(text: string): Array<string> {
    return this.#cr ? this.#nextOfThree(text) : this.#nextOfTwo(text)
  }

  /** Returns the last line, if it is not empty. */
  end(): ReadonlyArray<string> {
    return this.#open === "" ? [] : [this.#open]
  }

  #nextOfTwo(text: string): Array<string> {
    const lines: Array<string> = []
    let from = 0
    for (let lf = text.indexOf("\n"); lf >= 0; lf = text.indexOf("\n", from)) {
      const line = this.#open + text.slice(from, lf)
      lines.push(line.endsWith("\r") ? line.slice(0, -1) : line)
      this.#open = ""
      from = lf + 1
    }
    this.#open += text.slice(from)
    return lines
  }

  /** A CR ends its line at once, without waiting for the next character, which may arrive late. */
  #nextOfThree(text: string): Array<string> {
    const lines: Array<string> = []
    if (text === "") return lines
    let from = this.#isAfterCr && text.startsWith("\n") ? 1 : 0
    let cr = text.indexOf("\r", from)
    let lf = text.indexOf("\n", from)
    while (cr >= 0 || lf >= 0) {
      const end = cr < 0 || (lf >= 0 && lf < cr) ? lf : cr
      lines.push(this.#open + text.slice(from, end))
      this.#open = ""
      from = end === cr && text[end + 1] === "\n" ? end + 2 : end + 1
      if (cr >= 0 && cr < from) cr = text.indexOf("\r", from)
      if (lf >= 0 && lf < from) lf = text.indexOf("\n", from)
    }
    this.#isAfterCr = text.endsWith("\r")
    this.#open += text.slice(from)
    return lines
  }
}
