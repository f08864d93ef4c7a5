/** Records the entries of functions that `instrument.ts` has put calls into. */
import { setTimeout as sleep } from "node:timers/promises"
import { hook } from "./instrument.ts"
import type { Entry, Place } from "./places.ts"

/** All functions of the sources that were loaded; the calls in them pass indices of it. */
export const places: Array<Place> = []

let entries: Array<Entry> | undefined
let turn = 0
let inTurn = false

const enter = (index: number): void => {
  const place = places[index]
  if (entries === undefined || place === undefined) return
  if (!inTurn) {
    inTurn = true
    turn++
    queueMicrotask(() => {
      inTurn = false
    })
  }
  entries.push({ ...place, turn })
}

Reflect.set(globalThis, hook, enter)

/**
 * Longer than anything takes that follows a request by itself, such as the poll after which a
 * connection is idle.
 */
const settled = 20

/** The entries from the start of `run` until nothing has happened for a while after its end. */
export const record = async (run: () => Promise<unknown>): Promise<ReadonlyArray<Entry>> => {
  const found: Array<Entry> = []
  entries = found
  turn = 0
  try {
    await run()
    await sleep(settled)
  } finally {
    entries = undefined
  }
  return found
}
