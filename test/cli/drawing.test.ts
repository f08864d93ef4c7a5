/** What the command line draws: bars of phases, histograms, numbers, texts that cannot control a terminal. */
import { describe, expect, it } from "vitest"
import { histogram, percentile } from "../../src/cli/histogram.ts"
import { makeProgress } from "../../src/cli/progress.ts"
import { bar, printable, size, time, wrap } from "../../src/cli/text.ts"
import { waterfall } from "../../src/cli/waterfall.ts"
import type { Timings } from "../../src/HttpError.ts"
import { coloured, plain } from "./kit.ts"

const none: Timings = {
  dns: undefined,
  connect: undefined,
  tls: undefined,
  proxy: undefined,
  send: undefined,
  wait: undefined,
  body: undefined,
  total: undefined
}
const timings: Timings = { ...none, dns: 10, connect: 20, tls: 30, send: 0, wait: 30, body: 10, total: 100 }

describe("a waterfall", () => {
  it("has a bar for each phase that happened, where it began and as long as it took", () => {
    expect(waterfall(timings, plain, 69)).toEqual([
      "dns         10 ms █████",
      "connect     20 ms      ██████████",
      "tls         30 ms                ███████████████",
      "send      0.00 ms",
      "wait        30 ms                               ███████████████",
      "body        10 ms                                              █████",
      "total      100 ms"
    ])
  })

  it("begins behind the time that no phase accounts for", () => {
    expect(waterfall({ ...none, wait: 50, total: 100 }, plain, 29)).toEqual([
      "wait        50 ms      █████",
      "total      100 ms"
    ])
  })

  it.each([20, 24, 29, 40, 80, 200])("fits %i columns", (width) => {
    for (const line of waterfall({ ...timings, proxy: 0.001, total: 0.002 }, plain, width)) {
      expect(line.length).toBeLessThanOrEqual(width)
    }
  })

  it("has no bars where there is no room for them, and none without time", () => {
    expect(waterfall(timings, plain, 25)[0]).toBe("dns         10 ms")
    expect(waterfall(none, plain, 80)).toEqual(["total     0.00 ms"])
  })

  it("shows colours only where the output does", () => {
    expect(waterfall(timings, coloured, 69)[0]).toBe("dns         10 ms \x1b[36m█████\x1b[0m")
  })
})

describe("a histogram", () => {
  it("has steps of 1, 2 and 5, with all values in them", () => {
    expect(histogram([1.5, 1.8, 4, 4.5, 5, 30], plain, 40)).toEqual([
      `<= 2.00 ms 2 ${bar(52 / 3)}`,
      `<= 5.00 ms 3 ${bar(26)}`,
      "<=   10 ms 0",
      "<=   20 ms 0",
      `<=   50 ms 1 ${bar(26 / 3)}`
    ])
  })

  it("is empty without values, and has one step for one value", () => {
    expect(histogram([], plain, 80)).toEqual([])
    expect(histogram([3], plain, 20)).toEqual(["<= 5.00 ms 1 ██████"])
    expect(histogram([0], plain, 20).length).toBe(1)
  })

  it("gives every value to a step, whatever the values", () => {
    const values = Array.from({ length: 500 }, (_, index) => 0.002 * 1.05 ** index).toSorted((a, b) => a - b)
    const lines = histogram(values, plain, 80)
    const counts = lines.map((line) =>
      Number(/ms +(\d+)|s +(\d+)/.exec(line)?.slice(1).find((part) => part !== undefined))
    )
    expect(lines.length).toBeLessThanOrEqual(12)
    expect(counts.reduce((a, b) => a + b, 0)).toBe(500)
  })
})

describe("a percentile", () => {
  it.each([[0, 1], [0.5, 5], [0.9, 9], [0.99, 10], [1, 10]])("of %d of 1 to 10 is %d", (part, expected) => {
    expect(percentile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], part)).toBe(expected)
  })
  it("of nothing is no number", () => expect(percentile([], 0.5)).toBeNaN())
})

describe("numbers", () => {
  it.each([[0, "0 B"], [9999, "9999 B"], [10_000, "10.0 kB"], [2_500_000, "2.5 MB"], [3e9, "3.00 GB"]])(
    "%d bytes are %s",
    (bytes, text) => expect(size(bytes)).toBe(text)
  )
  it.each([[0, "0.00 ms"], [9.994, "9.99 ms"], [10, "10 ms"], [999, "999 ms"], [1500, "1.50 s"]])(
    "%d milliseconds are %s",
    (millis, text) => expect(time(millis)).toBe(text)
  )
  it.each([[0, ""], [-1, ""], [0.01, "▏"], [1, "█"], [2.5, "██▌"]])("a bar of %d is %s", (length, text) => {
    expect(bar(length)).toBe(text)
  })
})

describe("text of a server", () => {
  it("cannot control a terminal", () => {
    expect(printable("a\x1b[2J\r\n\u202eb\u{1f600}")).toBe("a\\u{1b}[2J\\u{d}\\u{a}\\u{202e}b\u{1f600}")
  })
  it("is wrapped at words, and longer words are kept", () => {
    expect(wrap("aa bb ccccccc d", 5)).toEqual(["aa bb", "ccccccc", "d"])
  })
})

describe("progress", () => {
  const drawn = (
    columns: number | undefined,
    work: (progress: ReturnType<typeof makeProgress>, at: (time: number) => void) => void
  ) => {
    const lines: Array<string> = []
    let now = 0
    const output = {
      columns,
      colours: false,
      write: (text: Uint8Array | string) => (lines.push(String(text)), Promise.resolve())
    }
    work(makeProgress(output, () => now), (time) => (now = time))
    return lines
  }

  it("is one line that is drawn again at most ten times a second, and cleared", () => {
    expect(drawn(40, (progress, at) => {
      progress.update(1, 4, "1 B")
      progress.update(2, 4, "2 B")
      at(100)
      progress.update(2, 4, "2 B")
      progress.end()
    })).toEqual([
      `\r 25 % ${bar(7)}${" ".repeat(21)} 1 B\x1b[K`,
      `\r 50 % ${bar(14)}${" ".repeat(14)} 2 B\x1b[K`,
      "\r\x1b[K"
    ])
  })

  it("has no bar without a total, or without room", () => {
    expect(drawn(80, (progress) => progress.update(5, undefined, "5 B"))).toEqual(["\r5 B\x1b[K"])
    expect(drawn(20, (progress) => progress.update(5, 10, "5 of 10 B"))).toEqual(["\r 50 % 5 of 10 B\x1b[K"])
  })

  it("is nothing without a terminal", () => {
    expect(drawn(undefined, (progress) => (progress.update(1, 2, "x"), progress.end()))).toEqual([])
  })
})
