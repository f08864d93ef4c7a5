/**
 * `npm run bench`: runs the scenarios on each Node, prints their tables and that of the targets, and writes `docs/benchmarks.md`. Ends with
 * status 1 if a contender failed, and with 2 if it was asked for what there is not, or if a Node is missing. It judges no figure: timings are no
 * tests.
 */
import { availableParallelism } from "node:os"
import { type Arguments, parse, usage } from "./arguments.ts"
import { atHand, type Major, majors, required, type Runtime } from "./nodes.ts"
import { targetTable } from "./report/document.ts"
import { environmentOf } from "./report/environment.ts"
import { readReport, writeReport } from "./report/files.ts"
import { progressOn } from "./report/progress.ts"
import { merged, type Result, type ResultsByNode } from "./report/results.ts"
import { plainTable, resultTable } from "./report/table.ts"
import { killWorkers, measure, tryOut } from "./rounds.ts"
import type { Contender, Scenario } from "./scenario.ts"
import { scenarios as all } from "./scenarios/all.ts"
import type { Addresses } from "./servers/addresses.ts"
import { startServers } from "./servers/start.ts"

const names = all.map(({ name }) => name)
const progress = progressOn(process.stderr)

let interrupted = false

/** Shown instead of the line of progress. */
const failure = (error: unknown): void => {
  // What fails now does so because its process was ended.
  if (interrupted) return
  progress.clear()
  console.error(error instanceof Error ? error.message : error)
}

/** The Nodes that are measured, by their versions. */
type Runtimes = ReadonlyMap<Major, Runtime>

/** One scenario, measured on a Node. */
const resultOf = async (
  scenario: Scenario,
  place: string,
  { addresses, node, wanted }: {
    readonly addresses: Addresses
    readonly node: Runtime
    readonly wanted: Arguments
  }
): Promise<Result> => {
  const { about, fresh = false, growth = false, title, unit } = scenario
  const rounds = wanted.rounds ?? scenario.rounds ?? 7
  const millis = wanted.millis ?? scenario.millis ?? 1000
  const contenders = await measure(scenario, {
    node: node.path,
    setting: { addresses, smoke: false },
    rounds,
    millis,
    warmUp: wanted.warmUp,
    onRun: ({ name }, round) => {
      progress.show(`${place} ${scenario.name}, ${round === 0 ? "warming up" : `round ${round} of ${rounds}`}: ${name}`)
    }
  })
  const environment = environmentOf(addresses.server, node)
  return { title, about, unit, growth, date: new Date().toISOString(), rounds, millis, fresh, environment, contenders }
}

/** Each scenario on each Node: on one after the other, so that a run that is ended early has measured the same on all. */
const jobs = (wanted: Arguments, runtimes: Runtimes) =>
  wanted.scenarios.flatMap((scenario) => [...runtimes].map(([major, node]) => ({ major, node, scenario })))

/** Measures one scenario after the other, and keeps the result of each as soon as it is there. */
const run = async (wanted: Arguments, addresses: Addresses, runtimes: Runtimes): Promise<boolean> => {
  const queue = jobs(wanted, runtimes)
  let measured: ResultsByNode = {}
  let good = true
  for (const [index, { major, node, scenario }] of queue.entries()) {
    const place = `[${index + 1}/${queue.length}] Node ${major},`
    if (interrupted) break
    try {
      const result = await resultOf(scenario, place, { addresses, node, wanted })
      measured = merged(measured, major, { [scenario.name]: result })
      progress.clear()
      console.log(`\n${scenario.name} on Node ${major}: ${scenario.title} (${scenario.unit.better} is better)`)
      console.log(plainTable(resultTable(result)))
      if (wanted.write) writeReport(merged(readReport(), major, { [scenario.name]: result }), names)
    } catch (error) {
      failure(error)
      good = false
    }
  }
  const table = targetTable(measured, [...runtimes.keys()])
  const rows = table.rows.filter((row) => row.some((cell) => /^(met|\*\*not met\*\*)$/.test(cell)))
  if (rows.length > 0) console.log(`\nThe targets that this run has measured:\n${plainTable({ ...table, rows })}`)
  if (wanted.write) console.log("\nWritten: docs/benchmarks.md")
  return good
}

/** What is ours, or is over undici, which is another one on another Node. */
const differsByNode = ({ name, side }: Contender): boolean => side === "ours" || /undici|fetch/.test(name)

const familyOf = ({ name }: Scenario): string => name.replace(/-.*/, "")

/** All of it on the first Node; on the others the first scenario of each family, with the contenders that differ there. */
const smokeJobs = (wanted: Arguments, runtimes: Runtimes) => {
  const [first] = runtimes.keys()
  const heads = new Map(wanted.scenarios.toReversed().map((scenario) => [familyOf(scenario), scenario.name]))
  return jobs(wanted, runtimes).flatMap(({ major, node, scenario }) => {
    if (major === first) return [{ major, node, scenario }]
    if (heads.get(familyOf(scenario)) !== scenario.name) return []
    return [{ major, node, scenario: { ...scenario, contenders: scenario.contenders.filter(differsByNode) } }]
  })
}

/** Runs everything once. A few scenarios at a time, because nothing is judged. */
const smoke = async (wanted: Arguments, addresses: Addresses, runtimes: Runtimes): Promise<boolean> => {
  const queue = smokeJobs(wanted, runtimes)
  const all = queue.length
  let good = true
  let done = 0
  const lane = async (): Promise<void> => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const { major, node, scenario } = job
      const name = `${scenario.name} on Node ${major}`
      const begin = performance.now()
      if (interrupted) return
      const failures = await tryOut(scenario, {
        node: node.path,
        setting: { addresses, smoke: true },
        millis: wanted.millis ?? 50,
        onRun: (contender) => progress.show(`[${done}/${all}] ${name}: ${contender.name}`)
      })
      done++
      for (const one of failures) failure(one)
      if (failures.length > 0) good = false
      progress.clear()
      const time = ((performance.now() - begin) / 1000).toFixed(1)
      console.log(`${name}: ${failures.length === 0 ? "works" : `${failures.length} failed`}, ${time} s`)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, lane))
  return good
}

/** The Nodes that were asked for, or those that are at hand for a smoke test, which fetches none. */
const runtimesOf = ({ nodes, smoke }: Arguments): Runtimes => {
  if (nodes.length > 0 || !smoke) {
    return new Map((nodes.length > 0 ? nodes : majors).map((major) => [major, required(major)]))
  }
  return new Map(majors.flatMap((major) => {
    const runtime = atHand(major)
    return runtime === undefined ? [] : [[major, runtime] as const]
  }))
}

const main = async (): Promise<number> => {
  const wanted = parse(process.argv.slice(2), all)
  if (typeof wanted === "string") {
    console.error(`${wanted}\n\n${usage}`)
    return 2
  }
  if (wanted.instead === "list") {
    for (const { contenders, name, title } of all) {
      console.log(`${name}: ${title}\n    ${contenders.map((one) => one.name).join(", ")}`)
    }
    return 0
  }
  if (wanted.instead === "render") {
    writeReport(readReport(), names)
    return 0
  }
  let runtimes: Runtimes
  try {
    runtimes = runtimesOf(wanted)
  } catch (error) {
    failure(error)
    return 2
  }
  if (runtimes.size === 0) {
    console.error(`Neither Node ${majors.join(" nor Node ")} is at hand: name one with --node, which fetches it.`)
    return 2
  }
  const servers = await startServers()
  const interrupt = (signal: NodeJS.Signals): void => {
    interrupted = true
    progress.clear()
    killWorkers()
    void servers.stop().finally(() => process.exit(signal === "SIGINT" ? 130 : 143))
  }
  process.once("SIGINT", interrupt)
  process.once("SIGTERM", interrupt)
  try {
    return (await (wanted.smoke ? smoke : run)(wanted, servers.addresses, runtimes)) ? 0 : 1
  } finally {
    killWorkers()
    await servers.stop()
  }
}

process.exitCode = await main()
