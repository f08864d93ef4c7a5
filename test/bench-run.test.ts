/** How the benchmarks are run: what they are asked for, which Nodes they run on, in which order, and how requests are timed. */
import { describe, expect, it, vi } from "vitest"
import { parse } from "./bench/arguments.ts"
import { Turns } from "./bench/clients/load.ts"
import { promotedIn } from "./bench/clients/promoted.ts"
import { micros } from "./bench/fixtures.ts"
import { Latencies } from "./bench/latencies.ts"
import { atHand, majors, undiciOn, variableOf } from "./bench/nodes.ts"
import { turns } from "./bench/rounds.ts"
import type { Scenario } from "./bench/scenario.ts"

describe("latencies", () => {
  it("are given in microseconds, as the values that half and 99 of 100 keep to", () => {
    const latencies = new Latencies()
    for (let millis = 101; millis >= 1; millis--) latencies.add(millis / 1000)
    const { p50, p99 } = latencies.summary() ?? { p50: 0, p99: 0 }
    expect(p50).toBeCloseTo(51, 9)
    expect(p99).toBeCloseTo(100, 9)
  })

  it("have no summary if there are none, nor after they are cleared", () => {
    const latencies = new Latencies()
    expect(latencies.summary()).toBeUndefined()
    latencies.add(1)
    latencies.clear()
    expect(latencies.summary()).toBeUndefined()
  })

  it("keep all of them, however many there are", () => {
    const latencies = new Latencies()
    for (let index = 0; index < 300_000; index++) latencies.add(index < 150_001 ? 1 : 2)
    expect(latencies.summary()).toEqual({ p50: 1000, p99: 2000 })
  })
})

describe("turns", () => {
  it("time a request from its turn to the next one of its loop", () => {
    const clock = vi.spyOn(performance, "now")
    try {
      const latencies = new Latencies()
      const turns = new Turns(2, Infinity, 100, latencies)
      clock.mockReturnValue(10)
      expect(turns.next()).toBe(0)
      const began = turns.now
      clock.mockReturnValue(12)
      // Of another loop.
      expect(turns.next()).toBe(1)
      clock.mockReturnValue(15)
      expect(turns.nextAfter(began)).toBe(0)
      expect(latencies.summary()).toEqual({ p50: 5000, p99: 5000 })
      clock.mockReturnValue(100)
      expect(turns.nextAfter(15)).toBe(-1)
      expect(latencies.summary()).toEqual({ p50: 45_000, p99: expect.closeTo(84_200) })
      expect(turns.taken).toBe(3)
    } finally {
      clock.mockRestore()
    }
  })
})

describe("what is promoted", () => {
  const heap = (usedHeapSize: number, young: number, large = 0) => ({
    heapStatistics: { usedHeapSize },
    heapSpaceStatistics: [
      { spaceName: "new_space", spaceUsedSize: young },
      { spaceName: "old_space", spaceUsedSize: usedHeapSize - young - large },
      { spaceName: "new_large_object_space", spaceUsedSize: large }
    ]
  })

  it("is what the old objects grew by in collections of the young ones", () => {
    expect(promotedIn([
      { gcType: "Scavenge", beforeGC: heap(100, 60, 10), afterGC: heap(45, 5) },
      { gcType: "MarkSweepCompact", beforeGC: heap(90, 40), afterGC: heap(20, 0) },
      { gcType: "Scavenge", beforeGC: heap(70, 50), afterGC: heap(21, 1) }
    ])).toBe(10)
    expect(promotedIn([])).toBe(0)
  })
})

describe("the Nodes", () => {
  it("have undici 7 below Node 24, and undici 8 from there on", () => {
    expect(["20.19.0", "22.19.0", "24.0.0", "26.1.0"].map(undiciOn)).toEqual(["undici", "undici", "undici8", "undici8"])
  })

  it("are taken from the environment, where another version counts as a mistake", () => {
    const major = majors.find((one) => process.versions.node.startsWith(`${one}.`))
    const other = majors.find((one) => one !== major) ?? "20"
    try {
      vi.stubEnv(variableOf(other), process.execPath)
      expect(() => atHand(other)).toThrow(`${process.execPath} is Node ${process.versions.node}, not Node ${other}`)
      vi.stubEnv(variableOf(other), "/nowhere/node")
      expect(() => atHand(other)).toThrow(`/nowhere/node cannot be run as Node ${other}`)
      if (major === undefined) return
      vi.stubEnv(variableOf(major), process.execPath)
      expect(atHand(major)?.versions["node"]).toBe(process.versions.node)
      vi.stubEnv(variableOf(major), "")
      expect(atHand(major)?.path).toBe(process.execPath)
    } finally {
      vi.unstubAllEnvs()
    }
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

  it("name the Nodes, in the order of the report, or none", () => {
    expect(parse([], all)).toMatchObject({ nodes: [] })
    expect(parse(["--node", "24", "--node=20"], all)).toMatchObject({ nodes: ["20", "24"] })
    expect(parse(["--node", "24"], all)).toMatchObject({ nodes: ["24"], write: true })
    expect(parse(["--node", "22"], all)).toBe("--node wants one of 20, 24, not 22.")
  })

  it("leave all but what the targets compare out, and then write nothing", () => {
    const some = [scenario("small-50", "ConnectionPool.execute", "axios", "undici request"), scenario("fields", "got")]
    expect(parse(["--targets"], some)).toMatchObject({
      write: false,
      scenarios: [{ name: "small-50", contenders: [{ name: "ConnectionPool.execute" }, { name: "undici request" }] }]
    })
  })

  it("make a quick run short, but for what is said beside it", () => {
    expect(parse(["--quick"], all)).toMatchObject({ rounds: 3, millis: 500, warmUp: 1000, write: true })
    expect(parse(["--quick", "--rounds", "9"], all)).toMatchObject({ rounds: 9, millis: 500 })
    expect(parse([], all)).toMatchObject({ rounds: undefined, millis: undefined, warmUp: 2500 })
  })

  it.each(["0", "-1", "1.5", "many"])("refuse %s rounds", (text) => {
    expect(parse([`--rounds=${text}`], all)).toBe(`--rounds wants a whole number from 1 on, not ${text}.`)
  })

  it("refuse an option that there is not", () => {
    expect(parse(["--fast"], all)).toContain("--fast")
  })
})
