/** Our client alone at growing sizes: whether its cost grows in line with what is asked of it. */
import { sizes } from "../clients/contenders.ts"
import type { Scenario, Unit } from "../scenario.ts"
import { smallJson } from "../servers/addresses.ts"

const unit: Unit = { label: "µs", better: "less", per: "request" }

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "growth-concurrency",
    title: "Cost as concurrency grows",
    about:
      "Processor time for each GET of a JSON of 59 bytes by that many at once, over at most 50 connections. Linear means that it stays the same, so that the total grows only with the number.",
    unit,
    growth: true,
    contenders: sizes("ConnectionPool.execute", ["1", "5", "50", "500", "5000"], ({ addresses }, size) => ({
      urls: [`${addresses.plain}/small`],
      body: undefined,
      read: "text",
      length: smallJson.length,
      ca: undefined,
      loops: Number(size),
      connections: Math.min(Number(size), 50)
    }), "processor")
  },
  {
    name: "growth-body",
    title: "Cost as bodies grow",
    about:
      "Time for each GET of a body of that size, read as bytes, by 8 at once on 8 connections. The smallest body shows the cost of the request itself. Beyond that, linear means that four times the size takes at most four times the time.",
    unit,
    growth: true,
    contenders: sizes(
      "ConnectionPool.execute",
      ["1 KiB", "4 KiB", "16 KiB", "64 KiB", "256 KiB", "1024 KiB"],
      ({ addresses }, size) => {
        const kibibytes = Number.parseInt(size, 10)
        return {
          urls: [`${addresses.plain}/size/${kibibytes}`],
          body: undefined,
          read: "bytes",
          length: kibibytes * 1024,
          ca: undefined,
          loops: 8,
          connections: 8
        }
      },
      "time"
    )
  }
]
