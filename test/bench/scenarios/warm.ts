/** Whether the first request of a service is as fast as the tenth, if the pool is warm: the ratio should be 1.2 at most. */
import type { Nth } from "../clients/warm.ts"
import type { Contender, Scenario } from "../scenario.ts"

const request = (name: string, index: number, warm: Nth["warm"]): Contender => ({
  name,
  side: "ours",
  start: async ({ addresses }) => (await import("../clients/warm.ts")).nth(addresses.plain, { index, warm })
})

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "warm",
    title: "The first request of a warm pool",
    about:
      "The median time of the tenth and of the first GET of a JSON of 59 bytes through a pool that was just made with `warm`, of the first one "
      + "if `warm` has a `request` that gets the same JSON, and of the first one without `warm`. Each request of a pool comes after a pause of 3 ms.",
    unit: { label: "µs", better: "less", per: undefined },
    growth: true,
    contenders: [
      request("tenth request", 9, "open"),
      request("first request, with `request`", 0, "request"),
      request("first request", 0, "open"),
      request("first request, not warm", 0, "no")
    ]
  }
]
