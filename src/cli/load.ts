/** The same request many times: a small load, its times, failures and the counters of the pool. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ConnectionPool, Stats } from "../ConnectionPool.ts"
import type { HttpRequest } from "../HttpRequest.ts"
import type { Options } from "./args.ts"
import type { Failure, FileFailure } from "./failure.ts"
import { codeOf, fileFailure } from "./failure.ts"
import { histogram, percentile } from "./histogram.ts"
import type { Io } from "./io.ts"
import { makeProgress } from "./progress.ts"
import { paint, printable, size, time, wrap } from "./text.ts"

/** The results of the requests so far. */
class Results {
  readonly millis: Array<number> = []
  readonly statuses = new Map<number, number>()
  readonly failures = new Map<string, { count: number; readonly first: Failure }>()
  bytes = 0

  get done(): number {
    return this.millis.length + this.failed
  }

  get failed(): number {
    return [...this.failures.values()].reduce((sum, { count }) => sum + count, 0)
  }

  answered(status: number, millis: number): void {
    this.millis.push(millis)
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
  }

  fail(failure: Failure): void {
    const known = this.failures.get(failure._tag)
    if (known === undefined) this.failures.set(failure._tag, { count: 1, first: failure })
    else known.count++
  }

  /** Returns the most frequent failure. */
  get mostFrequent(): Failure | undefined {
    return [...this.failures.values()].toSorted((a, b) => b.count - a.count)[0]?.first
  }
}

/** The number of columns before the text of a row. */
const labelled = 12

const row = (io: Io, label: string, text: string): string => `${paint(io.stdout, "dim", label.padEnd(labelled))}${text}`

/** Returns the report, which fits the width. */
const report = (results: Results, elapsed: number, stats: Stats, io: Io): string => {
  const width = Math.min(io.stdout.columns ?? 80, 100)
  const sorted = results.millis.toSorted((a, b) => a - b)
  const seconds = elapsed / 1000
  const lines = [
    row(
      io,
      "requests",
      `${results.done} in ${time(elapsed)}, ${(results.done / Math.max(seconds, 1e-9)).toFixed(0)}/s`
    ),
    row(io, "received", `${size(results.bytes)}, ${size(results.bytes / Math.max(seconds, 1e-9))}/s`),
    ...[...results.statuses].toSorted(([a], [b]) => a - b).map(([status, count]) =>
      row(io, "status", `${status}: ${count}`)
    ),
    ...[...results.failures].flatMap(([tag, { count, first }]) => [
      row(io, "failed", `${count} ${paint(io.stdout, "bad", tag)}, first:`),
      ...wrap(printable(first.message), width - labelled).map((line) => " ".repeat(labelled) + line)
    ])
  ]
  if (sorted.length > 0) {
    for (const [label, part] of [["least", 0], ["p50", 0.5], ["p90", 0.9], ["p99", 0.99], ["greatest", 1]] as const) {
      lines.push(row(io, label, time(percentile(sorted, part))))
    }
    lines.push("", ...histogram(sorted, io.stdout, width), "")
  }
  const { opened, requests, retried, reused } = stats
  lines.push(
    row(io, "connections", `${opened} opened, ${retried} requests sent again`),
    row(io, "reuse", `${reused} of ${requests} requests on a used connection`)
  )
  return `${lines.join("\n")}\n`
}

/** Sends the request as often as asked, and prints the report. Returns the exit code. */
export const load = <E>(
  pool: ConnectionPool,
  request: HttpRequest<E>,
  options: Options,
  io: Io
): Effect.Effect<number, Failure> =>
  Effect.gen(function*() {
    const { concurrency, fail, repeat } = options
    const results = new Results()
    const progress = makeProgress(io.stderr, () => performance.now())
    const startedAt = performance.now()
    const one = Effect.suspend(() => {
      const begun = performance.now()
      return pool.execute(request).pipe(
        Effect.flatMap((response) =>
          Effect.map(
            Stream.runForEach(response.stream, (piece) => Effect.sync(() => void (results.bytes += piece.length))),
            () => results.answered(response.status, performance.now() - begun)
          )
        ),
        Effect.catchAll((failure) => Effect.sync(() => results.fail(failure))),
        Effect.tap(() => {
          const rate = results.done / Math.max(1, performance.now() - startedAt) * 1000
          progress.update(results.done, repeat, `${results.done} of ${repeat}, ${rate.toFixed(0)}/s`)
        })
      )
    })
    const unprinted: Array<FileFailure> = []
    const finished = Effect.suspend(() => {
      const elapsed = performance.now() - startedAt
      progress.end()
      // The report is printed also if the run is interrupted.
      return Effect.flatMap(pool.stats, (stats) =>
        Effect.promise(() =>
          io.stdout.write(report(results, elapsed, stats, io)).catch((cause: unknown) =>
            void unprinted.push(fileFailure(23, "standard output")(cause))
          )
        ))
    })
    yield* Effect.ensuring(
      Effect.forEach(Array.from({ length: repeat }), () =>
        one, { concurrency, discard: true }),
      finished
    )
    if (unprinted[0] !== undefined) {
      return yield* Effect.fail(unprinted[0])
    }
    const { mostFrequent } = results
    if (mostFrequent !== undefined) {
      return codeOf(mostFrequent)
    }
    return fail && [...results.statuses.keys()].some((status) =>
        status >= 400
      )
      ? 22
      : 0
  })
