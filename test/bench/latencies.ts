/** The latencies of the requests of a run. */
import { quantileOfSorted } from "./statistics.ts"

/** Microseconds from the start of a request to the end of its response: half of the requests, and 99 of 100, took no longer. */
export interface Latency {
  readonly p50: number
  readonly p99: number
}

/** Adding one costs a store: the place for it is there, or is doubled, which only the run that warms up does. */
export class Latencies {
  #millis = new Float64Array(65_536)
  #count = 0

  clear(): void {
    this.#count = 0
  }

  add(millis: number): void {
    if (this.#count === this.#millis.length) {
      const more = new Float64Array(this.#millis.length * 2)
      more.set(this.#millis)
      this.#millis = more
    }
    this.#millis[this.#count++] = millis
  }

  summary(): Latency | undefined {
    if (this.#count === 0) return undefined
    const sorted = this.#millis.slice(0, this.#count).sort()
    return { p50: quantileOfSorted(sorted, 0.5) * 1000, p99: quantileOfSorted(sorted, 0.99) * 1000 }
  }
}
