/**
 * Finds the lines of a section that ends with an empty line: a head, a trailer section.
 *
 * Scans each byte once, in place on the view it is given, and copies only what an unfinished
 * section leaves behind; the section is decoded once, as ISO-8859-1, when it is complete. So the
 * cost is linear for any split, and every limit and fault is found at the same byte however the
 * bytes are split. Knows lines, not fields.
 */

const CR = 0x0d
const LF = 0x0a

/** What is wrong with the bytes, and at which offset of the section. */
export interface LineFault {
  readonly kind: "bare CR" | "bare LF" | "control character" | "line too long" | "section too large" | "too many lines"
  readonly offset: number
  /** The number of the line, from 0. */
  readonly line: number
}

/** What a section may be like. */
export interface LineRules {
  /** Bytes of line 0, without its end. */
  readonly firstLine: number
  /** Bytes of every other line. */
  readonly line: number
  /** Lines, without the empty one. */
  readonly lines: number
  /** Bytes in all. */
  readonly section: number
  /** Empty lines to skip before line 0. */
  readonly leadingEmptyLines: number
  /** A lone LF ends a line. */
  readonly bareLf: boolean
  /** Lines from this one on may hold what the grammar forbids; they are `flagged`. */
  readonly flagFrom: number
}

/** The scanner wants more bytes. */
export const needMore = -1

/** The scanner found a fault. */
export const faulty = -2

/** 1 for a byte that is part of a line; CR, LF and the other controls need a look. */
const plain = Uint8Array.from({ length: 256 }, (_, byte) => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f) ? 1 : 0)

const empty: Uint8Array = new Uint8Array(0)

/** Room for unfinished sections that is kept for the next one; more is given back. */
const keptRoom = 16_384

/** Lines with room for their offsets that is kept, likewise. */
const keptLines = 256

/** Bytes as text, one character each. */
export const latin1 = (bytes: Uint8Array, from: number, to: number): string =>
  (bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    .toString("latin1", from, to)

export class LineScanner {
  /** The section, once it is complete. */
  text = ""
  /** How many lines there are, without the empty one. */
  lines = 0
  /**
   * Where each of them begins and ends in `text`. Kept from section to section, so that only the
   * first `lines` count.
   */
  starts: Array<number> = []
  ends: Array<number> = []
  /** Lines that hold what the grammar forbids, where the rules let them pass. */
  flagged: Set<number> | undefined
  fault: LineFault | undefined
  /** Whether the section needed a rule that is more than the grammar. */
  relaxed = false
  /** Bytes of the section seen so far. */
  length = 0
  /** Whether anything but leading empty lines has come. */
  get started(): boolean {
    return this.lines > 0 || this.length > this.#lineStart
  }

  #rules: LineRules
  #kept: Uint8Array = empty
  #keptLength = 0
  #lineStart = 0
  #skipped = 0
  #afterCr = false

  constructor(rules: LineRules) {
    this.#rules = rules
  }

  /** Makes ready for the next section. */
  reset(rules: LineRules): void {
    this.#rules = rules
    this.text = ""
    this.lines = 0
    if (this.starts.length > keptLines) {
      this.starts = []
      this.ends = []
    }
    this.flagged = undefined
    this.fault = undefined
    this.relaxed = false
    this.length = 0
    if (this.#kept.length > keptRoom) this.#kept = empty
    this.#keptLength = 0
    this.#lineStart = 0
    this.#skipped = 0
    this.#afterCr = false
  }

  /**
   * Scans `bytes` from `from`. Returns the offset behind the section's end, `needMore` or `faulty`.
   */
  scan(bytes: Uint8Array, from: number): number {
    const shift = this.length - from
    const end = this.#scan(bytes, from, shift)
    // Line 0 is what errors quote, and what is judged before any fault behind it.
    if (this.fault !== undefined) this.#keep(bytes, from, Math.max(from, this.fault.offset + 1 - shift))
    return end
  }

  /**
   * Line 0 without its end, of a section that is not complete, unless it is `good`; `""` where it
   * is, and `undefined` where that line is not complete. Decodes nothing that is to be decoded with
   * the section.
   */
  firstLineUnless(good: (bytes: Uint8Array, start: number, end: number) => boolean): string | undefined {
    if (this.lines === 0) return undefined
    const start = this.starts[0] as number
    const end = this.ends[0] as number
    return good(this.#kept, start, end) ? "" : latin1(this.#kept, start, end)
  }

  /** Line 0 as far as it has come, or up to and with the byte that is its fault. */
  seen(): string {
    return latin1(this.#kept, this.#lineStart, this.#keptLength)
  }

  #scan(bytes: Uint8Array, from: number, shift: number): number {
    let i = from
    while (i < bytes.length) {
      const byte = bytes[i] as number
      if (this.#afterCr) {
        this.#afterCr = false
        if (byte === LF) {
          if (i + shift >= this.#rules.section) return this.#failed("section too large", i + shift)
          if (this.#endLine(i + shift - 1, i + shift + 1)) return this.#complete(bytes, from, i + 1)
          if (this.fault !== undefined) return faulty
          i++
          continue
        }
        if (!this.#forbidden("bare CR", i + shift - 1)) return faulty
      }
      const stop = this.#stop(bytes.length, shift)
      while (i < stop && plain[bytes[i] as number] === 1) i++
      if (i >= bytes.length) break
      if (!this.#special(bytes[i] as number, i + shift)) return faulty
      if (bytes[i] === LF && this.#endLine(i + shift, i + shift + 1)) return this.#complete(bytes, from, i + 1)
      if (this.fault !== undefined) return faulty
      i++
    }
    this.length = bytes.length + shift
    this.#keep(bytes, from, bytes.length)
    return needMore
  }

  /**
   * Takes what has come as the whole section, as if the empty line had come too. False where that
   * is a fault.
   */
  finish(): boolean {
    const end = this.#afterCr ? this.length - 1 : this.length
    if (end > this.#lineStart) this.#endLine(end, this.length)
    this.text = latin1(this.#kept, 0, this.#keptLength)
    return this.fault === undefined
  }

  /** How far plain bytes may run before a limit is reached. */
  #stop(available: number, shift: number): number {
    const limit = this.lines === 0 ? this.#rules.firstLine : this.#rules.line
    return Math.min(available, Math.min(this.#lineStart + limit, this.#rules.section) - shift)
  }

  /** A byte that is not plain, or one beyond a limit. False where it is a fault. */
  #special(byte: number, offset: number): boolean {
    if (offset >= this.#rules.section) return this.#fail("section too large", offset)
    if (byte === CR) {
      this.#afterCr = true
      return true
    }
    if (byte === LF) return this.#lineFeed(offset)
    const limit = this.lines === 0 ? this.#rules.firstLine : this.#rules.line
    if (offset - this.#lineStart >= limit) return this.#fail("line too long", offset)
    return this.#forbidden("control character", offset)
  }

  #lineFeed(offset: number): boolean {
    if (!this.#rules.bareLf) return this.#fail("bare LF", offset)
    this.relaxed = true
    return true
  }

  #forbidden(kind: LineFault["kind"], offset: number): boolean {
    if (this.lines < this.#rules.flagFrom) return this.#fail(kind, offset)
    this.relaxed = true
    this.flagged ??= new Set()
    this.flagged.add(this.lines)
    return true
  }

  #fail(kind: LineFault["kind"], offset: number): false {
    this.fault = { kind, offset, line: this.lines }
    return false
  }

  #failed(kind: LineFault["kind"], offset: number): number {
    this.#fail(kind, offset)
    return faulty
  }

  /**
   * A line that ends before `end`; the next begins at `next`. True where it was the empty line that
   * ends the section.
   */
  #endLine(end: number, next: number): boolean {
    if (end === this.#lineStart) {
      if (this.lines > 0 || this.#skipped === this.#rules.leadingEmptyLines) return true
      this.#skipped++
    } else {
      this.starts[this.lines] = this.#lineStart
      this.ends[this.lines] = end
      this.lines++
      if (this.lines > this.#rules.lines) this.#fail("too many lines", this.#lineStart)
    }
    this.#lineStart = next
    return false
  }

  #complete(bytes: Uint8Array, from: number, end: number): number {
    this.length += end - from
    if (this.#keptLength === 0) {
      this.text = latin1(bytes, from, end)
    } else {
      this.#keep(bytes, from, end)
      this.text = latin1(this.#kept, 0, this.#keptLength)
    }
    return end
  }

  /**
   * Copies the bytes of an unfinished section, doubling the room so that one byte at a time stays
   * linear.
   */
  #keep(bytes: Uint8Array, from: number, to: number): void {
    const wanted = this.#keptLength + to - from
    if (wanted > this.#kept.length) {
      const room = Buffer.allocUnsafe(Math.max(512, wanted, this.#kept.length * 2))
      room.set(this.#kept.subarray(0, this.#keptLength))
      this.#kept = room
    }
    this.#kept.set(bytes.subarray(from, to), this.#keptLength)
    this.#keptLength = wanted
  }
}
