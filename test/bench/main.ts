/**
 * `npm run bench`: runs the scenarios, prints their tables, and writes `docs/benchmarks.md`. Ends with status 1 where a contender failed, and
 * with 2 where it was asked for what there is not. It judges no figure: timings are no tests.
 */
import { availableParallelism } from "node:os"
import { type Arguments, parse, usage } from "./arguments.ts"
import { environmentOf } from "./report/environment.ts"
import { writeReport } from "./report/files.ts"
import { progressOn } from "./report/progress.ts"
import type { Environment, Result } from "./report/results.ts"
import { plainTable, resultTable } from "./report/table.ts"
import { killWorkers, measure, tryOut } from "./rounds.ts"
import type { Scenario } from "./scenario.ts"
import { scenarios as all } from "./scenarios/all.ts"
import type { Addresses } from "./servers/addresses.ts"
import { startServers } from "./servers/start.ts"

const names = all.map(({ name }) => name)
const progress = progressOn(process.stderr)

let interrupted = false

/** Shown in place of the line of progress. */
const failure = (error: unknown): void => {
  // What fails now does so because its process was ended.
  if (interrupted) return
  progress.clear()
  console.error(error instanceof Error ? error.message : error)
}

/** One scenario, measured. */
const resultOf = async (
  scenario: Scenario,
  place: string,
  { addresses, environment, wanted }: {
    readonly addresses: Addresses
    readonly environment: Environment
    readonly wanted: Arguments
  }
): Promise<Result> => {
  const { about, fresh = false, growth = false, title, unit } = scenario
  const rounds = wanted.rounds ?? scenario.rounds ?? 7
  const millis = wanted.millis ?? scenario.millis ?? 1000
  const contenders = await measure(scenario, {
    setting: { addresses, smoke: false },
    rounds,
    millis,
    onRun: ({ name }, round) => {
      progress.show(`${place} ${scenario.name}, ${round === 0 ? "warming up" : `round ${round} of ${rounds}`}: ${name}`)
    }
  })
  return { title, about, unit, growth, date: new Date().toISOString(), rounds, millis, fresh, environment, contenders }
}

/** Measures one scenario after the other, and keeps the result of each as soon as it is there. */
const run = async (wanted: Arguments, addresses: Addresses): Promise<boolean> => {
  const environment = environmentOf(addresses.server)
  let good = true
  for (const [index, scenario] of wanted.scenarios.entries()) {
    const place = `[${index + 1}/${wanted.scenarios.length}]`
    if (interrupted) break
    try {
      const result = await resultOf(scenario, place, { addresses, environment, wanted })
      progress.clear()
      console.log(`\n${scenario.name}: ${scenario.title} (${scenario.unit.better} is better)`)
      console.log(plainTable(resultTable(result)))
      if (wanted.write) writeReport({ [scenario.name]: result }, names)
    } catch (error) {
      failure(error)
      good = false
    }
  }
  if (wanted.write) console.log("\nWritten: docs/benchmarks.md")
  return good
}

/** Runs everything once. A few scenarios at a time, because nothing is judged. */
const smoke = async (wanted: Arguments, addresses: Addresses): Promise<boolean> => {
  const queue = [...wanted.scenarios]
  let good = true
  let done = 0
  const lane = async (): Promise<void> => {
    for (let scenario = queue.shift(); scenario !== undefined; scenario = queue.shift()) {
      const { name } = scenario
      const begin = performance.now()
      if (interrupted) return
      const failures = await tryOut(scenario, {
        setting: { addresses, smoke: true },
        millis: wanted.millis ?? 100,
        onRun: (contender) => progress.show(`[${done}/${wanted.scenarios.length}] ${name}: ${contender.name}`)
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
    writeReport({}, names)
    return 0
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
    return (await (wanted.smoke ? smoke : run)(wanted, servers.addresses)) ? 0 : 1
  } finally {
    killWorkers()
    await servers.stop()
  }
}

process.exitCode = await main()
