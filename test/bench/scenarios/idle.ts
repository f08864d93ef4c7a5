/** What it costs to keep unused connections open. */
import { agent, contender, pool, sockets, undici } from "../clients/idle.ts"
import type { Scenario } from "../scenario.ts"

const idle: Scenario = {
  name: "idle",
  title: "10,000 idle connections",
  about:
    "10,000 connections to one origin, after one small response each. The figure is what each additional connection keeps on the heap and in buffers, after garbage collection.",
  unit: { label: "bytes", better: "less", per: undefined },
  rounds: 3,
  fresh: true,
  contenders: [
    contender("ConnectionPool", "ours", pool),
    contender("undici Pool", "peer", undici),
    contender("node:http agent", "peer", agent),
    contender("bare sockets", "limit", sockets)
  ]
}

export const scenarios: ReadonlyArray<Scenario> = [idle]
