/** The report of the benchmarks: how samples become medians, ratios, verdicts, tables and plots. Nothing is measured here. */
import { describe, expect, it } from "vitest"
import { parse } from "./bench/arguments.ts"
import { benchmarksMarkdown } from "./bench/report/document.ts"
import { figure } from "./bench/report/numbers.ts"
import { escaped, plot, stepOf } from "./bench/report/plot.ts"
import {
  type Environment,
  fastestPeer,
  fromJson,
  inOrder,
  type Measured,
  type Result,
  toJson
} from "./bench/report/results.ts"
import { markdownTable, plainTable, resultTable } from "./bench/report/table.ts"
import { turns } from "./bench/rounds.ts"
import type { Scenario } from "./bench/scenario.ts"
import { median, quantile, summary, timesAsGood } from "./bench/statistics.ts"
import { judge, type Target, targets } from "./bench/targets.ts"

const environment: Environment = {
  cpu: "Some CPU",
  cores: 2,
  memory: "8.0 GiB",
  system: "Linux 6.1 x64",
  node: "20.19.0",
  server: "nginx/1.22.1",
  versions: { "effect-http-client": "0.1.0 (abc)", undici: "7.0.0" }
}

const ours = (name: string, ...values: ReadonlyArray<number>): Measured => ({ name, side: "ours", values, cpu: [10] })
const peer = (name: string, ...values: ReadonlyArray<number>): Measured => ({ name, side: "peer", values, cpu: [20] })

const resultOf = (contenders: ReadonlyArray<Measured>, change: Partial<Result> = {}): Result => ({
  title: "Small GET",
  about: "A small GET.",
  unit: { label: "requests/s", better: "more", per: "request" },
  growth: false,
  date: "2025-01-02T03:04:05.678Z",
  rounds: 3,
  millis: 1000,
  fresh: false,
  environment,
  contenders,
  ...change
})

const micros = { label: "µs", better: "less", per: undefined } as const

const small = resultOf([
  ours("ConnectionPool.execute", 30_000, 28_000, 29_000),
  peer("undici Pool.request", 20_000, 19_000, 21_000),
  peer("axios", 3000, 2000, 4000),
  { name: "bare sockets", side: "limit", values: [60_000, 50_000, 58_000], cpu: [5] }
])

describe("statistics", () => {
  it("take the middle value, or the middle between the two middle ones", () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(median([7])).toBe(7)
  })

  it("give quartiles between values by a straight line", () => {
    expect(summary([1, 2, 3, 4, 5])).toEqual({ median: 3, low: 2, high: 4 })
    expect(summary([40, 10, 30, 20])).toEqual({ median: 25, low: 17.5, high: 32.5 })
    expect(quantile([10, 2], 1)).toBe(10)
  })

  it("compare numbers as numbers, and leave the samples in their order", () => {
    const values = [10, 9, 100]
    expect(median(values)).toBe(10)
    expect(values).toEqual([10, 9, 100])
  })

  it("have no median of nothing", () => {
    expect(median([])).toBeNaN()
  })

  it("call more than 1 better, whichever way the unit goes", () => {
    expect(timesAsGood("more", 30, 20)).toBe(1.5)
    expect(timesAsGood("less", 20, 30)).toBe(1.5)
  })
})

describe("figures", () => {
  it.each([
    [82_134, "82,134"],
    [1_234_567, "1,234,567"],
    [345.6, "346"],
    [99.96, "100"],
    [12.34, "12.3"],
    [9.996, "10.0"],
    [0.456, "0.46"],
    [0, "0.00"],
    [-1234, "-1,234"],
    [Number.NaN, "–"]
  ])("write %d as %s", (value, text) => {
    expect(figure(value)).toBe(text)
  })
})

describe("results", () => {
  it("have the best peer, not ours and not the limit, as the fastest", () => {
    expect(fastestPeer(small)?.name).toBe("undici Pool.request")
    expect(fastestPeer({ ...small, unit: micros })?.name).toBe("axios")
    expect(fastestPeer(resultOf([ours("ours", 1)]))).toBeUndefined()
  })

  it("come back from their JSON as they were", () => {
    const results = { "small-50": small, growth: resultOf([], { growth: true }) }
    expect(fromJson(toJson(results))).toEqual(results)
  })

  it("keep the samples of a contender on one line of JSON, unless it is too long", () => {
    expect(toJson({ a: small })).toContain("        \"values\": [30000, 28000, 29000],\n")
    const many = Array.from({ length: 30 }, () => 123_456)
    const text = toJson({ a: resultOf([ours("ours", ...many)]) })
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120)
    expect(fromJson(text)["a"]?.contenders[0]?.values).toEqual(many)
  })

  it("stand in the order of the scenarios, without those that are no more", () => {
    expect(Object.keys(inOrder({ old: small, b: small, a: small }, ["a", "b", "c"]))).toEqual(["a", "b"])
  })
})

describe("tables", () => {
  it("rank by the median and show quartiles, the processor's time and the ratio to the fastest peer", () => {
    expect(plainTable(resultTable(small))).toBe([
      "contender               requests/s        quartiles  CPU µs per request  ratio to the fastest peer",
      "bare sockets                58,000  54,000 – 59,000                5.00                     (2.90)",
      "ConnectionPool.execute      29,000  28,500 – 29,500                10.0                       1.45",
      "undici Pool.request         20,000  19,500 – 20,500                20.0                       1.00",
      "axios                        3,000    2,500 – 3,500                20.0                       0.15"
    ].join("\n"))
  })

  it("turn the ratio round where less is better, and leave out the processor's time where it is not measured", () => {
    const result = resultOf([ours("ours", 10), peer("theirs", 15)], { unit: micros })
    expect(resultTable(result)).toMatchObject({
      heads: ["contender", "µs", "quartiles", "ratio to the fastest peer"],
      rows: [["ours", "10.0", "10.0 – 10.0", "1.50"], ["theirs", "15.0", "15.0 – 15.0", "1.00"]]
    })
  })

  it("compare sizes of one client to the first, in their order", () => {
    const result = resultOf([ours("10", 20), ours("100", 10), ours("1000", 30)], { growth: true, unit: micros })
    expect(resultTable(result)).toMatchObject({
      heads: ["contender", "µs", "quartiles", "times the first"],
      rows: [["10", "20.0", "20.0 – 20.0", "1.00"], ["100", "10.0", "10.0 – 10.0", "0.50"], [
        "1000",
        "30.0",
        "30.0 – 30.0",
        "1.50"
      ]]
    })
  })

  it("have no ratio where there is no peer", () => {
    expect(resultTable(resultOf([ours("ours", 10)], { unit: micros })).heads).toEqual(["contender", "µs", "quartiles"])
  })

  it("are aligned in Markdown as dprint does it", () => {
    expect(markdownTable({ heads: ["a", "what"], rows: [["x", "1"], ["longer", "1,234"]], right: [false, true] })).toBe(
      [
        "| a      |  what |",
        "| ------ | ----: |",
        "| x      |     1 |",
        "| longer | 1,234 |"
      ].join("\n")
    )
  })
})

describe("targets", () => {
  const ratioTarget = (target: Partial<Target>): Target => ({
    what: "something",
    of: "speed",
    bound: { atLeast: 1.4 },
    cases: [{
      ours: { scenario: "small", contender: "ConnectionPool.execute" },
      other: { scenario: "small", contender: "undici Pool.request" }
    }],
    ...target
  })

  it("are those of the issue, over the contenders and scenarios that have these names", () => {
    expect(targets).toHaveLength(14)
    expect(judge({ "small-50": small }, targets[0] ?? ratioTarget({}))).toEqual({
      what: "small GET, 50 connections: `ConnectionPool.execute` to undici `Pool.request`",
      bound: "at least 1.4",
      measured: "1.45",
      verdict: "met"
    })
  })

  it("are missed below the least, however close it rounds", () => {
    const close = resultOf([ours("ConnectionPool.execute", 13_999), peer("undici Pool.request", 10_000)])
    expect(judge({ small: close }, ratioTarget({}))).toMatchObject({ measured: "1.40", verdict: "not met" })
  })

  it("take the inverse of a rate where they speak of time", () => {
    const latency = ratioTarget({ of: "cost", bound: { atMost: 0.7 } })
    expect(judge({ small }, latency)).toMatchObject({ measured: "0.69", bound: "at most 0.7", verdict: "met" })
  })

  it("compare a cost as it is", () => {
    const memory = resultOf([ours("ConnectionPool.execute", 4000), peer("undici Pool.request", 10_000)], {
      unit: micros
    })
    const target = ratioTarget({ of: "cost", bound: { atMost: 0.5 } })
    expect(judge({ small: memory }, target)).toMatchObject({ measured: "0.40", verdict: "met" })
    expect(judge({ small: memory }, ratioTarget({}))).toMatchObject({ measured: "2.50", verdict: "met" })
  })

  it("compare ours across two scenarios", () => {
    const target = ratioTarget({
      of: "cost",
      bound: { atMost: 1.2 },
      cases: [{ ours: { scenario: "many", contender: "ours" }, other: { scenario: "few", contender: "ours" } }]
    })
    const results = {
      many: resultOf([ours("ours", 13)], { unit: micros }),
      few: resultOf([ours("ours", 10)], { unit: micros })
    }
    expect(judge(results, target)).toMatchObject({ measured: "1.30", verdict: "not met" })
  })

  it("hold a bound for the median itself", () => {
    const target = ratioTarget({
      of: "value",
      bound: { atMost: 60 },
      cases: [{ ours: { scenario: "import", contender: "ours" } }]
    })
    expect(judge({ import: resultOf([ours("ours", 60)]) }, target)).toMatchObject({ measured: "60.0", verdict: "met" })
    expect(judge({ import: resultOf([ours("ours", 61)]) }, target)).toMatchObject({ verdict: "not met" })
  })

  it("want each of several cases to keep to the bound", () => {
    const [one] = ratioTarget({}).cases
    const cases = [{ ...one, name: "first" }, {
      ...one,
      name: "second",
      other: { scenario: "small", contender: "bare sockets" }
    }]
    const target = ratioTarget({ cases: cases as Target["cases"] })
    expect(judge({ small }, target)).toMatchObject({ measured: "1.45 (first), 0.50 (second)", verdict: "not met" })
  })

  it("are not measured where a contender or a scenario is missing", () => {
    expect(judge({}, ratioTarget({}))).toMatchObject({ measured: "–", verdict: "not measured" })
    expect(judge({ small: resultOf([ours("ConnectionPool.execute", 1)]) }, ratioTarget({})).verdict).toBe(
      "not measured"
    )
  })
})

describe("plots", () => {
  it("have a bar, a whisker and a figure for each contender, by its side", () => {
    const svg = plot(small)
    expect(svg.match(/<rect class="ours"/g)).toHaveLength(1)
    expect(svg.match(/<rect class="peer"/g)).toHaveLength(2)
    expect(svg.match(/<rect class="limit"/g)).toHaveLength(1)
    expect(svg.match(/<path class="whisker"/g)).toHaveLength(4)
    expect(svg).toContain(">29,000</text>")
    expect(svg).toContain("requests/s, more is better")
    expect(svg).toContain("prefers-color-scheme: dark")
  })

  it("are the same for the same results", () => {
    expect(plot(fromJson(toJson({ small }))["small"] ?? small)).toBe(plot(small))
  })

  it("have bars in proportion to the medians", () => {
    const lengths = [...plot(small).matchAll(/<rect class="(?:ours|peer|limit)".* width="([\d.]+)"/g)].map(([, size]) =>
      Number(size)
    )
    expect((lengths[1] ?? 0) / (lengths[0] ?? 0)).toBeCloseTo(0.5, 2)
    expect((lengths[2] ?? 0) / (lengths[0] ?? 0)).toBeCloseTo(20 / 58, 2)
  })

  it("escape what is markup", () => {
    expect(escaped("a < b & \"c\"")).toBe("a &lt; b &amp; &quot;c&quot;")
    expect(plot({ ...small, title: "<small>" })).not.toContain("<small>")
  })

  it("have only finite coordinates where all is zero", () => {
    expect(plot(resultOf([ours("ours", 0)]))).not.toMatch(/NaN|Infinity/)
  })

  it.each([[82_000, 20_000], [6, 1], [7, 2], [0.5, 0.1], [1300, 500]])(
    "for values up to %d have lines at %d",
    (most, step) => {
      expect(stepOf(most)).toBeCloseTo(step, 10)
    }
  )
})

describe("the page", () => {
  it("says what it is before anything else, and that nothing was measured", () => {
    expect(benchmarksMarkdown({})).toMatch(/^# Benchmarks\n\nThis page .* are written by `npm run bench`/)
    expect(benchmarksMarkdown({})).toContain("Nothing has been measured yet.")
  })

  it("has the machine, all targets, and a section with table and plot for each scenario", () => {
    const page = benchmarksMarkdown({ "small-50": small })
    expect(page).toContain("| processor            | Some CPU, 2 cores |")
    for (const { what } of targets) expect(page).toContain(`| ${what} `)
    expect(page).toContain("## small-50: Small GET\n\nA small GET.\n")
    expect(page).toContain("Measured on 2025-01-02 with effect-http-client 0.1.0 (abc), 3 rounds, runs of about 1 s.")
    expect(page).toContain("![Small GET](benchmarks/small-50.svg)")
  })

  it("says of a scenario that was measured elsewhere where that was, but not of another commit of ours", () => {
    const older = { ...environment, versions: { ...environment.versions, "effect-http-client": "0.1.0 (older)" } }
    const elsewhere = { ...environment, node: "18.0.0" }
    const page = (then: Environment) =>
      benchmarksMarkdown({ a: small, b: { ...small, date: "2024-01-01T00:00:00.000Z", environment: then } })
    expect(page(older)).toContain("Measured on 2024-01-01 with effect-http-client 0.1.0 (older)")
    expect(page(older)).not.toContain("That was not on")
    expect(page(elsewhere)).toContain(
      "but on: Some CPU, 2 cores; Linux 6.1 x64; Node 18.0.0; nginx/1.22.1; undici 7.0.0."
    )
  })
})

describe("the order of a round", () => {
  it("begins with another contender each time and goes backwards every other time", () => {
    expect([0, 1, 2, 3].map((round) => turns(["a", "b", "c"], round).join(""))).toEqual(["abc", "acb", "cab", "cba"])
    expect(turns([], 1)).toEqual([])
  })

  it("has each contender in each round", () => {
    for (let round = 0; round < 10; round++) {
      expect(turns([1, 2, 3, 4], round).toSorted()).toEqual([1, 2, 3, 4])
    }
  })
})

describe("arguments", () => {
  const scenario = (name: string, ...contenders: ReadonlyArray<string>): Scenario => ({
    name,
    title: name,
    about: name,
    unit: micros,
    contenders: contenders.map((name) => ({ name, side: "peer", start: () => Promise.reject(new Error(name)) }))
  })
  const all = [scenario("small-1", "axios", "got"), scenario("small-50", "axios"), scenario("tls-small", "got")]
  const names = (argv: ReadonlyArray<string>) => {
    const found = parse(argv, all)
    return typeof found === "string" ? found : found.scenarios.map(({ name }) => name)
  }

  it("select all scenarios, some by name, or a family", () => {
    expect(names([])).toEqual(["small-1", "small-50", "tls-small"])
    expect(names(["tls-small", "small-1"])).toEqual(["small-1", "tls-small"])
    expect(names(["small"])).toEqual(["small-1", "small-50"])
  })

  it("refuse a name that no scenario has, not even as the part before a hyphen", () => {
    expect(names(["smal"])).toBe("There is no scenario named smal: --list says which there are.")
    expect(names(["small", "nope"])).toContain("named nope")
  })

  it("leave contenders out, and the scenarios that have none left, and then write nothing", () => {
    const found = parse(["--only", "got"], all)
    expect(found).toMatchObject({ write: false, scenarios: [{ name: "small-1" }, { name: "tls-small" }] })
    expect(parse(["--only", "got,axios"], all)).toMatchObject({ scenarios: [{ contenders: { length: 2 } }, {}, {}] })
    const comma = [scenario("import", "ours, with effect", "axios", "got")]
    expect(parse(["--only", "ours, with effect", "--only", "got"], comma)).toMatchObject({
      scenarios: [{ contenders: [{ name: "ours, with effect" }, { name: "got" }] }]
    })
    expect(parse(["small-50", "--only", "got"], all)).toBe("None of these scenarios has a contender named got.")
  })

  it("write the report unless it is a smoke test or a dry run", () => {
    expect(parse([], all)).toMatchObject({ write: true, smoke: false, rounds: undefined, instead: undefined })
    expect(parse(["--smoke"], all)).toMatchObject({ write: false, smoke: true })
    expect(parse(["--dry", "--rounds", "3", "--millis=200"], all)).toMatchObject({
      write: false,
      rounds: 3,
      millis: 200
    })
    expect(parse(["--list"], all)).toMatchObject({ instead: "list" })
    expect(parse(["--render"], all)).toMatchObject({ instead: "render" })
  })

  it.each(["0", "-1", "1.5", "many"])("refuse %s rounds", (text) => {
    expect(parse([`--rounds=${text}`], all)).toBe(`--rounds wants a whole number from 1 on, not ${text}.`)
  })

  it("refuse an option that there is not", () => {
    expect(parse(["--fast"], all)).toContain("--fast")
  })
})
