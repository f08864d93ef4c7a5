/**
 * The targets of speed, and whether results meet them. Each compares medians that were taken in one run on one machine, most as a ratio.
 * Nothing fails where one is missed: timings are no tests. Pure.
 */
import { figure, ratio } from "./report/numbers.ts"
import type { Results } from "./report/results.ts"
import { median, timesAsGood } from "./statistics.ts"

/** A median: of this contender in that scenario. */
export interface Place {
  readonly scenario: string
  readonly contender: string
}

export interface Case {
  /** Where a target has several: what this one is. */
  readonly name?: string | undefined
  readonly ours: Place
  /** Another contender, or ours in another scenario; none where the bound is absolute. */
  readonly other?: Place | undefined
}

export interface Target {
  readonly what: string
  /**
   * What is compared: `speed` is how many times as good ours is as the other, `cost` how many times as much time or memory it takes,
   * whichever way the unit of the scenario goes, `value` the median itself.
   */
  readonly of: "speed" | "cost" | "value"
  readonly bound: { readonly atLeast: number } | { readonly atMost: number }
  /** All have to keep to the bound. */
  readonly cases: ReadonlyArray<Case>
}

const pool = "ConnectionPool.execute"
const untraced = "PooledHttpClient untraced"
const traced = "PooledHttpClient traced"
const undici = "undici Pool.request"

/** Two contenders of one scenario. */
const both = (scenario: string, ours: string, other: string, name?: string): Case => ({
  name,
  ours: { scenario, contender: ours },
  other: { scenario, contender: other }
})

/** In the order of the issue that set them. */
export const targets: ReadonlyArray<Target> = [
  {
    what: `small GET, 50 connections: \`${pool}\` to undici \`Pool.request\``,
    of: "speed",
    bound: { atLeast: 1.4 },
    cases: [both("small-50", pool, undici)]
  },
  {
    what: "the same: `PooledHttpClient` untraced to undici `Pool.request`",
    of: "speed",
    bound: { atLeast: 1.3 },
    cases: [both("small-50", untraced, undici)]
  },
  {
    what: "the same: `PooledHttpClient` traced to undici `request` with an Agent",
    of: "speed",
    bound: { atLeast: 1.2 },
    cases: [both("small-50", traced, "undici request")]
  },
  {
    what: "the same: `PooledHttpClient` to the platform's undici layer",
    of: "speed",
    bound: { atLeast: 6 },
    cases: [
      both("small-50", traced, "platform undici traced", "traced"),
      both("small-50", untraced, "platform undici untraced", "untraced")
    ]
  },
  {
    what: `the same: \`${pool}\` to the bare sockets`,
    of: "speed",
    bound: { atLeast: 0.5 },
    cases: [both("small-50", pool, "bare sockets")]
  },
  {
    what: "one connection, one at a time: latency to undici `Pool.request`",
    of: "cost",
    bound: { atMost: 1 },
    cases: [both("small-1", pool, undici)]
  },
  {
    what: "download of 256 MiB as a stream to undici's `for await`",
    of: "speed",
    bound: { atLeast: 1.5 },
    cases: [both("download-stream", pool, undici)]
  },
  {
    what: "download of 256 MiB into memory to undici's `arrayBuffer`",
    of: "speed",
    bound: { atLeast: 2 },
    cases: [both("download-memory", pool, undici)]
  },
  {
    what: "upload of 256 MiB from a stream to undici from a `Readable`",
    of: "speed",
    bound: { atLeast: 1 },
    cases: [both("upload", pool, undici)]
  },
  {
    what: "head parsing to llhttp in undici",
    of: "speed",
    bound: { atLeast: 1.5 },
    cases: [
      both("heads-10", "HeadParser", "llhttp (undici)", "10 fields"),
      both("heads-100", "HeadParser", "llhttp (undici)", "100 fields")
    ]
  },
  {
    what: "memory for an idle connection to undici",
    of: "cost",
    bound: { atMost: 0.5 },
    cases: [both("idle", "ConnectionPool", "undici Pool")]
  },
  {
    what: "10,000 waiters: time for each request to that at 100 waiters",
    of: "cost",
    bound: { atMost: 1.2 },
    cases: [{
      ours: { scenario: "waiters-10000", contender: pool },
      other: { scenario: "waiters-100", contender: pool }
    }]
  },
  { what: "TLS small GET to undici", of: "speed", bound: { atLeast: 1.1 }, cases: [both("tls-small", pool, undici)] },
  {
    what: "import beyond `effect` and `@effect/platform` themselves, in ms",
    of: "value",
    bound: { atMost: 60 },
    cases: [{ ours: { scenario: "import", contender: "effect-http-client" } }]
  }
]

/** What became of a target. */
export interface Verdict {
  readonly what: string
  /** As the table shows it. */
  readonly bound: string
  readonly measured: string
  readonly verdict: "met" | "not met" | "not measured"
}

const at = (results: Results, { contender, scenario }: Place) => {
  const result = results[scenario]
  const values = result?.contenders.find(({ name }) => name === contender)?.values
  if (result === undefined || values === undefined) return undefined
  return { better: result.unit.better, value: median(values) }
}

/** What the bound holds for; undefined where a median is missing. */
const measuredOf = (results: Results, { of }: Target, { other, ours }: Case): number | undefined => {
  const mine = at(results, ours)
  if (mine === undefined || of === "value") return mine?.value
  const theirs = other === undefined ? undefined : at(results, other)
  if (theirs === undefined) return undefined
  const speed = timesAsGood(mine.better, mine.value, theirs.value)
  return of === "speed" ? speed : 1 / speed
}

/** Whether the results meet the target. The bound holds for what was measured, not for what is left of it after rounding. */
export const judge = (results: Results, target: Target): Verdict => {
  const { bound, cases, of, what } = target
  const found = cases.map((one) => ({ name: one.name, value: measuredOf(results, target, one) }))
  const keeps = (value: number): boolean => "atLeast" in bound ? value >= bound.atLeast : value <= bound.atMost
  const write = of === "value" ? figure : ratio
  return {
    what,
    bound: "atLeast" in bound ? `at least ${bound.atLeast}` : `at most ${bound.atMost}`,
    measured: found.map(({ name, value }) => {
      const text = value === undefined ? "–" : write(value)
      return name === undefined ? text : `${text} (${name})`
    }).join(", "),
    verdict: found.some(({ value }) => value === undefined)
      ? "not measured"
      : found.every(({ value }) => value !== undefined && keeps(value))
      ? "met"
      : "not met"
  }
}
