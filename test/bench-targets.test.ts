/** The targets of the benchmarks: which there are, and how results are judged. Nothing is measured here. */
import { describe, expect, it } from "vitest"
import { micros, ours, peer, resultOf, small } from "./bench/fixtures.ts"
import { scenarios } from "./bench/scenarios/all.ts"
import { type Bound, judge, type Target, targets } from "./bench/targets.ts"

describe("targets", () => {
  const target = (change: Partial<Target>): Target => ({
    what: "something",
    by: "rate",
    of: "speed",
    bounds: { 20: { atLeast: 1.4 }, 24: { atLeast: 1.5 } },
    ours: { scenario: "small", contenders: ["ConnectionPool.execute"] },
    other: { scenario: "small", contenders: ["undici Pool.request"] },
    ...change
  })
  const bounds = (bound: Bound): Target["bounds"] => ({ 20: bound, 24: bound })

  it("are those of the issues, in their order", () => {
    expect(targets.map(({ bounds }) => [20, 24].map((node) => Object.values(bounds[node as 20 | 24])[0] as number)))
      .toEqual([
        [1.35, 1.2],
        [0.9, 0.9],
        [1.1, 1.1],
        [0.7, 0.7],
        [1.2, 1.1],
        [1, 0.95],
        [0.25, 0.3],
        [1.15, 1.1],
        [1.1, 1.1],
        [0.9, 0.9],
        [1, 1],
        [1, 1],
        [2, 2],
        [1, 1],
        [0.5, 0.5],
        [1.2, 1.2]
      ])
  })

  it("are over contenders and scenarios that exist", () => {
    const known = new Set(scenarios.flatMap(({ contenders, name }) => contenders.map((one) => `${name}: ${one.name}`)))
    const named = targets.flatMap(({ other, ours }) =>
      [ours, ...(other === undefined ? [] : [other])].flatMap(({ contenders, scenario }) =>
        contenders.map((name) => `${scenario}: ${name}`)
      )
    )
    expect(named.filter((name) => !known.has(name))).toEqual([])
  })

  it("have a bound for each Node, and show the processor's time beside the rate", () => {
    expect(judge({ small }, target({}), "20")).toEqual({
      bound: "at least 1.4",
      measured: "1.45",
      beside: "2.00",
      verdict: "met"
    })
    expect(judge({ small }, target({}), "24")).toMatchObject({ bound: "at least 1.5", verdict: "not met" })
  })

  it("are missed below the least, however close it rounds", () => {
    const close = resultOf([ours("ConnectionPool.execute", 13_999), peer("undici Pool.request", 10_000)])
    expect(judge({ small: close }, target({}), "20")).toMatchObject({ measured: "1.40", verdict: "not met" })
  })

  it("compare to the best of several contenders by what the verdict rests on", () => {
    const faces = resultOf([
      ours("ConnectionPool.execute", 30),
      { ...peer("undici Pool.request", 20), cpu: [40] },
      { ...peer("undici request", 10), cpu: [5] }
    ])
    const other = { scenario: "small", contenders: ["undici Pool.request", "undici request"] }
    expect(judge({ small: faces }, target({ other }), "20")).toMatchObject({ measured: "1.50", beside: "0.50" })
    expect(judge({ small: faces }, target({ other, by: "processor" }), "20")).toMatchObject({
      measured: "0.50",
      beside: "1.50"
    })
  })

  it("take a value that is a ratio already as it is", () => {
    const result = { ...resultOf([{ ...ours("ConnectionPool.execute", 1.1), cpu: [10] }]), unit: micros }
    const ratio = target({ by: "time", of: "cost", other: undefined, bounds: bounds({ atMost: 1.2 }) })
    expect(judge({ small: result }, ratio, "20")).toMatchObject({ measured: "1.10", beside: "–", verdict: "met" })
    expect(judge({}, ratio, "20")).toMatchObject({ measured: "–", verdict: "not measured" })
  })

  it("take the inverse of a rate if they speak of time", () => {
    const latency = target({ of: "cost", bounds: bounds({ atMost: 0.7 }) })
    expect(judge({ small }, latency, "20")).toMatchObject({ measured: "0.69", bound: "at most 0.7", verdict: "met" })
  })

  it("compare the processor's time and the latencies as costs, whichever way the unit goes", () => {
    const result = resultOf([
      { ...ours("ConnectionPool.execute", 1), cpu: [10], p50: [30] },
      { ...peer("undici Pool.request", 9), cpu: [40], p50: [40] }
    ])
    const cost = { of: "cost", bounds: bounds({ atMost: 0.5 }) } as const
    expect(judge({ small: result }, target({ ...cost, by: "processor" }), "20")).toMatchObject({
      measured: "0.25",
      verdict: "met"
    })
    expect(judge({ small: result }, target({ ...cost, by: "p50" }), "20")).toMatchObject({
      measured: "0.75",
      verdict: "not met"
    })
  })

  it("compare a cost as it is", () => {
    const memory = resultOf([ours("ConnectionPool.execute", 4000), peer("undici Pool.request", 10_000)], {
      unit: micros
    })
    const cost = target({ by: "memory", of: "cost", bounds: bounds({ atMost: 0.5 }) })
    expect(judge({ small: memory }, cost, "20")).toMatchObject({ measured: "0.40", verdict: "met" })
    expect(judge({ small: memory }, target({}), "20")).toMatchObject({ measured: "2.50", verdict: "met" })
  })

  it("compare ours across two scenarios", () => {
    const across = target({
      by: "time",
      of: "cost",
      bounds: bounds({ atMost: 1.2 }),
      ours: { scenario: "many", contenders: ["ours"] },
      other: { scenario: "few", contenders: ["ours"] }
    })
    const results = {
      many: resultOf([ours("ours", 13)], { unit: micros }),
      few: resultOf([ours("ours", 10)], { unit: micros })
    }
    expect(judge(results, across, "20")).toMatchObject({ measured: "1.30", verdict: "not met" })
  })

  it("are not measured where a contender, a scenario or the samples are missing", () => {
    const missing = { measured: "–", beside: "–", verdict: "not measured" }
    expect(judge({}, target({}), "20")).toMatchObject(missing)
    expect(judge({ small: resultOf([ours("ConnectionPool.execute", 1)]) }, target({}), "20")).toMatchObject(missing)
    expect(judge({ small }, target({ by: "p50" }), "20").verdict).toBe("not measured")
  })
})
