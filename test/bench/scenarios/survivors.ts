/** Whether what a request leaves behind is collected while it is young. */
import { contenders } from "../clients/contenders.ts"
import type { Scenario } from "../scenario.ts"
import { smallJson } from "../servers/addresses.ts"

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "survivors",
    title: "What survives a request",
    about:
      "GET of a JSON of 59 bytes, 50 at once on 50 connections: the bytes of each request that survive the collections of young objects and become old, so that only a full collection frees them. The best is none.",
    unit: { label: "bytes", better: "less", per: undefined },
    contenders: contenders(
      [
        "ConnectionPool.execute",
        "PooledHttpClient untraced",
        "PooledHttpClient traced",
        "undici Pool.request",
        "undici request",
        "platform undici traced"
      ],
      ({ addresses }) => ({
        urls: [`${addresses.plain}/small`],
        body: undefined,
        read: "text",
        length: smallJson.length,
        ca: undefined,
        loops: 50,
        connections: 50
      }),
      "promoted"
    )
  }
]
