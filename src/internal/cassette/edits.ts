/** Replaces ranges of bytes, and keeps the offsets at which the bytes were split. */

export interface Edit {
  readonly start: number
  readonly end: number
  readonly bytes: Uint8Array
}

/**
 * Returns the pieces with the edits made. The edits must not overlap, and the ends of the pieces
 * are where the pieces join. A split within a replaced range stays within the replacement.
 */
export const edited = (pieces: ReadonlyArray<Uint8Array>, edits: ReadonlyArray<Edit>): ReadonlyArray<Uint8Array> => {
  if (edits.length === 0) return pieces
  const sorted = [...edits].sort((a, b) => a.start - b.start || a.end - b.end)
  const all = Buffer.concat(pieces)
  const parts: Array<Uint8Array> = []
  /** The old offset of each part's start, and the new one. */
  const moved: Array<readonly [from: number, to: number, length: number]> = []
  let at = 0
  let length = 0
  const add = (from: number, bytes: Uint8Array): void => {
    moved.push([from, length, bytes.length])
    parts.push(bytes)
    length += bytes.length
  }
  for (const { bytes, end, start } of sorted) {
    add(at, all.subarray(at, start))
    add(start, bytes)
    at = end
  }
  add(at, all.subarray(at))
  const result = Buffer.concat(parts)
  let index = 0
  let end = 0
  let from = 0
  return pieces.map((piece) => {
    end += piece.length
    while (index + 1 < moved.length && (moved[index + 1]?.[0] ?? 0) <= end) index++
    const [old, start, size] = moved[index] ?? [0, 0, 0]
    // Several edits may begin at the last offset: all of them belong to this piece.
    const to = end === all.length ? result.length : start + Math.min(end - old, size)
    const cut = new Uint8Array(result.subarray(from, Math.max(from, to)))
    from = Math.max(from, to)
    return cut
  })
}
