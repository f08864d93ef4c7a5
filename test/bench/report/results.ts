/**
 * What was measured, as `docs/benchmarks/results.json` keeps it: all samples of each scenario on each Node, with where and when they were
 * taken. Tables, plots and the judgement of the targets are made from this alone. Pure.
 */
import type { Major } from "../nodes.ts"
import type { Contender, Unit } from "../scenario.ts"
import { median, timesAsGood } from "../statistics.ts"

/** Where it was measured, and with what. */
export interface Environment {
  readonly cpu: string
  readonly cores: number
  readonly memory: string
  readonly system: string
  readonly node: string
  readonly server: string
  readonly versions: Readonly<Record<string, string>>
}

/** The samples of a contender, one a round. */
export interface Measured {
  readonly name: string
  readonly side: Contender["side"]
  readonly values: ReadonlyArray<number>
  /** Microseconds of the processor for each `unit.per`; empty if there is none. */
  readonly cpu: ReadonlyArray<number>
  /** Latencies in microseconds, those of each round; empty if the scenario is not one of many requests. */
  readonly p50: ReadonlyArray<number>
  readonly p99: ReadonlyArray<number>
}

export interface Result {
  readonly title: string
  readonly about: string
  readonly unit: Unit
  readonly growth: boolean
  /** As `Date.prototype.toISOString` writes it. */
  readonly date: string
  readonly rounds: number
  readonly millis: number
  /** A new process for each run. */
  readonly fresh: boolean
  readonly environment: Environment
  readonly contenders: ReadonlyArray<Measured>
}

/** Those of one Node, by the name of the scenario, in the order of the report. */
export type Results = Readonly<Record<string, Result>>

/** Those of each Node that was measured. */
export type ResultsByNode = Readonly<Partial<Record<Major, Results>>>

/** Puts results in the order of the scenarios, and drops those of scenarios that are no more. */
export const inOrder = (results: Results, names: ReadonlyArray<string>): Results =>
  Object.fromEntries(names.flatMap((name) => {
    const result = results[name]
    return result === undefined ? [] : [[name, result]]
  }))

/** Puts the results of some scenarios on one Node in the place of older ones. */
export const merged = (all: ResultsByNode, node: Major, changed: Results): ResultsByNode => ({
  ...all,
  [node]: { ...all[node], ...changed }
})

/** The peer that is the best by its median. */
export const fastestPeer = ({ contenders, unit }: Result): Measured | undefined => {
  let best: Measured | undefined
  for (const peer of contenders) {
    if (peer.side !== "peer") continue
    if (best === undefined || timesAsGood(unit.better, median(peer.values), median(best.values)) > 1) best = peer
  }
  return best
}

/** The best first; sizes of one client stay in their order. */
export const ranked = ({ contenders, growth, unit }: Result): ReadonlyArray<Measured> => {
  if (growth) return contenders
  const sign = unit.better === "more" ? -1 : 1
  return contenders.toSorted((a, b) => sign * (median(a.values) - median(b.values)))
}

/** What the ratio of each contender is to: the fastest peer, or the first size; nothing where there is neither. */
export const ratios = (
  result: Result
): { readonly label: string; readonly of: (one: Measured) => number } | undefined => {
  const [first] = result.contenders
  if (result.growth && first !== undefined) {
    const base = median(first.values)
    return { label: "times the first", of: ({ values }) => median(values) / base }
  }
  const peer = fastestPeer(result)
  if (peer === undefined) return undefined
  const base = median(peer.values)
  return {
    label: "ratio to the fastest peer",
    of: ({ values }) => timesAsGood(result.unit.better, median(values), base)
  }
}

/** Six digits say more than any measurement here; all of them would only make the file longer. */
export const rounded = (value: number): number => Number(value.toPrecision(6))

// --- the file

const lineWidth = 120

const isNumbers = (value: unknown): value is ReadonlyArray<number> =>
  Array.isArray(value) && value.every((item) => typeof item === "number")

const print = (value: unknown, indent: string, before: number): string => {
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  if (isNumbers(value)) {
    const flat = `[${value.join(", ")}]`
    // One for the comma that may follow.
    if (before + flat.length + 1 <= lineWidth) return flat
  }
  const inner = `${indent}  `
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"]
  const items = Array.isArray(value)
    ? value.map((item) => `${inner}${print(item, inner, inner.length)}`)
    : Object.entries(value).filter(([, item]) => item !== undefined).map(([key, item]) => {
      const start = `${inner}${JSON.stringify(key)}: `
      return `${start}${print(item, inner, start.length)}`
    })
  return items.length === 0 ? `${open}${close}` : `${open}\n${items.join(",\n")}\n${indent}${close}`
}

/** As dprint formats it, the samples of a contender on one line. */
export const toJson = (results: ResultsByNode): string => `${print(results, "", 0)}\n`

/** Reads what `toJson` wrote: nothing else writes that file. */
export const fromJson = (text: string): ResultsByNode => JSON.parse(text) as ResultsByNode
