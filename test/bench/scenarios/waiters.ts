/**
 * Whether a long queue costs more than a short one: the time for each request with 10,000 who ask at once should be that with 100. Our pool
 * takes 65,536 waiters and lets each wait for 30 seconds unless told, which is more than a run takes.
 */
import type { Name } from "../clients/contenders.ts"
import { contenders } from "../clients/contenders.ts"
import type { Scenario, Unit } from "../scenario.ts"
import { smallJson } from "../servers/addresses.ts"

const unit: Unit = { label: "µs", better: "less", per: "request" }

/** Those that have a queue of their own. */
const names: ReadonlyArray<Name> = [
  "ConnectionPool.execute",
  "PooledHttpClient untraced",
  "undici Pool.request",
  "undici request",
  "node:http"
]

const scenario = (waiters: number, inSmoke: number): Scenario => {
  const count = waiters.toLocaleString("en")
  return {
    name: `waiters-${waiters}`,
    title: `${count} waiters`,
    about:
      `GET of a JSON of 59 bytes by ${count} at once over 10 connections: the time of the run divided by the requests done in it.`,
    unit,
    contenders: contenders(names, ({ addresses, smoke }) => ({
      urls: [`${addresses.plain}/small`],
      body: undefined,
      read: "text",
      length: smallJson.length,
      ca: undefined,
      loops: smoke ? inSmoke : waiters,
      connections: 10
    }), "time")
  }
}

export const scenarios: ReadonlyArray<Scenario> = [scenario(100, 100), scenario(10_000, 1000)]
