/**
 * The targets of speed, and whether results meet them. Each compares medians that were taken in one run on one machine, as a ratio.
 * Nothing fails if one is missed: timings are no tests. Pure.
 */
import type { Major } from "./nodes.ts"
import { ratio } from "./report/numbers.ts"
import type { Result, Results } from "./report/results.ts"
import { median, timesAsGood } from "./statistics.ts"

/** Contenders of a scenario; the best of them is compared if there are several. */
export interface Place {
  readonly scenario: string
  readonly contenders: ReadonlyArray<string>
}

/**
 * What a verdict rests on: the value of the scenario, which is a rate, a time or memory, the processor's time for what the scenario counts,
 * or the latency that half of the requests keep to. The rate counts if both clients keep a core busy, so that it is their own. The processor's time counts if the rate depends
 * on how long they wait for the server.
 */
export type Basis = "rate" | "time" | "memory" | "processor" | "p50"

export type Bound = { readonly atLeast: number } | { readonly atMost: number }

export interface Target {
  readonly what: string
  readonly by: Basis
  /**
   * What is compared: `speed` is how many times as good ours is as the other, `cost` how many times as much time or memory it takes,
   * whichever way the unit of the scenario goes.
   */
  readonly of: "speed" | "cost"
  readonly bounds: Readonly<Record<Major, Bound>>
  readonly ours: Place
  /** Other contenders, or ours in another scenario; undefined if the values of the scenario are ratios themselves. */
  readonly other: Place | undefined
}

const pool = "ConnectionPool.execute"
const untraced = "PooledHttpClient untraced"
const traced = "PooledHttpClient traced"
const undici = ["undici Pool.request", "undici request"]

const atLeast = (on20: number, on24: number): Target["bounds"] => ({ 20: { atLeast: on20 }, 24: { atLeast: on24 } })
const atMost = (on20: number, on24: number): Target["bounds"] => ({ 20: { atMost: on20 }, 24: { atMost: on24 } })

/** Contenders of one scenario. */
const versus = (scenario: string, ours: string, others: ReadonlyArray<string>): Pick<Target, "ours" | "other"> => ({
  ours: { scenario, contenders: [ours] },
  other: { scenario, contenders: others }
})

/** In the order of the issues that set them. */
export const targets: ReadonlyArray<Target> = [
  {
    what: "small-50: `ConnectionPool.execute` to undici's fastest face",
    by: "rate",
    of: "speed",
    bounds: atLeast(1.35, 1.2),
    ...versus("small-50", pool, undici)
  },
  {
    what: "small-1: latency of `ConnectionPool.execute` to the same",
    by: "p50",
    of: "cost",
    bounds: atMost(0.9, 0.9),
    ...versus("small-1", pool, undici)
  },
  {
    what: "small-500: `ConnectionPool.execute` to the same",
    by: "rate",
    of: "speed",
    bounds: atLeast(1.1, 1.1),
    ...versus("small-500", pool, undici)
  },
  {
    what: "small-500: `PooledHttpClient` traced to the same",
    by: "rate",
    of: "speed",
    bounds: atLeast(0.7, 0.7),
    ...versus("small-500", traced, undici)
  },
  {
    what: "small-50: `PooledHttpClient` untraced to the same",
    by: "rate",
    of: "speed",
    bounds: atLeast(1.2, 1.1),
    ...versus("small-50", untraced, undici)
  },
  {
    what: "small-50: `PooledHttpClient` traced to the same",
    by: "rate",
    of: "speed",
    bounds: atLeast(1, 0.95),
    ...versus("small-50", traced, undici)
  },
  {
    what: "small-50: processor's time of `PooledHttpClient` to the platform's undici layer, both traced",
    by: "processor",
    of: "cost",
    bounds: atMost(0.25, 0.3),
    ...versus("small-50", traced, ["platform undici traced"])
  },
  {
    what: "tls-small: `ConnectionPool.execute` to undici's fastest face",
    by: "rate",
    of: "speed",
    bounds: atLeast(1.15, 1.1),
    ...versus("tls-small", pool, undici)
  },
  {
    what: "arraybuffer, 64 KiB bodies as bytes: the same",
    by: "rate",
    of: "speed",
    bounds: atLeast(1.1, 1.1),
    ...versus("arraybuffer", pool, undici)
  },
  {
    what: "download-stream: processor's time for each MB to undici's",
    by: "processor",
    of: "cost",
    bounds: atMost(0.9, 0.9),
    ...versus("download-stream", pool, undici)
  },
  {
    what: "download-memory: `ConnectionPool.execute` to undici",
    by: "rate",
    of: "speed",
    bounds: atLeast(1, 1),
    ...versus("download-memory", pool, undici)
  },
  {
    what: "upload, from a stream: `ConnectionPool.execute` to undici",
    by: "rate",
    of: "speed",
    bounds: atLeast(1, 1),
    ...versus("upload", pool, undici)
  },
  {
    what: "10,000 waiters: time for each request to that at 100 waiters",
    by: "time",
    of: "cost",
    bounds: atMost(2, 2),
    ours: { scenario: "waiters-10000", contenders: [pool] },
    other: { scenario: "waiters-100", contenders: [pool] }
  },
  {
    what: "10,000 waiters: time for each request to undici's",
    by: "time",
    of: "cost",
    bounds: atMost(1, 1),
    ...versus("waiters-10000", pool, undici)
  },
  {
    what: "idle connection: memory to undici's",
    by: "memory",
    of: "cost",
    bounds: atMost(0.5, 0.5),
    ...versus("idle", "ConnectionPool", ["undici Pool"])
  },
  {
    what: "warm, with a `request`: time of the first request to that of the tenth",
    by: "time",
    of: "cost",
    bounds: atMost(1.2, 1.2),
    ours: { scenario: "warm", contenders: ["`warm` with `request`"] },
    other: undefined
  }
]

/** What became of a target on a Node. */
export interface Verdict {
  /** As the table shows it. */
  readonly bound: string
  /** What the verdict rests on. */
  readonly measured: string
  /** The same by the processor's time if the verdict rests on something else, and by the rate if it rests on that. */
  readonly beside: string
  readonly verdict: "met" | "not met" | "not measured"
}

/** The samples that count, and which way they are better. */
const samples = (
  { contenders, unit }: Result,
  contender: string,
  by: Basis
): { readonly better: "more" | "less"; readonly values: ReadonlyArray<number> } => {
  const found = contenders.find(({ name }) => name === contender)
  if (by === "processor") return { better: "less", values: found?.cpu ?? [] }
  if (by === "p50") return { better: "less", values: found?.p50 ?? [] }
  return { better: unit.better, values: found?.values ?? [] }
}

/** The median of the best contender; undefined if none was measured. */
const bestOf = (results: Results, { contenders, scenario }: Place, by: Basis) => {
  const result = results[scenario]
  if (result === undefined) return undefined
  let best: { readonly better: "more" | "less"; readonly value: number } | undefined
  for (const contender of contenders) {
    const { better, values } = samples(result, contender, by)
    const value = median(values)
    if (!Number.isNaN(value) && (best === undefined || timesAsGood(better, value, best.value) > 1)) {
      best = { better, value }
    }
  }
  return best
}

/** The ratio that a bound holds for; undefined if a median is missing. */
const measuredBy = (results: Results, { of, other, ours }: Target, by: Basis): number | undefined => {
  const mine = bestOf(results, ours, by)
  if (mine === undefined) return undefined
  if (other === undefined) return by === "processor" ? undefined : mine.value
  const theirs = bestOf(results, other, by)
  if (theirs === undefined) return undefined
  const speed = timesAsGood(mine.better, mine.value, theirs.value)
  return of === "speed" ? speed : 1 / speed
}

const shown = (value: number | undefined): string => value === undefined ? "–" : ratio(value)

/** Whether the results of a Node meet the target. The bound holds for what was measured, not for what is left of it after rounding. */
export const judge = (results: Results, target: Target, node: Major): Verdict => {
  const bound = target.bounds[node]
  const value = measuredBy(results, target, target.by)
  const keeps = (value: number): boolean => "atLeast" in bound ? value >= bound.atLeast : value <= bound.atMost
  return {
    bound: "atLeast" in bound ? `at least ${bound.atLeast}` : `at most ${bound.atMost}`,
    measured: shown(value),
    beside: shown(measuredBy(results, target, target.by === "processor" ? "rate" : "processor")),
    verdict: value === undefined ? "not measured" : keeps(value) ? "met" : "not met"
  }
}
