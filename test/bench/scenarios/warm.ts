/** Whether the first request of a service is as fast as the tenth, if the pool is warm: it should take 1.2 times as long at most. */
import type { Before } from "../clients/warm.ts"
import type { Contender, Scenario } from "../scenario.ts"

const clients = () => import("../clients/warm.ts")

const pool = (name: string, before: Before): Contender => ({
  name,
  side: "ours",
  start: async ({ addresses }) => (await clients()).pools(addresses.plain, before)
})

const socket = (name: string, before: Before): Contender => ({
  name,
  side: "limit",
  start: async ({ addresses }) => (await clients()).sockets(addresses.plain, before)
})

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "warm",
    title: "The first request of a warm pool",
    about:
      "How many times as long as its tenth GET of a JSON of 59 bytes the first GET of a new pool takes: with a `warm` whose `request` gets the "
      + "same JSON, with a `warm` without a `request`, and without `warm`. The same for bare sockets that are open, and were used once or not. "
      + "Each request comes after a pause of 3 ms. A run makes many pools, and compares the medians of the two requests.",
    unit: { label: "times the tenth", better: "less", per: undefined },
    rounds: 17,
    millis: 2000,
    contenders: [
      pool("`warm` with `request`", "request"),
      pool("`warm`", "open"),
      pool("not warm", "nothing"),
      socket("bare socket, used once", "request"),
      socket("bare socket, unused", "open")
    ]
  }
]
