/** Many servers with little for each, as a gateway or a crawler has it: what finding the right connection costs. */
import { contenders } from "../clients/contenders.ts"
import type { Scenario } from "../scenario.ts"
import { smallJson } from "../servers/addresses.ts"
import { perSecond } from "./small.ts"

/** Each address of 127.0.0.0/8 is an origin of its own. */
const origin = (index: number, port: number): string => `http://127.1.${index >> 8}.${index & 255}:${port}`

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "origins",
    title: "1,000 origins",
    about:
      "GET of a JSON of 59 bytes from 1,000 origins in turn, read as text. 50 at once, with one connection to each origin, which stays open.",
    unit: perSecond,
    contenders: contenders(
      ["ConnectionPool.execute", "PooledHttpClient untraced", "undici request", "node:http", "fetch"],
      ({ addresses, smoke }) => ({
        urls: Array.from(
          { length: smoke ? 100 : 1000 },
          // From 1, because the address whose last three bytes are 0 is no host's on every system.
          (_, index) => `${origin(index + 1, addresses.manyPort)}/small`
        ),
        body: undefined,
        read: "text",
        length: smallJson.length,
        ca: undefined,
        loops: 50,
        connections: 1
      })
    )
  }
]
