/** The table of all trips, and one trip in full. Pure. */
import type { Table } from "../report/table.ts"
import { countsOf, type Entry, type Visit, visitsOf } from "./places.ts"

/** One scenario, and its trip. */
export interface Measured {
  readonly name: string
  readonly about: string
  readonly trip: ReadonlyArray<Entry>
}

export const tripTable = (all: ReadonlyArray<Measured>): Table => ({
  heads: ["trip", "what it is", "files", "crossings", "rooms", "room crossings", "functions entered"],
  rows: all.map(({ about, name, trip }) => {
    const { crossings, files, roomCrossings, rooms } = countsOf(trip)
    return [name, about, ...[files, crossings, rooms, roomCrossings, trip.length].map(String)]
  }),
  right: [false, false, true, true, true, true, true]
})

/** `execute:395, isDigit:26 ×4` */
const functionsOf = ({ entries }: Visit): string => {
  const runs: Array<{ readonly text: string; times: number }> = []
  for (const { line, name } of entries) {
    const text = `${name}:${line}`
    const last = runs.at(-1)
    if (last?.text === text) last.times++
    else runs.push({ text, times: 1 })
  }
  return runs.map(({ text, times }) => times === 1 ? text : `${text} ×${times}`).join(", ")
}

/**
 * A line for each visit to a file, with the functions entered there in their order and the lines
 * they begin at, then the files by the number of visits. An empty line means that control went back
 * to the event loop.
 */
export const tripText = ({ about, name, trip }: Measured): string => {
  const visits = visitsOf(trip)
  const width = Math.max(...visits.map(({ file }) => file.length))
  const lines = [`${name}: ${about}`]
  let turn: number | undefined
  for (const [index, visit] of visits.entries()) {
    if (visit.entries[0]?.turn !== turn) lines.push("")
    turn = visit.entries.at(-1)?.turn
    lines.push(`${String(index).padStart(4)}  ${visit.file.padEnd(width)}  ${functionsOf(visit)}`)
  }
  const times = new Map<string, number>()
  for (const { file } of visits) times.set(file, (times.get(file) ?? 0) + 1)
  lines.push("", "Visits:")
  for (const [file, visited] of [...times].toSorted(([, a], [, b]) => b - a)) {
    lines.push(`${String(visited).padStart(4)}  ${file}`)
  }
  return lines.join("\n")
}
