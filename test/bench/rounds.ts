/**
 * Runs the contenders of a scenario against each other, each in a separate process and in turns, so
 * that changes of the machine over time affect all of them alike.
 */
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { type Measured, rounded } from "./report/results.ts"
import type { Contender, Scenario, Setting } from "./scenario.ts"
import type { Answer, Order } from "./worker.ts"

/** How much longer than asked for anything may take before it counts as stuck: 10,000 connections want their time. */
const patience = 180_000

/** All processes that run, for the case that this one is told to end. */
const children = new Set<ChildProcess>()
let ending = false

/** Ends all processes, and lets none begin. */
export const killWorkers = (): void => {
  ending = true
  for (const child of children) child.kill("SIGKILL")
}

type SampleOf = Extract<Answer, { readonly answer: "sample" }>

interface Worker {
  readonly start: (scenario: Scenario, contender: Contender, setting: Setting) => Promise<void>
  readonly run: (millis: number) => Promise<SampleOf>
  readonly stop: () => Promise<void>
  /** Ends the process, whatever it does. */
  readonly kill: () => void
}

/**
 * A heap as a service has it, and not an empty program that does nothing half of the time. V8 sets the limit for the next collection of everything by what has lived
 * through the last one, which in a small heap is reached by every 50 MB of bodies, and it makes the heap small while others have their turn: the same
 * client then does 1,200 or 2,800 MB/s, as the first collection happens to fall. Two cores make it worse, because others sweep what is free.
 */
const heap = ["--initial-old-space-size=256", "--no-memory-reducer"]

/** Starts a process of that Node. */
const startWorker = (node: string, flags: ReadonlyArray<string>): Worker => {
  if (ending) throw new Error("the benchmark is ending")
  // tsx has put its loader into our own flags; its tsconfig is in the environment. What a client prints must not get into the tables.
  const child = fork(fileURLToPath(new URL("worker.ts", import.meta.url)), [], {
    execPath: node,
    execArgv: [...process.execArgv, ...heap, ...flags],
    stdio: ["ignore", 2, 2, "ipc"]
  })
  children.add(child)
  let ended: Error | undefined
  let asked: { readonly resolve: (answer: Answer) => void; readonly reject: (error: Error) => void } | undefined
  const end = (error: Error): void => {
    ended ??= error
    asked?.reject(ended)
    asked = undefined
  }
  child.on("message", (message: Answer | { readonly answer?: undefined }) => {
    // tsx tells its parent of signals by messages of its own.
    if (message.answer === undefined) return
    asked?.resolve(message)
    asked = undefined
  })
  child.on("error", end)
  child.on("exit", (code, signal) => {
    children.delete(child)
    end(new Error(`its process ended ${signal === null ? `with status ${code}` : `by ${signal}`}`))
  })

  const ask = async (order: Order, millis: number): Promise<Answer> => {
    if (ended !== undefined) throw ended
    let timer: NodeJS.Timeout | undefined
    try {
      const answer = await new Promise<Answer>((resolve, reject) => {
        asked = { resolve, reject }
        timer = setTimeout(() => end(new Error(`it did not ${order.order} within ${millis / 1000} s`)), millis)
        child.send(order, (error) => error === null ? undefined : end(error))
      })
      if (answer.answer === "failed") throw new Error(answer.error)
      return answer
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    start: async (scenario, contender, setting) => {
      await ask({ order: "start", scenario: scenario.name, contender: contender.name, setting }, patience)
    },
    run: async (millis) => {
      const answer = await ask({ order: "run", millis }, millis + patience)
      if (answer.answer !== "sample") throw new Error("it gave no sample")
      return answer
    },
    stop: async () => {
      await ask({ order: "stop" }, patience)
    },
    kill: () => void child.kill("SIGKILL")
  }
}

/** A contender that did not do what it had to. */
export class ContenderFailure extends Error {
  constructor(scenario: Scenario, contender: Contender, cause: unknown) {
    super(`${scenario.name}, ${contender.name}: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}

/** The order of a round: each begins with another one, and every other round goes backwards, so that no one always follows the same. */
export const turns = <A>(contenders: ReadonlyArray<A>, round: number): ReadonlyArray<A> => {
  const first = contenders.length === 0 ? 0 : round % contenders.length
  const order = [...contenders.slice(first), ...contenders.slice(0, first)]
  return round % 2 === 0 ? order : order.toReversed()
}

export interface Plan {
  /** The path of the Node that the contenders run on. */
  readonly node: string
  readonly setting: Setting
  readonly rounds: number
  readonly millis: number
  /** How long the first run of a process takes at least, in milliseconds. */
  readonly warmUp: number
  /** Told before each run. */
  readonly onRun: (contender: Contender, round: number) => void
}

/** A contender, and what it has given so far. */
interface Entry {
  readonly contender: Contender
  readonly values: Array<number>
  readonly cpu: Array<number>
  readonly p50: Array<number>
  readonly p99: Array<number>
  worker: Worker | undefined
}

/** Lets the contenders run in turns. The first that fails ends it, with `ContenderFailure`. */
export const measure = async (scenario: Scenario, plan: Plan): Promise<ReadonlyArray<Measured>> => {
  const { millis, node, onRun, rounds, setting, warmUp } = plan
  const entries = scenario.contenders.map((contender): Entry => ({
    contender,
    cpu: [],
    p50: [],
    p99: [],
    values: [],
    worker: undefined
  }))

  const runOnce = async (entry: Entry, millis: number): Promise<SampleOf> => {
    const { contender } = entry
    if (entry.worker === undefined) {
      entry.worker = startWorker(node, contender.execArgv ?? [])
      await entry.worker.start(scenario, contender, setting)
    }
    const sample = await entry.worker.run(millis)
    if (scenario.fresh === true) await leave(entry)
    return sample
  }

  const leave = async (entry: Entry): Promise<void> => {
    await entry.worker?.stop()
    entry.worker?.kill()
    entry.worker = undefined
  }

  const attempt = async <A>(entry: Entry, what: (entry: Entry) => Promise<A>): Promise<A> => {
    try {
      return await what(entry)
    } catch (error) {
      throw new ContenderFailure(scenario, entry.contender, error)
    }
  }

  try {
    // Round 0 warms up.
    for (let round = 0; round <= rounds; round++) {
      for (const entry of turns(entries, round)) {
        onRun(entry.contender, round)
        const { cpuMicros, sample: { count, latency, value } } = await attempt(
          entry,
          (entry) => runOnce(entry, round === 0 ? Math.max(warmUp, millis) : millis)
        )
        if (round === 0) continue
        entry.values.push(rounded(value))
        if (scenario.unit.per !== undefined) entry.cpu.push(rounded(cpuMicros / count))
        if (latency === undefined) continue
        entry.p50.push(rounded(latency.p50))
        entry.p99.push(rounded(latency.p99))
      }
    }
    for (const entry of entries) await attempt(entry, leave)
  } finally {
    for (const { worker } of entries) worker?.kill()
  }
  return entries.map(({ contender: { name, side }, cpu, p50, p99, values }) => ({ name, side, values, cpu, p50, p99 }))
}

/**
 * Runs each contender once, one after the other, and says which failed. They share a process where they can, which the figures of a real run
 * would not bear, because most of the time of so short a run is the start of a process.
 */
export const tryOut = async (
  scenario: Scenario,
  { millis, node, onRun, setting }: Omit<Plan, "rounds" | "warmUp">
): Promise<ReadonlyArray<ContenderFailure>> => {
  const failures: Array<ContenderFailure> = []
  let worker: Worker | undefined
  let flags = ""
  const leave = (): void => {
    worker?.kill()
    worker = undefined
  }
  for (const contender of scenario.contenders) {
    const wanted = (contender.execArgv ?? []).join(" ")
    if (scenario.fresh === true || wanted !== flags) leave()
    flags = wanted
    onRun(contender, 1)
    try {
      worker ??= startWorker(node, contender.execArgv ?? [])
      await worker.start(scenario, contender, setting)
      await worker.run(millis)
      await worker.stop()
    } catch (error) {
      failures.push(new ContenderFailure(scenario, contender, error))
      leave()
    }
  }
  leave()
  return failures
}
