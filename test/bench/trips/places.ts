/** What a trip through the files of a library is, and how it is counted. Pure. */

/** A function of the sources. */
export interface Place {
  /** The path below the directory of the sources, with `/`. */
  readonly file: string
  readonly line: number
  readonly name: string
}

/** An entry of a function. */
export interface Entry extends Place {
  /**
   * The number of the callback of the event loop in which it was entered, with the microtasks that
   * follow it.
   */
  readonly turn: number
}

/** A run of entries in one file. */
export interface Visit {
  readonly file: string
  /** In their order, at least one. */
  readonly entries: ReadonlyArray<Entry>
}

export interface Counts {
  readonly files: number
  readonly crossings: number
  readonly rooms: number
  readonly roomCrossings: number
}

/**
 * The folder of a file, as `pool` for `internal/pool/execute.ts`. Public modules are one room, and
 * so are the loose files of `internal`.
 */
export const roomOf = (file: string): string => {
  const [outer, inner] = file.split("/").slice(0, -1)
  return inner ?? outer ?? "public"
}

/** A function's entry begins a new visit if the function entered before it is in another file. */
export const visitsOf = (trip: ReadonlyArray<Entry>): ReadonlyArray<Visit> => {
  const visits: Array<{ readonly file: string; readonly entries: Array<Entry> }> = []
  for (const entry of trip) {
    const last = visits.at(-1)
    if (last?.file === entry.file) last.entries.push(entry)
    else visits.push({ file: entry.file, entries: [entry] })
  }
  return visits
}

const borders = (names: ReadonlyArray<string>): number =>
  names.filter((name, index) => index > 0 && name !== names[index - 1]).length

/** The first entry of a trip crosses nothing. */
export const countsOf = (trip: ReadonlyArray<Entry>): Counts => {
  const files = trip.map(({ file }) => file)
  const rooms = files.map(roomOf)
  return {
    files: new Set(files).size,
    crossings: borders(files),
    rooms: new Set(rooms).size,
    roomCrossings: borders(rooms)
  }
}

/** The trip with the middle number of crossings. There must be one. */
export const middleOf = (trips: ReadonlyArray<ReadonlyArray<Entry>>): ReadonlyArray<Entry> => {
  const sorted = trips.toSorted((a, b) => countsOf(a).crossings - countsOf(b).crossings)
  const middle = sorted[Math.floor((sorted.length - 1) / 2)]
  if (middle === undefined) throw new Error("There is no trip")
  return middle
}
