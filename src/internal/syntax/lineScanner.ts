/**
 * Finds the lines of a section that ends with an empty line: a head or a trailer section.
 *
 * Scans each byte once, in place, and copies only the bytes of an unfinished section. The section
 * is decoded once, as ISO-8859-1, when it is complete. The cost is therefore linear for any split.
 * Every limit and fault is found at the same byte however the bytes are split. Knows lines, not
 * fields.
 */

const CR = 0x0d
const LF = 0x0a

/** A fault of the bytes, and its offset in the section. */
export interface LineFault {
  readonly kind: "bare CR" | "bare LF" | "control character" | "line too long" | "section too large" | "too many lines"
  readonly offset: number
  /** The number of the line, from 0. */
  readonly line: number
}

/** The rules for a section. */
export interface LineRules {
  /** The limit of the bytes of line 0, without its end. */
  readonly firstLine: number
  /** The limit of the bytes of every other line. */
  readonly line: number
  /** The limit of the lines, without the empty one. */
  readonly lines: number
  /** The limit of the bytes of the section. */
  readonly section: number
  /** The number of empty lines that are skipped before line 0. */
  readonly leadingEmptyLines: number
  /** True if a lone LF ends a line. */
  readonly bareLf: boolean
  /** The first line that may contain forbidden bytes. Lines that do are `flagged`. */
  readonly flagFrom: number
}

/** Returned if the scanner needs more bytes. */
export const needMore = -1

/** Returned if the scanner found a fault. */
export const faulty = -2

/** 1 for a byte that is part of a line; 0 for CR, LF and the other controls, which need a check. */
const plain = Uint8Array.from({ length: 256 }, (_, byte) => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f) ? 1 : 0)

const empty: Uint8Array = new Uint8Array(0)

/** The size up to which the buffer for unfinished sections is kept for the next section. */
const keptRoom = 16_384

/** The number of lines up to which the arrays of offsets are kept. */
const keptLines = 256

/** Decodes bytes as text, one character each. */
export const latin1 = (bytes: Uint8Array, from: number, to: number): string =>
  (bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    .toString("latin1", from, to)

export class LineScanner {
  /** The section, once it is complete. */
  text = ""
  /** The number of lines, without the empty one. */
  lines = 0
  /**
   * The start and end of each line in `text`. The arrays are kept from section to section, so only
   * the first `lines` elements count.
   */
  starts: Array<number> = []
  ends: Array<number> = []
  /** Lines with forbidden bytes that the rules accept. */
  flagged: Set<number> | undefined
  fault: LineFault | undefined
  /** True if the section needed a relaxation of the grammar. */
  relaxed = false
  /** Bytes of the section that were scanned. */
  length = 0
  /** True if anything but leading empty lines has arrived. */
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

  /** Prepares for the next section. */
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
   * Scans `bytes` from `from`. Returns the offset after the section's end, `needMore` or `faulty`.
   */
  scan(bytes: Uint8Array, from: number): number {
    const shift = this.length - from
    const end = this.#scan(bytes, from, shift)
    // Errors quote line 0, and it is checked before any fault after it.
    if (this.fault !== undefined) this.#keep(bytes, from, Math.max(from, this.fault.offset + 1 - shift))
    return end
  }

  /**
   * Returns line 0 of an unfinished section, without its end. Returns `""` if `good` accepts that
   * line, and `undefined` if it is incomplete. A good line is not decoded, because it is decoded
   * with the section.
   */
  firstLineUnless(good: (bytes: Uint8Array, start: number, end: number) => boolean): string | undefined {
    if (this.lines === 0) return undefined
    const start = this.starts[0] as number
    const end = this.ends[0] as number
    return good(this.#kept, start, end) ? "" : latin1(this.#kept, start, end)
  }

  /**
   * Returns the part of line 0 that has arrived, up to and including the byte that is its fault.
   */
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
   * Treats the received bytes as the whole section, with the empty line added. Returns false if
   * that is a fault.
   */
  finish(): boolean {
    const end = this.#afterCr ? this.length - 1 : this.length
    if (end > this.#lineStart) this.#endLine(end, this.length)
    this.text = latin1(this.#kept, 0, this.#keptLength)
    return this.fault === undefined
  }

  /** Returns the offset up to which plain bytes may run before a limit is reached. */
  #stop(available: number, shift: number): number {
    const limit = this.lines === 0 ? this.#rules.firstLine : this.#rules.line
    return Math.min(available, Math.min(this.#lineStart + limit, this.#rules.section) - shift)
  }

  /** Handles a byte that is not plain or is beyond a limit. Returns false if it is a fault. */
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
   * Ends a line before `end`; the next begins at `next`. Returns true for the empty line that ends
   * the section.
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
   * Copies the bytes of an unfinished section. The buffer doubles, so that adding one byte at a
   * time stays linear.
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
