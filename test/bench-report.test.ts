/** The report of the benchmarks: how samples become medians, ratios, tables, plots and a page. Nothing is measured here. */
import { describe, expect, it } from "vitest"
import { environment, micros, ours, peer, resultOf, small } from "./bench/fixtures.ts"
import { benchmarksMarkdown } from "./bench/report/document.ts"
import { figure } from "./bench/report/numbers.ts"
import { escaped, plot, stepOf } from "./bench/report/plot.ts"
import {
  type Environment,
  fastestPeer,
  fromJson,
  inOrder,
  type Measured,
  merged,
  toJson
} from "./bench/report/results.ts"
import { markdownTable, plainTable, resultTable } from "./bench/report/table.ts"
import { median, quantile, summary, timesAsGood } from "./bench/statistics.ts"
import { targets } from "./bench/targets.ts"

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
    const results = { 20: { "small-50": small, growth: resultOf([], { growth: true }) }, 24: { "small-50": small } }
    expect(fromJson(toJson(results))).toEqual(results)
  })

  it("keep the samples of a contender on one line of JSON, unless it is too long", () => {
    expect(toJson({ 20: { a: small } })).toContain("          \"values\": [30000, 28000, 29000],\n")
    const many = Array.from({ length: 30 }, () => 123_456)
    const text = toJson({ 20: { a: resultOf([ours("ours", ...many)]) } })
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120)
    expect(fromJson(text)[20]?.["a"]?.contenders[0]?.values).toEqual(many)
  })

  it("of some scenarios on one Node take the place of older ones, and leave the others and those of the other Node", () => {
    const before = { 20: { a: small, b: small }, 24: { a: small } }
    const newer = resultOf([], { rounds: 1 })
    expect(merged(before, "20", { a: newer })).toEqual({ 20: { a: newer, b: small }, 24: { a: small } })
    expect(merged({ 20: { a: small } }, "24", { a: newer })).toEqual({ 20: { a: small }, 24: { a: newer } })
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

  it("show the latencies of requests that were timed, as medians over the rounds", () => {
    const timed = (one: Measured, p50: ReadonlyArray<number>, p99: ReadonlyArray<number>) => ({ ...one, p50, p99 })
    const result = resultOf([timed(ours("ours", 2), [120, 100, 110], [300, 900, 400]), peer("theirs", 1)])
    expect(resultTable(result)).toMatchObject({
      heads: [
        "contender",
        "requests/s",
        "quartiles",
        "CPU µs per request",
        "p50 µs",
        "p99 µs",
        "ratio to the fastest peer"
      ],
      rows: [
        ["ours", "2.00", "2.00 – 2.00", "10.0", "110", "400", "2.00"],
        ["theirs", "1.00", "1.00 – 1.00", "20.0", "–", "–", "1.00"]
      ]
    })
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

describe("plots", () => {
  it("have a bar, a whisker and a figure for each contender, by its side", () => {
    const svg = plot(small, "20")
    expect(svg.match(/<rect class="ours"/g)).toHaveLength(1)
    expect(svg.match(/<rect class="peer"/g)).toHaveLength(2)
    expect(svg.match(/<rect class="limit"/g)).toHaveLength(1)
    expect(svg.match(/<path class="whisker"/g)).toHaveLength(4)
    expect(svg).toContain(">29,000</text>")
    expect(svg).toContain("Node 20: requests/s, more is better")
    expect(svg).toContain("prefers-color-scheme: dark")
  })

  it("are the same for the same results", () => {
    expect(plot(fromJson(toJson({ 24: { small } }))[24]?.["small"] ?? resultOf([]), "20")).toBe(plot(small, "20"))
  })

  it("have bars in proportion to the medians", () => {
    const lengths = [...plot(small, "20").matchAll(/<rect class="(?:ours|peer|limit)".* width="([\d.]+)"/g)].map((
      [, size]
    ) => Number(size))
    expect((lengths[1] ?? 0) / (lengths[0] ?? 0)).toBeCloseTo(0.5, 2)
    expect((lengths[2] ?? 0) / (lengths[0] ?? 0)).toBeCloseTo(20 / 58, 2)
  })

  it("escape what is markup", () => {
    expect(escaped("a < b & \"c\"")).toBe("a &lt; b &amp; &quot;c&quot;")
    expect(plot({ ...small, title: "<small>" }, "20")).not.toContain("<small>")
  })

  it("have only finite coordinates where all is zero", () => {
    expect(plot(resultOf([ours("ours", 0)]), "20")).not.toMatch(/NaN|Infinity/)
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
    const page = benchmarksMarkdown({ 20: { "small-50": small } })
    expect(page).toContain("| processor            | Some CPU, 2 cores |")
    for (const { what } of targets) expect(page).toContain(`| ${what}, by `)
    expect(page).toContain("## small-50: Small GET\n\nA small GET.\n")
    expect(page).toContain("### small-50 on Node 20, undici 7.0.0\n")
    expect(page).toContain("Measured on 2025-01-02 with effect-http-client 0.1.0 (abc), 3 rounds, runs of about 1 s.")
    expect(page).toContain("![Small GET on Node 20](benchmarks/small-50-node20.svg)")
    expect(page).not.toContain("on Node 24, undici")
  })

  it("shows both Nodes, each with its own undici, verdicts and facts", () => {
    const newer = { ...environment, node: "24.1.0", versions: { ...environment.versions, undici: "8.0.0" } }
    const slower = resultOf([ours("ConnectionPool.execute", 21_000), peer("undici request", 20_000)], {
      environment: newer
    })
    const page = benchmarksMarkdown({ 20: { "small-50": small }, 24: { "small-50": slower } })
    expect(page).toMatch(/\| what +\| on Node 20 +\| on Node 24 +\|/)
    expect(page).toMatch(/\| `undici` +\| 7\.0\.0 +\| 8\.0\.0 +\|/)
    expect(page).toMatch(
      /on Node 20\n[^#]*\| small-50: `Conn.*, by rate +\| +at least 1\.35 \| +1\.45 \(CPU 2\.00\) \| met /
    )
    expect(page).toMatch(
      /on Node 24\n[^#]*\| small-50: `Conn.*, by rate +\| +at least 1\.2 \| +1\.05 \(CPU 2\.00\) \| \*\*not met\*\* /
    )
    expect(page).toContain("### small-50 on Node 24, undici 8.0.0\n")
    expect(page).toContain("benchmarks/small-50-node24.svg")
    expect(page).not.toContain("The machine and versions were not")
  })

  it("has no line that is wider than a page, and no table of more than four columns", () => {
    const page = benchmarksMarkdown({ 20: { "small-50": { ...small, about: "word ".repeat(100).trim() } } })
    const rows = page.split("\n").filter((line) => line.startsWith("|"))
    expect(Math.max(...rows.map((row) => row.split("|").length - 2))).toBe(4)
    expect(page.split("\n").filter((line) => line.length > 100 && !/^[|!]/.test(line))).toEqual([])
  })

  it("says of a scenario that was measured elsewhere where that was, but not of another commit of ours", () => {
    const older = { ...environment, versions: { ...environment.versions, "effect-http-client": "0.1.0 (older)" } }
    const elsewhere = { ...environment, node: "20.18.0" }
    const page = (then: Environment) =>
      benchmarksMarkdown({
        20: { a: small, b: { ...small, date: "2024-01-01T00:00:00.000Z", environment: then } }
      })
    expect(page(older)).toContain("Measured on 2024-01-01 with effect-http-client 0.1.0 (older)")
    expect(page(older)).not.toContain("The machine and versions were not")
    // The build of a kernel changes with the virtual machine.
    const builds = (text: string) => ({ ...environment, system: `Linux 6.18.44-${text} x64` })
    const { versions } = environment
    const reordered = Object.fromEntries(Object.entries(versions).toReversed())
    const rebuilt = benchmarksMarkdown({
      20: {
        a: { ...small, environment: builds("fc-v1") },
        b: { ...small, environment: { ...builds("fc-v2"), versions: reordered } }
      }
    })
    expect(rebuilt).not.toContain("The machine and versions were not")
    expect(rebuilt).toMatch(/\| kernel +\| Linux 6\.18\.44 x64 +\|/)
    expect(page(elsewhere).replaceAll("\n", " ")).toContain(
      "but: Some CPU, 2 cores; Linux 6.1 x64; Node 20.18.0; nginx/1.22.1; undici 7.0.0."
    )
  })
})
