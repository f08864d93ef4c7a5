/** Counts the body of a request as it comes, by its length or in chunks. As lenient as a server for benchmarks may be. */

/** Where the line of a chunk's size, or what is around it, is read. */
type Place = "size" | "data" | "afterData" | "trailers" | "done"

export class RequestBody {
  /** Bytes of content so far. */
  length = 0
  #place: Place
  /** Bytes of the body, or of the chunk, that are to come. */
  #remaining: number
  readonly #chunked: boolean
  /** What of a line has come. */
  #line = ""

  constructor(contentLength: number | undefined) {
    this.#chunked = contentLength === undefined
    this.#remaining = contentLength ?? 0
    this.#place = this.#chunked ? "size" : contentLength === 0 ? "done" : "data"
  }

  get done(): boolean {
    return this.#place === "done"
  }

  /** Takes what belongs to the body, and gives where that ends. */
  take(buffer: Buffer, from: number, end: number): number {
    let at = from
    while (at < end && this.#place !== "done") {
      if (this.#place === "data") {
        const taken = Math.min(this.#remaining, end - at)
        this.#remaining -= taken
        this.length += taken
        at += taken
        if (this.#remaining === 0) this.#place = this.#chunked ? "afterData" : "done"
        continue
      }
      const lf = buffer.indexOf(10, at)
      const last = lf < 0 || lf >= end ? end : lf
      this.#line += buffer.toString("latin1", at, last)
      at = last + 1
      if (last === end) return end
      this.#endLine(this.#line.trim())
      this.#line = ""
    }
    return at
  }

  #endLine(line: string): void {
    if (this.#place === "size") {
      this.#remaining = Number.parseInt(line, 16)
      this.#place = this.#remaining === 0 ? "trailers" : "data"
    } else if (this.#place === "afterData") this.#place = "size"
    else if (line === "") this.#place = "done"
  }
}
