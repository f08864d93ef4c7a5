/**
 * Shows the way of a request through the files of this library, and of undici: how many files it
 * passes through, and how often it goes from one to another. A copy of the sources, in which each
 * function reports its entry, makes warm requests to a server on 127.0.0.1.
 *
 * `npm run bench:trips`. Over real sockets and not over `TestTransport`, because its player would
 * be counted too, and because the transport is part of the way.
 */
import * as path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { commitOf } from "./report/environment.ts"
import { markdownTable, plainTable } from "./report/table.ts"
import { type Entry, middleOf } from "./trips/places.ts"
import { type Measured, tripTable, tripText } from "./trips/print.ts"
import { record } from "./trips/record.ts"
import { type Loaded, type Scenario, scenarios } from "./trips/scenarios.ts"
import { startServer } from "./trips/server.ts"
import { librarySources, loadLibrary, loadUndici } from "./trips/sources.ts"

const usage = `npm run bench:trips -- [options]

--trip NAME   all functions that this trip enters, in their order, in place of the table
--src DIR     the sources of another checkout, such as ../other/src
--markdown    the table as Markdown

The trips: ${scenarios.map(({ name }) => name).join(", ")}`

/** Until a client makes the same trip each time: what is made lazily has been made then. */
const warmUps = 3

/** Of an odd number one is in the middle. */
const runs = 5

/** Between two requests, so that each one finds an idle connection that was polled long ago. */
const rest = 20

/** A trip that is not done by then is stuck. */
const patience = 120_000

const measure = async (scenario: Scenario, loaded: Loaded): Promise<Measured> => {
  const client = await scenario.start(loaded)
  try {
    const trips: Array<ReadonlyArray<Entry>> = []
    for (let run = 0; run < warmUps + runs; run++) {
      await client.prepare()
      await sleep(rest)
      trips.push(await record(client.trip))
    }
    return { name: scenario.name, about: scenario.about, trip: middleOf(trips.slice(warmUps)) }
  } finally {
    await client.stop()
  }
}

interface Options {
  readonly wanted: ReadonlyArray<Scenario>
  readonly whole: boolean
  readonly sources: string
  readonly markdown: boolean
}

const optionsOf = (args: ReadonlyArray<string>): Options => {
  const { values } = parseArgs({
    args: [...args],
    options: { trip: { type: "string" }, src: { type: "string" }, markdown: { type: "boolean", default: false } }
  })
  const { markdown, src, trip } = values
  const wanted = scenarios.filter(({ name }) => trip === undefined || name === trip)
  if (wanted.length === 0) throw new Error(`There is no trip named ${trip}`)
  const sources = src === undefined ? librarySources : path.resolve(src)
  return { wanted, whole: trip !== undefined, sources, markdown }
}

const main = async ({ markdown, sources, wanted, whole }: Options): Promise<void> => {
  const library = await loadLibrary(sources)
  const server = await startServer()
  const all: Array<Measured> = []
  try {
    for (const scenario of wanted) all.push(await measure(scenario, { library, undici: loadUndici, server }))
  } finally {
    await server.stop()
  }
  if (whole) return console.log(all.map(tripText).join("\n\n"))
  const commit = commitOf(sources)
  console.log(`${commit === "" ? "No commit" : `Commit ${commit}`}, Node ${process.versions.node}\n`)
  console.log((markdown ? markdownTable : plainTable)(tripTable(all)))
}

const run = async (): Promise<void> => {
  let options: Options
  try {
    options = optionsOf(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    process.exitCode = 2
    return
  }
  setTimeout(() => {
    console.error(`Not done after ${patience / 1000} s`)
    process.exit(1)
  }, patience).unref()
  await main(options)
}

await run()
