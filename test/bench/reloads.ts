/**
 * Shows that a graceful reload of a server, and its death, lose no more POSTs of this library than
 * of undici. nginx, haproxy, Apache and Caddy are reloaded, and a server of Node is killed and
 * started again, four times a second. In the meantime the pool, its `HttpClient` and undici send
 * POSTs over 20 connections each, one client after another. None of them sends a POST twice. `npm
 * run bench:reloads`. Ends with status 1 if a client of this library lost more for each reload than
 * undici in the same run, by more than chance explains. No client can prevent some losses: it has
 * written a request, and the server closes the connection before it reads the request.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import type { Name, Outcome, Poster } from "./clients/posts.ts"
import { posters } from "./clients/posts.ts"
import { thisNode } from "./nodes.ts"
import { environmentOf } from "./report/environment.ts"
import { plainTable } from "./report/table.ts"
import type { Name as ServerName, Reloaded } from "./servers/reloaded.ts"
import * as servers from "./servers/reloaded.ts"

const usage = `npm run bench:reloads -- [options]

--requests N            how many POSTs each client sends to each server (12000)
--rounds N              in how many parts, between which the clients take turns (3)
--server NAME           only this server: nginx, haproxy, apache, caddy or node
--pause N               the longest pause between two POSTs of a connection, in milliseconds (80); 0 for none`

const connections = 20

const ours: ReadonlyArray<Name> = ["ConnectionPool.execute", "PooledHttpClient"]
const theirs: Name = "undici Pool.request"
const order: ReadonlyArray<Name> = [...ours, theirs]

interface Options {
  readonly requests: number
  readonly rounds: number
  /**
   * Half of the POSTs follow the answer before them at once, so that they meet a server that closes behind its answer.
   * The others come 1 ms to this later, and meet one that closes what is idle. The pauses also make all clients about
   * equally fast, so that they see about equally many reloads.
   */
  readonly pause: number
  readonly servers: ReadonlyArray<ServerName>
}

const integer = (name: string, text: string, least: number, most: number): number => {
  const value = Number(text)
  if (text !== "" && Number.isInteger(value) && value >= least && value <= most) return value
  throw new Error(`--${name} must be an integer from ${least} to ${most}, and is ${JSON.stringify(text)}`)
}

const optionsOf = (args: ReadonlyArray<string>): Options => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      requests: { type: "string", default: "12000" },
      rounds: { type: "string", default: "3" },
      pause: { type: "string", default: "80" },
      server: { type: "string" }
    }
  })
  const known = servers.names.filter((name) => values.server === undefined || values.server === name)
  if (known.length === 0) {
    throw new Error(`--server must be one of ${servers.names.join(", ")}, and is ${values.server}`)
  }
  return {
    requests: integer("requests", values.requests, 1, 1_000_000),
    rounds: integer("rounds", values.rounds, 1, 100),
    pause: integer("pause", values.pause, 0, 1000),
    servers: known
  }
}

/** What a client has lost at a server, over all rounds. */
class Tally {
  sent = 0
  lost = 0
  /** Reloads while it sent. */
  reloads = 0
  readonly byError = new Map<string, number>()
  /** The processes of the server that answered. */
  readonly workers = new Set<string>()
  /** Losses by the number of the reload that they followed. */
  readonly #byReload = new Map<number, number>()

  count(outcome: Outcome, reload: number): void {
    this.sent++
    if ("worker" in outcome) return void this.workers.add(outcome.worker)
    this.lost++
    this.byError.set(outcome.lost, (this.byError.get(outcome.lost) ?? 0) + 1)
    this.#byReload.set(reload, (this.#byReload.get(reload) ?? 0) + 1)
  }

  /** How many reloads cost anything. */
  get costly(): number {
    return this.#byReload.size
  }

  /** The estimated variance of `lost`; see `tolerance`. */
  get variance(): number {
    return [...this.#byReload.values()].reduce((sum, lost) => sum + lost * lost, 0)
  }
}

/**
 * How a client compares with undici: what undici would have lost in as many reloads, and how much more than that the
 * client may lose.
 *
 * What one reload costs is independent of what the next one costs, but its losses are not independent of each other: a
 * client that the system stops for some milliseconds writes on all its connections when it goes on. So the losses are a
 * sum over reloads, and the sum of the squares of its terms estimates its variance, slightly too high; for a Poisson
 * process it would be the sum itself. Three standard deviations of the difference are exceeded by chance in one of 700
 * comparisons, of which a run has four. A variance of at least 1 is assumed, because a client that has lost nothing has
 * not shown that it never does.
 */
const compare = (one: Tally, peer: Tally): { readonly expected: number; readonly tolerance: number } => {
  const share = one.reloads / Math.max(peer.reloads, 1)
  return {
    expected: peer.lost * share,
    tolerance: 3 * Math.sqrt(Math.max(one.variance, 1) + Math.max(peer.variance, 1) * share ** 2)
  }
}

/** The same pauses for all clients: bits of a linear congruential generator (Numerical Recipes). */
const pauses = (longest: number, seed: number): () => number => {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state < 0x8000_0000 ? 0 : Math.ceil((state / 0x8000_0000 - 1) * longest)
  }
}

const sendAll = async (poster: Poster, server: Reloaded, requests: number, pause: () => number, tally: Tally) => {
  const before = server.reloads()
  let taken = 0
  const loop = async (): Promise<void> => {
    while (taken < requests) {
      const outcome = await poster.post(taken++)
      tally.count(outcome, server.reloads())
      const millis = pause()
      if (millis > 0) await sleep(millis)
    }
  }
  await Promise.all(Array.from({ length: connections }, loop))
  tally.reloads += server.reloads() - before
}

/** The clients, of which another one is first in each round. */
const turns = (round: number): ReadonlyArray<Name> =>
  order.map((_, index) => order[(index + round) % order.length] as Name)

const measure = async (server: Reloaded, { pause, requests, rounds }: Options): Promise<ReadonlyMap<Name, Tally>> => {
  const tallies = new Map(order.map((name) => [name, new Tally()]))
  for (let round = 0; round < rounds; round++) {
    // Of 10 requests in 3 rounds the parts are 3, 3 and 4.
    const part = Math.floor(requests * (round + 1) / rounds) - Math.floor(requests * round / rounds)
    for (const name of turns(round)) {
      const poster = await posters[name](server.url, connections)
      try {
        // It was made for every name.
        await sendAll(poster, server, part, pauses(pause, round), tallies.get(name) as Tally)
      } finally {
        await poster.stop()
      }
    }
  }
  return tallies
}

/** A server that was not reloaded, or has died, would show nothing. */
const checkReloads = (server: Reloaded, name: Name, { reloads, workers }: Tally): void => {
  if (workers.size >= reloads / 2) return
  throw new Error(`${server.version} was reloaded ${reloads} times, but ${name} saw ${workers.size} of its processes`)
}

const cellsOf = (server: Reloaded, name: Name, tally: Tally): ReadonlyArray<string> => [
  server.version,
  name,
  String(tally.sent),
  String(tally.lost),
  String(tally.reloads),
  String(tally.costly),
  [...tally.byError].toSorted(([, a], [, b]) => b - a).map(([error, times]) => `${error}: ${times}`).join(", ")
  || "none"
]

const main = async (options: Options): Promise<boolean> => {
  const rows: Array<ReadonlyArray<string>> = []
  const verdicts: Array<string> = []
  let good = true
  for (const serverName of options.servers) {
    const server = await servers.start(serverName)
    try {
      const tallies = await measure(server, options)
      const peer = tallies.get(theirs) as Tally
      for (const [name, tally] of tallies) {
        checkReloads(server, name, tally)
        rows.push(cellsOf(server, name, tally))
        if (name === theirs) continue
        const { expected, tolerance } = compare(tally, peer)
        const passed = tally.lost <= expected + tolerance
        good &&= passed
        verdicts.push(
          `${
            passed ? "passed" : "FAILED"
          }: ${server.version}, ${name}: lost ${tally.lost}; ${theirs} for as many reloads: `
            + `${expected.toFixed(1)}, and ${tolerance.toFixed(1)} more are allowed`
        )
      }
    } finally {
      await server.stop()
    }
  }
  const heads = ["server", "client", "sent", "lost", "reloads", "costly reloads", "by error"]
  const { cpu, cores, node, versions } = environmentOf("", thisNode)
  console.log(`Node ${node}, undici ${versions["undici"]}, ${cores} cores of ${cpu}\n`)
  console.log(plainTable({ heads, rows, right: heads.map((_, column) => column > 1 && column < 6) }))
  console.log(`\n${verdicts.join("\n")}`)
  return good
}

/** By the exit of this process its servers end, and their directories are removed (`servers/reloaded.ts`). */
const giveUp = (message: string, status: number): void => {
  console.error(message)
  process.exit(status)
}

const run = async (): Promise<void> => {
  let options: Options
  try {
    options = optionsOf(process.argv.slice(2))
  } catch (error) {
    return giveUp(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`, 2)
  }
  process.once("SIGINT", () => giveUp("interrupted", 130))
  process.once("SIGTERM", () => giveUp("terminated", 143))
  const { pause, requests } = options
  // The mean pause is a quarter of the longest; ten times as long as them, and 10 ms for each POST, are a halt.
  const patience = 60_000 + options.servers.length * order.length * requests * (10 + 10 * pause / 4 / connections)
  setTimeout(() => giveUp(`Not done after ${Math.round(patience / 1000)} s`, 1), patience).unref()
  try {
    process.exitCode = (await main(options)) ? 0 : 1
  } catch (error) {
    giveUp(error instanceof Error ? error.message : String(error), 1)
  }
}

await run()
