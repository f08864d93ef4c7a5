/**
 * A thousand seeds: requests of every kind under faults of every kind, in virtual time and without sockets.
 *
 * `EFFECT_HTTP_CLIENT_SEED` runs one of them: what fails says which.
 */
import { setImmediate } from "node:timers/promises"
import { describe, expect, it } from "vitest"
import { runSeed } from "./underFaults.ts"

const only = process.env["EFFECT_HTTP_CLIENT_SEED"]

const count = 1000
const blocks = 10

describe("under faults every request ends with its own answer or a typed error, and nothing is left", () => {
  const ends = { answered: 0, failed: 0, interrupted: 0 }
  const kinds = new Set<string>()

  const seeds = Array.from({ length: count }, (_, index) => index)
  const parts = only === undefined
    ? Array.from({ length: blocks }, (_, index) => seeds.slice(index * count / blocks, (index + 1) * count / blocks))
    : [[Number(only)]]
  it.each(parts.map((part) => [part[0], part.at(-1), part] as const))("seeds %d to %d", async (_, __, part) => {
    const failures: Array<string> = []
    for (const seed of part) {
      try {
        const verdict = await runSeed(seed)
        ends.answered += verdict.ends.answered
        ends.failed += verdict.ends.failed
        ends.interrupted += verdict.ends.interrupted
        for (const { kind } of verdict.injected) kinds.add(kind)
      } catch (error) {
        failures.push(String(error))
      }
      // Virtual time needs no event loop. Without one iteration of it the test runner, which waits
      // 60 seconds for what it asked of its main process, takes an answer that arrived for missing.
      await setImmediate()
    }
    expect(failures.length, failures.slice(0, 3).join("\n\n")).toBe(0)
  }, 120_000)

  it("the faults of a seed, as a list, give the same again", async () => {
    for (const seed of [13, 25, 2013]) {
      const drawn = await runSeed(seed)
      expect(drawn.injected.length).toBeGreaterThan(0)
      expect(await runSeed(seed)).toEqual(drawn)
      expect(await runSeed(seed, drawn.injected)).toEqual(drawn)
    }
  })

  it.runIf(only === undefined)("of each kind of fault and each way to end there was enough", () => {
    expect(kinds.size).toBe(10)
    expect(ends.answered + ends.failed + ends.interrupted).toBe(12 * count)
    expect(Math.min(ends.answered, ends.failed, ends.interrupted)).toBeGreaterThan(count / 2)
  })
})
