/** A small JSON: how much is done in a second where the body costs nothing. One at a time, as many as connections, and ten for each. */
import { contenders, everybody } from "../clients/contenders.ts"
import type { Load } from "../clients/load.ts"
import type { Scenario, Setting, Unit } from "../scenario.ts"
import { smallJson } from "../servers/addresses.ts"

/** What most scenarios measure. */
export const perSecond: Unit = { label: "requests/s", better: "more", per: "request" }

const asking = (path: string, loops: number, connections: number) => ({ addresses }: Setting): Load => ({
  urls: [addresses.plain + path],
  body: undefined,
  read: "text",
  length: smallJson.length,
  ca: undefined,
  loops,
  connections
})

const about = "GET of a JSON of 59 bytes with 9 header lines, read as text."

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "small-1",
    title: "Small JSON, one at a time",
    about: `${about} One connection, and the next request after the last response was read: this is latency.`,
    unit: perSecond,
    contenders: contenders(everybody, asking("/small", 1, 1))
  },
  {
    name: "small-50",
    title: "Small JSON, 50 at once",
    about: `${about} 50 at once on 50 connections.`,
    unit: perSecond,
    contenders: contenders(everybody, asking("/small", 50, 50))
  },
  {
    name: "small-500",
    title: "Small JSON, 500 at once",
    about: `${about} 500 at once on 50 connections, so nine of ten are queued. The bare sockets have no queue.`,
    unit: perSecond,
    // A connection on its own takes one request at a time, and has no queue.
    contenders: contenders(
      everybody.filter((name) => name !== "HttpConnection.execute"),
      asking("/small", 500, 50)
    )
  },
  {
    name: "fields",
    title: "40 header lines",
    about: "The same JSON with 40 header lines, read as text. 50 at once on 50 connections.",
    unit: perSecond,
    contenders: contenders(everybody, asking("/fields", 50, 50))
  }
]
