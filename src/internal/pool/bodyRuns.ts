/**
 * The sources of bodies whose connection has closed. Their finalizers may run for longer than the
 * connection and the request.
 */
import type { Exchange } from "../connection/exchange.ts"
import type { BodyRun } from "../model/ports.ts"

export class BodyRuns {
  readonly #runs = new Set<BodyRun>()

  /** Those that have not ended. */
  get running(): Iterable<BodyRun> {
    return this.#runs
  }

  /** Keeps the source of an exchange until it has ended. */
  keep(exchange: Exchange | undefined): void {
    const run = exchange?.run
    if (run === undefined) return
    this.#runs.add(run)
    run.whenEnded(() => this.#runs.delete(run))
  }
}
