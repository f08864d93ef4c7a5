/**
 * How much survives the collections of young objects and moves to the old ones. A request's objects should die young: what does not costs a
 * copy, longer pauses, and collections of everything.
 */
import { GCProfiler } from "node:v8"

interface Heap {
  readonly heapStatistics: { readonly usedHeapSize: number }
  readonly heapSpaceStatistics: ReadonlyArray<{ readonly spaceName: string; readonly spaceUsedSize: number }>
}

/** One collection, as V8 reports it. */
export interface Collection {
  readonly gcType: string
  readonly beforeGC: Heap
  readonly afterGC: Heap
}

/** Bytes of all objects that are not young. */
const old = ({ heapSpaceStatistics, heapStatistics }: Heap): number =>
  heapSpaceStatistics.reduce(
    (bytes, { spaceName, spaceUsedSize }) => spaceName.startsWith("new_") ? bytes - spaceUsedSize : bytes,
    heapStatistics.usedHeapSize
  )

/** By how many bytes the old objects grew in collections of the young ones. */
export const promotedIn = (collections: ReadonlyArray<Collection>): number =>
  collections
    .filter(({ gcType }) => gcType === "Scavenge")
    .reduce((bytes, { afterGC, beforeGC }) => bytes + old(afterGC) - old(beforeGC), 0)

/** Begins to count; what it returns ends that, and gives the bytes. */
export const countPromoted = (): () => number => {
  const profiler = new GCProfiler()
  profiler.start()
  return () => promotedIn(profiler.stop().statistics)
}
