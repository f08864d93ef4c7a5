/**
 * The load of a benchmark client: many loops over some connections, each of which sends a request
 * as soon as its last response is read. A loop takes a turn before it sends, so that all loops of a
 * client end at the same time. Origins are requested round robin.
 */
import { Latencies } from "../latencies.ts"
import type { Sample, Session } from "../scenario.ts"
import { countPromoted } from "./promoted.ts"

/** A request, and how it is done. */
export interface Load {
  /** What is asked for, one after another; several where each is another origin. */
  readonly urls: ReadonlyArray<string>
  /** JSON to POST; without one it is a GET. */
  readonly body: string | undefined
  /** How the body of the response is read, whole in both cases. */
  readonly read: "text" | "bytes"
  /** How many bytes it must have; text is ASCII. */
  readonly length: number
  /** The certificate to trust, in PEM. */
  readonly ca: string | undefined
  /** How many ask at once. */
  readonly loops: number
  /** How many connections there may be to one origin. */
  readonly connections: number
}

/** The turns of one run. */
export class Turns {
  taken = 0
  /** When the last turn was taken, or asked for, by `performance.now()`: when that request begins. */
  now = 0
  readonly #urls: number
  readonly #most: number
  readonly #until: number
  readonly #latencies: Latencies | undefined

  /** Until the time is `until`, by `performance.now()`, and no more than `most`. */
  constructor(urls: number, most: number, until: number, latencies?: Latencies) {
    this.#urls = urls
    this.#most = most
    this.#until = until
    this.#latencies = latencies
  }

  /** Which URL to ask for, or -1 at the end. One turn is given out however short the time. */
  next(): number {
    this.now = performance.now()
    if (this.taken === this.#most || (this.taken > 0 && this.now >= this.#until)) return -1
    return this.taken++ % this.#urls
  }

  /** The next turn, for a loop whose last request began at that time and is done. The clock is read once for both. */
  nextAfter(began: number): number {
    const next = this.next()
    this.#latencies?.add(this.now - began)
    return next
  }
}

/** A client that is ready for its load. */
export interface Client {
  /** Lets that many loops take turns until there are none, and ends with the last response. */
  readonly ask: (turns: Turns, loops: number) => Promise<void>
  readonly stop: () => Promise<void>
}

/** How a client is made. */
export type Start = (load: Load) => Promise<Client>

/** A body that was read. */
export type Body = string | ArrayBuffer | Uint8Array

export const contentType = "application/json"

/** That of a response, or an error: a benchmark of failures is worth nothing. */
export const checkStatus = (status: number | undefined): void => {
  if (status !== 200) throw new Error(`status ${status}`)
}

export const checkLength = (load: Load, body: Body): void => {
  const length = typeof body === "string" ? body.length : body.byteLength
  if (length !== load.length) throw new Error(`${length} bytes instead of ${load.length}`)
}

/** The path and query of a URL, as a client with a fixed origin wants it. */
export const pathOf = (url: string): string => url.slice(new URL(url).origin.length)

/** The one origin of a load, for clients that have one. */
export const originOf = ({ urls }: Load): string => {
  const origins = new Set(urls.map((url) => new URL(url).origin))
  const [origin] = origins
  if (origin === undefined || origins.size > 1) throw new Error("This client has one origin")
  return origin
}

/** What stands at an index that `Turns` gave: it is never beyond the end. */
export const at = <A>(values: ReadonlyArray<A>, index: number): A => values[index] as A

const loop = async (turns: Turns, load: Load, one: (index: number) => Promise<Body>): Promise<void> => {
  let index = turns.next()
  while (index >= 0) {
    const began = turns.now
    checkLength(load, await one(index))
    index = turns.nextAfter(began)
  }
}

/** A client with promises: a loop is one async function. */
export const promises = (
  load: Load,
  one: (index: number) => Promise<Body>,
  stop: () => Promise<unknown> | void
): Client => ({
  ask: async (turns, loops) => {
    await Promise.all(Array.from({ length: loops }, () => loop(turns, load, one)))
  },
  stop: async () => {
    await stop()
  }
})

/** What is measured: requests per second, or for each request the time or the processor's in microseconds, or the bytes that become old. */
export type Value = "per second" | "time" | "processor" | "promoted"

/** What a run came to. */
interface Totals {
  readonly count: number
  readonly millis: number
  readonly processor: number
  readonly promoted: number
}

const valueOf = (value: Value, { count, millis, processor, promoted }: Totals): number =>
  value === "per second"
    ? count / millis * 1000
    : { time: millis * 1000, processor, promoted }[value] / count

/**
 * Runs a client. Before each run all of its connections are opened, or tried, by a request on each that is not timed: those that the server
 * has closed between two runs would cost one client more than another. The processor's time, which the worker takes, is for these too.
 */
export const session = async (start: Start, load: Load, value: Value): Promise<Session> => {
  const client = await start(load)
  const latencies = new Latencies()
  const run = async (millis: number): Promise<Sample> => {
    const first = new Turns(
      load.urls.length,
      Math.max(Math.min(load.loops, load.connections), load.urls.length),
      Infinity
    )
    await client.ask(first, load.loops)
    latencies.clear()
    const promoted = value === "promoted" ? countPromoted() : () => 0
    const processor = process.cpuUsage()
    const from = performance.now()
    const turns = new Turns(load.urls.length, Infinity, from + millis, latencies)
    await client.ask(turns, load.loops)
    const took = performance.now() - from
    const { system, user } = process.cpuUsage(processor)
    return {
      value: valueOf(value, { count: turns.taken, millis: took, processor: system + user, promoted: promoted() }),
      count: first.taken + turns.taken,
      latency: latencies.summary()
    }
  }
  return { run, stop: client.stop }
}
