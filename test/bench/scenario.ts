/**
 * A benchmark: a scenario and its contenders. A scenario is plain data plus a way to start each
 * contender. The parent process reads the data. Each contender is started in a separate process
 * (`worker.ts`), so that no client pays for another's garbage, or for changes to shared code. Files
 * of scenarios import no client at their top: a contender imports what it needs when it is started.
 */
import type { Latency } from "./latencies.ts"
import type { Addresses } from "./servers/addresses.ts"

/** What is measured. */
export interface Unit {
  /** As the table shows it: `requests/s`, `MB/s`, `µs`, `bytes`. */
  readonly label: string
  /** Which value is the better one. */
  readonly better: "more" | "less"
  /** What the processor's time is divided by, where it is measured: `request`, `MB`, `head`. */
  readonly per: string | undefined
}

/** What one run of one contender gave. */
export interface Sample {
  /** In the unit of the scenario. */
  readonly value: number
  /** How many of what the processor's time is divided by were done; the worker adds that time. */
  readonly count: number
  /** That of the requests of the run, if it is one of many requests. */
  readonly latency?: Latency | undefined
}

/** A contender that has been started. */
export interface Session {
  /**
   * Does what the scenario asks for, for about so many milliseconds, or once where it cannot be cut. Throws where a response is not what
   * it must be: a benchmark of failures is worth nothing.
   */
  readonly run: (millis: number) => Promise<Sample>
  readonly stop: () => Promise<void>
}

/** What a contender is started with. */
export interface Setting {
  readonly addresses: Addresses
  /** True for a run of seconds that only shows that everything works: sizes may be cut down. */
  readonly smoke: boolean
}

/** One way of doing it. */
export interface Contender {
  /** The same name means the same client in all scenarios. */
  readonly name: string
  /** `ours`, a peer that others use, or the limit: what no client does without, bare, which counts for no ratio to the fastest peer. */
  readonly side: "ours" | "peer" | "limit"
  readonly start: (setting: Setting) => Promise<Session>
  /** Flags of Node for its process. */
  readonly execArgv?: ReadonlyArray<string> | undefined
}

/** A benchmark. */
export interface Scenario {
  /** What `npm run bench -- NAME` says; a name also selects those that begin with it and a hyphen. */
  readonly name: string
  readonly title: string
  /** One or two sentences for the reader of `docs/benchmarks.md`: what is sent and what comes back. */
  readonly about: string
  readonly unit: Unit
  readonly contenders: ReadonlyArray<Contender>
  /** How often each contender runs, after one run that warms up and does not count; 7 unless told. */
  readonly rounds?: number | undefined
  /** How long a run takes, in milliseconds; 1000 unless told. */
  readonly millis?: number | undefined
  /** Starts each run in a new process: for what is measured once in the life of a process. */
  readonly fresh?: boolean | undefined
  /** Where `contenders` are the same client at several sizes: the table then shows each beside the first. */
  readonly growth?: boolean | undefined
}
